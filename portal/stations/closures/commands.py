"""Days that differ: made for one station or for many, ended before their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.closures import rules
from portal.stations.closures.rules import Plan, Run
from portal.stations.register.models import ExceptionHours, OpeningException, Station
from portal.types import Refused


@dataclass(frozen=True)
class Made:
    """For how many stations days were changed, and at how many the plan held already."""

    changed: int
    same: int


def except_days(*, stations: Sequence[Station], plan: Plan, by: By) -> Made:
    """Let a plan hold at stations; where it holds already nothing is written. Raises Refused.

    The stations' rows are locked first: of two who do the same at once the second finds it done.
    """
    if problems := rules.problems_with_plan(plan, clock.today()):
        raise Refused(problems)
    ids = [one.id for one in stations]
    db.session.execute(sa.select(Station.id).where(Station.id.in_(ids)).order_by(Station.id).with_for_update())
    for station in stations:
        db.session.expire(station, ["exceptions"])
    changed = 0
    for station in stations:
        runs = rules.runs_to_make(station, plan)
        for run in runs:
            _make(station, run, plan, by)
        changed += bool(runs)
    db.session.flush()
    return Made(changed, len(stations) - changed)


def _make(station: Station, run: Run, plan: Plan, by: By) -> None:
    station.exceptions.append(
        OpeningException(
            first_on=run.first_on,
            last_on=run.last_on,
            closed=not run.times,
            note=plan.note,
            at=clock.now(),
            by_account_id=by.id if by.kind == "staff" else None,
            hours=[ExceptionHours(opens=opens, closes=closes) for opens, closes in run.times],
        )
    )
    said = {"first_on": run.first_on, "last_on": run.last_on, "hours": rules.times_as_text(run.times), "note": plan.note}
    audit.record("station.days_excepted", by=by, subject=station, union_id=station.union_id, **said)


def end_exception(*, station: Station, exception: OpeningException, by: By) -> None:
    """From today on the weekly hours hold again; days that are over stay on record."""
    today = clock.today()
    said = {"first_on": exception.first_on, "last_on": exception.last_on, "note": exception.note}
    if exception.first_on < today:
        exception.last_on = min(exception.last_on, today - timedelta(days=1))
    else:
        station.exceptions.remove(exception)
    audit.record("station.exception_ended", by=by, subject=station, union_id=station.union_id, **said)
    db.session.flush()
