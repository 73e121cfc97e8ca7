"""Two tablets at the same time, with connections of their own; and any order of giving and taking back adds up."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from portal import clock
from portal.db import db as database
from portal.stations.supplies.models import Lot
from portal.types import Refused
from portal.welfare.bookings import commands as bookings
from portal.welfare.bookings.models import BookedBy, Booking
from portal.welfare.deliveries import commands, queries
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.eligibility.models import LimitPeriod
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.programmes.models import Charge, Programme
from portal.welfare.quotas.models import QuotaShare
from tests.factories.deliveries import RIDER, give, giver, make_share, make_shelf
from tests.factories.money import make_line
from tests.factories.unions import small_tree
from tests.factories.welfare import make_session
from tests.factories.workers import make_worker

WAIT = 30


@pytest.fixture
def union(db):
    return small_tree().federation_county


def noon():
    """Midday, whatever the time of day is when this runs."""
    return clock.stopped_at(clock.start_of(clock.today()) + timedelta(hours=12))


def at_once(app, calls) -> list[str]:
    """Run the calls in threads that start together; answers "given" or the code of the refusal, sorted."""
    barrier, answers = threading.Barrier(len(calls)), []

    def run(call) -> None:
        with app.app_context(), noon():
            try:
                barrier.wait(WAIT)
                call()
                database.session.commit()
                answers.append("given")
            except Refused as refused:
                database.session.rollback()
                answers.append(refused.problems[0].code)
            finally:
                database.session.remove()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    return sorted(answers)


def giving(shelf, worker, by, booking=None):
    from portal.stations.register.models import Station

    programme_id, station_id, worker_id, booking_id = shelf.programme.id, shelf.station.id, worker.id, booking and booking.id

    def call() -> None:
        commands.deliver(
            programme=database.session.get_one(Programme, programme_id), station=database.session.get_one(Station, station_id),
            worker_id=worker_id, occupation=RIDER, source=DeliverySource.DESK, by=by,
            booking=booking_id and database.session.get_one(Booking, booking_id),
        )  # fmt: skip

    return call


def test_the_last_piece_goes_to_one_of_two_tablets(union, app):
    shelf = make_shelf(union, 1)
    calls = [giving(shelf, make_worker(), giver()) for _ in range(2)]
    assert at_once(app, calls) == ["given", "out_of_stock"]


def test_one_person_at_two_tablets_gets_it_once(union, app):
    shelf = make_shelf(union, 10, rule={"person_limit": 1, "limit_period": LimitPeriod.DAY})
    calls = [giving(shelf, shelf.worker, giver()) for _ in range(4)]
    assert at_once(app, calls) == ["given", "limit", "limit", "limit"]


def test_one_booking_at_two_tablets_is_given_once(union, app):
    shelf, by = make_shelf(union, 10), giver()
    with noon():
        session = make_session(shelf.programme, shelf.station, starts_at=clock.now() + timedelta(minutes=5), hours=11)
        booking = bookings.book_place(session_id=session.id, worker_id=shelf.worker.id, way=BookedBy.DESK, by=by)
        database.session.commit()
    calls = [giving(shelf, shelf.worker, giver(), booking) for _ in range(3)]
    answers = at_once(app, calls)
    assert answers == ["given", "given_already", "given_already"]


def test_one_delivery_is_taken_back_once(union, app):
    shelf, by = make_shelf(union, 5), giver()
    ident = give(shelf.programme, shelf.station, quantity=2).id  # nobody's, so that no lock of a person helps

    def back() -> None:
        commands.reverse_delivery(delivery=database.session.get_one(Delivery, ident), reason="误发", by=by)

    assert at_once(app, [back, back]) == ["given", "reversed_already"]
    database.session.expire_all()
    assert database.session.get_one(Lot, shelf.lot.id).on_hand == 5


# --- any order adds up ---------------------------------------------------------------------------------------------


STOCK, QUOTA, MONEY, PRICE = 6, 8, 40, 5
steps = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.integers(0, 2), st.integers(1, 3), st.booleans()),
        st.tuples(st.just("back"), st.integers(0, 9), st.just(0), st.just(False)),
    ),
    max_size=12,
)


def test_any_order_of_giving_and_taking_back_adds_up(union):
    """Goods, a quota and money, all of them too few; live and late, by three people."""
    line = make_line(union, MONEY, year=clock.today().year)
    shelf = make_shelf(
        union, STOCK, rule={"person_limit": 4, "limit_period": LimitPeriod.DAY}, item={"unit_cost": Decimal(PRICE)},
        charge=Charge.PER_PLACE, budget_line_id=line.id, price=Decimal(PRICE),
    )  # fmt: skip
    share, people, by = make_share(shelf.programme, QUOTA), [make_worker() for _ in range(3)], giver()

    @settings(max_examples=6)
    @given(steps)
    def walk(order) -> None:
        done: list[Delivery] = []
        for kind, which, quantity, late in order:
            try:
                with database.session.begin_nested():
                    if kind == "give":
                        source = DeliverySource.PAPER if late else DeliverySource.DESK
                        values = {"worker_id": people[which].id, "occupation": RIDER, "quantity": quantity, "source": source}
                        place = {"programme": shelf.programme, "station": shelf.station}
                        done.append(commands.deliver(**place, **values, by=by, late=late))
                    elif done:
                        commands.reverse_delivery(delivery=done[which % len(done)], reason="误发", by=by)
            except Refused as refused:
                assert refused.problems[0].code in {"limit", "quota_full", "out_of_stock", "not_enough", "reversed_already"}
            adds_up(shelf, share, line)
        for one in done:
            if queries.find_reversal(one.id) is None:
                commands.reverse_delivery(delivery=one, reason="收尾", by=by)
        adds_up(shelf, share, line)
        database.session.refresh(shelf.lot)
        database.session.refresh(share)
        assert (shelf.lot.on_hand, share.used, totals_of_line(line.id).spent) == (STOCK, 0, 0)

    walk()


def adds_up(shelf, share, line) -> None:
    """What is on record as standing equals what is gone from quota, stock and line."""
    standing = database.session.scalars(sa.select(Delivery).where(queries.STANDS).order_by(Delivery.id)).all()
    used = database.session.scalar(sa.select(QuotaShare.used).where(QuotaShare.id == share.id))
    assert used == sum(one.quantity for one in standing if one.quota_share_id)
    on_hand = database.session.scalar(sa.select(Lot.on_hand).where(Lot.id == shelf.lot.id))
    short = database.session.scalar(sa.text("SELECT coalesce(sum(quantity), 0) FROM stock_shortages WHERE settled_at IS NULL"))
    assert STOCK - on_hand + short == sum(one.quantity for one in standing)
    spent = totals_of_line(line.id)
    assert spent.spent == sum(one.cost for one in standing if "money" not in one.flags) and spent.reserved == 0
    limits: dict = {}
    for one in standing:
        if not one.late:
            limits[one.worker_id] = limits.get(one.worker_id, 0) + one.quantity
    assert all(count <= 4 for count in limits.values())
