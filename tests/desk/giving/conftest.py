"""What the tests of giving share: a station with goods on its shelf, a programme that gives them, a signed-in operator."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest

from portal import clock
from portal.access import Role
from portal.vocabulary import BasicService
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.supplies import make_supply, put_in_stock
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme
from tests.factories.workers import make_worker

PHONE = "13800138000"


@pytest.fixture
def noon():
    """The clock stands at noon in Shanghai, so that no test meets midnight."""
    with clock.stopped_at(today_at(12)):
        yield


def today_at(hour: int):
    """A moment of today in Shanghai."""
    return clock.start_of(clock.today()) + timedelta(hours=hour)


COUNTER = {"HX-Request": "true", "HX-Target": "counter"}


@pytest.fixture
def place(db):
    """A county's station; `offer(...)` opens a programme there, by default of goods, `stock` of them on the shelf."""
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站", services=[BasicService.REST, BasicService.DRINKING_WATER],
                           default_service=BasicService.DRINKING_WATER)  # fmt: skip
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    worker = make_worker(name="李自强", phone=PHONE)
    made = SimpleNamespace(tree=tree, station=station, operator=operator, worker=worker, address=f"/desk/{station.code}")

    def offer(name="防暑包", stock=12, rule=None, item=None, **values):
        supply = make_supply(tree.county, name) if stock is not None else None
        if stock:
            put_in_stock(station, supply, stock)
        given = make_item(tree.county, name, supply_item_id=supply.id if supply else None, **item or {})
        return make_programme(tree.county, given, stations=(station,), rule=rule, **{"name": name} | values)

    made.offer = offer
    return made


@pytest.fixture
def desk(client, place):
    """A client signed in as the operator, in English, with the desk open."""
    sign_in_quickly(client, place.operator)
    client.set_cookie("language", "en")
    assert client.get(place.address).status_code == 200
    return client


@pytest.fixture
def card(desk, place):
    """A function that opens somebody's card by phone and answers the counter."""

    def find(typed=PHONE):
        return desk.send(f"{place.address}/look-up", {"who": typed}, headers=COUNTER).text

    return find


def tile_of(page: str, programme) -> str:
    """The button of a programme on a card, up to the next one."""
    found = re.search(rf'id="gift-{programme.code}".*?(?=id="gift-|class="card-tools"|$)', page, flags=re.DOTALL)
    return found.group(0) if found else ""


def give(desk, place, programme, *, key=None, headers=None, **fields):
    """Tap the button of a programme for the worker of the place."""
    data = {"worker": str(place.worker.id)} | {name: value for name, value in fields.items() if value is not None}
    return desk.send(f"{place.address}/programmes/{programme.code}/give", data, key=key, headers=headers or {})
