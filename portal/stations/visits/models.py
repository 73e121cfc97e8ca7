"""Visits by monthly partition, their service lines, reversals and roll-ups.

A visit is worker × station × stay; what was given are its lines. Rows are append-only (the database refuses UPDATE and
DELETE): a mistake is reversed by a row of its own. `recent_stays` and `recent_services` are the two small tables whose
rows are locked to tell a double tap from a second service; `union_days`, `union_months`, `station_months` are roll-ups
of visits and lines only — people are never added up.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Word, new_id, text_enum
from portal.vocabulary import BasicService, Occupation


class VisitSource(Word):
    """How a visit came to be on record."""

    DESK = "desk", N_("At the desk")
    SELF = "self", N_("Self check-in")
    PAPER = "paper", N_("From a paper sheet")
    OFFLINE = "offline", N_("Entered without network")
    GROUP = "group", N_("Group visit")
    HANDOUT = "handout", N_("Hand-out to many")
    HOST = "host", N_("At a host's counter")


class Visit(db.Model):
    """One stay of one person, known or not, at one station. ``recorded_at`` is when it was written down, where that was
    later than the stay itself (paper, no network); empty means at once."""

    __tablename__ = "visits"
    __table_args__ = (
        sa.Index("ix_visits_station_id", "station_id", sa.text("at DESC"), sa.text("id DESC")),
        sa.Index(
            "ix_visits_worker_id", "worker_id", sa.text("at DESC"), sa.text("id DESC"),
            postgresql_where=sa.text("worker_id IS NOT NULL"),
        ),
        sa.Index("ix_visits_at", "at", postgresql_using="brin"),
        sa.CheckConstraint("NOT first_ever OR worker_id IS NOT NULL", name="first_needs_a_person"),
        sa.CheckConstraint("recorded_at > at", name="recorded_later"),
        {"postgresql_partition_by": "RANGE (at)"},
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    worker_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("workers.id"))
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    source: Mapped[VisitSource] = mapped_column(text_enum(VisitSource))
    first_ever: Mapped[bool]
    recorded_at: Mapped[datetime | None]


class VisitLine(db.Model):
    """One service given during a visit. ``repeated`` marks the same service to the same person later that day."""

    __tablename__ = "visit_lines"
    __table_args__ = (
        sa.ForeignKeyConstraint(["visit_id", "visit_at"], ["visits.id", "visits.at"]),
        sa.CheckConstraint("recorded_at > at", name="recorded_later"),
        sa.Index("ix_visit_lines_visit_id", "visit_id"),
        sa.Index("ix_visit_lines_recorded_at", "recorded_at", postgresql_where=sa.text("recorded_at IS NOT NULL")),
        sa.Index("ix_visit_lines_station_id", "station_id", sa.text("at DESC"), sa.text("id DESC")),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    visit_id: Mapped[UUID]
    visit_at: Mapped[datetime]
    station_id: Mapped[UUID]
    service: Mapped[BasicService] = mapped_column(text_enum(BasicService))
    repeated: Mapped[bool]
    by_account_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime | None]


class VisitReversal(db.Model):
    """A line that was given by mistake and taken back: once, by somebody, for a reason."""

    __tablename__ = "visit_reversals"
    __table_args__ = (sa.ForeignKeyConstraint(["line_id", "line_at"], ["visit_lines.id", "visit_lines.at"]),)

    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_at: Mapped[datetime]
    visit_id: Mapped[UUID] = mapped_column(index=True)
    at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    reason: Mapped[str]


class RecentStay(db.Model):
    """The latest stay of a person at a station: a second service within it belongs to the same visit."""

    __tablename__ = "recent_stays"

    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"), primary_key=True)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"), primary_key=True)
    visit_id: Mapped[UUID]
    visit_at: Mapped[datetime]
    last_at: Mapped[datetime]


class RecentService(db.Model):
    """The latest time a person received a service: within minutes it is the same one, later that day a repeat."""

    __tablename__ = "recent_services"

    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"), primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    station_id: Mapped[UUID]
    line_id: Mapped[UUID]
    line_at: Mapped[datetime]
    previous_at: Mapped[datetime | None]


class UnionDay(db.Model):
    """Visits and lines of the stations directly under a union on a business day."""

    __tablename__ = "union_days"
    __table_args__ = (sa.CheckConstraint("visits >= 0 AND identified >= 0 AND lines >= 0", name="not_negative"),)

    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    visits: Mapped[int]
    identified: Mapped[int]
    lines: Mapped[int]


class UnionMonth(db.Model):
    """The same by month; ``month`` is its first day."""

    __tablename__ = "union_months"
    __table_args__ = (sa.CheckConstraint("visits >= 0 AND identified >= 0 AND lines >= 0", name="not_negative"),)

    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    visits: Mapped[int]
    identified: Mapped[int]
    lines: Mapped[int]


class StationMonth(db.Model):
    """Visits and lines of a station by month."""

    __tablename__ = "station_months"
    __table_args__ = (sa.CheckConstraint("visits >= 0 AND identified >= 0 AND lines >= 0", name="not_negative"),)

    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    visits: Mapped[int]
    identified: Mapped[int]
    lines: Mapped[int]


# (table, whose, of which period), in the order in which whoever writes visits locks them: a tap, an entry, an undo.
ROLL_UPS = (("station_months", "station", "month"), ("union_months", "union", "month"), ("union_days", "union", "day"))
