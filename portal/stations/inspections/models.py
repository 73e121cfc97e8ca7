"""Checklists with their versions, and inspections: a date, an inspector, an answer to every item, two signatures."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import db
from portal.types import N_, Encrypted, Word, new_id, text_enum

ITEM_LENGTH = 200
NOTE_LENGTH = 300


class Checklist(db.Model):
    """One version of a checklist of a union; the unions beneath use it too.

    A version that was used is never changed: a change makes the next version, which points to the one before it.
    """

    __tablename__ = "checklists"
    __table_args__ = (
        sa.CheckConstraint("version > 0 AND (version = 1) = (previous_id IS NULL)", name="version_follows"),
        sa.Index("ix_checklists_union_id", "union_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    title: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    previous_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("checklists.id"), unique=True)
    created_at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    # Set when a newer version took its place, or when it is no longer wanted.
    closed_at: Mapped[datetime | None]

    items: Mapped[list[ChecklistItem]] = relationship(order_by="ChecklistItem.position", lazy="selectin")


class ChecklistItem(db.Model):
    """One thing to look at. The database refuses to change it; one that was answered cannot be taken away."""

    __tablename__ = "checklist_items"
    __table_args__ = (
        sa.CheckConstraint(f"char_length(says) BETWEEN 1 AND {ITEM_LENGTH}", name="says_length"),
        sa.UniqueConstraint("checklist_id", "position"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    checklist_id: Mapped[UUID] = mapped_column(sa.ForeignKey("checklists.id"))
    position: Mapped[int]
    says: Mapped[str]


class Outcome(Word):
    """How an item stands."""

    MET = "met", N_("Met")
    NOT_MET = "not_met", N_("Not met")
    NOT_APPLICABLE = "not_applicable", N_("Does not apply")


class Inspection(db.Model):
    """A look at one station by one checklist: one station, one sheet, two signatures. Append-only."""

    __tablename__ = "inspections"
    __table_args__ = (
        sa.CheckConstraint(f"char_length(note) <= {NOTE_LENGTH}", name="note_length"),
        sa.Index("ix_inspections_station_id", "station_id", "inspected_on", "id"),
        sa.Index("ix_inspections_inspected_on", "inspected_on", "id"),
        sa.Index("ix_inspections_checklist_id", "checklist_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    checklist_id: Mapped[UUID] = mapped_column(sa.ForeignKey("checklists.id"))
    inspected_on: Mapped[date]
    unannounced: Mapped[bool]
    # The name that the station's person signed with.
    signature_cipher: Mapped[bytes | None]
    note: Mapped[str | None]
    at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))

    signature = Encrypted("signature")


class InspectionAnswer(db.Model):
    """How one item stood, perhaps with words and a photograph. Append-only."""

    __tablename__ = "inspection_answers"
    __table_args__ = (sa.CheckConstraint(f"char_length(note) <= {NOTE_LENGTH}", name="note_length"),)

    inspection_id: Mapped[UUID] = mapped_column(sa.ForeignKey("inspections.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("checklist_items.id"), primary_key=True)
    outcome: Mapped[Outcome] = mapped_column(text_enum(Outcome))
    note: Mapped[str | None]
    picture_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("pictures.id"))


class Finding(db.Model):
    """The report that followed from an item that was not met: one at the most."""

    __tablename__ = "inspection_findings"
    __table_args__ = (
        sa.ForeignKeyConstraint(["inspection_id", "item_id"], ["inspection_answers.inspection_id", "inspection_answers.item_id"]),
        sa.Index("ix_inspection_findings_report_id", "report_id"),
    )

    inspection_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    report_id: Mapped[UUID] = mapped_column(sa.ForeignKey("reports.id"))
