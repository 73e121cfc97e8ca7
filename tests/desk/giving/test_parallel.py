"""Two tablets at the same moment: the last one is given once, and one person gets one."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from portal.access import Role
from portal.welfare.eligibility.models import LimitPeriod
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.workers import make_worker


@pytest.fixture
def tablets(app, place):
    """Two tablets, each with an operator of its own and the desk open."""
    made = []
    for _ in range(2):
        client = app.test_client()
        sign_in_quickly(client, make_account(roles=[(Role.OPERATOR, place.tree.county)]))
        client.set_cookie("language", "en")
        client.get(place.address)
        made.append(client)
    return made


def at_once(tablets, address: str, workers: list[str]) -> list:
    """Both tap at the same moment; answers what each was told."""
    ready, answers = Barrier(len(tablets), timeout=30), [None] * len(tablets)

    def tap(number: int) -> None:
        ready.wait()
        answers[number] = tablets[number].send(address, {"worker": workers[number]})

    threads = [Thread(target=tap, args=(number,)) for number in range(len(tablets))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def count(db, table: str) -> int:
    db.session.rollback()
    return db.session.scalar(sa.text(f"SELECT count(*) FROM {table}"))


def test_the_last_one_goes_to_one_of_two_tablets(db, place, tablets):
    programme = place.offer(stock=1)
    people = [str(make_worker().id), str(make_worker().id)]
    answers = at_once(tablets, f"{place.address}/programmes/{programme.code}/give", people)
    assert sorted(answer.status_code for answer in answers) == [303, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert "is used up here" in refused.text
    assert count(db, "deliveries") == 1 and db.session.scalar(sa.text("SELECT sum(on_hand) FROM lots")) == 0


def test_one_person_at_two_tablets_gets_one(db, place, tablets):
    programme = place.offer(rule={"person_limit": 1, "limit_period": LimitPeriod.DAY})
    answers = at_once(tablets, f"{place.address}/programmes/{programme.code}/give", [str(place.worker.id)] * 2)
    assert sorted(answer.status_code for answer in answers) == [303, 422]
    assert count(db, "deliveries") == 1 and db.session.scalar(sa.text("SELECT sum(on_hand) FROM lots")) == 11
