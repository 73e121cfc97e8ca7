"""Messages: written in the same transaction as their cause, sent later by the worker, retried with growing pauses.

Recipient and text are encrypted and live thirty days. In the demo a message is not sent anywhere: it shows on a page.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import apprise
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal import clock
from portal.config import Settings
from portal.db import db
from portal.types import Encrypted, Word, new_id, text_enum

FIRST_PAUSE = timedelta(seconds=30)
TRIES = 8


class MessageStatus(Word):
    """Where a message stands."""

    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    SHOWN = "shown", "Shown on the demo page"
    FAILED = "failed", "Given up"


class Message(db.Model):
    """A message to one phone number."""

    __tablename__ = "messages"
    __table_args__ = (
        sa.Index("ix_messages_waiting", "due_at", postgresql_where=sa.text("status = 'waiting'")),
        sa.CheckConstraint("tries >= 0", name="tries_not_negative"),
        sa.CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name="ended_when_not_waiting"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    status: Mapped[MessageStatus] = mapped_column(text_enum(MessageStatus), default=MessageStatus.WAITING)
    recipient_cipher: Mapped[bytes | None]
    body_cipher: Mapped[bytes | None]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    ended_at: Mapped[datetime | None]

    recipient = Encrypted("recipient")
    body = Encrypted("body")


def post(kind: str, *, to: str, body: str) -> Message:
    """Put a message into the outbox, in the caller's transaction. ``to`` is a whole phone number."""
    moment = clock.now()
    message = Message(id=new_id(), kind=kind, created_at=moment, due_at=moment)
    message.recipient, message.body = to, body
    db.session.add(message)
    db.session.flush()
    return message


def take() -> Message | None:
    """The next message that is due, locked for this transaction; others pass over it."""
    return db.session.scalars(
        sa.select(Message)
        .where(Message.status == MessageStatus.WAITING, Message.due_at <= clock.now())
        .order_by(Message.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()


def deliver(message: Message, settings: Settings) -> None:
    """Send one message and write down how it went; at least once, never silently lost. Flushes, never commits."""
    message.tries += 1
    if settings.messages_url:
        service = apprise.Apprise()
        service.add(settings.messages_url.replace("{to}", message.recipient))
        error = None if service.notify(body=message.body) else "the message service refused or did not answer"
        outcome = MessageStatus.SENT
    elif settings.production:
        error, outcome = "PORTAL_MESSAGES_URL is not set", MessageStatus.SENT
    else:
        error, outcome = None, MessageStatus.SHOWN
    if error is None:
        message.status, message.ended_at, message.error = outcome, clock.now(), None
    else:
        message.error = error
        message.due_at = clock.now() + FIRST_PAUSE * 2 ** (message.tries - 1)
        if message.tries >= TRIES:
            message.status, message.ended_at = MessageStatus.FAILED, clock.now()
    db.session.flush()


def recent(limit: int = 30) -> list[Message]:
    """The newest messages, for the demo's page."""
    return list(db.session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(limit)))
