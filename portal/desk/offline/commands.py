"""Taking in what a desk counted without network: each entry for itself, once, whoever sends it and however often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from portal import clock
from portal.access import By
from portal.db import db
from portal.desk.offline import rules
from portal.desk.offline.models import OfflineEntry
from portal.desk.offline.rules import Sent
from portal.desk.paper import commands as paper
from portal.desk.paper.models import DiscrepancyKind
from portal.members.workers import queries as workers
from portal.stations.recording import commands as recording
from portal.stations.register.models import Station
from portal.stations.visits.models import VisitSource


@dataclass(frozen=True)
class Taken:
    """What became of an entry: stored, before (it was here already), conflict, or unreadable. None stays in the queue."""

    key: str
    became: str


def take(*, station: Station, entry: Any, by: By) -> Taken:
    """Take in one entry, in a transaction of its own. Refuses nothing: what does not agree goes to the keeper's list."""
    sent = rules.read(entry)
    if sent is None:
        key = str(entry.get("key")) if isinstance(entry, dict) else ""  # whole, or the tablet would never let it go
        _note(station, DiscrepancyKind.UNREADABLE, f"unreadable:{rules.mark_of(entry)}", by)
        return Taken(key, "unreadable")
    now = clock.now()
    counted = rules.counted_at(sent, now)
    at = counted or now
    if not _claim(station, sent, at, now, by):
        return _again(station, sent, by)
    # A card is asked for at the device's time; where that cannot be right, as of now.
    worker = workers.find_by_card(sent.card, at=counted) if sent.card else None
    made = recording.record_visits(
        station_id=station.id, union_id=station.union_id, occupation=worker.occupation if worker else sent.occupation,
        service=sent.service, at=at, source=VisitSource.OFFLINE, by=by, count=sent.heads, worker_id=worker.id if worker else None,
    )  # fmt: skip
    visit = (made[0].visit_id, made[0].at)
    if counted is None:
        details = {"device": f"{sent.device_at.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}"}
        _note(station, DiscrepancyKind.WRONG_CLOCK, f"clock:{sent.key}", by, visit, **details)
    if sent.card and worker is None:
        _note(station, DiscrepancyKind.UNKNOWN_CARD, f"card:{sent.key}", by, visit)
        return Taken(sent.key, "conflict")
    return Taken(sent.key, "stored" if counted else "conflict")


def _claim(station: Station, sent: Sent, at: datetime, now: datetime, by: By) -> bool:
    """Put the entry down under its key; False if the key is there. Of two at once the second waits for the first."""
    values = {"station_id": station.id, "key": sent.key, "body_hash": sent.body_hash, "device_at": sent.device_at,
              "offset_ms": int(sent.offset.total_seconds() * 1000), "at": at, "recorded_at": now, "service": sent.service,
              "occupation": sent.occupation, "heads": sent.heads, "with_card": sent.card is not None,
              "by_account_id": by.id}  # fmt: skip
    statement = insert(OfflineEntry).values(**values).on_conflict_do_nothing().returning(OfflineEntry.key)
    return db.session.execute(statement).scalar_one_or_none() is not None


def _again(station: Station, sent: Sent, by: By) -> Taken:
    """The key was here: the same entry is done; another one under it is a conflict, and the first counts."""
    first = db.session.scalar(
        sa.select(OfflineEntry.body_hash).where(OfflineEntry.station_id == station.id, OfflineEntry.key == sent.key)
    )
    if first == sent.body_hash:
        return Taken(sent.key, "before")
    ref = f"key:{sent.key}:{sent.body_hash.hex()[:16]}"
    _note(station, DiscrepancyKind.KEY_REUSED, ref, by, service=sent.service.value, heads=sent.heads)
    return Taken(sent.key, "conflict")


def _note(
    station: Station, kind: DiscrepancyKind, ref: str, by: By, visit: tuple[UUID, datetime] | None = None, **details: Any
) -> None:
    paper.note_discrepancy(
        station_id=station.id, source=VisitSource.OFFLINE, kind=kind, details=details, visit=visit, ref=ref, by=by
    )
