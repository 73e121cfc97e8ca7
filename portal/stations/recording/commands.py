"""Entries: what was given is written down at its own time, in the caller's transaction, and nothing is refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db
from portal.stations.recording import queries, rules
from portal.stations.seals import queries as seals
from portal.stations.visits.commands import NoSuchWorker
from portal.stations.visits.models import ROLL_UPS, RecentStay, Visit, VisitLine, VisitSource
from portal.stations.visits.rules import names_the_person
from portal.types import new_id
from portal.vocabulary import BasicService, Occupation


@dataclass(frozen=True)
class Entry:
    """Something given, to be written down: to ``count`` people of an occupation, or to one known person."""

    station_id: UUID
    union_id: UUID
    occupation: Occupation
    service: BasicService
    at: datetime
    source: VisitSource
    count: int = 1
    worker_id: UUID | None = None


@dataclass(frozen=True)
class Recorded:
    """A line that stands, and its visit; ``at`` is the visit's, so that (visit_id, at) refers to it. ``fresh`` is False
    when the same had been given to the same person within minutes and that line counts."""

    visit_id: UUID
    at: datetime
    line_id: UUID
    line_at: datetime
    fresh: bool = True
    repeated: bool = False
    worker_id: UUID | None = None


def record_visits(
    *, station_id: UUID, union_id: UUID, occupation: Occupation, service: BasicService, at: datetime, source: VisitSource,
    by: By, count: int = 1, worker_id: UUID | None = None,
) -> list[Recorded]:  # fmt: skip
    """Write down ``count`` visits with one line each, or one line for a known person; see `record_entries`."""
    entry = Entry(station_id, union_id, occupation, service, at, source, count, worker_id)
    return record_entries(entries=[entry], by=by)[0]


def record_entries(*, entries: Sequence[Entry], by: By) -> list[list[Recorded]]:
    """Write down what was given at its own time, in the caller's transaction; answers what stands for each entry.

    Nothing is refused: a day that is sealed already gets a further part. For a known person the rules of a tap hold
    (same tap, stay, repeated); one who withdrew the consent to a record, and a service that is never named, is counted
    without the person. Rows are locked in the order of the hot path, each kind sorted, so that neither two batches nor
    a batch and a tap wait for each other crosswise. Raises ValueError for a moment to come or a count that is none.
    """
    moment = clock.now()
    for entry in entries:
        if entry.at > moment or entry.count < 1 or (entry.worker_id and entry.count != 1):
            raise ValueError("an entry lies in the past, for one known person or for some of an occupation")
    people = _people(entries)
    late = _recorded_at(entries, moment)
    named = [n for n, entry in enumerate(entries) if entry.worker_id and people[entry.worker_id].recorded
             and names_the_person(entry.service)]  # fmt: skip
    known = _hold([entries[n] for n in named])
    answers: list[list[Recorded]] = [[] for _ in entries]
    ups: Counter[tuple[UUID, UUID, date, str]] = Counter()
    for n in sorted(range(len(entries)), key=lambda n: entries[n].at):
        entry, recorded_at = entries[n], late[n]
        if n in named:
            first_ever = entry.worker_id not in known
            known.add(entry.worker_id)
            answers[n] = [_record_known(entry, people[entry.worker_id].occupation, first_ever, recorded_at, by, ups)]
        else:
            occupation = people[entry.worker_id].occupation if entry.worker_id else entry.occupation
            answers[n] = _record_unnamed(entry, occupation, recorded_at, by, ups)
    _roll_up_all(ups)
    return answers


def _people(entries: Sequence[Entry]) -> dict[UUID, Any]:
    """Occupation and consent of everybody named. Raises NoSuchWorker."""
    ids = {entry.worker_id for entry in entries if entry.worker_id}
    rows = db.session.execute(
        sa.text("SELECT id, occupation, unrecorded_since IS NULL AS recorded FROM workers WHERE id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": list(ids)},
    )
    people = {row.id: row for row in rows}
    if ids - set(people):
        raise NoSuchWorker
    return people


def _recorded_at(entries: Sequence[Entry], moment: datetime) -> list[datetime | None]:
    """When each entry is written down, None for at once. An entry for a day that is over keeps the sealing out until its
    transaction ends, and counts as written after that day's last seal whatever the clocks say."""
    today, late = clock.business_day(moment), []
    days = [clock.business_day(entry.at) for entry in entries]
    if any(day < today for day in days):
        seals.hold_back()
    for entry, day in zip(entries, days, strict=True):
        if day == today:
            late.append(None if moment - entry.at <= rules.AT_ONCE else moment)
        else:
            last = seals.last_sealed_at(entry.station_id, day)
            late.append(max(moment, last + timedelta(microseconds=1)) if last else moment)
    return late


def _hold(entries: list[Entry]) -> set[UUID]:
    """Lock the guards of double tap and stay of everybody named; answers who had been here before. A guard that is not
    there yet is made, so old that it says nothing."""
    ids = {entry.worker_id for entry in entries}
    stays = sa.select(RecentStay.worker_id).where(RecentStay.worker_id.in_(ids))
    before = set(db.session.scalars(stays)) if ids else set()
    old = {"old": _EPOCH, "none": new_id()}
    guard = sa.text(
        "INSERT INTO recent_services AS r (worker_id, service, station_id, line_id, line_at) "
        "VALUES (:worker, :of, :none, :none, :old) ON CONFLICT (worker_id, service) DO UPDATE SET line_at = r.line_at"
    )
    for worker, service in sorted({(entry.worker_id, entry.service.value) for entry in entries}):
        db.session.execute(guard, {"worker": worker, "of": service} | old)
    guard = sa.text(
        "INSERT INTO recent_stays AS r (worker_id, station_id, visit_id, visit_at, last_at) "
        "VALUES (:worker, :of, :none, :old, :old) ON CONFLICT (worker_id, station_id) DO UPDATE SET last_at = r.last_at"
    )
    for worker, station in sorted({(entry.worker_id, entry.station_id) for entry in entries}):
        db.session.execute(guard, {"worker": worker, "of": station} | old)
    return before


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _id_of(moment: datetime) -> UUID:
    """A key of that moment: among lines of one time lists go by the key, so both must run the same way."""
    milliseconds = ((moment - _EPOCH) // timedelta(microseconds=1) + 500) // 1000
    return UUID(int=(milliseconds << 80) | (new_id().int & ((1 << 80) - 1)))


def _record_known(
    entry: Entry, occupation: str, first_ever: Any, recorded_at: datetime | None, by: By, ups: Counter
) -> Recorded:  # fmt: skip
    """One line for a person whose guards are held."""
    day = clock.business_day(entry.at)
    place = rules.place_of(entry.service, entry.station_id, entry.at, queries.list_standing(entry.worker_id, day))
    if place.same:
        same = place.same
        return Recorded(same.visit_id, same.visit_at, same.line_id, same.at, fresh=False, worker_id=entry.worker_id)
    visit = (place.stay.visit_id, place.stay.visit_at) if place.stay else (_id_of(entry.at), entry.at)
    if not place.stay:
        _insert(Visit, [_visit(entry, visit[0], occupation, recorded_at, worker_id=entry.worker_id, first_ever=bool(first_ever))])
    line_id = _id_of(entry.at)
    _insert(VisitLine, [_visit_line(entry, line_id, visit, recorded_at, by, repeated=place.repeated)])
    held = {"worker": entry.worker_id, "service": entry.service.value, "station": entry.station_id, "line": line_id,
            "at": entry.at, "visit": visit[0], "visit_at": visit[1]}  # fmt: skip
    # What happened later than this entry stays the latest.
    db.session.execute(
        sa.text(
            "UPDATE recent_services SET station_id = :station, line_id = :line, previous_at = line_at, line_at = :at "
            "WHERE worker_id = :worker AND service = :service AND line_at <= :at"
        ),
        held,
    )
    db.session.execute(
        sa.text(
            "UPDATE recent_stays SET visit_id = :visit, visit_at = :visit_at, last_at = :at "
            "WHERE worker_id = :worker AND station_id = :station AND last_at <= :at"
        ),
        held,
    )
    _count_up(ups, entry, visits=0 if place.stay else 1, identified=0 if place.stay else 1, lines=1)
    return Recorded(*visit, line_id, entry.at, repeated=place.repeated, worker_id=entry.worker_id)


def _record_unnamed(entry: Entry, occupation: str, recorded_at: datetime | None, by: By, ups: Counter) -> list[Recorded]:
    """As many visits as the entry counts, each with its line."""
    made = [Recorded(_id_of(entry.at), entry.at, _id_of(entry.at), entry.at) for _ in range(entry.count)]
    _insert(Visit, [_visit(entry, one.visit_id, occupation, recorded_at) for one in made])
    _insert(VisitLine, [_visit_line(entry, one.line_id, (one.visit_id, one.at), recorded_at, by) for one in made])
    _count_up(ups, entry, visits=entry.count, identified=0, lines=entry.count)
    return made


def _insert(model: Any, rows: list[dict[str, Any]]) -> None:
    db.session.execute(sa.insert(model.__table__), rows)


def _visit(entry: Entry, visit_id: UUID, occupation: str, recorded_at: datetime | None, **known: Any) -> dict[str, Any]:
    return {"id": visit_id, "at": entry.at, "station_id": entry.station_id, "union_id": entry.union_id,
            "worker_id": known.get("worker_id"), "occupation": Occupation(occupation), "source": entry.source,
            "first_ever": known.get("first_ever", False), "recorded_at": recorded_at}  # fmt: skip


def _visit_line(
    entry: Entry, line_id: UUID, visit: tuple[UUID, datetime], recorded_at: datetime | None, by: By, **known: Any
) -> dict[str, Any]:  # fmt: skip
    return {"id": line_id, "at": entry.at, "visit_id": visit[0], "visit_at": visit[1], "station_id": entry.station_id,
            "service": entry.service, "repeated": known.get("repeated", False), "recorded_at": recorded_at,
            "by_account_id": by.id if by.kind == "staff" else None}  # fmt: skip


def _count_up(ups: Counter, entry: Entry, **numbers: int) -> None:
    day = clock.business_day(entry.at)
    for name, number in numbers.items():
        ups[entry.station_id, entry.union_id, day, name] += number


def _roll_up_all(ups: Counter) -> None:
    """Add to the roll-ups, in the order in which a tap locks them and sorted within each."""
    for table, owner, period in ROLL_UPS:
        sums: dict[tuple[UUID, date], Counter] = defaultdict(Counter)
        for (station, union, day, name), number in ups.items():
            key = (union if owner == "union" else station, clock.first_of_month(day) if period == "month" else day)
            sums[key][name] += number
        for (ident, when), numbers in sorted(sums.items()):
            db.session.execute(
                sa.text(
                    f"INSERT INTO {table} AS t ({owner}_id, {period}, visits, identified, lines) "
                    "VALUES (:ident, :when, :visits, :identified, :lines) "
                    f"ON CONFLICT ({owner}_id, {period}) DO UPDATE SET visits = t.visits + excluded.visits, "
                    "identified = t.identified + excluded.identified, lines = t.lines + excluded.lines"
                ),
                {"ident": ident, "when": when} | {name: numbers[name] for name in ("visits", "identified", "lines")},
            )


def reverse_unnamed(*, line_ids: Sequence[UUID], since: datetime, reason: str, by: By) -> int:
    """Take back many lines of visits without a name, each the only one of its visit; answers how many were not yet.

    ``since`` is not after the first of them. The primary key of the reversals makes each line go once.
    """
    rows = db.session.execute(
        sa.text(
            """
            WITH gone AS (
                INSERT INTO visit_reversals (line_id, line_at, visit_id, at, by_account_id, reason)
                SELECT l.id, l.at, l.visit_id, :now, :account, :reason FROM visit_lines l
                JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at AND v.worker_id IS NULL
                WHERE l.id = ANY(CAST(:lines AS uuid[])) AND l.at >= :since ON CONFLICT DO NOTHING
                RETURNING line_id, line_at)
            SELECT l.station_id, v.union_id, l.at FROM gone
            JOIN visit_lines l ON l.id = gone.line_id AND l.at = gone.line_at
            JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at
            """
        ),
        {"now": clock.now(), "account": by.id, "reason": reason, "lines": list(line_ids), "since": since},
    ).all()
    ups: Counter = Counter()
    for row in rows:
        day = clock.business_day(row.at)
        ups[row.station_id, row.union_id, day, "visits"] -= 1
        ups[row.station_id, row.union_id, day, "lines"] -= 1
    _take_down_all(ups)
    return len(rows)


def _take_down_all(ups: Counter) -> None:
    for table, owner, period in ROLL_UPS:
        sums: Counter = Counter()
        for (station, union, day, name), number in ups.items():
            key = (union if owner == "union" else station, clock.first_of_month(day) if period == "month" else day)
            sums[(*key, name)] += number
        for (ident, when, name), number in sorted(sums.items()):
            db.session.execute(
                sa.text(f"UPDATE {table} SET {name} = {name} + :number WHERE {owner}_id = :ident AND {period} = :when"),
                {"number": number, "ident": ident, "when": when},
            )
