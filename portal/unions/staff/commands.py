"""Changes to accounts and appointments; whatever changes who somebody is ends their sessions."""

from __future__ import annotations

import functools
import secrets
from datetime import date, timedelta
from uuid import UUID

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal import audit, clock, sessions
from portal.access import By, Permission, Role
from portal.crypto import token_digest
from portal.db import db
from portal.types import N_, Problem, Refused, new_id, text
from portal.unions.staff import queries, rules
from portal.unions.staff.models import Account, Appointment
from portal.unions.tree.models import Union

INVITED_FOR = timedelta(days=7)

hasher = PasswordHasher()  # argon2id with the library's parameters; tests put cheaper ones here


@functools.cache
def _nobodys_hash(with_hasher: PasswordHasher) -> str:
    return with_hasher.hash(secrets.token_urlsafe(16))


# --- signing in ----------------------------------------------------------------------------------------------------


def check_password(*, sign_in_name: str, password: str, by: By) -> Account | None:
    """The open account with this name and password, or None: after the same work whether the name exists or not.

    A hash made with older parameters is made anew on the way.
    """
    account = queries.find_account_by_name(sign_in_name)
    known = account.password_hash if account else None
    try:
        hasher.verify(known or _nobodys_hash(hasher), password)
    except (VerificationError, InvalidHashError):
        return None
    if not known or account.closed_at:
        return None
    if hasher.check_needs_rehash(known):
        account.password_hash = hasher.hash(password)
        db.session.flush()
    return account


def use_code(*, account: Account, code: str, by: By) -> bool:
    """Take a second-factor code, once: of two requests with the same code exactly one gets True."""
    step = rules.matching_step(account.totp or "", code, clock.now().timestamp()) if account.totp_cipher else None
    if step is None:
        return False
    taken = (
        sa.update(Account)
        .where(Account.id == account.id, Account.totp_last_step < step, Account.closed_at.is_(None))
        .values(totp_last_step=step)
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    return db.session.execute(taken).scalar_one_or_none() is not None


def note_sign_in(*, account: Account, by: By) -> None:
    """Write down that somebody signed in; ``by`` is the account itself."""
    audit.record("account.signed_in", by=by, subject=account, union_id=queries.find_home_union_id(account))


def note_refusal(*, permission: Permission, union_id: UUID | None, by: By) -> None:
    """Write down that a permission was refused; it stays although the request comes to nothing."""
    audit.record_refusal("refused", by=by, subject=("accounts", by.id), union_id=union_id, permission=permission)


# --- accounts ------------------------------------------------------------------------------------------------------


def invite_account(*, sign_in_name: str, name: str, union: Union, by: By) -> tuple[Account, str]:
    """A new account and the token of its invitation, which is stored as a digest only. Raises Refused."""
    sign_in_name = sign_in_name.lower()
    taken = queries.find_account_by_name(sign_in_name) is not None
    if problems := rules.problems_with_sign_in_name(sign_in_name, taken=taken):
        raise Refused(problems)
    account = Account(id=new_id(), sign_in_name=sign_in_name, name=name, totp_last_step=0, created_at=clock.now())
    token = _new_invitation(account)
    db.session.add(account)
    db.session.flush()
    audit.record("account.invited", by=by, subject=account, union_id=union.id, name=name, sign_in_name=sign_in_name)
    return account, token


def invite_again(*, account: Account, union_id: object, elsewhere: bool, by: By) -> str:
    """A fresh invitation: the old password, second factor and sessions end now. Answers the token. Raises Refused."""
    _whole_account(account, by, elsewhere=elsewhere)
    account.password_hash, account.totp = None, None
    account.pin_hash = account.pin_set_at = None
    token = _new_invitation(account)
    sessions.close_all(_self(account))
    db.session.flush()
    audit.record("account.invited_again", by=by, subject=account, union_id=union_id, sign_in_name=account.sign_in_name)
    return token


def _new_invitation(account: Account) -> str:
    token = secrets.token_urlsafe(32)
    account.invitation_digest, account.invited_until = token_digest(token), clock.now() + INVITED_FOR
    return token


def accept_invitation(*, token: str, password: str, code: str, by: By) -> Account:
    """Choose a password and confirm the second factor; the invitation works once. Raises Refused, or NoResultFound."""
    account = queries.get_invited(token, lock=True)
    problems = rules.problems_with_password(password, names=(account.sign_in_name, account.name))
    secret = rules.secret_of_invitation(token)
    step = rules.matching_step(secret, code, clock.now().timestamp())
    if step is None:
        says = text(N_("This code does not match. Check that the app shows this account, and type the newest code."))
        problems.append(Problem("code", says, field="code"))
    if problems:
        raise Refused(problems)
    account.password_hash, account.totp, account.totp_last_step = hasher.hash(password), secret, step
    account.invitation_digest = account.invited_until = None
    sessions.close_all(_self(account))
    db.session.flush()
    audit.record("account.accepted", by=_self(account), subject=account, union_id=queries.find_home_union_id(account))
    return account


def change_password(*, account: Account, current: str, password: str, session_id: object, by: By) -> None:
    """A new password; all other sessions end. Raises Refused."""
    if check_password(sign_in_name=account.sign_in_name, password=current, by=by) is None:
        raise Refused([Problem("current", text(N_("This is not your present password.")), field="current")])
    problems = rules.problems_with_password(password, names=(account.sign_in_name, account.name))
    if current == password:
        problems = [Problem("same", text(N_("This is the present password; choose another.")), field="password")]
    if problems:
        raise Refused(problems)
    account.password_hash = hasher.hash(password)
    sessions.close_all(_self(account), except_id=session_id)
    db.session.flush()
    audit.record("account.password_changed", by=by, subject=account, union_id=queries.find_home_union_id(account))


def set_pin(*, account: Account, password: str, pin: str, by: By) -> None:
    """Choose the PIN for paired tablets, after one's password. Who is signed in on a tablet stays. Raises Refused."""
    if check_password(sign_in_name=account.sign_in_name, password=password, by=by) is None:
        raise Refused([Problem("current", text(N_("This is not your present password.")), field="current")])
    if problems := rules.problems_with_pin(pin):
        raise Refused(problems)
    account.pin_hash, account.pin_set_at = hasher.hash(pin), clock.now()
    db.session.flush()
    audit.record("account.pin_set", by=by, subject=account, union_id=queries.find_home_union_id(account))


def remove_pin(*, account: Account, by: By) -> None:
    """Take one's PIN away: no paired tablet knows it from now on."""
    if account.pin_hash is None:
        return
    account.pin_hash = account.pin_set_at = None
    db.session.flush()
    audit.record("account.pin_removed", by=by, subject=account, union_id=queries.find_home_union_id(account))


def check_pin(*, account: Account | None, pin: str, by: By) -> bool:
    """Whether this is the open account's PIN: the same work whether there is such an account and PIN or not."""
    known = account.pin_hash if account else None
    try:
        hasher.verify(known or _nobodys_hash(hasher), pin)
    except (VerificationError, InvalidHashError):
        return False
    return known is not None and account.closed_at is None


def disable_account(*, account: Account, union_id: object, elsewhere: bool, by: By) -> None:
    """Nobody signs in with it any more, and whoever is signed in is out. Raises Refused."""
    _whole_account(account, by, elsewhere=elsewhere)
    if account.closed_at:
        return
    account.closed_at = clock.now()
    sessions.close_all(_self(account))
    db.session.flush()
    audit.record("account.disabled", by=by, subject=account, union_id=union_id, sign_in_name=account.sign_in_name)


def enable_account(*, account: Account, union_id: object, elsewhere: bool, by: By) -> None:
    """It can be signed in with again, with the password it had. Raises Refused."""
    _whole_account(account, by, elsewhere=elsewhere)
    if not account.closed_at:
        return
    account.closed_at = None
    db.session.flush()
    audit.record("account.enabled", by=by, subject=account, union_id=union_id, sign_in_name=account.sign_in_name)


def _whole_account(account: Account, by: By, *, elsewhere: bool) -> None:
    oneself = by.id == account.id
    if problems := rules.problems_with_whole_account(oneself=oneself, elsewhere=elsewhere):
        raise Refused(problems)


def create_account_with_secret(*, sign_in_name: str, name: str, password: str, totp_secret: str, by: By) -> Account:
    """An account that is ready to sign in: for the demonstration, where everybody may know the password."""
    account = Account(
        id=new_id(),
        sign_in_name=sign_in_name.lower(),
        name=name,
        password_hash=hasher.hash(password),
        totp_last_step=0,
        created_at=clock.now(),
    )
    account.totp = totp_secret
    db.session.add(account)
    db.session.flush()
    audit.record("account.created", by=by, subject=account, sign_in_name=account.sign_in_name)
    return account


# --- appointments --------------------------------------------------------------------------------------------------


def appoint(
    *,
    account: Account,
    union: Union,
    role: Role,
    by: By,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Appointment:
    """Give an account a role at a union, from a day (today) until a day (open). Raises Refused."""
    db.session.execute(sa.select(Account.id).where(Account.id == account.id).with_for_update())
    new = rules.Held(role, union.id, starts_on or clock.today(), ends_on)
    held = [rules.Held(one.role, one.union_id, one.starts_on, one.ends_on) for one in queries.list_held(account)]
    problems = rules.problems_with_appointing(
        new, held, oneself=by.id == account.id, closed=bool(account.closed_at), union_closed=bool(union.closed_at)
    )
    if problems:
        raise Refused(problems)
    appointment = Appointment(
        id=new_id(),
        account_id=account.id,
        union_id=union.id,
        role=role,
        starts_on=new.starts_on,
        ends_on=ends_on,
        created_at=clock.now(),
    )
    db.session.add(appointment)
    sessions.close_all(_self(account))
    db.session.flush()
    audit.record(
        "account.appointed", by=by, subject=account, union_id=union.id,
        role=role, union=union.name, starts_on=new.starts_on, ends_on=ends_on,
    )  # fmt: skip
    return appointment


def end_appointment(*, appointment: Appointment, by: By) -> None:
    """Withdraw a role, as of this moment. Raises Refused."""
    account = db.session.scalars(sa.select(Account).where(Account.id == appointment.account_id).with_for_update()).one()
    db.session.refresh(appointment)
    today = clock.today()
    over = appointment.ended_at is not None or (appointment.ends_on is not None and appointment.ends_on < today)
    others = [
        one
        for one in queries.list_held(account)
        if one.id != appointment.id and one.role is Role.ADMINISTRATOR and one.starts_on <= today
    ]
    problems = rules.problems_with_ending(
        ended=over,
        own_last_administrator=by.id == account.id and appointment.role is Role.ADMINISTRATOR and not others,
    )
    if problems:
        raise Refused(problems)
    appointment.ended_at, appointment.ends_on = clock.now(), max(today, appointment.starts_on)
    sessions.close_all(_self(account))
    db.session.flush()
    audit.record("account.appointment_ended", by=by, subject=account, union_id=appointment.union_id, role=appointment.role)


def _self(account: Account) -> By:
    return By("staff", account.id)
