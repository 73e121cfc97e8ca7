"""How many places of a programme each union and station holds: province, city, county, station, never above the parent."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import new_id


class QuotaShare(db.Model):
    """What one holder may give. ``given`` went on to holders beneath, ``used`` is taken by bookings and deliveries.

    A trigger keeps ``given`` equal to the sum of the amounts beneath. What is not used by ``take_back_on`` goes back up.
    The root (no parent) is the programme's own quota.
    """

    __tablename__ = "quota_shares"
    __table_args__ = (
        sa.CheckConstraint("(union_id IS NULL) <> (station_id IS NULL)", name="one_holder"),
        sa.CheckConstraint("amount >= 0 AND given >= 0 AND used >= 0", name="not_negative"),
        sa.CheckConstraint("given + used <= amount", name="within_amount"),
        sa.CheckConstraint("parent_id <> id", name="parent_is_another"),
        sa.Index("uq_quota_shares_root", "programme_id", unique=True, postgresql_where=sa.text("parent_id IS NULL")),
        sa.Index("uq_quota_shares_union", "programme_id", "union_id", unique=True,
                 postgresql_where=sa.text("union_id IS NOT NULL")),
        sa.Index("uq_quota_shares_station", "programme_id", "station_id", unique=True,
                 postgresql_where=sa.text("station_id IS NOT NULL")),
        sa.Index("ix_quota_shares_parent_id", "parent_id"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    parent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("quota_shares.id"))
    union_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"))
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    amount: Mapped[int]
    given: Mapped[int] = mapped_column(default=0)
    used: Mapped[int] = mapped_column(default=0)
    take_back_on: Mapped[date | None]
    created_at: Mapped[datetime]

    @property
    def left(self) -> int:
        """What may still be given or handed down."""
        return self.amount - self.given - self.used
