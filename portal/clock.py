"""The only clock. Business days are days in Asia/Shanghai; moments are aware datetimes in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_stopped: ContextVar[datetime | None] = ContextVar("stopped_clock", default=None)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return _stopped.get() or datetime.now(UTC)


def today() -> date:
    """The business day of this moment."""
    return business_day(now())


def business_day(moment: datetime) -> date:
    """The day a moment belongs to in Asia/Shanghai. Naive moments are refused."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(SHANGHAI).date()


def start_of(day: date) -> datetime:
    """The first moment of a business day, in UTC."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """First moment of the business day and of the next: half open, so every moment is in exactly one day."""
    return start_of(day), start_of(day + timedelta(days=1))


def first_of_month(day: date) -> date:
    """The first day of the month of ``day``."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after the month of ``day``."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@contextmanager
def stopped_at(moment: datetime) -> Iterator[datetime]:
    """Stand the clock still: for tests, and for the demo's history."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    token = _stopped.set(moment.astimezone(UTC))
    try:
        yield moment
    finally:
        _stopped.reset(token)
