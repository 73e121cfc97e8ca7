"""Reads at the door: the station behind a code, and the check-ins that somebody may have made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from portal.db import db
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.stations.door.models import DoorClaim
from portal.stations.register.models import Station, StationStatus
from portal.stations.visits.models import Visit

SHOWN = 20


def get_door(code: str) -> Station:
    """The station behind the code on a door, withdrawn ones too; raises NoResultFound (404) for a planned one."""
    return db.session.scalars(sa.select(Station).where(Station.code == code, Station.status != StationStatus.PLANNED)).one()


def phones_proved(worker: Worker) -> list[bytes]:
    """The blind indexes of the phones that answered with a code; none while the worker wants no record kept."""
    if worker.unrecorded_since is not None:
        return []
    return [DoorClaim.phone.lookup(one.phone) for one in workers.list_phones(worker.id) if one.confirmed_at]


@dataclass(frozen=True)
class SelfCheckIn:
    """A check-in at a door, as its person sees it."""

    claim_id: UUID
    at: datetime
    station_name: str
    station_code: str


def _check_ins(*conditions: sa.ColumnElement[bool]) -> list[SelfCheckIn]:
    rows = db.session.execute(
        sa.select(DoorClaim.id, DoorClaim.visit_at, Station.name, Station.code)
        .join(Visit, sa.and_(Visit.id == DoorClaim.visit_id, Visit.at == DoorClaim.visit_at))
        .join(Station, Station.id == Visit.station_id)
        .where(*conditions)
        .order_by(DoorClaim.visit_at.desc(), DoorClaim.id.desc())
        .limit(SHOWN)
    )
    return [SelfCheckIn(*row) for row in rows]


def list_waiting(worker: Worker) -> list[SelfCheckIn]:
    """The check-ins left with one of the worker's proved phones: “was this you?”"""
    phones = phones_proved(worker)
    return _check_ins(DoorClaim.confirmed_at.is_(None), DoorClaim.phone_index.in_(phones)) if phones else []


def list_confirmed(worker: Worker) -> list[SelfCheckIn]:
    """The check-ins the worker said were theirs, newest first."""
    return _check_ins(DoorClaim.worker_id.in_(workers.same_person(worker.id)))


def count_waiting(phone: str) -> int:
    """How many check-ins wait for one phone."""
    return db.session.scalar(sa.select(sa.func.count()).where(DoorClaim.phone_index == DoorClaim.phone.lookup(phone)))


def is_claimed(visit_id: UUID) -> bool:
    """Whether a phone was left with a visit."""
    return db.session.scalar(sa.select(sa.exists().where(DoorClaim.visit_id == visit_id)))
