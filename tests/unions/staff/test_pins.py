"""Personal PINs: what is accepted, that only its hash is kept, and the page where one sets it."""

from __future__ import annotations

import pytest

from portal import throttle
from portal.access import VISITOR, Role
from portal.audit import AuditEntry
from portal.unions.staff import commands
from portal.unions.staff.models import Account
from portal.unions.staff.rules import problems_with_pin
from tests.factories.staff import PASSWORD, make_account, sign_in_quickly
from tests.factories.unions import small_tree

GOOD = "408316"


@pytest.mark.parametrize(
    "pin",
    ["1234", "4321", "0123", "123456", "987654", "1111", "000000", "1212", "343434", "123123", "1985", "2008", "199007",
     "850517", "1314", "520520", "112233", "2580"],
)  # fmt: skip
def test_weak_ones_are_refused(pin):
    assert [problem.code for problem in problems_with_pin(pin)] == ["weak"]


@pytest.mark.parametrize("pin", ["", "123", "1234567", "12a4", "４０８３", "12 34", "-123"])
def test_four_to_six_digits(pin):
    assert [problem.code for problem in problems_with_pin(pin)] == ["pin"]


@pytest.mark.parametrize("pin", ["4083", "70259", GOOD, "9041", "302975"])
def test_ordinary_ones_are_fine(pin):
    assert problems_with_pin(pin) == []


@pytest.fixture
def operator(client, app):
    account = make_account([(Role.OPERATOR, small_tree().county)], name="周敏")
    client.set_cookie("language", "en")
    sign_in_quickly(client, account)
    client.get("/staff/pin")
    return account


def test_one_sets_it_after_ones_password(client, db, operator):
    answer = client.send("/staff/pin", {"current": PASSWORD, "pin": GOOD})
    assert answer.status_code == 303
    row = db.session.get(Account, operator.id)
    assert row.pin_hash.startswith("$argon2id$") and GOOD not in row.pin_hash and row.pin_set_at
    assert commands.check_pin(account=row, pin=GOOD, by=VISITOR)
    assert not commands.check_pin(account=row, pin="408317", by=VISITOR)
    entry = db.session.query(AuditEntry).filter_by(action="account.pin_set").one()
    assert entry.actor_id == operator.id and GOOD not in str(entry.details)
    html = client.get("/staff/pin").get_data(as_text=True)
    assert "Set on" in html and GOOD not in html


@pytest.mark.parametrize(("password", "pin"), [("wrong wrong wrong", GOOD), (PASSWORD, "1234"), ("", GOOD), (PASSWORD, "")])
def test_without_password_or_with_a_weak_one_nothing_is_set(client, db, operator, password, pin):
    answer = client.send("/staff/pin", {"current": password, "pin": pin})
    assert answer.status_code == 422 and 'class="wrong"' in answer.get_data(as_text=True)
    assert db.session.get(Account, operator.id).pin_hash is None


def test_the_password_is_not_guessed_here(client, operator):
    for _ in range(throttle.PAIR_LIMIT):
        assert client.send("/staff/pin", {"current": "wrong wrong wrong", "pin": GOOD}).status_code == 422
    assert client.send("/staff/pin", {"current": PASSWORD, "pin": GOOD}).status_code == 429


def test_removing_it(client, db, operator):
    client.send("/staff/pin", {"current": PASSWORD, "pin": GOOD})
    assert client.send("/staff/pin/remove").status_code == 303
    row = db.session.get(Account, operator.id)
    assert row.pin_hash is None and not commands.check_pin(account=row, pin=GOOD, by=VISITOR)


def test_a_new_invitation_ends_the_pin(db, operator):
    commands.set_pin(account=db.session.merge(operator), password=PASSWORD, pin=GOOD, by=VISITOR)
    row = db.session.get(Account, operator.id)
    commands.invite_again(account=row, union_id=None, elsewhere=False, by=VISITOR)
    assert row.pin_hash is None


def test_who_does_not_serve_has_no_such_page(client, app):
    sign_in_quickly(client, make_account([(Role.OFFICER, small_tree().county)]))
    assert client.get("/staff/pin").status_code == 403


def test_a_pin_and_its_day_go_together(db, operator):
    import sqlalchemy as sa

    with pytest.raises(sa.exc.IntegrityError, match="ck_accounts_pin_whole"):
        db.session.execute(sa.text("UPDATE accounts SET pin_hash = 'x' WHERE id = :i"), {"i": operator.id})
    db.session.rollback()
