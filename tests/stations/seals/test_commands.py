"""Closed days: sealed once, in parts where something came in later, and a changed line breaks its seal."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import current_app

from portal import clock
from portal.db import db as database
from portal.stations.recording.commands import record_visits
from portal.stations.seals import commands, queries
from portal.stations.visits.models import VisitSource
from portal.vocabulary import Occupation
from tests.factories.visits import DAY, NOON, WATER, assert_rolled_up, make_round, record, rows, tap


@pytest.fixture
def world(db):
    return make_round()


def seal(world, moment) -> int:
    with clock.stopped_at(moment):
        made = commands.seal_days(by=world.by)
        database.session.commit()
    return made


def test_an_entry_for_a_sealed_day_gets_a_seal_of_its_own(world):
    tap(world, at=NOON)
    next_day = NOON + timedelta(days=1)
    assert seal(world, next_day) == 1
    record(world, at=NOON, now=next_day + timedelta(hours=1), count=3)
    assert queries.list_broken_seals(DAY, DAY) == [], "what waits for a seal breaks none"
    assert seal(world, next_day + timedelta(hours=2)) == 1
    assert seal(world, next_day + timedelta(hours=3)) == 0
    assert [(row.part, row.lines) for row in rows("SELECT part, lines FROM day_seals ORDER BY part")] == [(0, 1), (1, 3)]
    assert queries.list_broken_seals(DAY, DAY) == []
    assert_rolled_up()


def test_a_clock_behind_the_seal_does_not_slip_under_it(world):
    tap(world, at=NOON)
    next_day = NOON + timedelta(days=1)
    seal(world, next_day)
    record(world, at=NOON, now=next_day - timedelta(hours=1), worker=1)
    assert queries.list_broken_seals(DAY, DAY) == []
    assert seal(world, next_day - timedelta(minutes=30)) == 1
    assert queries.list_broken_seals(DAY, DAY) == []


def test_the_sealing_waits_for_an_entry_under_way(world):
    """Otherwise the entry would come in beneath a seal that never saw it."""
    application, next_day = current_app._get_current_object(), NOON + timedelta(days=1)
    tap(world, at=NOON)
    station_id, union_id = world.stations[0]
    with clock.stopped_at(next_day):
        record_visits(
            station_id=station_id, union_id=union_id, occupation=Occupation.COURIER, service=WATER, at=NOON,
            source=VisitSource.PAPER, by=world.by, count=2,
        )  # fmt: skip

    def sealing() -> None:
        with application.app_context():
            seal(world, next_day + timedelta(seconds=1))
            database.session.remove()

    thread = threading.Thread(target=sealing)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive(), "it waits"
    database.session.commit()
    thread.join(30)
    assert [(row.part, row.lines) for row in rows("SELECT part, lines FROM day_seals")] == [(0, 3)]
    assert queries.list_broken_seals(DAY, DAY) == []


@pytest.mark.parametrize("late", [False, True])
def test_a_changed_line_breaks_its_seal(world, late):
    first = tap(world, at=NOON)
    next_day = NOON + timedelta(days=1)
    seal(world, next_day)
    (second,) = record(world, at=NOON, now=next_day, worker=1)
    seal(world, next_day)
    database.session.execute(sa.text("SET LOCAL session_replication_role = replica"))
    line_id = second.line_id if late else first.line_id
    database.session.execute(sa.text("UPDATE visit_lines SET service = 'shower' WHERE id = :id"), {"id": line_id})
    assert queries.list_broken_seals(DAY, DAY) == [(world.stations[0][0], DAY, 1 if late else 0)]
    database.session.rollback()


def test_a_day_is_sealed_minutes_after_it_ended(world):
    tap(world, at=NOON)
    midnight = clock.start_of(date(2026, 8, 4))
    assert seal(world, midnight + timedelta(minutes=9)) == 0
    assert seal(world, midnight + timedelta(minutes=10)) == 1


def test_closed_days_are_sealed_once(world):
    tap(world, at=NOON)
    tap(world, at=NOON + timedelta(days=1))
    assert [seal(world, NOON + timedelta(days=1)) for _ in range(2)] == [1, 0]
    assert [(row.day, row.lines, len(row.digest)) for row in rows("SELECT * FROM day_seals")] == [(DAY, 1, 32)]
