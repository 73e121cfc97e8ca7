"""Pages of long lists: keyset, never OFFSET, so that the ten-thousandth page costs what the first one costs.

A cursor is the sort key of the row at a page's edge, in an opaque text for the query string. One that does not open
(somebody typed it) leads to the first page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal.db import db

LIMIT = 50


@dataclass(frozen=True)
class Slice:
    """One page of a list, and the cursors that lead to the pages before and after it."""

    rows: list[Any]
    before: str | None = None
    after: str | None = None

    def __iter__(self):
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def cursor(values: Sequence[Any]) -> str:
    """The opaque text of a sort key."""
    plain = [value.isoformat() if isinstance(value, date | datetime) else value for value in values]
    text = json.dumps(plain, default=str, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(value: Any, kind: type) -> Any:
    if kind is int:
        if type(value) is not int or abs(value) >= 2**63:
            raise ValueError("not a number of ours")
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("not a text")
    value.encode()  # a lone surrogate ends here
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return moment
    return {UUID: UUID, date: date.fromisoformat, str: str}[kind](value)


def open_cursor(text: str | None, columns: Sequence[Any]) -> tuple[Any, ...] | None:
    """The sort key in a cursor, each part in its column's type; None for none and for one that does not open."""
    if not text or len(text) > 1000:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(columns):
            return None
        return tuple(_read(value, column.type.python_type) for value, column in zip(values, columns, strict=True))
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return None


def keyset(
    query: sa.Select,
    columns: Sequence[Any],
    key: Callable[[Any], Sequence[Any]],
    *,
    before: str | None = None,
    after: str | None = None,
    descending: bool = False,
    limit: int = LIMIT,
    scalars: bool = True,
) -> Slice:
    """One page of ``query`` in the order of ``columns``, which together must be unique and never NULL.

    ``key(row)`` gives the columns' values of a row. ``scalars=False`` for rows of several columns.
    """
    start, backwards = open_cursor(after, columns), False
    if start is None and (start := open_cursor(before, columns)) is not None:
        backwards = True
    down = descending is not backwards
    if start is not None:
        edge = sa.tuple_(*columns)
        there = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(start, columns, strict=True)))
        query = query.where(edge < there if down else edge > there)
    query = query.order_by(None).order_by(*(column.desc() if down else column.asc() for column in columns))
    answer = db.session.execute(query.limit(limit + 1))
    rows = list(answer.scalars() if scalars else answer)
    more, rows = len(rows) > limit, rows[:limit]
    if backwards:
        rows.reverse()
    there_before, there_after = (more, True) if backwards else (start is not None, more)
    return Slice(
        rows,
        cursor(key(rows[0])) if rows and there_before else None,
        cursor(key(rows[-1])) if rows and there_after else None,
    )
