"""What a host's staff write down: one more, known or not."""

from __future__ import annotations

from portal import clock
from portal.access import By
from portal.desk.host import rules
from portal.members.workers.models import Worker
from portal.stations.recording.commands import Recorded, record_visits
from portal.stations.register.models import Station
from portal.stations.visits.models import VisitSource
from portal.vocabulary import Occupation


def count_one(*, station: Station, occupation: Occupation, worker: Worker | None, by: By) -> Recorded:
    """One visit with the station's usual service; of a known person it stands in their record."""
    [recorded] = record_visits(
        station_id=station.id, union_id=station.union_id, occupation=occupation, service=rules.service_of(station),
        at=clock.now(), source=VisitSource.HOST, worker_id=worker.id if worker else None, by=by,
    )  # fmt: skip
    return recorded
