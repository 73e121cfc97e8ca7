"""Signatures are checked once, ages and sessions each time: what is remembered never opens what it should not."""

from __future__ import annotations

import time

import pytest
from flask import Flask
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from portal import signatures
from portal.signatures import PageCookie, Remembering

HALF_A_DAY = 12 * 3600


@pytest.fixture
def counted(monkeypatch):
    """How often the library itself opened a text."""
    opened = []
    original = URLSafeTimedSerializer.loads

    def loads(self, text, **how):
        opened.append(text)
        return original(self, text, **how)

    monkeypatch.setattr(URLSafeTimedSerializer, "loads", loads)
    return opened


def test_a_good_text_is_opened_once(counted):
    serializer = Remembering("a key", salt="x")
    text = serializer.dumps({"a": 1})
    assert [serializer.loads(text, max_age=60) for _ in range(3)] == [{"a": 1}] * 3
    assert counted == [text]


def test_a_bad_text_is_refused_every_time(counted):
    serializer, stranger = Remembering("a key", salt="x"), Remembering("another key", salt="x")
    good, foreign = serializer.dumps("word"), stranger.dumps("word")
    serializer.loads(good)
    for bad in (foreign, good[:-2], good + "A", "", good.swapcase(), Remembering("a key", salt="y").dumps("word")):
        for _ in range(2):
            with pytest.raises(BadSignature):
                serializer.loads(bad)
    assert len(counted) == 1 + 12


def test_age_is_looked_at_each_time(monkeypatch):
    serializer, now = Remembering("a key", salt="x"), time.time()
    text = serializer.dumps("word")
    assert serializer.loads(text, max_age=60) == "word"
    for moved in (62, -5):
        monkeypatch.setattr(time, "time", lambda moved=moved: now + moved)
        with pytest.raises(SignatureExpired):
            serializer.loads(text, max_age=60)


def test_only_so_many_are_remembered():
    serializer = Remembering("a key", salt="x")
    for number in range(signatures.REMEMBERED + 10):
        serializer.loads(serializer.dumps(number))
    assert serializer._opened.cache_info().currsize == signatures.REMEMBERED


def test_what_one_request_does_to_its_session_no_other_sees():
    app = Flask("planted")
    app.secret_key, app.session_interface = "a key", PageCookie()
    text = app.session_interface.get_signing_serializer(app).dumps({"said": ["one"], "secret": "s"})
    for _ in range(2):
        with app.test_request_context(headers={"Cookie": f"session={text}"}) as context:
            assert context.session == {"said": ["one"], "secret": "s"} and not context.session.modified
            context.session["said"].append("two")
            context.session["secret"] = "changed"


def test_a_changed_cookie_is_an_empty_session():
    app = Flask("planted")
    app.secret_key, app.session_interface = "a key", PageCookie()
    text = app.session_interface.get_signing_serializer(app).dumps({"secret": "s"})
    with app.test_request_context(headers={"Cookie": f"session={text[:-1]}"}) as context:
        assert context.session == {}


def post(client, token):
    return client.post("/language/en", data={"csrf_token": token, "next": "/"})


def test_a_token_is_good_for_its_own_session_only(app):
    mine, theirs = app.test_client(), app.test_client()
    for client in (mine, theirs):
        client.get("/")
        assert post(client, client.token).status_code == 303
    assert mine.token != theirs.token
    for _ in range(2):
        assert post(mine, theirs.token).status_code == 400
        assert post(theirs, mine.token).status_code == 400
    stranger = app.test_client()
    assert post(stranger, mine.token).status_code == 400, "a token without its session"


def test_a_remembered_token_grows_old(app, monkeypatch):
    client, now = app.test_client(), time.time()
    client.get("/")
    token = client.token
    monkeypatch.setattr(time, "time", lambda: now + HALF_A_DAY - 5)
    assert post(client, token).status_code == 303
    monkeypatch.setattr(time, "time", lambda: now + HALF_A_DAY + 5)
    assert post(client, token).status_code == 400


def test_the_long_way_gives_the_same_answers(app, monkeypatch):
    monkeypatch.setattr(signatures.FormGuard, "_is_ours", staticmethod(lambda token: False))
    client = app.test_client()
    client.get("/")
    assert post(client, client.token).status_code == 303
    assert post(client, client.token[:-1]).status_code == 400


def test_a_guard_that_forgets_the_session_would_be_seen(app, monkeypatch):
    """The control of the first of these: without the comparison a stranger's token passes."""
    original = signatures.hmac.compare_digest
    monkeypatch.setattr(signatures.hmac, "compare_digest", lambda one, other: True)
    mine, theirs = app.test_client(), app.test_client()
    mine.get("/")
    theirs.get("/")
    assert post(mine, theirs.token).status_code == 303
    monkeypatch.setattr(signatures.hmac, "compare_digest", original)
    assert post(mine, theirs.token).status_code == 400
