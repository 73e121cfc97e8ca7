"""Reads about visits. Visits (人次) and identified people are never mixed; a station's day is read from its own index."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.stations.visits.rules import Given
from portal.types import N_, Text, text
from portal.vocabulary import BasicService, Occupation


@dataclass(frozen=True)
class Today:
    """A station's business day so far. Visits are stays; identified counts people, each once."""

    visits: int
    identified: int
    first_ever: int
    by_occupation: dict[Occupation, int]


# A line that was taken back does not count, nor does a visit without any line left.
_TODAY = sa.text(
    """
    SELECT v.occupation, count(*) AS visits, count(*) FILTER (WHERE v.first_ever) AS first_ever
    FROM visits v
    WHERE v.station_id = :station AND v.at >= :begins AND v.at < :ends AND EXISTS (
        SELECT FROM visit_lines l WHERE l.visit_id = v.id AND l.at >= v.at AND l.at < :ends
        AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id))
    GROUP BY v.occupation ORDER BY count(*) DESC, v.occupation
    """
)
_TODAY_PEOPLE = sa.text(
    """
    SELECT count(DISTINCT v.worker_id) FROM visits v
    WHERE v.station_id = :station AND v.at >= :begins AND v.at < :ends AND v.worker_id IS NOT NULL AND EXISTS (
        SELECT FROM visit_lines l WHERE l.visit_id = v.id AND l.at >= v.at AND l.at < :ends
        AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id))
    """
)


def today(station_id: UUID, day: date) -> Today:
    """The day of one station, from its index on (station, time)."""
    begins, ends = clock.day_bounds(day)
    values = {"station": station_id, "begins": begins, "ends": ends}
    rows = db.session.execute(_TODAY, values).all()
    return Today(
        visits=sum(row.visits for row in rows),
        identified=db.session.scalar(_TODAY_PEOPLE, values),
        first_ever=sum(row.first_ever for row in rows),
        by_occupation={Occupation(row.occupation): row.visits for row in rows},
    )


@dataclass(frozen=True)
class Line:
    """A service line as the counter shows it."""

    id: UUID
    at: datetime
    service: BasicService
    occupation: Occupation
    repeated: bool
    undone: bool
    worker_id: UUID | None
    name: str | None
    visit_id: UUID
    visit_at: datetime
    by_account_id: UUID | None


_LINES = """
    SELECT l.id, l.at, l.service, l.repeated, l.by_account_id, l.visit_id, l.visit_at, v.occupation, v.worker_id, w.name,
           r.line_id IS NOT NULL AS undone
    FROM visit_lines l JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at
    LEFT JOIN workers w ON w.id = v.worker_id LEFT JOIN visit_reversals r ON r.line_id = l.id
"""


def _line(row: Any) -> Line:
    return Line(row.id, row.at, BasicService(row.service), Occupation(row.occupation), row.repeated, row.undone,
                row.worker_id, row.name, row.visit_id, row.visit_at, row.by_account_id)  # fmt: skip


def list_lines_of_today(station_id: UUID, *, before: UUID | None = None, limit: int = 8) -> list[Line]:
    """The newest lines of a station's day; ids are time-ordered, so ``before`` pages by them."""
    begins, ends = clock.day_bounds(clock.today())
    statement = (
        _LINES + " WHERE l.station_id = :station AND l.at >= :begins AND l.at < :ends"
        " AND (CAST(:before AS uuid) IS NULL OR l.id < CAST(:before AS uuid)) ORDER BY l.at DESC, l.id DESC LIMIT :limit"
    )
    values = {"station": station_id, "begins": begins, "ends": ends, "before": before, "limit": limit}
    return [_line(row) for row in db.session.execute(sa.text(statement), values)]


def find_line(station_id: UUID, line_id: UUID) -> Line | None:
    """One line of today or yesterday at a station."""
    since = clock.now() - timedelta(days=1)
    row = db.session.execute(
        sa.text(_LINES + " WHERE l.id = :line AND l.station_id = :station AND l.at > :since"),
        {"line": line_id, "station": station_id, "since": since},
    ).one_or_none()
    return _line(row) if row else None


def list_given_today(worker_id: UUID) -> list[Given]:
    """What a person received today, anywhere, without what was taken back."""
    begins, ends = clock.day_bounds(clock.today())
    rows = db.session.execute(
        sa.text(
            """
            SELECT l.service, max(l.at) AS at FROM visits v
            JOIN visit_lines l ON l.visit_id = v.id AND l.visit_at = v.at AND l.at >= :begins AND l.at < :ends
            WHERE v.worker_id = :worker AND v.at >= :begins AND v.at < :ends
              AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id)
            GROUP BY l.service ORDER BY 2
            """
        ),
        {"worker": worker_id, "begins": begins, "ends": ends},
    )
    return [Given(BasicService(row.service), row.at) for row in rows]


@dataclass(frozen=True)
class Footprint:
    """How often a person came: in this month, and when last before today."""

    this_month: int
    last_before_today: datetime | None


def footprint(worker_id: UUID) -> Footprint:
    """Both figures from the index on (worker, time)."""
    begins, ends = clock.day_bounds(clock.today())
    month = clock.start_of(clock.first_of_month(clock.today()))
    row = db.session.execute(
        sa.text(
            """
            SELECT (SELECT count(*) FROM visits WHERE worker_id = :worker AND at >= :month AND at < :ends) AS this_month,
                   (SELECT at FROM visits WHERE worker_id = :worker AND at < :begins ORDER BY at DESC LIMIT 1) AS last
            """
        ),
        {"worker": worker_id, "month": month, "begins": begins, "ends": ends},
    ).one()
    return Footprint(row.this_month, row.last)


@dataclass
class Stay:
    """A visit as its person sees it."""

    visit_id: UUID
    at: datetime
    station_name: str
    station_code: str
    services: list[BasicService] = field(default_factory=list)


def list_visits_of_worker(worker_id: UUID, *, before: tuple[datetime, UUID] | None = None, limit: int = 20) -> list[Stay]:
    """A person's visits, newest first, each with what was given; keyset by (at, id)."""
    at, visit_id = before or (None, None)
    rows = db.session.execute(
        sa.text(
            """
            SELECT v.id, v.at, s.name, s.code FROM visits v JOIN stations s ON s.id = v.station_id
            WHERE v.worker_id = :worker
              AND (CAST(:at AS timestamptz) IS NULL OR (v.at, v.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)))
              AND EXISTS (SELECT FROM visit_lines l WHERE l.visit_id = v.id AND l.at >= v.at
                          AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id))
            ORDER BY v.at DESC, v.id DESC LIMIT :limit
            """
        ),
        {"worker": worker_id, "at": at, "id": visit_id, "limit": limit},
    ).all()
    services = defaultdict(list)
    if rows:
        oldest, newest = rows[-1].at, rows[0].at + timedelta(days=2)
        for line in db.session.execute(
            sa.text(
                """
                SELECT l.visit_id, l.service FROM visit_lines l
                WHERE l.visit_id = ANY(CAST(:visits AS uuid[])) AND l.at >= :oldest AND l.at < :newest
                  AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id) ORDER BY l.at, l.id
                """
            ),
            {"visits": [row.id for row in rows], "oldest": oldest, "newest": newest},
        ):
            services[line.visit_id].append(BasicService(line.service))
    return [Stay(row.id, row.at, row.name, row.code, services[row.id]) for row in rows]


def count_visits_of_worker(worker_id: UUID, limit: int = 100) -> int:
    """How many visits a person made, counted up to ``limit``."""
    return db.session.scalar(
        sa.text("SELECT count(*) FROM (SELECT FROM visits WHERE worker_id = :worker LIMIT :limit) v"),
        {"worker": worker_id, "limit": limit},
    )


@dataclass(frozen=True)
class DayFigures:
    """Visits, visits with a known person, and service lines of one business day."""

    day: date
    visits: int
    identified: int
    lines: int


def list_days_within(actor: Actor, permission: Permission, first: date, last: date) -> list[DayFigures]:
    """The days of the actor's part of the tree, added up from roll-ups; visits add up the tree, people never do."""
    rows = db.session.execute(
        sa.text(
            """
            SELECT d.day, sum(d.visits) AS visits, sum(d.identified) AS identified, sum(d.lines) AS lines
            FROM union_days d WHERE d.day BETWEEN :first AND :last AND d.union_id IN (
                SELECT union_id FROM union_reach WHERE ancestor_id = ANY(CAST(:unions AS uuid[])))
            GROUP BY d.day ORDER BY d.day
            """
        ),
        {"first": first, "last": last, "unions": list(actor.unions(permission))},
    )
    return [DayFigures(row.day, int(row.visits), int(row.identified), int(row.lines)) for row in rows]


def figures_of_week(actor: Actor) -> list[tuple[Text, int]]:
    """For the staff home: the last seven business days of the actor's unions, today included."""
    if not actor.may(Permission.VIEW_UNIONS):
        return []
    last = clock.today()
    days = list_days_within(actor, Permission.VIEW_UNIONS, last - timedelta(days=6), last)
    return [
        (text(N_("visits")), sum(day.visits for day in days)),
        (text(N_("visits with a known person")), sum(day.identified for day in days)),
        (text(N_("services given")), sum(day.lines for day in days)),
    ]
