"""`portal demo`: makes, goes on, starts over what is its own, refuses what is not, and ends what it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from pydantic import SecretStr

from portal import demonstration, postgres
from portal.db import db as database
from portal.demonstration import Scale, accounts
from tests.conftest import KEYRING, settings_for
from tests.factories.stations import make_station
from tests.factories.unions import small_tree

TINY = Scale(stations=12, workers=30, days=8, members=4, applications=6, welfare=0)
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


# --- what is not its own -------------------------------------------------------------------------------------------


def test_a_database_that_others_filled_is_left_alone(app, tmp_path):
    make_station(union=small_tree().county)
    with pytest.raises(demonstration.Refused, match="nothing was touched"):
        demonstration.make_or_continue(tmp_path, TINY)
    assert database.session.scalar(sa.text("SELECT count(*) FROM stations")) == 1
    assert not (tmp_path / accounts.FILE).exists()


@pytest.fixture
def surroundings(monkeypatch, tmp_path):
    """The environment of a shell in which one types `portal demo`."""
    monkeypatch.setenv("PORTAL_INSTANCE", str(tmp_path))
    monkeypatch.setenv("PORTAL_KEYRING", KEYRING)
    monkeypatch.setenv("PORTAL_ENVIRONMENT", "")
    monkeypatch.setattr("portal.unions.staff.commands.hasher", CHEAP)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def outside(surroundings, clone, monkeypatch, tmp_path):
    """The command with DATABASE_URL, on a database of its own."""
    url = clone("outside")
    monkeypatch.setenv("DATABASE_URL", url)
    settings = settings_for(url, instance=tmp_path, keyring=SecretStr(KEYRING))
    return SimpleNamespace(url=url, instance=tmp_path, settings=settings)


def scalar(url: str, statement: str):
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            answer = connection.execute(sa.text(statement))
            return answer.scalar() if answer.returns_rows else None
    finally:
        engine.dispose()


def test_the_command_makes_goes_on_and_starts_over(outside, capsys):
    demonstration.run(serve=False, scale=TINY)
    said = capsys.readouterr().out
    assert "12 stations" in said and "operator" in said and str(outside.instance / accounts.FILE) in said
    mark = scalar(outside.url, "SELECT min(id::text) FROM stations")
    (outside.instance / "audit-heads.jsonl").write_text("of the trail that is dropped", encoding="utf-8")
    known = (outside.instance / accounts.FILE).read_text(encoding="utf-8")
    demonstration.run(serve=False, scale=TINY)
    assert scalar(outside.url, "SELECT min(id::text) FROM stations") == mark
    demonstration.run(fresh=True, serve=False, scale=TINY)
    assert not (outside.instance / "audit-heads.jsonl").exists()
    assert scalar(outside.url, "SELECT min(id::text) FROM stations") != mark
    assert scalar(outside.url, "SELECT count(*) FROM stations") == 12
    assert (outside.instance / accounts.FILE).read_text(encoding="utf-8") == known


def test_starting_over_spares_what_others_made(outside):
    scalar(outside.url, "INSERT INTO accounts (id, sign_in_name, name, totp_last_step, created_at) "
                        "VALUES (gen_random_uuid(), 'somebody', '某人', 0, now())")  # fmt: skip
    with pytest.raises(demonstration.Refused, match="not dropped"):
        demonstration.run(fresh=True, serve=False, scale=TINY)
    assert not (outside.instance / "audit-heads.jsonl").exists()
    assert scalar(outside.url, "SELECT count(*) FROM accounts") == 1
    with pytest.raises(demonstration.Refused, match="nothing was touched"):
        demonstration.run(serve=False, scale=TINY)


def test_an_empty_database_and_one_named_for_it_may_be_started_over(outside):
    assert demonstration._may_be_dropped(outside.settings, outside.url)
    name = f"portal_{os.getpid()}_demo"
    named = postgres.with_database(outside.url, name)
    postgres.create_database(outside.url, name)
    try:
        scalar(named, "CREATE TABLE accounts (id int)")
        demonstration._start_over(outside.settings, named)
        assert scalar(named, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        postgres.drop_database(outside.url, name)


def test_production_is_refused(surroundings, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@localhost:1/nothing")
    monkeypatch.setenv("PORTAL_ENVIRONMENT", "production")
    monkeypatch.setenv("PORTAL_SECRET_KEY", "x" * 40)
    monkeypatch.setenv("PORTAL_MESSAGES_URL", "json://localhost")
    with pytest.raises(demonstration.Refused, match="production"):
        demonstration.run(serve=False)


# --- serving -------------------------------------------------------------------------------------------------------


def test_the_worker_beside_ends_with_the_server(surroundings, monkeypatch):
    started, popen = [], subprocess.Popen

    def stand_in(command):
        assert command[1:] == ["-m", "portal.cli", "worker"]
        started.append(popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return started[0]

    def server(_settings, *, ready):
        assert not started, "not before signals are looked after"
        ready()
        assert started[0].poll() is None
        raise SystemExit(143)

    monkeypatch.setattr(subprocess, "Popen", stand_in)
    monkeypatch.setattr("portal.serving.serve", server)
    with pytest.raises(SystemExit):
        demonstration._serve(settings_for("postgresql://nobody@localhost:1/nothing"))
    assert started[0].poll() == -signal.SIGTERM
