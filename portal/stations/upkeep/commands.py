"""Changes to reports: somebody says what is wrong, the keeper answers, puts it right or finds nothing, opens it again."""

from __future__ import annotations

from typing import BinaryIO
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock, pictures
from portal.access import By
from portal.db import db
from portal.stations.register.models import Facility, Station
from portal.stations.upkeep import queries, rules
from portal.stations.upkeep.models import (
    Report,
    ReportKind,
    ReportPhoto,
    ReportSource,
    ReportStatus,
    ReportStep,
    StepAction,
)
from portal.types import N_, Problem, Refused, new_id, text


def say_fault(
    *,
    station: Station,
    kind: ReportKind,
    facility: Facility | None = None,
    note: str | None = None,
    photo: BinaryIO | None = None,
    source: ReportSource,
    said_before: frozenset[UUID] = frozenset(),
    by: By,
) -> Report:
    """Write down what somebody says is wrong. The same thing that is open already becomes one report said by several.

    ``said_before``: reports this person already said something to; they add words and photo, not another person.
    Raises Refused.
    """
    if problems := rules.problems_with_report(facility, [row.facility for row in station.facilities], note):
        raise Refused(problems)
    # Two who say the same at once: the second waits here and then finds the report of the first.
    queries.lock_station(station.id)
    moment = clock.now()
    report = queries.find_same(station.id, kind, facility)
    if report is None:
        report = Report(
            id=new_id(), station_id=station.id, kind=kind, facility=facility, source=source, said=1,
            status=ReportStatus.REPORTED, reported_at=moment, last_said_at=moment, begun_at=moment,
            due_at=rules.deadline(kind, moment),
        )  # fmt: skip
        db.session.add(report)
        db.session.flush()
    elif report.id not in said_before:
        db.session.execute(
            sa.update(Report)
            .where(Report.id == report.id)
            .values(said=Report.said + 1, last_said_at=sa.func.greatest(Report.last_said_at, moment))
            .execution_options(synchronize_session=False)
        )
        db.session.refresh(report)
    _step(report, StepAction.SAID, note, photo, by)
    audit.record("report.said", by=by, subject=report, union_id=station.union_id, what=kind.value, source=source.value)
    return report


def _step(report: Report, action: StepAction, note: str | None, photo: BinaryIO | None, by: By) -> None:
    step = ReportStep(
        id=new_id(), report_id=report.id, at=clock.now(), by_kind=by.kind, by_id=by.id, action=action, note=note
    )  # fmt: skip
    db.session.add(step)
    db.session.flush()
    if photo is not None:
        picture = pictures.keep(photo, by=by)
        db.session.add(ReportPhoto(picture_id=picture.id, report_id=report.id, step_id=step.id, at=step.at))
        db.session.flush()


def answer(*, report: Report, note: str | None = None, by: By) -> None:
    """The keeper is on it; people on their way read so. Raises Refused."""
    _go(report, ReportStatus.ANSWERED, note, None, by)


def repair(*, report: Report, note: str | None = None, photo: BinaryIO | None = None, by: By) -> None:
    """It is put right. Raises Refused."""
    _go(report, ReportStatus.REPAIRED, note, photo, by)


def find_unfounded(*, report: Report, note: str | None, photo: BinaryIO | None = None, by: By) -> None:
    """Nothing was wrong, and why. Raises Refused."""
    _go(report, ReportStatus.UNFOUNDED, note, photo, by)


def reopen(*, report: Report, note: str | None, by: By) -> None:
    """It was not settled after all; the clock begins anew. Raises Refused."""
    queries.lock_station(report.station_id)
    if queries.find_same(report.station_id, report.kind, report.facility):
        raise Refused([Problem("open_already", text(N_("The same thing is open again already; that report counts.")))])
    _go(report, ReportStatus.REOPENED, note, None, by)


def _go(report: Report, new: ReportStatus, note: str | None, photo: BinaryIO | None, by: By) -> None:
    """One transition: only from the state that was looked at, so that of two at once the second is refused."""
    seen = report.status
    if problems := rules.problems_with_step(seen, new, note):
        raise Refused(problems)
    moment = clock.now()
    changed = db.session.execute(
        sa.update(Report)
        .where(Report.id == report.id, Report.status == seen)
        .values(status=new, **_times(report, new, moment))
        .execution_options(synchronize_session=False)
    ).rowcount
    if not changed:
        raise Refused([Problem("too_late", text(N_("Somebody else was quicker. Look at the report again.")))])
    db.session.refresh(report)
    _step(report, StepAction(new.value), note, photo, by)
    union_id = db.session.scalar(sa.select(Station.union_id).where(Station.id == report.station_id))
    audit.record(f"report.{new.value}", by=by, subject=report, union_id=union_id, status=[seen.value, new.value])


def _times(report: Report, new: ReportStatus, moment) -> dict:
    """What the clock says after a transition."""
    if new is ReportStatus.REOPENED:
        return {"begun_at": moment, "due_at": rules.deadline(report.kind, moment), "answered_at": None, "ended_at": None}
    if new is ReportStatus.ANSWERED:
        return {"answered_at": moment}
    return {"answered_at": report.answered_at or moment, "ended_at": moment}
