"""What comes in, goes out and comes back: earliest date first, never past it, never below zero, packs all or nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from portal import clock
from portal.access import SYSTEM
from portal.stations.supplies import commands, queries
from portal.stations.supplies.models import Lot, MovementKind, StockShortage
from portal.stations.supplies.rules import StockCause
from portal.types import Refused
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


def give(station, item, quantity=1, cause=CAUSE, **more):
    return commands.hand_out(station_id=station.id, supply_item_id=item.id, quantity=quantity, cause=cause, by=SYSTEM, **more)


def codes(refused) -> list[str]:
    return [problem.code for problem in refused.value.problems]


def test_the_earliest_date_leaves_first_across_lots_at_its_own_cost(tree, station, db):
    item = make_supply(tree.county)
    late = put_in_stock(station, item, 5, days=90, cost=3)
    soon = put_in_stock(station, item, 2, days=10, cost=2)
    never_first = put_in_stock(station, item, 4, days=200, cost=9)
    assert give(station, item, 4) == commands.Taken(Decimal(10), 4, 0)
    assert [db.session.get(Lot, lot.id).on_hand for lot in (soon, late, never_first)] == [0, 3, 4]


def test_live_more_than_is_there_is_refused_with_what_is_left(tree, station):
    item = make_supply(tree.county, "防暑包")
    put_in_stock(station, item, 3)
    with pytest.raises(Refused) as refused:
        give(station, item, 4)
    assert codes(refused) == ["out_of_stock"]
    assert refused.value.problems[0].says.values["left"] == 3
    assert queries.stock_of(station.id)[item.id].usable == 3


def test_what_was_given_already_is_kept_and_what_the_book_lacked_is_a_shortage(tree, station, db):
    item = make_supply(tree.county)
    put_in_stock(station, item, 3)
    assert give(station, item, 5, late=True).short == 2
    stock = queries.stock_of(station.id)[item.id]
    assert (stock.usable, stock.shortage) == (0, 2)
    assert commands.give_back(cause=CAUSE, by=SYSTEM) == 3
    stock = queries.stock_of(station.id)[item.id]
    assert (stock.usable, stock.shortage) == (3, 0)
    assert commands.give_back(cause=CAUSE, by=SYSTEM) == 0


def test_a_lot_is_good_until_midnight_in_shanghai(tree, station):
    item = make_supply(tree.county)
    lot = put_in_stock(station, item, 3, days=1)
    last = clock.start_of(lot.expires_on + timedelta(days=1))
    with clock.stopped_at(last - timedelta(seconds=1)):
        assert give(station, item).quantity == 1
        assert queries.stock_of(station.id)[item.id].usable == 2
    with clock.stopped_at(last):
        stock = queries.stock_of(station.id)[item.id]
        assert (stock.usable, stock.expired) == (0, 2)
        with pytest.raises(Refused) as refused:
            give(station, item)
    assert codes(refused) == ["out_of_stock"]


def test_given_yesterday_from_a_lot_good_yesterday_entered_today(tree, station):
    item = make_supply(tree.county)
    lot = put_in_stock(station, item, 3, days=0)
    tomorrow = clock.start_of(lot.expires_on + timedelta(days=1)) + timedelta(hours=9)
    with clock.stopped_at(tomorrow):
        assert give(station, item, late=True, at=tomorrow - timedelta(hours=12)).short == 0
        assert give(station, item, late=True).short == 1
        assert give(station, item, late=True, at=tomorrow + timedelta(days=9)).short == 1


def test_what_comes_back_goes_into_its_lots_and_stays_blocked_past_the_date(tree, station, db):
    item = make_supply(tree.county)
    first, second = put_in_stock(station, item, 1, days=0), put_in_stock(station, item, 5, days=50)
    give(station, item, 3)
    with clock.stopped_at(clock.now() + timedelta(days=2)):
        assert commands.give_back(cause=CAUSE, by=SYSTEM) == 3
        stock = queries.stock_of(station.id)[item.id]
        assert (stock.usable, stock.expired) == (5, 1)
    assert [db.session.get(Lot, lot.id).on_hand for lot in (first, second)] == [1, 5]


def test_a_pack_takes_its_parts_all_or_none(tree, station, db):
    towel, water = make_supply(tree.county, "毛巾", expires=False), make_supply(tree.county, "水")
    kit = make_kit(tree.county, {towel: 1, water: 2})
    put_in_stock(station, towel, 10, cost=5)
    put_in_stock(station, water, 3, cost=1)
    assert queries.stock_of(station.id)[kit.id].usable == 1
    with pytest.raises(Refused):
        give(station, kit, 2)
    db.session.flush()
    assert queries.stock_of(station.id)[towel.id].usable == 10
    assert give(station, kit) == commands.Taken(Decimal(7), 1, 0)
    assert {stock.item.name: stock.usable for stock in queries.stock_of(station.id).values()} == {
        "毛巾": 9,
        "水": 1,
        "入会礼包": 0,
    }
    assert give(station, kit, 2, late=True, cause=StockCause("deliveries", "2")).short == 2
    assert db.session.query(StockShortage).one().quantity == 3
    assert commands.give_back(cause=CAUSE, by=SYSTEM) == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": 0}, "quantity"),
        ({"expires_on": None}, "expiry_missing"),
        ({"unit_cost": Decimal(-1)}, "unit_cost"),
        ({"days": -1}, "expired_on_arrival"),
        ({"received": 1}, "received_later"),
        ({"note": "长" * 301}, "note_too_long"),
    ],
)
def test_what_cannot_be_a_lot_is_refused(tree, station, changes, code):
    item, today = make_supply(tree.county), clock.today()
    values = {"quantity": 5, "unit_cost": Decimal(1), "kind": MovementKind.DONATION, "expires_on": today + timedelta(days=9)}
    values["received_on"] = today + timedelta(days=changes.pop("received", 0))
    if days := changes.pop("days", 0):
        values["expires_on"] = today + timedelta(days=days)
    with pytest.raises(Refused) as refused:
        commands.receive(station=station, item=item, by=SYSTEM, **values | changes)
    assert codes(refused) == [code]


def test_packs_closed_items_and_items_of_other_unions_do_not_come_in(tree, station):
    kit = make_kit(tree.county, {make_supply(tree.county): 1})
    closed, foreign = make_supply(tree.county, closed_at=clock.now()), make_supply(tree.foreign_county)
    for item, code in ((kit, "is_kit"), (closed, "item_closed"), (foreign, "not_usable")):
        with pytest.raises(Refused) as refused:
            put_in_stock(station, item, days=9)
        assert code in codes(refused)
    assert put_in_stock(station, make_supply(tree.city)).on_hand == 10
