"""Lines taken back afterwards, with a reason: by whom, until when, and once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import current_app

from portal import clock
from portal.db import db as database
from portal.stations.visits import commands
from tests.factories.visits import EVENING, NOON, assert_rolled_up, make_round, rows, tap


@pytest.fixture
def world(db):
    return make_round()


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


def test_of_two_undos_at_once_the_second_is_told(world):
    application, line, told = current_app._get_current_object(), tap(world, at=NOON), []
    values = {"line_id": line.line_id, "station_code": world.codes[0], "unions": world.unions, "reason": "test", "by": world.by}

    def second() -> None:
        with application.app_context(), clock.stopped_at(NOON + timedelta(minutes=1)):
            try:
                commands.reverse_line(**values)
            except Exception as refused:  # whatever it is, the main thread looks at it
                told.append(refused)
            database.session.remove()

    with clock.stopped_at(NOON + timedelta(minutes=1)):
        commands.reverse_line(**values)
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "it waits"
        database.session.commit()
        thread.join(30)
    assert [type(one) for one in told] == [commands.CannotUndo] and "already" in str(told[0])
    assert_rolled_up()
