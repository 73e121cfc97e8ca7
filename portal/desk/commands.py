"""What the counter changes beyond the hot path: serving somebody for the first time, counting things from the first-aid box."""

from __future__ import annotations

from uuid import UUID

from portal.access import By
from portal.db import db
from portal.desk import rules
from portal.desk.models import FirstAidItem, FirstAidTally
from portal.members.workers import commands as workers
from portal.stations.register.models import Station
from portal.stations.visits import commands as visits
from portal.stations.visits.commands import Logged
from portal.types import Level, Refused, new_id
from portal.vocabulary import BasicService, Occupation


def serve_newcomer(
    *,
    station_code: str,
    phone: str,
    name: str | None,
    occupation: Occupation,
    service: BasicService,
    key: str,
    unions: tuple[UUID, ...],
    another: bool = False,
    by: By,
) -> Logged:
    """Remember somebody by phone and log their first service, in one transaction; ``another``: others use it as well."""
    worker = workers.register_worker(occupation=occupation, phone=phone, name=name, another=another, by=by)
    return visits.log_visit(
        station_code=station_code,
        service=service,
        worker_id=worker.id,
        occupation=occupation,
        key=f"{key}:1"[:64],
        unions=unions,
        by=by,
        run=visits.within_transaction,
    )


def tally_item(
    *, station: Station, item: FirstAidItem, occupation: Occupation, key: str, unions: tuple[UUID, ...], by: By
) -> Logged:
    """Count one thing from the first-aid box, without a name; raises Refused where it holds alcohol and they drive."""
    red = [problem for problem in rules.problems_with_item(item, occupation) if problem.level is Level.RED]
    if red:
        raise Refused(red)
    logged = visits.log_visit(
        station_code=station.code,
        service=BasicService.FIRST_AID,
        worker_id=None,
        occupation=occupation,
        key=f"{key}:1"[:64],
        unions=unions,
        by=by,
        run=visits.within_transaction,
    )
    db.session.add(
        FirstAidTally(
            id=new_id(), at=logged.at, station_id=station.id, item=item, occupation=occupation,
            line_id=logged.line_id, line_at=logged.at,
        )
    )  # fmt: skip
    db.session.flush()
    return logged
