"""What the counter changes beyond the hot path: serving somebody for the first time."""

from __future__ import annotations

from uuid import UUID

from portal.access import By
from portal.members.workers import commands as workers
from portal.stations.visits import commands as visits
from portal.stations.visits.commands import Logged
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
    by: By,
) -> Logged:
    """Remember somebody by phone and log their first service, in one transaction."""
    worker = workers.register_worker(occupation=occupation, phone=phone, name=name, by=by)
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
