"""Paired devices and shifts: which screen belongs to which station, and who stood before it from when until when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import new_id


class StationDevice(db.Model):
    """A tablet or computer that a keeper paired with a station. Its token lies in its cookie; here is the SHA-256."""

    __tablename__ = "station_devices"
    __table_args__ = (
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_whole"),
        sa.Index("ix_station_devices_station_id", "station_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    name: Mapped[str]
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    paired_at: Mapped[datetime]
    paired_by: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    last_seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))


class Shift(db.Model):
    """One operator at one device from signing in until handing over; ``forgotten`` if the next one's sign-in ended it.

    ``left`` are short lines of what is there for the next ("水 40 瓶"). At most one shift of a device is open.
    """

    __tablename__ = "shifts"
    __table_args__ = (
        sa.CheckConstraint("ended_at >= began_at", name="ends_after_start"),
        sa.CheckConstraint("NOT forgotten OR ended_at IS NOT NULL", name="forgotten_is_over"),
        sa.CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged_whole"),
        sa.CheckConstraint(
            "acknowledged_at IS NULL OR (ended_at IS NOT NULL AND NOT forgotten AND acknowledged_at >= ended_at)",
            name="acknowledged_after_handover",
        ),
        sa.Index("uq_shifts_open", "device_id", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
        sa.Index("ix_shifts_station_id", "station_id", sa.text("began_at DESC"), sa.text("id DESC")),
        sa.Index("ix_shifts_device_id", "device_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    device_id: Mapped[UUID] = mapped_column(sa.ForeignKey("station_devices.id"))
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    forgotten: Mapped[bool] = mapped_column(default=False)
    left: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default=list)
    notes: Mapped[str | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
