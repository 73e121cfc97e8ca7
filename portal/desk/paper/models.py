"""Paper sheets entered afterwards, and what did not agree: stored all the same, listed until a person settles it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import db
from portal.stations.register.models import Station
from portal.stations.visits.models import VisitSource
from portal.types import N_, Word, new_id, text_enum
from portal.vocabulary import BasicService, Occupation


class DiscrepancyKind(Word):
    """What did not agree."""

    AGAIN_TODAY = "again_today", N_("The same service to the same person twice that day")
    OVER_QUANTITY = "over_quantity", N_("More given than there was")
    STATION_CLOSED = "station_closed", N_("The station was closed at that time")
    TOTAL_DIFFERS = "total_differs", N_("The sheet's total is not that of its rows")
    NOT_RECOGNISED = "not_recognised", N_("Nobody was recognised by what was written")
    UNKNOWN_CARD = "unknown_card", N_("The card was unknown or revoked")
    WRONG_CLOCK = "wrong_clock", N_("The tablet's clock was wrong")
    KEY_REUSED = "key_reused", N_("The same entry came twice with other contents")
    UNREADABLE = "unreadable", N_("An entry could not be read")
    DID_NOT_FIT = "did_not_fit", N_("What was given did not fit its programme")


class PaperSheet(db.Model):
    """One sheet. Its serial is printed on it and unique at its station, so the same sheet is not entered twice."""

    __tablename__ = "paper_sheets"
    __table_args__ = (
        sa.UniqueConstraint("station_id", "serial"),
        sa.CheckConstraint("total >= 0", name="total_not_negative"),
        sa.Index("ix_paper_sheets_station_id", "station_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    serial: Mapped[str] = mapped_column(sa.String(40))
    day: Mapped[date]
    total: Mapped[int | None]
    handout_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("handouts.id"))
    programme_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("programmes.id"))  # each row is then delivered as well
    entered_at: Mapped[datetime]
    by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))

    rows: Mapped[list[PaperRow]] = relationship(order_by="PaperRow.position")


class PaperRow(db.Model):
    """One row of a sheet, as it was stored; a person stands here by record only, never by what was written."""

    __tablename__ = "paper_rows"
    __table_args__ = (sa.CheckConstraint("heads > 0", name="heads_positive"),)

    sheet_id: Mapped[UUID] = mapped_column(sa.ForeignKey("paper_sheets.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    service: Mapped[BasicService] = mapped_column(text_enum(BasicService))
    heads: Mapped[int]
    worker_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("workers.id"))
    visit_id: Mapped[UUID]
    visit_at: Mapped[datetime]
    delivery_id: Mapped[UUID | None]  # of a programme's sheet


class EntryDiscrepancy(db.Model):
    """Something entered later that did not agree; ``details`` hold plain, masked values. Settled once, with a note.

    ``ref`` is unique where it is given: the same conflict sent ten times is one.
    """

    __tablename__ = "entry_discrepancies"
    __table_args__ = (
        sa.CheckConstraint("(settled_at IS NULL) = (settled_by_account_id IS NULL)", name="settled_whole"),
        sa.CheckConstraint("(visit_id IS NULL) = (visit_at IS NULL)", name="visit_whole"),
        sa.Index("uq_entry_discrepancies_ref", "station_id", "ref", unique=True, postgresql_where=sa.text("ref IS NOT NULL")),
        sa.Index("ix_entry_discrepancies_open", "station_id", "id", postgresql_where=sa.text("settled_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    source: Mapped[VisitSource] = mapped_column(text_enum(VisitSource))
    kind: Mapped[DiscrepancyKind] = mapped_column(text_enum(DiscrepancyKind))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    visit_id: Mapped[UUID | None]
    visit_at: Mapped[datetime | None]
    sheet_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("paper_sheets.id"))
    ref: Mapped[str | None] = mapped_column(sa.String(120))
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    note: Mapped[str | None]

    station: Mapped[Station] = relationship()
