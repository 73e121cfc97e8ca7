"""Booking, waiting, offers, giving up, coming: one transaction each, boundaries included."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By
from portal.audit import AuditEntry
from portal.members.workers.models import Worker
from portal.outbox import Message
from portal.types import Refused
from portal.welfare.bookings import commands, queries
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.eligibility.models import Audience, LimitPeriod
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.programmes.models import BookingDays, ProgrammeStatus
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions.models import ServiceSession, SessionPlace
from tests.factories.bookings import make_booking
from tests.factories.money import make_line
from tests.factories.quotas import make_share
from tests.factories.stations import make_station
from tests.factories.unions import make_union
from tests.factories.welfare import make_programme, make_rule, make_session
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


# --- in ------------------------------------------------------------------------------------------------------------


def test_a_place_is_had_with_everything_frozen_and_told(db, programme, station):
    session, worker = make_session(programme, station), make_worker()
    booking = make_booking(session, worker)
    assert booking.status is S.BOOKED and booking.place_id and taken(session) == 1
    assert booking.rule_id and booking.price == programme.price and booking.facts["occupation"] == worker.occupation.value
    assert "name" not in booking.facts
    [message] = told(worker)
    assert queries.code_of(booking) in message and programme.name in message
    entry = AuditEntry.query.filter_by(action="booking.booked").one()
    assert entry.union_id == session.union_id and worker.name not in str(entry.details)


def test_twice_is_once(programme):
    session, worker = make_session(programme), make_worker()
    assert make_booking(session, worker).id == make_booking(session, worker).id
    assert taken(session) == 1


def test_full_is_said_and_the_line_is_joined(programme):
    session = make_session(programme, capacity=1)
    make_booking(session)
    with pytest.raises(Refused) as refused:
        make_booking(session)
    assert code(refused) == "full"
    first, second = make_booking(session, wait=True), make_booking(session, wait=True)
    assert (first.status, queries.place_in_line(first), queries.place_in_line(second)) == (S.WAITING, 1, 2)
    assert first.place_id is None


def test_a_rush_costs_those_too_late_one_read(programme, db):
    session = make_session(programme, capacity=1)
    make_booking(session)
    ident, worker_id, statements = session.id, make_worker().id, []
    db.session.commit()
    sa.event.listen(db.engine, "before_cursor_execute", listener := lambda *words: statements.append(words[2]))
    try:
        with pytest.raises(Refused):
            commands.book_place(session_id=ident, worker_id=worker_id, way=BookedBy.WORKER, by=SYSTEM)
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", listener)
    assert len(statements) == 1, statements
    assert "programmes" not in statements[0]  # and it is the cheap one


def test_workers_take_online_places_and_staff_those_on_site(programme):
    session = make_session(programme, capacity=2, online=1)
    make_booking(session)
    with pytest.raises(Refused):
        make_booking(session)
    assert make_booking(session, way=BookedBy.STAFF).status is S.BOOKED
    other = make_session(programme, capacity=2, online=1, starts_at=START + timedelta(hours=2))
    make_booking(other, way=BookedBy.STAFF)
    with pytest.raises(Refused) as refused:
        make_booking(other, way=BookedBy.STAFF)
    assert "kept" in str(refused.value.problems[0].says)
    worker = make_worker()
    told_to = commands.book_place(session_id=other.id, worker_id=worker.id, way=BookedBy.STAFF, any_place=True, by=STAFF)
    assert told_to.status is S.BOOKED
    third = make_session(programme, capacity=2, online=1, starts_at=START + timedelta(hours=4))
    make_booking(third, way=BookedBy.STAFF)
    with at(clock.start_of(date(2026, 6, 11))):  # on the day itself staff take what is there
        assert make_booking(third, way=BookedBy.STAFF).status is S.BOOKED


def test_nobody_passes_the_line(programme, db):
    session = make_session(programme, capacity=1)
    held = make_booking(session)
    waits = make_booking(session, wait=True)
    db.session.execute(sa.update(Booking).where(Booking.id == held.id).values(status=S.CANCELLED, place_id=None))
    db.session.commit()  # free, and nobody was offered it yet
    with pytest.raises(Refused) as refused:
        make_booking(session)
    assert code(refused) == "full"
    assert commands.fill(by=SYSTEM) == 1 and waits.status is S.OFFERED


@pytest.mark.parametrize(
    ("values", "starts_in_days", "problem"),
    [
        ({"booking_days": BookingDays.NEXT_DAY}, 1, None),
        ({"booking_days": BookingDays.NEXT_DAY}, 2, "next_day_only"),
        ({"booking_days": BookingDays.SAME_DAY}, 0, None),
        ({"booking_days": BookingDays.SAME_DAY}, 1, "same_day_only"),
        ({"days_ahead": 3}, 3, None),
        ({"days_ahead": 3}, 4, "too_far"),
        ({"booking_opens_at": NOW}, 1, None),
        ({"booking_opens_at": NOW + timedelta(seconds=1)}, 1, "opens_later"),
        ({"status": ProgrammeStatus.PAUSED}, 1, "paused"),
    ],
)
def test_days_and_windows(union, values, starts_in_days, problem):
    programme = make_programme(union, **values)
    session = make_session(programme, starts_at=NOW + timedelta(days=starts_in_days, hours=2))
    if problem is None:
        assert make_booking(session).status is S.BOOKED
        return
    with pytest.raises(Refused) as refused:
        make_booking(session)
    assert code(refused) == problem


def test_a_session_takes_workers_until_it_begins_and_the_desk_until_it_ends(programme):
    session = make_session(programme, starts_at=NOW + timedelta(minutes=1), capacity=5)
    assert make_booking(session).status is S.BOOKED
    for way in (BookedBy.WORKER, BookedBy.STAFF):
        with pytest.raises(Refused) as refused, at(session.starts_at):
            make_booking(session, way=way)
        assert code(refused) == "begun"
    assert make_booking(session, way=BookedBy.DESK, at=session.ends_at - timedelta(seconds=1)).status is S.BOOKED
    with pytest.raises(Refused), at(session.ends_at):
        make_booking(session, way=BookedBy.DESK)
    late = make_booking(session, way=BookedBy.PAPER, at=session.ends_at + timedelta(days=2))
    assert late.status is S.BOOKED and late.late
    with pytest.raises(Refused):
        make_booking(make_session(programme), way=BookedBy.PAPER)


def test_limits_count_what_is_held_and_paper_happened(union):
    programme = make_programme(union, rule={"person_limit": 1, "limit_period": LimitPeriod.MONTH})
    first, second = make_session(programme), make_session(programme, starts_at=START + timedelta(days=1))
    worker = make_worker()
    make_booking(first, worker)
    with pytest.raises(Refused) as refused:
        make_booking(second, worker)
    assert code(refused) == "limit"
    with at(second.ends_at):
        assert make_booking(second, worker, way=BookedBy.PAPER).status is S.BOOKED


def test_members_only(union):
    programme = make_programme(union, rule={"audience": Audience.MEMBER})
    with pytest.raises(Refused) as refused:
        make_booking(make_session(programme))
    assert code(refused) == "members_only"


# --- money and quota -----------------------------------------------------------------------------------------------


def test_money_and_quota_come_with_the_place_and_go_with_it(union, station, db):
    line = make_line(union, 1000)
    programme = make_programme(union, line_id=line.id)
    share = QuotaShare(programme_id=programme.id, union_id=union.id, amount=5, created_at=NOW)
    db.session.add(share)
    db.session.commit()
    session = make_session(programme, station, capacity=5)
    first, _second = make_booking(session), make_booking(session)
    assert totals_of_line(line.id).reserved == 1000 and db.session.get(QuotaShare, share.id).used == 2
    with pytest.raises(Refused) as refused:
        make_booking(session)
    db.session.rollback()
    assert code(refused) == "not_enough" and taken(session) == 2, "no place without its money"
    commands.cancel_booking(booking=first, by=STAFF)
    db.session.commit()
    assert totals_of_line(line.id).reserved == 500 and db.session.get(QuotaShare, share.id).used == 1
    assert first.quota_share_id is None and taken(session) == 1


def test_a_full_quota_takes_no_place(union, db):
    programme = make_programme(union)
    db.session.add(QuotaShare(programme_id=programme.id, union_id=union.id, amount=1, created_at=NOW))
    db.session.commit()
    session = make_session(programme)
    make_booking(session)
    with pytest.raises(Refused) as refused:
        make_booking(session)
    assert code(refused) == "quota_full" and taken(session) == 1
    assert Booking.query.count() == 1


def test_a_place_in_the_next_year_is_paid_by_the_next_year(union, db):
    line = make_line(union, 1000)
    programme = make_programme(union, line_id=line.id, ends_on=date(2027, 3, 1))
    with at(datetime(2026, 12, 31, 2, tzinfo=UTC)), pytest.raises(Refused) as refused:
        make_booking(make_session(programme, starts_at=datetime(2027, 1, 1, 2, tzinfo=UTC)))
    assert code(refused) == "no_budget_of_year"


# --- giving up, and the line ---------------------------------------------------------------------------------------


def test_cancelling_has_an_hour_and_staff_go_beyond_it(programme):
    session, worker = make_session(programme, capacity=3), make_worker()
    until = START - timedelta(hours=programme.cancel_hours)
    by = By("worker", worker.id)
    in_time = make_booking(session, worker)
    with at(until):
        assert commands.cancel_booking(booking=in_time, by=by).status is S.CANCELLED
    assert not in_time.late and len(told(worker)) == 2
    again = make_booking(session, worker)
    with at(until + timedelta(seconds=1)):
        with pytest.raises(Refused) as refused:
            commands.cancel_booking(booking=again, by=by)
        assert code(refused) == "too_late_to_cancel"
        assert commands.cancel_booking(booking=again, by=STAFF, reason="孩子病了").late


def test_what_comes_free_is_offered_in_order(programme, db):
    session = make_session(programme, capacity=1)
    held = make_booking(session)
    later = make_booking(session, wait=True)
    sooner = make_booking(session, wait=True)
    sooner.priority = 10
    db.session.commit()
    assert queries.place_in_line(sooner) == 1
    commands.cancel_booking(booking=held, by=SYSTEM)
    assert sooner.status is S.OFFERED and later.status is S.WAITING and taken(session) == 1
    assert sooner.offer_expires_at == NOW + timedelta(minutes=programme.offer_minutes)
    assert len(told(db.session.get(Worker, sooner.worker_id))) == 2
    commands.decline_offer(booking=sooner, by=SYSTEM)
    assert later.status is S.OFFERED
    assert commands.accept_offer(booking=later, by=SYSTEM).status is S.BOOKED and taken(session) == 1


def test_members_come_first_where_the_rule_says_so(union, db):
    programme = make_programme(union, rule={"priority_groups": ["migrant_worker"]})
    session = make_session(programme, capacity=1)
    held, plain = make_booking(session), make_booking(session, wait=True)
    migrant = make_worker()
    migrant.is_migrant_worker = True
    db.session.commit()
    first = make_booking(session, migrant, wait=True)
    assert first.priority < plain.priority
    commands.cancel_booking(booking=held, by=SYSTEM)
    assert first.status is S.OFFERED and plain.status is S.WAITING


def test_an_offer_holds_until_its_last_moment_and_goes_on_then(programme, db):
    session = make_session(programme, capacity=1)
    held, first, second = make_booking(session), make_booking(session, wait=True), make_booking(session, wait=True)
    commands.cancel_booking(booking=held, by=SYSTEM)
    db.session.commit()
    with at(first.offer_expires_at):
        assert commands.expire_offers(by=SYSTEM) == 0
    with at(first.offer_expires_at + timedelta(seconds=1)):
        with pytest.raises(Refused) as refused:
            commands.accept_offer(booking=first, by=SYSTEM)
        assert code(refused) == "offer_over"
        assert commands.expire_offers(by=SYSTEM) == 1
        assert (first.status, second.status) == (S.EXPIRED, S.OFFERED)
        assert commands.expire_offers(by=SYSTEM) == 0


def test_a_job_looks_again_at_what_it_holds(programme, db, monkeypatch):
    session = make_session(programme, capacity=1)
    held, offered = make_booking(session), make_booking(session, wait=True)
    commands.cancel_booking(booking=held, by=SYSTEM)
    monkeypatch.setattr(queries, "candidates", lambda due, limit: [(offered.id, session.id), (held.id, session.id)])
    assert commands.expire_offers(by=SYSTEM) == commands.mark_no_shows(by=SYSTEM) == commands.remind(by=SYSTEM) == 0
    assert (offered.status, held.status) == (S.OFFERED, S.CANCELLED)


def test_an_offer_never_outlives_the_beginning_and_none_is_made_after_it(programme, db):
    session = make_session(programme, capacity=2)
    first, second = make_booking(session), make_booking(session)
    one, two = make_booking(session, wait=True), make_booking(session, wait=True)
    with at(START - timedelta(minutes=30)):
        commands.cancel_booking(booking=first, by=SYSTEM)
    assert one.offer_expires_at == START
    with at(START):
        commands.cancel_booking(booking=second, by=SYSTEM)
        assert two.status is S.WAITING
        commands.expire_offers(by=SYSTEM)
        assert two.status is S.EXPIRED, "no place came free"
        commands.accept_offer(booking=one, by=SYSTEM)


def test_an_offer_that_cannot_be_paid_goes_on(union, db):
    line = make_line(union, 500)
    programme = make_programme(union, line_id=line.id)
    session, other = make_session(programme, capacity=1), make_session(programme, starts_at=START + timedelta(hours=3))
    held, one, two = make_booking(session), make_booking(session, wait=True), make_booking(session, wait=True)
    commands.cancel_booking(booking=held, by=SYSTEM)
    make_booking(other)  # takes the last money
    said = commands.accept_offer(booking=one, by=SYSTEM)
    db.session.commit()
    assert said.status is S.EXPIRED and said.reason and two.status is S.OFFERED
    assert totals_of_line(line.id).reserved == 500 and taken(session) == 1


def test_who_may_not_have_it_any_more_leaves_the_line(union, db):
    programme = make_programme(union)
    session = make_session(programme, capacity=1)
    held, one, two = make_booking(session), make_booking(session, wait=True), make_booking(session, wait=True)
    make_rule(programme, person_limit=1, limit_period=LimitPeriod.MONTH)
    make_booking(make_session(programme, starts_at=START + timedelta(days=1)), db.session.get(Worker, one.worker_id))
    commands.cancel_booking(booking=held, by=SYSTEM)
    assert (one.status, two.status) == (S.EXPIRED, S.OFFERED)


def test_uncancelling_asks_everything_again(union, db):
    line = make_line(union, 500)
    programme = make_programme(union, line_id=line.id)
    session = make_session(programme, capacity=1)
    booking = make_booking(session)
    commands.cancel_booking(booking=booking, by=SYSTEM)
    commands.uncancel_booking(booking=booking, by=SYSTEM)
    assert booking.status is S.BOOKED and totals_of_line(line.id).reserved == 500
    commands.cancel_booking(booking=booking, by=SYSTEM)
    db.session.commit()
    other = make_booking(session)
    with pytest.raises(Refused) as refused:
        commands.uncancel_booking(booking=booking, by=SYSTEM)
    assert code(refused) == "full"
    db.session.rollback()
    with pytest.raises(Refused):
        commands.uncancel_booking(booking=other, by=SYSTEM)


def test_moving_keeps_the_old_place_unless_the_new_one_is_had(union, db):
    line = make_line(union, 500)  # exactly one place: a move must carry its money over
    programme = make_programme(union, line_id=line.id, rule={"person_limit": 1, "limit_period": LimitPeriod.MONTH})
    session, other = make_session(programme, capacity=1), make_session(programme, capacity=1, starts_at=START + timedelta(days=2))
    booking = make_booking(session)
    waits = make_booking(session, wait=True)
    moved = commands.move_booking(booking=booking, to_session_id=other.id, by=By("worker", booking.worker_id))
    db.session.commit()
    assert moved.moved_from_id == booking.id and (booking.status, moved.status) == (S.CANCELLED, S.BOOKED)
    assert waits.status is S.OFFERED and totals_of_line(line.id).reserved == 500
    full = make_session(programme, capacity=1, online=0, starts_at=START + timedelta(days=3))
    with pytest.raises(Refused) as refused:
        commands.move_booking(booking=moved, to_session_id=full.id, by=By("worker", moved.worker_id))
    assert code(refused) == "full" and moved.status is S.BOOKED and taken(other) == 1


def test_a_move_that_the_quota_refuses_gives_nothing_up(union, station, db):
    programme = make_programme(union)
    make_share(programme, station, 1)
    session, full = make_session(programme), make_session(programme, station, starts_at=START + timedelta(days=2))
    booking, _other = make_booking(session), make_booking(full)
    with pytest.raises(Refused) as refused:
        commands.move_booking(booking=booking, to_session_id=full.id, by=SYSTEM)
    db.session.commit()
    assert code(refused) == "quota_full" and booking.status is S.BOOKED and (taken(session), taken(full)) == (1, 1)
