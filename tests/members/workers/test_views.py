"""Signing in by one-time code, through the pages."""

from __future__ import annotations

import re
import secrets
import time
from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from portal import clock, outbox
from portal.access import VISITOR
from portal.crypto import token_digest
from portal.members.workers import commands, queries
from portal.members.workers.models import Consent, OneTimeCode, Purpose, Worker, WorkerPhone
from portal.outbox import Message
from portal.sessions import Session
from portal.vocabulary import Occupation
from tests.factories.workers import make_phone, make_worker, sign_in_worker

PHONE = "13812345678"


def newest_code(db) -> str:
    """The digits of the newest message."""
    message = outbox.recent(1)[0]
    return re.search(r"\d{6}", message.body).group()


def ask(client, phone=PHONE, **more):
    client.get("/sign-in")
    return client.send("/sign-in", {"phone": phone} | more)


def test_a_known_worker_signs_in_with_the_code(db, client):
    worker = make_worker(phone=PHONE)
    assert ask(client, " １３８ 1234 5678").location == "/sign-in/code"
    page = client.get("/sign-in/code")
    assert "138****5678" in page.text and PHONE not in page.text
    answer = client.send("/sign-in/code", {"code": newest_code(db)})
    assert (answer.status_code, answer.location) == (303, "/me")
    assert client.get("/me").status_code == 200
    contact = queries.current_phone(worker)
    assert contact.confirmed_at is not None
    assert queries.find_card(worker.id) is not None
    assert db.session.scalar(sa.select(sa.func.count()).select_from(OneTimeCode)) == 0


def test_somebody_new_says_the_occupation_and_is_in(db, client):
    ask(client)
    assert client.send("/sign-in/code", {"code": newest_code(db)}).location == "/sign-in/person"
    page = client.get("/sign-in/person")
    assert 'value="courier"' in page.text and 'value="livestreamer"' in page.text
    assert client.send("/sign-in/person", {"occupation": "courier"}).location == "/me"
    worker = db.session.scalars(sa.select(Worker)).one()
    assert (worker.occupation, worker.name, worker.id_type) == (Occupation.COURIER, None, None)
    assert queries.has_consent(worker.id, Purpose.SERVICE_RECORD)
    assert queries.current_phone(worker).phone == PHONE
    assert client.get("/me").status_code == 200


def test_who_of_several_on_one_phone_is_chosen_by_masked_name(db, client):
    make_worker(phone=PHONE, name="李志强")
    second = make_worker(phone=PHONE, name="王芳")
    stranger = make_worker(phone=make_phone(), name="赵敏")
    ask(client)
    client.send("/sign-in/code", {"code": newest_code(db)})
    page = client.get("/sign-in/person")
    assert "李*强" in page.text and "王*" in page.text and "李志强" not in page.text
    assert client.send("/sign-in/person", {"person": str(stranger.id)}).status_code == 422
    assert client.send("/sign-in/person", {}).status_code == 422
    assert client.send("/sign-in/person", {"person": str(second.id)}).location == "/me"
    assert "王*" in client.get("/me").text


def test_none_of_several_becomes_somebody_new(db, client):
    make_worker(phone=PHONE, name="李志强"), make_worker(phone=PHONE, name="王芳")
    ask(client)
    client.send("/sign-in/code", {"code": newest_code(db)})
    away = client.send("/sign-in/person", {"person": "nobody"})
    assert away.location == "/sign-in/person?who=nobody"
    assert client.get(away.location).status_code == 200
    assert client.send("/sign-in/person", {"occupation": "truck_driver"}).location == "/me"
    assert len(queries.find_by_phone(PHONE)) == 3


def test_after_signing_in_one_is_where_one_wanted_to_be(db, client):
    make_worker(phone=PHONE)
    away = client.get("/me/received")
    assert away.status_code == 302
    page = client.get(away.location)
    assert 'value="/me/received' in page.text
    ask(client, next="/me/received")
    assert client.send("/sign-in/code", {"code": newest_code(db)}).location == "/me/received"


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_no_door_to_another_site(db, client, target):
    make_worker(phone=PHONE)
    ask(client, next=target)
    assert client.send("/sign-in/code", {"code": newest_code(db)}).location == "/me"


# --- codes ---------------------------------------------------------------------------------------------------------


def unmask(page: str) -> str:
    """A page without what differs for anybody: masks, tokens, keys, nonces."""
    return re.sub(r'\d{3}\*{4}\d{4}|value="[^"]+"|nonce="[^"]+"|"X-CSRFToken": "[^"]+"', "", page)


def test_the_answer_is_the_same_for_known_and_unknown(app, db):
    make_worker(phone=PHONE)
    answers = []
    for phone in (PHONE, "13900000000"):
        client = app.test_client()
        sent = ask(client, phone)
        page = client.get("/sign-in/code").text
        wrong = client.send("/sign-in/code", {"code": "000000" if newest_code(db) != "000000" else "000001"})
        answers.append((sent.status_code, sent.location, unmask(page), wrong.status_code, unmask(wrong.text)))
    assert answers[0] == answers[1]


def test_within_a_minute_the_same_phone_gets_one_message(app, db, client):
    ask(client)
    first = newest_code(db)
    assert ask(client).location == "/sign-in/code"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Message)) == 1
    assert client.send("/sign-in/code", {"code": first}).location == "/sign-in/person"
    again = ask(app.test_client())  # the code of the last minute is used: a new one has to wait
    assert again.status_code == 422
    with clock.stopped_at(clock.now() + timedelta(seconds=61)):
        assert ask(client).location == "/sign-in/code"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Message)) == 2


def test_two_requests_at_once_send_one_message(app, db, monkeypatch):
    draw = secrets.randbelow
    # Time enough between looking for a code and writing one that all four would write theirs.
    monkeypatch.setattr(commands.secrets, "randbelow", lambda limit: (time.sleep(0.3), draw(limit))[1])
    barrier, answers = Barrier(4, timeout=20), []

    def run(number):  # from four places, so that the throttle does not make one wait for the other
        with app.app_context():
            client = app.test_client()
            client.environ_base["REMOTE_ADDR"] = f"10.0.0.{number}"
            client.get("/sign-in")
            barrier.wait()
            answers.append(client.send("/sign-in", {"phone": PHONE}).location)

    threads = [Thread(target=run, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers == ["/sign-in/code"] * 4
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Message)) == 1


def test_a_code_is_used_once_however_many_try_at_once(app, db):
    make_worker(phone=PHONE)
    clients = [app.test_client() for _ in range(4)]
    for number, client in enumerate(clients):
        client.environ_base["REMOTE_ADDR"] = f"10.0.0.{number}"
        assert ask(client).location == "/sign-in/code"
    digits, barrier, answers = newest_code(db), Barrier(4, timeout=20), []

    def run(client):
        with app.app_context():
            barrier.wait()
            answers.append(client.send("/sign-in/code", {"code": digits}).status_code)

    threads = [Thread(target=run, args=(client,)) for client in clients]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers.count(303) == 1
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Session)) == 1


def test_two_that_were_both_let_to_try_are_still_one_use(app, db, monkeypatch):
    code = commands.send_code(phone=PHONE, purpose="sign-in", language="en", client="a", by=VISITOR)
    db.session.commit()
    digits, code_id, counted, answers = newest_code(db), code.id, Barrier(2, timeout=20), []
    count_try = commands.one_statement

    def count_and_wait(*args, **kwargs):
        rows = count_try(*args, **kwargs)
        counted.wait()
        return rows

    monkeypatch.setattr(commands, "one_statement", count_and_wait)

    def run(place):  # from two places, so that the throttle does not make one wait for the other
        with app.app_context():
            used = commands.use_code(code_id=code_id, purpose="sign-in", digits=digits, client=place, by=VISITOR)
            answers.append(used is not None)
            db.session.commit()

    threads = [Thread(target=run, args=(place,)) for place in ("a", "b")]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(answers) == [False, True]


def test_after_five_wrong_tries_the_right_digits_are_refused_too(db, client):
    code = commands.send_code(phone=PHONE, purpose="sign-in", language="en", client="a", by=VISITOR)
    db.session.commit()
    digits = newest_code(db)
    wrong = f"{(int(digits) + 1) % 10**6:06d}"
    for number in range(5):  # from five places, so that the throttle is not what refuses
        assert commands.use_code(code_id=code.id, purpose="sign-in", digits=wrong, client=f"c{number}", by=VISITOR) is None
        db.session.rollback()
    assert commands.use_code(code_id=code.id, purpose="sign-in", digits=digits, client="c9", by=VISITOR) is None


def test_the_fifth_try_may_be_the_right_one(db):
    code = commands.send_code(phone=PHONE, purpose="sign-in", language="en", client="a", by=VISITOR)
    db.session.commit()
    digits = newest_code(db)
    wrong = f"{(int(digits) + 1) % 10**6:06d}"
    for _number in range(4):
        assert commands.use_code(code_id=code.id, purpose="sign-in", digits=wrong, client="c", by=VISITOR) is None
        db.session.rollback()
    assert commands.use_code(code_id=code.id, purpose="sign-in", digits=digits, client="c", by=VISITOR) is not None


def test_six_tries_break_a_constraint(db):
    code = commands.send_code(phone=PHONE, purpose="sign-in", language="en", client="a", by=VISITOR)
    db.session.commit()
    code.tries = 6
    with pytest.raises(sa.exc.IntegrityError, match="ck_one_time_codes_five_tries"):
        db.session.flush()
    db.session.rollback()


def test_a_code_is_gone_after_five_minutes(db, client):
    ask(client)
    digits = newest_code(db)
    with clock.stopped_at(clock.now() + timedelta(minutes=5, seconds=1)):
        assert client.send("/sign-in/code", {"code": digits}).status_code == 422


@pytest.mark.parametrize("spoil", [lambda d: d[:5], lambda d: d + "0", lambda d: "0" + d, lambda d: d[:3] + " " + d[3:],
                                   lambda d: d.lstrip("0")[1:], lambda d: "", lambda d: "１" + d])  # fmt: skip
def test_a_code_is_not_padded_or_cut(db, client, spoil):
    ask(client)
    assert client.send("/sign-in/code", {"code": spoil(newest_code(db))}).status_code == 422


def test_full_width_digits_are_digits(db, client):
    ask(client)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in newest_code(db))
    assert client.send("/sign-in/code", {"code": f" {wide} "}).status_code == 303


def test_a_code_for_one_purpose_does_nothing_for_another(db):
    code = commands.send_code(phone=PHONE, purpose="join", language="en", client="a", by=VISITOR)
    db.session.commit()
    assert commands.use_code(code_id=code.id, purpose="sign-in", digits=newest_code(db), client="c", by=VISITOR) is None


def test_too_many_wrong_tries_from_one_place_have_to_wait_and_nobody_else_does(app, db):
    for _round in range(5):
        commands.throttle.write_down("code-use", OneTimeCode.phone.lookup(PHONE).hex(), "127.0.0.1", failed=True)
    client = app.test_client()
    ask(client)
    digits = newest_code(db)
    assert client.send("/sign-in/code", {"code": digits}).status_code == 422
    other = app.test_client()
    other.environ_base["REMOTE_ADDR"] = "10.0.0.7"
    ask(other)
    assert other.send("/sign-in/code", {"code": digits}).status_code == 303


def test_a_second_browser_cannot_build_on_what_the_first_proved(app, db):
    first, second = app.test_client(), app.test_client()
    ask(first), ask(second)  # within a minute both hold a reference to the same code
    first.send("/sign-in/code", {"code": newest_code(db)})
    assert second.get("/sign-in/person").location == "/sign-in"
    assert second.send("/sign-in/person", {"occupation": "courier"}).location == "/sign-in"
    assert first.send("/sign-in/person", {"occupation": "courier"}).location == "/me"


def test_a_kept_cookie_cannot_sign_in_a_second_time(app, db, client):
    ask(client)
    client.send("/sign-in/code", {"code": newest_code(db)})
    kept = client.get_cookie("page").value
    client.send("/sign-in/person", {"occupation": "courier"})
    thief = app.test_client()
    thief.get("/sign-in")
    thief.set_cookie("page", kept)
    thief.token = client.token
    assert thief.get("/sign-in/person").location == "/sign-in"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Worker)) == 1


@pytest.mark.parametrize("phone", ["", "123", "23812345678", "138123456789", "abc", "03712345678"])
def test_what_is_no_mobile_number_is_told_so(db, client, phone):
    answer = ask(client, phone)
    assert answer.status_code == 422
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Message)) == 0


def test_a_file_where_the_phone_belongs_is_no_server_error(db, client):
    from io import BytesIO

    client.get("/sign-in")
    sent = {"csrf_token": client.token, "phone": (BytesIO(b"x"), "x.txt")}
    assert client.post("/sign-in", data=sent).status_code == 422


def test_the_phone_is_in_no_address_and_no_cookie(db, client):
    ask(client)
    import base64
    import json

    cookie = client.get_cookie("page").value
    held = json.loads(base64.urlsafe_b64decode(cookie.split(".")[0] + "==")) if not cookie.startswith(".") else {}
    assert PHONE not in cookie and PHONE not in json.dumps(held)
    assert set(held.get("sign_in", {})) <= {"code", "next", "confirmed"}


def test_signing_out_ends_the_session_whatever_cookie_is_kept(db, client):
    worker = make_worker(phone=PHONE)
    sign_in_worker(client, worker)
    kept = client.get_cookie("session").value
    assert client.get("/me").status_code == 200
    assert client.send("/sign-out").status_code == 303
    client.set_cookie("session", kept)
    assert client.get("/me").status_code == 302
    row = db.session.scalars(sa.select(Session).where(Session.token_digest == token_digest(kept))).one()
    assert row.revoked_at is not None


def test_a_signed_in_worker_goes_straight_to_me(db, client):
    sign_in_worker(client, make_worker())
    assert client.get("/sign-in").location == "/me"


def test_without_the_first_step_there_is_no_second(db, client):
    assert client.get("/sign-in/code").location == "/sign-in"
    assert client.send("/sign-in/code", {"code": "123456"}).location == "/sign-in"
    assert client.get("/sign-in/person").location == "/sign-in"


def test_the_message_is_in_the_reader_s_language(db, client):
    client.set_cookie("language", "en")
    ask(client)
    assert "is your code" in outbox.recent(1)[0].body
    assert db.session.scalars(sa.select(WorkerPhone)).all() == []
    assert db.session.scalars(sa.select(Consent)).all() == []
