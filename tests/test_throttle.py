"""The sign-in throttle: counts by pair and by client, outlives a rollback, and locks nobody else out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa

from portal import clock, throttle
from portal.throttle import CLIENT_LIMIT, PAIR_LIMIT, WINDOW, Attempt


def fail(times: int, *, purpose="p", subject="name", client="10.0.0.1") -> None:
    for _ in range(times):
        throttle.write_down(purpose, subject, client, failed=True)


def wait(subject="name", client="10.0.0.1", purpose="p"):
    answer = throttle.wait(purpose, subject, client)
    throttle.db.session.rollback()
    return answer


def test_the_fifth_failure_blocks_this_pair(db):
    fail(PAIR_LIMIT - 1)
    assert wait() is None
    fail(1)
    assert timedelta() < wait() <= WINDOW


def test_nobody_else_is_blocked(db):
    fail(PAIR_LIMIT + 3)
    assert wait(subject="another name") is None
    assert wait(client="10.0.0.2") is None
    assert wait(purpose="another purpose") is None


def test_the_wait_ends_when_the_failures_are_old(db):
    start = clock.now()
    with clock.stopped_at(start):
        fail(PAIR_LIMIT)
    with clock.stopped_at(start + timedelta(minutes=10)):
        assert wait() == timedelta(minutes=5)
    with clock.stopped_at(start + WINDOW):
        assert wait() is None


def test_the_window_slides(db):
    start = clock.now()
    for minute in range(PAIR_LIMIT):
        with clock.stopped_at(start + timedelta(minutes=minute)):
            fail(1)
    with clock.stopped_at(start + timedelta(minutes=PAIR_LIMIT)):
        assert wait() == timedelta(minutes=15 - PAIR_LIMIT)
    with clock.stopped_at(start + timedelta(minutes=15, seconds=1)):
        assert wait() is None  # the first of them is too old, four remain


def test_success_is_written_down_but_not_counted(db):
    for _ in range(10):
        throttle.write_down("p", "name", "10.0.0.1", failed=False)
    assert wait() is None
    assert db.session.query(Attempt).count() == 10


def test_one_client_that_tries_many_names_is_blocked(db):
    for number in range(CLIENT_LIMIT):
        fail(1, subject=f"name {number}")
    assert wait(subject="yet another") is not None
    assert wait(subject="yet another", client="10.0.0.2") is None


def test_what_was_noted_outlives_a_rollback(db):
    db.session.execute(sa.text("SELECT 1"))
    fail(1)
    db.session.rollback()
    assert db.session.query(Attempt).count() == 1


def test_names_and_addresses_are_not_in_the_table(db):
    fail(1, subject="13812345678", client="203.0.113.9")
    row = db.session.execute(sa.text("SELECT row(attempts.*)::text FROM attempts")).scalar_one()
    assert "13812345678" not in row and "203.0.113.9" not in row
    attempt = db.session.query(Attempt).one()
    assert b"13812345678" not in attempt.subject and len(attempt.subject) == len(attempt.client) == 32


def test_attempts_of_a_pair_go_one_after_the_other(app, db):
    """Twenty at once: without the lock in `wait` all of them would still find nothing to wait for."""

    def attempt(_: int) -> bool:
        with app.app_context():
            try:
                if throttle.wait("p", "name", "10.0.0.1"):
                    return False
                throttle.write_down("p", "name", "10.0.0.1", failed=True)
                return True
            finally:
                db.session.rollback()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(20))) == PAIR_LIMIT


def test_other_pairs_do_not_queue(app, db):
    assert throttle.wait("p", "name", "10.0.0.1") is None  # holds its pair until the transaction ends
    with db.engine.begin() as other:
        other.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
        with app.app_context():
            db.session.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
            assert throttle.wait("p", "name", "10.0.0.2") is None
            assert throttle.wait("p", "another", "10.0.0.1") is None
    db.session.rollback()
