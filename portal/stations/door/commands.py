"""Changes at the door: check in without a name, take it back, leave a phone, say “that was me”."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import NoResultFound

from portal import audit, clock
from portal.access import VISITOR, By
from portal.db import db
from portal.members.workers.models import Worker
from portal.members.workers.rules import problems_with_phone
from portal.stations.door import queries, rules
from portal.stations.door.models import DoorClaim
from portal.stations.recording import commands as recording
from portal.stations.recording.commands import Recorded
from portal.stations.register.models import Station
from portal.stations.visits import commands as visits
from portal.stations.visits.models import VisitSource
from portal.types import Refused, new_id
from portal.vocabulary import BasicService, Occupation


def check_in(*, station: Station, occupation: Occupation, by: By) -> Recorded:
    """Count one stay of somebody unknown. The audit of a visit is the visit, and its source says how it came."""
    return recording.record_visits(
        station_id=station.id,
        union_id=station.union_id,
        occupation=occupation,
        service=station.default_service or BasicService.REST,
        at=clock.now(),
        source=VisitSource.SELF,
        by=by,
    )[0]


def take_back(*, station: Station, line_id: UUID, visit_id: UUID, at: datetime, by: By) -> None:
    """Take a check-in back within a minute, and with it the phone that was left. Raises Refused, CannotUndo."""
    if problems := rules.problems_with_undoing(at, clock.now()):
        raise Refused(problems)
    visits.reverse_line(
        line_id=line_id, station_code=station.code, unions=(station.union_id,), reason="taken back at the door", by=by
    )
    db.session.execute(sa.delete(DoorClaim).where(DoorClaim.visit_id == visit_id, DoorClaim.confirmed_at.is_(None)))


def claim_visit(*, visit_id: UUID, visit_at: datetime, phone: str | None, by: By) -> None:
    """Leave a phone with a check-in. It is nobody's, and uses no entitlement, until its owner confirms it.

    Raises Refused for what is no phone. A second phone for the same visit, and one for which too many wait, is passed
    over without a word: the answer must not tell whose phone is known.
    """
    if problems := problems_with_phone(phone):
        raise Refused(problems)
    if queries.count_waiting(phone) >= rules.CLAIMS_WAITING:
        return
    claim = DoorClaim(id=new_id(), visit_id=visit_id, visit_at=visit_at, claimed_at=clock.now())
    claim.phone = phone
    db.session.execute(
        insert(DoorClaim)
        .values(
            id=claim.id, visit_id=visit_id, visit_at=visit_at, claimed_at=claim.claimed_at,
            phone_cipher=claim.phone_cipher, phone_index=claim.phone_index,
        )
        .on_conflict_do_nothing(index_elements=["visit_id"])
    )  # fmt: skip


def confirm_claim(*, claim_id: UUID, worker: Worker, by: By) -> None:
    """“That was me”: it stands among what the worker received, and the phone goes. Raises NoResultFound."""
    changed = db.session.execute(
        sa.update(DoorClaim)
        .where(*_waits_for(claim_id, worker))
        .values(confirmed_at=clock.now(), worker_id=worker.id, phone_cipher=None, phone_index=None)
    ).rowcount
    if not changed:
        raise NoResultFound
    audit.record("door.confirmed", by=by, subject=("door_claims", claim_id))


def decline_claim(*, claim_id: UUID, worker: Worker, by: By) -> None:
    """“That was not me”: the claim goes, the visit stays without a name. Raises NoResultFound."""
    if not db.session.execute(sa.delete(DoorClaim).where(*_waits_for(claim_id, worker))).rowcount:
        raise NoResultFound
    audit.record("door.declined", by=by, subject=("door_claims", claim_id))


def _waits_for(claim_id: UUID, worker: Worker) -> tuple[sa.ColumnElement[bool], ...]:
    phones = queries.phones_proved(worker)
    return DoorClaim.id == claim_id, DoorClaim.confirmed_at.is_(None), DoorClaim.phone_index.in_(phones)


# Whoever checks in at a door is nobody, signed in or not: a name comes only by the owner's yes.
NOBODY = VISITOR
