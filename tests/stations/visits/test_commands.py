"""Logging a visit, taking a line back, partitions and seals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock, idempotency
from portal.access import By
from portal.members.workers import commands as workers
from portal.members.workers.models import Purpose, Worker
from portal.stations.seals.commands import seal_days
from portal.stations.visits import commands, queries
from portal.vocabulary import BasicService, Occupation
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

NOON = datetime(2026, 8, 3, 4, 0, tzinfo=UTC)  # a Monday, 12:00 in Asia/Shanghai
WATER, REST = BasicService.DRINKING_WATER, BasicService.REST


@pytest.fixture
def world(db):
    """A county's station, an operator, two people."""
    tree = small_tree()
    account = make_account()
    station = make_station(union=tree.county)
    people = [make_worker(), make_worker(name="李自强")]
    db.session.commit()
    return SimpleNamespace(
        tree=tree, station=station, code=station.code, station_id=station.id, union_id=tree.county.id,
        by=By("staff", account.id), people=[person.id for person in people], unions=(tree.city.id,),
    )  # fmt: skip


def log(world, *, worker=0, service=WATER, key=None, at=NOON, **changes):
    values = {
        "station_code": world.code, "service": service, "worker_id": None if worker is None else world.people[worker],
        "occupation": Occupation.COURIER, "key": key or f"key-{service}-{at.timestamp()}-{worker}",
        "unions": world.unions, "by": world.by,
    }  # fmt: skip
    with clock.stopped_at(at):
        return commands.log_visit(**(values | changes))


def rows(db, table):
    return db.session.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1")).all()


def test_a_known_person_is_logged_whole(db, world):
    logged = log(world)
    assert (logged.fresh, logged.repeated, logged.first_ever) == (True, False, True)
    visit, line = rows(db, "visits")[0], rows(db, "visit_lines")[0]
    assert (visit.worker_id, visit.station_id, visit.union_id, visit.first_ever) == (
        world.people[0], world.station_id, world.union_id, True,
    )  # fmt: skip
    assert (line.visit_id, line.service, line.by_account_id) == (visit.id, "drinking_water", world.by.id)
    for table in ("union_days", "union_months", "station_months"):
        row = rows(db, table)[0]
        assert (row.visits, row.identified, row.lines) == (1, 1, 1), table


def test_an_unknown_person_is_logged_by_occupation(db, world):
    logged = log(world, worker=None)
    visit = rows(db, "visits")[0]
    assert logged.fresh and visit.worker_id is None and visit.occupation == "courier"
    assert rows(db, "union_days")[0].identified == 0


def test_same_key_gives_the_first_answer(db, world):
    first = log(world, worker=None, key="one-and-the-same")
    again = log(world, worker=None, key="one-and-the-same", at=NOON + timedelta(hours=3))
    assert (again.line_id, again.at, again.fresh) == (first.line_id, first.at, False)
    assert len(rows(db, "visit_lines")) == 1


def test_same_key_with_another_body_is_refused(db, world):
    log(world, worker=None, key="one-and-the-same")
    with pytest.raises(idempotency.KeyReused):
        log(world, worker=None, key="one-and-the-same", service=REST)
    assert len(rows(db, "visit_lines")) == 1


def test_within_minutes_it_is_the_same_tap(db, world):
    first = log(world, key="tablet one")
    second = log(world, key="tablet two", at=NOON + timedelta(minutes=5))
    assert second.line_id == first.line_id and not second.fresh
    retry = log(world, key="tablet two", at=NOON + timedelta(hours=1))
    assert retry.line_id == first.line_id


def test_after_minutes_it_is_stored_as_repeated(db, world):
    log(world)
    again = log(world, at=NOON + timedelta(minutes=5, seconds=1))
    assert again.fresh and again.repeated
    assert len(rows(db, "visits")) == 1
    assert rows(db, "union_days")[0].lines == 2


def test_the_next_day_is_no_repeat(db, world):
    log(world, at=datetime(2026, 8, 3, 15, 59, tzinfo=UTC))  # 23:59
    after_midnight = log(world, at=datetime(2026, 8, 3, 16, 5, tzinfo=UTC))  # 00:05 the next day
    assert after_midnight.fresh and not after_midnight.repeated
    assert len(rows(db, "visits")) == 2
    assert {row.day for row in rows(db, "union_days")} == {date(2026, 8, 3), date(2026, 8, 4)}


def test_a_stay_ends_after_two_quiet_hours(db, world):
    one = log(world)
    two = log(world, service=REST, at=NOON + timedelta(hours=2))
    three = log(world, service=BasicService.WIFI, at=NOON + timedelta(hours=4, seconds=1))
    assert one.visit_id == two.visit_id != three.visit_id
    assert three.first_ever is False


def test_medicine_is_tallied_without_the_person(db, world):
    log(world, service=BasicService.FIRST_AID)
    assert rows(db, "visits")[0].worker_id is None
    assert rows(db, "recent_services") == []


def test_without_consent_the_visit_is_counted_without_the_person(db, world):
    person = db.session.get(Worker, world.people[0])
    workers.give_consent(worker=person, purpose=Purpose.SERVICE_RECORD, notice_version="x", channel="test", by=world.by)
    workers.withdraw_consent(worker=person, purpose=Purpose.SERVICE_RECORD, by=world.by)
    db.session.commit()
    first = log(world, key="without a name")
    assert log(world, key="without a name").line_id == first.line_id
    assert [(row.worker_id, row.occupation) for row in rows(db, "visits")] == [(None, person.occupation.value)]
    assert rows(db, "recent_services") == [] and rows(db, "recent_stays") == []
    workers.give_consent(worker=person, purpose=Purpose.SERVICE_RECORD, notice_version="x", channel="test", by=world.by)
    db.session.commit()
    assert log(world, key="with a name again").first_ever


def test_a_station_outside_is_not_there(db, world):
    with pytest.raises(commands.NoSuchStation):
        log(world, unions=(world.tree.foreign_city.id,))
    assert rows(db, "idempotency_keys") == [] and rows(db, "visits") == []


def test_somebody_unknown_leaves_no_key_behind(db, world):
    with pytest.raises(commands.NoSuchWorker):
        log(world, worker_id=world.union_id)
    assert rows(db, "idempotency_keys") == []


def undo(db, world, line_id, *, at=NOON + timedelta(minutes=1), by=None):
    with clock.stopped_at(at):
        result = commands.reverse_line(
            line_id=line_id, station_code=world.code, unions=world.unions, reason="test", by=by or world.by
        )
        db.session.commit()
        return result


def test_undo_takes_everything_down(db, world):
    logged = log(world)
    undo(db, world, logged.line_id)
    for table in ("union_days", "union_months", "station_months"):
        row = rows(db, table)[0]
        assert (row.visits, row.identified, row.lines) == (0, 0, 0), table
    with clock.stopped_at(NOON + timedelta(minutes=2)):
        assert queries.today(world.station_id, clock.today()).visits == 0
        assert queries.footprint(world.people[0]).this_month == 0
    with clock.stopped_at(NOON + timedelta(days=1)):
        assert queries.footprint(world.people[0]).last_before_today is None
    again = log(world, key="after undo", at=NOON + timedelta(minutes=2))
    assert again.fresh and not again.repeated


def test_undo_gives_the_window_of_the_double_tap_back(db, world):
    """What was taken back is no first tap: who is given it anew a minute later is logged anew, beside the one before."""
    log(world)
    again = log(world, at=NOON + timedelta(hours=1))
    undo(db, world, again.line_id, at=NOON + timedelta(minutes=61))
    assert [(row.line_at, row.previous_at) for row in rows(db, "recent_services")] == [(NOON, None)]
    anew = log(world, at=NOON + timedelta(minutes=62))
    assert (anew.fresh, anew.repeated) == (True, True)


def test_undo_of_one_of_two_lines_keeps_the_visit(db, world):
    log(world)
    second = log(world, service=REST)
    undo(db, world, second.line_id)
    row = rows(db, "union_days")[0]
    assert (row.visits, row.identified, row.lines) == (1, 1, 1)


def test_undo_once_only(db, world):
    logged = log(world)
    undo(db, world, logged.line_id)
    with pytest.raises(commands.CannotUndo, match="already taken back"):
        undo(db, world, logged.line_id)
    assert rows(db, "union_days")[0].lines == 0


def test_undo_is_for_the_one_who_logged_it_and_ten_minutes(db, world):
    logged = log(world)
    with pytest.raises(commands.CannotUndo, match="Only the one"):
        undo(db, world, logged.line_id, by=By("staff", make_account().id))
    undo(db, world, logged.line_id, at=NOON + timedelta(minutes=10))
    late = log(world, key="late one", at=NOON + timedelta(hours=5))
    with pytest.raises(commands.CannotUndo, match="10"):
        undo(db, world, late.line_id, at=NOON + timedelta(hours=5, minutes=10, seconds=1))


def test_undo_leaves_an_audit_entry(db, world):
    undo(db, world, log(world).line_id)
    entry = rows(db, "audit_entries")[-1]
    assert (entry.action, entry.actor_id, entry.union_id) == ("take back a visit line", world.by.id, world.union_id)


@pytest.mark.parametrize("table", ["visits", "visit_lines", "visit_reversals", "day_seals"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_is_written_stays(db, world, table, verb):
    undo(db, world, log(world).line_id)
    seal_days(by=world.by, until=date(2026, 8, 4))
    db.session.commit()
    column = {"day_seals": "station_id"}.get(table, "at")
    statement = verb.format(table, column, column)
    with pytest.raises(sa.exc.DBAPIError, match="is append-only"):
        db.session.execute(sa.text(statement))
    db.session.rollback()


def test_partitions_are_months_in_shanghai(db, world):
    made = commands.ensure_partitions(date(2029, 8, 1), date(2029, 9, 30))
    assert made == ["visits_2029_08", "visit_lines_2029_08", "visits_2029_09", "visit_lines_2029_09"]
    db.session.commit()
    log(world, at=datetime(2029, 8, 31, 16, 0, tzinfo=UTC))  # midnight of 1 September
    where = db.session.scalar(sa.text("SELECT tableoid::regclass::text FROM visits"))
    assert where == "visits_2029_09"
    assert commands.ensure_partitions(date(2029, 8, 1), date(2029, 9, 30)) == []


def test_a_missed_partition_refuses_nothing(db, world):
    log(world, at=datetime(2031, 1, 5, tzinfo=UTC))
    assert db.session.scalar(sa.text("SELECT tableoid::regclass::text FROM visits")) == "visits_default"
    assert commands.ensure_partitions(date(2031, 1, 1), date(2031, 1, 31)) == []
    db.session.commit()
    log(world, worker=1, at=datetime(2031, 1, 6, tzinfo=UTC))
    assert len(rows(db, "visits")) == 2


def test_today_keeps_visits_and_people_apart(db, world):
    log(world)
    log(world, service=REST, at=NOON + timedelta(hours=3))
    log(world, worker=1, at=NOON + timedelta(hours=3))
    log(world, worker=None, at=NOON + timedelta(hours=3))
    with clock.stopped_at(NOON + timedelta(hours=4)):
        today = queries.today(world.station_id, clock.today())
        assert (today.visits, today.identified, today.first_ever) == (4, 2, 2)
        assert [given.service for given in queries.list_given_today(world.people[0])] == [WATER, REST]
        stays = queries.list_visits_of_worker(world.people[0])
        assert [stay.services for stay in stays] == [[REST], [WATER]]
