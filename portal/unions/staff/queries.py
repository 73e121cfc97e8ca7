"""Reads about staff: the actor behind a session, accounts and appointments within scope."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import ROLES, Actor, Permission, Role, Signed
from portal.crypto import token_digest
from portal.db import db, one_statement
from portal.paging import Slice, keyset
from portal.types import N_, Text, text
from portal.unions.staff.models import Account, Appointment
from portal.unions.tree.models import Union
from portal.unions.tree.queries import Standing, within


@dataclass(frozen=True)
class StaffActor(Signed):
    """A signed-in member of staff with today's appointments."""

    appointments: tuple[tuple[Role, UUID, str], ...] = ()  # role, union id, union name
    device_station: str | None = None  # the station's code, on a tablet that is paired with it
    kind: str = field(default="staff", init=False)

    def may(self, permission: Permission) -> bool:
        """Whether any appointment of today gives the permission."""
        return any(permission in ROLES[role] for role, _, _ in self.appointments)

    def unions(self, permission: Permission) -> tuple[UUID, ...]:
        """The unions whose subtree the permission reaches."""
        return tuple(dict.fromkeys(union for role, union, _ in self.appointments if permission in ROLES[role]))

    @property
    def acting(self) -> str:
        """In whose name: the unions of today's appointments."""
        return "、".join(dict.fromkeys(name for _, _, name in self.appointments))

    @property
    def roles(self) -> tuple[Role, ...]:
        """Today's roles, each once."""
        return tuple(dict.fromkeys(role for role, _, _ in self.appointments))


_find = sa.text(
    """
    SELECT s.id AS session_id, s.seen_at, a.id, a.name, p.role, p.union_id, u.name AS union_name
    FROM sessions s
    JOIN accounts a ON a.id = s.actor_id AND a.closed_at IS NULL
    LEFT JOIN appointments p ON p.account_id = a.id AND p.starts_on <= :today
      AND (p.ends_on IS NULL OR p.ends_on >= :today) AND p.ended_at IS NULL
    LEFT JOIN unions u ON u.id = p.union_id
    WHERE s.token_digest = :digest AND s.actor_kind = 'staff' AND s.revoked_at IS NULL
      AND s.expires_at > :now AND s.seen_at > :idle_since
    ORDER BY p.starts_on, p.id
    """
)


def find_session(values: dict[str, Any]) -> tuple[StaffActor, datetime] | None:
    """The staff member behind a session and when it was last seen, or None if it is over; one read."""
    rows = one_statement(_find, values | {"today": clock.business_day(values["now"])})
    if not rows:
        return None
    first = rows[0]
    held = tuple((Role(row.role), row.union_id, row.union_name) for row in rows if row.role)
    return StaffActor(first.id, first.name, first.session_id, appointments=held), first.seen_at


def find_host_session(values: dict[str, Any]) -> tuple[StaffActor, datetime] | None:
    """As `find_session`, for the longer session of a host's phone: it carries that one role, whatever else is held."""
    found = find_session(values)
    if not found:
        return None
    held = tuple(one for one in found[0].appointments if one[0] is Role.HOST)
    return replace(found[0], appointments=held), found[1]


# What awaits somebody on the staff home: each room registers a function that answers (what, address or endpoint, how many), or
# None if it is not theirs to see. A count of 0 is not shown.
awaiting: list[Callable[[StaffActor], tuple[Text, str, int] | None]] = []


# Figures for the staff home, by the same way: (what, how many), already within the person's part of the tree.
figures: list[Callable[[StaffActor], list[tuple[Text, int]]]] = []


def list_figures(actor: StaffActor) -> list[tuple[Text, int]]:
    """The figures of the last seven days, from every room that registered."""
    return [figure for look in figures for figure in look(actor)]


def list_awaiting(actor: StaffActor) -> list[tuple[Text, str, int]]:
    """What awaits this person, from every room that registered."""
    return [answer for look in awaiting if (answer := look(actor)) and answer[2]]


# --- accounts ------------------------------------------------------------------------------------------------------


def find_account_by_name(sign_in_name: str) -> Account | None:
    """The account somebody signs in to, or None."""
    return db.session.scalars(sa.select(Account).where(Account.sign_in_name == sign_in_name.strip().lower())).one_or_none()


def find_account(ident: UUID) -> Account | None:
    """An open account by id, without scope: for the second step of signing in and for one's own pages."""
    return db.session.scalars(sa.select(Account).where(Account.id == ident, Account.closed_at.is_(None))).one_or_none()


def get_invited(token: str, *, lock: bool = False) -> Account:
    """The account behind an invitation that still holds; raises NoResultFound for any other token."""
    found = sa.select(Account).where(
        Account.invitation_digest == token_digest(token),
        Account.invited_until > clock.now(),
        Account.closed_at.is_(None),
    )
    return db.session.scalars(found.with_for_update() if lock else found).one()


def _current() -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions under which an appointment holds today."""
    today = clock.today()
    return (
        Appointment.starts_on <= today,
        (Appointment.ends_on >= today) | Appointment.ends_on.is_(None),
        Appointment.ended_at.is_(None),
    )


def _visible(actor: Actor) -> sa.ColumnElement[bool]:
    """Accounts with an appointment, past or present, in the administrator's part of the tree."""
    return sa.exists().where(Appointment.account_id == Account.id, within(Appointment.union_id, actor, Permission.MANAGE_STAFF))


def get_account(ident: UUID, actor: Actor) -> Account:
    """An account within the administrator's scope; raises NoResultFound (404) outside."""
    return db.session.scalars(sa.select(Account).where(Account.id == ident, _visible(actor))).one()


@dataclass(frozen=True)
class Listed:
    """An account in the list, with today's roles within scope: (role, union's name)."""

    account: Account
    roles: tuple[tuple[Role, str], ...]


def list_accounts(actor: Actor, q: str | None = None, *, before: str | None = None, after: str | None = None) -> Slice:
    """Accounts within scope by part of the name or sign-in name, by sign-in name, a page at a time (of Listed)."""
    found = sa.select(Account).where(_visible(actor))
    if q:
        found = found.where(Account.name.icontains(q, autoescape=True) | Account.sign_in_name.icontains(q, autoescape=True))
    rows = keyset(found, (Account.sign_in_name,), lambda account: (account.sign_in_name,), before=before, after=after)
    roles: dict[UUID, list[tuple[Role, str]]] = {}
    for one, name in db.session.execute(
        sa.select(Appointment, Union.name)
        .join(Union, Union.id == Appointment.union_id)
        .where(
            Appointment.account_id.in_([account.id for account in rows]),
            within(Appointment.union_id, actor, Permission.MANAGE_STAFF),
            *_current(),
        )
        .order_by(Appointment.starts_on, Appointment.id)
    ):
        roles.setdefault(one.account_id, []).append((one.role, name))
    return Slice([Listed(account, tuple(roles.get(account.id, ()))) for account in rows], rows.before, rows.after)


# --- appointments --------------------------------------------------------------------------------------------------


def list_held(account: Account) -> list[Appointment]:
    """Appointments that were not withdrawn and are not over, without scope: for the rules."""
    return list(
        db.session.scalars(
            sa.select(Appointment)
            .where(
                Appointment.account_id == account.id,
                Appointment.ended_at.is_(None),
                (Appointment.ends_on >= clock.today()) | Appointment.ends_on.is_(None),
            )
            .order_by(Appointment.starts_on, Appointment.id)
        )
    )


def list_appointments(account: Account, actor: Actor) -> list[sa.Row]:
    """(appointment, union) of an account within the administrator's scope, newest first."""
    return list(
        db.session.execute(
            sa.select(Appointment, Union)
            .join(Union, Union.id == Appointment.union_id)
            .where(
                Appointment.account_id == account.id,
                within(Appointment.union_id, actor, Permission.MANAGE_STAFF),
            )
            .order_by(Appointment.starts_on.desc(), Appointment.id.desc())
        )
    )


def get_appointment(ident: UUID, account: Account, actor: Actor) -> Appointment:
    """An appointment of an account within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(Appointment).where(
            Appointment.id == ident,
            Appointment.account_id == account.id,
            within(Appointment.union_id, actor, Permission.MANAGE_STAFF),
        )
    ).one()


def is_elsewhere(account: Account, actor: Actor) -> bool:
    """Whether the account holds, or will hold, a role outside the administrator's part of the tree."""
    held = sa.exists().where(
        Appointment.account_id == account.id,
        Appointment.ended_at.is_(None),
        (Appointment.ends_on >= clock.today()) | Appointment.ends_on.is_(None),
        ~within(Appointment.union_id, actor, Permission.MANAGE_STAFF),
    )
    return bool(db.session.scalar(sa.select(held)))


def find_home_union_id(account: Account) -> UUID | None:
    """The union under which the trail files what an account does to itself: that of its oldest present role."""
    return db.session.scalar(
        sa.select(Appointment.union_id)
        .where(Appointment.account_id == account.id, *_current())
        .order_by(Appointment.starts_on, Appointment.id)
        .limit(1)
    )


def count_roles(account: Account) -> int:
    """How many roles an account holds today."""
    return db.session.scalar(
        sa.select(sa.func.count()).select_from(Appointment).where(Appointment.account_id == account.id, *_current())
    )


def standing_staff(union: Union) -> Standing:
    """For a union's page: the people who hold a role there today or later."""
    people = db.session.scalar(
        sa.select(sa.func.count(Appointment.account_id.distinct())).where(
            Appointment.union_id == union.id,
            Appointment.ended_at.is_(None),
            (Appointment.ends_on >= clock.today()) | Appointment.ends_on.is_(None),
        )
    )
    return Standing(text(N_("Staff")), people)


def names_of_staff(ids: set[UUID]) -> dict[UUID, str]:
    """Names by account id, without scope: who did something is part of what was done."""
    if not ids:
        return {}
    rows = db.session.execute(sa.select(Account.id, Account.name).where(Account.id.in_(ids)))
    return {row.id: row.name for row in rows}


# --- the demonstration ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DemoAccount:
    """A staff account of the demonstration, whose password is no secret."""

    role: str
    name: str
    password: str
    totp_secret: str


def list_demo_accounts(path: Path) -> list[DemoAccount]:
    """The staff accounts in the demonstration's file; none while it is missing or half written."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [
            DemoAccount(row["role"], row["name"], row["password"], row["totp_secret"]) for row in rows if row.get("totp_secret")
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
