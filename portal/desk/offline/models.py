"""What a desk counted without network, as it came in: one row an entry, whoever sends it and however often."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import text_enum
from portal.vocabulary import BasicService, Occupation


class OfflineEntry(db.Model):
    """One entry under the key its device gave it. ``device_at`` is what the device's clock said, ``at`` the time the
    visit counts for, ``recorded_at`` when it arrived. Append-only: the first body under a key stays."""

    __tablename__ = "offline_entries"
    __table_args__ = (
        sa.CheckConstraint("heads > 0", name="heads_positive"),
        sa.CheckConstraint("at <= recorded_at", name="not_ahead"),
    )

    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    body_hash: Mapped[bytes]
    device_at: Mapped[datetime]
    offset_ms: Mapped[int] = mapped_column(sa.BigInteger)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    service: Mapped[BasicService] = mapped_column(text_enum(BasicService))
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    heads: Mapped[int]
    with_card: Mapped[bool]
    by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
