"""What is looked at after something was given: exceptions, late entries, disputes, and samples checked by phone."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Word, new_id, text_enum


class ExceptionReview(db.Model):
    """Somebody else looked at a hand-over that one person did alone; a trigger refuses the one who gave."""

    __tablename__ = "exception_reviews"

    delivery_id: Mapped[UUID] = mapped_column(sa.ForeignKey("deliveries.id"), primary_key=True)
    at: Mapped[datetime]
    by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    accepted: Mapped[bool]
    note: Mapped[str | None]


class DeliveryLook(db.Model):
    """Somebody looked at a delivery that was entered late and did not fit, and says what became of it."""

    __tablename__ = "delivery_looks"

    delivery_id: Mapped[UUID] = mapped_column(sa.ForeignKey("deliveries.id"), primary_key=True)
    at: Mapped[datetime]
    by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    note: Mapped[str]


class DeliveryDispute(db.Model):
    """“This was not me”: said by the worker on whose page a delivery stands; answered by the union."""

    __tablename__ = "delivery_disputes"
    __table_args__ = (
        sa.CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name="answer_whole"),
        sa.Index("uq_delivery_disputes_open", "delivery_id", unique=True, postgresql_where=sa.text("answered_at IS NULL")),
        sa.Index("ix_delivery_disputes_delivery_id", "delivery_id", "at"),
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
    """A random sample of a programme's deliveries; with the stored seed anybody draws the same again."""

    __tablename__ = "delivery_samples"
    __table_args__ = (
        sa.CheckConstraint("size BETWEEN 1 AND 500", name="size_plausible"),
        sa.CheckConstraint("last_on >= first_on", name="days_whole"),
        sa.Index("ix_delivery_samples_programme_id", "programme_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))  # drawn from what was given in this part of the tree
    first_on: Mapped[date]
    last_on: Mapped[date]
    size: Mapped[int]
    seed: Mapped[str] = mapped_column(sa.String(40))
    drawn_from: Mapped[int]
    population_digest: Mapped[str] = mapped_column(sa.String(64))  # of all it was drawn from: who repeats it sees the same
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
