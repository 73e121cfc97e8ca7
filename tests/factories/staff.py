"""Builders of staff accounts with a known password and second factor, and two ways to sign in."""

from __future__ import annotations

import secrets
from datetime import date
from uuid import UUID

import pyotp
from argon2 import PasswordHasher

from portal import clock
from portal.access import Role
from portal.crypto import token_digest
from portal.db import db
from portal.sessions import LIFETIMES, Session, cookie_name
from portal.types import new_id
from portal.unions.staff import commands
from portal.unions.staff.models import Account, Appointment
from portal.unions.tree.models import Union

PASSWORD = "correct horse battery"
# A real hash costs 50 ms and 64 MB; in tests a hundred of them would be waiting for nothing.
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
commands.hasher = CHEAP


def make_account(
    roles: list[tuple[Role | str, Union]] | tuple = (),
    name: str = "陈管理",
    sign_in_name: str | None = None,
    password: str | None = PASSWORD,
    totp: bool = True,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Account:
    """An account with appointments; `.password` and `.totp_secret` hold what the person would know."""
    ident = new_id()
    account = Account(
        id=ident,
        sign_in_name=sign_in_name or f"staff-{ident.hex[-10:]}",
        name=name,
        password_hash=CHEAP.hash(password) if password else None,
        totp_last_step=0,
        created_at=clock.now(),
    )
    secret = pyotp.random_base32() if totp else None
    account.totp = secret
    db.session.add(account)
    db.session.flush()
    for role, union in roles:
        appoint(account, role, union, starts_on=starts_on, ends_on=ends_on, commit=False)
    db.session.commit()
    account.password, account.totp_secret = password, secret
    return account


def appoint(
    account: Account,
    role: Role | str,
    union: Union,
    *,
    starts_on: date | None = None,
    ends_on: date | None = None,
    commit: bool = True,
) -> Appointment:
    """One appointment, from today unless told."""
    appointment = Appointment(
        account_id=account.id,
        union_id=union.id,
        role=Role(role),
        starts_on=starts_on or clock.today(),
        ends_on=ends_on,
        created_at=clock.now(),
    )
    db.session.add(appointment)
    if commit:
        db.session.commit()
    return appointment


def code_for(account: Account) -> str:
    """A code that the portal will take now: of this half minute, or of the next if this one was used."""
    db.session.expire(account, ["totp_last_step"])
    step = int(clock.now().timestamp()) // 30
    return pyotp.TOTP(account.totp_secret).at(max(step - 1, account.totp_last_step + 1) * 30)


def sign_in(client, account: Account):
    """Sign in through the real pages: password, then code. Answers the last response."""
    client.get("/staff/sign-in")
    known = {"sign_in_name": account.sign_in_name, "password": account.password}
    first = client.send("/staff/sign-in", known)
    assert first.status_code == 303, first.get_data(as_text=True)
    client.get("/staff/sign-in/code")
    second = client.send("/staff/sign-in/code", {"code": code_for(account)})
    assert second.status_code == 303, second.get_data(as_text=True)
    client.token = None  # signing in drops what the cookie held; the next form brings a token of its own
    return second


def sign_in_quickly(client, account, *, kind: str = "staff") -> UUID:
    """Open a session row and set its cookie, without the pages; answers the session's id. For workers too."""
    token, moment = f"{kind}.{secrets.token_urlsafe(32)}", clock.now()
    row = Session(
        id=new_id(),
        token_digest=token_digest(token),
        actor_kind=kind,
        actor_id=account.id,
        created_at=moment,
        seen_at=moment,
        expires_at=moment + LIFETIMES[kind].absolute,
    )
    ident = row.id
    db.session.add(row)
    db.session.commit()
    client.set_cookie(cookie_name("session"), token)
    return ident
