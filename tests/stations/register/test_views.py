"""What the public and the staff see of the register, over HTTP."""

from __future__ import annotations

import re
from datetime import datetime
from io import BytesIO

import pytest
import sqlalchemy as sa

from portal import clock
from portal.audit import AuditEntry
from portal.clock import SHANGHAI
from portal.stations.finding.queries import PUBLIC_LIMIT
from portal.stations.register import queries
from portal.stations.register.models import CoordinateSystem, Facility, Station, StationStatus
from portal.vocabulary import BasicService
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station, weekly
from tests.factories.unions import small_tree

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=SHANGHAI)


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def english(client):
    client.set_cookie("language", "en")
    return client


@pytest.fixture
def keeper(tree, english):
    account = make_account([("keeper", tree.county)])
    sign_in_quickly(english, account)
    return account


def body(response) -> str:
    return response.get_data(as_text=True)


def form(**changes):
    """What a browser sends from the station form."""
    values = {
        "name": "文化路驿站",
        "kind": "care_station",
        "union_code": "410105",
        "county_code": "410105",
        "town_code": "",
        "address": "文化路 97 号",
        "hours": "周一至周五 08:30-12:00,13:00-17:30",
        "phones": "0371-65506000",
        "facilities": ["drinking_water", "microwave"],
        "services": ["rest", "drinking_water"],
        "host_name": "邮政储蓄银行",
        "build_mode": "jointly_built",
        "tier": "station",
        "grade": "basic",
        "default_service": "",
        "carriageway": "",
        "area_m2": "20",
        "capacity": "12",
        "opened_on": "2025-05-01",
        "lng": "113.665412",
        "lat": "34.757977",
        "crs": "gcj02",
        "source": "",
        "status": "open",
    }
    return values | changes


# --- the public's list -------------------------------------------------------------------------------


def test_the_list_says_who_is_open(english, tree):
    make_station(union=tree.county, name="白天驿站", hours=weekly((510, 1320)))
    make_station(union=tree.county, name="午休驿站", hours=weekly((510, 720), (780, 1050)))
    make_station(union=tree.county, name="通宵驿站")
    make_station(union=tree.county, name="维修驿站", status=StationStatus.UNDER_REPAIR)
    make_station(union=tree.county, name="规划驿站", status=StationStatus.PLANNED)
    make_station(union=tree.county, name="撤销驿站", status=StationStatus.WITHDRAWN)
    with clock.stopped_at(NOON):
        page = body(english.get("/stations"))
        for sentence in ("Open until 22:00", "Opens today at 13:00", "Open around the clock", "Under repair"):
            assert sentence in page
        assert "规划驿站" not in page
        assert "撤销驿站" not in page
        open_now = body(english.get("/stations?open=1"))
        assert "白天驿站" in open_now and "通宵驿站" in open_now
        assert "午休驿站" not in open_now and "维修驿站" not in open_now
        assert "白天驿站" not in body(english.get("/stations?all-day=1"))
        assert "通宵驿站" in body(english.get("/stations?all-day=1"))


def test_the_list_is_searched_and_filtered(english, tree):
    make_station(union=tree.county, name="花园路驿站", facilities=[Facility.SHOWER])
    make_station(union=tree.foreign_county, name="丽景门驿站", address="九都路 1 号", is_demo=True)
    assert "丽景门驿站" not in body(english.get("/stations?q=花园"))
    assert "花园路驿站" in body(english.get("/stations?q=金水区"))
    assert "花园路驿站" in body(english.get("/stations?q=郑州"))
    found = body(english.get("/stations?county=410302"))
    assert "丽景门驿站" in found and "花园路驿站" not in found
    assert "Demonstration data" in found
    assert "花园路驿站" not in body(english.get("/stations?has=toilet"))
    assert "丽景门驿站" in body(english.get("/stations?has=toilet"))
    nothing = body(english.get("/stations?q=没有这个"))
    assert "No station matches" in nothing
    assert "花园路驿站" in body(english.get("/stations?has=castle&county="))  # a filter nobody knows is none


def test_a_fragment_is_the_list_alone(english, tree):
    make_station(union=tree.county)
    part = english.get("/stations", headers={"HX-Request": "true", "HX-Target": "stations"})
    assert body(part).lstrip().startswith('<div id="stations"')
    assert "HX-Target" in part.headers["Vary"]


def test_near_me_rounds_where_one_is(english, tree):
    make_station(union=tree.county, name="远驿站", point=(34.90, 113.70))
    make_station(union=tree.county, name="近驿站", point=(34.803, 113.70))
    make_station(union=tree.county, name="偏移驿站", point=(34.81, 113.70), crs=CoordinateSystem.GCJ02)
    make_station(union=tree.county, name="无坐标驿站", point=None)
    answer = english.get("/stations?q=驿站&lat=34.80012345&lng=113.70012345")
    assert (answer.status_code, answer.location.partition("&")[2]) == (302, "lat=34.8&lng=113.7")
    page = body(english.get(answer.location))
    names = re.findall(r'class="cover"[^>]*>([^<]+)<', page)
    assert names == ["近驿站", "偏移驿站", "远驿站", "无坐标驿站"]
    assert "330 m · 4 min walk" in page
    assert 'name="lat" value="34.8"' in page
    for wrong in ("lat=91&lng=0", "lat=nan&lng=nan", "lat=x&lng=y", "lat=34.8"):
        assert "Nearest first" not in body(english.get(f"/stations?{wrong}"))


def test_the_first_page_is_light(client, tree):
    services = list(BasicService)[:8]
    for number in range(40):
        make_station(union=tree.county, name=f"金水区第{number}户外劳动者服务站点", services=services)
    page = client.get("/stations", headers={"Accept-Encoding": "gzip"}, inspect=False)
    assert page.headers["Content-Encoding"] == "gzip"
    assert len(page.data) < 8_000
    assert body(client.get("/stations")).count('class="station"') == PUBLIC_LIMIT


# --- one station -------------------------------------------------------------------------------------


def test_the_page_of_a_station(english, tree):
    station = make_station(
        union=tree.county,
        name="金水“一号”驿站",
        hours=weekly((510, 720), (780, 1050), days=range(5)),
        phone="0371-65506000",
        host_name="邮政储蓄银行",
        is_demo=True,
    )
    with clock.stopped_at(NOON):
        page = body(english.get(f"/stations/{station.code}"))
    assert "Opens today at 13:00" in page
    assert "Monday to Friday 08:30–12:00, 13:00–17:30" in page
    assert 'href="tel:0371-65506000"' in page
    assert "free, for everyone" in page
    assert "邮政储蓄银行" in page
    assert "Demonstration data" in page
    assert "uri.amap.com" in page and "api.map.baidu.com" in page
    assert "Edit this station" not in page


def test_without_a_point_there_are_no_ways(english, tree):
    station = make_station(union=tree.county, point=None)
    assert "amap" not in body(english.get(f"/stations/{station.code}"))


def test_planned_and_unknown_stations_are_not_there(client, tree):
    planned = make_station(union=tree.county, status=StationStatus.PLANNED)
    assert client.get(f"/stations/{planned.code}").status_code == 404
    assert client.get("/stations/410105-0000").status_code == 404
    gone = make_station(union=tree.county, status=StationStatus.WITHDRAWN)
    assert client.get(f"/stations/{gone.code}").status_code == 200


def test_the_edit_link_is_for_those_who_keep_it(english, tree, keeper):
    own, foreign = make_station(union=tree.county), make_station(union=tree.foreign_county)
    assert "Edit this station" in body(english.get(f"/stations/{own.code}"))
    assert "Edit this station" not in body(english.get(f"/stations/{foreign.code}"))


# --- the register, for staff -------------------------------------------------------------------------


def test_staff_see_their_part_only(english, tree, keeper):
    make_station(union=tree.county, name="自己的驿站", status=StationStatus.PLANNED)
    make_station(union=tree.town, name="街道的驿站")
    make_station(union=tree.sibling_county, name="隔壁的驿站")
    make_station(union=tree.foreign_county, name="外地的驿站")
    make_station(union=tree.city, name="上级的驿站")
    page = body(english.get("/staff/stations"))
    assert "自己的驿站" in page and "街道的驿站" in page
    for other in ("隔壁的驿站", "外地的驿站", "上级的驿站"):
        assert other not in page
    assert "街道的驿站" not in body(english.get("/staff/stations?status=planned"))
    assert "自己的驿站" not in body(english.get("/staff/stations?q=街道"))
    assert "No station matches" in body(english.get("/staff/stations?q=外地"))


def test_an_empty_register_says_what_to_do(english, keeper):
    assert "No stations yet" in body(english.get("/staff/stations"))


def test_a_foreign_station_is_not_there(english, tree, keeper):
    foreign = make_station(union=tree.foreign_county)
    assert english.get(f"/staff/stations/{foreign.code}").status_code == 404
    english.get("/staff/stations")
    assert english.send(f"/staff/stations/{foreign.code}", form()).status_code == 404
    assert english.send(f"/staff/stations/{foreign.code}/status", {"status": "suspended"}).status_code == 404


def test_others_do_not_get_in(english, tree):
    assert english.get("/staff/stations").status_code == 302
    sign_in_quickly(english, make_account([("operator", tree.county)]))
    for address in ("/staff/stations", "/staff/stations/new", "/staff/stations/import", "/staff/stations/export"):
        assert english.get(address).status_code == 403


def test_adding_and_changing_a_station(english, tree, keeper):
    english.get("/staff/stations/new")
    added = english.send("/staff/stations/new", form())
    assert added.status_code == 303
    station = queries.find_by_code("410105-0001")
    assert added.location.endswith("/staff/stations/410105-0001")
    assert (station.union_id, station.created_at is not None) == (tree.county.id, True)
    assert station.crs is CoordinateSystem.GCJ02
    assert [row.facility for row in station.facilities] == [Facility.DRINKING_WATER, Facility.MICROWAVE]
    assert len(station.hours) == 10
    page = body(english.get(added.location))
    assert "Added: 文化路驿站, 410105-0001" in page
    assert "文化路 97 号" in page
    assert "周一至周五 08:30-12:00,13:00-17:30" in body(english.get(f"{added.location}/hours"))

    again = english.send("/staff/stations/410105-0001", form())
    assert "Nothing was changed." in body(english.get(again.location))
    changed = english.send("/staff/stations/410105-0001", form(phones="13800138000 老王\n0371-65506000"))
    assert "Saved: 文化路驿站" in body(english.get(changed.location))
    entry = AuditEntry.query.filter_by(action="station.changed").one()
    assert entry.details["changes"] == {"phones": [["…6000"], ["…8000", "…6000"]]}
    assert [(row.phone, row.label) for row in station.phones] == [("13800138000", "老王"), ("0371-65506000", None)]
    assert len(station.hours) == 10  # what stands on other pages stays


def test_a_wrong_form_keeps_what_was_typed(english, tree, keeper):
    english.get("/staff/stations/new")
    answer = english.send("/staff/stations/new", form(hours="工作日开放", name="", phones="找老王", crs=""))
    page = body(answer)
    assert answer.status_code == 422
    assert "工作日开放" in page and "找老王" in page and "Please fill this in." in page
    for changes, sentence in (
        ({"hours": "工作日开放"}, "does not say at what times"),
        ({"phones": "找老王"}, "is not a phone number"),
        ({"crs": ""}, "Say in which system"),
        ({"lng": "34.757977", "lat": "113.665412"}, "look swapped"),
        ({"lng": "NaN"}, "Not a valid decimal value"),
        ({"default_service": "haircut"}, "is not among the services"),
        ({"truck_spaces": "-1"}, "must be between 0 and"),
        ({"area_m2": "1e30"}, "not beyond"),
        ({"town_code": "410302001"}, "Not a valid choice"),
        ({"county_code": "999999"}, "Not a valid choice"),
        ({"facilities": ["castle"]}, "is not a valid choice"),
    ):
        answer = english.send("/staff/stations/new", form(**changes))
        assert answer.status_code == 422, changes
        assert sentence in body(answer), changes
    assert Station.query.count() == 0


def test_a_union_beyond_ones_part_is_refused_in_words(english, tree, keeper):
    english.get("/staff/stations/new")
    for union_code in ("410302", "4101", "老城区总工会", "nobody"):
        answer = english.send("/staff/stations/new", form(union_code=union_code))
        assert answer.status_code == 422
        assert "is no union in your part of the tree" in body(answer)
    station = make_station(union=tree.county)
    answer = english.send(f"/staff/stations/{station.code}", form(union_code="410302"))
    assert answer.status_code == 422
    assert english.send("/staff/stations/new", form(union_code="花园路街道总工会")).status_code == 303


def test_fields_that_are_not_in_the_form_are_not_taken(english, tree, keeper):
    english.get("/staff/stations/new")
    extra = {"code": "410105-7777", "is_demo": "1", "union_id": str(tree.foreign_county.id)}
    english.send("/staff/stations/new", form(**extra))
    station = Station.query.one()
    assert (station.code, station.is_demo, station.union_id) == ("410105-0001", False, tree.county.id)
    assert station.verified_at is None
    english.send(f"/staff/stations/{station.code}", form(status="withdrawn", code="410105-7777"))
    assert (station.code, station.status) == ("410105-0001", StationStatus.OPEN)


def test_a_file_where_text_is_expected_is_no_error_of_ours(english, tree, keeper):
    english.get("/staff/stations/new")
    answer = english.send("/staff/stations/new", form(name=(BytesIO(b"x"), "x.txt"), hours=(BytesIO(b"x"), "x.txt")))
    assert answer.status_code == 422


def test_status_changes_step_by_step(english, tree, keeper):
    station = make_station(union=tree.county)
    address = f"/staff/stations/{station.code}"
    english.get(address)
    assert english.send(f"{address}/status", {"status": "suspended"}).status_code == 303
    assert "Suspended" in body(english.get(address))
    assert english.send(f"{address}/status", {"status": "planned"}).status_code == 422
    english.send(f"{address}/status", {"status": "withdrawn"})
    assert station.closed_at is not None
    assert "Change the status" not in body(english.get(address))
    assert english.send(f"{address}/status", {"status": "open"}).status_code == 422
    entries = AuditEntry.query.filter_by(action="station.status_set").order_by(AuditEntry.id)
    changes = [entry.details["status"] for entry in entries]
    assert changes == [["open", "suspended"], ["suspended", "withdrawn"]]


def test_a_double_tap_adds_one_station(english, tree, keeper):
    english.get("/staff/stations/new")
    first = english.send("/staff/stations/new", form(), key="the same key twice")
    second = english.send("/staff/stations/new", form(), key="the same key twice")
    assert first.location == second.location
    assert Station.query.count() == 1


def test_odd_addresses_are_not_errors_of_ours(english, tree, keeper):
    for address in (
        "/stations?q=%25%5f%5c&county=%27&has=%00&before=x&after=AAAA&lat=1e999&lng=-",
        "/stations?q=%ff%fe",
        "/staff/stations?q=%00&status=none&after=%00",
        "/stations/%27",
        "/stations/%00",
        "/staff/stations/%00",
        "/staff/stations/import/00000000-0000-0000-0000-000000000000",
    ):
        assert english.get(address).status_code in (200, 404), address
    assert sa.inspect(Station.query.session.connection()).has_table("stations")
