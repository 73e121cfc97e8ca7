"""`portal worker`: what is done apart from requests — messages, large workbooks, sealing, partitions, retention.

Any number of workers may run: messages, workbooks and bookings are taken with SKIP LOCKED, sealing and the nightly work
hold an advisory lock.
"""

from __future__ import annotations

import functools
import logging
import signal
import threading
import time
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_babel import force_locale

from portal import audit, clock, outbox, retention
from portal.access import ROLES, SYSTEM, By, Permission
from portal.db import UNREACHABLE, db, transactional
from portal.i18n import in_language
from portal.stations.exchange import commands as exchange
from portal.stations.exchange import imports
from portal.stations.exchange import queries as staged_files
from portal.stations.exchange.models import ImportJob, LoadStatus, StagedImport
from portal.stations.seals import commands as seals
from portal.stations.visits import commands as visits
from portal.tables import Unreadable
from portal.types import N_, text
from portal.unions.staff import queries as staff
from portal.welfare.bookings import commands as bookings
from portal.welfare.quotas import commands as quotas

log = logging.getLogger("portal.worker")
MONTHS_AHEAD = 3
HOUR = 3600.0
MINUTE = 60.0
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


def load_workbook() -> bool:
    """Load the next large workbook that waits, in one transaction; answers whether there was one.

    One that fails waits again and is given up after three tries; nothing of it stays in the register.
    """
    taken: list[tuple[UUID, int, str]] = []
    try:
        return transactional(_load_next)(taken)
    except Exception as trouble:
        for staged_id, tries, language in taken:
            says = text(N_("Something went wrong on our side. Nothing was changed; try again, or send a smaller file."))
            says = trouble.says if isinstance(trouble, Unreadable) else says
            over = tries >= exchange.TRIES or isinstance(trouble, Unreadable | PermissionError)
            status = LoadStatus.FAILED if over else LoadStatus.WAITING
            reason = in_language(language, says) if over else None
            exchange.note_progress(staged_id=staged_id, status=status, reason=reason, done=0, by=SYSTEM)
        raise


def _load_next(taken: list[tuple[UUID, int, str]]) -> bool:
    found = staged_files.take_staged()
    if found is None:
        return False
    staged, job = found
    taken.append((staged.id, job.tries + 1, job.language))
    if job.tries >= exchange.TRIES:
        raise RuntimeError("the worker ended three times while it loaded this workbook")
    exchange.note_progress(staged_id=staged.id, status=LoadStatus.LOADING, tries=job.tries + 1, done=0, by=SYSTEM)
    with force_locale(job.language):
        _load(staged, job)
    return True


def _load(staged: StagedImport, job: ImportJob) -> None:
    """Load a file in the name of whoever sent it, if they may still do so."""

    def tell(done: int) -> None:
        exchange.note_progress(staged_id=staged_id, done=min(done, total), by=SYSTEM)

    staged_id, total, account = staged.id, job.total, staff.find_account(staged.account_id)
    held = [one for one in staff.list_held(account) if one.starts_on <= clock.today()] if account else []
    roots = tuple({one.union_id for one in held if Permission.KEEP_STATIONS in ROLES[one.role]})
    if not roots:
        raise PermissionError("whoever sent this workbook keeps no stations any more")
    _outcome, kept = imports.load(
        staged_files.content_of(staged),
        union=staged_files.union_of(staged),
        roots=roots,
        by=By("staff", staged.account_id),
        file_name=staged.file_name,
        sheet=staged.sheet,
        crs=staged.crs,
        tell=tell,
    )
    exchange.finish_job(job=job, kept=kept, by=SYSTEM)


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
    return seals.seal_days(by=SYSTEM)


@_alone
def apply_retention() -> dict[str, int]:
    """Delete what is past its time."""
    return retention.apply()


@_alone
def take_quota_back() -> int:
    """Places of a quota that were not used by their day go back up."""
    return quotas.take_back_due(by=SYSTEM)


def _each(job: Callable[..., int]) -> Callable[[], int]:
    """Run a job on bookings until nothing is due, one booking in one transaction: others pass over what is being done."""

    @functools.wraps(job)
    def wrapper() -> int:
        done, one = 0, transactional(functools.partial(job, by=SYSTEM, limit=1))
        while done < BATCH * 10 and one():
            done += 1
        return done

    return wrapper


HOURLY = (make_partitions, seal_days, apply_retention, take_quota_back)
# What time does to bookings. Offers first: a place whose offer ran out is somebody else's at once.
MINUTELY = tuple(_each(job) for job in (bookings.expire_offers, bookings.mark_no_shows, bookings.fill, bookings.remind))


def run_once() -> None:
    """Do everything that is due, once."""
    send_messages()
    while load_workbook():
        pass
    if seal_audit():
        write_audit_head()
    for job in (*MINUTELY, *HOURLY):
        job()


def run(stop: threading.Event | None = None) -> None:
    """Go on until SIGTERM or SIGINT; while the database is away, wait and try again."""
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
    next_hourly = next_minutely = 0.0
    while not stop.is_set():
        busy = _attempt(send_messages)
        loaded = _attempt(load_workbook)
        if _attempt(seal_audit) not in (0, FAILED):
            _attempt(write_audit_head)
        if time.monotonic() >= next_minutely:
            next_minutely = time.monotonic() + MINUTE
            for job in MINUTELY:
                _attempt(job)
        if time.monotonic() >= next_hourly:
            fine = [_attempt(job) is not FAILED for job in HOURLY]
            next_hourly = time.monotonic() + (HOUR if all(fine) else 10)
        db.session.remove()
        stop.wait(0 if busy == BATCH or loaded is True else 1)


def _attempt(job: Callable):
    """Run one job; one that fails is logged, answers FAILED and is tried again in a later round."""
    try:
        return job()
    except UNREACHABLE:
        log.warning("the database does not answer", extra={"job": job.__name__})
    except Exception:
        log.exception("a job failed", extra={"job": job.__name__})
    return FAILED
