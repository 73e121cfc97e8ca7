"""Advances: cash that one source lends another whose money is late."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import Money, new_id


class Advance(db.Model):
    """Cash that one source lends another whose grant is late; approved by a second person, repaid when the grant comes."""

    __tablename__ = "advances"
    __table_args__ = (
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("repaid >= 0 AND repaid <= amount", name="repaid_within_amount"),
        sa.CheckConstraint("from_source_id <> to_source_id", name="two_sources"),
        sa.CheckConstraint("approved_by_id <> proposed_by_id", name="proposer_does_not_approve"),
        sa.CheckConstraint("repaid = 0 OR approved_at IS NOT NULL", name="repaid_after_approval"),
        sa.Index("ix_advances_to_source_id", "to_source_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    from_source_id: Mapped[UUID] = mapped_column(sa.ForeignKey("sources.id"), index=True)
    to_source_id: Mapped[UUID] = mapped_column(sa.ForeignKey("sources.id"))
    amount: Mapped[Decimal] = mapped_column(Money)
    repaid: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    reason: Mapped[str]
    proposed_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    proposed_at: Mapped[datetime]
    approved_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    approved_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
