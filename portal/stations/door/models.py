"""A phone that somebody left after checking in at the door: nobody's until its owner says “that was me”."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.members.workers.rules import normal_phone
from portal.types import Encrypted, new_id


class DoorClaim(db.Model):
    """One self check-in that somebody would like to find among what they received.

    The visit itself stays anonymous for good; it uses no entitlement. Once confirmed the phone is gone.
    """

    __tablename__ = "door_claims"
    __table_args__ = (
        sa.ForeignKeyConstraint(["visit_id", "visit_at"], ["visits.id", "visits.at"]),
        sa.CheckConstraint("(confirmed_at IS NULL) = (worker_id IS NULL)", name="confirmed_by_somebody"),
        sa.CheckConstraint("(confirmed_at IS NULL) = (phone_cipher IS NOT NULL)", name="phone_until_confirmed"),
        sa.CheckConstraint("(phone_cipher IS NULL) = (phone_index IS NULL)", name="phone_indexed"),
        sa.Index("uq_door_claims_visit_id", "visit_id", unique=True),
        sa.Index("ix_door_claims_phone_index", "phone_index"),
        sa.Index("ix_door_claims_worker_id", "worker_id", "visit_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    visit_id: Mapped[UUID]
    visit_at: Mapped[datetime]
    phone_cipher: Mapped[bytes | None]
    phone_index: Mapped[bytes | None]
    claimed_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    worker_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("workers.id"))

    phone = Encrypted("phone", index=normal_phone)
