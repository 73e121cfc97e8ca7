"""Sessions are rows: signing out, a new password or a withdrawn role ends them at once, whatever cookie is held.

The cookie holds a kind and 256 random bits; the table holds their SHA-256. Each kind of actor (staff, worker) registers
one query that turns a digest into an actor, session and account together, so a request pays for one read.

Staff sign in in three ways, and the cookie's kind says which: `staff` (password and second factor), `host` (the same, for
who only counts at a host's counter, on their own phone) and `device` (a personal PIN on a paired tablet). All three are
rows of staff, so whatever ends a person's sessions ends them all.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask, Request, current_app, g, session
from flask_login import LoginManager
from sqlalchemy.orm import Mapped, mapped_column

from portal import clock
from portal.access import By
from portal.config import Settings
from portal.crypto import token_digest
from portal.db import db, one_statement
from portal.types import new_id

SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Lifetime:
    """How long a session of one kind lives without use, and at the most."""

    idle: timedelta
    absolute: timedelta


LIFETIMES = {
    "staff": Lifetime(timedelta(minutes=30), timedelta(hours=12)),
    "worker": Lifetime(timedelta(days=30), timedelta(days=90)),
    # One's own phone, which locks itself, and nothing can be done there but counting: a working day without asking again.
    "host": Lifetime(timedelta(hours=12), timedelta(hours=12)),
    # The page locks itself after three minutes; this is for when its script does not run.
    "device": Lifetime(timedelta(minutes=10), timedelta(hours=12)),
}
ROW_KIND = {"host": "staff", "device": "staff"}
DEVICE_COOKIE_FOR = timedelta(days=400)  # browsers keep none longer; each sign-in hands it out anew


class Session(db.Model):
    """Somebody signed in on one device."""

    __tablename__ = "sessions"
    __table_args__ = (
        sa.Index("ix_sessions_actor", "actor_kind", "actor_id"),
        sa.Index("ix_sessions_device_id", "device_id", postgresql_where=sa.text("device_id IS NOT NULL")),
        sa.CheckConstraint("expires_at > created_at", name="expires_after_creation"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    device_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("station_devices.id"))


loaders: dict[str, Callable[[dict[str, Any]], tuple[Any, datetime] | None]] = {}


def register(kind: str, loader: Callable[[dict[str, Any]], tuple[Any, datetime] | None]) -> None:
    """Register how an actor of a kind is loaded.

    ``loader({"digest", "now", "idle_since"})``, for a device's session with the digest of its own cookie as "device",
    answers (actor, seen_at) or None if the session is over.
    """
    loaders[kind] = loader


def open_session(kind: str, actor_id: UUID, *, device_id: UUID | None = None) -> None:
    """Sign somebody in: a fresh row and, with this response, a fresh cookie. The old cookie's contents are dropped."""
    token = f"{kind}.{secrets.token_urlsafe(32)}"
    moment = clock.now()
    db.session.add(
        Session(
            token_digest=token_digest(token),
            actor_kind=ROW_KIND.get(kind, kind),
            actor_id=actor_id,
            created_at=moment,
            seen_at=moment,
            expires_at=moment + LIFETIMES[kind].absolute,
            device_id=device_id,
        )
    )
    db.session.flush()
    session.clear()
    g.session_cookie = token


def close_session(session_id: UUID) -> None:
    """Sign out: this session's row is over, and the cookie goes with the response."""
    db.session.execute(
        sa.update(Session).where(Session.id == session_id, Session.revoked_at.is_(None)).values(revoked_at=clock.now())
    )
    session.clear()
    g.session_cookie = ""


def close_all(by_of: By, *, except_id: UUID | None = None) -> None:
    """End every session of an actor: after a new password, a changed role, a disabled account."""
    ending = sa.update(Session).where(
        Session.actor_kind == by_of.kind, Session.actor_id == by_of.id, Session.revoked_at.is_(None)
    )
    if except_id:
        ending = ending.where(Session.id != except_id)
    db.session.execute(ending.values(revoked_at=clock.now()))


def close_on_device(device_id: UUID) -> None:
    """End whoever is signed in on a paired device: it was revoked, or the next operator is here."""
    db.session.execute(
        sa.update(Session).where(Session.device_id == device_id, Session.revoked_at.is_(None)).values(revoked_at=clock.now())
    )


def new_device_token() -> bytes:
    """Draw the token of a device that is being paired: it goes to its cookie with this response, here is its SHA-256."""
    g.device_cookie = secrets.token_urlsafe(32)
    return token_digest(g.device_cookie)


def device_digest(request: Request) -> bytes | None:
    """The SHA-256 of the paired device's token that a request carries, or None."""
    token = request.cookies.get(cookie_name("device"), "")
    return token_digest(token) if token else None


def is_on_device(request: Request) -> bool:
    """Whether a request carries a session of a paired device; whether it still holds, its loader says."""
    return request.cookies.get(cookie_name("session"), "").startswith("device.")


def keep_device_cookie(request: Request) -> None:
    """Hand the device's cookie out anew with this response, so that a tablet in use never loses it."""
    g.device_cookie = request.cookies.get(cookie_name("device"), "")


_touch = sa.text("UPDATE sessions SET seen_at = :now WHERE token_digest = :digest AND seen_at < :stale AND revoked_at IS NULL")


def load(request: Request) -> Any:
    """The actor behind a request's cookie, or None; one read, and one write at most once a minute."""
    token = request.cookies.get(cookie_name("session"), "")
    kind = token.partition(".")[0]
    if kind not in loaders:
        return None
    moment, digest = clock.now(), token_digest(token)
    values = {"digest": digest, "now": moment, "idle_since": moment - LIFETIMES[kind].idle}
    if kind == "device":
        values["device"] = device_digest(request)
    found = loaders[kind](values)
    if not found:
        return None
    actor, seen_at = found
    if seen_at < moment - SEEN_EVERY:
        one_statement(_touch, {"now": moment, "digest": digest, "stale": moment - SEEN_EVERY})
    return actor


def cookie_name(name: str) -> str:
    """``__Host-`` and Secure, except on plain http at loopback."""
    return f"__Host-{name}" if current_app.config["SESSION_COOKIE_SECURE"] else name


def _at_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def prepare(app: Flask, settings: Settings) -> None:
    """Wire cookies and Flask-Login to an application."""
    secure = settings.production or not _at_loopback(settings.host)
    app.config.update(
        SESSION_COOKIE_NAME="__Host-page" if secure else "page",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    # The context processor would load the user on every render, used or not (a third of a lean request).
    manager = LoginManager(app, add_context_processor=False)
    manager.request_loader(load)
    manager.session_protection = None  # our own row is the session

    def put(response, name: str, token: str, lives: timedelta) -> None:
        response.set_cookie(
            cookie_name(name), token, max_age=int(lives.total_seconds()),
            secure=secure, httponly=True, samesite="Lax", path="/",
        )  # fmt: skip

    @app.after_request
    def hand_out_cookie(response):
        token, device = g.pop("session_cookie", None), g.pop("device_cookie", None)
        if device and response.status_code < 400:
            put(response, "device", device, DEVICE_COOKIE_FOR)
        if token and response.status_code < 400:
            put(response, "session", token, LIFETIMES[token.partition(".")[0]].absolute)
        elif token == "":
            response.delete_cookie(cookie_name("session"), secure=secure, httponly=True, samesite="Lax", path="/")
        return response
