"""What all tests share: a real PostgreSQL, one migrated template cloned per worker, an inspecting client.

Each test runs in the database of its worker and finds it as the template left it: afterwards every table that was
written is emptied again (truncating is quick, and unlike a rolled-back savepoint it lets tests use real commits, locks and
several connections, which is what most of our promises are about).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.selectable import Join
from sqlalchemy.sql.visitors import iterate

from portal import clock, create_app, postgres
from portal.config import Settings
from portal.db import db as database
from tests.client import InspectingClient

INSTANCE = Path(__file__).resolve().parent.parent / "instance" / "tests"
TEMPLATE = "portal_template"
KEYRING = (
    '{"current": "k1", "keys": {"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},'
    ' "index": "aW5kZXgga2V5IGZvciB0ZXN0cyBvbmx5LCAzMiBieXQ="}'
)

# The same examples each time, and no limit for one of them: a landing must not depend on a draw or on a busy machine.
# To look further: pytest --hypothesis-profile=default.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


# Rows come in no order unless one is asked for. What is read without one comes backwards here, so that whoever leans on the
# order of insertion is found at once and not on the one day in a hundred when the database answers otherwise.
_AGGREGATES = {"count", "sum", "min", "max", "avg", "bool_or", "bool_and", "array_agg", "string_agg", "json_agg", "jsonb_agg"}


def _is_aggregate(element) -> bool:
    return isinstance(element, Function) and element.name.lower() in _AGGREGATES


def _order_to_turn(statement: sa.Select) -> tuple:
    """The columns a statement without an order is read backwards by; none where the order is no question."""
    if statement._order_by_clauses or statement._group_by_clauses or statement._distinct or statement._distinct_on:
        return ()
    if any(_is_aggregate(part) for column in statement.selected_columns for part in iterate(column)):
        return ()
    tables = [one for one in statement.get_final_froms() if isinstance(one, (sa.Table, Join))]
    if len(tables) != 1:
        return ()
    first = tables[0]
    while isinstance(first, Join):
        first = first.left
    return tuple(column.desc() for column in first.primary_key) if isinstance(first, sa.Table) else ()


# Finding out compiles the statement, which took a third of a page's time; the same statement need not be asked twice.
_turned: dict[object, tuple] = {}


@sa.event.listens_for(Session, "do_orm_execute")
def _backwards(state) -> None:
    statement = state.statement
    if not (state.is_select and isinstance(statement, sa.Select)) or state.is_column_load:  # which is of one row
        return
    key = statement._generate_cache_key()
    columns = _turned.get(key.key) if key else None
    if columns is None:
        columns = _order_to_turn(statement)
        if key:
            _turned[key.key] = columns
    if columns:
        state.statement = statement.order_by(*columns)


def settings_for(url: str, **changes) -> Settings:
    """Settings of a test application."""
    values = {"environment": "test", "instance": INSTANCE, "database_url": url, "keyring": SecretStr(KEYRING),
              "secret_key": SecretStr("tests only: a signing key of enough length"), "threads": 8}  # fmt: skip
    return Settings(**(values | changes))


@pytest.fixture(scope="session")
def template_url() -> str:
    """The address of the migrated template database; made once by whichever worker comes first."""
    INSTANCE.mkdir(parents=True, exist_ok=True)
    outside = os.environ.get("DATABASE_URL")
    url = postgres.ensure(Settings(instance=INSTANCE, database_url=outside, keyring=SecretStr(KEYRING)))
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex(6))
    name = f"{TEMPLATE}_{run[:12]}"
    with (INSTANCE / "template-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = INSTANCE / f"{name}.made"
        if not mark.exists():
            for old in INSTANCE.glob(f"{TEMPLATE}_*.made"):
                if old.stat().st_mtime < time.time() - 3600:  # a younger one may belong to a run beside this one
                    postgres.drop_database(url, old.stem)
                    old.unlink()
            postgres.drop_database(url, name)  # what a worker left that ended before it was done
            postgres.create_database(url, name)
            _migrate(postgres.with_database(url, name))
            mark.touch()
    return postgres.with_database(url, name)


# Vacuumed behind a test's back, a table would take new rows in the gaps of the old ones, and rows come in no order then.
_NO_VACUUM = sa.text(
    """
    DO $$
    DECLARE one record;
    BEGIN
        FOR one IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', one.name);
        END LOOP;
    END $$
    """
)


def _migrate(url: str) -> None:
    from flask_migrate import upgrade

    app = create_app(settings_for(url), database_url=url)
    with app.app_context():
        upgrade()
        with database.engine.begin() as connection:
            connection.execute(_NO_VACUUM)
        database.engine.dispose()
        app.extensions["portal.autocommit"].dispose()


@pytest.fixture(scope="session")
def clone(template_url, worker_id):
    """A function that clones the template under a new name and answers its address."""
    made = []

    def make(label: str) -> str:
        name = f"portal_{label}_{worker_id}_{os.getpid()}"
        postgres.drop_database(template_url, name)
        with (INSTANCE / "template-lock").open("w") as lock:  # a template may not be in use while it is cloned
            fcntl.flock(lock, fcntl.LOCK_EX)
            postgres.create_database(template_url, name, template=sa.make_url(template_url).database)
            # A commit here need not survive a loss of power, and waiting for the disk each time takes a third of a test.
            postgres._maintain(
                template_url, sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name))
            )
        made.append(name)
        return postgres.with_database(template_url, name)

    yield make
    for name in made:
        postgres.drop_database(template_url, name)


@pytest.fixture(scope="session")
def worker_id(request) -> str:
    """The xdist worker's name, or main."""
    return getattr(request.config, "workerinput", {}).get("workerid", "main")


@pytest.fixture(scope="session")
def application(clone):
    """The application on this worker's database."""
    url = clone("tests")
    app = create_app(settings_for(url), database_url=url)
    app.config["TESTING"] = False  # error handlers work as in life
    app.test_client_class = InspectingClient
    yield app
    with app.app_context():
        database.engine.dispose()
        app.extensions["portal.autocommit"].dispose()


# Truncating makes and unlinks some three hundred files, which costs 0.1 to 0.2 s after each test; deleting the few rows
# of a test costs 0.01 s. The locks wait, as truncating would, for whoever still writes, so that nothing comes afterwards.
_EMPTY = sa.text(
    """
    DO $$
    DECLARE
        names text;
        one record;
    BEGIN
        SET LOCAL session_replication_role = replica;
        SELECT string_agg(format('%I', relname), ', ' ORDER BY relname) INTO names
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND relname <> 'alembic_version';
        EXECUTE 'LOCK TABLE ' || names || ' IN EXCLUSIVE MODE';
        IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                   AND pg_relation_size(oid) > 200000) THEN
            EXECUTE 'TRUNCATE ' || names || ' RESTART IDENTITY CASCADE';
            RETURN;
        END IF;
        FOREACH names IN ARRAY string_to_array(names, ', ') LOOP
            EXECUTE 'DELETE FROM ' || names;
        END LOOP;
        FOR one IN SELECT objid FROM pg_depend JOIN pg_class ON pg_class.oid = objid
                   WHERE relkind = 'S' AND deptype = 'i' AND relnamespace = 'public'::regnamespace LOOP
            PERFORM setval(one.objid::regclass, 1, false);
        END LOOP;
    END $$
    """
)


@pytest.fixture(autouse=True, scope="module")
def begun_at(request) -> Iterator[None]:
    """With PORTAL_TESTS_AT (as "2026-12-31 23:59:50", time in Shanghai) each module begins at that moment, and time goes on.

    What leans on the day or the hour of the run shows at the edges: seconds before and after midnight, the last of
    December, the 29th of February. Tests in a browser keep the time of the machine, which the browser reads too.
    """
    begin = os.environ.get("PORTAL_TESTS_AT")
    if not begin or request.node.get_closest_marker("browser"):
        yield
        return
    ahead = datetime.fromisoformat(begin).replace(tzinfo=clock.SHANGHAI) - datetime.now(UTC)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + ahead

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "datetime", Ahead)
        yield


@pytest.fixture
def app(application):
    """The application with an application context and an empty database."""
    with application.app_context():
        yield application
        database.session.remove()
    with application.app_context():
        with database.engine.begin() as connection:
            connection.execute(_EMPTY)
        database.session.remove()


@pytest.fixture
def db(app):
    """The database session; commit yourself when another connection must see it."""
    return database


@pytest.fixture
def client(app) -> InspectingClient:
    """A visitor's browser without JavaScript that complains about invalid pages."""
    return app.test_client()
