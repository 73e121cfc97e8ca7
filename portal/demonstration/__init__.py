"""`portal demo`: a portal worth looking at, made from a fixed seed; again it continues, with --fresh it starts over.

`make` fills an empty database in one transaction: Henan's tree, stations at real county points, staff for every role,
people, ninety days of visits up to this moment, and what followed from them. `go_on` adds the visits from the last run
until now. An audit entry marks what was made here; without it nothing that stands in a database is touched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import psycopg
import sqlalchemy as sa

from portal import audit, clock, postgres
from portal.access import SYSTEM
from portal.audit import AuditEntry
from portal.config import Environment, Settings
from portal.db import db, transactional
from portal.demonstration import (
    accounts,
    bookings,
    deliveries,
    duplicates,
    handouts,
    joining,
    money,
    people,
    places,
    programmes,
    purchases,
    sessions,
    shifts,
    supplies,
    upkeep,
    visits,
    wishes,
)
from portal.members.workers.models import Worker
from portal.stations.register.models import PUBLIC_STATUSES, Station
from portal.unions.staff.models import Account
from portal.unions.tree.imports import load_henan
from portal.unions.tree.models import Union

MADE, CONTINUED = "demonstration.made", "demonstration.continued"
SEED = "portal-1"
KEPT_DAYS = 90  # after a long pause no more than this is filled in


@dataclass(frozen=True)
class Scale:
    """How much is made."""

    stations: int = 400
    workers: int = 3000
    days: int = 90
    members: int = 600
    applications: int = 40  # open ones in the own city, and as many elsewhere
    welfare: int = 1  # 0: neither money nor stock nor programmes, for whoever looks at the rest


FULL = Scale()


class Refused(click.ClickException):
    """Something the demonstration will not do, in words; the command line ends with 1."""


# --- what is made --------------------------------------------------------------------------------------------------


class Steps:
    """Says what is being done, and how long it took."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    @contextmanager
    def __call__(self, what: str):
        notes: list[str] = []
        began = time.monotonic()
        yield notes.append
        self.say(f"  {what:32}{'; '.join(notes):58}{time.monotonic() - began:6.1f} s")


def _silent(_line: str) -> None:
    pass


@dataclass(frozen=True)
class Marker:
    """What the audit trail says about the demonstration in this database."""

    seed: str
    begun_on: date
    until: datetime
    scale: Scale


def find_marker() -> Marker | None:
    """The latest entry of a run in this database, or None."""
    entry = db.session.scalars(
        sa.select(AuditEntry).where(AuditEntry.action.in_((MADE, CONTINUED))).order_by(AuditEntry.id.desc()).limit(1)
    ).one_or_none()
    if entry is None:
        return None
    known = entry.details
    begun_on, until = date.fromisoformat(known["begun_on"]), datetime.fromisoformat(known["until"])
    numbers = (part.split("=") for part in known["scale"].split())
    return Marker(known["seed"], begun_on, until, Scale(**{name: int(number) for name, number in numbers}))


def _is_marked() -> bool:
    return db.session.scalar(sa.select(sa.exists().where(AuditEntry.action == MADE)))


def _mark(action: str, marker: Marker, **counts: int) -> None:
    province = db.session.scalars(sa.select(Union).where(Union.code == "41")).one()
    audit.record(
        action,
        by=SYSTEM,
        subject=province,
        union_id=province.id,
        seed=marker.seed,
        begun_on=marker.begun_on.isoformat(),
        until=marker.until.isoformat(),
        scale=" ".join(f"{name}={number}" for name, number in asdict(marker.scale).items()),
        **counts,
    )


def _is_taken() -> bool:
    """Whether somebody works in this database already; a loaded tree alone is nobody's work."""
    kept = (Station, Worker, Account)
    return any(db.session.scalar(sa.select(sa.exists().where(model.id.is_not(None)))) for model in kept)


@transactional
def make_or_continue(instance: Path, scale: Scale = FULL, say: Callable[[str], None] = _silent) -> dict[str, int]:
    """Make the demonstration's data, or go on with it; answers what was added. One transaction, one run at a time."""
    db.session.execute(sa.text("SET LOCAL statement_timeout = 0"))
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('demonstration'))"))
    marker = find_marker()
    if marker is None and _is_taken():
        raise Refused(
            "This database holds stations, workers or accounts that the demonstration did not make,"
            " so nothing was touched. Give it a database of its own: another PORTAL_INSTANCE, or another DATABASE_URL."
        )
    return _go_on(marker, instance, Steps(say)) if marker else _make(scale, instance, Steps(say))


def _make(scale: Scale, instance: Path, step: Steps) -> dict[str, int]:
    marker = Marker(SEED, clock.today(), clock.now(), scale)
    first_day = marker.begun_on - timedelta(days=scale.days - 1)
    before = first_day - timedelta(days=1)
    with clock.stopped_at(clock.start_of(before) + timedelta(hours=8)):
        with step("Union tree") as note:
            note(load_henan().splitlines()[0])
        with step("Staff") as note:
            entries = accounts.ensure(instance)
            doors = places.plan(scale.stations, SEED, marker.begun_on)
            officers = accounts.add_colleagues(doors, SEED)
            staff = db.session.scalar(sa.select(sa.func.count(Account.id)))
            note(f"{len(entries)} accounts to sign in with, {staff} in all")
        with step("Stations") as note:
            places.write(doors, before)
            note(f"{len(doors)} stations in {len({door.county for door in doors})} counties")
    crowd = _people(marker, doors)
    count = _fill(marker, first_day, crowd, officers, step)
    with step("Wishes for stations") as note:
        note(f"{wishes.make(doors, SEED, marker.until)} voices")
    with step("Shifts at the counters") as note:
        note(f"{shifts.make(doors, SEED, marker.until)} shifts")
    with step("Reports and inspections") as note:
        kept = upkeep.make(SEED, marker.until)
        count += kept.check_ins
        note(kept.says)
    with step("Hand-outs and paper") as note:
        count += (given := handouts.make(doors, SEED, marker.until))
        note(f"{given} visits")
    if scale.welfare:
        _welfare(marker, crowd, step)
    with step("People on record twice") as note:
        pairs = duplicates.make(crowd, marker.until)
        count += pairs  # each second record has a visit of its own
        note(f"{pairs} likely pairs")
    with step("Closed days") as note:
        note(f"{visits.seal(first_day):,} station days sealed")
    _mark(MADE, marker, stations=len(doors), workers=len(crowd), visits=count)
    with step("Statistics for the planner"):
        db.session.flush()
        # A first look; autovacuum takes a closer one by itself.
        db.session.execute(sa.text("SET LOCAL default_statistics_target = 20"))
        db.session.execute(sa.text("ANALYZE"))
    accounts.write(instance, entries + accounts.of_workers(crowd))
    return {"stations": len(doors), "workers": len(crowd), "visits": count}


def _welfare(marker: Marker, crowd: list[people.Person], step: Steps) -> None:
    """Money, stock, programmes, and all that stands on them, in the order in which they lean on each other."""
    with step("Budgets") as note:
        note(money.make(SEED, marker.until))
    with step("Supplies") as note:
        note(supplies.make(SEED, marker.until))
    with step("Programmes") as note:
        note(programmes.make(SEED, marker.until))
    with step("Sessions") as note:
        note(sessions.make(SEED, marker.until))
    with step("Bookings") as note:
        note(bookings.make(SEED, marker.until, accounts.ids_of_workers(crowd)))
    with step("Purchases") as note:
        note(purchases.make(SEED, marker.until))
    with step("Deliveries") as note:
        note(deliveries.make(SEED, marker.until))
    joining.keep_from_phones()


def _fill(marker: Marker, first_day: date, crowd: list[people.Person], officers: accounts.Officers, step: Steps) -> int:
    """The people, their days until now, and what followed; answers how many visits."""
    ledger, now, scale = visits.Ledger(), marker.until, marker.scale
    with step("Days") as note:
        count = visits.plan_and_enter(ledger, crowd, clock.start_of(first_day), now, SEED)
        note(f"{scale.days} days planned")
    with step("Workers") as note:
        made = joining.plan(crowd, ledger.by_person, scale.members, scale.applications, SEED, now)
        people.write(crowd, made.numbers, now)
        note(f"{len(crowd):,} people, each with a card")
    with step("Visits") as note:
        visits.make_partitions(first_day)
        visits.write(ledger)
        note(f"{count:,} visits, {len(ledger.lines):,} services, {len(ledger.reversals)} taken back")
    with step("Joining") as note:
        joining.write(made, officers, now)
        told = joining.run_commands(made, officers)
        note(f"{len(made.journeys):,} invited, {len(made.numbers)} applied, {told} step by step")
    return count


def _people(marker: Marker, doors: list[places.Place]) -> list[people.Person]:
    """The planned people and the doors they go to, once the doors stand in the register."""
    first_day = marker.begun_on - timedelta(days=marker.scale.days - 1)
    places.find_again(doors, marker.begun_on)
    public = [door for door in doors if door.status in PUBLIC_STATUSES]
    return people.plan(marker.scale.workers, marker.seed, public, first_day, marker.begun_on)


def _go_on(marker: Marker, instance: Path, step: Steps) -> dict[str, int]:
    """Add the visits since the last run; everything else stays as people left it."""
    now = clock.now()
    doors = places.plan(marker.scale.stations, marker.seed, marker.begun_on)
    with step("Staff") as note:
        entries = accounts.ensure(instance)
        note("the accounts as they were")
    with step("Visits since the last time") as note:
        crowd = _people(marker, doors)
        accounts.find_operators(doors)
        planned = [one.id for one in crowd]
        known = set(db.session.scalars(sa.select(Worker.id).where(Worker.id.in_(planned))))
        ledger = visits.Ledger.load(crowd)
        since = max(marker.until, now - timedelta(days=KEPT_DAYS))
        count = visits.plan_and_enter(ledger, crowd, since, now, marker.seed, known) if since < now else 0
        visits.make_partitions(clock.business_day(min(since, now)))
        visits.write(ledger)
        note(f"{count:,} visits, {len(ledger.lines):,} services")
    if count:
        _mark(CONTINUED, Marker(marker.seed, marker.begun_on, now, marker.scale), visits=count)
    accounts.write(instance, entries + accounts.of_workers(crowd))
    return {"stations": 0, "workers": 0, "visits": count}


# --- starting over -------------------------------------------------------------------------------------------------


def _start_over(settings: Settings, address: str) -> None:
    """Drop the database and create it again, if all that is in it came from the demonstration.

    That is so when it bears the demonstration's mark, when nobody has worked in it yet, or when its name ends with
    _demo.
    """
    name = sa.make_url(address).database or ""
    if not name.endswith("_demo") and not _may_be_dropped(settings, address):
        raise Refused(
            f"The database “{name}” holds data that the demonstration did not make, so it is not dropped."
            " Only a database that the demonstration filled, an empty one, or one named …_demo is started over."
        )
    try:
        postgres.drop_database(address, name)
        postgres.create_database(address, name)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            f"The database “{name}” cannot be started over: {error}. Its user must own it and be allowed to create databases."
        ) from error
    except psycopg.errors.DuplicateDatabase:
        pass  # our own server's supervisor was quicker
    # The heads of the trail that went with the database; against them the new trail would look cut off.
    (settings.instance / "audit-heads.jsonl").unlink(missing_ok=True)


def _may_be_dropped(settings: Settings, address: str) -> bool:
    from portal import create_app

    application = create_app(settings, database_url=address)
    with application.app_context():
        try:
            tables = sa.inspect(db.engine).get_table_names()
            if not tables:
                return True
            needed = {AuditEntry.__tablename__, Station.__tablename__, Worker.__tablename__, Account.__tablename__}
            return needed <= set(tables) and (_is_marked() or not _is_taken())
        finally:
            _let_go(application)


def _let_go(application: Any) -> None:
    """Give the connections back, so that nothing is held while the portal is served."""
    db.session.remove()
    db.engine.dispose()
    application.extensions["portal.autocommit"].dispose()


# --- the whole command ---------------------------------------------------------------------------------------------


def run(*, fresh: bool = False, serve: bool = True, scale: Scale = FULL) -> None:
    """Make or continue the demonstration and, unless told otherwise, serve it until Ctrl-C or SIGTERM."""
    from flask_migrate import upgrade

    from portal import create_app

    os.environ["PORTAL_ENVIRONMENT"] = os.environ.get("PORTAL_ENVIRONMENT") or Environment.DEMO.value
    settings = Settings()
    if settings.production:
        raise Refused("This is set up for production, where no demonstration data may be made.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that whatever was begun is ended
    began, step = time.monotonic(), Steps(click.echo)
    click.echo("Making the demonstration." if fresh else "Preparing the demonstration.")
    with step("Database") as note:
        address = postgres.ensure(settings)
        if fresh:
            _start_over(settings, address)
        application = create_app(settings, database_url=address)
        with application.app_context():
            upgrade()
            _let_go(application)  # migrating sets time limits on its connection that are not meant for us
        note("its own, in the instance folder" if not settings.database_url else "as DATABASE_URL says")
    with application.app_context():
        make_or_continue(settings.instance, scale, click.echo)
        _let_go(application)
    click.echo(f"Ready after {time.monotonic() - began:.1f} s.")
    _tell(settings)
    if serve:
        _serve(settings)


def _tell(settings: Settings) -> None:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - only told to the reader, nothing listens here
    address = f"http://{host}:{settings.port}"
    click.echo(f"\nOpen {address}/ — staff sign in at {address}/staff/sign-in, workers at {address}/sign-in.")
    click.echo(f"Names, passwords and second factors: {settings.instance / accounts.FILE}")
    for entry in accounts.read(settings.instance):
        note = entry["password"] or ("a worker who joined" if entry.get("joined") else "a worker who did not join")
        click.echo(f"  {entry['role']:14} {entry['name']:14} {note:24} {address}{entry['first_address']}")
    click.echo("Second-factor codes stand on the sign-in page;"
               f" what would go to workers' phones at {address}/demo/messages.\n")  # fmt: skip


def _serve(settings: Settings) -> None:
    """Serve in the foreground with a worker beside, which starts once signals are looked after and ends with us."""
    from portal import serving

    started: list[subprocess.Popen] = []

    def start_worker() -> None:
        started.append(subprocess.Popen([sys.executable, "-m", "portal.cli", "worker"]))

    try:
        serving.serve(settings, ready=start_worker)
    finally:
        for worker in started:
            worker.terminate()
            try:
                worker.wait(timeout=15)
            except subprocess.TimeoutExpired:
                worker.kill()
