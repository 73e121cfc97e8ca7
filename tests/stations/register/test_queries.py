"""Paging without gaps, nearest in order, and the question "open now" asked in SQL and in Python."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import Permission
from portal.clock import SHANGHAI
from portal.db import db as database
from portal.stations.hours import rules as hours_rules
from portal.stations.register import queries, rules
from portal.stations.register.models import Station, StationStatus
from portal.unions.staff.queries import StaffActor
from tests.factories.stations import make_station
from tests.factories.unions import small_tree

KEEP, SERVE = Permission.KEEP_STATIONS, Permission.SERVE


@pytest.fixture
def tree(db):
    return small_tree()


def actor(role, *unions) -> StaffActor:
    from portal.access import Role
    from portal.types import new_id

    held = tuple((Role(role), union.id, union.name) for union in unions)
    return StaffActor(new_id(), "陈管理", new_id(), appointments=held)


def pages(**question) -> list[list]:
    """Every page of the public list, forwards."""
    found, after = [], None
    while True:
        one = queries.list_stations(**question, after=after)
        found.append(list(one))
        if not (after := one.after):
            return found


def test_pages_have_no_gaps_and_no_doubles(tree):
    names = {make_station(union=tree.county, name="同名驿站", point=(34.8, 113.7)).code for _ in range(75)}
    for question in ({}, {"near": (34.8, 113.69)}, {"q": "同名"}):
        found = pages(**question)
        codes = [one.station.code for page in found for one in page]
        assert [len(page) for page in found] == [30, 30, 15]
        assert len(codes) == len(set(codes)) == 75
        assert set(codes) == names


def test_the_page_before_is_the_page_one_came_from(tree):
    for number in range(65):
        make_station(union=tree.county, point=(34.8 + (number // 20) / 100, 113.7))
    for question in ({}, {"near": (34.8, 113.7)}):
        first = queries.list_stations(**question)
        second = queries.list_stations(**question, after=first.after)
        back = queries.list_stations(**question, before=second.before)
        assert [one.station.id for one in back] == [one.station.id for one in first]
        assert first.before is None


def test_nearest_is_by_distance_and_nobody_is_lost(tree):
    for step in (5, 1, 9, 3, 7):
        make_station(union=tree.county, name=f"{step}", point=(34.8 + step / 100, 113.7 - step / 200))
    make_station(union=tree.county, name="无坐标", point=None)
    found = list(queries.list_stations(near=(34.8, 113.7)))
    assert [one.station.name for one in found] == ["1", "3", "5", "7", "9", "无坐标"]
    for one in found[:-1]:
        metres = rules.distance_m(34.8, 113.7, float(one.station.lat), float(one.station.lng))
        assert abs(one.metres - metres) <= 1
    assert found[-1].metres is None


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
    hours = hours_rules.parse_hours(words).hours
    station = make_station(union=tree.county, hours=[(one.weekday, one.opens, one.closes) for one in hours])
    monday = datetime(2026, 11, 16, tzinfo=SHANGHAI)
    edges = {(one.weekday * 1440 + minute) % hours_rules.WEEK for one in hours for minute in (one.opens, one.closes)}
    for minute in {(edge + step) % hours_rules.WEEK for edge in edges for step in (-1, 0, 1)}:
        moment = monday + timedelta(minutes=minute, seconds=30)
        with clock.stopped_at(moment):
            listed = [one.station.id for one in queries.list_stations(open_now=True)]
        assert (station.id in listed) is hours_rules.is_open(hours, moment), moment
    always = [one.station.id for one in queries.list_stations(all_day=True)]
    assert (station.id in always) is hours_rules.covers_the_week(hours)


def test_only_what_the_public_may_find(tree):
    for status in StationStatus:
        make_station(union=tree.county, name=status.value, status=status)
    found = {one.station.name for one in queries.list_stations()}
    assert found == {"trial", "open", "suspended", "under_repair"}
    assert {one.station.name for one in queries.list_stations(open_now=True)} == {"trial", "open"}
    assert queries.list_counties_with_stations() == {"郑州市": [("410105", "金水区")]}


def test_signs_of_patterns_are_signs(tree):
    make_station(union=tree.county, name="百分之100%驿站")
    make_station(union=tree.county, name="别的驿站")
    assert [one.station.name for one in queries.list_stations("100%")] == ["百分之100%驿站"]
    assert len(queries.list_stations("_")) == 0


# --- scope -------------------------------------------------------------------------------------------


def test_staff_lists_hold_no_foreign_rows(tree):
    own = make_station(union=tree.county)
    beneath = make_station(union=tree.federation_county)
    foreign = [make_station(union=union) for union in (tree.city, tree.sibling_county, tree.foreign_county)]
    keeper = actor("keeper", tree.county)
    assert {one.station.id for one in queries.list_for_staff(keeper)} == {own.id, beneath.id}
    assert {row.Station.id for row in queries.rows_for_export(keeper)} == {own.id, beneath.id}
    assert {one.id for one in queries.list_served_by(keeper)} == {own.id, beneath.id}
    for station in foreign:
        with pytest.raises(sa.exc.NoResultFound):
            queries.get_station_for(station.code, keeper, KEEP)
        assert queries.find_station_to_serve(station.code, keeper) is None
        assert not queries.may_keep(station, keeper)
    # The second parent sees it too; one who holds nothing sees nothing.
    assert beneath.id in {one.station.id for one in queries.list_for_staff(actor("keeper", tree.federation_city))}
    assert list(queries.list_for_staff(actor("finance", tree.province))) == []
    assert queries.list_served_by(actor("officer", tree.province)) == []


def test_a_desk_is_where_one_may_serve(tree):
    stations = {status: make_station(union=tree.county, status=status) for status in StationStatus}
    operator = actor("operator", tree.county)
    served = {one.status for one in queries.list_served_by(operator)}
    assert served == {
        StationStatus.TRIAL,
        StationStatus.OPEN,
        StationStatus.SUSPENDED,
        StationStatus.UNDER_REPAIR,
    }
    for status, station in stations.items():
        assert (queries.find_station_to_serve(station.code, operator) is not None) is (status in served)
    assert queries.list_served_by(operator, q=stations[StationStatus.OPEN].name) == [stations[StationStatus.OPEN]]


def test_the_search_has_its_index(tree):
    make_station(union=tree.county)
    database.session.execute(sa.text("SET LOCAL enable_seqscan = off"))
    query = sa.select(Station.id).where(Station.name.icontains("花园路", autoescape=True))
    plan = database.session.execute(sa.text("EXPLAIN " + str(query.compile(
        dialect=database.engine.dialect, compile_kwargs={"literal_binds": True}
    )))).scalars()  # fmt: skip
    assert "ix_stations_name_trgm" in "\n".join(plan)
