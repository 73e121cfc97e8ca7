"""What is written down afterwards: at its own time, by the rules of a tap, beside taps, under a seal of its own."""

from __future__ import annotations

import random
import threading
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from flask import current_app

from portal import clock
from portal.access import By
from portal.db import db as database
from portal.members.workers import commands as workers
from portal.members.workers.models import Purpose, Worker
from portal.stations.visits import commands, queries
from portal.stations.visits.commands import Entry
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


@pytest.fixture
def world(db):
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
        made = commands.record_visits(
            station_id=station_id, union_id=union_id, occupation=Occupation.COURIER, service=service, at=at, source=source,
            by=world.by, count=count, worker_id=None if worker is None else world.people[worker],
        )  # fmt: skip
        database.session.commit()
    return made


def tap(world, *, at, worker=0, station=0, service=WATER):
    with clock.stopped_at(at):
        return commands.log_visit(
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
                    commands.log_visit(
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


# --- sealed days ---------------------------------------------------------------------------------------------------


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
        commands.record_visits(
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


# --- corrections ---------------------------------------------------------------------------------------------------


def correct(world, line_id, *, now=EVENING, by=None, keeper=False, reason="wrong person"):
    with clock.stopped_at(now):
        commands.reverse_line(line_id=line_id, station_code=world.codes[0], unions=world.unions, reason=reason,
                              by=by or world.by, correcting=True, keeper=keeper)  # fmt: skip
        database.session.commit()


def test_the_operator_corrects_on_the_same_day_and_a_keeper_later(world):
    mine, old = tap(world, at=NOON), tap(world, at=NOON, worker=1)
    correct(world, mine.line_id)
    next_day = NOON + timedelta(days=1)
    for refused, words in (
        ({"now": next_day}, "corrected by a keeper"),
        ({"by": world.other}, "or a keeper"),
        ({"by": world.other, "keeper": True, "reason": "  "}, "why"),
    ):
        with pytest.raises(commands.CannotUndo, match=words):
            correct(world, old.line_id, **refused)
        database.session.rollback()
    correct(world, old.line_id, now=next_day, by=world.other, keeper=True)
    with pytest.raises(commands.CannotUndo, match="already"):
        correct(world, old.line_id, now=next_day, by=world.other, keeper=True)
    assert {(row.by_account_id, row.reason) for row in rows("SELECT * FROM visit_reversals")} == {
        (world.by.id, "wrong person"), (world.other.id, "wrong person"),
    }  # fmt: skip
    assert rows("SELECT FROM audit_entries WHERE action = 'correct a visit line'")
    assert_rolled_up()


def test_a_line_is_reversed_once_whoever_asks(world):
    line = tap(world, at=NOON)
    values = {"l": line.line_id, "at": line.at, "v": line.visit_id}
    statement = sa.text("INSERT INTO visit_reversals (line_id, line_at, visit_id, at, reason) VALUES (:l, :at, :v, now(), 'x')")
    database.session.execute(statement, values)
    with pytest.raises(sa.exc.IntegrityError, match="pk_visit_reversals"):
        database.session.execute(statement, values)
    database.session.rollback()


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
                        commands.reverse_line(line_id=line, station_code=world.codes[station], unions=world.unions, reason="test",
                                              by=world.by, correcting=True, keeper=True)  # fmt: skip
                        database.session.commit()
                    except commands.CannotUndo:
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
