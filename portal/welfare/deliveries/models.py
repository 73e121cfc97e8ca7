"""Who received what: one row for each thing given, reversed but never deleted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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


class Flag(Word):
    """What did not fit about something that was given before it was entered; live it would have been refused."""

    LIMIT = "limit", N_("Not by the rule, or more than a person may have")
    QUOTA = "quota", N_("More than the quota")
    MONEY = "money", N_("No money was left")
    STOCK = "stock", N_("More than was in stock")
    PROOF = "proof", N_("Without the proof it needs")
    PROGRAMME = "programme", N_("Not open on that day or at that place")


# These are limits; stock that was short is settled by a count, and a proof can be brought later.
OVER_LIMIT = (Flag.LIMIT, Flag.QUOTA, Flag.MONEY, Flag.PROGRAMME)


class Delivery(db.Model):
    """One thing received; append-only. ``worker_id`` is empty where the rule allows it without a name.

    ``registered_by_account_id`` took the booking, put the person on record or decided on the programme; for an item that
    ``needs_two`` it differs from ``by_account_id``, who handed over, unless an exception says why. ``late``: given earlier
    than it was entered, so stored whatever the limits said, and ``flags`` say what did not fit. Of one booking, one delivery
    stands (a trigger). ``facts``: the person's facts at that moment, without name, phone or number.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity_counts"),
        sa.CheckConstraint("unit_cost >= 0 AND cost >= 0", name="cost_not_negative"),
        sa.CheckConstraint("proof <> 'photo' OR proof_picture_id IS NOT NULL OR late", name="photo_where_due"),
        sa.CheckConstraint("(proxy_name_cipher IS NULL) = (proxy_relation IS NULL)", name="proxy_whole"),
        sa.CheckConstraint("proof <> 'code' OR proof_confirmed_at IS NOT NULL OR late", name="code_where_due"),
        sa.CheckConstraint("late OR cardinality(flags) = 0", name="flags_only_late"),
        sa.CheckConstraint("NOT over_limit OR cardinality(flags) > 0", name="over_limit_says_why"),
        sa.CheckConstraint(
            "NOT needs_two OR late OR exception_reason IS NOT NULL OR by_account_id <> registered_by_account_id",
            name="two_people",
        ),
        sa.CheckConstraint("(visit_id IS NULL) = (visit_at IS NULL)", name="visit_whole"),
        sa.CheckConstraint("proxy_relation IS NULL OR worker_id IS NOT NULL", name="proxy_for_somebody"),
        sa.Index("ix_deliveries_flagged", "union_id", "at", "id", postgresql_where=sa.text("cardinality(flags) > 0")),
        sa.Index("ix_deliveries_alone", "union_id", "at", "id",
                 postgresql_where=sa.text("needs_two AND by_account_id = registered_by_account_id")),
        sa.Index("ix_deliveries_at", "at", "id"),
        sa.Index("ix_deliveries_worker_id", "worker_id", "at", "id"),
        sa.Index("ix_deliveries_station_id", "station_id", "at", "id"),
        sa.Index("ix_deliveries_programme_id", "programme_id", "at", "id"),
        sa.Index("ix_deliveries_union_id", "union_id", "at", "id"),
        sa.Index("ix_deliveries_item", "item_id", "worker_id", "at"),
        sa.Index("ix_deliveries_booking_id", "booking_id"),
    )  # fmt: skip

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
    flags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)  # what a keeper looks at: values of `Flag`
    needs_two: Mapped[bool] = mapped_column(default=False)
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
