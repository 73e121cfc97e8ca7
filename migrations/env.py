"""Alembic's environment: the application's metadata, one transaction, and a lock time-out so that nobody queues behind us."""

from alembic import context
from flask import current_app
from sqlalchemy import text

database = current_app.extensions["migrate"].db


def include(name, kind, parents):
    """Partitions are made by the portal's worker, not by migrations."""
    return not (kind == "table" and name and name.startswith(("visits_", "visit_lines_")))


def run() -> None:
    with database.engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("SET statement_timeout = 0"))
        connection.commit()
        context.configure(connection=connection, target_metadata=database.metadata, compare_type=True, include_name=include)
        try:
            with context.begin_transaction():
                context.run_migrations()
        finally:
            # The connection goes back to the pool and serves requests: it must not keep our time-outs.
            connection.rollback()
            connection.execute(text("RESET lock_timeout"))
            connection.execute(text("SET statement_timeout = '30s'"))
            connection.commit()


run()
