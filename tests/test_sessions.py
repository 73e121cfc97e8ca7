"""Sessions are rows: what ends them ends them on the very next request."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock, create_app
from portal.access import By, Role
from portal.sessions import Session, close_all
from tests.conftest import settings_for
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree

PAGE = "/staff"


@pytest.fixture
def signed(client, db):
    account = make_account(roles=[(Role.OFFICER, small_tree().city)])
    sign_in_quickly(client, account)
    assert client.get(PAGE).status_code == 200
    client.account_id = account.id
    return client


def turned_away(client) -> bool:
    answer = client.get(PAGE)
    return answer.status_code == 302 and "/staff/sign-in" in answer.location


def test_signing_out_ends_the_row_whatever_cookie_is_held(signed):
    held = signed.get_cookie("session").value
    signed.send("/staff/sign-out")
    signed.set_cookie("session", held)
    assert turned_away(signed)


def test_ending_all_sessions(signed, db):
    close_all(By("staff", signed.account_id))
    db.session.commit()
    assert turned_away(signed)


@pytest.mark.parametrize(("minutes", "over"), [(29, False), (31, True)])
def test_thirty_idle_minutes(signed, minutes, over):
    with clock.stopped_at(clock.now() + timedelta(minutes=minutes)):
        assert turned_away(signed) is over


def test_twelve_hours_at_the_most(signed):
    start = clock.now()
    for step in range(1, 36):
        with clock.stopped_at(start + timedelta(minutes=20 * step)):
            assert not turned_away(signed), step
    with clock.stopped_at(start + timedelta(hours=12, seconds=1)):
        assert turned_away(signed)


def test_seen_is_written_once_a_minute(signed, db):
    def seen():
        db.session.rollback()
        return db.session.scalar(sa.select(Session.seen_at))

    first, start = seen(), clock.now()
    with clock.stopped_at(start + timedelta(seconds=50)):
        signed.get(PAGE)
    assert seen() == first
    with clock.stopped_at(start + timedelta(seconds=70)):
        signed.get(PAGE)
    assert seen() > first


def test_the_token_is_not_in_the_database(signed, db):
    token = signed.get_cookie("session").value
    row = db.session.execute(sa.text("SELECT sessions::text FROM sessions")).scalar_one()
    assert token not in row and token.partition(".")[2] not in row


@pytest.mark.parametrize("token", ["", "staff.", "staff.x", "worker.x", "nobody.x", "staff" + "x" * 500])
def test_tampered_cookies_are_nobody(client, db, token):
    client.set_cookie("session", token)
    assert turned_away(client)


def test_a_staff_cookie_is_no_worker(signed):
    token = signed.get_cookie("session").value
    signed.set_cookie("session", token.replace("staff.", "worker."))
    assert signed.get("/me").status_code == 302


@pytest.mark.parametrize(
    ("changes", "secure"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "10.1.2.3"}, True),
    ],
)
def test_cookies_are_host_and_secure_except_at_loopback(changes, secure):
    app = create_app(settings_for("postgresql+psycopg://x/y", **changes), database_url="postgresql+psycopg://x/y")
    assert app.config["SESSION_COOKIE_SECURE"] is secure
    assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-") is secure
    with app.test_request_context():
        from portal.sessions import cookie_name

        assert cookie_name("session") == ("__Host-session" if secure else "session")
