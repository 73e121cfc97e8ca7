"""The database: base class, naming convention, and every place that may commit.

`transactional` is the door's commit. The three exceptions the house allows stand here too: `note` (its own short
transaction), and the autocommit connection behind `one_statement`, which a session's `seen` and the desk's hot path
use.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
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
        "connect_args": {"connect_timeout": 3, "options": "-c statement_timeout=30s -c timezone=UTC"},
    }


def prepare(app, url: str, threads: int) -> None:
    """Bind the database to an application: the ordinary engine, and the autocommit engine of the hot path."""
    options = engine_options(threads)
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS=options)
    db.init_app(app)
    migrate.init_app(app)
    app.extensions["portal.autocommit"] = sa.create_engine(url, **options | _autocommit_options(options["connect_args"]))


def _autocommit_options(connect_args: dict[str, Any]) -> dict[str, Any]:
    """How the connections behind `one_statement` differ from the ordinary ones."""
    # Its statements find their rows by a key, so one plan is right for all values. Left to choose, the server would
    # plan the desk's statement anew at its first taps on each connection, at 2 ms each.
    plan_once = f"{connect_args['options']} -c plan_cache_mode=force_generic_plan"
    return {
        "isolation_level": "AUTOCOMMIT",
        "pool_reset_on_return": None,
        # A dead connection shows as an error that `one_statement` retries once on a fresh one: no ping on each use.
        "pool_pre_ping": False,
        # The connection used last is the one whose statements are prepared and whose caches are warm.
        "pool_use_lifo": True,
        "connect_args": connect_args | {"options": plan_once},
    }


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

    SQLAlchemy lends the connection and psycopg does the rest: between the two SQLAlchemy would spend as much time as
    PostgreSQL does on a session's look-up, and every request pays that once, a tap at the desk twice.
    """
    engine: sa.Engine = current_app.extensions["portal.autocommit"]
    sql = _for_driver(statement)
    while True:
        lent = engine.raw_connection()
        connection: psycopg.Connection = lent.driver_connection
        try:
            cursor = psycopg.Cursor(connection, row_factory=namedtuple_row).execute(sql, values)
            return cursor.fetchall() if cursor.description else []
        except UNREACHABLE:
            if not connection.closed:
                raise
            lent.invalidate()
            engine.dispose()  # the others in the pool went the same way
            if not retry:
                raise
            retry = False
        finally:
            lent.close()


def reachable() -> bool:
    """Whether the database answers now."""
    try:
        one_statement(sa.text("SELECT 1"), {})
    except (sa.exc.SQLAlchemyError, psycopg.Error):
        return False
    return True
