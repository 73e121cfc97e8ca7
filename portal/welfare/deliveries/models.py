"""Who received what: one row for each thing given, reversed but never deleted; samples checked afterwards by phone."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Encrypted, Money, Word, new_id, text_enum
from portal.vocabulary import Occupation
from portal.welfare.items.models import Proof


class DeliverySource(Word):
    """How it was entered."""

    DESK = "desk", N_("At the desk")
    BOOKING = "booking", N_("With a booking")
    PAPER = "paper", N_("From a paper sheet")
    OFFLINE = "offline", N_("Without network")
    STAFF = "staff", N_("Entered by staff")


class Delivery(db.Model):
    """One thing received; append-only. ``worker_id`` is empty where the rule allows it without a name.

    ``registered_by_account_id`` took the booking or put the person on record; for an item that needs two people it differs
    from ``by_account_id``, who handed over, unless an exception says why. ``late``: given earlier than it was entered, so
    stored whatever the limits said. ``facts``: the person's facts at that moment, without name, phone or number.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity_counts"),
        sa.CheckConstraint("unit_cost >= 0 AND cost >= 0", name="cost_not_negative"),
        sa.CheckConstraint("proof <> 'photo' OR proof_picture_id IS NOT NULL OR late", name="photo_where_due"),
        sa.CheckConstraint("(proxy_name_cipher IS NULL) = (proxy_relation IS NULL)", name="proxy_whole"),
        sa.Index("ix_deliveries_worker_id", "worker_id", "at", "id"),
        sa.Index("ix_deliveries_station_id", "station_id", "at", "id"),
        sa.Index("ix_deliveries_programme_id", "programme_id", "at", "id"),
        sa.Index("ix_deliveries_union_id", "union_id", "at", "id"),
        sa.Index("ix_deliveries_item", "item_id", "worker_id", "at"),
        sa.Index("ix_deliveries_booking_id", "booking_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("welfare_items.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))  # the station's, otherwise the programme's
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    place_name: Mapped[str]
    worker_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("workers.id"))
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    quantity: Mapped[int]
    unit_cost: Mapped[Decimal] = mapped_column(Money)
    cost: Mapped[Decimal] = mapped_column(Money)
    budget_line_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("budget_lines.id"))
    booking_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("bookings.id"))
    visit_id: Mapped[UUID | None]
    visit_at: Mapped[datetime | None]
    rule_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("eligibility_rules.id"))
    facts: Mapped[dict] = mapped_column(JSONB, default=dict)
    quota_share_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("quota_shares.id"))
    source: Mapped[DeliverySource] = mapped_column(text_enum(DeliverySource))
    late: Mapped[bool] = mapped_column(default=False)
    over_limit: Mapped[bool] = mapped_column(default=False)
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    registered_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    exception_reason: Mapped[str | None]
    proof: Mapped[Proof] = mapped_column(text_enum(Proof))
    proof_picture_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("pictures.id"))
    proof_confirmed_at: Mapped[datetime | None]  # the receiver's code was entered
    proxy_name_cipher: Mapped[bytes | None]
    proxy_relation: Mapped[str | None]

    proxy_name = Encrypted("proxy_name")


class DeliveryReversal(db.Model):
    """A delivery taken back: it counts no more, its money, quota and stock are there again."""

    __tablename__ = "delivery_reversals"

    delivery_id: Mapped[UUID] = mapped_column(sa.ForeignKey("deliveries.id"), primary_key=True)
    at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    reason: Mapped[str]


class ExceptionReview(db.Model):
    """Somebody looked at a hand-over that one person did alone."""

    __tablename__ = "exception_reviews"

    delivery_id: Mapped[UUID] = mapped_column(sa.ForeignKey("deliveries.id"), primary_key=True)
    at: Mapped[datetime]
    by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    accepted: Mapped[bool]
    note: Mapped[str | None]


class DeliveryDispute(db.Model):
    """“This was not me”: said by the worker on whose page a delivery stands; answered by the union."""

    __tablename__ = "delivery_disputes"
    __table_args__ = (
        sa.CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name="answer_whole"),
        sa.Index("uq_delivery_disputes_open", "delivery_id", unique=True, postgresql_where=sa.text("answered_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    delivery_id: Mapped[UUID] = mapped_column(sa.ForeignKey("deliveries.id"))
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    note: Mapped[str | None]
    at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    answer: Mapped[str | None]


class CheckOutcome(Word):
    """What the phone call found."""

    CONFIRMED = "confirmed", N_("Received it")
    DENIED = "denied", N_("Did not receive it")
    UNREACHED = "unreached", N_("Not reached")
    WRONG_NUMBER = "wrong_number", N_("Wrong number")


class DeliverySample(db.Model):
    """A random sample of a programme's deliveries; with the stored seed anybody draws the same one again."""

    __tablename__ = "delivery_samples"
    __table_args__ = (
        sa.CheckConstraint("size BETWEEN 1 AND 500", name="size_plausible"),
        sa.CheckConstraint("last_on >= first_on", name="days_whole"),
        sa.Index("ix_delivery_samples_programme_id", "programme_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    first_on: Mapped[date]
    last_on: Mapped[date]
    size: Mapped[int]
    seed: Mapped[str] = mapped_column(sa.String(40))
    drawn_from: Mapped[int]
    drawn_at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))


class SampleCall(db.Model):
    """One drawn delivery and what the call found."""

    __tablename__ = "sample_calls"
    __table_args__ = (sa.CheckConstraint("(called_at IS NULL) = (outcome IS NULL)", name="call_whole"),)

    sample_id: Mapped[UUID] = mapped_column(sa.ForeignKey("delivery_samples.id"), primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(sa.ForeignKey("deliveries.id"), primary_key=True)
    outcome: Mapped[CheckOutcome | None] = mapped_column(text_enum(CheckOutcome))
    called_at: Mapped[datetime | None]
    called_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    note: Mapped[str | None]
