"""Many at once, on connections of their own: every way into a place, and the same ways with the guard taken away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from portal import clock, create_app
from portal.access import SYSTEM, By
from portal.audit import AuditEntry
from portal.db import db as database
from portal.db import transactional
from portal.types import Refused
from portal.welfare.bookings import commands, queries
from portal.welfare.bookings.models import OCCUPYING, BookedBy, Booking, BookingStatus
from portal.welfare.eligibility.models import LimitPeriod
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.programmes.models import Programme
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions.models import Channel, ServiceSession, SessionPlace
from tests.conftest import settings_for
from tests.factories.bookings import make_booking
from tests.factories.money import make_line
from tests.factories.unions import make_union
from tests.factories.welfare import make_programme, make_session
from tests.factories.workers import make_worker

S = BookingStatus
NOW = datetime(2026, 6, 10, 2, tzinfo=UTC)
START = NOW + timedelta(days=1)
AFTER = START + timedelta(minutes=30)  # beyond the grace
STAFF = By("staff")
MANY = 4


@pytest.fixture(autouse=True)
def noon():
    with clock.stopped_at(NOW):
        yield


def at_once(app, *jobs: Callable, moment: datetime = NOW) -> list:
    """Run jobs in threads with connections of their own, begun together; answers what each said or raised."""
    database.session.rollback()
    start, said = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(place, job):
        with app.app_context(), clock.stopped_at(moment):
            try:
                start.wait(30)
                said[place] = transactional(job)()
            except Exception as error:
                said[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    database.session.expire_all()
    return said


def book(session: ServiceSession, way: BookedBy = BookedBy.WORKER, **more) -> Callable:
    """A job: somebody new wants a place."""
    session_id, worker_id = session.id, make_worker(phone=None).id
    return lambda: commands.book_place(session_id=session_id, worker_id=worker_id, way=way, by=SYSTEM, **more).status


def on(booking: Booking, act: Callable, **more) -> Callable:
    """A job: something is done with a booking, which is read on the job's own connection."""
    ident = booking.id
    return lambda: act(booking=database.session.get_one(Booking, ident), **more).status


def some(session: ServiceSession, count: int = MANY) -> list[Booking]:
    return [make_booking(session, make_worker(phone=None)) for _ in range(count)]


# Each answers the session with one place left, who wants it, and when.
def by_workers():
    session = last_place()
    return session, [book(session) for _ in range(MANY)], NOW


def by_staff():
    session = last_place()
    return session, [book(session, BookedBy.STAFF) for _ in range(MANY)], NOW


def at_the_desk():
    session = last_place()
    return session, [book(session, BookedBy.DESK) for _ in range(MANY)], AFTER


def from_paper():
    session = last_place()
    return session, [book(session, BookedBy.PAPER) for _ in range(MANY)], START + timedelta(days=1)


def from_a_workbook():
    session = last_place()
    return session, [book(session, BookedBy.IMPORT) for _ in range(MANY)], NOW


def uncancelled():
    session = make_session(programme(), capacity=MANY)
    given_up = some(session)
    for one in given_up:
        commands.cancel_booking(booking=one, by=SYSTEM)
    fill_but_one(session)
    return session, [on(one, commands.uncancel_booking, by=SYSTEM) for one in given_up], NOW


def moved_here():
    session = last_place()
    about = database.session.get_one(Programme, session.programme_id)
    elsewhere = [make_session(about, starts_at=START + timedelta(days=day)) for day in range(1, MANY + 1)]
    return session, [on(some(one, 1)[0], commands.move_booking, to_session_id=session.id, by=SYSTEM) for one in elsewhere], NOW


def back_from_no_show():
    session = make_session(programme(), capacity=MANY)
    missed = some(session)
    with clock.stopped_at(AFTER):
        while commands.mark_no_shows(by=SYSTEM):
            database.session.commit()
        fill_but_one(session, BookedBy.DESK)
    return session, [on(one, commands.check_in, by=STAFF) for one in missed], AFTER


def programme(**values):
    return make_programme(make_union(), **values)


def last_place() -> ServiceSession:
    session = make_session(programme(), capacity=2)
    make_booking(session)
    return session


def fill_but_one(session: ServiceSession, way: BookedBy = BookedBy.WORKER) -> None:
    for _ in range(session.capacity - 1):
        make_booking(session, way=way)


WAYS = (by_workers, by_staff, at_the_desk, from_paper, from_a_workbook, uncancelled, moved_here, back_from_no_show)


def held(session_id: UUID) -> int:
    """How many people have a place by the bookings."""
    found = sa.select(sa.func.count(Booking.id)).where(Booking.session_id == session_id, Booking.status.in_(OCCUPYING))
    return database.session.scalar(found)


def taken(session_id: UUID) -> int:
    """How many places are taken by the places."""
    found = sa.select(sa.func.count(SessionPlace.id)).where(SessionPlace.session_id == session_id, SessionPlace.taken)
    return database.session.scalar(found)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_of_many_who_want_the_last_place_one_gets_it(app, way):
    session, jobs, moment = way()
    ident, capacity = session.id, session.capacity
    said = at_once(app, *jobs, moment=moment)
    assert sum(isinstance(one, BookingStatus) for one in said) == 1, said
    refused = [one for one in said if not isinstance(one, BookingStatus)]
    assert all(isinstance(one, Refused) and one.problems[0].code == "full" for one in refused), refused
    assert held(ident) == taken(ident) == capacity


def test_all_ways_together_never_exceed(app):
    session = make_session(programme(), capacity=4)
    given_up = some(session, 1)[0]
    commands.cancel_booking(booking=given_up, by=SYSTEM)
    mine = some(session, 2)
    elsewhere = make_session(database.session.get_one(Programme, session.programme_id),
                             starts_at=START + timedelta(days=1))  # fmt: skip
    other, ident = some(elsewhere, 1)[0], session.id
    jobs = [
        book(session), book(session, BookedBy.STAFF), book(session, wait=True), book(session, wait=True),
        on(given_up, commands.uncancel_booking, by=SYSTEM), on(other, commands.move_booking, to_session_id=ident, by=SYSTEM),
        on(mine[0], commands.cancel_booking, by=SYSTEM),
    ]  # fmt: skip
    said = at_once(app, *jobs)
    assert all(isinstance(one, BookingStatus | Refused) for one in said), said
    transactional(lambda: commands.fill(by=SYSTEM))()
    waiting = queries.list_waiting(ident)
    assert held(ident) == taken(ident) <= 4
    assert not waiting or held(ident) == 4, "nobody waits before a free place"


def test_full_is_not_said_while_somebody_may_yet_give_up(app):
    """Whoever holds the last place rolls back; who waited for them gets it."""
    session = make_session(programme(), capacity=1)
    ident, holds, gives_up = session.id, threading.Event(), threading.Event()
    want = book(session)
    database.session.rollback()

    def hold_and_give_up():
        with app.app_context():
            assert queries.claim(ident, (Channel.ONLINE,))
            holds.set()
            gives_up.wait(60)
            database.session.rollback()

    holder = threading.Thread(target=hold_and_give_up)
    holder.start()
    assert holds.wait(30)
    said = []

    def come_second():
        with app.app_context(), clock.stopped_at(NOW):
            said.append(transactional(want)())

    waits = threading.Thread(target=come_second)
    waits.start()
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
    for _ in range(600):
        if said or database.session.scalar(waiting):
            break
        database.session.rollback()
        time.sleep(0.05)
    gives_up.set()
    holder.join(60)
    waits.join(60)
    assert said == [S.BOOKED] and held(ident) == 1


def test_two_taps_are_one_booking(app):
    session, worker_id = make_session(programme(), capacity=5), make_worker().id
    session_id = session.id
    job = lambda: commands.book_place(session_id=session_id, worker_id=worker_id, way=BookedBy.WORKER, by=SYSTEM).id  # noqa: E731
    said = at_once(app, *[job] * MANY)
    assert len(set(said)) == 1 and held(session_id) == taken(session_id) == 1, said


def test_a_limit_holds_over_two_times_at_once(app):
    about = programme(rule={"person_limit": 1, "limit_period": LimitPeriod.PROGRAMME})
    worker_id = make_worker().id
    ids = [make_session(about, starts_at=START + timedelta(days=day)).id for day in range(4)]
    jobs = [
        lambda ident=ident: commands.book_place(session_id=ident, worker_id=worker_id, way=BookedBy.WORKER, by=SYSTEM).status
        for ident in ids
    ]
    said = at_once(app, *jobs)
    assert said.count(S.BOOKED) == 1 and sum(isinstance(one, Refused) for one in said) == 3, said


def test_the_line_s_money_and_the_quota_are_not_exceeded(app):
    union = make_union()
    line = make_line(union, 1500)
    about = make_programme(union, line_id=line.id)
    database.session.add(QuotaShare(programme_id=about.id, union_id=union.id, amount=4, created_at=NOW))
    database.session.commit()
    session, line_id = make_session(about, capacity=10), line.id
    ident = session.id
    said = at_once(app, *[book(session) for _ in range(MANY)])
    assert said.count(S.BOOKED) == 3 == held(ident) == taken(ident), said
    assert totals_of_line(line_id).reserved == 1500
    assert database.session.scalar(sa.select(QuotaShare.used)) == 3


def test_two_who_give_up_at_once_make_two_offers(app):
    session = make_session(programme(), capacity=2)
    mine = some(session, 2)
    waits = [make_booking(session, wait=True).id for _ in range(3)]
    ident = session.id
    promote = lambda: commands.promote(session_id=ident, by=SYSTEM)  # noqa: E731
    at_once(app, *[on(one, commands.cancel_booking, by=SYSTEM) for one in mine], promote, promote, promote)
    assert [database.session.get_one(Booking, one).status for one in waits] == [S.OFFERED, S.OFFERED, S.WAITING]
    assert held(ident) == taken(ident) == 2
    assert AuditEntry.query.filter_by(action="booking.offered").count() == 2


def test_many_who_offer_what_is_free_offer_it_once(app):
    """More places came free than people wait: each of them hears of one."""
    session = make_session(programme(), capacity=MANY)
    mine, waits, ident = some(session), make_booking(session, wait=True).id, session.id
    gone = Booking.id.in_([one.id for one in mine])
    database.session.execute(sa.update(Booking).where(gone).values(status=S.CANCELLED, place_id=None))
    database.session.commit()
    promote = lambda: commands.promote(session_id=ident, by=SYSTEM)  # noqa: E731
    assert sorted(at_once(app, *[promote] * MANY)) == [0] * (MANY - 1) + [1]
    assert held(ident) == taken(ident) == 1 and database.session.get_one(Booking, waits).status is S.OFFERED


def test_an_offer_is_taken_or_runs_out(app):
    session = make_session(programme(), capacity=1)
    first, waits, ident = some(session, 1)[0], make_booking(session, wait=True), session.id
    commands.cancel_booking(booking=first, by=SYSTEM)
    database.session.commit()
    offer = waits.id
    until = waits.offer_expires_at
    accept = on(waits, commands.accept_offer, by=SYSTEM)
    said = at_once(app, accept, accept, on(waits, commands.cancel_booking, by=SYSTEM), moment=until)
    assert said.count(S.BOOKED) <= 1 and held(ident) == taken(ident) <= 1, said
    assert database.session.get_one(Booking, offer).status in (S.BOOKED, S.CANCELLED)


def test_two_workers_of_the_queue_end_each_once(app):
    session = make_session(programme(), capacity=MANY)
    some(session)
    ident = session.id
    job = lambda: commands.mark_no_shows(by=SYSTEM, limit=1)  # noqa: E731
    for _ in range(MANY):
        at_once(app, job, job, moment=AFTER)
    assert taken(ident) == 0
    assert AuditEntry.query.filter_by(action="booking.no_show").count() == MANY


def test_a_session_is_not_cancelled_beside_a_booking(app):
    for _ in range(2):
        session = make_session(programme(), capacity=MANY)
        ident = session.id

        def cancel(ident=ident):
            return commands.cancel_session(session=database.session.get_one(ServiceSession, ident), reason="停电", by=STAFF)

        said = at_once(app, cancel, *[book(session) for _ in range(4)])
        assert isinstance(said[0], int), said
        assert held(ident) == taken(ident) == 0


# --- the control: the same ways without the guard ------------------------------------------------------------------


@pytest.fixture(scope="module")
def unguarded(clone):
    """An application on a scratch database without the last stop, the unique place."""
    url = clone("unguarded")
    app = create_app(settings_for(url), database_url=url)
    with app.app_context():
        with database.engine.begin() as connection:
            connection.execute(sa.text("DROP INDEX uq_bookings_place_id"))
        yield app
        database.session.remove()
        database.engine.dispose()
        app.extensions["portal.autocommit"].dispose()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_control_count_then_insert_oversells(unguarded, monkeypatch, way):
    session, jobs, moment = way()
    ident, capacity, place_id = session.id, session.capacity, None
    place_id = database.session.scalar(sa.select(sa.func.min(sa.cast(SessionPlace.id, sa.Text))).where(
        SessionPlace.session_id == ident))  # fmt: skip
    counted = threading.Barrier(len(jobs))

    def count_then_insert(_session_id, _channels, *, patient=True):
        free = held(ident) < capacity
        counted.wait(30)
        return UUID(place_id) if free else None

    monkeypatch.setattr(queries, "claim", count_then_insert)
    said = at_once(unguarded, *jobs, moment=moment)
    assert sum(isinstance(one, BookingStatus) for one in said) == len(jobs), said
    assert held(ident) > capacity, "without the guard more people than places are booked"


def test_control_without_holding_the_line_one_is_offered_twice(unguarded, monkeypatch):
    session = make_session(programme(), capacity=1)
    mine, waits, ident = some(session, 1)[0], make_booking(session, wait=True), session.id
    database.session.execute(sa.update(Booking).where(Booking.id == mine.id).values(status=S.CANCELLED, place_id=None))
    database.session.commit()
    seen, read, waiting_id = threading.Barrier(2), queries.list_waiting, str(waits.id)

    def list_waiting(session_id, limit=50):
        found = read(session_id, limit)
        seen.wait(30)
        return found

    monkeypatch.setattr(queries, "hold_lines", lambda *ids: None)
    monkeypatch.setattr(queries, "list_waiting", list_waiting)
    monkeypatch.setattr(queries, "claim", lambda session_id, channels, *, patient=True: database.session.scalar(
        sa.select(SessionPlace.id).where(SessionPlace.session_id == session_id)))  # fmt: skip
    promote = lambda: commands.promote(session_id=ident, by=SYSTEM)  # noqa: E731
    said = at_once(unguarded, promote, promote)
    assert said == [1, 1]
    assert AuditEntry.query.filter_by(action="booking.offered", subject_id=waiting_id).count() == 2
