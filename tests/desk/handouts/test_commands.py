"""Hand-outs to many under many hands, and group visits."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import By, Role
from portal.db import db as database
from portal.desk.handouts import commands, queries
from portal.desk.handouts.models import Handout
from portal.members.workers import queries as workers
from portal.types import Level, Refused
from portal.vocabulary import Occupation
from tests.factories.handouts import make_group, make_handout
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.visits import assert_rolled_up
from tests.factories.workers import make_phone, make_worker


@pytest.fixture
def world(app):
    tree = small_tree()
    station = make_station(union=tree.county)
    account = make_account(roles=[(Role.OPERATOR, tree.county)])
    phones = [make_phone() for _ in range(9)]
    people = [make_worker(phone=phone, confirmed=True).id for phone in phones]
    return SimpleNamespace(
        app=app, station=station, by=By("staff", account.id), phones=phones, people=people, unions=(tree.city.id,)
    )


def rows(sql: str):
    database.session.rollback()
    return database.session.execute(sa.text(sql)).all()


def give(world, handout, typed=None, occupation=Occupation.COURIER):
    gift = commands.give(handout=handout, typed=typed, occupation=occupation, by=world.by)
    database.session.commit()
    return gift


def at_once(world, handout_id, typed: list[str | None]) -> list:
    """Every one of them is given at the same moment, each by a tablet of its own."""
    start, answers = threading.Barrier(len(typed)), [None] * len(typed)

    def run(number: int) -> None:
        with world.app.app_context():
            handout = database.session.get(Handout, handout_id)
            start.wait(30)
            try:
                answers[number] = give(world, handout, typed[number]).id
            except Exception as error:
                database.session.rollback()
                answers[number] = error
            finally:
                database.session.remove()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(typed))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return answers


def refusals(answers: list) -> list[str]:
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, Refused):
            raise answer
    return [answer.problems[0].code for answer in answers if isinstance(answer, Refused)]


# --- the last one, and one for each --------------------------------------------------------------------------------


def test_the_last_one_goes_to_exactly_one_of_eight(world):
    handout = make_handout(world.station, world.by, quantity=1)
    answers = at_once(world, handout.id, [*world.phones[:4], None, None, None, None])
    assert refusals(answers) == ["nothing_left"] * 7
    assert [(row.given, row.n) for row in rows("SELECT given, (SELECT count(*) FROM handout_gifts) AS n FROM handouts")] == [
        (1, 1)
    ]
    assert len(rows("SELECT FROM visit_lines")) == 1
    assert_rolled_up()


def test_without_the_lock_the_database_still_refuses_to_oversell(world, monkeypatch):
    """The lock away, all eight believe that one is left; then the check constraint is what holds."""
    handout = make_handout(world.station, world.by, quantity=1)
    pause = threading.Barrier(4)

    def look(handout_id):
        row = database.session.get(Handout, handout_id)
        database.session.refresh(row)
        pause.wait(30)
        return row

    monkeypatch.setattr(commands, "_held", look)
    answers = at_once(world, handout.id, [None] * 4)
    assert "nothing_left" not in refusals([one for one in answers if not isinstance(one, sa.exc.SQLAlchemyError)])
    assert sum(not isinstance(one, Exception) for one in answers) > 1, "the lock is what keeps it at one"
    assert len(rows("SELECT FROM handout_gifts")) > 1


def test_more_than_there_was_is_refused_by_name(world):
    make_handout(world.station, world.by, quantity=1)
    with pytest.raises(sa.exc.IntegrityError, match="ck_handouts_never_more_than_there_was"):
        database.session.execute(sa.text("UPDATE handouts SET given = 2"))
    database.session.rollback()


def test_one_person_at_eight_tablets_gets_one(world):
    handout = make_handout(world.station, world.by, quantity=None)
    answers = at_once(world, handout.id, [world.phones[0]] * 8)
    assert refusals(answers) == ["had"] * 7
    assert len(rows("SELECT FROM handout_gifts")) == 1


def test_a_second_gift_to_the_same_person_is_refused_by_name(world):
    handout = make_handout(world.station, world.by)
    give(world, handout, world.phones[0])
    with pytest.raises(sa.exc.IntegrityError, match="uq_handout_gifts_once"):
        database.session.execute(
            sa.text(
                "INSERT INTO handout_gifts (id, handout_id, worker_id, occupation, once, at, line_id, line_at) "
                "SELECT gen_random_uuid(), handout_id, worker_id, occupation, once, at, line_id, line_at FROM handout_gifts"
            )
        )
    database.session.rollback()


def test_eighty_people_in_a_row(world):
    """Two tablets; what is left and what was given agree to the last."""
    handout = make_handout(world.station, world.by, quantity=80)
    for _ in range(80):
        give(world, handout)
    with pytest.raises(Refused) as refused:
        give(world, handout, world.phones[0])
    assert (refused.value.problems[0].code, refused.value.problems[0].level) == ("nothing_left", Level.RED)
    assert queries.get_handout(world.station.id, handout.id).left == 0
    assert len(rows("SELECT FROM visits WHERE source = 'handout'")) == 80
    assert_rolled_up()


def test_the_second_scan_says_when_the_first_was(world):
    handout = make_handout(world.station, world.by)
    first = give(world, handout, world.phones[0])
    first_at = first.at
    with pytest.raises(Refused) as refused:
        give(world, handout, world.phones[0])
    (problem,) = refused.value.problems
    assert problem.level is Level.AMBER and problem.says.values["time"] == first_at


def test_without_the_limit_of_one_a_second_scan_counts_after_minutes(world):
    handout = make_handout(world.station, world.by, one_per_person=False)
    now = clock.now()
    with clock.stopped_at(now):
        give(world, handout, world.phones[0])
        with pytest.raises(Refused):
            give(world, handout, world.phones[0])
        database.session.rollback()
    with clock.stopped_at(now + timedelta(minutes=6)):
        give(world, handout, world.phones[0])
    assert [row.given for row in rows("SELECT given FROM handouts")] == [2]


def test_who_had_the_same_at_the_desk_is_still_given(world):
    """The line of the desk stands for both; taking the gift back leaves it."""
    from portal.stations.recording import commands as recording
    from portal.stations.visits.models import VisitSource

    handout = make_handout(world.station, world.by)
    recording.record_visits(
        station_id=world.station.id, union_id=world.station.union_id, occupation=Occupation.COURIER, service=handout.service,
        at=clock.now() - timedelta(seconds=2), source=VisitSource.DESK, by=world.by, worker_id=world.people[0],
    )  # fmt: skip
    gift = give(world, handout, world.phones[0])
    commands.take_back(handout=handout, gift_id=gift.id, unions=world.unions, by=world.by)
    database.session.commit()
    assert rows("SELECT FROM visit_reversals") == []
    assert [row.given for row in rows("SELECT given FROM handouts")] == [0]


def test_undo_gives_it_back(world):
    handout = make_handout(world.station, world.by, quantity=1)
    gift = give(world, handout, world.phones[0])
    commands.take_back(handout=handout, gift_id=gift.id, unions=world.unions, by=world.by)
    database.session.commit()
    with pytest.raises(Refused):
        commands.take_back(handout=handout, gift_id=gift.id, unions=world.unions, by=world.by)
    database.session.rollback()
    give(world, handout, world.phones[0])
    assert_rolled_up()


def test_a_closed_handout_gives_nothing(world):
    handout = make_handout(world.station, world.by)
    commands.close_handout(handout=handout, by=world.by)
    database.session.commit()
    with pytest.raises(Refused) as refused:
        give(world, handout)
    assert refused.value.problems[0].code == "closed"


def test_late_ones_are_counted_and_leave_none(world):
    handout = make_handout(world.station, world.by, quantity=2)
    give(world, handout)
    commands.add_late(handout_id=handout.id, count=5, by=world.by)
    database.session.commit()
    assert queries.get_handout(world.station.id, handout.id).left == 0
    with pytest.raises(Refused):
        give(world, handout)


def test_an_unknown_card_is_said_and_given_by_occupation(world):
    handout = make_handout(world.station, world.by)
    with pytest.raises(Refused) as refused:
        give(world, handout, make_phone())
    assert refused.value.problems[0].level is Level.AMBER
    assert workers.find_worker(world.people[0])


# --- group visits --------------------------------------------------------------------------------------------------


def test_a_group_counts_by_head_and_goes_as_a_whole(world):
    group = make_group(world.station, world.by, heads=12)
    assert {(row.worker_id, row.occupation) for row in rows("SELECT * FROM visits WHERE source = 'group'")} == {(None, "courier")}
    assert_rolled_up()
    assert commands.reverse_group(group=group, reason="entered twice", keeper=False, by=world.by) == 12
    database.session.commit()
    with pytest.raises(Refused, match="already"):
        commands.reverse_group(group=group, reason="again", keeper=True, by=world.by)
    database.session.rollback()
    assert len(rows("SELECT FROM visit_reversals")) == 12
    assert_rolled_up()


def test_a_group_of_another_day_is_for_the_keeper(world):
    group = make_group(world.station, world.by)
    other = By("staff", make_account().id)
    for by, later in ((other, timedelta()), (world.by, timedelta(days=1))):
        with clock.stopped_at(clock.now() + later), pytest.raises(Refused):
            commands.reverse_group(group=group, reason="x", keeper=False, by=by)
        database.session.rollback()
    with pytest.raises(Refused, match="why"):
        commands.reverse_group(group=group, reason=" ", keeper=True, by=other)
    database.session.rollback()
    assert commands.reverse_group(group=group, reason="x", keeper=True, by=other) == 3


@pytest.mark.parametrize("heads", [0, 501])
def test_a_group_has_somebody_and_not_too_many(world, heads):
    with pytest.raises(Refused):
        make_group(world.station, world.by, heads=heads)
