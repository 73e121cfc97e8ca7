"""`portal worker`: what is done apart from requests — messages, sealing, partitions, retention.

Any number of workers may run: messages are taken with SKIP LOCKED, sealing and the nightly work hold an advisory lock.
"""

from __future__ import annotations

import functools
import logging
import signal
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
from flask import current_app

from portal import audit, clock, outbox, retention
from portal.access import SYSTEM
from portal.db import UNREACHABLE, db, transactional
from portal.stations.visits import commands as visits

log = logging.getLogger("portal.worker")
MONTHS_AHEAD = 3
HOUR = 3600.0
BATCH = 100
FAILED = object()


def send_messages() -> int:
    """Send what is due, each in a transaction of its own; answers how many."""

    @transactional
    def one() -> bool:
        message = outbox.take()
        if message:
            outbox.deliver(message, current_app.config["SETTINGS"])
        return message is not None

    sent = 0
    while sent < BATCH and one():
        sent += 1
    return sent


@transactional
def seal_audit() -> int:
    """Seal the next batch of audit entries."""
    return audit.seal()


def write_audit_head() -> None:
    """After a batch is committed: write the head down outside of the database."""
    audit.write_head(current_app.config["SETTINGS"].instance)


def _alone(job: Callable) -> Callable:
    """Run a job in a transaction of its own, unless another worker is at it."""

    @functools.wraps(job)
    @transactional
    def wrapper():
        free = sa.text("SELECT pg_try_advisory_xact_lock(hashtext(:job))")
        return job() if db.session.scalar(free, {"job": job.__name__}) else None

    return wrapper


@_alone
def make_partitions() -> list[str]:
    """This month's partitions and those ahead. A new partition locks the table, so nothing else shares its transaction."""
    month = last = clock.first_of_month(clock.today())
    for _ in range(MONTHS_AHEAD):
        last = clock.next_month(last)
    db.session.execute(sa.text("SET LOCAL lock_timeout = '2s'"))  # rather try again in an hour than stand in the way
    return visits.ensure_partitions(month, last)


@_alone
def seal_days() -> int:
    """Seal the visits of closed days."""
    return visits.seal_days(by=SYSTEM)


@_alone
def apply_retention() -> dict[str, int]:
    """Delete what is past its time."""
    return retention.apply()


HOURLY = (make_partitions, seal_days, apply_retention)


def run_once() -> None:
    """Do everything that is due, once."""
    send_messages()
    if seal_audit():
        write_audit_head()
    for job in HOURLY:
        job()


def run(stop: threading.Event | None = None) -> None:
    """Go on until SIGTERM or SIGINT; while the database is away, wait and try again."""
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
    next_hourly = 0.0
    while not stop.is_set():
        busy = _attempt(send_messages)
        if _attempt(seal_audit) not in (0, FAILED):
            _attempt(write_audit_head)
        if time.monotonic() >= next_hourly:
            fine = [_attempt(job) is not FAILED for job in HOURLY]
            next_hourly = time.monotonic() + (HOUR if all(fine) else 10)
        db.session.remove()
        stop.wait(0 if busy == BATCH else 1)


def _attempt(job: Callable):
    """Run one job; one that fails is logged, answers FAILED and is tried again in a later round."""
    try:
        return job()
    except UNREACHABLE:
        log.warning("the database does not answer", extra={"job": job.__name__})
    except Exception:
        log.exception("a job failed", extra={"job": job.__name__})
    return FAILED
