"""Paging without gaps, nearest in order whatever the system, and the question "open now" asked in SQL and in Python."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from portal import clock, geo
from portal.clock import SHANGHAI
from portal.db import db as database
from portal.stations.finding import queries
from portal.stations.finding.queries import Wanted
from portal.stations.hours import rules as hours_rules
from portal.stations.hours.rules import DayKind, HolidayRule, day_kind
from portal.stations.register import rules as register
from portal.stations.register.models import (
    CoordinateSystem,
    ExceptionHours,
    Facility,
    FacilityHours,
    OpeningException,
    Station,
    StationKind,
    StationStatus,
)
from portal.stations.wording.rules import parse_hours
from tests.factories.stations import make_station
from tests.factories.unions import make_division, small_tree

HERE = (34.8, 113.7)


@pytest.fixture
def tree(db):
    return small_tree()


def names(**wanted) -> list[str]:
    return [one.station.name for one in queries.list_stations(Wanted(**wanted))]


def pages(**wanted) -> list[list]:
    """Every page of the public list, forwards."""
    found, after = [], None
    while True:
        one = queries.list_stations(Wanted(**wanted), after=after)
        found.append(list(one))
        if not (after := one.after):
            return found


# --- the list ------------------------------------------------------------------------------------------------


def test_pages_have_no_gaps_and_no_doubles(tree):
    codes = {make_station(union=tree.county, name="同名驿站", point=HERE).code for _ in range(75)}
    for wanted in ({}, {"near": (34.8, 113.69)}, {"q": "同名"}):
        found = pages(**wanted)
        listed = [one.station.code for page in found for one in page]
        assert [len(page) for page in found] == [30, 30, 15]
        assert len(listed) == len(set(listed)) == 75
        assert set(listed) == codes


def test_the_page_before_is_the_page_one_came_from(tree):
    for number in range(65):
        make_station(union=tree.county, point=(34.8 + (number // 20) / 100, 113.7))
    for wanted in (Wanted(), Wanted(near=HERE)):
        first = queries.list_stations(wanted)
        second = queries.list_stations(wanted, after=first.after)
        back = queries.list_stations(wanted, before=second.before)
        assert [one.station.id for one in back] == [one.station.id for one in first]
        assert first.before is None


def test_nearest_is_by_true_distance_whatever_the_system(tree):
    """The same spot stored in three systems is equally far; stored numbers alone would be half a kilometre off."""
    systems = list(CoordinateSystem)
    for step in (5, 1, 9, 3, 7):
        real = (34.8 + step / 200, 113.7 - step / 300)
        crs = systems[step % 3]
        lat, lng = geo.convert(real, "wgs84", crs.value)
        point = {"lat": Decimal(f"{lat:.6f}"), "lng": Decimal(f"{lng:.6f}"), "crs": crs}
        make_station(union=tree.county, name=f"{step}", point=None, **point)
    make_station(union=tree.county, name="无坐标", point=None)
    found = list(queries.list_stations(Wanted(near=HERE)))
    assert [one.station.name for one in found] == ["1", "3", "5", "7", "9", "无坐标"]
    for one in found[:-1]:
        step = int(one.station.name)
        assert abs(one.metres - geo.distance_m(*HERE, 34.8 + step / 200, 113.7 - step / 300)) < 1
    assert found[-1].metres is None


def test_only_what_the_public_may_find(tree):
    for status in StationStatus:
        make_station(union=tree.county, name=status.value, status=status)
    assert set(names()) == {"trial", "open", "suspended", "under_repair"}
    assert set(names(open_now=True)) == {"trial", "open"}
    assert queries.list_counties_with_stations() == {"郑州市": [("410105", "金水区")]}


def test_signs_of_patterns_are_signs(tree):
    make_station(union=tree.county, name="百分之100%驿站")
    make_station(union=tree.county, name="别的驿站")
    assert names(q="100%") == ["百分之100%驿站"]
    assert names(q="_") == []


def test_filters(tree, db):
    make_station(union=tree.county, name="普通")
    home = make_station(
        union=tree.county, name="司机之家", kind=StationKind.DRIVERS_HOME, truck_spaces=40, max_height_m=Decimal("4.50"),
        max_weight_t=Decimal("49.0"), facilities=(Facility.SHOWER, Facility.LAUNDRY),
    )  # fmt: skip
    home.facilities[0].price = Decimal("10.00")
    home.facilities[1].price = Decimal("0.00")
    db.session.commit()
    assert names(kind=StationKind.DRIVERS_HOME) == names(truck_spaces=True) == names(facility=Facility.SHOWER) == ["司机之家"]
    assert names(kind=StationKind.DRIVERS_HOME, height_m=Decimal("4.5"), weight_t=Decimal("49")) == ["司机之家"]
    assert names(kind=StationKind.DRIVERS_HOME, height_m=Decimal("4.51")) == []
    assert names(kind=StationKind.DRIVERS_HOME, weight_t=Decimal("49.1")) == []
    assert names(facility=Facility.SHOWER, free=True) == [] and names(facility=Facility.LAUNDRY, free=True) == ["司机之家"]
    assert names(free=True) == ["普通"]  # the home asks ten yuan for a shower


# --- open now: SQL and rules say the same -------------------------------------------------------------------


def moments_around(edges) -> list[datetime]:
    """Each edge, and half a minute before it."""
    return sorted({edge + timedelta(seconds=step) for edge in edges for step in (-30, 0)})


def edges_of(station: Station, first: date, days: int) -> set[datetime]:
    """Every moment at which a door or one of its facilities opens or closes, each midnight among them."""
    stretches = [(one.opens, one.closes) for one in station.hours]
    stretches += [(one.opens, one.closes) for row in station.facilities for one in row.hours]
    stretches += [(one.opens, one.closes) for exception in station.exceptions for one in exception.hours]
    minutes = {minute for stretch in stretches for minute in stretch} | {0}
    return {clock.start_of(first + timedelta(days=n)) + timedelta(minutes=minute) for n in range(days) for minute in minutes}


def in_sql(station: Station, moments: list[datetime], facility: Facility | None = None) -> list[bool]:
    """What the list's own condition says of a station at each moment; many are asked in one statement."""
    ask = queries.open_at if facility is None else (lambda moment: queries.facility_open_at(facility, moment))
    said: list[bool] = []
    for start in range(0, len(moments), 8):
        conditions = [ask(moment) for moment in moments[start : start + 8]]
        said += database.session.execute(sa.select(*conditions).select_from(Station).where(Station.id == station.id)).one()
    return said


def listed_at(station: Station, moment: datetime) -> bool:
    with clock.stopped_at(moment):
        return station.id in [one.station.id for one in queries.list_stations(Wanted(open_now=True))]


def in_words(station: Station, moments: list[datetime]) -> list[bool]:
    """The same by the rules; the two ways the rules have of saying it agree."""
    calendar = register.calendar_of(station)
    said = [hours_rules.is_open(station.hours, moment, calendar) for moment in moments]
    assert said == [register.opening(station, moment).is_open for moment in moments]
    return said


@pytest.mark.parametrize(
    "words",
    [
        "08:30-22:00",
        "周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00",
        "周日 20:00-次日06:00;周三 23:59-次日00:01",
        "22:00-次日06:00",
        "24小时",
    ],
)
def test_open_now_in_sql_is_open_now_in_words(tree, words):
    hours = parse_hours(words).hours
    station = make_station(union=tree.county, hours=[(one.weekday, one.opens, one.closes) for one in hours])
    monday = datetime(2026, 11, 16, tzinfo=SHANGHAI)
    edges = {monday + timedelta(minutes=(one.weekday * 1440 + minute)) for one in hours for minute in (one.opens, one.closes)}
    moments = moments_around(edges)
    said = in_sql(station, moments)
    assert list(zip(moments, said, strict=True)) == list(zip(moments, in_words(station, moments), strict=True))
    assert listed_at(station, moments[0]) is said[0] and listed_at(station, moments[1]) is said[1]
    always = [one.station.id for one in queries.list_stations(Wanted(all_day=True))]
    assert (station.id in always) is hours_rules.covers_the_week(hours)


def days_of_kind(kind: DayKind) -> list[date]:
    year = (date(2026, 1, 1) + timedelta(days=n) for n in range(365))
    return [day for day in year if day_kind(day) is kind]


@pytest.mark.parametrize("rule", list(HolidayRule))
def test_open_now_on_holidays_and_make_up_days(tree, rule):
    """Around each end of a holiday and each make-up day of 2026, with a door that is open into the night."""
    weekdays = [(day, 510, 720) for day in range(5)] + [(4, 1320, 1560), (0, 780, 1050)]
    station = make_station(union=tree.county, hours=weekdays, holiday_rule=rule)
    holidays, make_up = days_of_kind(DayKind.HOLIDAY), days_of_kind(DayKind.MAKE_UP)
    assert holidays and make_up
    turns = {day for day in holidays if day - timedelta(days=1) not in holidays or day + timedelta(days=1) not in holidays}
    moments = moments_around({edge for day in turns | set(make_up) for edge in edges_of(station, day, 1)})
    assert list(zip(moments, in_sql(station, moments), strict=True)) == list(
        zip(moments, in_words(station, moments), strict=True)
    )
    for day in make_up:  # a Saturday or Sunday worked: Monday's hours, by the rule that says so
        assert listed_at(station, clock.start_of(day) + timedelta(hours=9)) is (rule is HolidayRule.WORKDAYS)
    eve = next(day for day in holidays if day.weekday() < 5)
    assert listed_at(station, clock.start_of(eve) + timedelta(hours=9)) is (rule is HolidayRule.AS_USUAL)


def except_on(station: Station, first: date, last: date, *stretches: tuple[int, int]) -> None:
    exception = OpeningException(station_id=station.id, first_on=first, last_on=last, closed=not stretches, at=clock.now())
    exception.hours = [ExceptionHours(opens=opens, closes=closes) for opens, closes in stretches]
    station.exceptions.append(exception)


def test_open_now_with_exceptions(tree, db):
    """Closed, other hours, a night of its own, one over another: the one made last holds, before any holiday."""
    station = make_station(union=tree.county, hours=[(day, 480, 1500) for day in range(7)], holiday_rule=HolidayRule.WORKDAYS)
    except_on(station, date(2026, 9, 30), date(2026, 10, 3))
    db.session.commit()
    except_on(station, date(2026, 10, 2), date(2026, 10, 2), (600, 900), (1380, 1620))
    db.session.commit()
    except_on(station, date(2026, 10, 5), date(2026, 10, 6), (0, 1440))
    db.session.commit()
    moments = moments_around(edges_of(station, date(2026, 9, 29), 9))
    said = in_sql(station, moments)
    assert list(zip(moments, said, strict=True)) == list(zip(moments, in_words(station, moments), strict=True))
    seen = {(clock.business_day(moment), is_open) for moment, is_open in zip(moments, said, strict=True)}
    assert {(date(2026, 10, 2), True), (date(2026, 10, 3), True), (date(2026, 10, 5), True)} <= seen
    assert {(date(2026, 10, 1), False), (date(2026, 10, 4), False), (date(2026, 10, 7), False)} <= seen


@pytest.mark.parametrize("rule", list(HolidayRule))
def test_a_facility_is_open_when_door_and_facility_are(tree, db, rule):
    station = make_station(
        union=tree.county, hours=[(day, 480, 1320) for day in range(7)], holiday_rule=rule,
        facilities=(Facility.SHOWER, Facility.LAUNDRY),
    )  # fmt: skip
    shower = next(row for row in station.facilities if row.facility is Facility.SHOWER)
    shower.hours = [FacilityHours(weekday=day, opens=opens, closes=closes)
                    for day in range(5) for opens, closes in ((420, 600), (1260, 1500))]  # fmt: skip
    except_on(station, date(2026, 10, 2), date(2026, 10, 2), (0, 1440))
    except_on(station, date(2026, 10, 12), date(2026, 10, 12))
    db.session.commit()
    for first, days in ((date(2026, 10, 1), 2), (date(2026, 10, 10), 1), (date(2026, 10, 12), 1)):
        moments = moments_around(edges_of(station, first, days))
        for facility in (Facility.SHOWER, Facility.LAUNDRY):
            said = [register.facility_opening(station, facility, moment).is_open for moment in moments]
            assert list(zip(moments, in_sql(station, moments, facility), strict=True)) == list(zip(moments, said, strict=True))
    with clock.stopped_at(datetime(2026, 11, 16, 12, tzinfo=SHANGHAI)):
        assert names(open_now=True, facility=Facility.LAUNDRY) and not names(open_now=True, facility=Facility.SHOWER)
        assert names(open_now=True, facility=Facility.TV) == []


def test_open_now_in_a_year_that_was_not_announced(tree):
    station = make_station(union=tree.county, hours=[(4, 480, 1020)], holiday_rule=HolidayRule.WORKDAYS)
    friday = datetime(2027, 1, 1, 9, tzinfo=SHANGHAI)
    assert listed_at(station, friday) and register.opening(station, friday).is_open


# --- places --------------------------------------------------------------------------------------------------


def test_a_place_is_understood(tree):
    make_station(union=tree.county, town_code="410105002", point=HERE)
    assert queries.find_place("金水区").code == queries.find_place("金水").code == "410105"
    assert queries.find_place("金水区农业路").code == "410105"
    town = queries.find_place("花园路")
    assert (town.code, town.county) == ("410105002", "金水区")
    assert geo.distance_m(*town.point, *HERE) < 1
    assert queries.find_place("金") is None and queries.find_place("不知道的地方") is None
    assert queries.find_place("100%_") is None
    assert queries.find_county("410105").point == (34.81939, 113.732)
    assert queries.find_county("4101") is None


def test_words_of_town_county_and_station_go_together(tree):
    make_division("410102003", "桐柏路街道", "410102", "town")
    make_station(union=tree.county, name="邮政驿站", town_code="410105002", address="农业路 1 号")
    make_station(union=tree.sibling_county, name="邮政驿站", town_code="410102003", address="棉纺路 2 号")
    assert len(names(q="邮政")) == 2
    for words, address in (("郑州 桐柏路", "棉纺路 2 号"), ("金水 邮政", "农业路 1 号"), ("花园路 邮政", "农业路 1 号")):
        assert [one.station.address for one in queries.list_stations(Wanted(q=words))] == [address]
    assert names(q="桐柏路 农业路") == []


def test_the_list_costs_as_many_questions_whatever_stands_in_it(tree, app):
    """Thirty stations cost as many statements as three: nothing is asked row by row."""

    def count_for(how_many: int) -> int:
        for _ in range(how_many):
            make_station(union=tree.county)
        database.session.expire_all()
        asked = []
        listen = lambda *args: asked.append(args[2])  # noqa: E731
        sa.event.listen(database.engine, "before_cursor_execute", listen)
        try:
            for one in queries.list_stations(Wanted(near=HERE, open_now=True)):
                register.opening(one.station, clock.now())
        finally:
            sa.event.remove(database.engine, "before_cursor_execute", listen)
        return len(asked)

    assert count_for(3) == count_for(25)
