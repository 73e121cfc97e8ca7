"""How many places of a programme each union and station holds: province, city, county, station, never above the parent."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Word, new_id, text_enum


class QuotaShare(db.Model):
    """What one holder may give. ``given`` went on to holders beneath, ``used`` is taken by bookings and deliveries.

    A trigger keeps ``given`` equal to the sum of the amounts beneath. What is not used by ``take_back_on`` goes back up; from
    then on (``taken_back_at``) the holder draws on the share above. The root (no parent) is the programme's own quota.
    """

    __tablename__ = "quota_shares"
    __table_args__ = (
        sa.CheckConstraint("(union_id IS NULL) <> (station_id IS NULL)", name="one_holder"),
        sa.CheckConstraint("amount >= 0 AND given >= 0 AND used >= 0", name="not_negative"),
        sa.CheckConstraint("given + used <= amount", name="within_amount"),
        sa.CheckConstraint("parent_id <> id", name="parent_is_another"),
        sa.CheckConstraint(
            "parent_id IS NOT NULL OR (union_id IS NOT NULL AND take_back_on IS NULL)", name="root_of_a_union"
        ),
        sa.CheckConstraint("station_id IS NULL OR given = 0", name="station_is_last"),
        sa.Index("uq_quota_shares_root", "programme_id", unique=True, postgresql_where=sa.text("parent_id IS NULL")),
        sa.Index("uq_quota_shares_union", "programme_id", "union_id", unique=True,
                 postgresql_where=sa.text("union_id IS NOT NULL")),
        sa.Index("uq_quota_shares_station", "programme_id", "station_id", unique=True,
                 postgresql_where=sa.text("station_id IS NOT NULL")),
        sa.Index("ix_quota_shares_parent_id", "parent_id"),
        sa.Index("ix_quota_shares_take_back_on", "take_back_on", postgresql_where=sa.text("take_back_on IS NOT NULL")),
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
    taken_back_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    @property
    def left(self) -> int:
        """What may still be given or handed down."""
        return self.amount - self.given - self.used


class MoveKind(Word):
    """What happened to a share."""

    SET = "set", N_("Programme's quota set")
    HANDED_DOWN = "handed_down", N_("Handed down")
    CHANGED = "changed", N_("Amount changed")
    TAKEN_BACK = "taken_back", N_("Taken back by hand")
    FELL_BACK = "fell_back", N_("Unused on the take-back day")


class QuotaMove(db.Model):
    """A change of a share's amount, for those who hold it and those above; append-only."""

    __tablename__ = "quota_moves"
    __table_args__ = (
        sa.CheckConstraint("before >= 0 AND after >= 0", name="not_negative"),
        sa.Index("ix_quota_moves_share_id", "share_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    share_id: Mapped[UUID] = mapped_column(sa.ForeignKey("quota_shares.id"))
    at: Mapped[datetime]
    kind: Mapped[MoveKind] = mapped_column(text_enum(MoveKind))
    before: Mapped[int]
    after: Mapped[int]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
