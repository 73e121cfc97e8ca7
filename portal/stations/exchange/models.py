"""Workbooks that wait to be looked at, workbooks that were loaded, and what became of their rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.stations.register.models import CoordinateSystem
from portal.types import N_, Encrypted, Word, new_id, text_enum


class LoadStatus(Word):
    """How far the worker is with a file."""

    WAITING = "waiting", N_("Waits for its turn")
    LOADING = "loading", N_("Being loaded")
    DONE = "done", N_("Has been loaded")
    FAILED = "failed", N_("Could not be loaded")


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


class ImportJob(db.Model):
    """A staged file that the worker loads, and how far it is.

    A row beside the file, because the file's own row is locked for as long as it is being loaded: who holds that lock
    loads it, and whoever is killed gives it back by dying. This one is written meanwhile, in transactions of its own.
    """

    __tablename__ = "import_jobs"
    __table_args__ = (
        sa.CheckConstraint("done >= 0 AND done <= total", name="done_of_total"),
        sa.CheckConstraint("tries >= 0", name="tries_not_negative"),
        sa.CheckConstraint("(status = 'done') = (import_id IS NOT NULL)", name="done_leads_on"),
        sa.Index("ix_import_jobs_open", "at", postgresql_where=sa.text("status IN ('waiting', 'loading')")),
    )

    staged_id: Mapped[UUID] = mapped_column(sa.ForeignKey("staged_imports.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[LoadStatus] = mapped_column(text_enum(LoadStatus), default=LoadStatus.WAITING)
    language: Mapped[str]  # the reasons in the rows are said in it
    at: Mapped[datetime]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int]
    tries: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None]
    import_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("station_imports.id"))

    @property
    def open(self) -> bool:
        """Whether the worker has yet to finish it."""
        return self.status in OPEN


OPEN = (LoadStatus.WAITING, LoadStatus.LOADING)


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
