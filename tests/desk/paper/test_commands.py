"""Paper sheets: stored whole, once, and compared with what is on record."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db as database
from portal.desk.handouts import commands as handouts
from portal.desk.paper import commands, rules
from portal.desk.paper.commands import Row
from portal.desk.paper.models import DiscrepancyKind, EntryDiscrepancy
from portal.stations.register.models import Station
from portal.stations.visits import commands as visits
from portal.types import Refused
from portal.vocabulary import BasicService, Occupation
from tests.factories.handouts import make_discrepancy, make_handout
from tests.factories.staff import make_account
from tests.factories.stations import make_station, weekly
from tests.factories.unions import small_tree
from tests.factories.visits import assert_rolled_up
from tests.factories.workers import make_worker

DAY = date(2026, 8, 3)
NOON = datetime(2026, 8, 3, 4, 0, tzinfo=UTC)
NOW = NOON + timedelta(days=1)
PHONE = "13800138000"


@pytest.fixture
def world(app):
    tree = small_tree()
    station = make_station(union=tree.county, hours=weekly((480, 1080)))  # 08:00–18:00
    with clock.stopped_at(NOON - timedelta(days=1)):
        worker = make_worker(phone=PHONE, confirmed=True)
    return SimpleNamespace(
        app=app, station=station, by=By("staff", make_account().id), person=worker.id, code=station.code, unions=(tree.city.id,)
    )


def row(position=1, minutes=0, heads=1, who=None, service=BasicService.OTHER):
    return Row(position, NOON + timedelta(minutes=minutes), Occupation.COURIER, service, heads, who)


def enter(world, *given: Row, serial="S-0001", total=None, handout_id=None, day=DAY):
    with clock.stopped_at(NOW):
        answer = commands.enter_sheet(
            station=world.station, serial=serial, day=day, rows=given, total=total, handout_id=handout_id, by=world.by
        )
        database.session.commit()
    return answer


def kinds() -> list[DiscrepancyKind]:
    database.session.rollback()
    return list(database.session.scalars(sa.select(EntryDiscrepancy.kind).order_by(EntryDiscrepancy.id)))


def test_a_sheet_that_agrees_leaves_nothing_open(world):
    _, wrong = enter(world, row(1, heads=4), row(2, 30, who=PHONE), total=5)
    assert wrong == 0 and kinds() == []
    found = database.session.execute(sa.text("SELECT at, source, worker_id FROM visits ORDER BY at, id")).all()
    assert [(one.source, one.worker_id) for one in found] == [("paper", None)] * 4 + [("paper", world.person)]
    assert_rolled_up()


def test_a_sheet_is_entered_once_even_by_two_at_once(world):
    start, answers = threading.Barrier(2), []
    station_id = world.station.id

    def run() -> None:
        with world.app.app_context(), clock.stopped_at(NOW):
            station = database.session.get(Station, station_id)
            start.wait(30)
            try:
                commands.enter_sheet(station=station, serial="S-0002", day=DAY, rows=[row(heads=7)], total=None, handout_id=None,
                                     by=world.by)  # fmt: skip
                database.session.commit()
                answers.append("entered")
            except Refused as refused:
                database.session.rollback()
                answers.append(refused.problems[0].code)
            finally:
                database.session.remove()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == ["entered", "taken"]
    assert database.session.scalar(sa.text("SELECT count(*) FROM visits")) == 7
    enter(world, row(), serial="S-0003")
    with pytest.raises(sa.exc.IntegrityError, match="uq_paper_sheets_station_id_serial"):
        database.session.execute(
            sa.text(
                "INSERT INTO paper_sheets (id, station_id, serial, day, entered_at, by_account_id) "
                "SELECT gen_random_uuid(), station_id, 'S-0002', day, entered_at, by_account_id FROM paper_sheets"
            )
        )
    database.session.rollback()


def test_what_does_not_agree_is_stored_and_listed(world):
    enter(
        world, row(1, who=PHONE), row(2, 60, who=PHONE), row(3, 3, who="9999"), row(4, 7 * 60, heads=2),
        total=9,
    )  # fmt: skip
    assert kinds() == [
        DiscrepancyKind.AGAIN_TODAY, DiscrepancyKind.NOT_RECOGNISED, DiscrepancyKind.STATION_CLOSED,
        DiscrepancyKind.TOTAL_DIFFERS,
    ]  # fmt: skip
    assert database.session.scalar(sa.text("SELECT count(*) FROM visit_lines")) == 5
    said = [str(rules.words_for(one.kind, one.details)) for one in database.session.scalars(sa.select(EntryDiscrepancy))]
    assert all("None" not in words and "–" not in words for words in said), said
    assert_rolled_up()


def test_a_row_that_the_desk_logged_already_is_the_same_and_listed(world):
    with clock.stopped_at(NOON):
        visits.log_visit(station_code=world.code, service=BasicService.OTHER, worker_id=world.person,
                         occupation=Occupation.COURIER, key="tapped already", unions=world.unions, by=world.by)  # fmt: skip
    enter(world, row(1, 3, who=PHONE))
    assert kinds() == [DiscrepancyKind.AGAIN_TODAY]
    assert database.session.scalar(sa.text("SELECT count(*) FROM visit_lines")) == 1


def test_the_last_four_find_who_was_met_here(world):
    enter(world, row(1, who=PHONE), serial="S-0001")
    enter(world, row(1, 30, who=PHONE[-4:], service=BasicService.REST), serial="S-0002")
    assert kinds() == []
    assert database.session.scalar(sa.text("SELECT count(*) FROM visit_lines WHERE service = 'rest'")) == 1
    assert database.session.scalar(sa.text("SELECT count(DISTINCT worker_id) FROM visits")) == 1


def test_more_than_the_handout_had_is_stored_and_listed(world):
    with clock.stopped_at(NOON):
        handout = make_handout(world.station, world.by, quantity=5)
        handouts.give(handout=handout, typed=None, occupation=Occupation.COURIER, by=world.by)
        database.session.commit()
    enter(world, row(1, heads=6), handout_id=handout.id)
    assert kinds() == [DiscrepancyKind.OVER_QUANTITY]
    assert database.session.scalar(sa.text("SELECT given || ' ' || given_late FROM handouts")) == "1 6"
    assert database.session.scalar(sa.text("SELECT count(*) FROM visits")) == 7


def test_nothing_personal_is_kept_of_what_was_written(world):
    enter(world, row(1, who="13911112222"), row(2, who="W23456789ABCDEFGHJKLM"))
    kept = "".join(str(one) for table in ("paper_rows", "entry_discrepancies", "audit_entries")
                   for one in database.session.execute(sa.text(f"SELECT * FROM {table}")))  # fmt: skip
    assert "13911112222" not in kept and "23456789ABC" not in kept
    assert kinds() == [DiscrepancyKind.NOT_RECOGNISED] * 2


def test_a_sealed_day_takes_a_sheet(world):
    from portal.stations.seals import commands as seals
    from portal.stations.seals import queries

    with clock.stopped_at(NOON):
        visits.log_visit(station_code=world.code, service=BasicService.OTHER, worker_id=None, occupation=Occupation.COURIER,
                         key="the day before", unions=world.unions, by=world.by)  # fmt: skip
    for _ in range(2):
        with clock.stopped_at(NOW):
            seals.seal_days(by=world.by)
            database.session.commit()
        if not kinds() and database.session.scalar(sa.text("SELECT count(*) FROM paper_sheets")) == 0:
            enter(world, row(heads=3))
    assert (
        database.session.scalar(sa.text("SELECT string_agg(part || ':' || lines, ' ' ORDER BY part) FROM day_seals")) == "0:1 1:3"
    )
    assert queries.list_broken_seals(DAY, DAY) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"serial": "!"}, "serial"), ({"day": date(2026, 8, 5)}, "day"), ({"day": date(2026, 1, 1)}, "day")],
)
def test_a_sheet_that_cannot_be_is_refused(world, changes, code):
    with pytest.raises(Refused) as refused:
        enter(world, row(), **changes)
    assert refused.value.problems[0].code == code
    database.session.rollback()
    assert database.session.scalar(sa.text("SELECT count(*) FROM visits")) == 0


def test_settled_once_with_a_note(world):
    one = make_discrepancy(world.station, world.by)
    with pytest.raises(Refused, match="what was found"):
        commands.settle(discrepancy=one, note="  ", by=world.by)
    commands.settle(discrepancy=one, note="asked the operator", by=world.by)
    database.session.commit()
    with pytest.raises(Refused, match="already"):
        commands.settle(discrepancy=one, note="again", by=world.by)
    database.session.rollback()
    with pytest.raises(sa.exc.IntegrityError, match="ck_entry_discrepancies_settled_whole"):
        database.session.execute(sa.text("UPDATE entry_discrepancies SET settled_by_account_id = NULL"))
    database.session.rollback()
