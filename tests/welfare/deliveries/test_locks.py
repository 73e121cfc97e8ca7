"""Two who need the same things in another order: with the order of locks that `bookings.commands` tells, the second one waits
for the first and nobody for a circle.

Each test stops both in the middle, each holding what the other needs next if the order were wrong. Where it is right the
second never gets there: the first waits for it in vain for a moment and goes on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.db import db as database
from portal.db import transactional
from portal.desk.paper import commands as paper
from portal.stations.supplies import commands as supplies
from portal.types import Refused
from portal.vocabulary import BasicService
from portal.welfare.attendance import commands as attendance
from portal.welfare.bookings import commands as bookings
from portal.welfare.bookings import queries as booking_queries
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.deliveries import commands
from portal.welfare.deliveries import queries as delivery_queries
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger import queries as money
from portal.welfare.ledger.models import Budget
from portal.welfare.ledger.rules import Cause
from portal.welfare.purchases import commands as purchases
from portal.welfare.purchases.models import Purchase
from portal.welfare.quotas import commands as quotas
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions import commands as sessions
from portal.welfare.sessions.models import ServiceSession
from tests.factories.bookings import make_booking
from tests.factories.deliveries import RIDER, giver, make_share
from tests.factories.money import make_line
from tests.factories.purchases import make_purchase
from tests.factories.stations import make_station
from tests.factories.supplies import make_supply
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme, make_session
from tests.factories.workers import make_worker

NOW = datetime(2026, 12, 20, 2, tzinfo=UTC)
START = NOW + timedelta(hours=1)
FEW = 1.5  # seconds to wait for somebody who, if all is right, does not come


@pytest.fixture
def tree(db):
    with clock.stopped_at(NOW):
        yield small_tree()


class Meeting:
    """Where two threads wait for each other once; whoever waits in vain goes on."""

    def __init__(self) -> None:
        self._barrier, self._was = threading.Barrier(2), threading.local()

    def __call__(self) -> None:
        if threading.current_thread() is threading.main_thread() or getattr(self._was, "here", False):
            return
        self._was.here = True
        with contextlib.suppress(threading.BrokenBarrierError):
            self._barrier.wait(FEW)


@pytest.fixture
def meet_after(monkeypatch):
    """Stop whoever comes by one of these functions, right after it."""
    meeting = Meeting()

    def stop(*places: tuple[Any, str]) -> Meeting:
        for module, name in places:
            monkeypatch.setattr(module, name, stopping(getattr(module, name)))
        return meeting

    def stopping(real: Callable) -> Callable:
        def stopped(*args, **values):
            answer = real(*args, **values)
            meeting()
            return answer

        return stopped

    return stop


def both(app, *jobs: Callable, moment: datetime = NOW) -> list:
    """Run jobs on connections of their own; answers what each said. Whatever one raised is raised: a deadlock, for one."""
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
    for one in said:
        if isinstance(one, Exception):
            raise one
    return said


def told(app, *jobs: Callable) -> list:
    """What each answered, or the code of its refusal."""

    def asked(job: Callable) -> Callable:
        def ask():
            try:
                return job()
            except Refused as refused:
                database.session.rollback()
                return refused.problems[0].code

        return ask

    return both(app, *map(asked, jobs))


def again(row) -> Callable:
    """Read a row anew, on whatever connection one is."""
    model, ident = type(row), row.id
    return lambda: database.session.get_one(model, ident)


def moving(booking: Booking, session: ServiceSession) -> Callable:
    read, to = again(booking), session.id
    return lambda: bookings.move_booking(booking=read(), to_session_id=to, by=SYSTEM).status


def checking_in(booking: Booking, **more) -> Callable:
    read = again(booking)
    return lambda: bookings.check_in(booking=read(), by=SYSTEM, **more).status


def test_moves_over_the_end_of_the_year_in_both_directions(app, tree, meet_after):
    union = tree.federation_county
    old, new = make_line(union, 1000), make_line(union, 1000, year=2027)
    programme = make_programme(union, line_id=old.id)
    december, january = (make_session(programme, starts_at=NOW + timedelta(days=days), capacity=3) for days in (2, 20))
    one, other = make_booking(december), make_booking(january)
    lines = old.id, new.id
    meet_after((bookings, "_release"))
    assert both(app, moving(one, january), moving(other, december)) == [BookingStatus.BOOKED] * 2
    assert [money.totals_of_line(line).reserved for line in lines] == [500, 500]


def test_moves_between_two_shares_in_both_directions(app, tree, meet_after):
    union, here, there = tree.county, make_station(union=tree.county), make_station(union=tree.county)
    programme = make_programme(union)
    root = make_share(programme, 10)
    shares = [quotas.hand_down(share=root, station=station, amount=3, by=SYSTEM) for station in (here, there)]
    times = [make_session(programme, station, starts_at=NOW + timedelta(days=2)) for station in (here, there)]
    one, other = (make_booking(each) for each in times)
    meet_after((quotas, "put_back"))
    assert both(app, moving(one, times[1]), moving(other, times[0])) == [BookingStatus.BOOKED] * 2
    assert [again(share)().used for share in shares] == [1, 1]


def test_a_change_of_a_share_beside_a_move_between_it_and_its_parent(app, tree, meet_after, monkeypatch):
    station = make_station(union=tree.county)
    programme = make_programme(tree.city)
    root = make_share(programme, 30)
    above = quotas.hand_down(share=root, union=tree.county, amount=20, by=SYSTEM)
    own = quotas.hand_down(share=above, station=station, amount=5, by=SYSTEM)
    elsewhere = make_session(programme, starts_at=NOW + timedelta(days=2), union_id=tree.county.id)
    at_station = make_session(programme, station, starts_at=NOW + timedelta(days=2))
    booking = make_booking(elsewhere)
    assert booking.quota_share_id == above.id
    meeting = meet_after((quotas, "_hold"))
    held = sa.select(QuotaShare.id).where(QuotaShare.id == above.id).with_for_update()

    def one_by_one(*_ids) -> None:  # the first of the two, as the fixed order has it; the other with what follows
        database.session.execute(held)
        meeting()

    monkeypatch.setattr(booking_queries, "hold_shares", one_by_one)
    read = again(own)
    change = lambda: quotas.change_share(share=read(), amount=7, take_back_on=None, by=SYSTEM)  # noqa: E731
    assert both(app, moving(booking, at_station), change)[0] is BookingStatus.BOOKED
    assert (read().amount, read().used, again(above)().used) == (7, 1, 0)


def test_money_given_back_beside_the_approval_of_a_budget(app, tree, meet_after):
    union = tree.federation_county
    line = make_line(union, 1000)
    budget_id, line_id, cause = line.budget_id, line.id, Cause("bookings", "1", "一次")
    ledger.reserve(line_id=line_id, amount=Decimal(100), cause=cause, falls_on=NOW.date(), by=SYSTEM)
    database.session.commit()
    meeting = meet_after((money, "list_commitments"))

    def approve() -> None:  # what an approval holds, in its order
        database.session.refresh(database.session.get_one(Budget, budget_id), with_for_update=True)
        meeting()
        money.list_shares(line_id, lock=True)

    both(app, approve, lambda: ledger.release(cause=cause, by=SYSTEM))
    assert money.totals_of_line(line_id).reserved == 0


@pytest.fixture
def shop(tree):
    """A station with bought goods, a programme that gives them for a price, both from one line."""
    union = tree.federation_county
    line, station, goods = make_line(union, 5000), make_station(union=union), make_supply(union)
    bought = make_purchase(station, goods, line), make_purchase(station, goods, line)
    item = make_item(union, supply_item_id=goods.id, unit_cost=Decimal(5))
    programme = make_programme(union, item, stations=(station,), line_id=line.id, price=Decimal(5))
    return SimpleNamespace(line_id=line.id, station=station, bought=bought, programme=programme)


def giving(shop, worker=None, **more) -> Callable:
    about, place, worker_id, by = again(shop.programme), again(shop.station), worker and worker.id, giver()
    return lambda: commands.deliver(programme=about(), station=place(), worker_id=worker_id, occupation=RIDER,
                                    source=DeliverySource.DESK, by=by, **more)  # fmt: skip


def taking_back(bought: Purchase) -> Callable:
    read = again(bought)
    return lambda: purchases.reverse_purchase(purchase=read(), reason="发票有误", by=SYSTEM)


def test_goods_are_given_while_a_purchase_of_them_is_taken_back(app, shop, meet_after):
    meet_after((supplies, "hand_out"), (money, "list_commitments"))
    both(app, giving(shop), taking_back(shop.bought[1]))
    assert (money.totals_of_line(shop.line_id).spent, money.totals_of_line(shop.line_id).reserved) == (105, 0)


def test_a_delivery_and_a_purchase_are_taken_back_together(app, shop, meet_after):
    given = giving(shop)()
    database.session.commit()
    read = again(given)
    back = lambda: commands.reverse_delivery(delivery=read(), reason="误发", by=SYSTEM)  # noqa: E731
    meet_after((supplies, "give_back"), (purchases.ledger_queries, "list_commitments"))
    with contextlib.suppress(Refused):  # the goods came from the same lot: whoever is first, they are back or not all there yet
        both(app, back, taking_back(shop.bought[0]))
    assert delivery_queries.find_reversal(read().id) and money.totals_of_line(shop.line_id).spent in (100, 200)


def test_a_delivery_is_taken_back_while_its_time_is_cancelled(app, tree, meet_after):
    union = tree.federation_county
    line, station = make_line(union, 5000), make_station(union=union)
    programme = make_programme(union, stations=(station,), line_id=line.id)
    session = make_session(programme, station, starts_at=START, capacity=3)
    mine, line_id = make_booking(session), line.id
    others = make_booking(session)
    given = commands.deliver(programme=programme, station=station, worker_id=mine.worker_id, occupation=RIDER, booking=mine,
                             source=DeliverySource.BOOKING, by=giver())  # fmt: skip
    database.session.commit()
    read, read_session, other = again(given), again(session), again(others)
    back = lambda: commands.reverse_delivery(delivery=read(), reason="误发", by=SYSTEM)  # noqa: E731
    cancel = lambda: bookings.cancel_session(session=read_session(), reason="停电", by=SYSTEM)  # noqa: E731
    meet_after((ledger, "reverse"), (sessions, "mark_cancelled"))
    both(app, back, cancel)
    assert other().status is BookingStatus.CANCELLED and money.totals_of_line(line_id).spent == 0


def booking_one(session: ServiceSession) -> Callable:
    ident, worker_id = session.id, make_worker(phone=None).id
    return lambda: bookings.book_place(session_id=ident, worker_id=worker_id, way=BookedBy.WORKER, by=SYSTEM).status


def cancelling(session: ServiceSession) -> Callable:
    read = again(session)
    return lambda: bookings.cancel_session(session=read(), reason="停电", by=SYSTEM)


def test_who_books_holds_the_session_so_that_cancelling_it_waits_and_frees_them(app, tree, meet_after):
    session = make_session(make_programme(tree.county), starts_at=START)
    meet_after((booking_queries, "hold_session"), (sessions, "mark_cancelled"))
    said = told(app, booking_one(session), cancelling(session))
    assert said in ([BookingStatus.BOOKED, 1], ["session_cancelled", 0]), said


def test_who_waited_for_a_session_that_was_cancelled_is_told(app, tree, meet_after, monkeypatch):
    session = make_session(make_programme(tree.county), starts_at=START)
    cancelled, hold = threading.Event(), booking_queries.hold_session

    def hold_afterwards(one) -> None:
        cancelled.wait(30)
        hold(one)

    def cancel() -> int:
        done = transactional(cancelling(session))()
        cancelled.set()
        return done

    read = again(session)
    monkeypatch.setattr(booking_queries, "hold_session", hold_afterwards)
    assert told(app, booking_one(read()), cancel) == ["session_cancelled", 0]
    assert Booking.query.count() == 0


def test_a_session_is_cancelled_once(app, tree, meet_after):
    session = make_session(make_programme(tree.county), starts_at=START)
    meet_after((sessions.rules, "problems_with_cancelling"))
    said = told(app, cancelling(session), cancelling(session))
    assert sorted(map(str, said)) == ["0", "cancelled"], said


def test_an_unnamed_thing_is_given_on_a_booking_while_that_is_received(app, tree, meet_after):
    union = tree.federation_county
    station, item = make_station(union=union), make_item(union, named=False)
    programme = make_programme(union, item, stations=(station,))
    booking = make_booking(make_session(programme, station, starts_at=START))
    read, place, about = again(booking), again(station), again(programme)
    by = giver()
    give = lambda: commands.deliver(programme=about(), station=place(), worker_id=None, occupation=RIDER, booking=read(),  # noqa: E731
                                    source=DeliverySource.BOOKING, by=by)  # fmt: skip

    def receive() -> None:
        try:
            checking_in(booking)()
        except Refused as refused:  # who comes second hears that it was used
            assert refused.problems[0].code == "used"

    meet_after((delivery_queries, "hold_booking"), (booking_queries, "hold_person"))
    both(app, give, receive)
    assert read().status is BookingStatus.ATTENDED and Delivery.query.one().booking_id == booking.id


@pytest.fixture
def missed(tree):
    """Two who did not come, of a session with a quota."""
    programme = make_programme(tree.county)
    share = make_share(programme, 10)
    session = make_session(programme, starts_at=START)
    booked = [make_booking(session) for _ in range(2)]
    with clock.stopped_at(START + timedelta(minutes=40)):
        bookings.mark_no_shows(by=SYSTEM)
        database.session.commit()
    return SimpleNamespace(session=session, booked=booked, share=share)


def test_a_sheet_of_a_session_beside_somebody_on_it_at_the_desk(app, missed, meet_after):
    listed = [seat.booking.id for seat in attendance.queries.list_on_paper(missed.session.id)]
    last = next(one for one in missed.booked if one.id == listed[-1])
    read, ticked, by = again(missed.session), set(listed), giver()
    enter = lambda: attendance.enter_sheet(session=read(), ticked=ticked, rows=[], by=by)  # noqa: E731

    def receive() -> None:
        try:
            checking_in(last)()
        except Refused as refused:
            assert refused.problems[0].code == "used"

    meet_after((quotas, "take"), (booking_queries, "hold_person"))
    both(app, enter, receive, moment=START + timedelta(minutes=50))
    assert again(missed.share)().used == 2


def test_a_paper_sheet_beside_somebody_on_it_at_the_desk(app, tree, meet_after):
    union = tree.federation_county
    station, programme = make_station(union=union), make_programme(union)
    share = make_share(programme, 10)
    phones = ["13800138001", "13800138002"]
    people = [make_worker(phone=phone, confirmed=True) for phone in phones]
    at = NOW - timedelta(minutes=9)
    rows = [paper.Row(n, at, RIDER, BasicService.OTHER, 1, phone) for n, phone in enumerate(phones, 1)]
    place, about, by, programme_id = again(station), again(programme), giver(), programme.id
    enter = lambda: paper.enter_sheet(station=place(), serial="S-0001", day=clock.today(), rows=rows, total=2, handout_id=None,  # noqa: E731
                                      programme_id=programme_id, by=by)  # fmt: skip
    second = people[1].id
    give = lambda: commands.deliver(programme=about(), station=place(), worker_id=second, occupation=RIDER,  # noqa: E731
                                    source=DeliverySource.DESK, by=by)  # fmt: skip
    meet_after((quotas, "take"), (delivery_queries, "hold_person"))
    both(app, enter, give)
    assert again(share)().used == 3


def test_many_are_held_in_one_order_whoever_names_them(app, tree, meet_after, monkeypatch):
    programme_id, people = make_programme(tree.county).id, [make_worker().id for _ in range(2)]
    meet_after((booking_queries, "_hold"))
    jobs = [lambda ids=ids: booking_queries.hold_people(programme_id, ids) for ids in (people, people[::-1])]
    both(app, *jobs)


def test_the_meeting_finds_a_deadlock(app, tree, meet_after):
    """The control: two people held in the order in which they come."""
    programme_id, people = make_programme(tree.county).id, [make_worker().id for _ in range(2)]
    meet_after((booking_queries, "hold_person"))

    def hold(ids) -> None:
        for one in ids:
            booking_queries.hold_person(programme_id, one)

    with pytest.raises(sa.exc.OperationalError, match="deadlock detected"):
        both(app, lambda: hold(people), lambda: hold(people[::-1]))
