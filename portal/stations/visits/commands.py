"""Changes to visits: the one statement that logs a service, taking a line back, partitions, sealing closed days."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock, idempotency
from portal.access import By
from portal.db import db, one_statement
from portal.stations.visits import queries, rules
from portal.stations.visits.models import DaySeal, RecentStay, Visit, VisitLine, VisitReversal, VisitSource
from portal.types import new_id
from portal.vocabulary import BasicService, Occupation

# One statement is the whole hot path: scope, idempotency key, double-tap guard, stay, visit, line and roll-ups.
# It is its own transaction (see db.one_statement), so every step that could race leans on a row lock taken by
# INSERT … ON CONFLICT, never on a look beforehand.
_PLACE = """
    place AS (
        SELECT s.id, s.union_id FROM stations s
        WHERE s.code = :station_code
          AND EXISTS (SELECT FROM union_reach r
                      WHERE r.union_id = s.union_id AND r.ancestor_id = ANY(CAST(:unions AS uuid[])))
    ), claim AS (
        INSERT INTO idempotency_keys (actor, key, body_hash, answer, at)
        SELECT :owner, :key, :body_hash, CAST(:answer AS jsonb), :now FROM place
        ON CONFLICT DO NOTHING
        RETURNING key
    )"""

_KNOWN = """
    person AS (
        SELECT w.id, w.occupation, w.name, w.unrecorded_since IS NULL AS recorded,
               NOT EXISTS (SELECT FROM recent_stays r WHERE r.worker_id = w.id) AS first_ever
        FROM claim, workers asked JOIN workers w ON w.id = coalesce(asked.merged_into_id, asked.id) WHERE asked.id = :worker_id
    ), given AS (
        INSERT INTO recent_services AS r (worker_id, service, station_id, line_id, line_at)
        SELECT person.id, :service, place.id, :line_id, :now FROM person, place WHERE person.recorded
        ON CONFLICT (worker_id, service) DO UPDATE
            SET station_id = excluded.station_id, line_id = excluded.line_id,
                line_at = excluded.line_at, previous_at = r.line_at
            WHERE r.station_id <> excluded.station_id OR r.line_at < :tap_since
        RETURNING previous_at
    ), stay AS (
        INSERT INTO recent_stays AS r (worker_id, station_id, visit_id, visit_at, last_at)
        SELECT person.id, place.id, :visit_id, :now, :now FROM person, place, given
        ON CONFLICT (worker_id, station_id) DO UPDATE SET
            visit_id = CASE WHEN r.last_at < :stay_since THEN excluded.visit_id ELSE r.visit_id END,
            visit_at = CASE WHEN r.last_at < :stay_since THEN excluded.visit_at ELSE r.visit_at END,
            last_at = excluded.last_at
        RETURNING visit_id, visit_at
    ), work AS (
        SELECT stay.visit_id, stay.visit_at, person.id AS worker_id, person.occupation, person.first_ever, person.name,
               coalesce(given.previous_at >= :day_start, false) AS repeated
        FROM person, given, stay
        UNION ALL
        SELECT :visit_id, :now, NULL, person.occupation, false, NULL, false FROM person WHERE NOT person.recorded
    )"""

_UNKNOWN = """
    work AS (
        SELECT CAST(:visit_id AS uuid) AS visit_id, CAST(:now AS timestamptz) AS visit_at, CAST(NULL AS uuid) AS worker_id,
               CAST(:occupation AS varchar) AS occupation, false AS first_ever, CAST(NULL AS text) AS name, false AS repeated
        FROM claim
    )"""


def _roll_up(table: str, owner: str, period: str, after: str) -> str:
    """One roll-up row up by one line. Reading ``after`` settles which row is locked first, see _WRITE."""
    return f"""
    {table}_up AS (
        INSERT INTO {table} AS t ({owner}_id, {period}, visits, identified, lines)
        SELECT {"place.union_id" if owner == "union" else "place.id"}, :{period}, step.visits, step.identified, 1
        FROM {after}, place, step
        ON CONFLICT ({owner}_id, {period}) DO UPDATE SET visits = t.visits + excluded.visits,
            identified = t.identified + excluded.identified, lines = t.lines + 1
        RETURNING 1
    )"""


# The roll-ups read one another, so that every tap locks them in this order and none waits for another crosswise; the
# row that most taps share, the union's day, comes last and is held the shortest.
_WRITE = f"""
    new_visit AS (
        INSERT INTO visits (id, at, station_id, union_id, worker_id, occupation, source, first_ever)
        SELECT work.visit_id, work.visit_at, place.id, place.union_id, work.worker_id, work.occupation, :source, work.first_ever
        FROM work, place WHERE work.visit_id = :visit_id
        RETURNING worker_id
    ), new_line AS (
        INSERT INTO visit_lines (id, at, visit_id, visit_at, station_id, service, repeated, by_account_id)
        SELECT :line_id, :now, work.visit_id, work.visit_at, place.id, :service, work.repeated, :account_id FROM work, place
        RETURNING id
    ), step AS (
        SELECT count(*) AS visits, count(worker_id) AS identified FROM new_visit
    ),
    {_roll_up("station_months", "station", "month", after="new_line")},
    {_roll_up("union_months", "union", "month", after="station_months_up")},
    {_roll_up("union_days", "union", "day", after="union_months_up")}
    SELECT claim.key IS NOT NULL AS claimed, work.visit_id, work.visit_at, work.repeated,
           work.first_ever, work.name, work.occupation
    FROM place LEFT JOIN claim ON true LEFT JOIN work ON true"""


def _statement(*parts: str) -> sa.TextClause:
    """The parts as one statement, without indentation: psycopg remembers how to read a statement of 4096 characters
    at most, and reading this one anew costs a tenth of a request."""
    return sa.text(" ".join(f"WITH {', '.join(parts)}".split()))


_LOG = {True: _statement(_PLACE, _KNOWN, _WRITE), False: _statement(_PLACE, _UNKNOWN, _WRITE)}

_FIRST_BY_KEY = sa.text(
    """
    SELECT body_hash, CAST(answer->>'line' AS uuid) AS line_id, CAST(answer->>'at' AS timestamptz) AS line_at,
           EXISTS (SELECT FROM visit_lines l WHERE l.id = CAST(answer->>'line' AS uuid)
                                               AND l.at = CAST(answer->>'at' AS timestamptz)) AS written
    FROM idempotency_keys WHERE actor = :owner AND key = :key
    """
)
_FIRST_BY_TAP = sa.text(
    """
    WITH first AS (SELECT s.line_id, s.line_at FROM recent_services s
                   JOIN workers asked ON s.worker_id = coalesce(asked.merged_into_id, asked.id)
                   WHERE asked.id = :worker_id AND s.service = :service),
    kept AS (UPDATE idempotency_keys SET answer = jsonb_build_object('line', first.line_id, 'at', first.line_at)
             FROM first WHERE actor = :owner AND key = :key)
    SELECT line_id, line_at FROM first
    """
)
# RETURNING, so that any runner may ask for rows.
_FORGET_KEY = sa.text("DELETE FROM idempotency_keys WHERE actor = :owner AND key = :key RETURNING key")


class NoSuchStation(LookupError):
    """The station does not exist or lies outside the operator's part of the tree."""


class NoSuchWorker(LookupError):
    """The person is not on record."""


@dataclass(frozen=True)
class Logged:
    """What a tap led to. ``fresh`` is False when it was a double tap or a retry and the first answer counts."""

    line_id: UUID
    at: datetime
    fresh: bool
    repeated: bool = False
    first_ever: bool = False
    name: str | None = None
    occupation: str | None = None
    visit_id: UUID | None = None
    visit_at: datetime | None = None


Runner = Callable[[sa.Executable, dict[str, Any]], list[sa.Row]]


def log_visit(
    *,
    station_code: str,
    service: BasicService,
    worker_id: UUID | None,
    occupation: Occupation,
    key: str,
    unions: tuple[UUID, ...],
    by: By,
    source: VisitSource = VisitSource.DESK,
    run: Runner = one_statement,
) -> Logged:
    """Log one service to one person, known or not, at a station within ``unions``.

    ``run`` is `one_statement` (its own transaction) or `within_transaction`. The same key gives the first answer again,
    with another body it raises idempotency.KeyReused; the same service to the same person within five minutes gives
    the first answer too, later that day the line is stored as repeated. ``occupation`` counts only for the unknown.
    Somebody whose record was merged since the screen was drawn is logged under the record that stays.
    A service that must not be named (medicine, counselling) is logged without the person, and so is every service to
    somebody who withdrew the consent to keep a record.
    """
    moment, line_id = clock.now(), new_id()
    day = clock.business_day(moment)
    known = worker_id is not None and rules.names_the_person(service)
    values = {
        "station_code": station_code,
        "unions": f"{{{','.join(map(str, unions))}}}",  # as text: adapting a list costs psycopg more than the other values
        "owner": idempotency.owner(by),
        "key": key,
        "body_hash": hashlib.sha256(f"{station_code}|{worker_id}|{service.value}|{occupation.value}".encode()).digest(),
        "answer": f'{{"line": "{line_id}", "at": "{moment.isoformat()}"}}',
        "now": moment,
        "service": service.value,
        "line_id": line_id,
        "visit_id": new_id(),
        "day": day,
        "month": clock.first_of_month(day),
        "source": source.value,
        "account_id": by.id if by.kind == "staff" else None,
    }
    if known:
        day_start = clock.start_of(day)
        values |= {
            "worker_id": worker_id,
            "tap_since": moment - rules.SAME_TAP,
            "stay_since": max(moment - rules.SAME_STAY, day_start),
            "day_start": day_start,
        }
    else:
        values |= {"occupation": occupation.value}
    rows = run(_LOG[known], values)
    if not rows:
        raise NoSuchStation(station_code)
    row = rows[0]
    if row.visit_id is not None:
        return Logged(line_id, moment, True, row.repeated, row.first_ever, row.name, row.occupation,
                      row.visit_id, row.visit_at)  # fmt: skip
    return _first_answer(values, claimed=row.claimed, run=run)


def _first_answer(values: dict[str, Any], *, claimed: bool, run: Runner) -> Logged:
    """Nothing was written: the key was used before, or it was a double tap with another key."""
    if not claimed:
        for first in run(_FIRST_BY_KEY, values):
            if bytes(first.body_hash) != values["body_hash"]:
                raise idempotency.KeyReused
            if first.written:
                return Logged(first.line_id, first.line_at, False)
        # The first with this key was a double tap itself and has not yet put down whose line it got: ask as it does.
    rows = run(_FIRST_BY_TAP, values)
    if not rows:
        run(_FORGET_KEY, values)
        raise NoSuchWorker
    return Logged(rows[0].line_id, rows[0].line_at, False)


def within_transaction(statement: sa.Executable, values: dict[str, Any]) -> list[sa.Row]:
    """Runner for `log_visit` inside the caller's transaction."""
    return list(db.session.execute(statement, values))


class CannotUndo(Exception):
    """A line may not be taken back; ``problems`` say why."""

    def __init__(self, problems: list) -> None:
        super().__init__(str(problems[0].says))
        self.problems = problems


def reverse_line(
    *,
    line_id: UUID,
    station_code: str,
    unions: tuple[UUID, ...],
    reason: str,
    by: By,
    correcting: bool = False,
    keeper: bool = False,
) -> VisitLine:
    """Take one line back: a reversal row, roll-ups down, the double-tap guard as it was. Raises CannotUndo.

    At the counter that is for the one who logged it, within minutes. ``correcting`` is the way afterwards, with a reason
    somebody wrote: on the same day for the one who logged it, later for a ``keeper`` of the station (``unions`` are then
    those they keep). The row `recent_services` and the primary key of the reversal make two undos at once end as one.
    """
    line = _line_within(
        line_id, station_code, unions, clock.now() - (queries.CORRECT_WITHIN if correcting else timedelta(days=2))
    )

    def problems(*, reversed_already: bool) -> list:
        known = {"own": line.by_account_id == by.id, "reversed_already": reversed_already, "now": clock.now()}
        if correcting:
            return rules.problems_with_correcting(line.at, keeper=keeper, reason=reason, **known)
        return rules.problems_with_undoing(line.recorded_at or line.at, **known)

    if found := problems(reversed_already=line.reversed):
        raise CannotUndo(found)
    # Two undos at once: the second waits here for the first and then finds the line reversed.
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": str(line.visit_id)})
    if db.session.scalar(sa.select(VisitReversal.line_id).where(VisitReversal.line_id == line.id)):
        raise CannotUndo(problems(reversed_already=True))
    db.session.add(VisitReversal(line_id=line.id, line_at=line.at, visit_id=line.visit_id, at=clock.now(),
                                 by_account_id=by.id, reason=reason))  # fmt: skip
    db.session.flush()
    _take_down(line)
    audit.record("correct a visit line" if correcting else "take back a visit line", by=by, subject=VisitLine(id=line.id),
                 union_id=line.union_id, reason=reason, service=line.service, given_at=line.at)  # fmt: skip
    return line


def _line_within(line_id: UUID, station_code: str, unions: tuple[UUID, ...], since: datetime) -> Any:
    """A line of a station within ``unions``, given since; raises NoResultFound (404)."""
    return db.session.execute(
        sa.text(
            """
            SELECT l.id, l.at, l.visit_id, l.visit_at, l.station_id, l.service, l.by_account_id, l.recorded_at,
                   v.worker_id, v.union_id, r.line_id IS NOT NULL AS reversed
            FROM visit_lines l JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at
            JOIN stations s ON s.id = l.station_id AND s.code = :station_code
            LEFT JOIN visit_reversals r ON r.line_id = l.id
            WHERE l.id = :line_id AND l.at > :since
              AND EXISTS (SELECT FROM union_reach u
                          WHERE u.union_id = s.union_id AND u.ancestor_id = ANY(CAST(:unions AS uuid[])))
            """
        ),
        {"line_id": line_id, "station_code": station_code, "unions": list(unions), "since": since},
    ).one()


def _take_down(line: Any) -> None:
    """Bring roll-ups and the guards of double tap and stay to where they were before the line.

    Rows are locked in the order of the hot path (_WRITE), so that the two never wait for each other crosswise.
    """
    run = lambda sql, values: db.session.execute(sa.text(sql), values)  # noqa: E731 - it reads as a list of statements
    held = {"line": line.id, "worker": line.worker_id, "station": line.station_id, "visit": line.visit_id}
    if line.worker_id:
        run("DELETE FROM recent_services WHERE line_id = :line AND previous_at IS NULL", held)
        run("UPDATE recent_services SET line_at = previous_at, previous_at = NULL WHERE line_id = :line", held)
        # Nobody adds a line to this stay while it is counted.
        run("SELECT FROM recent_stays WHERE worker_id = :worker AND station_id = :station FOR UPDATE", held)
    left = run(
        "SELECT count(*) FROM visit_lines l WHERE l.visit_id = :visit AND l.at >= :visit_at "
        "AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id)",
        {"visit": line.visit_id, "visit_at": line.visit_at},
    ).scalar_one()
    gone = 0 if left else 1
    if gone:  # what is given next begins a visit of its own, for this one is no longer counted
        run("DELETE FROM recent_stays WHERE worker_id = :worker AND station_id = :station AND visit_id = :visit", held)
    day, visit_day = clock.business_day(line.at), clock.business_day(line.visit_at)
    values = {
        "union": line.union_id, "station": line.station_id, "day": day, "month": clock.first_of_month(day),
        "visit_day": visit_day, "visit_month": clock.first_of_month(visit_day),
        "visits": gone, "identified": gone if line.worker_id else 0,
    }  # fmt: skip
    for table, owner, period in ROLL_UPS:
        run(f"UPDATE {table} SET lines = lines - 1 WHERE {owner}_id = :{owner} AND {period} = :{period}", values)
        run(
            f"UPDATE {table} SET visits = visits - :visits, identified = identified - :identified "
            f"WHERE {owner}_id = :{owner} AND {period} = :visit_{period}",
            values,
        )


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
             and rules.names_the_person(entry.service)]  # fmt: skip
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
        db.session.execute(sa.text("SELECT pg_advisory_xact_lock_shared(hashtext('seal-days'))"))
    sealed = sa.select(sa.func.max(DaySeal.sealed_at))
    for entry, day in zip(entries, days, strict=True):
        if day == today:
            late.append(None if moment - entry.at <= rules.AT_ONCE else moment)
        else:
            last = db.session.scalar(sealed.where(DaySeal.station_id == entry.station_id, DaySeal.day == day))
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


ROLL_UPS = (("station_months", "station", "month"), ("union_months", "union", "month"), ("union_days", "union", "day"))


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


def ensure_partitions(first: date, last: date) -> list[str]:
    """Make the monthly partitions from ``first`` to ``last`` that are missing; answers the names of the new ones.

    A month whose rows already fell into the DEFAULT partition stays there: nothing is refused, nothing is lost.
    """
    made = []
    for month in rules.months_between(first, last):
        begins, ends = clock.start_of(month), clock.start_of(clock.next_month(month))
        for table in ("visits", "visit_lines"):
            name = f"{table}_{month:%Y_%m}"
            exists = db.session.scalar(sa.text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name})
            caught = sa.text(f"SELECT EXISTS (SELECT FROM {table}_default WHERE at >= :begins AND at < :ends)")
            if exists or db.session.scalar(caught, {"begins": begins, "ends": ends}):
                continue
            db.session.execute(
                sa.text(
                    f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{begins.isoformat()}') TO ('{ends.isoformat()}')"
                )
            )
            made.append(name)
    return made


def seal_days(*, by: By, until: date | None = None, limit: int = 500) -> int:
    """Seal the business days before ``until`` (today, minutes after midnight) that have lines no seal covers.

    One digest a station and day; lines written down after the day was sealed get a part of their own. The digest is
    SHA-256 over the lines in order of id: id, moment, visit, service, repeated; a further part begins with the digest
    before it. Waits for entries to closed days that are under way. Flushes.
    """
    end = clock.start_of(until or clock.business_day(clock.now() - rules.SEAL_AFTER))
    since = end - timedelta(days=40)
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('seal-days'))"))
    oldest = db.session.scalar(sa.text("SELECT min(at) FROM visit_lines WHERE recorded_at >= :since"), {"since": since})
    rows = db.session.execute(
        sa.text(
            f"""
            WITH last AS (
                SELECT DISTINCT ON (station_id, day) station_id, day, part, sealed_at, digest FROM day_seals
                WHERE day >= :first ORDER BY station_id, day, part DESC
            ), open AS (
                SELECT l.*, last.part, last.digest FROM (
                    SELECT *, CAST(at AT TIME ZONE 'Asia/Shanghai' AS date) AS day FROM visit_lines
                    WHERE at < :end AND (at >= :since OR recorded_at >= :since)) l
                LEFT JOIN last ON last.station_id = l.station_id AND last.day = l.day
                WHERE last.part IS NULL OR l.recorded_at > last.sealed_at
            ), days AS (
                SELECT l.station_id, l.day, coalesce(max(l.part) + 1, 0) AS part, count(*) AS lines,
                       encode((array_agg(l.digest))[1], 'hex') AS before, max(l.recorded_at) AS latest,
                       {queries.SEALED_TEXT} AS text
                FROM open l GROUP BY l.station_id, l.day)
            INSERT INTO day_seals (station_id, day, part, lines, digest, sealed_at)
            SELECT station_id, day, part, lines, sha256(convert_to(concat_ws(chr(10), before, text), 'UTF8')),
                   greatest(CAST(:now AS timestamptz), latest) FROM days
            LIMIT :limit ON CONFLICT DO NOTHING RETURNING station_id
            """
        ),
        {
            "end": end,
            "since": since,
            "first": clock.business_day(min(oldest or since, since)),
            "now": clock.now(),
            "limit": limit,
        },
    ).all()
    return len(rows)
