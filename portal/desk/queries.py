"""What the counter shows, put together from the rooms below."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portal import clock
from portal.access import By
from portal.members.joining import queries as joining
from portal.members.memberships import queries as memberships
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.members.workers.queries import Masked
from portal.stations.register.models import Station
from portal.stations.visits import queries as visits
from portal.stations.visits import rules
from portal.stations.visits.queries import Footprint, Line
from portal.types import Level, Problem
from portal.vocabulary import BasicService


@dataclass(frozen=True)
class Tile:
    """One service on a person's card: given already, or one tap away; the problems say what the light means."""

    service: BasicService
    given_at: datetime | None
    problems: list[Problem]

    @property
    def level(self) -> Level:
        return rules.light(self.problems)

    @property
    def tallied_only(self) -> bool:
        return not rules.names_the_person(self.service)


@dataclass
class Person:
    """Who stands at the counter."""

    id: UUID
    masked: Masked
    tiles: list[Tile]
    footprint: Footprint
    membership_number: str | None
    inviting: list[Problem] = field(default_factory=list)

    @property
    def served_today(self) -> bool:
        return any(tile.given_at for tile in self.tiles)

    @property
    def invitable(self) -> bool:
        """Afterwards, and only afterwards."""
        return self.served_today and not self.inviting


def person(worker: Worker, station: Station) -> Person:
    """A person's card at one station."""
    given = visits.list_given_today(worker.id)
    given_at = {one.service: one.at for one in given}
    tiles = [
        Tile(service, given_at.get(service), rules.problems_with_serving(service, station.status, given))
        for service in station.offered
    ]
    membership = memberships.find_membership(worker.id)
    return Person(
        worker.id,
        workers.masked(worker),
        tiles,
        visits.footprint(worker.id),
        membership.number if membership else None,
        joining.problems_with_inviting(worker.id),
    )


@dataclass
class Counter:
    """The counter's state: who stands there, what was just logged and can be taken back."""

    person: Person | None = None
    line: Line | None = None
    undoing: list[Problem] = field(default_factory=list)


def counter(station: Station, *, line_id: UUID | None, by: By) -> Counter:
    """The counter after a line was logged; without one it is empty."""
    line = visits.find_line(station.id, line_id) if line_id else None
    if not line:
        return Counter()
    undoing = rules.problems_with_undoing(line.at, own=line.by_account_id == by.id, reversed_already=line.undone, now=clock.now())
    worker = workers.find_worker(line.worker_id) if line.worker_id else None
    return Counter(person(worker, station) if worker else None, line, undoing)
