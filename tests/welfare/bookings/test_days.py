"""The day itself: coming, not coming, codes, sheets, reminders, and what happens to a session as a whole."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from portal import clock, outbox, working
from portal.access import SYSTEM, By
from portal.members.workers.models import Worker
from portal.outbox import Message
from portal.types import Refused
from portal.welfare.bookings import commands, queries
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.eligibility.models import LimitPeriod
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.sessions import commands as sessions
from portal.welfare.sessions.models import ServiceSession, SessionPlace
from tests.factories.bookings import make_booking
from tests.factories.money import make_line
from tests.factories.stations import make_station
from tests.factories.unions import make_union
from tests.factories.welfare import make_programme, make_session
from tests.factories.workers import make_worker

S = BookingStatus
NOW = datetime(2026, 6, 10, 2, tzinfo=UTC)  # a Wednesday, 10:00 in Shanghai
START = NOW + timedelta(days=1)  # when make_session's session begins
STAFF = By("staff")


@pytest.fixture(autouse=True)
def noon():
    with clock.stopped_at(NOW):
        yield


@pytest.fixture
def union(app):
    return make_union(name="郑州市总工会")


@pytest.fixture
def station(union):
    return make_station(union=union)


@pytest.fixture
def programme(union):
    return make_programme(union)


def code(refused) -> str:
    return refused.value.problems[0].code


def taken(session: ServiceSession) -> int:
    found = sa.select(sa.func.count(SessionPlace.id)).where(SessionPlace.session_id == session.id, SessionPlace.taken)
    return Booking.query.session.scalar(found)


def told(worker: Worker) -> list[str]:
    """What was written to one phone, oldest first."""
    phone = commands.workers.current_phone(worker).phone
    return [one.body for one in Message.query.order_by(Message.id) if one.recipient == phone and one.kind == "booking"]


def at(moment: datetime):
    return clock.stopped_at(moment)


# --- the day itself ------------------------------------------------------------------------------------------------


def test_no_show_after_the_grace_and_back_while_a_place_is_free(union, db):
    line = make_line(union, 500)
    programme = make_programme(union, line_id=line.id)
    session = make_session(programme, capacity=1)
    booking = make_booking(session)
    grace = START + timedelta(minutes=programme.grace_minutes)
    with at(grace):
        assert commands.mark_no_shows(by=SYSTEM) == 0
    with at(grace + timedelta(seconds=1)):
        assert commands.mark_no_shows(by=SYSTEM) == 1
        assert booking.status is S.NO_SHOW and taken(session) == 0 and totals_of_line(line.id).reserved == 0
        commands.check_in(booking=booking, by=STAFF)
        assert booking.status is S.ATTENDED and taken(session) == 1 and totals_of_line(line.id).reserved == 500


def test_no_way_back_into_a_place_that_is_gone(programme):
    session = make_session(programme, capacity=1)
    booking = make_booking(session)
    with at(START + timedelta(minutes=20)):
        commands.mark_no_shows(by=SYSTEM)
        make_booking(session, way=BookedBy.DESK)
        with pytest.raises(Refused) as refused:
            commands.check_in(booking=booking, by=STAFF)
    assert code(refused) == "full"


def test_the_code_holds_at_its_place_on_its_day_once(programme, station, union):
    session = make_session(programme, station)
    booking = make_booking(session)
    digits, other = queries.code_of(booking), make_station(union=union)
    typed = f" {digits[:4]} {digits[4:]} "
    assert queries.find_by_code(typed, station_id=station.id, on=clock.business_day(START)).id == booking.id
    for station_id, on, problem in ((other.id, date(2026, 6, 11), "wrong_station"), (station.id, date(2026, 6, 12), "wrong_day")):
        found, problems = queries.look_up_code(digits, station_id=station_id, on=on)
        assert found.id == booking.id and [one.code for one in problems] == [problem]
        assert queries.find_by_code(digits, station_id=station_id, on=on) is None
    assert queries.look_up_code("12", station_id=None, on=clock.today())[1][0].code == "unknown_code"
    with pytest.raises(Refused) as refused:
        commands.check_in(booking=booking, by=STAFF)
    assert code(refused) == "wrong_day"
    with at(START):
        with pytest.raises(Refused) as refused:
            commands.check_in(booking=booking, by=STAFF, station_id=other.id)
        assert code(refused) == "wrong_station"
        commands.check_in(booking=booking, by=STAFF, station_id=station.id)
        with pytest.raises(Refused) as refused:
            commands.check_in(booking=booking, by=STAFF, station_id=station.id)
        assert code(refused) == "used"
        assert commands.undo_check_in(booking=booking, by=STAFF).status is S.BOOKED


def test_nobody_comes_back_to_a_time_that_was_cancelled(programme):
    session = make_session(programme, starts_at=START)
    booking = make_booking(session)
    with at(START + timedelta(minutes=30)):
        commands.mark_no_shows(by=SYSTEM)
        commands.cancel_session(session=session, reason="停电", by=STAFF)
        with pytest.raises(Refused) as refused:
            commands.check_in(booking=booking, by=STAFF)
    assert code(refused) == "session_cancelled"


def test_entered_afterwards_from_a_sheet(programme):
    booking = make_booking(make_session(programme))
    with at(START + timedelta(days=1)):
        commands.mark_no_shows(by=SYSTEM)
        commands.check_in(booking=booking, by=STAFF, late=True)
    assert booking.status is S.ATTENDED and booking.late and booking.attended_at == START


def test_reminded_once_the_evening_before(programme, db):
    session, worker = make_session(programme), make_worker()
    booking = make_booking(session, worker)
    evening = datetime(2026, 6, 10, 10, tzinfo=UTC)
    with at(evening - timedelta(seconds=1)):
        assert commands.remind(by=SYSTEM) == 0
    with at(evening):
        assert commands.remind(by=SYSTEM) == 1 and commands.remind(by=SYSTEM) == 0
        at_once = make_booking(session)
        assert at_once.reminded_at == evening, "who books later reads all in the confirmation"
        assert commands.remind(by=SYSTEM) == 0
    assert len(told(worker)) == 2 and queries.code_of(booking) in told(worker)[-1]


def test_a_cancelled_session_frees_everybody(union, db):
    line = make_line(union, 1000)
    programme = make_programme(union, line_id=line.id)
    session = make_session(programme, capacity=1)
    workers = [make_worker(), make_worker()]
    booked, waits = make_booking(session, workers[0]), make_booking(session, workers[1], wait=True)
    assert commands.cancel_session(session=session, reason="停电", by=STAFF) == 2
    db.session.commit()
    assert {booked.status, waits.status} == {S.CANCELLED} and taken(session) == 0 and totals_of_line(line.id).reserved == 0
    assert all("停电" in told(one)[-1] for one in workers)
    with pytest.raises(Refused):
        make_booking(session)


def test_more_places_are_offered_to_the_line(programme):
    session = make_session(programme, capacity=1)
    make_booking(session)
    waits = make_booking(session, wait=True)
    sessions.set_capacity(session=session, capacity=2, online=2, by=STAFF)
    assert waits.status is S.OFFERED


def test_words_to_all(programme):
    session = make_session(programme)
    workers = [make_worker(), make_worker(phone=None)]
    for one in workers:
        make_booking(session, one)
    assert commands.message_all(session=session, text="请空腹来。", by=STAFF) == 1
    assert "请空腹来" in told(workers[0])[-1]


def test_merged_records_are_one_person(union, db):
    programme = make_programme(union, rule={"person_limit": 1, "limit_period": LimitPeriod.MONTH})
    session, other = make_session(programme), make_session(programme, starts_at=START + timedelta(days=1))
    survivor, merged = make_worker(), make_worker()
    booking = make_booking(session, merged)
    merged.merged_into_id = survivor.id
    db.session.commit()
    assert make_booking(session, survivor).id == booking.id
    with pytest.raises(Refused):
        make_booking(other, survivor)
    assert [one.booking.id for one in queries.list_of_worker(survivor.id)] == [booking.id]
    assert outbox.Message.query.count() and Decimal(0) == booking.price


@pytest.mark.parametrize("way", [BookedBy.WORKER, BookedBy.STAFF])
def test_a_full_time_answers_with_the_booking_of_a_merged_record(programme, db, way):
    session, survivor, merged = make_session(programme, capacity=1), make_worker(), make_worker()
    held = make_booking(session, merged)
    merged.merged_into_id = survivor.id
    db.session.commit()
    assert make_booking(session, survivor, way=way).id == held.id
    with pytest.raises(Refused):
        make_booking(session, way=way)


def test_the_worker_does_what_time_does(programme, db):
    """Each job to its end, each booking in a transaction of its own; done once more it does nothing."""
    missed = make_session(programme, starts_at=NOW + timedelta(hours=1), capacity=3)
    coming = make_session(programme, capacity=1)
    for _ in range(3):
        make_booking(missed)
    held, first, second = make_booking(coming), make_booking(coming, wait=True), make_booking(coming, wait=True)
    commands.cancel_booking(booking=held, by=SYSTEM)
    db.session.commit()
    with at(NOW + timedelta(hours=9)):  # the offer ran out, the grace is over, it is past six
        said = {job.__name__: job() for job in working.MINUTELY}
        assert said == {"expire_offers": 1, "mark_no_shows": 3, "fill": 0, "remind": 0}
        assert (first.status, second.status) == (S.EXPIRED, S.OFFERED)
        commands.accept_offer(booking=second, by=SYSTEM)
        db.session.commit()
        assert [job() for job in working.MINUTELY] == [0, 0, 0, 1]
        assert [job() for job in working.MINUTELY] == [0, 0, 0, 0]
