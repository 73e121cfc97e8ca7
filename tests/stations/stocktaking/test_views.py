"""Counting, sending, losing and writing off in the browser, the book with its filters, and what waits for a keeper."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.stations.stocktaking import commands, queries
from portal.stations.stocktaking.models import StockTransfer, WriteOff
from portal.stations.supplies import commands as stock
from portal.stations.supplies.models import Lot
from portal.stations.supplies.queries import stock_of
from portal.stations.supplies.rules import StockCause
from tests.client import count_statements
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.supplies import make_shelf, make_supply, put_in_stock
from tests.factories.unions import small_tree


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def station(tree):
    return make_station(union=tree.county)


@pytest.fixture
def home(station) -> str:
    return f"/staff/stations/{station.code}/supplies"


@pytest.fixture
def item(tree):
    return make_supply(tree.city, "矿泉水")


def keeper_of(app, *unions):
    """A keeper's browser, in English."""
    browser = app.test_client()
    account = make_account(roles=[("keeper", union) for union in unions], name="王站长")
    with app.test_request_context():
        sign_in_quickly(browser, account)
    browser.set_cookie("language", "en")
    return browser


@pytest.fixture
def keeper(app, tree):
    return keeper_of(app, tree.county)


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def expire(db, lot: Lot) -> None:
    """Make a lot past its date, as a day that went by would."""
    yesterday = clock.today() - timedelta(days=1)
    db.session.execute(sa.update(Lot).where(Lot.id == lot.id).values(expires_on=yesterday, received_on=yesterday))
    db.session.commit()


def test_the_book_follows_the_count(station, item, home, keeper, db):
    put_in_stock(station, item, 10)
    address = f"{home}/items/{item.code}"
    assert "The book says" in text_of(keeper.get(f"{address}/count"))
    wrong = keeper.send(f"{address}/count", {"counted": "-3", "note": "周五"})
    assert wrong.status_code == 422 and 'value="周五"' in text_of(wrong)
    assert keeper.send(f"{address}/count", {"counted": "8", "note": "周五"}).status_code == 303
    page = text_of(keeper.get(address))
    assert "the book said 10" in page and "now says the same as the shelf" in page and "周五" in page
    assert keeper.send(f"{address}/count", {"counted": "8"}).status_code == 303
    assert "as the book says" in text_of(keeper.get(address))


def test_a_count_without_any_lot_asks_for_the_date(station, item, home, keeper):
    answer = keeper.send(f"{home}/items/{item.code}/count", {"counted": "8"})
    assert answer.status_code == 422 and "The book has no lot left" in text_of(answer)


def test_both_sides_of_a_transfer(app, tree, station, item, home, keeper):
    other = make_station(union=tree.sibling_county, name="隔壁驿站")
    theirs = keeper_of(app, tree.sibling_county)
    put_in_stock(station, item, 10)
    address = f"{home}/items/{item.code}/send"
    assert 'list="near"' in text_of(keeper.get(address))
    unknown = keeper.send(address, {"to": "000000-0000", "quantity": "4"})
    assert unknown.status_code == 422 and "No station has this code" in text_of(unknown)
    sent = keeper.send(address, {"to": other.code, "quantity": "4", "note": "周末用"})
    assert sent.status_code == 303
    assert "may be taken back" in text_of(keeper.get(sent.location))
    ident = StockTransfer.query.one().id
    there = f"/staff/stations/{other.code}/supplies/transfers/{ident}"
    assert "What arrived" in text_of(theirs.get(there))
    assert "矿泉水" in text_of(theirs.get("/staff/supplies")) and "Stock to confirm" in text_of(theirs.get("/staff"))
    elsewhere = keeper_of(app, tree.foreign_county)
    assert "No stock waits for you" in text_of(elsewhere.get("/staff/supplies"))
    assert "Stock to confirm" not in text_of(elsewhere.get("/staff"))
    assert keeper.get(there).status_code == 404  # each side through its own station
    silent = theirs.send(f"{there}/receive", {"received": "3"})
    assert silent.status_code == 422 and "what happened to the rest" in text_of(silent)
    assert theirs.send(f"{there}/receive", {"received": "3", "note": "路上破了一瓶"}).status_code == 303
    assert "3 arrived" in text_of(theirs.get(there)) and "3 arrived" in text_of(keeper.get(f"{home}/transfers"))
    assert stock_of(other.id)[item.id].usable == 3
    assert "No stock waits for you" in text_of(theirs.get("/staff/supplies"))
    late = keeper.send(f"{home}/transfers/{ident}/call-back")
    assert late.status_code == 422 and "settled already" in text_of(late)


def test_the_sender_takes_it_back(tree, station, item, home, keeper):
    other = make_station(union=tree.county)
    put_in_stock(station, item, 10)
    sent = keeper.send(f"{home}/items/{item.code}/send", {"to": other.code, "quantity": "4"})
    assert keeper.send(f"{sent.location}/call-back").status_code == 303
    assert "taken back" in text_of(keeper.get(sent.location)) and stock_of(station.id)[item.id].usable == 10


def test_one_asks_another_confirms(app, tree, station, item, home, keeper, db):
    lot = put_in_stock(station, item, 5)
    expire(db, lot)
    second = keeper_of(app, tree.county)
    address = f"{home}/lots/{lot.id}"
    elsewhere = keeper_of(app, tree.sibling_county)  # nothing of it waits for keepers of other unions
    assert "No stock waits for you" in text_of(elsewhere.get("/staff/supplies"))
    assert "Stock to confirm" in text_of(keeper.get("/staff")) and "Stock to confirm" not in text_of(elsewhere.get("/staff"))
    page = text_of(keeper.get(address))
    assert "past its date, blocked" in page and "Ask for it" in page and "Lost or damaged" not in page
    assert "Past the date" in text_of(keeper.get("/staff/supplies"))
    bare = keeper.send(f"{address}/write-off", {"quantity": "5"})
    assert bare.status_code == 422 and "Say in a few words what happens to it" in text_of(bare)
    assert keeper.send(f"{address}/write-off", {"quantity": "5", "reason": "过期销毁"}).status_code == 303
    assert "No stock waits for you" in text_of(elsewhere.get("/staff/supplies"))
    assert "Stock to confirm" in text_of(second.get("/staff")) and "Stock to confirm" not in text_of(elsewhere.get("/staff"))
    ident = WriteOff.query.one().id
    own = keeper.send(f"{home}/write-offs/{ident}/decide", {"decision": "confirm"})
    assert own.status_code == 422 and "You asked for this yourself" in text_of(own)
    assert "I saw it" in text_of(second.get(address)) and "I saw it" not in text_of(keeper.get(address))
    assert second.send(f"{home}/write-offs/{ident}/decide", {"decision": "confirm"}).status_code == 303
    assert db.session.get(Lot, lot.id).on_hand == 0
    assert "Written off after its date" in text_of(keeper.get(f"{home}/book"))


def test_a_loss_and_a_mistyped_date(station, item, home, keeper, db):
    lot = put_in_stock(station, item, 5, days=9)
    address = f"{home}/lots/{lot.id}"
    refused = keeper.send(f"{address}/lose", {"lost": "6", "lost_reason": "摔坏"})
    assert refused.status_code == 422 and "5 盒 are left here" in text_of(refused) and 'value="摔坏"' in text_of(refused)
    assert keeper.send(f"{address}/lose", {"lost": "2", "lost_reason": "摔坏"}).status_code == 303
    later = (clock.today() + timedelta(days=90)).isoformat()
    assert keeper.send(f"{address}/correct", {"expires_on": later, "lot_number": "B7", "reason": "录错"}).status_code == 303
    page = text_of(keeper.get(address))
    assert "B7" in page and "摔坏" in page


def test_the_book_with_filters_pages_and_export(station, tree, item, home, keeper, db):
    other = make_supply(tree.county, "毛巾")
    put_in_stock(station, item, 60)
    put_in_stock(station, other, 5)
    assert "The book is empty" in text_of(keeper.get(f"/staff/stations/{make_station(union=tree.county).code}/supplies/book"))
    for number in range(52):
        cause = StockCause("deliveries", str(number))
        stock.hand_out(station_id=station.id, supply_item_id=item.id, quantity=1, cause=cause, by=SYSTEM)
    db.session.commit()
    page = text_of(keeper.get(f"{home}/book"))
    assert page.count("Handed out") > 49 and "Next rows" in page and "毛巾" not in page.split("<tbody>")[1]
    assert "毛巾" in text_of(keeper.get(f"{home}/book?item={other.code}")).split("<tbody>")[1]
    only = text_of(keeper.get(f"{home}/book?kind=opening&first={clock.today()}&last={clock.today()}")).split("<tbody>")[1]
    assert only.count("<tr>") == 2
    assert "Nothing in the book matches" in text_of(keeper.get(f"{home}/book?last=1999-01-01&first=0001-01-01"))
    assert keeper.get(f"{home}/book/export?item={item.code}").data[:2] == b"PK"


def test_what_was_given_beside_the_book_waits_for_a_count(app, tree, station, item, keeper, db):
    put_in_stock(station, item, 1)
    cause = StockCause("deliveries", "1")
    stock.hand_out(station_id=station.id, supply_item_id=item.id, quantity=3, cause=cause, by=SYSTEM, late=True)
    db.session.commit()
    assert "Given beside the book" in text_of(keeper.get("/staff/supplies"))
    assert "No stock waits for you" in text_of(keeper_of(app, tree.sibling_county).get("/staff/supplies"))
    commands.count(station=station, item=item, counted=0, by=SYSTEM)
    db.session.commit()
    assert "No stock waits for you" in text_of(keeper.get("/staff/supplies"))


def test_a_lot_tells_its_story_by_when_it_happened(station, item, home, keeper, db):
    with clock.stopped_at(clock.now() - timedelta(days=9)):
        lot = put_in_stock(station, item, 9)
    for number, days in enumerate((2, 5)):  # the older one was on paper and is entered last
        stock.hand_out(station_id=station.id, supply_item_id=item.id, quantity=number + 1, by=SYSTEM,
                       cause=StockCause("deliveries", str(number)), late=True, at=clock.now() - timedelta(days=days))  # fmt: skip
    db.session.commit()
    assert [entry.movement.quantity for entry in queries.list_of_lot(lot.id)] == [1, 2, 9]


def test_what_came_in_leads_to_purchases_and_transfers(station, home, keeper):
    page = text_of(keeper.get(f"{home}/receive"))
    assert f'href="/purchases/new?station={station.code}"' in page and f'href="{home}/transfers"' in page


def test_what_waits_costs_the_same_for_one_station_and_for_many(tree, station, keeper, db):
    make_shelf(station, tree.county, "甲")
    counts = {}
    for addition in (1, 3):
        for number in range(addition):
            make_shelf(make_station(union=tree.county), tree.county, f"{addition}-{number}")
        for address in ("/staff/supplies", f"/staff/stations/{station.code}/supplies"):
            counts.setdefault(address, []).append(count_statements(lambda to=address: keeper.get(to)))
    assert all(first == second and second <= 20 for first, second in counts.values()), counts
