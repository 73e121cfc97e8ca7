"""Signing in with password and second factor: the way in, and every way that is closed."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pyotp
import pytest

from portal import clock, sessions
from portal.access import VISITOR, Role
from portal.audit import AuditEntry
from portal.config import Environment
from portal.sessions import Session
from portal.unions.staff import commands, views
from portal.unions.staff.models import Account
from tests.factories.staff import PASSWORD, code_for, make_account, sign_in, sign_in_quickly
from tests.factories.unions import small_tree


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def officer(tree):
    return make_account([(Role.OFFICER, tree.city)], name="王干事")


@pytest.fixture(autouse=True)
def english(client):
    client.set_cookie("language", "en")


def first_step(client, account, **changes):
    known = {"sign_in_name": account.sign_in_name, "password": account.password}
    return client.send("/staff/sign-in", known | changes)


def test_the_whole_way_in(client, db, officer):
    answer = sign_in(client, officer)
    assert answer.location == "/staff"
    assert "王干事" in client.get("/staff").get_data(as_text=True)
    assert db.session.query(AuditEntry).filter_by(action="account.signed_in").one().actor_id == officer.id


def test_the_name_may_be_typed_in_capitals(client, officer):
    assert first_step(client, officer, sign_in_name=f" {officer.sign_in_name.upper()} ").status_code == 303


def test_an_operator_goes_to_the_desk_others_to_the_overview(app, tree):
    both = make_account([(Role.OPERATOR, tree.city), (Role.OFFICER, tree.city)])
    for account, address in ((make_account([(Role.OPERATOR, tree.city)]), "/desk"), (both, "/staff")):
        assert sign_in(app.test_client(), account).location == address


def test_a_password_alone_opens_nothing(client, officer):
    first_step(client, officer)
    assert client.get("/staff").status_code == 302
    assert client.get("/staff/sign-in/code").status_code == 200


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tevil", "staff"])
def test_no_open_redirect(client, officer, address):
    client.get(f"/staff/sign-in?next={address}")
    first_step(client, officer, next=address)
    assert client.send("/staff/sign-in/code", {"code": code_for(officer)}).location == "/staff"


def test_next_leads_back_into_the_portal(client, officer):
    html = client.get("/staff/sign-in?next=/unions/4101").get_data(as_text=True)
    assert 'name="next" value="/unions/4101"' in html
    first_step(client, officer, next="/unions/4101")
    assert client.send("/staff/sign-in/code", {"code": code_for(officer)}).location == "/unions/4101"
    assert client.get("/staff/sign-in?next=/unions").location == "/unions"


# --- nothing is told about who has an account ----------------------------------------------------------------------


def stripped(answer) -> str:
    html = answer.get_data(as_text=True)
    return re.sub(r'(nonce|value|content)="[^"]*"|X-CSRFToken[^}]*', "", html)


def test_every_wrong_pair_gets_the_same_words(client, db, tree, officer):
    closed = make_account([(Role.OFFICER, tree.city)])
    closed.closed_at = clock.now()
    invited = make_account([(Role.OFFICER, tree.city)], password=None)
    db.session.commit()
    tries = [
        {"sign_in_name": officer.sign_in_name, "password": "wrong wrong wrong"},
        {"sign_in_name": "nobody-here", "password": PASSWORD},
        {"sign_in_name": closed.sign_in_name, "password": PASSWORD},
        {"sign_in_name": invited.sign_in_name, "password": PASSWORD},
    ]
    answers = [client.send("/staff/sign-in", one) for one in tries]
    assert {answer.status_code for answer in answers} == {422}
    assert len({stripped(answer) for answer in answers}) == 1


def test_an_unknown_name_costs_the_same_work(app, officer, monkeypatch):
    hashes = []

    class Counting:
        def hash(self, password):
            return commands.hasher_before.hash(password)

        def verify(self, known, password):
            hashes.append(known)
            return commands.hasher_before.verify(known, password)

        def check_needs_rehash(self, known):
            return False

    monkeypatch.setattr(commands, "hasher_before", commands.hasher, raising=False)
    monkeypatch.setattr(commands, "hasher", Counting())
    assert commands.check_password(sign_in_name="nobody-here", password="x", by=VISITOR) is None
    assert commands.check_password(sign_in_name=officer.sign_in_name, password="x", by=VISITOR) is None
    assert len(hashes) == 2 and all(known.startswith("$argon2id$") for known in hashes)


def test_an_old_hash_is_made_anew(client, db, officer):
    from argon2 import PasswordHasher

    officer.password_hash = before = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(PASSWORD)
    db.session.commit()
    sign_in(client, officer)
    db.session.expire_all()
    assert officer.password_hash != before


# --- throttle ------------------------------------------------------------------------------------------------------


def test_too_many_failures_block_this_pair_and_nobody_else(app, client, tree, officer):
    other = make_account([(Role.OFFICER, tree.city)])
    for _ in range(5):
        assert first_step(client, officer, password="wrong wrong wrong").status_code == 422
    refused = first_step(client, officer)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 800
    assert "Try again in 15 minutes" in refused.get_data(as_text=True)
    assert first_step(client, other).status_code == 303  # another name from here
    elsewhere = app.test_client()
    elsewhere.get("/staff/sign-in", environ_base={"REMOTE_ADDR": "10.0.0.9"})
    known = {"sign_in_name": officer.sign_in_name, "password": PASSWORD}
    assert elsewhere.send("/staff/sign-in", known, environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 303
    with clock.stopped_at(clock.now() + timedelta(minutes=16)):
        assert first_step(client, officer).status_code == 303


def test_guesses_sent_at_once_are_counted_one_by_one(app, officer):
    name = officer.sign_in_name

    def guess(number: int) -> int:
        typed = {"sign_in_name": name, "password": f"guess {number} guess"}
        with app.app_context():
            return app.test_client().send("/staff/sign-in", typed).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(guess, range(12)))
    assert sorted(answers) == [422] * 5 + [429] * 7


def test_codes_are_throttled_too(client, officer):
    first_step(client, officer)
    for _ in range(5):
        assert client.send("/staff/sign-in/code", {"code": "000000"}).status_code == 422
    assert client.send("/staff/sign-in/code", {"code": code_for(officer)}).status_code == 429


# --- the second factor ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["", "abcdef", "١٢٣٤٥٦", "1234567", "12345", "0" * 300, "\x00"])
def test_what_is_no_code_is_refused(client, officer, code):
    first_step(client, officer)
    assert client.send("/staff/sign-in/code", {"code": code}).status_code == 422


def test_codes_of_the_neighbouring_half_minutes_count_others_do_not(client, db, officer):
    totp, now = pyotp.TOTP(officer.totp_secret), clock.now()
    with clock.stopped_at(now):
        for seconds, status in ((-60, 422), (60, 422), (-30, 303), (0, 303), (30, 303)):
            client.get("/staff/sign-in")
            client.delete_cookie("session")
            first_step(client, officer)
            code = totp.at(int(now.timestamp()) + seconds)
            assert client.send("/staff/sign-in/code", {"code": code}).status_code == status, seconds


def test_a_code_may_be_typed_with_a_space(client, officer):
    first_step(client, officer)
    code = code_for(officer)
    assert client.send("/staff/sign-in/code", {"code": f"{code[:3]} {code[3:]}"}).status_code == 303


def test_a_used_code_and_older_ones_are_refused(app, officer):
    code = code_for(officer)
    later = pyotp.TOTP(officer.totp_secret).at(int(clock.now().timestamp()))
    for number, (typed, status) in enumerate(((later, 303), (later, 422), (code, 422))):
        client = app.test_client()
        first_step(client, officer)
        assert client.send("/staff/sign-in/code", {"code": typed}).status_code == status, number


def test_one_code_used_in_parallel_opens_exactly_one_session(app, db, officer):
    code = code_for(officer)
    clients = [app.test_client() for _ in range(6)]
    for client in clients:
        first_step(client, officer)
        client.get("/staff/sign-in/code")

    def use(client) -> int:
        with app.app_context():
            return client.send("/staff/sign-in/code", {"code": code}).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(use, clients))
    assert answers.count(303) == 1
    assert db.session.query(Session).count() == 1


def test_the_second_step_is_open_for_five_minutes(client, officer):
    first_step(client, officer)
    with clock.stopped_at(clock.now() + timedelta(minutes=5, seconds=1)):
        assert client.get("/staff/sign-in/code").status_code == 302
        answer = client.send("/staff/sign-in/code", {"code": code_for(officer)})
    assert answer.location == "/staff/sign-in" and client.get("/staff").status_code == 302


def test_the_second_step_ends_with_a_new_password(client, db, officer):
    first_step(client, officer)
    officer.password_hash = commands.hasher.hash("another long password")
    db.session.commit()
    assert client.send("/staff/sign-in/code", {"code": code_for(officer)}).location == "/staff/sign-in"


def test_the_second_step_ends_with_the_account(client, db, officer):
    first_step(client, officer)
    officer.closed_at = clock.now()
    db.session.commit()
    assert client.send("/staff/sign-in/code", {"code": code_for(officer)}).location == "/staff/sign-in"


def test_the_second_step_cannot_be_forged(client, officer):
    client.get("/staff/sign-in")
    client.set_cookie("page", "eyJzZWNvbmRfc3RlcCI6e319.x.y")
    assert client.get("/staff/sign-in/code").status_code == 302


def test_without_a_role_today_nobody_comes_in(client, tree):
    early = make_account([(Role.OFFICER, tree.city)], starts_on=clock.today() + timedelta(days=1))
    first_step(client, early)
    answer = client.send("/staff/sign-in/code", {"code": code_for(early)})
    assert answer.location == "/staff/sign-in"
    assert "no role today" in client.get("/staff/sign-in").get_data(as_text=True)
    assert client.get("/staff").status_code == 302


# --- sessions ------------------------------------------------------------------------------------------------------


def test_the_cookie_is_fresh_random_and_closed_to_scripts(app, db, officer):
    client = app.test_client()
    client.set_cookie("session", "staff.fixed-by-somebody-else")
    header = next(h for h in sign_in(client, officer).headers.getlist("Set-Cookie") if h.startswith("session="))
    assert "HttpOnly" in header and "SameSite=Lax" in header and "Path=/" in header
    value = client.get_cookie("session").value
    assert "fixed" not in value and len(value) > 40
    row = db.session.query(Session).one()
    assert value.encode() not in row.token_digest and row.actor_id == officer.id


def test_signing_in_again_ends_the_session_before(app, client, db, officer):
    sign_in(client, officer)
    old = client.get_cookie("session").value
    first_step(client, officer)
    client.send("/staff/sign-in/code", {"code": code_for(officer)})
    assert client.get_cookie("session").value != old
    thief = app.test_client()
    thief.set_cookie("session", old)
    assert thief.get("/staff").status_code == 302


def test_sign_out_ends_the_row_not_only_the_cookie(app, client, officer):
    sign_in(client, officer)
    kept = client.get_cookie("session").value
    assert client.send("/staff/sign-out").status_code == 303
    assert client.get_cookie("session") is None
    thief = app.test_client()
    thief.set_cookie("session", kept)
    assert thief.get("/staff").status_code == 302


def test_sign_out_needs_a_post_and_a_token(client, officer):
    sign_in(client, officer)
    assert client.get("/staff/sign-out").status_code == 405
    assert client.post("/staff/sign-out").status_code == 400
    assert client.get("/staff").status_code == 200


def test_idle_and_absolute_end(client, officer):
    sign_in_quickly(client, officer)
    start = clock.now()
    with clock.stopped_at(start + timedelta(minutes=29)):
        assert client.get("/staff").status_code == 200
    with clock.stopped_at(start + timedelta(minutes=58)):
        assert client.get("/staff").status_code == 200
    with clock.stopped_at(start + timedelta(minutes=89)):
        assert client.get("/staff").status_code == 302
    sign_in_quickly(client, officer)
    for half_hours in range(1, 25):
        with clock.stopped_at(start + timedelta(minutes=29 * half_hours)):
            client.get("/staff")
    with clock.stopped_at(start + timedelta(hours=12, minutes=1)):
        assert client.get("/staff").status_code == 302


def test_a_tampered_or_strange_cookie_is_nobody(client, officer):
    sign_in_quickly(client, officer)
    value = client.get_cookie("session").value
    for strange in (value[:-1], value + "x", value.replace("staff.", "worker."), "staff.", "x", "moon.abc"):
        client.set_cookie("session", strange)
        assert client.get("/staff").status_code == 302


def test_a_refused_permission_is_written_down(client, db, officer):
    sign_in_quickly(client, officer)
    assert client.get("/audit").status_code == 403
    entry = db.session.query(AuditEntry).filter_by(action="refused").one()
    assert entry.actor_id == officer.id and entry.details == {"permission": "view_audit"}


# --- the demonstration ---------------------------------------------------------------------------------------------


@pytest.fixture
def demo(app, tmp_path, monkeypatch):
    real = app.config["SETTINGS"]
    changed = real.model_copy(update={"environment": Environment.DEMO, "instance": tmp_path})
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    return SimpleNamespace(path=tmp_path / "demo-accounts.json")


def test_the_demonstration_shows_how_to_get_in_by_tapping(client, db, tree, demo):
    account = make_account([(Role.OPERATOR, tree.city)], sign_in_name="demo-operator")
    rows = [
        {"role": "operator", "name": "demo-operator", "password": PASSWORD, "totp_secret": account.totp_secret,
         "first_address": "/desk"},
        {"role": "worker", "name": "13800000000", "password": None, "totp_secret": None, "first_address": "/me"},
    ]  # fmt: skip
    demo.path.write_text(json.dumps(rows), encoding="utf-8")
    html = client.get("/staff/sign-in").get_data(as_text=True)
    assert "demo-operator" in html and PASSWORD in html and "13800000000" not in html
    html = client.get("/staff/sign-in?as=demo-operator").get_data(as_text=True)
    assert 'value="demo-operator"' in html and f'value="{PASSWORD}"' in html
    for _ in range(2):  # again at once: the page then shows the next code
        client.token = None
        first_step(client, account)
        html = client.get("/staff/sign-in/code").get_data(as_text=True)
        code = re.search(r'name="code"[^>]*value="(\d{6})"', html).group(1)
        assert client.send("/staff/sign-in/code", {"code": code}).location == "/desk"
        client.delete_cookie("session")


@pytest.mark.parametrize("content", [None, "", "{", "[1]", '[{"role": 1}]', "{}"])
def test_the_demonstration_without_its_file(client, demo, content):
    if content is not None:
        demo.path.write_text(content, encoding="utf-8")
    assert client.get("/staff/sign-in").status_code == 200


def test_elsewhere_nothing_of_the_demonstration_shows(app, client, tree, tmp_path, monkeypatch):
    real = app.config["SETTINGS"]
    monkeypatch.setitem(app.config, "SETTINGS", real.model_copy(update={"instance": tmp_path}))
    rows = [{"role": "operator", "name": "demo-operator", "password": PASSWORD, "totp_secret": "A" * 32}]
    (tmp_path / "demo-accounts.json").write_text(json.dumps(rows), encoding="utf-8")
    html = client.get("/staff/sign-in?as=demo-operator").get_data(as_text=True).partition("<main")[2]
    assert "demo-operator" not in html and PASSWORD not in html


def test_the_parts_are_wired(app):
    assert views.tell_refusal in __import__("portal.access").access.on_refusal
    assert "staff" in sessions.loaders
    assert Account.totp.owner is Account
