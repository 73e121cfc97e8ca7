"""Buying: money and stock move together or not at all; the same voucher once; taken back while all of it is there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import SYSTEM
from portal.stations.register.models import Station
from portal.stations.supplies import commands as supplies
from portal.stations.supplies.models import Lot, StockMovement, SupplyItem
from portal.stations.supplies.rules import StockCause
from portal.types import Refused, new_id
from portal.welfare.ledger.models import BudgetLine
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.purchases import commands, rules
from portal.welfare.purchases.models import Purchase
from tests.factories.money import line_values, make_budget, make_line, make_source
from tests.factories.purchases import make_purchase, values_of
from tests.factories.stations import make_station
from tests.factories.supplies import make_supply, put_in_stock
from tests.factories.unions import small_tree

NOON = datetime(2026, 7, 8, 4, tzinfo=UTC)


@pytest.fixture
def world(db):
    with clock.stopped_at(NOON):
        tree = small_tree()
        station, goods = make_station(union=tree.county), make_supply(tree.city)
        yield SimpleNamespace(tree=tree, station=station, goods=goods, line=make_line(tree.county, 1000))


def refused(call, **values):
    with pytest.raises(Refused) as caught:
        call(**values)
    return caught.value.problems


def buy(world, **changes):
    return commands.buy(**values_of(world.station, world.goods, world.line, **changes), by=SYSTEM)


def test_money_is_spent_and_the_goods_are_there(db, world):
    bought = buy(world, voucher_number="记-7")
    totals = totals_of_line(world.line.id)
    assert (totals.left, totals.reserved, totals.spent) == (900, 0, 100)
    lot = db.session.get(Lot, bought.lot_id)
    assert (lot.on_hand, lot.unit_cost, lot.expires_on, lot.station_id) == (
        10,
        10,
        bought.bought_on + timedelta(365),
        world.station.id,
    )
    [moved] = db.session.scalars(sa.select(StockMovement).order_by(StockMovement.id))
    assert (moved.kind.value, moved.cause_table, moved.cause_id) == ("purchase", "purchases", str(bought.id))
    assert db.session.scalar(sa.text("SELECT count(*) FROM audit_entries WHERE action = 'purchase.entered'")) == 1


def test_the_voucher_holds_and_the_difference_is_said(world):
    bought = buy(world, quantity=3, total=Decimal("10.00"))
    assert (bought.total, bought.unit_price) == (Decimal("10.00"), Decimal("3.33"))
    assert rules.cost_of(3, bought.total).difference == Decimal("0.01")
    assert totals_of_line(world.line.id).spent == Decimal("10.00")


def test_the_price_of_one_is_enough_and_both_must_agree(world):
    assert buy(world, total=None, unit_price=Decimal("1.25")).total == Decimal("12.50")
    assert buy(world, quantity=3, total=Decimal("10.00"), unit_price=Decimal("3.33")).total == 10
    [problem] = refused(buy, world=world, total=Decimal("110"), unit_price=Decimal("10"))
    assert problem.code == "total_differs" and "100.00" in str(problem.says)
    assert refused(buy, world=world, total=None)[0].code == "no_price"


def test_a_line_without_enough_refuses_with_what_is_left_and_nothing_comes_in(db, world):
    with db.session.begin_nested():
        [problem] = refused(buy, world=world, total=Decimal("1000.01"))
    assert problem.code == "not_enough" and problem.says.values["left"] == 1000
    assert db.session.scalar(sa.select(sa.func.count(Lot.id))) == 0 and totals_of_line(world.line.id).left == 1000


def test_the_year_of_the_purchase_pays(db, world):
    old = make_source(world.tree.county, "上年经费", 500, year=2025)
    before = make_budget(world.tree.county, [line_values(amounts={old: 500})], year=2025).lines["夏季送清凉"]
    before.code = world.line.code
    db.session.commit()
    bought = buy(world, bought_on=date(2025, 12, 31))
    assert bought.budget_line_id == before.id and totals_of_line(before.id).spent == 100
    assert totals_of_line(world.line.id).spent == 0


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"quantity": 0}, "quantity", "quantity"),
        ({"bought_on": date(2026, 7, 9)}, "future", "bought_on"),
        ({"expires_on": None}, "no_expiry", "expires_on"),
        ({"expires_on": date(2026, 7, 7)}, "expired", "expires_on"),
    ],
)
def test_what_cannot_be_entered_is_said_beside_its_field(world, changes, code, field):
    [problem] = refused(buy, world=world, **changes)
    assert (problem.code, problem.field) == (code, field)


def test_goods_good_on_the_day_they_were_bought_are_taken(world):
    assert buy(world, expires_on=date(2026, 7, 8)).quantity == 10


def test_nobodys_money_buys_for_somebody_elses_station(world):
    other = make_line(world.tree.sibling_county, 1000)
    assert refused(buy, world=world, budget_line=other)[0].code == "line"
    city = make_line(world.tree.city, 1000)
    assert buy(world, budget_line=city).budget_line_id == city.id
    for federation in (world.tree.federation_county, world.tree.federation_city):  # those of its county and of its city
        line = make_line(federation, 1000)
        assert buy(world, budget_line=line).budget_line_id == line.id
    town = make_station(union=world.tree.sibling_county)
    own = make_line(world.tree.federation_county, 1000, year=2025)
    assert refused(buy, world=world, station=town, budget_line=own)[0].code == "line"


def test_goods_of_another_branch_are_not_bought(world):
    assert refused(buy, world=world, item=make_supply(world.tree.foreign_county))[0].code == "item"


def test_the_same_voucher_twice_is_refused_in_words(world):
    buy(world, voucher_number="记-7")
    assert refused(buy, world=world, voucher_number="记-7")[0].code == "voucher_known"
    buy(world, voucher_number="记-7", item=make_supply(world.tree.county))  # another line of the same voucher
    # and it is said before the money is asked, which would name the wrong reason
    assert refused(buy, world=world, voucher_number="记-7", total=Decimal(5000))[0].code == "voucher_known"


def row_of(world, bought, **changes) -> Purchase:
    known = {column.name: getattr(bought, column.name) for column in Purchase.__table__.columns}
    return Purchase(**known | {"id": new_id(), "voucher_number": "other"} | changes)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"voucher_number": "记-7"}, "uq_purchases_voucher"),
        ({"quantity": 0}, "ck_purchases_quantity_counts"),
        ({"unit_price": Decimal("-1")}, "ck_purchases_price_not_negative"),
        ({"total": Decimal(0)}, "ck_purchases_total_positive"),
        ({"reversed_at": NOON}, "ck_purchases_reversal_whole"),
    ],
)
def test_the_database_refuses_by_name(db, world, changes, constraint):
    bought = buy(world, voucher_number="记-7")
    with pytest.raises(IntegrityError, match=constraint), db.session.begin_nested():
        db.session.add(row_of(world, bought, **changes))


def test_of_two_who_enter_the_same_voucher_at_once_one_is_told(app, db, world):
    ids, outcomes = (world.station.id, world.goods.id, world.line.id), []
    db.session.commit()
    ready = Barrier(2, timeout=20)

    def enter() -> None:
        with app.app_context(), clock.stopped_at(NOON):
            station, item, line = (
                db.session.get(model, key) for model, key in zip((Station, SupplyItem, BudgetLine), ids, strict=True)
            )
            values = values_of(station, item, line, voucher_number="记-7")
            ready.wait()
            try:
                commands.buy(**values, by=SYSTEM)
                db.session.commit()
                outcomes.append("bought")
            except Refused as error:
                db.session.rollback()
                outcomes.append(error.problems[0].code)

    threads = [Thread(target=enter) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join(timeout=30) for thread in threads]
    assert sorted(outcomes) == ["bought", "voucher_known"]
    assert totals_of_line(ids[2]).spent == 100


# --- taking back ---------------------------------------------------------------------------------------------------


def test_taken_back_money_and_goods_return(db, world):
    bought = buy(world, voucher_number="记-7")
    commands.reverse_purchase(purchase=bought, reason="录错了", by=SYSTEM)
    totals = totals_of_line(world.line.id)
    assert (totals.left, totals.spent) == (1000, 0)
    assert db.session.get(Lot, bought.lot_id).on_hand == 0
    assert refused(commands.reverse_purchase, purchase=bought, reason="再来", by=SYSTEM)[0].code == "reversed"
    assert buy(world, voucher_number="记-7").quantity == 10  # the voucher may be entered rightly now


def test_what_was_given_meanwhile_stays_bought(db, world):
    bought = buy(world)
    supplies.hand_out(station_id=world.station.id, supply_item_id=world.goods.id, quantity=1,
                      cause=StockCause("deliveries", str(new_id())), by=SYSTEM)  # fmt: skip
    [problem] = refused(commands.reverse_purchase, purchase=bought, reason="退货", by=SYSTEM)
    assert problem.code == "used" and problem.says.values == {"left": 9, "quantity": 10}
    assert totals_of_line(world.line.id).spent == 100


def test_other_goods_on_the_shelf_do_not_stand_in(world):
    bought = buy(world)
    put_in_stock(world.station, world.goods, 5, days=400)
    supplies.hand_out(station_id=world.station.id, supply_item_id=world.goods.id, quantity=1,
                      cause=StockCause("deliveries", str(new_id())), by=SYSTEM)  # fmt: skip
    assert refused(commands.reverse_purchase, purchase=bought, reason="退货", by=SYSTEM)[0].code == "used"


def test_what_is_paid_is_refunded_first(db, world):
    source = make_source(world.tree.city, "市级经费", 1000, cash=1000)
    line = make_budget(world.tree.city, [line_values(amounts={source: 1000})]).lines["夏季送清凉"]
    bought = make_purchase(world.station, world.goods, line)
    assert commands.pay(purchase=bought, by=SYSTEM) == 100
    assert refused(commands.reverse_purchase, purchase=bought, reason="退货", by=SYSTEM)[0].code == "paid"
    assert commands.refund(purchase=bought, by=SYSTEM) == 100
    commands.reverse_purchase(purchase=bought, reason="退货", by=SYSTEM)
    assert totals_of_line(line.id).left == 1000
