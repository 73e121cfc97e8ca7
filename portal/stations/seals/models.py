"""The seal of a closed day; the database refuses to change one."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db


class DaySeal(db.Model):
    """The digest over a station's visits of a closed business day.

    Part 0 covers what stood there when the day was sealed; lines that came in later for that day (paper, no network)
    are sealed by parts 1, 2, … of their own, each chained to the one before. A line belongs to the first part whose
    ``sealed_at`` is not before its ``recorded_at``.
    """

    __tablename__ = "day_seals"

    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default=sa.text("0"))
    lines: Mapped[int]
    digest: Mapped[bytes]
    sealed_at: Mapped[datetime]
