"""Who may do what: permissions, roles, and the marks every view carries.

A view carries exactly one of `@public`, `@workers_only` or `@requires(Permission.…)`; a test refuses a route
without. Scope (which part of the union tree) is a second question and is answered by `unions.tree.queries.within`.
This file knows actors only by protocol; rooms register how theirs are loaded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from flask import abort, g, redirect, request, url_for
from flask_login import current_user

from portal.types import N_, Word


class Permission(Word):
    """One thing that a role may open; the views say which they need."""

    SERVE = "serve", N_("Serve at the desk")
    KEEP_STATIONS = "keep_stations", N_("Keep the register of stations")
    VIEW_UNIONS = "view_unions", N_("See the union tree")
    EDIT_UNIONS = "edit_unions", N_("Change the union tree")
    VIEW_APPLICATIONS = "view_applications", N_("See applications to join")
    DECIDE_APPLICATIONS = "decide_applications", N_("Decide on applications to join")
    VIEW_MEMBERS = "view_members", N_("See members")
    REVEAL = "reveal", N_("Uncover a phone or ID number, with a reason")
    EXPORT_PEOPLE = "export_people", N_("Export lists of people")
    MANAGE_STAFF = "manage_staff", N_("Manage staff accounts and appointments")
    VIEW_AUDIT = "view_audit", N_("Read the audit trail")
    STAFF_HOME = "staff_home", N_("Open the staff pages")
    COUNT_VISITS = "count_visits", N_("Count at a host's counter")
    PAIR_DEVICES = "pair_devices", N_("Pair a tablet with its station")
    MERGE_WORKERS = "merge_workers", N_("Put records of one person together")
    VIEW_BUDGETS = "view_budgets", N_("See budgets and money")
    EDIT_BUDGETS = "edit_budgets", N_("Draft budgets and book money")
    APPROVE_BUDGETS = "approve_budgets", N_("Approve budgets")
    REVIEW_BUDGETS = "review_budgets", N_("Review budgets for the audit committee")
    VIEW_PROGRAMMES = "view_programmes", N_("See programmes and their sessions")
    PLAN_PROGRAMMES = "plan_programmes", N_("Plan programmes, rules and sessions")
    APPROVE_PROGRAMMES = "approve_programmes", N_("Approve programmes and their rules")
    MANAGE_BOOKINGS = "manage_bookings", N_("Book for others and keep session lists")
    BUY_SUPPLIES = "buy_supplies", N_("Enter purchases of goods")
    VIEW_DELIVERIES = "view_deliveries", N_("See who received what")
    CHECK_DELIVERIES = "check_deliveries", N_("Check deliveries afterwards")


class Role(Word):
    """What an appointment is for. The names are those of the demo accounts."""

    OPERATOR = "operator", N_("Station operator")
    KEEPER = "keeper", N_("Station keeper")
    HOST = "host", N_("Host staff")
    OFFICER = "officer", N_("Union officer")
    FINANCE = "finance", N_("Finance officer")
    APPROVER = "approver", N_("Approver")
    AUDITOR = "auditor", N_("Auditor")
    ADMINISTRATOR = "administrator", N_("Administrator")


P = Permission
ROLES: dict[Role, frozenset[Permission]] = {
    Role.OPERATOR: frozenset({P.STAFF_HOME, P.SERVE}),
    Role.KEEPER: frozenset(
        {
            P.STAFF_HOME,
            P.SERVE,
            P.KEEP_STATIONS,
            P.PAIR_DEVICES,
            P.MERGE_WORKERS,
            P.VIEW_PROGRAMMES,
            P.MANAGE_BOOKINGS,
            P.BUY_SUPPLIES,
            P.VIEW_DELIVERIES,
        }
    ),
    # A host's staff (bank, shop) have a counter of their own that knows no names.
    Role.HOST: frozenset({P.STAFF_HOME, P.COUNT_VISITS}),
    Role.OFFICER: frozenset(
        {
            P.STAFF_HOME,
            P.VIEW_UNIONS,
            P.VIEW_APPLICATIONS,
            P.DECIDE_APPLICATIONS,
            P.VIEW_MEMBERS,
            P.REVEAL,
            P.EXPORT_PEOPLE,
            P.KEEP_STATIONS,
            P.MERGE_WORKERS,
            P.VIEW_BUDGETS,
            P.VIEW_PROGRAMMES,
            P.PLAN_PROGRAMMES,
            P.MANAGE_BOOKINGS,
            P.VIEW_DELIVERIES,
            P.CHECK_DELIVERIES,
        }
    ),
    Role.FINANCE: frozenset(
        {P.STAFF_HOME, P.VIEW_UNIONS, P.VIEW_BUDGETS, P.EDIT_BUDGETS, P.VIEW_PROGRAMMES, P.BUY_SUPPLIES, P.VIEW_DELIVERIES}
    ),
    Role.APPROVER: frozenset(
        {
            P.STAFF_HOME,
            P.VIEW_UNIONS,
            P.VIEW_APPLICATIONS,
            P.VIEW_MEMBERS,
            P.VIEW_BUDGETS,
            P.APPROVE_BUDGETS,
            P.VIEW_PROGRAMMES,
            P.APPROVE_PROGRAMMES,
            P.VIEW_DELIVERIES,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            P.STAFF_HOME,
            P.VIEW_UNIONS,
            P.VIEW_AUDIT,
            P.VIEW_BUDGETS,
            P.REVIEW_BUDGETS,
            P.VIEW_PROGRAMMES,
            P.VIEW_DELIVERIES,
            P.CHECK_DELIVERIES,
        }
    ),
    # System administration sees structure and accounts, no people and no audit: the three are kept apart.
    Role.ADMINISTRATOR: frozenset({P.STAFF_HOME, P.VIEW_UNIONS, P.EDIT_UNIONS, P.MANAGE_STAFF}),
}


@dataclass(frozen=True)
class By:
    """Who does it, as written down: kind is staff, worker, visitor, device or system; system and visitor have no id."""

    kind: str
    id: UUID | None = None


SYSTEM = By("system")
VISITOR = By("visitor")


class Actor(Protocol):
    """Whoever is signed in. Flask-Login asks for the first five."""

    is_authenticated: bool
    is_active: bool
    is_anonymous: bool
    kind: str
    id: UUID
    name: str
    session_id: UUID

    def get_id(self) -> str: ...

    def may(self, permission: Permission) -> bool: ...

    def unions(self, permission: Permission) -> tuple[UUID, ...]:
        """The unions of the appointments that give this permission; their subtrees are the scope."""
        ...


@dataclass(frozen=True)
class Signed:
    """What all actors share; rooms build on it."""

    id: UUID
    name: str
    session_id: UUID
    kind: str = field(default="", init=False)
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return f"{self.kind}:{self.id}"

    def may(self, permission: Permission) -> bool:
        return False

    def unions(self, permission: Permission) -> tuple[UUID, ...]:
        return ()

    @property
    def by(self) -> By:
        return By(self.kind, self.id)


def actor() -> Any:
    """Who is signed in, or None."""
    who = current_user._get_current_object()  # the proxy would look itself up again at every attribute
    return who if who.is_authenticated else None


def by() -> By:
    """Who does what this request asks, for a command's `by=`."""
    who = actor()
    return By(who.kind, who.id) if who else VISITOR


# When a permission is refused, somebody should be able to see that it was tried; `create_app` fills this in.
on_refusal: list[Callable[[Permission], None]] = []


def public(view: Callable) -> Callable:
    """Open to anyone, signed in or not."""
    view.access = "public"
    return view


def workers_only(view: Callable) -> Callable:
    """For a signed-in worker; others are sent to the workers' sign-in."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not (who := actor()) or who.kind != "worker":
            return redirect(url_for("workers.sign_in", next=request.full_path if request.method == "GET" else None))
        g.permission = None
        return view(*args, **kwargs)

    wrapper.access = "worker"
    return wrapper


def requires(permission: Permission) -> Callable[[Callable], Callable]:
    """For staff whose appointments give this permission somewhere. Unsigned: to sign-in; signed without it: 403."""

    def decorate(view: Callable) -> Callable:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            who = actor()
            if not who or who.kind != "staff":
                target = request.full_path.rstrip("?") if request.method == "GET" else None
                return redirect(url_for("staff.sign_in", next=target))
            if not who.may(permission):
                for tell in on_refusal:
                    tell(permission)
                abort(403)
            g.permission = permission
            return view(*args, **kwargs)

        wrapper.access = permission
        return wrapper

    return decorate
