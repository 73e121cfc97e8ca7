"""HTTP for the whole house: headers, errors, the write door, health, a database that goes and comes back."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from flask import Blueprint, request

from portal import create_app, postgres
from portal.access import public
from portal.db import db
from portal.types import text
from portal.web import done, idempotency_key, safe_next, writes
from tests.client import InspectingClient, inspect_html
from tests.conftest import settings_for

CALLS: list[str] = []


@pytest.fixture(scope="module")
def door(clone):
    """An application with one more view that writes and counts how often it really ran."""
    url = clone("door")
    app = create_app(settings_for(url), database_url=url)
    app.test_client_class = InspectingClient
    bp = Blueprint("planted", __name__)

    @bp.post("/planted")
    @public
    @writes
    def write():
        CALLS.append(request.form["what"])
        db.session.execute(sa.text("INSERT INTO divisions (code, name, level, statutory) VALUES (:c, 'x', 'x', true)"),
                           {"c": f"x{len(CALLS)}"})  # fmt: skip
        if request.form["what"] == "refuse":
            return "no", 422
        if request.form["what"] == "raise":
            raise RuntimeError("planted")
        return done(f"/welfare?call={len(CALLS)}", text("Recorded"))

    app.register_blueprint(bp)
    CALLS.clear()
    yield app
    with app.app_context():
        db.engine.dispose()
        app.extensions["portal.autocommit"].dispose()


def count(app) -> int:
    with app.app_context():
        return db.session.scalar(sa.text("SELECT count(*) FROM divisions"))


def test_the_first_answer_counts(door):
    client, key = door.test_client(), idempotency_key()
    before = count(door)
    first = client.send("/planted", {"what": "one"}, key=key)
    again = client.send("/planted", {"what": "one"}, key=key)
    assert first.status_code == again.status_code == 303
    assert first.location == again.location
    assert count(door) == before + 1


def test_same_key_other_body_is_409(door):
    client, key = door.test_client(), idempotency_key()
    client.send("/planted", {"what": "one"}, key=key)
    answer = client.send("/planted", {"what": "two"}, key=key)
    assert answer.status_code == 409
    assert "内容" in answer.text


@pytest.mark.parametrize(("what", "status"), [("refuse", 422), ("raise", 500)])
def test_a_refused_write_leaves_nothing_and_frees_its_key(door, what, status):
    client, key, before = door.test_client(), idempotency_key(), count(door)
    assert client.send("/planted", {"what": what}, key=key).status_code == status
    assert count(door) == before
    assert client.send("/planted", {"what": "now well"}, key=key).status_code == 303


def test_a_write_needs_a_key(door):
    client = door.test_client()
    client.get("/")
    answer = client.post("/planted", data={"what": "one", "csrf_token": client.token})
    assert answer.status_code == 400


def test_a_write_needs_the_csrf_token(door):
    assert door.test_client().post("/planted", data={"what": "one", "key": idempotency_key()}).status_code == 400


def test_token_of_another_browser_is_refused(door):
    one, two = door.test_client(), door.test_client()
    one.get("/")
    two.get("/")
    two.token = one.token
    assert two.send("/planted", {"what": "one"}).status_code == 400


# --- headers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/nothing-here", "/static/portal.css", "/static/nothing.css", "/healthz"])
def test_every_answer_has_the_headers(client, address):
    answer = client.get(address)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert re.search(r"script-src 'nonce-[\w-]{20,}'", policy)


def test_the_nonce_is_new_each_time(client):
    policies = {client.get("/").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_static_files_are_kept_for_a_year_by_fingerprint(client):
    address = re.search(r'href="(/static/portal\.css\?v=\w+)"', client.get("/").text).group(1)
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert "immutable" not in client.get("/static/portal.css").headers.get("Cache-Control", "")


def test_pages_travel_compressed(client):
    answer = client.get("/static/portal.css", headers={"Accept-Encoding": "gzip"}, inspect=False)
    assert answer.headers["Content-Encoding"] == "gzip"


def test_pages_vary_by_fragment(client):
    assert {"HX-Request", "HX-Target"} <= {part.strip() for part in client.get("/").headers["Vary"].split(",")}


# --- errors --------------------------------------------------------------------------------------------------------


def test_errors_say_what_why_and_what_next(client):
    answer = client.get("/nothing-here")
    assert answer.status_code == 404
    for words in ("这里什么也没有", "地址", "回到首页"):
        assert words in answer.text


def test_wrong_method_is_405(client):
    client.get("/")
    answer = client.send("/privacy")
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]


def test_a_large_body_is_refused_before_it_is_read(client):
    client.get("/")
    assert client.post("/language/en", data={"csrf_token": client.token, "next": "x" * 300_000}).status_code == 413


def test_a_file_where_text_belongs_is_no_server_error(client):
    import io

    client.get("/sign-in")
    answer = client.post(
        "/sign-in", data={"csrf_token": client.token, "key": idempotency_key(), "phone": (io.BytesIO(b"x"), "x.txt")}
    )
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("/me", "/me"), ("/stations?q=%E8%8A%B1", "/stations?q=%E8%8A%B1"), ("//evil.example", "/home"),
     ("https://evil.example", "/home"),
     ("/\\evil.example", "/home"), ("/a\nb", "/home"), (None, "/home"), ("", "/home")],
)  # fmt: skip
def test_next_stays_in_the_house(address, expected):
    assert safe_next(address, "/home") == expected


# --- languages -----------------------------------------------------------------------------------------------------


def test_chinese_unless_switched_and_the_switch_stays(client):
    assert 'lang="zh-Hans"' in client.get("/", headers={"Accept-Language": "en"}).text
    answer = client.send("/language/en", {"next": "/welfare"})
    assert urlsplit(answer.location).path == "/welfare"
    assert 'lang="en"' in client.get("/welfare").text
    client.send("/language/zh_Hans")
    assert 'lang="zh-Hans"' in client.get("/").text


def test_unknown_language_is_404(client):
    client.get("/")
    assert client.send("/language/tlh").status_code == 404


# --- health --------------------------------------------------------------------------------------------------------


def test_metrics_for_loopback_only(client):
    client.get("/")
    assert "portal_requests_total" in client.get("/metrics").text
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404


def test_database_gone_is_a_plain_503_and_comes_back(clone, template_url):
    """The database is renamed away under a running application, then back: no restart in between."""
    url = clone("gone")
    app = create_app(settings_for(url), database_url=url)
    app.test_client_class = InspectingClient
    client, name = app.test_client(), sa.make_url(url).database
    admin = postgres.with_database(url, "postgres").replace("+psycopg", "")

    def rename(old: str, new: str) -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [old])
            connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')

    assert client.get("/readyz").status_code == 200
    assert client.get("/stations").status_code == 200
    rename(name, name + "_away")
    try:
        for address in ("/stations", "/readyz"):
            answer = client.get(address)
            assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert client.get("/healthz").status_code == 200
        assert "不需要电脑" in client.get("/stations").text
    finally:
        rename(name + "_away", name)
    assert client.get("/stations").status_code == 200
    assert client.get("/readyz").status_code == 200
    with app.app_context():
        db.engine.dispose()
        app.extensions["portal.autocommit"].dispose()


# --- the inspector -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<p>one</div>", "invalid HTML"),
        ('<p style="color:red">x</p>', "forbidden"),
        ('<p onclick="x()">x</p>', "forbidden"),
        ('<a hx-get="/x">x</a>', "forbidden"),
        ("<script>alert(1)</script>", "forbidden"),
        ('<p id="a">x</p><p id="a">y</p>', "stands 2 times"),
        ('<form method="post"><input name="x"></form>', "CSRF"),
    ],
)
def test_the_inspector_complains(html, complaint):
    """A control: what the client is there to find, it finds."""
    assert any(complaint in words for words in inspect_html(html, whole=False))


def test_the_inspector_misses_a_title():
    page = '<!doctype html><html lang="en"><head><title></title></head><body><p>x</p></body></html>'
    assert "no title" in inspect_html(page, whole=True)
