"""What is written down afterwards: at its own time, by the rules of a tap, beside taps."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import current_app

from portal import clock
from portal.db import db as database
from portal.members.workers import commands as workers
from portal.members.workers.models import Purpose, Worker
from portal.stations.recording import commands
from portal.stations.recording.commands import Entry
from portal.stations.visits import commands as visits
from portal.stations.visits.models import VisitSource
from portal.vocabulary import BasicService, Occupation
from tests.factories.visits import EVENING, NOON, REST, WATER, assert_rolled_up, make_round, record, rows, tap


@pytest.fixture
def world(db):
    return make_round()


# --- at its own time -----------------------------------------------------------------------------------------------


def test_twelve_heads_are_twelve_visits_at_their_time(world):
    made = record(world, count=12)
    assert len(made) == len({one.visit_id for one in made}) == 12
    assert {(row.at, row.recorded_at, row.source) for row in rows("SELECT * FROM visits")} == {(NOON, EVENING, "paper")}
    assert {(row.at, row.recorded_at, row.by_account_id) for row in rows("SELECT * FROM visit_lines")} == {
        (NOON, EVENING, world.by.id)
    }
    assert_rolled_up()


def test_what_is_written_at_once_has_no_other_time(world):
    record(world, at=NOON, now=NOON + timedelta(seconds=60))
    record(world, at=NOON, now=NOON + timedelta(seconds=61))
    assert [row.recorded_at for row in rows("SELECT recorded_at FROM visits ORDER BY recorded_at NULLS FIRST")] == [
        None,
        NOON + timedelta(seconds=61),
    ]


def test_a_moment_to_come_is_refused(world):
    with pytest.raises(ValueError, match="past"):
        record(world, at=NOON + timedelta(seconds=1), now=NOON)
    with pytest.raises(sa.exc.IntegrityError, match="ck_visit_lines_recorded_later"):
        database.session.execute(
            sa.text(
                "INSERT INTO visits (id, at, station_id, union_id, occupation, source, first_ever) "
                "VALUES (gen_random_uuid(), now(), :s, :u, 'courier', 'paper', false)"
            ),
            {"s": world.stations[0][0], "u": world.stations[0][1]},
        )
        database.session.execute(
            sa.text(
                "INSERT INTO visit_lines (id, at, visit_id, visit_at, station_id, service, repeated, recorded_at) "
                "SELECT gen_random_uuid(), at, id, at, station_id, 'rest', false, at FROM visits"
            )
        )
    database.session.rollback()


# --- the rules of a tap --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_within_minutes_of_a_tap_it_is_the_same(world, minutes):
    first = tap(world, at=NOON)
    (one,) = record(world, at=NOON + timedelta(minutes=minutes), worker=0)
    assert (one.line_id, one.visit_id, one.fresh) == (first.line_id, first.visit_id, False)
    assert len(rows("SELECT FROM visit_lines")) == 1


@pytest.mark.parametrize("seconds", [-301, 301])
def test_before_or_after_it_is_a_repeat(world, seconds):
    first = tap(world, at=NOON)
    (one,) = record(world, at=NOON + timedelta(seconds=seconds), worker=0)
    assert one.fresh and one.repeated
    assert (one.visit_id == first.visit_id) is (seconds > 0), "a stay never begins before its visit"
    assert_rolled_up()


def test_a_tap_after_an_entry_knows_of_it(world):
    record(world, at=NOON, now=NOON + timedelta(minutes=2), worker=0)
    assert not tap(world, at=NOON + timedelta(minutes=4)).fresh
    again = tap(world, at=NOON + timedelta(minutes=10))
    assert again.fresh and again.repeated
    assert len(rows("SELECT FROM visits")) == 1


def test_an_entry_of_the_morning_leaves_the_noon_as_the_latest(world):
    tap(world, at=NOON)
    record(world, at=NOON - timedelta(hours=4), now=NOON + timedelta(minutes=1), worker=0)
    assert not tap(world, at=NOON + timedelta(minutes=3)).fresh
    assert [row.first_ever for row in rows("SELECT first_ever FROM visits ORDER BY at DESC")] == [True, False]


def test_unnamed_services_and_people_without_consent_are_counted_without_the_person(world):
    (talk,) = record(world, worker=0, service=BasicService.COUNSELLING)
    person = database.session.get(Worker, world.people[1])
    workers.give_consent(worker=person, purpose=Purpose.SERVICE_RECORD, notice_version="x", channel="test", by=world.by)
    workers.withdraw_consent(worker=person, purpose=Purpose.SERVICE_RECORD, by=world.by)
    (unrecorded,) = record(world, worker=1)
    assert talk.worker_id is unrecorded.worker_id is None
    assert {row.worker_id for row in rows("SELECT worker_id FROM visits")} == {None}
    assert rows("SELECT FROM recent_services") == []


def test_an_entry_and_taps_at_once_are_one_line(world):
    """Eight tablets tap while the sheet is entered: whoever is first writes, the others get that line."""
    start, answers = threading.Barrier(9), []
    application = current_app._get_current_object()
    moment = clock.now()

    def run(number: int) -> None:
        with application.app_context(), clock.stopped_at(moment):
            start.wait(30)
            if number:
                answers.append(
                    visits.log_visit(
                        station_code=world.codes[0], service=WATER, worker_id=world.people[0], occupation=Occupation.COURIER,
                        key=f"tablet-{number}", unions=world.unions, by=world.by,
                    ).line_id
                )  # fmt: skip
            else:
                station_id, union_id = world.stations[0]
                (made,) = commands.record_visits(
                    station_id=station_id, union_id=union_id, occupation=Occupation.COURIER, service=WATER, at=clock.now(),
                    source=VisitSource.OFFLINE, by=world.by, worker_id=world.people[0],
                )  # fmt: skip
                database.session.commit()
                answers.append(made.line_id)
            database.session.remove()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 9 and len(set(answers)) == 1
    assert len(rows("SELECT FROM visit_lines")) == 1
    assert_rolled_up()


# --- whatever is done, the roll-ups agree --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_roll_ups_agree_after_whatever_was_done(world, seed):
    """Taps, sheets, offline entries, groups, hand-outs, undone and corrected, over midnight and over the month's end."""
    chance = random.Random(seed)
    start = datetime(2026, 7, 31, 12, 0, tzinfo=UTC)
    lines: list[tuple] = []
    groups: list[list] = []
    for step in range(60):
        now = start + timedelta(minutes=9 * step)
        worker, station = chance.randrange(2), chance.randrange(2)
        service = chance.choice([WATER, REST, BasicService.FIRST_AID])
        match chance.randrange(6):
            case 0 | 1:
                lines.append((tap(world, at=now, worker=worker, station=station, service=service).line_id, station))
            case 2:
                at = now - timedelta(minutes=chance.randrange(600))
                (made,) = record(
                    world, at=at, now=now, worker=worker, station=station, service=service, source=VisitSource.OFFLINE
                )
                lines.append((made.line_id, station))
            case 3:
                at = now - timedelta(minutes=chance.randrange(600))
                groups.append(
                    record(world, at=at, now=now, count=chance.randrange(1, 6), station=station, source=VisitSource.GROUP)
                )
            case 4 if lines:
                line, station = lines.pop(chance.randrange(len(lines)))
                with clock.stopped_at(now):
                    try:
                        visits.reverse_line(line_id=line, station_code=world.codes[station], unions=world.unions, reason="test",
                                              by=world.by, correcting=True, keeper=True)  # fmt: skip
                        database.session.commit()
                    except visits.CannotUndo:
                        database.session.rollback()
            case 5 if groups:
                group = groups[chance.randrange(len(groups))]
                with clock.stopped_at(now):
                    commands.reverse_unnamed(
                        line_ids=[one.line_id for one in group], since=group[0].at, reason="test", by=world.by
                    )
                    database.session.commit()
    assert rows("SELECT FROM visit_reversals"), "the seed takes nothing back"
    assert_rolled_up()


def test_a_sheet_is_one_batch(world):
    """Rows of one sheet know of each other, and two sheets at once do not stand in each other's way."""
    station_id, union_id = world.stations[0]

    def entry(minutes, worker):
        return Entry(station_id, union_id, Occupation.COURIER, WATER, NOON + timedelta(minutes=minutes), VisitSource.PAPER,
                     worker_id=world.people[worker])  # fmt: skip

    with clock.stopped_at(EVENING):
        made = commands.record_entries(entries=[entry(60, 0), entry(0, 0), entry(2, 0), entry(0, 1)], by=world.by)
        database.session.commit()
    assert [[(one.fresh, one.repeated) for one in row] for row in made] == [
        [(True, True)], [(True, False)], [(False, False)], [(True, False)],
    ]  # fmt: skip
    assert_rolled_up()
