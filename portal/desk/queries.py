"""What the counter shows, put together from the rooms below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from portal import clock, geo
from portal.access import Actor, By
from portal.db import db
from portal.desk import rules
from portal.desk.giving import queries as giving
from portal.desk.models import FirstAidItem
from portal.desk.shifts import queries as shifts
from portal.members.joining import queries as joining
from portal.members.memberships import queries as memberships
from portal.members.merging import queries as merging
from portal.members.merging.rules import Likeness, ordered
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker, WorkerPhone
from portal.members.workers.queries import Masked
from portal.stations.register.models import SERVING_STATUSES, Facility, Station, StationFacility
from portal.stations.upkeep import queries as upkeep
from portal.stations.visits import queries as visits
from portal.stations.visits import rules as visit_rules
from portal.stations.visits.queries import Footprint, Line, Met
from portal.stations.visits.rules import Given
from portal.types import N_, Level, Problem, Text, text
from portal.vocabulary import BasicService, Occupation
from portal.welfare.bookings import queries as bookings

MOST_MATCHES = 10  # then: type more


# --- the light -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """Of whom, where, about what and when the light is asked; ``given`` is what the person had today already."""

    worker_id: UUID | None
    station: Station
    services: Sequence[BasicService]
    at: datetime
    given: Sequence[Given] = ()


Answers = dict[BasicService, list[Problem]]
# Rooms that know more (entitlements, stock) add their own here; each answers for all asked services at once.
sources: list[Callable[[Asked], Answers]] = []


def _of_stations(asked: Asked) -> Answers:
    """What the station itself says: not offered, not in service, had today, a facility reported."""
    reports = [(one.kind, one.facility, one.begun_at) for one in upkeep.list_open(asked.station.id)]
    return {
        service: [
            *rules.problems_with_offer(service, asked.station.offered),
            *visit_rules.problems_with_serving(service, asked.station.status, list(asked.given)),
            *rules.problems_with_facilities(service, reports),
        ]
        for service in asked.services
    }


sources.append(_of_stations)


def problems_for(worker_id: UUID | None, station: Station, services: Sequence[BasicService], at: datetime) -> Answers:
    """What every room says about giving each of these services to this person, here and now; the light is drawn from it."""
    given = visits.list_given_today(worker_id) if worker_id else []
    asked = Asked(worker_id, station, services, at, given)
    found: Answers = {service: [] for service in services}
    for source in sources:
        for service, problems in source(asked).items():
            found[service].extend(problems)
    return found


# --- who stands there ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    """One service on a person's card: given already, or one tap away; the problems say what the light means."""

    service: BasicService
    given_at: datetime | None
    problems: list[Problem]
    just_now: bool = False

    @property
    def level(self) -> Level:
        return rules.light(self.problems)

    @property
    def tallied_only(self) -> bool:
        return not visit_rules.names_the_person(self.service)


@dataclass
class Person:
    """Who stands at the counter."""

    id: UUID
    masked: Masked
    tiles: list[Tile]
    footprint: Footprint
    membership_number: str | None
    inviting: list[Problem] = field(default_factory=list)
    twins: list[Twin] = field(default_factory=list)

    @property
    def served_today(self) -> bool:
        return any(tile.given_at for tile in self.tiles)

    @property
    def invitable(self) -> bool:
        """Afterwards, and only afterwards."""
        return self.served_today and not self.inviting

    @property
    def askable(self) -> bool:
        """Nothing stands against an invitation but that nobody asked yet whether the union may contact them."""
        return self.served_today and [problem.code for problem in self.inviting] == ["no_consent"]


def person(worker: Worker, station: Station) -> Person:
    """A person's card at one station."""
    now = clock.now()
    # What a scan gives stands first: at noon that is what nearly everybody gets.
    offered = sorted(station.offered, key=lambda service: service is not station.default_service)
    given_at = {one.service: one.at for one in visits.list_given_today(worker.id)}
    problems = problems_for(worker.id, station, offered, now)
    tiles = [
        Tile(service, at := given_at.get(service), problems[service], bool(at and now - at < visit_rules.SAME_TAP))
        for service in offered
    ]
    membership = memberships.find_membership(worker.id)
    return Person(
        worker.id,
        workers.masked(worker),
        tiles,
        visits.footprint(worker.id),
        membership.number if membership else None,
        joining.problems_with_inviting(worker.id),
        list_twins(worker.id),
    )


@dataclass
class Counter:
    """The counter's state: who stands there, what was just logged, and the last thing that can be taken back."""

    person: Person | None = None
    line: Line | None = None
    undoing: list[Problem] = field(default_factory=list)
    last: Line | None = None


def _undoing(line: Line, by: By) -> list[Problem]:
    return visit_rules.problems_with_undoing(
        line.at, own=line.by_account_id == by.id, reversed_already=line.undone, now=clock.now()
    )


def find_last(station: Station, by: By) -> Line | None:
    """The newest line this operator may still take back."""
    return next((line for line in visits.list_lines_of_today(station.id) if not _undoing(line, by)), None)


def counter(station: Station, *, line_id: UUID | None, by: By) -> Counter:
    """The counter after a line was logged; without one it holds the last line that can be taken back."""
    line = visits.find_line(station.id, line_id) if line_id else None
    if not line:
        return Counter(last=find_last(station, by))
    worker = workers.find_worker(line.worker_id) if line.worker_id else None
    return Counter(person(worker, station) if worker else None, line, _undoing(line, by))


def counter_of(worker: Worker | None, station: Station, by: By) -> Counter:
    """The counter with somebody's card, and the last line that can be taken back."""
    return Counter(person(worker, station) if worker else None, last=find_last(station, by))


def with_programmes(station: Station, counter: Counter, by: By, *, given: giving.Given | None) -> giving.Giving:
    """What programmes add to the counter; the bar below the card shows the newer of line and hand-over."""
    found = giving.look(station, counter.person.id if counter.person else None, by, given=given)
    line = counter.line or counter.last
    if found.given and not given and line and (counter.line or line.at > found.given.at):
        return replace(found, given=None)
    return found


def list_recent(station: Station, *, handed: bool, limit: int = 8) -> list[Line | giving.Given]:
    """What stands beside the counter: the newest lines and, where programmes are given, hand-overs."""
    found = [*visits.list_lines_of_today(station.id, limit=limit), *(giving.list_given(station.id, limit) if handed else ())]
    return sorted(found, key=lambda one: one.at, reverse=True)[:limit]


# --- finding somebody ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """Somebody who may be meant: masked, why they fit, when and where they were seen last."""

    masked: Masked
    why: Text | None = None
    last: Met | None = None
    doubtful: bool = False


@dataclass(frozen=True)
class Matches:
    """What the one field found. An exact key (card, phone, id_number) finds anyone; tail and name only people met."""

    kind: str
    people: list[Match] = field(default_factory=list)
    more: bool = False
    problem: Problem | None = None

    @property
    def exact(self) -> bool:
        return self.kind in ("card", "phone", "id_number", "booking")

    def find(self, worker_id: UUID) -> Match | None:
        """One of those found; nobody else can be chosen."""
        return next((one for one in self.people if one.masked.id == worker_id), None)


def find_people(typed: str, actor: Actor, *, station_code: str | None = None, station: Station | None = None) -> Matches:
    """Whom the field's text means: a whole key first, then the last four digits or a name among those met within scope.

    With ``station`` also the code of a booking, if it is for there and today; otherwise it says for where and when it is.
    """
    found = workers.find_by_key(typed)
    if not found.workers and station and rules.may_be_booking(typed):
        return _booked(typed, station)
    if found.workers or found.kind in ("card", "phone"):
        shown = workers.list_masked(found.workers)
        return Matches(found.kind, [Match(one, doubtful=one.id in found.doubts) for one in shown])
    if tail := rules.tail_of(typed):
        met = visits.list_met(actor, tail_index=WorkerPhone.tail_lookup(tail), station_code=station_code)
        return _met("tail", met, text(N_("phone ends in %(tail)s"), tail=tail))
    name = rules.name_of(typed)
    if name and len(name) < rules.NAME_SIGNS:
        return Matches("name", more=True)
    if name:
        return _met("name", visits.list_met(actor, name=name, station_code=station_code), text(N_("name begins like this")))
    return Matches(found.kind)


def _booked(typed: str, station: Station) -> Matches:
    """Whose booking has this code."""
    booking, problems = bookings.look_up_code(typed, station_id=station.id, on=clock.today())
    worker = workers.find_worker(booking.worker_id) if booking and not problems else None
    people = [Match(workers.masked(worker))] if worker else []
    return Matches("booking", people, problem=None if people else problems[0])


def _met(kind: str, met: list[Met], why: Text) -> Matches:
    seen: dict[UUID, Met] = {}
    people = []
    for one in met[:MOST_MATCHES]:
        worker = workers.find_worker(one.worker_id)  # of a merged record its survivor, so two lines may be one person
        if worker and worker.id not in seen:
            seen[worker.id] = one
            people.append(worker)
    matches = [Match(masked, why, seen[masked.id]) for masked in workers.list_masked(people)]
    return Matches(kind, matches, more=len(met) > MOST_MATCHES)


@dataclass(frozen=True)
class Twin:
    """A record that may be the same person's, and why."""

    id: UUID
    why: Likeness


_TWINS = sa.text(
    """
    SELECT DISTINCT b.id, CASE WHEN left(a.name, 1) = left(b.name, 1) THEN 'phone_surname' ELSE 'phone_nameless' END AS why
    FROM workers a JOIN worker_phones x ON x.worker_id = a.id AND x.until IS NULL
    JOIN worker_phones y ON y.phone_index = x.phone_index AND y.until IS NULL AND y.worker_id <> a.id
    JOIN workers b ON b.id = y.worker_id AND b.merged_into_id IS NULL
    WHERE a.id = :worker AND (left(a.name, 1) = left(b.name, 1)
        OR ((a.name IS NULL OR b.name IS NULL) AND a.occupation = b.occupation))
    ORDER BY b.id LIMIT 3
    """
)


def list_twins(worker_id: UUID) -> list[Twin]:
    """Who may be on record twice, by the phone both use; never those of whom somebody said that they are two people."""
    twins = [Twin(row.id, Likeness(row.why)) for row in db.session.execute(_TWINS, {"worker": worker_id})]
    apart = merging.said_apart([worker_id, *(twin.id for twin in twins)]) if twins else set()
    return [twin for twin in twins if ordered(worker_id, twin.id) not in apart]


# --- health --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aed:
    """Where the nearest defibrillator is: here, or at another station (metres only where both points are known)."""

    station: Station
    here: bool
    metres: int | None = None


def find_aed(station: Station) -> Aed | None:
    """The AED of this station, otherwise of the nearest serving one in the county."""
    if any(row.facility is Facility.AED for row in station.facilities):
        return Aed(station, here=True)
    others = db.session.scalars(
        sa.select(Station)
        .join(StationFacility, StationFacility.station_id == Station.id)
        .where(
            StationFacility.facility == Facility.AED,
            Station.county_code == station.county_code,
            Station.status.in_(SERVING_STATUSES),
            Station.id != station.id,
        )
        .order_by(Station.code)
        .limit(200)
    )
    known = [Aed(one, here=False, metres=_metres(station, one)) for one in others]
    return min(known, key=lambda one: (one.metres is None, one.metres or 0, one.station.code), default=None)


def _metres(one: Station, other: Station) -> int | None:
    if one.lat is None or other.lat is None:
        return None
    points = [geo.convert((float(s.lat), float(s.lng)), s.crs.value, geo.WGS84) for s in (one, other)]
    return round(geo.distance_m(*points[0], *points[1]))


def count_items_of_today(station_id: UUID) -> list[tuple[FirstAidItem, int]]:
    """What went out of the first-aid box today, by item; what was taken back does not count."""
    begins, ends = clock.day_bounds(clock.today())
    rows = db.session.execute(
        sa.text(
            """
            SELECT t.item, count(*) AS count FROM first_aid_tallies t
            WHERE t.station_id = :station AND t.at >= :begins AND t.at < :ends
              AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = t.line_id)
            GROUP BY t.item ORDER BY count(*) DESC, t.item
            """
        ),
        {"station": station_id, "begins": begins, "ends": ends},
    )
    return [(FirstAidItem(row.item), row.count) for row in rows]


def list_items_for(occupation: Occupation) -> list[tuple[FirstAidItem, list[Problem]]]:
    """The whole box, with what stands against each thing for somebody of this occupation."""
    return [(item, rules.problems_with_item(item, occupation)) for item in FirstAidItem]


# --- the day -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Note:
    """One line that somebody wrote for those who come after: what is left, what runs out, what to mind."""

    words: str
    at: datetime


def list_notes(station: Station) -> list[Note]:
    """What the handovers of today and yesterday say, newest first."""
    today = clock.today()
    handed = (row.shift for row in shifts.list_shifts(station, first=today - timedelta(days=1), last=today, limit=10).rows)
    return [Note(words, shift.ended_at) for shift in handed if shift.ended_at for words in (*shift.left, shift.notes) if words]


@dataclass(frozen=True)
class Correction:
    """Who took a line back, when, and why."""

    by_name: str
    at: datetime
    reason: str


def corrections_of(lines: Sequence[Line]) -> dict[UUID, Correction]:
    """For the lines that were taken back: who and why."""
    undone = [line.id for line in lines if line.undone]
    if not undone:
        return {}
    rows = db.session.execute(
        sa.text(
            """
            SELECT r.line_id, r.at, r.reason, coalesce(a.name, '') AS name FROM visit_reversals r
            LEFT JOIN accounts a ON a.id = r.by_account_id WHERE r.line_id = ANY(CAST(:lines AS uuid[]))
            """
        ),
        {"lines": undone},
    )
    return {row.line_id: Correction(row.name, row.at, row.reason) for row in rows}


def correctable(lines: Sequence[Line], by: By, *, keeper: bool) -> set[UUID]:
    """The lines of the day this person may correct with a reason: their own, or all for who keeps the station."""
    return {line.id for line in lines if not line.undone and (keeper or line.by_account_id == by.id)}
