"""Reads about reports: the keeper's list, one report with its steps, what the public may know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.pictures import Picture
from portal.stations.register import queries as register
from portal.stations.register.models import Facility, Station
from portal.stations.upkeep import rules
from portal.stations.upkeep.models import (
    OPEN_STATUSES,
    Report,
    ReportKind,
    ReportPhoto,
    ReportStatus,
    ReportStep,
    StepAction,
)
from portal.stations.upkeep.rules import Warning
from portal.types import N_, Word
from portal.unions.staff.queries import names_of_staff
from portal.unions.tree.models import Division
from portal.unions.tree.queries import within

KEEP = Permission.KEEP_STATIONS
HISTORY = timedelta(days=90)
WARNINGS_EACH = 3


class State(Word):
    """What the keeper's list is narrowed to: open ones, overdue ones, all, or one state."""

    OPEN = "open", N_("All that are open")
    OVERDUE = "overdue", N_("Overdue")
    ALL = "all", N_("All")


# --- the public and the desk ---------------------------------------------------------------------------------------


def warnings(station_ids: Collection[UUID]) -> dict[UUID, list[Warning]]:
    """What people on their way should know, by station, newest first; stations without are absent."""
    found: dict[UUID, list[Warning]] = {}
    if not station_ids:
        return found
    rows = db.session.scalars(
        sa.select(Report)
        .where(Report.station_id.in_(list(station_ids)), Report.status.in_(OPEN_STATUSES), Report.kind != ReportKind.OTHER)
        .order_by(Report.last_said_at.desc(), Report.id.desc())
    )
    for row in rows:
        known = found.setdefault(row.station_id, [])
        if rules.is_public(row.kind) and len(known) < WARNINGS_EACH:
            known.append(Warning(row.kind, row.facility, row.last_said_at, row.status, row.said))
    return found


def list_open(station_id: UUID) -> list[Report]:
    """The open reports of one station, the most urgent first."""
    return list(
        db.session.scalars(
            sa.select(Report)
            .where(Report.station_id == station_id, Report.status.in_(OPEN_STATUSES))
            .order_by(Report.due_at, Report.id)
        )
    )


def find_same(station_id: UUID, kind: ReportKind, facility: Facility | None) -> Report | None:
    """The open report of the same thing at a station; of “something else” there is never one."""
    if kind is ReportKind.OTHER:
        return None
    return db.session.scalars(
        sa.select(Report).where(
            Report.station_id == station_id,
            Report.kind == kind,
            Report.facility.is_not_distinct_from(facility),
            Report.status.in_(OPEN_STATUSES),
        )
    ).one_or_none()


def lock_station(station_id: UUID) -> None:
    """Let nobody else begin or reopen a report at this station until the transaction ends; the desk goes on."""
    db.session.execute(sa.select(Station.id).where(Station.id == station_id).with_for_update(key_share=True))


# --- the keeper's list ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A report in the list."""

    report: Report
    station: Station
    county: str
    note: str | None


_FIRST_WORDS = (
    sa.select(ReportStep.note)
    .where(ReportStep.report_id == Report.id, ReportStep.action == StepAction.SAID, ReportStep.note.is_not(None))
    .order_by(ReportStep.id)
    .limit(1)
    .correlate(Report)
    .scalar_subquery()
)


def _rows(actor: Actor, filters: Mapping[str, Any]) -> sa.Select:
    query = (
        sa.select(Report, Station, Division.name.label("county"), _FIRST_WORDS.label("note"))
        .join(Station, Station.id == Report.station_id)
        .join(Division, Division.code == Station.county_code)
        .where(within(Station.union_id, actor, KEEP))
    )
    state = filters.get("state")
    if state in (State.OPEN, State.OVERDUE):
        query = query.where(Report.status.in_(OPEN_STATUSES))
    elif isinstance(state, ReportStatus):
        query = query.where(Report.status == state)
    if state is State.OVERDUE:
        query = query.where(Report.due_at < clock.now())
    if filters.get("q"):
        query = query.where(register.matching(filters["q"]))
    if filters.get("kind"):
        query = query.where(Report.kind == filters["kind"])
    if filters.get("county"):
        query = query.where(Station.county_code == filters["county"])
    if filters.get("station_id"):
        query = query.where(Report.station_id == filters["station_id"])
    return query


def _order(state: Any) -> tuple[tuple[Any, Any], bool]:
    """Open ones by their clock, so that the overdue stand first; others newest first."""
    if state in (State.OPEN, State.OVERDUE) or state in OPEN_STATUSES:
        return (Report.due_at, Report.id), False
    return (Report.reported_at, Report.id), True


def list_reports(actor: Actor, filters: Mapping[str, Any], *, before: str | None = None, after: str | None = None) -> Slice:
    """Reports within scope as `Row`, a page at a time: open ones by their clock, otherwise the newest first."""
    columns, down = _order(filters.get("state"))
    found = keyset(
        _rows(actor, filters),
        columns,
        lambda row: tuple(getattr(row.Report, column.key) for column in columns),
        before=before,
        after=after,
        descending=down,
        scalars=False,
    )
    return Slice([Row(*row) for row in found.rows], found.before, found.after)


def rows_for_export(actor: Actor, filters: Mapping[str, Any]) -> Iterable[Row]:
    """Every match within scope in the order of the list, read in portions."""
    columns, down = _order(filters.get("state"))
    query = _rows(actor, filters).order_by(*(column.desc() if down else column for column in columns))
    for row in db.session.execute(query.execution_options(yield_per=500)):
        yield Row(*row)


def list_counties(actor: Actor) -> list[tuple[str, str]]:
    """The counties in which stations within scope stand, as (code, name)."""
    rows = db.session.execute(
        sa.select(Division.code, Division.name)
        .where(Division.code.in_(sa.select(Station.county_code).where(within(Station.union_id, actor, KEEP))))
        .order_by(Division.code)
    )
    return [(row.code, row.name) for row in rows]


@dataclass(frozen=True)
class Waiting:
    """Open reports within scope, and how many of them are overdue."""

    open: int
    overdue: int


def count_open(actor: Actor) -> Waiting:
    """What waits for this keeper."""
    row = db.session.execute(
        sa.select(sa.func.count(), sa.func.count().filter(Report.due_at < clock.now()))
        .select_from(Report)
        .join(Station, Station.id == Report.station_id)
        .where(Report.status.in_(OPEN_STATUSES), within(Station.union_id, actor, KEEP))
    ).one()
    return Waiting(*row)


# --- one report -----------------------------------------------------------------------------------------------------


def get_report(report_id: UUID, actor: Actor) -> tuple[Report, Station]:
    """A report and its station within scope; raises NoResultFound (404) outside."""
    row = db.session.execute(
        sa.select(Report, Station)
        .join(Station, Station.id == Report.station_id)
        .where(Report.id == report_id, within(Station.union_id, actor, KEEP))
    ).one()
    return row.Report, row.Station


@dataclass(frozen=True)
class Told:
    """A step as the keeper reads it: who is a name for staff, otherwise None."""

    at: datetime
    action: StepAction
    by_kind: str
    who: str | None
    note: str | None
    picture_id: UUID | None


def list_steps(report_id: UUID) -> list[Told]:
    """The steps of a report in their order, each with its photograph if there is one."""
    rows = db.session.execute(
        sa.select(ReportStep, ReportPhoto.picture_id)
        .join(ReportPhoto, ReportPhoto.step_id == ReportStep.id, isouter=True)
        .where(ReportStep.report_id == report_id)
        .order_by(ReportStep.id)
    ).all()
    names = names_of_staff({row.ReportStep.by_id for row in rows if row.ReportStep.by_kind == "staff"})
    return [Told(step.at, step.action, step.by_kind, names.get(step.by_id), step.note, picture) for step, picture in rows]


def get_photo(report_id: UUID, picture_id: UUID, actor: Actor) -> Picture:
    """A photograph of a report within scope; raises NoResultFound (404) for everybody else."""
    return db.session.scalars(
        sa.select(Picture)
        .join(ReportPhoto, ReportPhoto.picture_id == Picture.id)
        .join(Report, Report.id == ReportPhoto.report_id)
        .join(Station, Station.id == Report.station_id)
        .where(Picture.id == picture_id, Report.id == report_id, within(Station.union_id, actor, KEEP))
    ).one()


def find_report_at(station_id: UUID, report_id: UUID) -> Report | None:
    """A report of one station, without scope: for whoever has just said it."""
    return db.session.scalars(sa.select(Report).where(Report.id == report_id, Report.station_id == station_id)).one_or_none()


# --- a station's record ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """How a station did in the last ninety days: reports begun, how many were put right, and the middle time it took."""

    reports: int
    repaired: int
    median: timedelta | None
    late: int


def record_of(station_id: UUID) -> Record:
    """The ninety days until now, from the station's own reports."""
    rows = db.session.execute(
        sa.select(Report.status, Report.begun_at, Report.ended_at, Report.due_at).where(
            Report.station_id == station_id, Report.reported_at > clock.now() - HISTORY
        )
    ).all()
    repaired = [row for row in rows if row.status is ReportStatus.REPAIRED]
    late = [row for row in rows if rules.is_overdue(row.due_at, row.ended_at or clock.now())]
    return Record(len(rows), len(repaired), rules.median(row.ended_at - row.begun_at for row in repaired), len(late))
