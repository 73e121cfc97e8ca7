"""Hand-outs, group visits, corrections and paper as the operator and the keeper meet them, without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import By, Role
from portal.db import db as database
from portal.stations.visits import commands as visits
from portal.vocabulary import BasicService, Occupation
from tests.factories.handouts import make_discrepancy, make_group, make_handout, make_photo, make_sheet
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

PHONE = "13800138000"


@pytest.fixture
def world(app, client):
    tree = small_tree()
    station, foreign = make_station(union=tree.county), make_station(union=tree.foreign_county)
    account = make_account(roles=[(Role.OPERATOR, tree.county)])
    make_worker(phone=PHONE, confirmed=True)
    sign_in_quickly(client, account)
    return SimpleNamespace(tree=tree, station=station, code=station.code, foreign=foreign, by=By("staff", account.id),
                           here=f"/desk/{station.code}", unions=(tree.city.id,))  # fmt: skip


def keeper_of(app, world, union=None):
    client = app.test_client()
    sign_in_quickly(client, make_account(roles=[(Role.KEEPER, union or world.tree.county)]))
    return client


def rows(sql: str):
    database.session.rollback()
    return database.session.execute(sa.text(sql)).all()


def test_a_handout_from_opening_to_closing(client, world):
    client.get(f"{world.here}/handouts")
    begun = client.send(f"{world.here}/handouts", {"title": "防暑包", "service": "other", "quantity": "2", "one_per_person": "y"})
    assert begun.status_code == 303
    show = begun.location
    assert 'id="given"' in client.get(show).text
    given = client.send(f"{show}/gifts", {"who": PHONE})
    page = client.get(given.location).text
    assert 'class="big green"' in page and "李*强" in page
    again = client.send(f"{show}/gifts", {"who": PHONE})
    assert again.status_code == 422 and 'class="big amber"' in again.text
    assert client.send(f"{show}/gifts", {"occupation": "courier"}).status_code == 303
    empty = client.send(f"{show}/gifts", {"occupation": "courier"})
    assert empty.status_code == 422 and 'class="big red"' in empty.text
    gift = re.search(r"gift=([\w-]+)", given.location)[1]
    undone = client.send(f"{show}/undo", {"gift": gift})
    assert "big grey" in client.get(undone.location).text
    assert client.send(f"{show}/close").status_code == 303
    assert client.send(f"{show}/gifts", {"occupation": "courier"}).status_code == 422
    assert [(row.given, row.closed_at is not None) for row in rows("SELECT given, closed_at FROM handouts")] == [(1, True)]


def test_a_retry_of_a_gift_is_one(client, world):
    here = f"{world.here}/handouts/{make_handout(world.station, world.by).id}"
    answers = [client.send(f"{here}/gifts", {"occupation": "courier"}, key="one and the same") for _ in range(3)]
    assert len({answer.location for answer in answers}) == 1
    assert len(rows("SELECT FROM handout_gifts")) == 1


def test_what_cannot_be_opened_keeps_what_was_typed(client, world):
    answer = client.send(f"{world.here}/handouts", {"title": "防暑包", "service": "other", "quantity": "0"})
    assert answer.status_code == 422 and 'value="防暑包"' in answer.text


def test_a_group_visit_with_its_sheet_and_back(client, app, world):
    client.get(f"{world.here}/groups/new")
    typed = {"day": clock.today().isoformat(), "time": "00:00", "given": "饮用水和毛巾", "service": "other",
             "place": "中州大道工地", "heads_courier": "7", "heads_truck_driver": "5"}  # fmt: skip
    refused = client.send(f"{world.here}/groups/new", typed | {"time": "soon"})
    assert refused.status_code == 422 and "中州大道工地" in refused.text and 'value="7"' in refused.text
    photo = {"photo": (make_photo(), "sheet.png")}
    entered = client.send(f"{world.here}/groups/new", typed | photo, content_type="multipart/form-data")
    page = client.get(entered.location).text
    assert "12" in page and "饮用水和毛巾" in page
    assert client.get(f"{entered.location}/photo").mimetype == "image/jpeg"
    assert len(rows("SELECT FROM visits WHERE source = 'group'")) == 12
    assert client.send(f"{entered.location}/reverse", {"reason": ""}).status_code == 422
    assert client.send(f"{entered.location}/reverse", {"reason": "wrong day"}).status_code == 303
    assert len(rows("SELECT FROM visit_reversals")) == 12
    assert client.get(f"{world.here}/groups/sheet").status_code == 200


def log(world, at):
    with clock.stopped_at(at):
        return visits.log_visit(
            station_code=world.code, service=BasicService.REST, worker_id=None, occupation=Occupation.COURIER,
            key=f"key-{at.timestamp()}", unions=world.unions, by=world.by,
        ).line_id  # fmt: skip


def test_a_line_is_corrected_with_a_reason(client, app, world):
    line, old = log(world, clock.now()), log(world, clock.now() - timedelta(days=3))
    here = f"{world.here}/corrections"
    assert client.get(f"{here}/{line}").status_code == 200
    assert client.send(f"{here}/{line}", {"reason": " "}).status_code == 422
    assert client.send(f"{here}/{line}", {"reason": "wrong tile"}).status_code == 303
    assert client.send(f"{here}/{line}", {"reason": "wrong tile"}).status_code == 422
    assert client.send(f"{here}/{old}", {"reason": "wrong tile"}).status_code == 422, "earlier days are the keeper's"
    keeper = keeper_of(app, world)
    keeper.get(f"{here}/{old}")
    assert keeper.send(f"{here}/{old}", {"reason": "wrong tile"}).status_code == 303
    assert len(rows("SELECT FROM visit_reversals")) == 2


def sheet(world, **changes):
    day = clock.today() - timedelta(days=1)
    typed = {"serial": f"{world.code}-0001", "day": day.isoformat(), "total": "", "handout": ""}
    for number in range(1, 31):
        typed |= {f"time-{number}": "", f"occupation-{number}": "courier", f"service-{number}": "rest", f"heads-{number}": "",
                  f"who-{number}": ""}  # fmt: skip
    return typed | changes


def test_a_sheet_keeps_everything_typed_until_it_can_be_read(client, world):
    client.get(f"{world.here}/paper/new")
    typed = sheet(world, **{"time-1": "9：05", "heads-1": "4", "time-30": "25:00", "who-30": "1234", "total": "5"})
    refused = client.send(f"{world.here}/paper/new", typed)
    assert refused.status_code == 422
    for kept in ('value="9：05"', 'value="25:00"', 'value="1234"', 'value="4"'):
        assert kept in refused.text
    assert rows("SELECT FROM visits") == []
    entered = client.send(f"{world.here}/paper/new", typed | {"time-30": "10:00"})
    assert entered.status_code == 303 and "9:05" in client.get(entered.location).text.replace("09:05", "9:05")
    assert len(rows("SELECT FROM visits WHERE source = 'paper'")) == 5
    assert len(rows("SELECT FROM entry_discrepancies")) == 1
    again = client.send(f"{world.here}/paper/new", typed | {"time-30": "10:00"})
    assert again.status_code == 422 and len(rows("SELECT FROM visits")) == 5
    assert f"{world.code}-0001" in client.get(f"{world.here}/paper").text


def test_the_keeper_searches_and_settles(app, world):
    one = make_discrepancy(world.station, world.by)
    other = make_discrepancy(world.foreign, world.by)
    keeper = keeper_of(app, world)
    listed = keeper.get("/staff/discrepancies").text
    assert str(one.id) in listed and str(other.id) not in listed
    assert str(one.id) not in keeper.get("/staff/discrepancies?q=nowhere").text
    assert str(one.id) in keeper.get(f"/staff/discrepancies?q={world.code}&kind=unknown_card").text
    assert "/staff/discrepancies" in keeper.get("/staff").text
    assert keeper.get(f"/staff/discrepancies/{other.id}").status_code == 404
    here = f"/staff/discrepancies/{one.id}"
    keeper.get(here)
    assert keeper.send(here, {"note": ""}).status_code == 422
    assert keeper.send(here, {"note": "asked; the card was lost"}).status_code == 303
    assert str(one.id) not in keeper.get("/staff/discrepancies").text
    assert str(one.id) in keeper.get("/staff/discrepancies?state=settled").text
    assert keeper.send(here, {"note": "again"}).status_code == 422


def test_pages_of_discrepancies_go_on(app, world):
    ids = [str(make_discrepancy(world.station, world.by).id) for _ in range(53)]
    keeper = keeper_of(app, world)
    first = keeper.get("/staff/discrepancies").text
    after = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    second = keeper.get(after).text
    assert [one for one in ids if one in first] == ids[3:] and [one for one in ids if one in second] == ids[:3]


def test_everything_of_another_union_is_not_there(client, world):
    mine, foreign = world.station, world.foreign
    things = {
        "handouts": make_handout(foreign, world.by).id, "groups": make_group(foreign, world.by).id,
        "paper": make_sheet(foreign, world.by).id,
    }  # fmt: skip
    for kind, ident in things.items():
        assert client.get(f"/desk/{foreign.code}/{kind}/{ident}").status_code == 404
        assert client.get(f"/desk/{mine.code}/{kind}/{ident}").status_code == 404, "another station's thing under one's own"
    client.get(f"/desk/{mine.code}/handouts")
    assert client.send(f"/desk/{mine.code}/handouts/{things['handouts']}/gifts", {"occupation": "courier"}).status_code == 404
