"""The worker: everything due is done, alone, and again when it failed."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import sqlalchemy as sa

from portal import audit, clock, outbox, retention, working
from portal.access import SYSTEM
from portal.idempotency import IdempotencyKey


def plant(db, age: timedelta):
    db.session.add(IdempotencyKey(actor="x", key=f"key-{age}", body_hash=b"x", at=clock.now() - age))
    db.session.commit()


def test_run_once_seals_and_cleans(app, db):
    plant(db, timedelta(days=4))
    plant(db, timedelta(hours=1))
    message = outbox.post("test", to="13800138000", body="x")
    audit.record("test", by=SYSTEM, subject=message)
    db.session.commit()
    working.run_once()
    assert db.session.scalars(sa.select(IdempotencyKey.key)).all() == ["key-1:00:00"]
    verdict = audit.verify(app.config["SETTINGS"].instance)
    assert verdict.sealed == 1 and verdict.broken is None


def test_partitions_reach_three_months_ahead(app, db):
    working.make_partitions()
    month = clock.first_of_month(clock.today())
    for _ in range(working.MONTHS_AHEAD):
        month = clock.next_month(month)
    assert db.session.scalar(sa.text("SELECT to_regclass(:name) IS NOT NULL"), {"name": f"visits_{month:%Y_%m}"})


def test_a_dry_run_deletes_nothing(app, db):
    plant(db, timedelta(days=4))
    assert retention.apply(dry_run=True)["idempotency_keys"] == 1
    assert db.session.scalar(sa.select(sa.func.count()).select_from(IdempotencyKey)) == 1


def test_retention_never_touches_events_and_registers():
    """Visits, audit, memberships and money are events: no rule may name them."""
    never = {"visits", "visit_lines", "audit_entries", "audit_seals", "memberships", "membership_records", "workers"}
    assert never.isdisjoint({table for table, _, _ in retention.OLD_ROWS})


def test_a_failing_job_does_not_stop_the_others(app, monkeypatch):
    done, stop = [], threading.Event()

    def broken():
        raise RuntimeError("planted")

    def last():
        done.append(1)
        stop.set()

    monkeypatch.setattr(working, "HOURLY", (broken, last))
    with app.app_context():
        started = time.monotonic()
        working.run(stop)
    assert done == [1] and time.monotonic() - started < 10
