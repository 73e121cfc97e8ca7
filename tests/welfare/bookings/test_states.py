"""Any order of what may happen to bookings keeps the promises: places, line, money and quota always fit together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import SYSTEM, By
from portal.audit import AuditEntry
from portal.db import db as database
from portal.types import Refused
from portal.welfare.bookings import commands, queries
from portal.welfare.bookings.models import ALIVE, NEXT_STATUSES, OCCUPYING, BookedBy, Booking, BookingStatus
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.programmes.models import Programme
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions import commands as sessions
from portal.welfare.sessions.models import ServiceSession, SessionPlace
from tests.conftest import _EMPTY
from tests.factories.bookings import booking_row
from tests.factories.money import make_line
from tests.factories.unions import make_union
from tests.factories.welfare import make_programme, make_session
from tests.factories.workers import make_worker

S = BookingStatus
NOW = datetime(2026, 6, 10, 2, tzinfo=UTC)
START = NOW + timedelta(days=1)
PEOPLE, PRICE = 6, Decimal(500)


# --- each constraint, broken by name -------------------------------------------------------------------------------


@pytest.fixture
def session(app):
    with clock.stopped_at(NOW):
        yield make_session(make_programme(make_union()), capacity=2)


def place_of(session: ServiceSession, number: int = 1):
    found = sa.select(SessionPlace.id).where(SessionPlace.session_id == session.id, SessionPlace.number == number)
    return database.session.scalar(found)


def breaks(name: str, statement, values=None) -> None:
    with pytest.raises(IntegrityError) as broken:
        database.session.execute(statement, values)
    assert broken.value.orig.diag.constraint_name == name
    database.session.rollback()


def test_constraints_by_name(session):
    worker, other = make_worker(), make_worker()
    place, second, add = place_of(session), place_of(session, 2), sa.insert(Booking)
    breaks("ck_bookings_place_held", add, booking_row(session, worker))
    breaks("ck_bookings_place_held", add, booking_row(session, worker, S.WAITING, place_id=place))
    breaks("ck_bookings_offer_expires", add, booking_row(session, worker, S.OFFERED, place_id=place))
    breaks("ck_bookings_offer_expires", add, booking_row(session, worker, place_id=place, offer_expires_at=NOW))
    breaks("ck_bookings_attended_at_a_time", add, booking_row(session, worker, S.ATTENDED, place_id=place))
    breaks("ck_bookings_price_not_negative", add, booking_row(session, worker, place_id=place, price=-1))
    elsewhere = make_session(database.session.get_one(Programme, session.programme_id), starts_at=START + timedelta(hours=5))
    breaks("ck_bookings_place_of_session", add, booking_row(session, worker, place_id=place_of(elsewhere)))
    held = booking_row(session, worker, place_id=place)
    database.session.execute(add, held)
    database.session.commit()
    assert database.session.scalar(sa.select(SessionPlace.taken).where(SessionPlace.id == place))
    breaks("uq_bookings_place_id", add, booking_row(session, other, place_id=place))
    breaks("uq_bookings_alive", add, booking_row(session, worker, place_id=second))
    breaks("uq_bookings_code_index", add, booking_row(session, other, place_id=second) | {"code_index": held["code_index"]})
    breaks("tr_session_places_taken", sa.update(SessionPlace).where(SessionPlace.id == place).values(taken=False))
    breaks("tr_bookings_status", sa.update(Booking).where(Booking.id == held["id"]).values(worker_id=other.id))
    database.session.execute(sa.delete(Booking).where(Booking.id == held["id"]))
    assert not database.session.scalar(sa.select(SessionPlace.taken).where(SessionPlace.id == place))
    database.session.execute(sa.update(ServiceSession).where(ServiceSession.id == session.id).values(
        status="cancelled", cancelled_at=NOW, cancel_reason="停电"))  # fmt: skip
    breaks("ck_bookings_session_stands", add, booking_row(session, worker, place_id=place))


def test_the_database_knows_the_same_moves(session):
    worker, place = make_worker(), place_of(session)
    shape = {
        one: {"place_id": place if one in OCCUPYING else None, "offer_expires_at": NOW if one is S.OFFERED else None,
              "attended_at": NOW if one is S.ATTENDED else None} for one in S
    }  # fmt: skip
    known = booking_row(session, worker, S.WAITING)
    for was in S:
        for becomes in S:
            with database.session.begin_nested() as savepoint:
                database.session.execute(sa.insert(Booking), known | {"status": was} | shape[was])
                move = sa.update(Booking).where(Booking.id == known["id"]).values(status=becomes, **shape[becomes])
                if becomes is was or becomes in NEXT_STATUSES[was]:
                    database.session.execute(move)
                else:
                    with pytest.raises(IntegrityError) as broken, database.session.begin_nested():
                        database.session.execute(move)
                    assert broken.value.orig.diag.constraint_name == "tr_bookings_status"
                savepoint.rollback()


# --- any order -----------------------------------------------------------------------------------------------------


class Bookings(RuleBasedStateMachine):
    """Two times of one programme, six people, money for six places and a quota of five."""

    @initialize(capacity=st.integers(1, 3))
    def begin(self, capacity: int) -> None:
        database.session.remove()
        with database.engine.begin() as connection:
            connection.execute(_EMPTY)
        with clock.stopped_at(NOW):
            union = make_union()
            line = make_line(union, PRICE * 6)
            programme = make_programme(union, line_id=line.id, rule={"priority_groups": ["migrant_worker"]})
            database.session.add(QuotaShare(programme_id=programme.id, union_id=union.id, amount=5, created_at=NOW))
            self.sessions = [
                make_session(programme, capacity=capacity).id,
                make_session(programme, capacity=2, starts_at=START + timedelta(days=1)).id,
            ]
            people = [make_worker(phone=None) for _ in range(PEOPLE)]
            for one in people[::2]:
                one.is_migrant_worker = True
            database.session.commit()
            self.workers, self.line_id, self.now = [one.id for one in people], line.id, NOW
        for who in range(capacity + 2):  # full, and two wait: the second of them comes first by the rule, or the first
            self.book(who, 0, BookedBy.WORKER, True)

    def act(self, act) -> None:
        """Do something as a request does: all of it or nothing."""
        with clock.stopped_at(self.now):
            try:
                act()
                database.session.commit()
            except Refused:
                database.session.rollback()

    def some(self, draw: int, *statuses: BookingStatus) -> Booking | None:
        found = list(database.session.scalars(
            sa.select(Booking).where(Booking.status.in_(statuses)).order_by(Booking.queued_at, Booking.id)))  # fmt: skip
        return found[draw % len(found)] if found else None

    def with_one(self, draw: int, statuses, command, **more) -> None:
        if booking := self.some(draw, *statuses):
            self.act(lambda: command(booking=booking, by=SYSTEM, **more))

    @rule(
        who=st.integers(0, PEOPLE - 1),
        where=st.integers(0, 1),
        way=st.sampled_from((BookedBy.WORKER, BookedBy.WORKER, BookedBy.STAFF, BookedBy.DESK, BookedBy.PAPER)),
        wait=st.booleans(),
    )
    def book(self, who, where, way, wait) -> None:
        self.act(lambda: commands.book_place(session_id=self.sessions[where], worker_id=self.workers[who], way=way, wait=wait,
                                             by=SYSTEM))  # fmt: skip

    @rule(draw=st.integers(0, 9))
    def cancel(self, draw) -> None:
        self.with_one(draw, ALIVE, commands.cancel_booking)

    @rule(draw=st.integers(0, 9))
    def uncancel(self, draw) -> None:
        self.with_one(draw, (S.CANCELLED,), commands.uncancel_booking)

    @rule(draw=st.integers(0, 9))
    def accept(self, draw) -> None:
        self.with_one(draw, (S.OFFERED,), commands.accept_offer)

    @rule(draw=st.integers(0, 9))
    def decline(self, draw) -> None:
        self.with_one(draw, (S.OFFERED,), commands.decline_offer)

    @rule(draw=st.integers(0, 9), where=st.integers(0, 1))
    def move(self, draw, where) -> None:
        self.with_one(draw, (S.BOOKED,), commands.move_booking, to_session_id=self.sessions[where])

    @rule(draw=st.integers(0, 9))
    def check_in(self, draw) -> None:
        self.with_one(draw, (S.BOOKED, S.NO_SHOW), commands.check_in)

    @rule(draw=st.integers(0, 9))
    def undo_check_in(self, draw) -> None:
        self.with_one(draw, (S.ATTENDED,), commands.undo_check_in)

    @rule(minutes=st.sampled_from((1, 60, 121, 700, 1441)))
    def time_passes(self, minutes) -> None:
        self.now += timedelta(minutes=minutes)
        for job in (commands.expire_offers, commands.mark_no_shows, commands.fill, commands.remind):
            self.act(lambda job=job: job(by=SYSTEM))

    @rule(where=st.integers(0, 1), capacity=st.integers(1, 4), online=st.integers(1, 4))
    def change_capacity(self, where, capacity, online) -> None:
        session = database.session.get_one(ServiceSession, self.sessions[where])
        self.act(lambda: sessions.set_capacity(session=session, capacity=capacity, online=min(online, capacity), by=By("staff")))

    @invariant()
    def everything_fits(self) -> None:
        database.session.expire_all()
        held = list(database.session.scalars(sa.select(Booking).where(Booking.status.in_(OCCUPYING)).order_by(Booking.id)))
        for ident in self.sessions:
            session = database.session.get_one(ServiceSession, ident)
            places = list(database.session.scalars(sa.select(SessionPlace).where(SessionPlace.session_id == ident)))
            mine = [one for one in held if one.session_id == ident]
            assert {one.id for one in places if one.taken} == {one.place_id for one in mine}
            assert len(mine) <= session.capacity == len(places)
            free = any(not one.taken and one.channel.value == "online" for one in places)
            waiting = queries.list_waiting(ident)
            assert not (waiting and free and self.now < session.starts_at), "somebody waits before a free place"
            assert all(one.offer_expires_at <= session.starts_at for one in mine if one.status is S.OFFERED)
        paid = [one for one in held if one.status is not S.OFFERED]
        assert totals_of_line(self.line_id).reserved == PRICE * len(paid)
        assert database.session.scalar(sa.select(QuotaShare.used)) == len(paid)

    @invariant()
    def offers_go_by_the_line(self) -> None:
        """Whoever still waits comes after everybody who was offered a place while they waited."""
        for ident in self.sessions:
            for waits in queries.list_waiting(ident):
                offers = sa.select(AuditEntry.subject_id).where(
                    AuditEntry.action == "booking.offered", AuditEntry.at >= waits.queued_at
                )
                since = list(database.session.scalars(offers.order_by(AuditEntry.id)))
                for offered in database.session.scalars(
                    sa.select(Booking)
                    .where(Booking.session_id == ident, sa.cast(Booking.id, sa.Text).in_(since))
                    .order_by(Booking.id)
                ):
                    assert (offered.priority, offered.queued_at, offered.id) < (waits.priority, waits.queued_at, waits.id)


def test_any_order_keeps_the_promises(app):
    steady = settings(max_examples=7, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Bookings, settings=settings(steady, derandomize=True))


def test_the_machine_sees_what_is_wrong(app, monkeypatch):
    """A control: without promotion somebody waits before a free place; with the line's order lost, the wrong one is asked."""
    machine = Bookings()
    machine.begin(1)
    machine.everything_fits()
    monkeypatch.setattr(commands, "_promote", lambda scene, by: 0)
    machine.cancel(0)
    with pytest.raises(AssertionError, match="waits before a free place"):
        machine.everything_fits()


def test_the_machine_sees_a_lost_order(app, monkeypatch):
    """A control: offered backwards, somebody is passed over."""
    machine, in_order = Bookings(), queries.list_waiting
    machine.begin(1)
    monkeypatch.setattr(queries, "list_waiting", lambda session_id, limit=50: in_order(session_id, limit)[::-1])
    machine.cancel(0)
    with pytest.raises(AssertionError):
        machine.offers_go_by_the_line()
