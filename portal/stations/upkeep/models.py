"""Reports of what is wrong at a station, their states in one table, and every step on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.stations.register.models import Facility
from portal.types import N_, Word, new_id, text_enum


class ReportKind(Word):
    """What is wrong, as somebody before the door would say it."""

    LOCKED = "locked", N_("Locked, though it should be open")
    BROKEN = "broken", N_("Broken")
    DIRTY = "dirty", N_("Dirty")
    EXPIRED = "expired", N_("Past its date")
    OUT_OF_STOCK = "out_of_stock", N_("Used up")
    UNSAFE = "unsafe", N_("Not safe")
    OTHER = "other", N_("Something else")


K = ReportKind
# Within which time the keeper settles it. The clock begins with the first who says it.
DEADLINES: dict[ReportKind, timedelta] = {
    K.LOCKED: timedelta(hours=2),
    K.UNSAFE: timedelta(hours=2),
    K.DIRTY: timedelta(hours=24),
    K.EXPIRED: timedelta(hours=24),
    K.OUT_OF_STOCK: timedelta(hours=48),
    K.BROKEN: timedelta(hours=72),
    K.OTHER: timedelta(hours=72),
}


class ReportSource(Word):
    """Who said it first."""

    DOOR = "door", N_("Somebody at the door")
    DESK = "desk", N_("The operator")
    KEEPER = "keeper", N_("The keeper")
    INSPECTION = "inspection", N_("An inspection")


class ReportStatus(Word):
    """Where a report stands."""

    REPORTED = "reported", N_("Waiting for an answer")
    ANSWERED = "answered", N_("Being seen to")
    REPAIRED = "repaired", N_("Put right")
    UNFOUNDED = "unfounded", N_("Nothing was wrong")
    REOPENED = "reopened", N_("Opened again")


R = ReportStatus
# What may follow what; the picture in docs/states.md is drawn from this table.
TRANSITIONS: dict[ReportStatus, frozenset[ReportStatus]] = {
    R.REPORTED: frozenset({R.ANSWERED, R.REPAIRED, R.UNFOUNDED}),
    R.ANSWERED: frozenset({R.REPAIRED, R.UNFOUNDED}),
    R.REPAIRED: frozenset({R.REOPENED}),
    R.UNFOUNDED: frozenset({R.REOPENED}),
    R.REOPENED: frozenset({R.ANSWERED, R.REPAIRED, R.UNFOUNDED}),
}
OPEN_STATUSES = (R.REPORTED, R.ANSWERED, R.REOPENED)
UNANSWERED = (R.REPORTED, R.REOPENED)

IS_OPEN = "status IN ('reported', 'answered', 'reopened')"
NOTE_LENGTH = 300


class Report(db.Model):
    """One thing that is wrong at one station, said by one person or several, with the clock of its keeper.

    ``begun_at`` is when the clock began: with the first who said it, or when it was opened again.
    """

    __tablename__ = "reports"
    __table_args__ = (
        sa.CheckConstraint("said > 0", name="said_by_somebody"),
        sa.CheckConstraint("last_said_at >= reported_at AND begun_at >= reported_at", name="in_order"),
        sa.CheckConstraint("due_at > begun_at", name="due_later"),
        sa.CheckConstraint("(status IN ('reported', 'reopened')) = (answered_at IS NULL)", name="answered_has_time"),
        sa.CheckConstraint("(status IN ('repaired', 'unfounded')) = (ended_at IS NOT NULL)", name="settled_has_time"),
        sa.CheckConstraint("answered_at >= begun_at AND ended_at >= answered_at", name="times_in_order"),
        # The same thing at the same station is one report while it is open; what is “something else” is never the same.
        sa.Index(
            "uq_reports_open", "station_id", "kind", "facility", unique=True, postgresql_nulls_not_distinct=True,
            postgresql_where=sa.text(f"{IS_OPEN} AND kind <> 'other'"),
        ),
        sa.Index("ix_reports_due_at", "due_at", "id", postgresql_where=sa.text(IS_OPEN)),
        sa.Index("ix_reports_reported_at", "reported_at", "id"),
        sa.Index("ix_reports_station_id", "station_id", "reported_at", "id"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    kind: Mapped[ReportKind] = mapped_column(text_enum(ReportKind))
    facility: Mapped[Facility | None] = mapped_column(text_enum(Facility))
    source: Mapped[ReportSource] = mapped_column(text_enum(ReportSource))
    status: Mapped[ReportStatus] = mapped_column(text_enum(ReportStatus), default=ReportStatus.REPORTED)
    said: Mapped[int] = mapped_column(default=1)
    reported_at: Mapped[datetime]
    last_said_at: Mapped[datetime]
    begun_at: Mapped[datetime]
    due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class StepAction(Word):
    """What was done with a report."""

    SAID = "said", N_("Said")
    ANSWERED = "answered", N_("Answered")
    REPAIRED = "repaired", N_("Put right")
    UNFOUNDED = "unfounded", N_("Nothing was wrong")
    REOPENED = "reopened", N_("Opened again")


class ReportStep(db.Model):
    """One step of a report, for good: who said or did what, when, in which words. The database refuses changes."""

    __tablename__ = "report_steps"
    __table_args__ = (
        sa.CheckConstraint(f"char_length(note) <= {NOTE_LENGTH}", name="note_length"),
        sa.CheckConstraint("action <> 'unfounded' OR note IS NOT NULL", name="unfounded_has_reason"),
        sa.Index("ix_report_steps_report_id", "report_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    report_id: Mapped[UUID] = mapped_column(sa.ForeignKey("reports.id"))
    at: Mapped[datetime]
    by_kind: Mapped[str]
    by_id: Mapped[UUID | None]
    action: Mapped[StepAction] = mapped_column(text_enum(StepAction))
    note: Mapped[str | None]


class ReportPhoto(db.Model):
    """A photograph that came with a step. For keepers only; a year after it was taken it goes."""

    __tablename__ = "report_photos"
    __table_args__ = (sa.Index("ix_report_photos_report_id", "report_id"),)

    picture_id: Mapped[UUID] = mapped_column(sa.ForeignKey("pictures.id"), primary_key=True)
    report_id: Mapped[UUID] = mapped_column(sa.ForeignKey("reports.id"))
    step_id: Mapped[UUID] = mapped_column(sa.ForeignKey("report_steps.id"), unique=True)
    at: Mapped[datetime]
