"""Workbooks that wait to be looked at, workbooks that were loaded, and what became of their rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.stations.register.models import CoordinateSystem
from portal.types import Encrypted, new_id, text_enum


class StagedImport(db.Model):
    """A file that was sent and not loaded yet: it waits a day, encrypted, for the account that sent it."""

    __tablename__ = "staged_imports"
    __table_args__ = (sa.Index("ix_staged_imports_account_id", "account_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    file_name: Mapped[str]
    at: Mapped[datetime]
    sheet: Mapped[str | None]
    crs: Mapped[CoordinateSystem | None] = mapped_column(text_enum(CoordinateSystem))
    content_cipher: Mapped[bytes]
    preview_cipher: Mapped[bytes]

    content = Encrypted("content")
    preview = Encrypted("preview")


class StationImport(db.Model):
    """One workbook that was loaded, and what became of its rows.

    The refused rows wait here, encrypted and for thirty days, to be put right and sent again.
    """

    __tablename__ = "station_imports"
    __table_args__ = (
        sa.CheckConstraint("loaded >= 0 AND updated >= 0 AND unchanged >= 0 AND refused >= 0", name="not_negative"),
        sa.Index("ix_station_imports_union_id", "union_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    file_name: Mapped[str]
    at: Mapped[datetime]
    loaded: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    refused: Mapped[int]
    report_cipher: Mapped[bytes | None]

    report = Encrypted("report")
