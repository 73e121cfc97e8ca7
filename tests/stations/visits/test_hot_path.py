"""The one statement behind a tap, under many hands at once and with real connections.

What it promises leans on three row locks (key, recent service, recent stay) and on the order of the roll-ups. For each,
the same test runs once more with the guard taken out of the statement and must then see the promise broken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from portal import idempotency
from portal.access import By, Role
from portal.db import UNREACHABLE, one_statement
from portal.db import db as database
from portal.stations.visits import commands
from portal.vocabulary import BasicService, Occupation
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

WATER = BasicService.DRINKING_WATER
SERVICES = [BasicService.REST, WATER, BasicService.HOT_MEAL, BasicService.COOLING, BasicService.TOILET,
            BasicService.WIFI, BasicService.READING, BasicService.HAIRCUT]  # fmt: skip


@pytest.fixture
def world(app):
    tree = small_tree()
    stations = [make_station(union=tree.county), make_station(union=tree.county)]
    account = make_account(roles=[(Role.OPERATOR, tree.county)])
    return SimpleNamespace(
        app=app, codes=[station.code for station in stations], account=account, by=By("staff", account.id),
        unions=(tree.city.id,), foreign=(tree.foreign_city.id,), worker=make_worker().id,
    )  # fmt: skip


def tap(world, *, key: str, worker: Any = None, service=WATER, station: int = 0, **changes):
    values = {
        "station_code": world.codes[station], "service": service, "worker_id": worker, "occupation": Occupation.COURIER,
        "key": key, "unions": world.unions, "by": world.by,
    }  # fmt: skip
    return commands.log_visit(**(values | changes))


def at_once(world, *work: Callable[[], Any]) -> list[Any]:
    """Do all of it at the same moment, each in a thread and context of its own; answers or raised errors, in order."""
    start, answers = threading.Barrier(len(work)), [None] * len(work)

    def run(number: int) -> None:
        with world.app.app_context():
            start.wait(30)
            try:
                answers[number] = work[number]()
            except Exception as error:
                answers[number] = error
            finally:
                database.session.remove()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return answers


def fine(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def count(table: str) -> int:
    return database.session.scalar(sa.text(f"SELECT count(*) FROM {table}"))


def totals(table: str) -> tuple[int, int, int]:
    """(visits, identified, lines) of all rows of a roll-up."""
    row = database.session.execute(sa.text(f"SELECT sum(visits), sum(identified), sum(lines) FROM {table}")).one()
    return tuple(int(value) for value in row)


def standing() -> tuple[int, int, int]:
    """The same counted from the rows: lines that were not taken back, and the visits they belong to."""
    row = database.session.execute(
        sa.text(
            """
            SELECT count(DISTINCT l.visit_id) AS visits,
                   count(DISTINCT v.id) FILTER (WHERE v.worker_id IS NOT NULL) AS identified,
                   count(*) AS lines
            FROM visit_lines l JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at
            WHERE NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id)
            """
        )
    ).one()
    return tuple(row)


ROLL_UPS = ("union_days", "union_months", "station_months")


def without(monkeypatch, guard: str, instead: str) -> None:
    """Take a guard out of the statement."""
    changed = {}
    for known, statement in commands._LOG.items():
        assert guard in str(statement) or not known, f"the statement has no {guard!r}"
        changed[known] = sa.text(str(statement).replace(guard, instead))
    monkeypatch.setattr(commands, "_LOG", changed)


# --- the same key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_one_key_from_eight_threads_is_one_line(world, known):
    worker = world.worker if known else None
    answers = fine(at_once(world, *[lambda: tap(world, key="the same key", worker=worker)] * 8))
    assert count("visit_lines") == count("visits") == 1
    assert len({answer.line_id for answer in answers}) == 1 and len({answer.at for answer in answers}) == 1
    assert [answer.fresh for answer in answers].count(True) == 1


def test_without_the_key_every_thread_writes(world, monkeypatch):
    without(monkeypatch, "SELECT :owner, :key,", "SELECT :owner, concat(CAST(:key AS text), gen_random_uuid()),")
    at_once(world, *[lambda: tap(world, key="the same key")] * 8)
    assert count("visit_lines") == 8


def test_one_key_with_two_bodies_is_one_line_and_one_refusal(world):
    rest = [lambda: tap(world, key="the same key", service=BasicService.REST)] * 4
    water = [lambda: tap(world, key="the same key", service=WATER)] * 4
    answers = at_once(world, *rest, *water)
    refused = [isinstance(answer, idempotency.KeyReused) for answer in answers]
    assert count("visit_lines") == 1
    assert sorted((refused[:4], refused[4:])) == [[False] * 4, [True] * 4]


def test_another_persons_key_is_another_key(world):
    other = By("staff", make_account().id)
    answers = fine(at_once(world, lambda: tap(world, key="the same key"), lambda: tap(world, key="the same key", by=other)))
    assert all(answer.fresh for answer in answers) and count("visit_lines") == 2


# --- the same service ----------------------------------------------------------------------------------------------


def eight_tablets(world) -> list[Callable[[], Any]]:
    return [lambda number=number: tap(world, key=f"tablet {number}", worker=world.worker) for number in range(8)]


def test_two_tablets_are_one_tap(world):
    answers = fine(at_once(world, *eight_tablets(world)))
    assert count("visit_lines") == 1
    assert len({answer.line_id for answer in answers}) == 1
    again = fine(at_once(world, *eight_tablets(world)))
    assert {answer.line_id for answer in again} == {answers[0].line_id}, "a retry must get what the first try got"


def test_without_the_guard_two_tablets_are_two_lines(world, monkeypatch):
    without(monkeypatch, "WHERE r.station_id <> excluded.station_id OR r.line_at < :tap_since", "")
    fine(at_once(world, *eight_tablets(world)))
    assert count("visit_lines") == 8


def test_somebody_who_wants_no_record_is_counted_once_and_unnamed(world):
    database.session.execute(sa.text("UPDATE workers SET unrecorded_since = now() WHERE id = :id"), {"id": world.worker})
    database.session.commit()
    answers = fine(at_once(world, *[lambda: tap(world, key="the same key", worker=world.worker)] * 8))
    assert len({answer.line_id for answer in answers}) == 1 and count("visit_lines") == 1
    assert database.session.execute(sa.text("SELECT worker_id, occupation FROM visits")).one() == (None, "food_delivery_rider")
    assert count("recent_services") == count("recent_stays") == 0


def test_a_key_whose_answer_was_not_put_down_still_gets_the_first_line(world, monkeypatch):
    """The process died between a double tap and putting down whose line it got."""
    first = tap(world, key="tablet one", worker=world.worker)

    def dies(*_args, **_values):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(commands, "_first_answer", dies)
        with pytest.raises(SystemExit):
            tap(world, key="tablet two", worker=world.worker)
    assert tap(world, key="tablet two", worker=world.worker).line_id == first.line_id


# --- one stay ------------------------------------------------------------------------------------------------------


def eight_services(world) -> list[Callable[[], Any]]:
    return [lambda one=one: tap(world, key=f"service {one}", worker=world.worker, service=one) for one in SERVICES]


def test_eight_services_at_once_are_one_visit(world):
    answers = fine(at_once(world, *eight_services(world)))
    assert (count("visits"), count("visit_lines")) == (1, 8)
    assert len({answer.visit_id for answer in answers}) == 1
    for table in ROLL_UPS:
        assert totals(table) == (1, 1, 8), table


def test_without_the_stay_every_service_is_a_visit(world, monkeypatch):
    without(monkeypatch, "CASE WHEN r.last_at < :stay_since THEN excluded.visit_id ELSE r.visit_id END", "excluded.visit_id")
    without(monkeypatch, "CASE WHEN r.last_at < :stay_since THEN excluded.visit_at ELSE r.visit_at END", "excluded.visit_at")
    fine(at_once(world, *eight_services(world)))
    assert count("visits") == 8


# --- roll-ups and locks --------------------------------------------------------------------------------------------


def sixteen_tallies(world) -> list[Callable[[], Any]]:
    def work(number: int) -> None:
        for lap in range(4):
            tap(world, key=f"tally {number} {lap}", station=number % 2)

    return [lambda number=number: work(number) for number in range(16)]


def test_roll_ups_equal_rows_under_sixteen_threads(world):
    fine(at_once(world, *sixteen_tallies(world)))
    assert standing() == (64, 0, 64)
    for table in ROLL_UPS:
        assert totals(table) == (64, 0, 64), table


def test_adding_to_what_was_read_loses_taps(world, monkeypatch):
    stale = "(SELECT o.lines FROM union_days o WHERE o.union_id = t.union_id AND o.day = t.day) + 1 RETURNING 1 ) SELECT"
    without(monkeypatch, "t.lines + 1 RETURNING 1 ) SELECT", stale)
    tap(world, key="the first row")
    fine(at_once(world, *sixteen_tallies(world)))
    assert totals("union_days")[2] < count("visit_lines") == 65


def test_taps_and_undos_never_wait_crosswise(world):
    people = [make_worker().id for _ in range(4)]

    def give_and_take_back(number: int) -> None:
        for lap, service in enumerate(SERVICES):
            key = f"undone {number} {lap}"
            line = tap(world, key=key, worker=people[number % 4], service=service, station=number // 4).line_id
            if number % 2:
                commands.reverse_line(line_id=line, station_code=world.codes[number // 4], unions=world.unions,
                                      reason="test", by=world.by)  # fmt: skip
                database.session.commit()

    fine(at_once(world, *[lambda number=number: give_and_take_back(number) for number in range(8)]))
    assert count("visit_reversals") == 32
    assert standing()[2] == 32
    for table in ROLL_UPS:
        assert totals(table) == standing(), table


def test_an_undo_waits_for_a_tap_that_joins_the_stay(world):
    """Otherwise it would count no line left, and take down a visit that has one."""
    first, joined = tap(world, key="the first", worker=world.worker).line_id, threading.Event()

    def join() -> None:
        tap(world, key="the second", worker=world.worker, service=BasicService.REST, run=commands.within_transaction)
        joined.set()
        threading.Event().wait(0.3)
        database.session.commit()

    def undo() -> None:
        joined.wait(30)
        commands.reverse_line(line_id=first, station_code=world.codes[0], unions=world.unions, reason="test", by=world.by)
        database.session.commit()

    fine(at_once(world, join, undo))
    assert standing() == (1, 1, 1)
    for table in ROLL_UPS:
        assert totals(table) == (1, 1, 1), table


def test_the_statement_locks_the_roll_ups_in_the_order_of_the_undo(world):
    """The order is data flow, not luck: each roll-up reads the one before."""
    for statement in commands._LOG.values():
        sql = str(statement)
        for table, before in (
            ("station_months", "new_line"),
            ("union_months", "station_months_up"),
            ("union_days", "union_months_up"),
        ):
            assert f"FROM {before}, place, step" in sql[sql.index(f"INSERT INTO {table} ") :][:260], table


def test_the_statement_is_short_enough_to_be_remembered():
    """Beyond this length psycopg reads the statement anew at every tap."""
    from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

    from portal.db import _for_driver

    assert all(len(_for_driver(statement)) < MAX_CACHED_STATEMENT_LENGTH for statement in commands._LOG.values())


# --- scope, HTTP, broken connections -------------------------------------------------------------------------------


def test_outside_the_scope_nothing_is_written_however_many_try(world):
    answers = at_once(world, *[lambda: tap(world, key="the same key", unions=world.foreign)] * 8)
    assert all(isinstance(answer, commands.NoSuchStation) for answer in answers)
    assert count("idempotency_keys") == count("visit_lines") == 0


def test_a_button_hit_eight_times_is_one_line_over_http(world):
    clients = []
    for _ in range(8):
        client = world.app.test_client()
        sign_in_quickly(client, world.account)
        client.get(f"/desk/{world.codes[0]}")
        clients.append(client)
    sent = {"service": "drinking_water", "worker": str(world.worker)}
    address, headers = f"/desk/{world.codes[0]}/visits", {"HX-Request": "true"}
    answers = fine(
        at_once(
            world, *[lambda client=client: client.send(address, sent, key="one button", headers=headers) for client in clients]
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 8
    line = database.session.scalar(sa.text("SELECT id FROM visit_lines"))
    assert all(f'name="line" value="{line}"' in answer.text for answer in answers)


def test_a_connection_that_broke_is_replaced(world):
    pid = sa.text("SELECT pg_backend_pid() AS pid")
    first = one_statement(pid, {})[0].pid
    for retry in (True, False):
        broken = one_statement(pid, {})[0].pid
        database.session.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": broken})
        if retry:
            assert one_statement(pid, {})[0].pid not in (first, broken)
        else:
            with pytest.raises(UNREACHABLE) as error:
                one_statement(pid, {}, retry=False)
            assert isinstance(error.value, psycopg.OperationalError)
            assert one_statement(pid, {}), "the broken one must not come back"
