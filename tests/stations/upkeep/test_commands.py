"""Reports in the database: joining, transitions, constraints by name, two at once."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import SYSTEM, VISITOR, By
from portal.db import transactional
from portal.stations.register.models import Facility, Station
from portal.stations.upkeep import commands, queries
from portal.stations.upkeep.models import (
    OPEN_STATUSES,
    TRANSITIONS,
    Report,
    ReportKind,
    ReportSource,
    ReportStatus,
    ReportStep,
)
from portal.types import Refused, new_id
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_report, photo_file

R = ReportStatus
DO = {
    R.ANSWERED: commands.answer, R.REPAIRED: commands.repair, R.UNFOUNDED: commands.find_unfounded, R.REOPENED: commands.reopen,
}  # fmt: skip


@pytest.fixture
def station(db):
    return make_station(union=small_tree().county)


def say(station, kind=ReportKind.LOCKED, **values):
    return commands.say_fault(station=station, kind=kind, **({"source": ReportSource.DOOR, "by": VISITOR} | values))


def test_the_same_thing_joins_one_report(db, station):
    begin = clock.now() - timedelta(hours=1)
    with clock.stopped_at(begin):
        first = say(station, note="门锁着")
    with clock.stopped_at(begin + timedelta(minutes=20)):
        again = say(station, note="还锁着", photo=photo_file())
        other_thing = say(station, ReportKind.BROKEN, facility=Facility.MICROWAVE)
        third_thing = say(station, ReportKind.BROKEN)
    assert again.id == first.id and again.said == 2
    assert again.last_said_at == begin + timedelta(minutes=20) and again.due_at == begin + timedelta(hours=2)
    assert len({first.id, other_thing.id, third_thing.id}) == 3
    assert [step.note for step in queries.list_steps(first.id)] == ["门锁着", "还锁着"]
    assert queries.list_steps(first.id)[1].picture_id


def test_the_same_person_counts_once(db, station):
    first = say(station)
    assert say(station, said_before=frozenset({first.id}), note="真的").said == 1
    assert say(station).said == 2


def test_something_else_is_never_the_same(db, station):
    assert say(station, ReportKind.OTHER).id != say(station, ReportKind.OTHER).id


def test_settled_is_over_and_a_new_report_begins(db, station):
    first = say(station)
    commands.repair(report=first, by=SYSTEM)
    assert say(station).id != first.id


def test_answer_does_not_stop_the_clock(db, station):
    report = say(station)
    due = report.due_at
    commands.answer(report=report, note="马上到", by=SYSTEM)
    assert report.status is R.ANSWERED and report.due_at == due and report.ended_at is None


def test_reopened_begins_anew_and_not_beside_an_open_one(db, station):
    report = say(station)
    commands.repair(report=report, by=SYSTEM)
    with clock.stopped_at(clock.now() + timedelta(days=3)):
        moment = clock.now()
        commands.reopen(report=report, note="又坏了", by=SYSTEM)
    assert report.begun_at == moment and report.due_at == moment + timedelta(hours=2) and report.answered_at is None
    settled = say(station, ReportKind.DIRTY)
    commands.repair(report=settled, by=SYSTEM)
    say(station, ReportKind.DIRTY)
    with pytest.raises(Refused) as refused:
        commands.reopen(report=settled, note="又脏了", by=SYSTEM)
    assert refused.value.problems[0].code == "open_already"


def test_a_facility_that_is_not_here_is_refused(db, station):
    with pytest.raises(Refused):
        say(station, ReportKind.BROKEN, facility=Facility.SHOWER)


def test_random_walks_keep_to_the_table(db, station):
    """Property: whatever is tried in whatever order, the state follows the table, the clock fits, every step is on record."""
    luck = random.Random(7)
    moment = clock.now() - timedelta(days=200)
    for _ in range(12):
        with clock.stopped_at(moment):
            report = say(station, ReportKind.OTHER)
        steps = 1
        for _ in range(8):
            moment += timedelta(minutes=luck.randint(1, 600))
            before, new = report.status, luck.choice(list(DO))
            with clock.stopped_at(moment):
                try:
                    DO[new](report=report, note="说明", by=SYSTEM)
                    assert new in TRANSITIONS[before] and report.status is new
                    steps += 1
                except Refused:
                    assert new not in TRANSITIONS[before] and report.status is before
            assert (report.ended_at is None) is (report.status in OPEN_STATUSES)
            assert report.due_at > report.begun_at >= report.reported_at
        assert len(queries.list_steps(report.id)) == steps


def values_of(station, **changes):
    moment = clock.now()
    return {
        "id": new_id(), "station_id": station.id, "kind": ReportKind.LOCKED, "source": ReportSource.DOOR, "said": 1,
        "status": R.REPORTED, "reported_at": moment, "last_said_at": moment, "begun_at": moment,
        "due_at": moment + timedelta(hours=2),
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ck_reports_said_by_somebody", {"said": 0}),
        ("ck_reports_in_order", {"last_said_at": clock.now() - timedelta(days=1)}),
        ("ck_reports_due_later", {"due_at": clock.now() - timedelta(days=1)}),
        ("ck_reports_answered_has_time", {"status": R.ANSWERED}),
        ("ck_reports_answered_has_time", {"answered_at": clock.now() + timedelta(days=1)}),
        ("ck_reports_settled_has_time", {"status": R.REPAIRED, "answered_at": clock.now() + timedelta(days=1)}),
        (
            "ck_reports_times_in_order",
            {
                "status": R.REPAIRED,
                "answered_at": clock.now() + timedelta(days=2),
                "ended_at": clock.now() + timedelta(days=1),
            },
        ),
    ],
)
def test_constraints_of_reports(db, station, name, changes):
    with pytest.raises(IntegrityError, match=name):
        db.session.execute(sa.insert(Report), values_of(station, **changes))
    db.session.rollback()


def test_one_open_report_of_a_thing(db, station):
    db.session.execute(sa.insert(Report), values_of(station))
    with pytest.raises(IntegrityError, match="uq_reports_open"):
        db.session.execute(sa.insert(Report), values_of(station))
    db.session.rollback()


def test_steps_are_for_good(db, station):
    report = make_report(station)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        db.session.execute(sa.update(ReportStep).values(note="anders"))
    db.session.rollback()
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        db.session.execute(sa.delete(ReportStep))
    db.session.rollback()
    step = {"report_id": report.id, "at": clock.now(), "by_kind": "system", "action": "unfounded"}
    with pytest.raises(IntegrityError, match="ck_report_steps_unfounded_has_reason"):
        db.session.execute(sa.insert(ReportStep), step | {"id": new_id(), "note": None})
    db.session.rollback()
    with pytest.raises(IntegrityError, match="ck_report_steps_note_length"):
        db.session.execute(sa.insert(ReportStep), step | {"id": new_id(), "note": "长" * 301})
    db.session.rollback()


def at_once(app, *jobs) -> list:
    """Run jobs in threads with sessions of their own, begun together; answers what each said or raised."""
    start, said = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(place, job):
        with app.app_context():
            try:
                start.wait(30)
                said[place] = transactional(job)()
            except Exception as error:
                said[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return said


def test_two_who_say_it_at_once_join_one_report(app, db, station):
    ident = station.id

    def job():
        return say(db.session.get_one(Station, ident)).id

    for _ in range(3):
        said = at_once(app, *[job] * 6)
        assert len(set(said)) == 1, said
    assert db.session.scalar(sa.select(sa.func.count(Report.id))) == 1
    assert db.session.scalar(sa.select(Report.said)) == 18


def test_of_two_answers_at_once_one_counts(app, db, station):
    ident = make_report(station).id
    both_have_read = threading.Barrier(2)

    def job():
        report = db.session.get_one(Report, ident)
        both_have_read.wait(30)
        commands.answer(report=report, by=By("system"))
        return "answered"

    said = at_once(app, job, job)
    assert sorted(type(one).__name__ for one in said) == ["Refused", "str"], said
    assert len(queries.list_steps(ident)) == 2
