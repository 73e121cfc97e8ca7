"""The catalogue and a station's supplies in the browser: what a keeper enters is there, what is wrong stays typed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import clock
from portal.access import SYSTEM
from portal.stations.supplies import commands, queries
from portal.stations.supplies.models import SupplyItem, SupplyKind
from portal.stations.supplies.rules import StockCause
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.supplies import make_kit, make_supply, put_in_stock
from tests.factories.unions import small_tree


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def station(tree):
    return make_station(union=tree.county)


@pytest.fixture
def keeper(tree, client):
    account = make_account(roles=[("keeper", tree.county)])
    sign_in_quickly(client, account)
    client.set_cookie("language", "en")
    return account


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def test_the_empty_catalogue_says_what_to_do_first_and_an_item_is_added(tree, keeper, client, db):
    assert "The catalogue is empty" in text_of(client.get("/supplies"))
    values = {"union_id": str(tree.county.id), "name": "遮阳帽", "unit": "顶", "kind": "goods", "warn_days": "20"}
    answer = client.send("/supplies/new", values)
    assert answer.status_code == 303, text_of(answer)
    page = text_of(client.get("/supplies"))
    assert "遮阳帽" in page and "has no date" in page and "is in the catalogue" in page
    again = client.send("/supplies/new", values | {"unit": "件"})
    assert again.status_code == 422 and "of this name already" in text_of(again) and 'value="件"' in text_of(again)
    item = db.session.query(SupplyItem).one()
    changed = client.send(f"/supplies/{item.code}", {"name": "草帽", "unit": "顶", "warn_days": "7", "expires": "y"})
    assert changed.status_code == 303
    item = db.session.query(SupplyItem).one()
    assert (item.name, item.expires, item.warn_days, item.kind) == ("草帽", True, 7, SupplyKind.GOODS)


def test_a_pack_is_made_of_things_not_of_packs(tree, keeper, client, db):
    towel = make_supply(tree.city, "毛巾")
    kit = make_kit(tree.county, {towel: 1}, "清凉包")
    values = {"union_id": str(tree.county.id), "name": "关爱礼包", "unit": "份", "kind": "kit", "warn_days": "0"}
    empty = client.send("/supplies/new", values)
    assert empty.status_code == 422 and "what is in the pack" in text_of(empty)
    offered = text_of(client.get("/supplies/new"))
    assert str(towel.id) in offered and str(kit.id) not in offered
    made = client.send("/supplies/new", values | {"part_1": str(towel.id), "pieces_1": "2", "part_2": str(towel.id)})
    assert made.status_code == 303
    item = db.session.query(SupplyItem).filter_by(name="关爱礼包").one()
    assert [(part.name, quantity) for part, quantity in queries.parts_of([item.id])[item.id]] == [("毛巾", 3)]
    assert f'selected value="{towel.id}"' in text_of(client.get(f"/supplies/{item.code}"))


def test_items_from_above_are_read_and_those_elsewhere_are_not_there(tree, keeper, client):
    above, foreign = make_supply(tree.city, "市里的水"), make_supply(tree.foreign_county, "别处的水")
    page = text_of(client.get("/supplies"))
    assert above.name in page and foreign.name not in page and f"/supplies/{above.code}" not in page
    for item in (above, foreign):
        assert client.get(f"/supplies/{item.code}").status_code == 404
        assert client.send(f"/supplies/{item.code}/close").status_code == 404


def test_an_item_is_closed_and_stocked_again(tree, keeper, client):
    item = make_supply(tree.county, "口罩")
    closed = client.send(f"/supplies/{item.code}/close")
    assert "No longer stocked since" in text_of(client.get(closed.location))
    assert "口罩" not in text_of(client.get("/supplies"))
    assert "口罩" in text_of(client.get("/supplies?shown=closed"))
    make_supply(tree.county, "口罩")
    client.send(f"/supplies/{item.code}/close")
    assert "of this name already" in text_of(client.get(f"/supplies/{item.code}"))


def test_the_first_box_is_entered_and_stands_on_the_page(tree, station, keeper, client):
    item = make_supply(tree.city, "电解质饮料")
    home = f"/staff/stations/{station.code}/supplies"
    assert "Nothing is in stock here yet" in text_of(client.get(home))
    values = {
        "item": item.code,
        "kind": "donation",
        "quantity": "24",
        "received_on": clock.today().isoformat(),
        "note": "某企业捐赠",
    }
    missing = client.send(f"{home}/receive", values)
    assert missing.status_code == 422 and "Say until when it is good" in text_of(missing) and 'value="24"' in text_of(missing)
    until = clock.today() + timedelta(days=10)
    assert client.send(f"{home}/receive", values | {"expires_on": until.isoformat()}).status_code == 303
    page = text_of(client.get(home))
    assert "电解质饮料" in page and "24 盒" in page and "24 盒 expire soon" in page
    detail = text_of(client.get(f"{home}/items/{item.code}"))
    assert "may be given" in detail and "seven days of the last 28" in detail


def test_how_long_it_lasts_is_said_with_how_it_is_reckoned(tree, station, keeper, client):
    item = make_supply(tree.county, "藿香正气液")
    noon = clock.start_of(clock.today()) + timedelta(hours=12)
    with clock.stopped_at(noon - timedelta(days=30)):
        put_in_stock(station, item, 62, days=400)
    for day in range(1, 29):
        with clock.stopped_at(noon - timedelta(days=day)):
            cause = StockCause("deliveries", str(day))
            commands.hand_out(station_id=station.id, supply_item_id=item.id, quantity=2, cause=cause, by=SYSTEM)
    from portal.db import db

    db.session.commit()
    runs_out = queries.stock_of(station.id)[item.id].runs_out
    assert (runs_out.on, str(runs_out.per_day), runs_out.days) == (clock.today() + timedelta(days=3), "2.0", 28)
    page = text_of(client.get(f"/staff/stations/{station.code}/supplies"))
    assert f"Runs out on {runs_out.on:%A}" in page and "6 盒 left" in page
    detail = text_of(client.get(f"/staff/stations/{station.code}/supplies/items/{item.code}"))
    assert "From real use in the last 28 days: 2 a calendar day" in detail


def test_water_is_put_out(tree, station, keeper, client):
    water = make_supply(tree.county, "瓶装水", kind=SupplyKind.SELF_TAKEN)
    put_in_stock(station, water, 24)
    address = f"/staff/stations/{station.code}/supplies/items/{water.code}"
    assert "Put out to be taken" in text_of(client.get(address))
    assert client.send(f"{address}/refill", {"refilled": "20"}).status_code == 303
    refused = client.send(f"{address}/refill", {"refilled": "5"})
    assert refused.status_code == 422 and "4 盒 are left here; 5 were asked" in text_of(refused)
    assert "4" in text_of(client.get(address))
    goods = make_supply(tree.county)
    other = client.send(f"/staff/stations/{station.code}/supplies/items/{goods.code}/refill", {"refilled": "5"})
    assert other.status_code == 422 and "Only what people take themselves" in text_of(other)


def test_items_of_other_unions_are_not_found_at_a_station(tree, station, keeper, client):
    foreign, elsewhere = make_supply(tree.foreign_county), make_station(union=tree.foreign_county)
    assert client.get(f"/staff/stations/{station.code}/supplies/items/{foreign.code}").status_code == 404
    assert client.get(f"/staff/stations/{elsewhere.code}/supplies").status_code == 404
