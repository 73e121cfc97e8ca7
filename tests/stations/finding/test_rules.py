"""How far it is, the ways there, the coming days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from portal import geo
from portal.stations.finding import rules
from portal.stations.hours.rules import HolidayRule
from portal.stations.register.models import (
    CoordinateSystem,
    ExceptionHours,
    OpeningException,
    OpeningHours,
    Station,
    StationKind,
    StationStatus,
)
from portal.types import new_id

REAL = (34.80, 113.67)


def station(crs: CoordinateSystem | None = CoordinateSystem.WGS84, **values) -> Station:
    """A station that stands in no database."""
    known = {"name": "花园路驿站", "address": "花园路 1 号", "code": "410105-0001", "status": StationStatus.OPEN,
             "holiday_rule": HolidayRule.AS_USUAL, "kind": StationKind.UNION_STATION}  # fmt: skip
    if crs:
        lat, lng = geo.convert(REAL, "wgs84", crs.value)
        known |= {"lat": Decimal(f"{lat:.6f}"), "lng": Decimal(f"{lng:.6f}"), "crs": crs}
    return Station(**(known | values))


@pytest.mark.parametrize(
    ("metres", "exact", "words"),
    [
        (3, True, "0 m · 1 min walk"),
        (318, True, "320 m · 4 min walk"),
        (222.4, True, "220 m · 3 min walk"),
        (994, True, "990 m · 12 min walk"),
        (995, True, "1.0 km · 12 min walk"),
        (2_100, True, "2.1 km · 9 min ride"),
        (38_400, True, "38 km"),
        (318, False, "about 0.3 km"),
    ],
)
def test_distance_in_words(metres, exact, words):
    assert str(rules.distance_in_words(metres, exact=exact)) == words


# --- the way there -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crs", list(CoordinateSystem))
def test_each_service_gets_the_point_in_its_own_system(crs):
    """Whatever system a point was given in, each link leads to the same door."""
    amap, baidu, tencent = (urlsplit(way.url) for way in rules.ways(station(crs)))
    assert (amap.hostname, baidu.hostname, tencent.hostname) == ("uri.amap.com", "api.map.baidu.com", "apis.map.qq.com")
    known = parse_qs(amap.query)
    lng, lat = map(float, known["position"][0].split(","))
    assert known["coordinate"] == ["gaode"] and known["name"] == ["花园路驿站"]
    assert geo.distance_m(*geo.convert((lat, lng), "gcj02", "wgs84"), *REAL) < 1
    known = parse_qs(baidu.query)
    lat, lng = map(float, known["location"][0].split(","))
    assert known["coord_type"] == ["bd09ll"] and known["title"] == ["花园路驿站"]
    assert geo.distance_m(*geo.convert((lat, lng), "bd09", "wgs84"), *REAL) < 1
    marker = dict(part.split(":", 1) for part in parse_qs(tencent.query)["marker"][0].split(";"))
    lat, lng = map(float, marker["coord"].split(","))
    assert marker["title"] == "花园路驿站"
    assert geo.distance_m(*geo.convert((lat, lng), "gcj02", "wgs84"), *REAL) < 1


@pytest.mark.parametrize("name", ["A&b=c#d", "驿站;coord:1,2;title:假", '"><script>', "a b+c%2C", "换\n行", "\ud800坏"])
def test_a_name_is_only_a_name(name):
    """No sign of a name becomes a part of the address: no parameter, no second marker, no markup."""
    for way in rules.ways(station(name=name, address=name)):
        parts = urlsplit(way.url)
        assert not set("<>\"' \n#") & set(way.url)
        assert len(parse_qs(parts.query)) == {"uri.amap.com": 5, "api.map.baidu.com": 6, "apis.map.qq.com": 2}[parts.hostname]
        if parts.hostname == "apis.map.qq.com":
            assert parse_qs(parts.query)["marker"][0].count(";") == 2


def test_without_a_point_there_is_no_way():
    assert rules.ways(station(None)) == []


# --- the coming days -----------------------------------------------------------------------------------------


def said(one: rules.Coming) -> tuple[list[str], str | None]:
    return [str(each.says) for each in one.stretches], str(one.why) if one.why else None


def test_the_coming_days_name_holidays_and_exceptions():
    hours = [OpeningHours(weekday=day, opens=510, closes=1050, staffed=True) for day in range(5)]
    door = station(hours=hours, holiday_rule=HolidayRule.WORKDAYS)
    door.exceptions = [
        OpeningException(id=new_id(), first_on=date(2026, 10, 2), last_on=date(2026, 10, 2), closed=False, note="送清凉",
                         hours=[ExceptionHours(opens=1200, closes=1560)])
    ]  # fmt: skip
    days = {one.day: said(one) for one in rules.coming_days(door, date(2026, 9, 30))}
    assert len(days) == 7
    assert days[date(2026, 9, 30)] == (["08:30–17:30"], None)
    assert days[date(2026, 10, 1)] == ([], "National Day")
    assert days[date(2026, 10, 2)] == (["20:00 to 02:00 the next day"], "送清凉")
    assert days[date(2026, 10, 5)] == ([], "National Day")


def test_a_holiday_has_its_name_even_where_the_door_stays_open():
    door = station(hours=[OpeningHours(weekday=day, opens=0, closes=1440, staffed=True) for day in range(7)])
    assert said(rules.coming_days(door, date(2026, 10, 1))[0]) == (["Around the clock"], "National Day")


def test_self_entry_is_said():
    hours = [OpeningHours(weekday=0, opens=480, closes=1320, staffed=True),
             OpeningHours(weekday=0, opens=1320, closes=1920, staffed=False)]  # fmt: skip
    monday = rules.coming_days(station(hours=hours), date(2026, 11, 23))[0]
    assert [one.staffed for one in monday.stretches] == [True, False]


def test_a_year_that_was_not_announced_is_said_where_it_matters():
    assert rules.unknown_years(station(holiday_rule=HolidayRule.WORKDAYS), date(2026, 12, 28)) == [2027]
    assert rules.unknown_years(station(holiday_rule=HolidayRule.WORKDAYS), date(2026, 11, 22)) == []
    assert rules.unknown_years(station(), date(2026, 12, 28)) == []


# --- what stands there ---------------------------------------------------------------------------------------


def test_prices_in_words():
    said = [rules.price_in_words(price) for price in (None, Decimal("0.00"), Decimal("10.00"), Decimal("2.50"))]
    assert [str(one) if one else None for one in said] == [None, "Free", "10 yuan", "2.50 yuan"]
