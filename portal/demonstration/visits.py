"""The demonstration's visits, written as the counter would have written them: COPY into the partitions, then roll-ups.

What one visit means for the next (first ever, repeated, latest stay, latest service) follows the rules of the hot path
in `stations/visits/commands.py`; a test holds the outcome against the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.db import db
from portal.demonstration import days
from portal.demonstration.days import Planned
from portal.demonstration.people import Person
from portal.demonstration.places import Place
from portal.stations.seals import commands as seals
from portal.stations.visits import commands
from portal.stations.visits.models import RecentService, RecentStay, VisitSource

REASON = "undone at the counter"
_NULL = r"\N"
CAME_BEFORE = timedelta(seconds=40)  # a person is registered shortly before the first line
MONTHS_AHEAD = 3


@dataclass
class Service:
    """The latest time somebody received something."""

    station: str
    line_id: str
    at: int
    previous: int | None


@dataclass
class Ledger:
    """What is known so far, ids as text and moments in milliseconds since 1970, and the rows still to be copied."""

    stays: dict[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)  # visit, begun, last
    services: dict[tuple[str, str], Service] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    changed_stays: set[tuple[str, str]] = field(default_factory=set)
    changed_services: set[tuple[str, str]] = field(default_factory=set)
    visits: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    reversals: list[str] = field(default_factory=list)
    by_person: dict[int, list[tuple[str, int, Place]]] = field(default_factory=dict)
    tally: dict[tuple[str, str, date], list[int]] = field(default_factory=dict)  # visits, identified, lines

    @classmethod
    def load(cls, people: Iterable[Person]) -> Ledger:
        """What the database knows about these people's latest stays and services."""
        ledger, ids = cls(), {person.id for person in people}
        for row in db.session.execute(sa.select(RecentStay.__table__)):
            if row.worker_id in ids:
                worker, stay = (
                    row.worker_id.hex,
                    (row.visit_id.hex, _milliseconds(row.visit_at), _milliseconds(row.last_at)),
                )
                ledger.seen.add(worker)
                ledger.stays[worker, row.station_id.hex] = stay
        for row in db.session.execute(sa.select(RecentService.__table__)):
            if row.worker_id in ids:
                previous = _milliseconds(row.previous_at) if row.previous_at else None
                ledger.services[row.worker_id.hex, row.service] = Service(
                    row.station_id.hex, row.line_id.hex, _milliseconds(row.line_at), previous
                )
        return ledger

    def enter(self, visit: Planned, day: date, midnight: int) -> None:
        """Write one visit down; visits of a person come in the order of time."""
        person, place, begins = visit.person, visit.place, midnight + visit.at
        visit_id, at, station = _key(begins, visit.bits), _moment(begins), place.key
        worker, first = _NULL, False
        if person is not None:
            worker = person.key
            first = worker not in self.seen
            if first:
                self.seen.add(worker)
                person.created_at = person.created_at or _datetime(begins) - CAME_BEFORE
            self.by_person.setdefault(person.number, []).append((visit_id, begins, place))
        self.visits.append(
            f"{visit_id}\t{at}\t{station}\t{place.union_key}\t{worker}\t{visit.occupation}\t{visit.source}\t{'ft'[first]}"
        )
        account, moment, line_id, service = _NULL, begins, "", ""
        if visit.source is VisitSource.DESK and place.operators:
            account = place.operators[visit.at // 3_600_000 % len(place.operators)]
        for offset, service, bits in visit.lines:
            moment = midnight + offset
            line_id = _key(moment, bits)
            repeated = person is not None and self._give(worker, service, station, line_id, moment, midnight)
            when = at if offset == visit.at else _moment(moment)
            self.lines.append(f"{line_id}\t{when}\t{visit_id}\t{at}\t{station}\t{service}\t{'ft'[repeated]}\t{account}")
        if person is not None:
            self.stays[worker, station] = (visit_id, begins, moment)
            self.changed_stays.add((worker, station))
        self._count(visit, day)
        if visit.taken_back:
            taken_back = _moment(midnight + visit.taken_back)
            self.reversals.append(f"{line_id}\t{_moment(moment)}\t{visit_id}\t{taken_back}\t{account}\t{REASON}")
            if person is not None:
                self._take_back(worker, service)

    def _count(self, visit: Planned, day: date) -> None:
        """The roll-ups count what is left: a visit whose only line was taken back is no visit."""
        lines = len(visit.lines) - (visit.taken_back is not None)
        counts = self.tally.setdefault((visit.place.union_key, visit.place.key, day), [0, 0, 0])
        counts[0] += lines > 0
        counts[1] += lines > 0 and visit.person is not None
        counts[2] += lines

    def _give(self, worker: str, service: str, station: str, line: str, at: int, midnight: int) -> bool:
        key = (worker, service)
        before = self.services.get(key)
        self.services[key] = Service(station, line, at, before.at if before else None)
        self.changed_services.add(key)
        return before is not None and before.at >= midnight

    def _take_back(self, worker: str, service: str) -> None:
        latest = self.services[worker, service]
        if latest.previous is None:
            del self.services[worker, service]
        else:
            latest.at, latest.previous = latest.previous, None


def _key(milliseconds: int, bits: int) -> str:
    """A UUIDv7 of this moment; ``bits`` are 74 of chance."""
    return f"{milliseconds << 80 | 7 << 76 | bits >> 62 << 64 | 2 << 62 | bits & (1 << 62) - 1:032x}"


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _moment(milliseconds: int) -> str:
    """A moment as COPY reads it; by hand, because `strftime` would cost a third of the whole."""
    seconds, thousandths = divmod(milliseconds, 1000)
    days, second = divmod(seconds, 86_400)
    return f"{_day(days)} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{thousandths:03}+00"


@cache
def _day(number: int) -> str:
    return str(date(1970, 1, 1) + timedelta(days=number))


def plan_and_enter(
    ledger: Ledger, people: list[Person], since: datetime, until: datetime, seed: str, known: set[UUID] | None = None
) -> int:
    """Plan the days from one moment to another and enter the visits that end in between; answers how many.

    ``known`` are the people who are on record, when days are added to people who may have been erased since.
    """
    low, high, entered = _milliseconds(since), _milliseconds(until), 0
    for day in days.between(clock.business_day(since), clock.business_day(until)):
        midnight = _milliseconds(clock.start_of(day))
        for visit in sorted(days.plan(day, people, seed), key=lambda one: one.at):
            if not low < midnight + visit.ends <= high:
                continue
            if visit.place.shut_from is not None and day >= visit.place.shut_from:
                continue
            if known is not None and visit.person is not None and visit.person.id not in known:
                continue
            ledger.enter(visit, day, midnight)
            entered += 1
    return entered


def make_partitions(first: date) -> None:
    """Partitions from the first day on and for the months ahead, before anything is copied."""
    last = clock.first_of_month(clock.today())
    for _ in range(MONTHS_AHEAD):
        last = clock.next_month(last)
    commands.ensure_partitions(first, last)


def write(ledger: Ledger) -> None:
    """Copy what was entered, and bring roll-ups, latest stays and latest services up to date."""
    with _checked_at_once():
        _copy_all(ledger)
    _roll_up(ledger)
    _write_latest(ledger)


def _copy_all(ledger: Ledger) -> None:
    _copy("visits (id, at, station_id, union_id, worker_id, occupation, source, first_ever)", ledger.visits)
    _copy("visit_lines (id, at, visit_id, visit_at, station_id, service, repeated, by_account_id)", ledger.lines)
    _copy("visit_reversals (line_id, line_at, visit_id, at, by_account_id, reason)", ledger.reversals)


_ORPHANS = sa.text(
    """
    SELECT (SELECT count(*) FROM visits v WHERE NOT EXISTS (SELECT FROM stations s WHERE s.id = v.station_id)
               OR NOT EXISTS (SELECT FROM unions u WHERE u.id = v.union_id)
               OR v.worker_id IS NOT NULL AND NOT EXISTS (SELECT FROM workers w WHERE w.id = v.worker_id))
         + (SELECT count(*) FROM visit_lines l WHERE NOT EXISTS (
               SELECT FROM visits v WHERE v.id = l.visit_id AND v.at = l.visit_at))
         + (SELECT count(*) FROM visit_reversals r WHERE NOT EXISTS (
               SELECT FROM visit_lines l WHERE l.id = r.line_id AND l.at = r.line_at))
    """
)


@contextmanager
def _checked_at_once() -> Iterator[None]:
    """Look at the foreign keys of a whole copy in one query: row by row they cost three quarters of its time.

    Only who owns the server may do this (in our own it is us); otherwise each row is looked at as ever.
    """
    if db.session.scalar(sa.text("SELECT current_setting('is_superuser')")) != "on":
        yield
        return
    db.session.execute(sa.text("SET LOCAL session_replication_role = replica"))
    yield
    db.session.execute(sa.text("SET LOCAL session_replication_role = origin"))
    if orphans := db.session.scalar(_ORPHANS):
        raise RuntimeError(f"{orphans} copied rows refer to nothing")


def _copy(target: str, rows: list[str]) -> None:
    cursor = db.session.connection().connection.cursor()
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for start in range(0, len(rows), 5000):
            copy.write("\n".join(rows[start : start + 5000]) + "\n")


def _roll_up(ledger: Ledger) -> None:
    unions: dict[tuple[str, date], list[int]] = {}
    union_months: dict[tuple[str, date], list[int]] = {}
    station_months: dict[tuple[str, date], list[int]] = {}
    for (union, station, day), counts in ledger.tally.items():
        month = clock.first_of_month(day)
        for sums, key in ((unions, (union, day)), (union_months, (union, month)), (station_months, (station, month))):
            sums[key] = [one + other for one, other in zip(sums.get(key, (0, 0, 0)), counts, strict=True)]
    _add_up("union_days", "union_id", "day", unions)
    _add_up("union_months", "union_id", "month", union_months)
    _add_up("station_months", "station_id", "month", station_months)


def _add_up(table: str, owner: str, period: str, sums: dict[tuple[str, date], list[int]]) -> None:
    """Add to roll-ups that the counter may be writing too."""
    rows = [(*key, *counts) for key, counts in sorted(sums.items())]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 5
    names = (owner, period, "visits", "identified", "lines")
    db.session.execute(
        sa.text(
            f"""
            INSERT INTO {table} AS t ({", ".join(names)})
            SELECT * FROM unnest(CAST(:{owner} AS uuid[]), CAST(:{period} AS date[]), CAST(:visits AS int[]),
                                 CAST(:identified AS int[]), CAST(:lines AS int[]))
            ON CONFLICT ({owner}, {period}) DO UPDATE SET visits = t.visits + excluded.visits,
                identified = t.identified + excluded.identified, lines = t.lines + excluded.lines
            """
        ),
        dict(zip(names, columns, strict=True)),
    )


def _write_latest(ledger: Ledger) -> None:
    """The two small tables the counter leans on; what it wrote itself meanwhile is later and stays."""
    stays = []
    for worker, station in ledger.changed_stays:
        visit, begun, last = ledger.stays[worker, station]
        stays.append(f"{worker}\t{station}\t{visit}\t{_moment(begun)}\t{_moment(last)}")
    _merge("recent_stays", "worker_id, station_id, visit_id, visit_at, last_at", 2, stays, "last_at")
    services, gone = [], []
    for worker, service in ledger.changed_services:
        latest = ledger.services.get((worker, service))
        if latest is None:
            gone.append((worker, service))
            continue
        previous = _moment(latest.previous) if latest.previous is not None else _NULL
        services.append(f"{worker}\t{service}\t{latest.station}\t{latest.line_id}\t{_moment(latest.at)}\t{previous}")
    columns = "worker_id, service, station_id, line_id, line_at, previous_at"
    _merge("recent_services", columns, 2, services, "line_at")
    for worker, service in gone:
        db.session.execute(sa.delete(RecentService).where(RecentService.worker_id == worker, RecentService.service == service))


def _merge(table: str, columns: str, keys: int, rows: list[str], moment: str) -> None:
    names = columns.split(", ")
    db.session.execute(sa.text(f"CREATE TEMP TABLE latest ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"))
    _copy(f"latest ({columns})", rows)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[keys:])
    db.session.execute(
        sa.text(
            f"INSERT INTO {table} AS t ({columns}) SELECT {columns} FROM latest "
            f"ON CONFLICT ({', '.join(names[:keys])}) DO UPDATE SET {changes} WHERE t.{moment} <= excluded.{moment}"
        )
    )
    db.session.execute(sa.text("DROP TABLE latest"))


def seal(first: date) -> int:
    """Seal the closed days, newest first, in stretches that one look reaches; answers how many station days."""
    sealed, until = 0, clock.today()
    while until > first:
        sealed += seals.seal_days(by=SYSTEM, until=until, limit=1_000_000)
        until -= timedelta(days=40)
    return sealed
