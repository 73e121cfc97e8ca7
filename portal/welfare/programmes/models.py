"""Programmes: an item, given by a union in a period, to whom a rule says, from a budget line, at stations or providers."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Money, Word, new_id, text_enum


class ProgrammeStatus(Word):
    """Where a programme stands."""

    DRAFT = "draft", N_("Draft")
    SUBMITTED = "submitted", N_("Submitted")
    APPROVED = "approved", N_("Approved")
    OPEN = "open", N_("Open")
    PAUSED = "paused", N_("Paused")
    CLOSED = "closed", N_("Programme ended")
    SETTLED = "settled", N_("Accounts settled")


# Paused takes no new booking and keeps those that were made. Settled is the end: nothing is delivered afterwards.
NEXT_STATUSES: dict[ProgrammeStatus, tuple[ProgrammeStatus, ...]] = {
    ProgrammeStatus.DRAFT: (ProgrammeStatus.SUBMITTED,),
    ProgrammeStatus.SUBMITTED: (ProgrammeStatus.APPROVED, ProgrammeStatus.DRAFT),
    ProgrammeStatus.APPROVED: (ProgrammeStatus.OPEN, ProgrammeStatus.CLOSED),
    ProgrammeStatus.OPEN: (ProgrammeStatus.PAUSED, ProgrammeStatus.CLOSED),
    ProgrammeStatus.PAUSED: (ProgrammeStatus.OPEN, ProgrammeStatus.CLOSED),
    ProgrammeStatus.CLOSED: (ProgrammeStatus.SETTLED,),
    ProgrammeStatus.SETTLED: (),
}
# What the public sees on /welfare.
PUBLIC_STATUSES = (ProgrammeStatus.OPEN, ProgrammeStatus.PAUSED)


class Way(Word):
    """How somebody comes to it."""

    WALK_IN = "walk_in", N_("Walk in")
    BOOK = "book", N_("Book")
    ENROL = "enrol", N_("Enrol")
    CODE = "code", N_("By one-time code")


class BookingDays(Word):
    """For which days one may book."""

    AHEAD = "ahead", N_("Any day within the days ahead")
    NEXT_DAY = "next_day", N_("The next day only")
    SAME_DAY = "same_day", N_("The same day only")


class Charge(Word):
    """How it is paid for."""

    NOTHING = "nothing", N_("Costs the union nothing")
    PER_PLACE = "per_place", N_("Reserved with each booking, spent when given")
    GOODS = "goods", N_("Goods, spent when they were bought")


class Programme(db.Model):
    """One programme. Without an item it is a heading that others stand beneath (1–5–20).

    ``price`` is what one costs the union, frozen in each booking. ``quota`` is how many may be given in all; NULL: as many as
    the money and the stock allow. ``everywhere``: at all serving stations of the union's part of the tree.

    ``pending``: a change of period, quota or money that waits for an approver while what was approved goes on; plain values
    by name (`rules.MONEY_FIELDS`).
    """

    __tablename__ = "programmes"
    __table_args__ = (
        sa.CheckConstraint("ends_on >= starts_on", name="period_whole"),
        sa.CheckConstraint("quota >= 1", name="quota_counts"),
        sa.CheckConstraint("price >= 0", name="price_not_negative"),
        sa.CheckConstraint("charge <> 'per_place' OR (budget_line_id IS NOT NULL AND price > 0)", name="line_where_charged"),
        sa.CheckConstraint("item_id IS NOT NULL OR cardinality(ways) = 0", name="heading_gives_nothing"),
        sa.CheckConstraint("item_id IS NULL OR cardinality(ways) > 0", name="a_way_to_receive"),
        sa.CheckConstraint("parent_id <> id", name="parent_is_another"),
        sa.CheckConstraint("decided_by_account_id <> proposed_by_account_id", name="decided_by_another"),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted') OR decided_by_account_id IS NOT NULL", name="decided_before_it_opens"
        ),
        sa.CheckConstraint("days_ahead BETWEEN 1 AND 180", name="days_ahead_plausible"),
        sa.CheckConstraint("grace_minutes BETWEEN 0 AND 240", name="grace_plausible"),
        sa.CheckConstraint("offer_minutes BETWEEN 5 AND 10080", name="offer_plausible"),
        sa.CheckConstraint("cancel_hours BETWEEN 0 AND 720", name="cancel_hours_plausible"),
        sa.CheckConstraint("(pending IS NULL) = (pending_at IS NULL)", name="change_whole"),
        sa.CheckConstraint("pending IS NULL OR status IN ('approved', 'open', 'paused')", name="change_of_what_was_approved"),
        sa.Index("ix_programmes_union_id", "union_id", "id"),
        sa.Index("ix_programmes_parent_id", "parent_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(sa.String(30), unique=True)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    item_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("welfare_items.id"))
    parent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("programmes.id"))
    owner_department: Mapped[str | None]
    name: Mapped[str]
    summary: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    quota: Mapped[int | None]
    price: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    charge: Mapped[Charge] = mapped_column(text_enum(Charge), default=Charge.NOTHING)
    budget_line_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("budget_lines.id"))
    ways: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)
    everywhere: Mapped[bool] = mapped_column(default=False)
    booking_days: Mapped[BookingDays] = mapped_column(text_enum(BookingDays), default=BookingDays.AHEAD)
    days_ahead: Mapped[int] = mapped_column(default=14)
    booking_opens_at: Mapped[datetime | None]
    cancel_hours: Mapped[int] = mapped_column(default=2)
    grace_minutes: Mapped[int] = mapped_column(default=10)
    offer_minutes: Mapped[int] = mapped_column(default=120)
    status: Mapped[ProgrammeStatus] = mapped_column(text_enum(ProgrammeStatus), default=ProgrammeStatus.DRAFT)
    proposed_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    submitted_at: Mapped[datetime | None]
    decided_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    decided_at: Mapped[datetime | None]
    opinion: Mapped[str | None]
    pending: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    pending_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    pending_at: Mapped[datetime | None]
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class ProgrammePlace(db.Model):
    """Where it is given: a station, or a provider (hospital, bus) with its address."""

    __tablename__ = "programme_places"
    __table_args__ = (
        sa.CheckConstraint("(station_id IS NULL) <> (provider_name IS NULL)", name="station_or_provider"),
        sa.Index("uq_programme_places_station", "programme_id", "station_id", unique=True,
                 postgresql_where=sa.text("station_id IS NOT NULL")),
        sa.Index("ix_programme_places_station_id", "station_id"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id", ondelete="CASCADE"))
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    provider_name: Mapped[str | None]
    address: Mapped[str | None]
