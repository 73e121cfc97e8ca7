"""Messages: written with their cause, sent once by whichever worker takes them, retried, never lost."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock, outbox, working
from portal.db import transactional
from portal.outbox import Message, MessageStatus
from tests.conftest import settings_for


@pytest.fixture
def waiting(db):
    message = outbox.post("test", to="13800138000", body="您的验证码是 123456")
    db.session.commit()
    return message.id


def test_a_message_falls_with_its_cause(db):
    @transactional
    def cause():
        outbox.post("test", to="13800138000", body="x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cause()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Message)) == 0


def test_outside_production_it_shows_on_a_page(db, waiting):
    assert working.send_messages() == 1
    assert db.session.get(Message, waiting).status is MessageStatus.SHOWN
    assert working.send_messages() == 0


def test_nothing_stands_in_clear(db, waiting):
    row = db.session.execute(sa.text("SELECT messages::text AS whole FROM messages")).scalar_one()
    assert "13800138000" not in row and "123456" not in row
    assert b"13800138000".hex() not in row


def test_a_refusal_is_tried_again_with_growing_pauses_then_given_up(app, db, waiting):
    settings = settings_for("postgresql://x", messages_url="json://127.0.0.1:9/{to}")
    moment = clock.now()
    pauses = []
    for _ in range(outbox.TRIES):
        with clock.stopped_at(moment):
            message = outbox.take()
            assert message is not None
            outbox.deliver(message, settings)
            db.session.commit()
            pauses.append(message.due_at - moment)
            moment = message.due_at
    assert pauses[:3] == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    assert db.session.get(Message, waiting).status is MessageStatus.FAILED
    assert "13800138000" not in (message.error or "")


def test_two_workers_send_a_message_once(app, db):
    for _ in range(20):
        outbox.post("test", to="13800138000", body="x")
    db.session.commit()
    sent, start = [], threading.Barrier(4, timeout=30)

    def work():
        with app.app_context():
            start.wait()
            sent.append(working.send_messages())

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(sent) == 20
    assert db.session.scalar(sa.select(sa.func.max(Message.tries))) == 1
