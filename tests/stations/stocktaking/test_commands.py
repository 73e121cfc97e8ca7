"""Counts, transfers with both sides and write-offs by two people, lot by lot."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By
from portal.stations.register.models import Station, StationStatus
from portal.stations.stocktaking import commands, queries
from portal.stations.stocktaking.models import StockTransfer, WriteOff
from portal.stations.supplies import commands as stock
from portal.stations.supplies.models import Lot, StockMovement, StockShortage
from portal.stations.supplies.queries import stock_of
from portal.stations.supplies.rules import StockCause
from portal.types import Refused
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.supplies import make_kit, make_supply, put_in_stock
from tests.factories.unions import small_tree

CAUSE = StockCause("deliveries", "1")


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def station(tree):
    return make_station(union=tree.county)


@pytest.fixture
def item(tree):
    return make_supply(tree.county)


@pytest.fixture
def keepers(tree) -> tuple[By, By]:
    """Two keepers."""
    return tuple(By("staff", make_account(roles=[("keeper", tree.county)]).id) for _ in range(2))


def held(db, *lots: Lot) -> list[int]:
    """What the lots hold now."""
    known = dict(db.session.execute(sa.select(Lot.id, Lot.on_hand)).all())
    return [known[lot.id] for lot in lots]


def kinds(db) -> list[tuple[str, int]]:
    """Every movement but those that brought the lots in, in order."""
    rows = db.session.scalars(sa.select(StockMovement).order_by(StockMovement.id))
    return [(row.kind.value, row.quantity) for row in rows if row.kind.value != "opening"]


def codes(refused) -> list[str]:
    return [problem.code for problem in refused.value.problems]


# --- counting -------------------------------------------------------------------------------------------------------


def test_missing_pieces_come_off_the_lots_that_expire_first(station, item, db):
    soon, late = put_in_stock(station, item, 3, days=9), put_in_stock(station, item, 5, days=90)
    commands.count(station=station, item=item, counted=4, by=SYSTEM)
    assert held(db, soon, late) == [0, 4]
    assert kinds(db) == [("missing", 3), ("missing", 1)]


def test_found_pieces_go_to_the_lot_that_expires_first(station, item, db):
    soon, late = put_in_stock(station, item, 3, days=9), put_in_stock(station, item, 5, days=90)
    row = commands.count(station=station, item=item, counted=10, by=SYSTEM)
    assert (row.booked, row.counted, held(db, soon, late)) == (8, 10, [5, 5])
    assert kinds(db) == [("found", 2)]


def test_found_without_any_lot_needs_its_date(station, item, db):
    with pytest.raises(Refused) as refused:
        commands.count(station=station, item=item, counted=2, by=SYSTEM)
    assert codes(refused) == ["expiry_missing"]
    with pytest.raises(Refused) as refused:
        commands.count(station=station, item=item, counted=2, expires_on=clock.today() - timedelta(days=1), by=SYSTEM)
    assert codes(refused) == ["expired"]
    commands.count(station=station, item=item, counted=2, expires_on=clock.today(), by=SYSTEM)
    assert stock_of(station.id)[item.id].usable == 2


def test_what_is_past_its_date_is_not_counted(station, item, db):
    old, good = put_in_stock(station, item, 3, days=0), put_in_stock(station, item, 5, days=90)
    with clock.stopped_at(clock.now() + timedelta(days=1)):
        row = commands.count(station=station, item=item, counted=5, by=SYSTEM)
    assert (row.booked, held(db, old, good), kinds(db)) == (5, [3, 5], [])


def test_a_count_enters_what_was_given_beside_the_book_for_whom_it_was_given(station, item, db):
    stock.hand_out(station_id=station.id, supply_item_id=item.id, quantity=3, cause=CAUSE, by=SYSTEM, late=True)
    lot = put_in_stock(station, item, 10)
    commands.count(station=station, item=item, counted=6, note="周五盘点", by=SYSTEM)
    assert held(db, lot) == [6]
    assert sorted(kinds(db)) == [("hand_out", 3), ("missing", 1)]
    assert stock_of(station.id)[item.id].shortage == 0
    # what it was given for can still be taken back
    assert stock.give_back(cause=CAUSE, by=SYSTEM) == 3
    assert held(db, lot) == [9]


def test_a_shortage_that_the_shelf_does_not_show_is_settled_without_a_movement(station, item, db):
    stock.hand_out(station_id=station.id, supply_item_id=item.id, quantity=3, cause=CAUSE, by=SYSTEM, late=True)
    put_in_stock(station, item, 10)
    row = commands.count(station=station, item=item, counted=10, by=SYSTEM)
    assert (row.shortage, kinds(db)) == (3, [])
    assert db.session.scalars(sa.select(StockShortage.settled_by_count_id)).one() == row.id


def test_packs_and_impossible_numbers_are_not_counted(tree, station, item):
    with pytest.raises(Refused) as refused:
        commands.count(station=station, item=make_kit(tree.county, {item: 1}), counted=1, by=SYSTEM)
    assert codes(refused) == ["is_kit"]
    for number in (-1, 1_000_001):
        with pytest.raises(Refused) as refused:
            commands.count(station=station, item=item, counted=number, by=SYSTEM)
        assert codes(refused) == ["counted"]


# --- transfers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(tree):
    return make_station(union=tree.sibling_county)


@pytest.fixture
def shared(tree):
    return make_supply(tree.city, "矿泉水")


def test_what_is_sent_arrives_with_its_date_cost_and_number(station, other, shared, db):
    soon = put_in_stock(station, shared, 3, days=9, cost=2, lot_number="A1")
    late = put_in_stock(station, shared, 5, days=90, cost=3)
    transfer = commands.send(station=station, to=other, item=shared, quantity=4, by=SYSTEM)
    assert held(db, soon, late) == [0, 4]
    assert stock_of(other.id, [shared.id])[shared.id].usable == 0
    commands.receive_transfer(transfer=transfer, station=other, received=4, by=SYSTEM)
    lots = stock_of(other.id)[shared.id].lots
    assert [(lot.expires_on, lot.on_hand, lot.unit_cost, lot.lot_number) for lot in lots] == [
        (soon.expires_on, 3, 2, "A1"), (late.expires_on, 1, 3, None),
    ]  # fmt: skip
    with pytest.raises(Refused) as refused:
        commands.receive_transfer(transfer=transfer, station=other, received=4, by=SYSTEM)
    assert codes(refused) == ["settled"]


def test_what_does_not_arrive_is_a_loss_of_the_sender_in_the_receivers_words(station, other, shared, db):
    lot = put_in_stock(station, shared, 5, days=0)
    transfer = commands.send(station=station, to=other, item=shared, quantity=5, by=SYSTEM)
    with pytest.raises(Refused) as refused:
        commands.receive_transfer(transfer=transfer, station=other, received=3, by=SYSTEM)
    assert codes(refused) == ["note_missing"]
    with clock.stopped_at(clock.now() + timedelta(days=2)):  # past its date meanwhile: still a loss of the sender
        commands.receive_transfer(transfer=transfer, station=other, received=3, note="路上摔了两瓶", by=SYSTEM)
        assert stock_of(other.id)[shared.id].expired == 3
    assert held(db, lot) == [0]
    assert kinds(db) == [("transfer_out", 5), ("transfer_in", 3), ("give_back", 2), ("loss", 2)]
    loss = db.session.scalars(sa.select(StockMovement).where(StockMovement.kind == "loss")).one()
    assert (loss.station_id, loss.note) == (station.id, "路上摔了两瓶")


def test_the_sender_may_take_it_back_until_it_arrived(station, other, shared, db):
    lot = put_in_stock(station, shared, 5)
    transfer = commands.send(station=station, to=other, item=shared, quantity=5, by=SYSTEM)
    for side, code in ((other, "not_yours"),):
        with pytest.raises(Refused) as refused:
            commands.call_back(transfer=transfer, station=side, by=SYSTEM)
        assert codes(refused) == [code]
    with pytest.raises(Refused) as refused:
        commands.receive_transfer(transfer=transfer, station=station, received=5, by=SYSTEM)
    assert codes(refused) == ["not_yours"]
    commands.call_back(transfer=transfer, station=station, by=SYSTEM)
    assert (held(db, lot), transfer.called_back, queries.list_open_transfers(other.id)) == ([5], True, [])
    with pytest.raises(Refused) as refused:
        commands.call_back(transfer=transfer, station=station, by=SYSTEM)
    assert codes(refused) == ["settled"]


def test_of_two_who_settle_a_transfer_at_once_the_second_is_told(app, station, other, shared, db):
    lot = put_in_stock(station, shared, 5)
    transfer = commands.send(station=station, to=other, item=shared, quantity=5, by=SYSTEM)
    db.session.commit()
    transfer_id, station_id, told = transfer.id, station.id, []

    def call_back() -> None:
        with app.app_context():
            mine, place = db.session.get_one(StockTransfer, transfer_id), db.session.get_one(Station, station_id)
            try:
                commands.call_back(transfer=mine, station=place, by=SYSTEM)
                db.session.commit()
            except Refused as refused:
                told.extend(problem.code for problem in refused.problems)
            db.session.remove()

    commands.receive_transfer(transfer=transfer, station=other, received=5, by=SYSTEM)
    thread = threading.Thread(target=call_back)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive(), "it waits"
    db.session.commit()
    thread.join(30)
    assert (told, held(db, lot)) == (["settled"], [0])


def test_where_nothing_can_be_sent(tree, station, other, shared, item):
    put_in_stock(station, shared, 5)
    put_in_stock(station, item, 5)
    shut = make_station(union=tree.county, status=StationStatus.PLANNED)
    kit = make_kit(tree.city, {shared: 1})
    for to, what, quantity, code in (
        (None, shared, 1, "no_station"), (station, shared, 1, "same_station"), (shut, shared, 1, "station_shut"),
        (other, item, 1, "not_usable"), (other, kit, 1, "is_kit"), (other, shared, 6, "out_of_stock"),
        (other, shared, 0, "quantity"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            commands.send(station=station, to=to, item=what, quantity=quantity, by=SYSTEM)
        assert code in codes(refused)


# --- writing off ----------------------------------------------------------------------------------------------------


@pytest.fixture
def expired(station, item):
    """A lot past its date, and the clock after it."""
    lot = put_in_stock(station, item, 5, days=0)
    with clock.stopped_at(clock.now() + timedelta(days=1)):
        yield lot


def test_a_lot_past_its_date_is_written_off_by_two(station, expired, keepers, db):
    first, second = keepers
    asked = commands.ask_write_off(station=station, lot=expired, quantity=4, reason="过期，销毁", by=first)
    with pytest.raises(Refused) as refused:
        commands.ask_write_off(station=station, lot=expired, quantity=4, reason="过期", by=second)
    assert codes(refused) == ["asked_already"]
    for by in (first, SYSTEM):
        with pytest.raises(Refused) as refused:
            commands.decide_write_off(write_off=asked, station=station, confirm=True, by=by)
        assert codes(refused) == ["two_people"]
    commands.decide_write_off(write_off=asked, station=station, confirm=True, by=second)
    assert (held(db, expired), kinds(db)) == ([1], [("write_off", 4)])
    with pytest.raises(Refused) as refused:
        commands.decide_write_off(write_off=asked, station=station, confirm=True, by=second)
    assert codes(refused) == ["settled"]


def test_declined_it_stays_on_the_book_and_may_be_asked_anew(station, expired, keepers, db):
    asked = commands.ask_write_off(station=station, lot=expired, quantity=5, reason="过期", by=keepers[0])
    commands.decide_write_off(write_off=asked, station=station, confirm=False, by=keepers[1])
    assert (held(db, expired), kinds(db)) == ([5], [])
    assert commands.ask_write_off(station=station, lot=expired, quantity=5, reason="再看一次", by=keepers[0]).id != asked.id


def test_what_cannot_be_asked(station, item, expired, keepers, db):
    good = put_in_stock(station, item, 5, days=9)
    for lot, quantity, reason, code in (
        (good, 1, "坏了", "still_good"), (expired, 6, "过期", "quantity"), (expired, 0, "过期", "quantity"),
        (expired, 1, None, "note_missing"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            commands.ask_write_off(station=station, lot=lot, quantity=quantity, reason=reason, by=keepers[0])
        assert codes(refused) == [code]
    assert db.session.query(WriteOff).count() == 0


def test_a_loss_is_for_what_is_good_and_a_date_is_corrected_before_it_passes(station, item, expired, db):
    good = put_in_stock(station, item, 5, days=9)
    stock.lose(station=station, lot=good, quantity=2, reason="摔坏", by=SYSTEM)
    assert held(db, good) == [3]
    for lot, quantity, reason, code in (
        (good, 4, "摔坏", "out_of_stock"), (good, 1, None, "note_missing"), (expired, 1, "过期", "expired"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            stock.lose(station=station, lot=lot, quantity=quantity, reason=reason, by=SYSTEM)
        assert codes(refused) == [code]
    later = clock.today() + timedelta(days=60)
    stock.correct_lot(station=station, lot=good, expires_on=later, lot_number="B7", reason="录错", by=SYSTEM)
    assert (good.expires_on, good.lot_number) == (later, "B7")
    for lot, day, code in ((expired, later, "expired"), (good, None, "expiry_missing"),
                           (good, good.received_on - timedelta(days=1), "expired_on_arrival")):  # fmt: skip
        with pytest.raises(Refused) as refused:
            stock.correct_lot(station=station, lot=lot, expires_on=day, lot_number=None, reason="录错", by=SYSTEM)
        assert codes(refused) == [code]
