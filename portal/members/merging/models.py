"""Records of one person put together, and pairs of which somebody said that they are two people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import Encrypted, new_id


class WorkerMerge(db.Model):
    """One record merged into another: who, why, and every value that was moved or changed, so that it can be undone."""

    __tablename__ = "worker_merges"
    __table_args__ = (
        sa.CheckConstraint("survivor_id <> merged_id", name="two_records"),
        sa.CheckConstraint("undone_at IS NULL OR undone_at >= at", name="undone_after"),
        sa.Index("uq_worker_merges_open", "merged_id", unique=True, postgresql_where=sa.text("undone_at IS NULL")),
        sa.Index("ix_worker_merges_survivor_id", "survivor_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    survivor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    merged_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    reason: Mapped[str]
    changes_cipher: Mapped[bytes]
    at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    undone_at: Mapped[datetime | None]
    undone_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))

    changes = Encrypted("changes")


class NotSamePeople(db.Model):
    """Somebody looked and said: these are two people. The pair is never offered again."""

    __tablename__ = "not_same_people"
    __table_args__ = (
        sa.CheckConstraint("a_id < b_id", name="in_order"),
        sa.Index("ix_not_same_people_b_id", "b_id"),
    )

    a_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"), primary_key=True)
    b_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"), primary_key=True)
    at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
