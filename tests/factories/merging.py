"""Builders of people on record twice: two records, met at a station, that a rule finds alike."""

from __future__ import annotations

from datetime import datetime

from portal import clock
from portal.access import SYSTEM
from portal.db import db
from portal.members.merging import commands
from portal.members.merging.models import WorkerMerge
from portal.members.workers.models import Worker
from portal.stations.register.models import Station
from portal.stations.visits import commands as visits
from portal.types import new_id
from portal.vocabulary import BasicService, Occupation
from tests.factories.workers import make_phone, make_worker


def serve(worker: Worker, station: Station, service: BasicService = BasicService.REST, at: datetime | None = None):
    """One service at a station, by the real door."""
    with clock.stopped_at(at or clock.now()):
        logged = visits.log_visit(
            station_code=station.code, service=service, worker_id=worker.id, occupation=Occupation.OTHER,
            key=new_id().hex, unions=(station.union_id,), by=SYSTEM, run=visits.within_transaction,
        )  # fmt: skip
    db.session.commit()
    return logged


def make_pair(station: Station, *, name: str = "李志强", other_name: str | None = None, phone: str | None = None):
    """Two records with one phone and one family name, both served at a station."""
    phone = phone or make_phone()
    pair = make_worker(phone=phone, name=name), make_worker(phone=phone, name=other_name or name)
    for worker in pair:
        serve(worker, station)
    return pair


def make_merge(station: Station, *, name: str = "李志强") -> WorkerMerge:
    """Two records that were put together."""
    survivor, merged = make_pair(station, name=name)
    done = commands.merge(survivor=survivor, merged=merged, keep={}, reason="both cards shown", by=SYSTEM)
    db.session.commit()
    return done
