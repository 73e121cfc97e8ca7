"""Bookings: one person's place in one session, or their turn in its waiting list."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Money, Word, new_id, text_enum


class BookingStatus(Word):
    """Where a booking stands."""

    WAITING = "waiting", N_("On the waiting list")
    OFFERED = "offered", N_("A place is offered")
    BOOKED = "booked", N_("Booked")
    ATTENDED = "attended", N_("Came")
    NO_SHOW = "no_show", N_("Did not come")
    CANCELLED = "cancelled", N_("Cancelled")
    EXPIRED = "expired", N_("The offer ran out")


# Who holds a place. No-shows gave theirs up: it was released for somebody else when the grace was over.
OCCUPYING = (BookingStatus.OFFERED, BookingStatus.BOOKED, BookingStatus.ATTENDED)
ALIVE = (BookingStatus.WAITING, BookingStatus.OFFERED, BookingStatus.BOOKED)
NEXT_STATUSES: dict[BookingStatus, tuple[BookingStatus, ...]] = {
    BookingStatus.WAITING: (BookingStatus.OFFERED, BookingStatus.BOOKED, BookingStatus.CANCELLED, BookingStatus.EXPIRED),
    BookingStatus.OFFERED: (BookingStatus.BOOKED, BookingStatus.CANCELLED, BookingStatus.EXPIRED),
    BookingStatus.BOOKED: (BookingStatus.ATTENDED, BookingStatus.NO_SHOW, BookingStatus.CANCELLED),
    BookingStatus.ATTENDED: (BookingStatus.BOOKED,),
    BookingStatus.NO_SHOW: (BookingStatus.BOOKED, BookingStatus.ATTENDED),
    BookingStatus.CANCELLED: (BookingStatus.BOOKED,),
    BookingStatus.EXPIRED: (),
}


class BookedBy(Word):
    """Which way it came in."""

    WORKER = "worker", N_("Booked by the worker")
    STAFF = "staff", N_("Added by staff")
    DESK = "desk", N_("Taken at the desk")
    PAPER = "paper", N_("From the paper sheet")
    IMPORT = "import", N_("From a workbook")


class Booking(db.Model):
    """One booking. What the decision leaned on is frozen: the rule's version, the price, the person's facts.

    ``code`` is shown to the worker and holds on the session's day at its place, once. ``facts`` holds no name, phone or number.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        sa.CheckConstraint("(status IN ('offered', 'booked', 'attended')) = (place_id IS NOT NULL)", name="place_held"),
        sa.CheckConstraint("(status = 'offered') = (offer_expires_at IS NOT NULL)", name="offer_expires"),
        sa.CheckConstraint("status <> 'attended' OR attended_at IS NOT NULL", name="attended_at_a_time"),
        sa.CheckConstraint("price >= 0", name="price_not_negative"),
        sa.Index("uq_bookings_place_id", "place_id", unique=True),
        sa.Index("uq_bookings_alive", "session_id", "worker_id", unique=True,
                 postgresql_where=sa.text("status IN ('waiting', 'offered', 'booked', 'attended')")),
        sa.Index("uq_bookings_code_index", "code_index", unique=True),
        sa.Index("ix_bookings_session_id", "session_id", "status", "priority", "queued_at", "id"),
        sa.Index("ix_bookings_worker_id", "worker_id", "id"),
        sa.Index("ix_bookings_programme_id", "programme_id", "worker_id"),
        sa.Index("ix_bookings_booked", "session_id", postgresql_where=sa.text("status = 'booked'")),
        sa.Index("ix_bookings_offer_expires_at", "offer_expires_at", postgresql_where=sa.text("status = 'offered'")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[UUID] = mapped_column(sa.ForeignKey("service_sessions.id"))
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    place_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("session_places.id"))
    status: Mapped[BookingStatus] = mapped_column(text_enum(BookingStatus))
    way: Mapped[BookedBy] = mapped_column(text_enum(BookedBy))
    priority: Mapped[int] = mapped_column(default=100)  # lower comes first
    queued_at: Mapped[datetime]
    offer_expires_at: Mapped[datetime | None]
    code_index: Mapped[bytes]
    rule_id: Mapped[UUID] = mapped_column(sa.ForeignKey("eligibility_rules.id"))
    price: Mapped[Decimal] = mapped_column(Money)
    facts: Mapped[dict] = mapped_column(JSONB)
    quota_share_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("quota_shares.id"))
    moved_from_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("bookings.id"))
    created_at: Mapped[datetime]
    created_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    attended_at: Mapped[datetime | None]
    attended_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    late: Mapped[bool] = mapped_column(default=False)  # cancelled after the hour until which one may, or entered afterwards
    reminded_at: Mapped[datetime | None]
