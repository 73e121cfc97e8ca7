"""What tests of visits share: two stations with two people, taps and entries at a moment, roll-ups counted anew from the rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db as database
from portal.stations.recording.commands import record_visits
from portal.stations.visits.commands import log_visit
from portal.stations.visits.models import VisitSource
from portal.vocabulary import BasicService, Occupation
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

NOON = datetime(2026, 8, 3, 4, 0, tzinfo=UTC)  # a Monday, 12:00 in Asia/Shanghai
EVENING = NOON + timedelta(hours=8)
DAY = date(2026, 8, 3)
WATER, REST = BasicService.DRINKING_WATER, BasicService.REST
ROLL_UPS = {"union_days": ("union", "day"), "union_months": ("union", "month"), "station_months": ("station", "month")}


def make_round() -> SimpleNamespace:
    """Stations of a county and of its town, two people, two operators."""
    tree = small_tree()
    stations = [make_station(union=tree.county), make_station(union=tree.town)]
    account = make_account()
    people = [make_worker().id, make_worker(name="李自强").id]
    return SimpleNamespace(
        stations=[(one.id, one.union_id) for one in stations], codes=[one.code for one in stations], people=people,
        by=By("staff", account.id), other=By("staff", make_account().id), unions=(tree.city.id,),
    )  # fmt: skip


def record(world, *, at=NOON, now=EVENING, worker=None, station=0, service=WATER, count=1, source=VisitSource.PAPER):
    station_id, union_id = world.stations[station]
    with clock.stopped_at(now):
        made = record_visits(
            station_id=station_id, union_id=union_id, occupation=Occupation.COURIER, service=service, at=at, source=source,
            by=world.by, count=count, worker_id=None if worker is None else world.people[worker],
        )  # fmt: skip
        database.session.commit()
    return made


def tap(world, *, at, worker=0, station=0, service=WATER):
    with clock.stopped_at(at):
        return log_visit(
            station_code=world.codes[station], service=service, worker_id=world.people[worker], occupation=Occupation.COURIER,
            key=f"key-{at.timestamp()}-{worker}-{service}", unions=world.unions, by=world.by,
        )  # fmt: skip


def rows(sql: str, **values):
    database.session.rollback()
    return database.session.execute(sa.text(sql), values).all()


def counted(table: str) -> dict:
    """A roll-up as it stands, without rows that came to nothing."""
    owner, period = ROLL_UPS[table]
    found = rows(f"SELECT {owner}_id AS owner, {period} AS period, visits, identified, lines FROM {table}")
    return {(row.owner, row.period): (row.visits, row.identified, row.lines) for row in found
            if (row.visits, row.identified, row.lines) != (0, 0, 0)}  # fmt: skip


def independent(table: str) -> dict:
    """The same counted from the rows, in SQL of its own."""
    owner, period = ROLL_UPS[table]
    day = "CAST({} AT TIME ZONE 'Asia/Shanghai' AS date)" if period == "day" else (
        "CAST(date_trunc('month', {} AT TIME ZONE 'Asia/Shanghai') AS date)")  # fmt: skip
    live = "NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id)"
    found = rows(
        f"""
        WITH line AS (
            SELECT v.{owner}_id AS owner, {day.format("l.at")} AS period, count(*) AS n FROM visit_lines l
            JOIN visits v ON v.id = l.visit_id WHERE {live} GROUP BY 1, 2
        ), visit AS (
            SELECT v.{owner}_id AS owner, {day.format("v.at")} AS period, count(*) AS n, count(v.worker_id) AS known FROM visits v
            WHERE EXISTS (SELECT FROM visit_lines l WHERE l.visit_id = v.id AND {live}) GROUP BY 1, 2)
        SELECT owner, period, coalesce(visit.n, 0) AS visits, coalesce(visit.known, 0) AS identified, coalesce(line.n, 0) AS lines
        FROM line FULL JOIN visit USING (owner, period)
        """
    )
    return {(row.owner, row.period): (row.visits, row.identified, row.lines) for row in found}


def assert_rolled_up() -> None:
    for table in ROLL_UPS:
        assert counted(table) == independent(table), table
