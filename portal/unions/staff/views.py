"""HTTP of staff: signing in and out, the staff home, one's password, invitations, accounts and appointments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import segno
from flask import Blueprint, Response, current_app, redirect, request, session, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from pyotp import TOTP

from portal import access, clock, sessions, throttle
from portal.access import Permission, public, requires
from portal.crypto import token_digest
from portal.forms import Form
from portal.i18n import number
from portal.types import N_, Problem, Refused, text, tidy
from portal.unions.staff import commands, forms, queries, rules
from portal.unions.staff.models import Account
from portal.unions.tree import queries as tree
from portal.web import client_address, done, error_page, invalid, page, pager, safe_next, unkeyed, writes

bp = Blueprint("staff", __name__)

SECOND_STEP_FOR = timedelta(minutes=5)
NOT_AS_KEY = "a digest of the password must not lie in the table of keys, and a second time changes nothing"


def tell_refusal(permission: Permission) -> None:
    """For `access.on_refusal`: somebody signed in asked for what their roles do not open."""
    who = access.actor()
    if who and who.kind == "staff":
        union_id = who.appointments[0][1] if who.appointments else None
        commands.note_refusal(permission=permission, union_id=union_id, by=who.by)


# --- signing in ----------------------------------------------------------------------------------------------------


def _too_often(wait: timedelta) -> Response:
    minutes = max(1, math.ceil(wait.total_seconds() / 60))
    why = _("There were too many failed attempts with this name from here.")
    now = _("Try again in %(minutes)s minutes. Nobody else is held up by this.", minutes=minutes)
    response = error_page(429, why, next_step=now)
    response.headers["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


def _demo_accounts() -> list[queries.DemoAccount]:
    settings = current_app.config["SETTINGS"]
    return queries.list_demo_accounts(settings.instance / "demo-accounts.json") if settings.demo else []


def _sign_in_page(form: Form, draw: Any = page) -> Response:
    demo = _demo_accounts()
    codes = {one.name: rules.demo_code(one.totp_secret, clock.now().timestamp(), 0) for one in demo}
    chosen = next((one for one in demo if one.name == request.args.get("as")), None)
    return draw(
        "unions/staff/sign_in.html", form=form, next=request.values.get("next"), demo_accounts=demo, codes=codes,
        chosen=chosen, roles={role.value: role for role in access.Role},
    )  # fmt: skip


def _first_address(roles: Iterable[access.Role]) -> str:
    return url_for("desk.index" if rules.only_serves(roles) else "host.index" if rules.only_counts(roles) else "staff.home")


@bp.get("/staff/sign-in")
@public
def sign_in() -> Response:
    """Name and password; whoever is signed in already goes on."""
    who = access.actor()
    if who and who.kind == "staff" and who.may(Permission.STAFF_HOME):
        return redirect(safe_next(request.args.get("next"), _first_address(who.roles)))
    return _sign_in_page(forms.SignInForm())


@bp.post("/staff/sign-in")
@public
@unkeyed(NOT_AS_KEY)
def check_password() -> Response:
    """The first step: with the right password on to the code; otherwise the same words for every reason."""
    form = forms.SignInForm()
    if not form.validate():
        return _sign_in_page(form, invalid)
    name = form.sign_in_name.data.lower()
    if wait := throttle.wait("staff-password", name, client_address()):
        return _too_often(wait)
    account = commands.check_password(sign_in_name=name, password=form.password.data, by=access.by())
    throttle.write_down("staff-password", name, client_address(), failed=account is None)
    if account is None:
        form.take([Problem("no_match", text(N_("Name and password do not match. Check both and try again.")))])
        return _sign_in_page(form, invalid)
    session["second_step"] = {
        "account": str(account.id),
        "until": (clock.now() + SECOND_STEP_FOR).isoformat(),
        "proof": token_digest(account.password_hash).hex(),
        "next": safe_next(request.form.get("next"), ""),
    }
    return redirect(url_for("staff.code"), 303)


def _halfway() -> Account | None:
    """Whose password was right, within the last five minutes and still is."""
    held = session.get("second_step")
    if not held or datetime.fromisoformat(held["until"]) < clock.now():
        return None
    account = queries.find_account(UUID(held["account"]))
    whole = account and account.password_hash and token_digest(account.password_hash).hex() == held["proof"]
    return account if whole else None


def _code_page(form: Form, account: Account, draw: Any = page) -> Response:
    demo = next((one for one in _demo_accounts() if one.name == account.sign_in_name), None)
    code = rules.demo_code(demo.totp_secret, clock.now().timestamp(), account.totp_last_step) if demo else None
    return draw("unions/staff/code.html", form=form, demo_code=code)


@bp.get("/staff/sign-in/code")
@public
def code() -> Response:
    """The second step, for whoever has the first one behind them."""
    account = _halfway()
    return _code_page(forms.CodeForm(), account) if account else redirect(url_for("staff.sign_in"))


@bp.post("/staff/sign-in/code")
@public
@unkeyed("a code works once, so a second tap opens nothing more")
def check_code() -> Response:
    """With the right code a fresh session begins."""
    account, form = _halfway(), forms.CodeForm()
    if account is None:
        return done(url_for("staff.sign_in"), text(N_("That took longer than five minutes; sign in again.")), "warning")
    if not form.validate():
        return _code_page(form, account, invalid)
    if wait := throttle.wait("staff-code", str(account.id), client_address()):
        return _too_often(wait)
    taken = commands.use_code(account=account, code=form.code.data, by=access.by())
    throttle.write_down("staff-code", str(account.id), client_address(), failed=not taken)
    if not taken:
        says = text(N_("This code does not match or was used already. Wait for the next one and type that."))
        form.take([Problem("code", says, field="code")])
        return _code_page(form, account, invalid)
    return _enter(account, session["second_step"]["next"])


def _enter(account: Account, next_address: str = "") -> Response:
    roles = [one.role for one in queries.list_held(account) if one.starts_on <= clock.today()]
    if not roles:
        session.clear()
        says = text(N_("Your account has no role today; ask your administrator."))
        return done(url_for("staff.sign_in"), says, "warning")
    if who := access.actor():
        sessions.close_session(who.session_id)
    sessions.open_session("host" if rules.only_counts(roles) else "staff", account.id)
    commands.note_sign_in(account=account, by=access.By("staff", account.id))
    return redirect(next_address or _first_address(roles), 303)


@bp.post("/staff/sign-out")
@public
@unkeyed("a session ends once")
def sign_out() -> Response:
    """The session's row is over; the cookie goes."""
    if who := access.actor():
        sessions.close_session(who.session_id)
    return done(url_for("staff.sign_in"), text(N_("You are signed out.")))


# --- one's own -----------------------------------------------------------------------------------------------------


@bp.get("/staff")
@requires(Permission.STAFF_HOME)
def home() -> Response:
    """What awaits, and what the roles open."""
    who = access.actor()
    unions = _("%(count)s unions", count=number(tree.count_within(who))) if who.may(Permission.VIEW_UNIONS) else ""
    cards = [
        (url_for(endpoint), _(title), _(use), unions if endpoint == "unions.index" else "")
        for permission, endpoint, title, use in rules.CARDS
        if who.may(permission) and endpoint in current_app.view_functions
    ]
    # Queries name an endpoint, as they know no addresses; views give an address.
    awaiting = [(what, to if "/" in to else url_for(to), count) for what, to, count in queries.list_awaiting(who)]
    return page("unions/staff/home.html", cards=cards, awaiting=awaiting, figures=queries.list_figures(who))


@bp.get("/staff/password")
@requires(Permission.STAFF_HOME)
def password() -> Response:
    """Choose another password."""
    return page("unions/staff/password.html", form=forms.ChangePasswordForm())


@bp.post("/staff/password")
@requires(Permission.STAFF_HOME)
@unkeyed(NOT_AS_KEY)
def change_password() -> Response:
    """The new password counts at once, and every other session ends."""
    form, who = forms.ChangePasswordForm(), access.actor()
    if not form.validate():
        return invalid("unions/staff/password.html", form=form)
    if wait := throttle.wait("staff-present-password", str(who.id), client_address()):
        return _too_often(wait)
    try:
        commands.change_password(
            account=queries.find_account(who.id), current=form.current.data, password=form.password.data,
            session_id=who.session_id, by=who.by,
        )  # fmt: skip
    except Refused as refused:
        wrong = any(problem.code == "current" for problem in refused.problems)
        throttle.write_down("staff-present-password", str(who.id), client_address(), failed=wrong)
        form.take(refused.problems)
        return invalid("unions/staff/password.html", form=form)
    return done(url_for("staff.home"), text(N_("The new password counts from now on; other devices are signed out.")))


def _invitation_page(form: Form, account: Account, token: str, draw: Any = page) -> Response:
    secret = rules.secret_of_invitation(token)
    address = TOTP(secret).provisioning_uri(name=account.sign_in_name, issuer_name=_("Workers' Stations"))
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return draw(
        "unions/staff/invitation.html", form=form, account=account, token=token, secret=groups,
        svg=Markup(segno.make(address, error="m").svg_inline(omitsize=True, border=2)),  # noqa: S704 - segno's own drawing
    )  # fmt: skip


@bp.get("/staff/invitation/<string:token>")
@public
def invitation(token: str) -> Response:
    """Choose a password and connect the app, once, within seven days."""
    return _invitation_page(forms.AcceptInvitationForm(), queries.get_invited(token), token)


@bp.post("/staff/invitation/<string:token>")
@public
@unkeyed(NOT_AS_KEY)
def accept_invitation(token: str) -> Response:
    """With a password and the first code the account is ready and signed in."""
    account, form = queries.get_invited(token), forms.AcceptInvitationForm()
    if form.validate():
        try:
            typed = {"password": form.password.data, "code": form.code.data}
            account = commands.accept_invitation(token=token, by=access.by(), **typed)
        except Refused as refused:
            form.take(refused.problems)
        else:
            return _enter(account)
    return _invitation_page(form, account, token, invalid)


# --- accounts and appointments -------------------------------------------------------------------------------------


@bp.get("/staff/accounts")
@requires(Permission.MANAGE_STAFF)
def accounts() -> Response:
    """Who works in the administrator's part of the tree."""
    q = tidy(request.args.get("q"))
    found = queries.list_accounts(access.actor(), q, before=request.args.get("before"), after=request.args.get("after"))
    return page("unions/staff/accounts.html", fragments=("accounts",), accounts=found, q=q, pager=pager(found))


def _union_of(form: forms.AppointForm) -> Any:
    union = tree.find_union(form.union_code.data.upper(), access.actor(), Permission.MANAGE_STAFF)
    if union is None:
        says = text(N_("No union in your part of the tree has the code %(code)s."), code=form.union_code.data)
        form.take([Problem("unknown_union", says, field="union_code")])
    return union


def _appoint(form: forms.AppointForm, account: Account, union: Any) -> None:
    commands.appoint(
        account=account, union=union, role=access.Role(form.role.data), starts_on=form.starts_on.data,
        ends_on=form.ends_on.data, by=access.by(),
    )  # fmt: skip


def _show_link_once(account: Account, token: str) -> None:
    """The link stands on the next page and nowhere else: only its digest is kept."""
    session["invitation"] = {"account": str(account.id), "token": token}


@bp.get("/staff/accounts/new")
@requires(Permission.MANAGE_STAFF)
def new_account() -> Response:
    """The form to invite somebody."""
    first = next(iter(tree.list_roots(access.actor(), Permission.MANAGE_STAFF)), None)
    return page("unions/staff/new_account.html", form=forms.InviteForm(data={"union_code": first and first.code}))


@bp.post("/staff/accounts/new")
@requires(Permission.MANAGE_STAFF)
@writes
def invite() -> Response:
    """Invite somebody and give them their first role."""
    form = forms.InviteForm()
    if form.validate() and (union := _union_of(form)):
        try:
            account, token = commands.invite_account(
                sign_in_name=form.sign_in_name.data, name=form.name.data, union=union, by=access.by()
            )
            _appoint(form, account, union)
        except Refused as refused:
            form.take(refused.problems)
        else:
            _show_link_once(account, token)
            return done(url_for("staff.account", id=account.id), text(N_("Invited: %(name)s"), name=account.name))
    return invalid("unions/staff/new_account.html", form=form)


def _account_page(account: Account, form: Form, draw: Any = page) -> Response:
    actor = access.actor()
    link = session.pop("invitation", None) if draw is page else None
    shown = link and link["account"] == str(account.id)
    address = url_for("staff.invitation", token=link["token"], _external=True) if shown else None
    return draw(
        "unions/staff/account.html", account=account, form=form, link=address, now=clock.now(), today=clock.today(),
        appointments=queries.list_appointments(account, actor), elsewhere=queries.is_elsewhere(account, actor),
        oneself=account.id == actor.id,
    )  # fmt: skip


@bp.get("/staff/accounts/<uuid:id>")
@requires(Permission.MANAGE_STAFF)
def account(id: UUID) -> Response:
    """One account: its appointments, its state, what can be done."""
    return _account_page(queries.get_account(id, access.actor()), forms.AppointForm())


@bp.post("/staff/accounts/<uuid:id>/appointments")
@requires(Permission.MANAGE_STAFF)
@writes
def appoint(id: UUID) -> Response:
    """Give a role at a union within scope."""
    account, form = queries.get_account(id, access.actor()), forms.AppointForm()
    if form.validate() and (union := _union_of(form)):
        try:
            _appoint(form, account, union)
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Appointed: %(name)s, %(role)s"), name=account.name, role=access.Role(form.role.data))
            return done(url_for("staff.account", id=id), says)
    return _account_page(account, form, invalid)


@bp.post("/staff/accounts/<uuid:id>/appointments/<uuid:appointment_id>/end")
@requires(Permission.MANAGE_STAFF)
@writes
def end_appointment(id: UUID, appointment_id: UUID) -> Response:
    """Withdraw a role, as of now."""
    account = queries.get_account(id, access.actor())
    appointment = queries.get_appointment(appointment_id, account, access.actor())
    role = appointment.role
    return _try(account, lambda **by: commands.end_appointment(appointment=appointment, **by), N_("Ended: %(what)s"), role)


@bp.post("/staff/accounts/<uuid:id>/disable")
@requires(Permission.MANAGE_STAFF)
@writes
def disable(id: UUID) -> Response:
    """Out at once, and no way in."""
    account = queries.get_account(id, access.actor())
    return _try(account, _whole(commands.disable_account, account), N_("Disabled: %(what)s"), account.name)


@bp.post("/staff/accounts/<uuid:id>/enable")
@requires(Permission.MANAGE_STAFF)
@writes
def enable(id: UUID) -> Response:
    """Open the account again."""
    account = queries.get_account(id, access.actor())
    return _try(account, _whole(commands.enable_account, account), N_("Enabled: %(what)s"), account.name)


@bp.post("/staff/accounts/<uuid:id>/invite-again")
@requires(Permission.MANAGE_STAFF)
@writes
def invite_again(id: UUID) -> Response:
    """A new invitation link; the old password and second factor end now."""
    account = queries.get_account(id, access.actor())
    renew = _whole(commands.invite_again, account)
    show = lambda **by: _show_link_once(account, renew(**by))  # noqa: E731 - two steps, once
    return _try(account, show, N_("Invited again: %(what)s"), account.name)


def _whole(command: Any, account: Account) -> Any:
    """A command on a whole account, with what its rule must know."""
    elsewhere = queries.is_elsewhere(account, access.actor())
    return partial(command, account=account, union_id=queries.find_home_union_id(account), elsewhere=elsewhere)


def _try(account: Account, command: Any, says: str, what: Any) -> Response:
    try:
        command(by=access.by())
    except Refused as refused:
        form = forms.AppointForm(formdata=None)
        form.take(refused.problems)
        return _account_page(account, form, invalid)
    return done(url_for("staff.account", id=account.id), text(says, what=what))
