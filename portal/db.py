"""The database: base class, naming convention, and every place that may commit.

`transactional` is the door's commit. The three exceptions the house allows stand here too: `note` (its own short
transaction), and the autocommit connection behind `one_statement`, which a session's `seen` and the desk's hot path
use.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from flask import current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from psycopg.rows import namedtuple_row
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, registry

from portal.config import carried
from portal.types import Money


class Base(DeclarativeBase):
    """Root of all models: constraint names are predictable, so that a test can break each one by name."""

    registry = registry(
        metadata=sa.MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            datetime: sa.DateTime(timezone=True),
            date: sa.Date(),
            Decimal: Money,
            UUID: sa.Uuid(),
            str: sa.Text(),
            bytes: sa.LargeBinary(),
        },
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)
migrate = Migrate(db=db, directory=str(carried("migrations")), compare_type=True)

# psycopg's own errors stand beside SQLAlchemy's, because `one_statement` speaks to the driver directly.
UNREACHABLE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def engine_options(threads: int) -> dict[str, Any]:
    """Small pools: in a rush a short queue in front of few connections is far quicker than many connections."""
    return {
        "pool_size": max(4, threads),
        "max_overflow": 2,
        "pool_timeout": 5,
        "pool_pre_ping": True,
        # No query here is long enough for compiling it to pay: "open now" over all stations took twice as long with it.
        "connect_args": {"connect_timeout": 3, "options": "-c statement_timeout=30s -c timezone=UTC -c jit=off"},
    }


def prepare(app, url: str, threads: int) -> None:
    """Bind the database to an application: the ordinary engine, and the connections of the hot path."""
    options = engine_options(threads)
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS=options)
    db.init_app(app)
    migrate.init_app(app)
    app.extensions["portal.autocommit"] = Autocommit(url, options["connect_args"])


class Autocommit:
    """The connections behind `one_statement`: psycopg's own, each statement its own transaction.

    SQLAlchemy's pool, transaction and result would cost more than PostgreSQL needs for a session's look-up, and every
    request pays that once, a tap at the desk twice. A thread holds one connection at a time, so there are never more
    than threads; the one given back last goes out first, because its statements are prepared and its caches are warm.
    """

    def __init__(self, url: str, connect_args: dict[str, Any]) -> None:
        _, self._address = psycopg_dialect().create_connect_args(sa.make_url(url))
        # The statements find their rows by a key, so one plan is right for all values. Left to choose, the server would
        # plan the desk's statement anew at its first taps on each connection, at 2 ms each.
        plan_once = f"{connect_args['options']} -c plan_cache_mode=force_generic_plan"
        self._address |= connect_args | {"options": plan_once}
        self._idle: deque[psycopg.Connection] = deque()

    def run(self, sql: str, values: dict[str, Any], *, retry: bool) -> list[Any]:
        """The rows of one statement. A connection that turns out to be dead is replaced, once and with ``retry``."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = psycopg.connect(**self._address, autocommit=True, row_factory=namedtuple_row)
        try:
            cursor = connection.execute(sql, values)
            rows = cursor.fetchall() if cursor.rownumber is not None else []  # a statement may have no rows to give
        except psycopg.Error as error:
            if not connection.closed:
                self._idle.append(connection)
                raise
            self.dispose()  # the others went the same way
            if not retry or not isinstance(error, UNREACHABLE):
                raise
            return self.run(sql, values, retry=False)
        self._idle.append(connection)
        return rows

    def dispose(self) -> None:
        """Close what is not in use."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()


def transactional(door: Callable) -> Callable:
    """Commit when the door's work ends well; roll back when it raises or answers 400 and above.

    Wrap unsafe-method views, command-line commands, one imported file, one message. Nothing else commits.
    """

    @functools.wraps(door)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = door(*args, **kwargs)
            status = answer[1] if isinstance(answer, tuple) else getattr(answer, "status_code", 200)
            if isinstance(status, int) and status >= 400:
                db.session.rollback()
            else:
                db.session.commit()
            return answer
        except BaseException:
            db.session.rollback()
            raise

    wrapper.is_transactional = True
    return wrapper


def note(statement: sa.Executable, values: dict[str, Any] | list[dict[str, Any]] | None = None) -> None:
    """Write down something that must stay even if the request is rolled back: attempts, refusals, who looked."""
    with db.engine.begin() as connection:
        connection.execute(statement, values)


@functools.lru_cache(maxsize=64)
def _for_driver(statement: sa.TextClause) -> str:
    """The statement as psycopg reads it: %(name)s for :name."""
    return str(statement.compile(dialect=psycopg_dialect()))


def one_statement(statement: sa.TextClause, values: dict[str, Any], *, retry: bool = True) -> list[Any]:
    """Run a single statement that is its own transaction, without BEGIN and COMMIT round trips; rows by name.

    ``retry=False`` for a statement that must not run twice when the connection broke while it was under way; with an
    idempotency key inside, running it twice is safe.
    """
    return current_app.extensions["portal.autocommit"].run(_for_driver(statement), values, retry=retry)


def reachable() -> bool:
    """Whether the database answers now."""
    try:
        one_statement(sa.text("SELECT 1"), {})
    except (sa.exc.SQLAlchemyError, psycopg.Error):
        return False
    return True
