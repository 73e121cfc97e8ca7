"""People on record twice, for whoever looks at the demonstration: likely pairs, one pair merged, one said to be two people.

And what else happens to contacts and cards: a number silent for long, a printed card for somebody without signal.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.db import db
from portal.demonstration.people import GUEST, MEMBER, Person
from portal.demonstration.places import HOME_COUNTY
from portal.members.merging import commands as merging
from portal.members.workers import commands as workers
from portal.members.workers import queries
from portal.members.workers.models import Worker, WorkerPhone
from portal.stations.recording import commands as recording
from portal.stations.register.models import Station
from portal.stations.visits.models import VisitSource
from portal.vocabulary import BasicService

PAIRS = 8


def make(crowd: list[Person], now: datetime) -> int:
    """A second record for some regulars of the demonstration's own county; answers how many. Flushes, never commits."""
    regulars = [
        person for person in crowd
        if person.county == HOME_COUNTY and person.phone and person.name and person.number not in (MEMBER, GUEST)
    ][: PAIRS + 3]  # fmt: skip
    pairs = []
    for number, person in enumerate(regulars[:PAIRS]):
        first = queries.find_worker(person.id)
        if first is not None:
            pairs.append((first, _again(person, number, _open_before(person, now - timedelta(hours=2 + number)))))
    if len(pairs) > 2:
        merging.merge(survivor=pairs[0][0], merged=pairs[0][1], keep={}, reason="演示数据：两张卡都出示了", by=SYSTEM)
        merging.say_apart(one=pairs[1][0], other=pairs[1][1], by=SYSTEM)
    _fall_silent(regulars[PAIRS:], now)
    guest = queries.find_worker(crowd[GUEST].id)
    if guest is not None:
        workers.issue_printed_card(worker=guest, by=SYSTEM)
    db.session.flush()
    return len(pairs)


def _again(person: Person, number: int, at: datetime) -> Worker:
    """The same person written down once more: by the shared phone, by another phone with the same end, or without a name."""
    phone = f"1990373{person.phone[-4:]}" if number % 3 == 1 else person.phone
    name = None if number % 3 == 2 else person.name
    with clock.stopped_at(at):
        worker = workers.register_worker(occupation=person.occupation, phone=phone, name=name, another=True, by=SYSTEM)
        door = sa.select(Station.id, Station.union_id).where(Station.code == person.haunts[0].code)
        station_id, union_id = db.session.execute(door).one()
        recording.record_visits(
            station_id=station_id, union_id=union_id, occupation=person.occupation, service=BasicService.REST, at=at,
            source=VisitSource.DESK, by=SYSTEM, worker_id=worker.id,
        )  # fmt: skip
    return worker


def _open_before(person: Person, at: datetime) -> datetime:
    """The latest hour before a moment at which the door the person goes to was open."""
    for hours in range(24 * 7):
        then = at - timedelta(hours=hours)
        local = then.astimezone(clock.SHANGHAI)
        if person.haunts[0].is_open(local.weekday(), local.hour * 60 + local.minute):
            return then
    raise ValueError(f"{person.haunts[0].code} is never open")


def _fall_silent(people: list[Person], now: datetime) -> None:
    """A few numbers led to nobody for most of a year: whoever comes with one says more than the number."""
    then = now - timedelta(days=300)
    quiet = sa.update(WorkerPhone).where(WorkerPhone.worker_id.in_([person.id for person in people]))
    db.session.execute(quiet.values(since=then, last_seen_at=then, confirmed_at=None))
