"""Paging without gaps, nearest in order, and the question "open now" asked in SQL and in Python."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from portal import clock
from portal.access import Permission
from portal.clock import SHANGHAI
from portal.stations.finding import queries, rules
from portal.stations.hours import rules as hours_rules
from portal.stations.register.models import StationStatus
from portal.stations.wording.rules import parse_hours
from tests.factories.stations import make_station
from tests.factories.unions import small_tree

KEEP, SERVE = Permission.KEEP_STATIONS, Permission.SERVE


@pytest.fixture
def tree(db):
    return small_tree()


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
    hours = parse_hours(words).hours
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
