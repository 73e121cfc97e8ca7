"""Sign-in throttle: a table shared by all processes, written by `note` so that it outlives a rolled-back request.

Failures are counted for each pair of name and client, and for each client; never for a name alone, so nobody can
lock another person out. Names and addresses are stored as keyed digests.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal import clock, crypto
from portal.db import db, note
from portal.types import new_id

WINDOW = timedelta(minutes=15)
PAIR_LIMIT = 5
CLIENT_LIMIT = 60


class Attempt(db.Model):
    """One attempt to sign in, to get a code or to use one."""

    __tablename__ = "attempts"
    __table_args__ = (
        sa.Index("ix_attempts_pair", "purpose", "subject", "client", "at"),
        sa.Index("ix_attempts_client", "purpose", "client", "at"),
    )

    id: Mapped[str] = mapped_column(sa.Uuid(as_uuid=False), primary_key=True, default=lambda: str(new_id()))
    purpose: Mapped[str]
    subject: Mapped[bytes]
    client: Mapped[bytes]
    at: Mapped[datetime]
    failed: Mapped[bool]


def _digests(subject: str, client: str) -> tuple[bytes, bytes]:
    ring = crypto.ring()
    return ring.digest("throttle:subject", subject), ring.digest("throttle:client", client)


def wait(
    purpose: str,
    subject: str,
    client: str,
    *,
    window: timedelta = WINDOW,
    pair_limit: int = PAIR_LIMIT,
    client_limit: int = CLIENT_LIMIT,
) -> timedelta | None:
    """How long this client must wait before trying this again, or None.

    ``window`` is a day at the most: older attempts are gone.
    Of several attempts at once one goes on and the others wait here until its transaction ends, and so see how it
    went: otherwise a hundred guesses sent in parallel would all find the count still at nothing.
    """
    who, where = _digests(subject, client)
    pair = crypto.ring().digest(f"throttle:{purpose}", who + where)
    one_at_a_time = sa.func.pg_advisory_xact_lock(int.from_bytes(pair[:8], "big", signed=True))
    db.session.execute(sa.select(one_at_a_time))
    since = clock.now() - window
    recent = Attempt.purpose == purpose, Attempt.client == where, Attempt.failed, Attempt.at > since
    for scope, limit in (((*recent, Attempt.subject == who), pair_limit), (recent, client_limit)):
        nth = sa.select(Attempt.at).where(*scope).order_by(Attempt.at.desc()).offset(limit - 1).limit(1)
        oldest_that_counts = db.session.scalar(nth)
        if oldest_that_counts:
            return oldest_that_counts + window - clock.now()
    return None


def write_down(purpose: str, subject: str, client: str, *, failed: bool) -> None:
    """Note an attempt, at once and for good."""
    who, where = _digests(subject, client)
    note(
        sa.insert(Attempt),
        {"id": str(new_id()), "purpose": purpose, "subject": who, "client": where, "at": clock.now(), "failed": failed},
    )
