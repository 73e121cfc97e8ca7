"""Ten o'clock: a hundred places, two thousand people. How quick is the guard, and how exact, beside what is usually written?

    python -m benchmarks.rush [--rounds 3] [--people 2000] [--places 100] [--processes 2] [--threads 8]

Five ways to the same places on one PostgreSQL, driven in turn, each by the same processes and threads with connections of
their own and a session of its own, everybody once. Ratios are taken round by round; their median is told.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import sqlalchemy as sa

from benchmarks.house import House, open_house
from portal import clock, create_app
from portal.access import SYSTEM
from portal.config import Settings
from portal.db import db, transactional
from portal.types import Refused, new_id
from portal.unions.staff.models import Account
from portal.unions.tree.models import Union
from portal.welfare.bookings.commands import book_place
from portal.welfare.bookings.models import BookedBy
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.items.models import WelfareCategory, WelfareItem
from portal.welfare.programmes.models import Programme, ProgrammeStatus
from portal.welfare.sessions.models import Channel, ServiceSession, SessionPlace

LOOK = "SELECT EXISTS (SELECT FROM session_places WHERE session_id = %(session)s AND channel = 'online' AND NOT taken)"
HOLD = "SELECT status FROM service_sessions WHERE id = %(session)s FOR SHARE"
CLAIM = (
    "SELECT id FROM session_places WHERE session_id = %(session)s AND channel = 'online' AND NOT taken"
    " ORDER BY number LIMIT 1 FOR UPDATE"
)
LOCK = "SELECT capacity FROM service_sessions WHERE id = %(session)s FOR UPDATE"
READ = "SELECT capacity FROM service_sessions WHERE id = %(session)s"
COUNT = "SELECT count(*) FROM bookings WHERE session_id = %(session)s AND status IN ('offered', 'booked', 'attended')"
NUMBER = "SELECT id FROM session_places WHERE session_id = %(session)s AND number = %(number)s"
INSERT = """
    INSERT INTO bookings (id, session_id, programme_id, worker_id, place_id, status, way, priority, queued_at, created_at,
        code_index, rule_id, price, facts, late)
    VALUES (%(id)s, %(session)s, %(programme)s, %(worker)s, %(place)s, 'booked', 'worker', 100, now(), now(),
        %(code)s, %(rule)s, 0, '{}', false)"""


@dataclass
class Round:
    """What one rush came to."""

    seconds: float
    latencies: list[float]
    had: int
    sold: int

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


@dataclass
class Subject:
    """One way to the places, and its rounds."""

    name: str
    rounds: list[Round] = field(default_factory=list)

    def row(self, places: int) -> str:
        latencies = [each for one in self.rounds for each in one.latencies]
        over = sum(max(0, one.sold - places) for one in self.rounds)
        under = sum(max(0, places - one.sold) for one in self.rounds)
        p99 = statistics.quantiles(latencies, n=100)[98] * 1000
        return (f"{self.name:34}{statistics.median(one.per_second for one in self.rounds):10.0f}"
                f"{statistics.median(latencies) * 1000:10.2f}{p99:10.2f}{over:10}{under:10}")  # fmt: skip


# --- the five ways -------------------------------------------------------------------------------------------------


def guard(connection: psycopg.Connection, known: dict) -> bool:
    """The guard's SQL: one look for those too late; a place by SKIP LOCKED, and by waiting before “full” is said."""
    if not connection.execute(LOOK, known).fetchone()[0]:
        return False
    with connection.transaction():
        connection.execute(HOLD, known)
        place = connection.execute(f"{CLAIM} SKIP LOCKED", known).fetchone() or connection.execute(CLAIM, known).fetchone()
        if place:
            connection.execute(INSERT, known | {"place": place[0]})
    return bool(place)


def lock_and_count(connection: psycopg.Connection, known: dict) -> bool:
    """What is usually written: the session's row FOR UPDATE, count, insert."""
    with connection.transaction():
        return _counted(connection, known, LOCK)


def look_lock_and_count(connection: psycopg.Connection, known: dict) -> bool:
    """The same with the guard's look before it."""
    return connection.execute(LOOK, known).fetchone()[0] and lock_and_count(connection, known)


def count_then_insert(connection: psycopg.Connection, known: dict) -> bool:
    """The control: nothing is held between counting and inserting."""
    with connection.transaction():
        return _counted(connection, known, READ)


def _counted(connection: psycopg.Connection, known: dict, first: str) -> bool:
    capacity = connection.execute(first, known).fetchone()[0]
    taken = connection.execute(COUNT, known).fetchone()[0]
    if taken >= capacity:
        return False
    place = connection.execute(NUMBER, known | {"number": taken + 1}).fetchone()[0]
    connection.execute(INSERT, known | {"place": place})
    return True


@transactional
def through_the_app(known: dict) -> bool:
    """Our own command with everything: window, limits, rule, place, trail, message."""
    try:
        book_place(session_id=known["session"], worker_id=known["worker"], way=BookedBy.WORKER, by=SYSTEM)
    except Refused:
        return False
    return True


WAYS = {
    "portal: book_place": None,
    "guard's SQL": guard,
    "FOR UPDATE, count, insert": lock_and_count,
    "look, FOR UPDATE, count, insert": look_lock_and_count,
    "count, insert (control)": count_then_insert,
}


# --- driving -------------------------------------------------------------------------------------------------------


def _process(instance: str, url: str, way: str, people: list[dict], threads: int, ready, queue) -> None:
    """One process: its threads begin together with those of the others."""
    app = create_app(Settings(instance=instance, database_url=url, threads=threads), database_url=url)
    parts, lock = [people[place::threads] for place in range(threads)], threading.Lock()
    times: list[tuple[float, float, bool]] = []

    def run(mine: list[dict]) -> None:
        with app.app_context():
            connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
            act: Callable = through_the_app if WAYS[way] is None else lambda known: WAYS[way](connection, known)
            db.session.execute(sa.text("SELECT 1"))
            db.session.rollback()
            ready.wait(120)
            done = []
            for known in mine:
                began = time.perf_counter()
                had = act(known)
                done.append((began, time.perf_counter(), had))
            connection.close()
            with lock:
                times.extend(done)

    running = [threading.Thread(target=run, args=(part,)) for part in parts]
    for one in running:
        one.start()
    for one in running:
        one.join()
    queue.put(times)


def rush(house: House, way: str, plan: Plan, places: int, processes: int, threads: int) -> Round:
    """Everybody once at one new session."""
    session = plan.session(places)
    people = [{"session": session, "worker": worker, "programme": plan.programme, "rule": plan.rule, "id": new_id(),
               "code": new_id().bytes} for worker in house.workers]  # fmt: skip
    context = multiprocessing.get_context("spawn")
    ready, queue = context.Barrier(processes * threads), context.SimpleQueue()
    started = [
        context.Process(
            target=_process, args=(str(house.instance), house.url, way, people[place::processes], threads, ready, queue)
        )
        for place in range(processes)
    ]
    for one in started:
        one.start()
    times = [each for _ in started for each in queue.get()]
    for one in started:
        one.join()
    first, last = min(one[0] for one in times), max(one[1] for one in times)
    return Round(last - first, [end - begin for begin, end, _ in times], sum(had for *_, had in times), plan.sold(session))


class Plan:
    """The programme everybody wants, and the sessions of each round."""

    def __init__(self, url: str) -> None:
        self.url, moment = url, clock.now()
        union = db.session.scalars(sa.select(Union).where(Union.code == "4101")).one()
        staff = db.session.scalars(sa.select(Account).order_by(Account.id).limit(1)).one()
        self.union_id = union.id
        item = WelfareItem(id=new_id(), code="RUSH", union_id=union.id, name="免费健康体检", procedure="空腹", unit="次",
                           category=WelfareCategory.HEALTH_CHECK, created_at=moment)  # fmt: skip
        db.session.add(item)
        db.session.flush()
        programme = Programme(
            id=new_id(), code="RUSH", union_id=union.id, item_id=item.id, name="免费健康体检", summary="", created_at=moment,
            starts_on=clock.today(), ends_on=clock.today() + timedelta(days=30), ways=["book"], everywhere=True,
            status=ProgrammeStatus.OPEN, decided_by_account_id=staff.id, decided_at=moment, price=Decimal(0), days_ahead=14,
        )  # fmt: skip
        db.session.add(programme)
        db.session.flush()
        rule = EligibilityRule(id=new_id(), programme_id=programme.id, version=1, proposed_at=moment, approved_at=moment,
                               approved_by_account_id=staff.id)  # fmt: skip
        db.session.add(rule)
        db.session.commit()
        self.programme, self.rule, self.count = programme.id, rule.id, 0

    def session(self, places: int) -> UUID:
        """Another session, all places online."""
        self.count += 1
        starts_at = clock.start_of(clock.today() + timedelta(days=1)) + timedelta(hours=10, minutes=self.count)
        session = ServiceSession(id=new_id(), programme_id=self.programme, union_id=self.union_id, place_name="市第一人民医院",
                                 starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), capacity=places, online=places,
                                 created_at=clock.now())  # fmt: skip
        db.session.add(session)
        db.session.flush()
        db.session.add_all(SessionPlace(id=new_id(), session_id=session.id, number=number, channel=Channel.ONLINE)
                           for number in range(1, places + 1))  # fmt: skip
        ident = session.id
        db.session.commit()
        return ident

    def sold(self, session: UUID) -> int:
        """How many hold a place in the end."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            return connection.execute(COUNT, {"session": session}).fetchone()[0]


def report(subjects: dict[str, Subject], places: int) -> str:
    """The table and the ratios."""
    lines = ["{:34}{:>10}{:>10}{:>10}{:>10}{:>10}".format("", "tries/s", "p50 ms", "p99 ms", "oversold", "unsold")]
    lines += [one.row(places) for one in subjects.values()] + [""]
    floor = subjects["guard's SQL"]
    for other in list(subjects.values())[2:]:
        pairs = zip(floor.rounds, other.rounds, strict=True)
        lines.append(f"guard's SQL / {other.name:34}{statistics.median(a.per_second / b.per_second for a, b in pairs):8.2f}")
    ours, usual = subjects["portal: book_place"], subjects["FOR UPDATE, count, insert"]
    pairs = zip(ours.rounds, usual.rounds, strict=True)
    lines.append(f"portal / FOR UPDATE alone{'':23}{statistics.median(a.per_second / b.per_second for a, b in pairs):8.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("rounds", 3), ("people", 2000), ("places", 100), ("processes", 2), ("threads", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    subjects = {name: Subject(name) for name in WAYS}
    with open_house(stations=2, workers=asked.people, visits=2) as house:
        app = create_app(Settings(instance=house.instance, database_url=house.url), database_url=house.url)
        with app.app_context():
            plan = Plan(house.url)
            for _ in range(asked.rounds):
                for name, subject in subjects.items():
                    # The unique place is our last stop; what is usually written does without such rows.
                    unique = "DROP INDEX IF EXISTS uq_bookings_place_id" if "control" in name else None
                    if unique:
                        db.session.execute(sa.text(unique))
                        db.session.commit()
                    subject.rounds.append(rush(house, name, plan, asked.places, asked.processes, asked.threads))
                    if unique:
                        db.session.execute(sa.text("DELETE FROM bookings"))
                        db.session.execute(sa.text("CREATE UNIQUE INDEX uq_bookings_place_id ON bookings (place_id)"))
                        db.session.commit()
            db.session.remove()
            db.engine.dispose()
    print(report(subjects, asked.places))
    exact = [one for name in list(subjects)[:4] for one in subjects[name].rounds]
    if any(one.sold != asked.places or one.had != one.sold for one in exact):
        sys.exit("a guarded way did not sell exactly what there was")


if __name__ == "__main__":
    main()
