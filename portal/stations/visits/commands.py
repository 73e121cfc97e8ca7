"""Changes to visits: the one statement that logs a service, taking a line back, partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock, idempotency
from portal.access import By
from portal.db import db, one_statement
from portal.stations.visits import queries, rules
from portal.stations.visits.models import ROLL_UPS, VisitLine, VisitReversal, VisitSource
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
