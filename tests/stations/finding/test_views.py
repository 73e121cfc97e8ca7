"""The public pages: what was understood, filters, warnings, the map's data and its policy, the page of one station."""

from __future__ import annotations

import gzip
import io
import json
import re
from datetime import date, datetime
from decimal import Decimal
from html import unescape

import pytest
from PIL import Image

from portal import clock, geo, pictures
from portal.access import SYSTEM
from portal.clock import SHANGHAI
from portal.db import db as database
from portal.stations.finding.queries import PUBLIC_LIMIT
from portal.stations.hours.rules import HolidayRule
from portal.stations.register.models import (
    CoordinateSystem,
    ExceptionHours,
    Facility,
    FacilityHours,
    OpeningException,
    StationKind,
    StationPhone,
    StationPhoto,
)
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_report

NOON = datetime(2026, 11, 16, 12, tzinfo=SHANGHAI)


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def english(client):
    client.set_cookie("language", "en")
    return client


def body(answer) -> str:
    return answer.get_data(as_text=True)


def map_data(answer) -> dict:
    return json.loads(unescape(re.search(r'data-map="([^"]*)"', body(answer)).group(1)))


# --- the list ------------------------------------------------------------------------------------------------


def test_the_address_bar_holds_the_rounded_place_only(english, tree):
    make_station(union=tree.county, point=(34.8, 113.67))
    answer = english.get("/stations?lat=34.80012345&lng=113.66991&open=1")
    assert answer.status_code == 302
    assert "lat=34.8&lng=113.67" in answer.location and "open=1" in answer.location
    assert "0 m · 1 min walk" in body(english.get(answer.location))


def test_a_place_by_name_without_any_position(english, tree):
    make_station(union=tree.county, name="邮政驿站", point=(34.82, 113.73))
    page = body(english.get("/stations?q=金水"))
    assert "Understood as: 金水区" in page and "Nearest to the middle of 金水区" in page and "邮政驿站" in page
    assert "about 0." in page and "min walk" not in page  # from the middle of a county no minutes are claimed


def test_a_county_without_stations_shows_the_nearest(english, tree):
    make_station(union=tree.county, name="邮政驿站", point=(34.82, 113.73))
    for asked in ("county=410102", "q=中原区", "q=金水区没有的路"):
        page = body(english.get(f"/stations?{asked}"))
        assert "Nothing fits there, so these are the nearest." in page and "邮政驿站" in page, asked
    assert "No station matches" in body(english.get("/stations?q=不知道哪里"))


@pytest.mark.parametrize(
    "query", ["lat=x&lng=1", "lat=999&lng=1", "height=NaN", "weight=-1", "kind=castle&has=gold", "county=41'--", "q=%00",
              "after=x", "view=map&lat=1e999&lng=2", "q=" + "长" * 300, "system=gcj02&lat=34.8&lng=113.6"]
)  # fmt: skip
def test_whatever_stands_in_the_address_is_answered(english, tree, query):
    make_station(union=tree.county)
    assert english.get(f"/stations?{query}").status_code in (200, 302)


def test_open_now_by_facility_is_said_beside_the_station(english, tree, db):
    station = make_station(union=tree.county, facilities=(Facility.SHOWER,))
    station.facilities[0].hours = [FacilityHours(weekday=day, opens=420, closes=540) for day in range(7)]
    db.session.commit()
    with clock.stopped_at(NOON):
        assert "Opens tomorrow at 7:00" in body(english.get("/stations?has=shower"))
        assert station.name not in body(english.get("/stations?has=shower&open=1"))


def test_others_are_warned_until_it_is_answered(english, tree):
    station = make_station(union=tree.county)
    make_report(station)
    for address in ("/stations", f"/stations/{station.code}"):
        assert "someone said" in body(english.get(address)), address


def test_a_county_in_the_address_is_not_said_twice(english, tree):
    short = make_station(union=tree.county, address="花园路 9 号")
    whole = make_station(union=tree.county, address="郑州市金水区花园路 8 号")
    assert "<dd>金水区 花园路 9 号</dd>" in body(english.get(f"/stations/{short.code}"))
    assert "<dd>郑州市金水区花园路 8 号</dd>" in body(english.get(f"/stations/{whole.code}"))


def test_the_list_is_light(english, tree):
    """Everything the list needs over the wire is within 40 KB, with thirty stations in it; Leaflet is not part of it."""
    for number in range(PUBLIC_LIMIT + 5):
        make_station(union=tree.county, name=f"花园路与农业路口第{number}工会驿站", address=f"花园路街道农业路口东南角{number}号")
    answer = english.get("/stations?lat=34.8&lng=113.67", headers={"Accept-Encoding": "gzip"}, inspect=False)
    page = gzip.decompress(answer.get_data()).decode()
    assert "leaflet" not in page and "map.js" not in page
    weight = len(answer.get_data())
    for address in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page)):
        weight += len(english.get(address, headers={"Accept-Encoding": "gzip"}, inspect=False).get_data())
    assert weight <= 40 * 1024


# --- the map -------------------------------------------------------------------------------------------------


def test_the_map_holds_the_nearest_in_one_system(english, tree):
    for crs in CoordinateSystem:
        lat, lng = geo.convert((34.8, 113.67), "wgs84", crs.value)
        point = {"lat": Decimal(f"{lat:.6f}"), "lng": Decimal(f"{lng:.6f}"), "crs": crs}
        make_station(union=tree.county, name=crs.value, point=None, **point)
    make_station(union=tree.county, name="无坐标", point=None)
    answer = english.get("/stations?view=map&lat=34.8&lng=113.67")
    known = map_data(answer)
    assert known["here"] == [34.8, 113.67] and known["tiles"] is None
    assert {one[0] for one in known["markers"]} == {"wgs84", "gcj02", "bd09"}
    for one in known["markers"]:
        assert geo.distance_m(34.8, 113.67, one[1], one[2]) < 1
    assert known["counties"][0][0] == "金水区"
    assert "无坐标" in body(answer)  # in the list it is


def test_only_the_map_may_load_tiles_and_only_from_their_host(english, tree, app, monkeypatch):
    make_station(union=tree.county, point=(34.8, 113.67))
    settings = app.config["SETTINGS"]
    monkeypatch.setattr(settings, "map_tiles", "https://tiles.example.org:8443/{z}/{x}/{y}.png")
    monkeypatch.setattr(settings, "map_tiles_crs", "gcj02")
    answer = english.get("/stations?view=map&lat=34.8&lng=113.67")
    assert "img-src 'self' data: https://tiles.example.org:8443; font-src" in answer.headers["Content-Security-Policy"]
    known = map_data(answer)
    drawn = geo.convert((34.8, 113.67), "wgs84", "gcj02")
    assert geo.distance_m(*known["here"], *drawn) < 1 and known["system"] == "gcj02"
    moved = english.get(f"/stations?view=map&lat={drawn[0]}&lng={drawn[1]}&system=gcj02")
    assert moved.status_code == 302 and "lat=34.8&lng=113.67" in moved.location and "system" not in moved.location
    for other in ("/stations", "/"):
        assert "example.org" not in english.get(other).headers["Content-Security-Policy"]


def test_a_name_is_no_markup_on_the_map(english, tree):
    make_station(union=tree.county, name='"><script>alert(1)</script>')
    answer = english.get("/stations?view=map")
    assert map_data(answer)["markers"][0][0] == '"><script>alert(1)</script>'
    assert "<script>alert" not in body(answer)


# --- one station ---------------------------------------------------------------------------------------------


def test_the_page_of_a_drivers_home(english, tree, db):
    home = make_station(
        union=tree.county, kind=StationKind.DRIVERS_HOME, facilities=(Facility.SHOWER, Facility.TRUCK_PARKING, Facility.TV),
        hours=[(day, 480, 1320) for day in range(5)], holiday_rule=HolidayRule.CLOSED_ON_HOLIDAYS, entry_method="刷身份证进门",
        road="G4 京港澳高速", carriageway="up", truck_spaces=60, max_height_m=Decimal("4.50"), access_note="危化品车辆请停西侧",
    )  # fmt: skip
    home.phones = [StationPhone(phone="0371-65506000", label="白天", position=0), StationPhone(phone="13800138000", position=1)]
    home.facilities[0].price = Decimal("5.00")
    home.facilities[1].price = Decimal("0.00")
    exception = OpeningException(first_on=date(2026, 10, 9), last_on=date(2026, 10, 9), closed=False, note="检修后延时", at=NOON)
    exception.hours = [ExceptionHours(opens=600, closes=1500)]
    home.exceptions = [exception]
    db.session.commit()
    with clock.stopped_at(datetime(2026, 10, 5, 12, tzinfo=SHANGHAI)):
        page = body(english.get(f"/stations/{home.code}"))
    for words in ("Oct 9", "检修后延时", "10:00 to 01:00 the next day", "National Day", "刷身份证进门", "0371-65506000", "白天",
                  "G4 京港澳高速", "Up direction", "60", "4.5 m", "危化品车辆请停西侧", "5 yuan", "Free, here",
                  "Not here"):  # fmt: skip
        assert words in page, words
    assert "uri.amap.com" in page and "api.map.baidu.com" in page and "apis.map.qq.com" in page
    assert f'href="/s/{home.code}"' in page


def test_photos_of_a_place_stand_on_its_page(english, tree, db):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "PNG")
    file.seek(0)
    station = make_station(union=tree.county)
    database.session.add(StationPhoto(station_id=station.id, picture_id=pictures.keep(file, by=SYSTEM).id, caption="正门"))
    database.session.commit()
    page = body(english.get(f"/stations/{station.code}"))
    assert 'alt="正门"' in page
    assert english.get(unescape(re.search(r'src="(/stations/[^"]+)"', page).group(1))).mimetype == "image/jpeg"
