"""What a wish holds, which are the same, what may become of one."""

from __future__ import annotations

import pytest

from portal.stations.wishes import rules
from portal.stations.wishes.models import NEXT_STATES, WishState
from portal.stations.wishes.rules import WishValues


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("花园路与农业路口", "花园路 与 农业路口"),
        ("万达广场", "万达广场附近"),
        ("万达广场", "万达广场（旁边）"),
        ("K11 购物中心", "k11购物中心门口"),
    ],
)
def test_the_same_place_in_other_signs(one, other):
    assert rules.place_key(one) == rules.place_key(other)


def test_other_places_stay_apart():
    assert rules.place_key("花园路") != rules.place_key("花园北路")
    assert rules.place_key("附近") == "附近"  # nothing else is left of it


def test_near_is_a_short_walk():
    assert rules.are_near((34.800, 113.700), (34.802, 113.701))
    assert not rules.are_near((34.800, 113.700), (34.803, 113.700))


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"county_code": None}, ["county_missing"]),
        ({"place": None}, ["place_missing"]),
        ({"place": "……"}, ["place_missing"]),
        ({"place": "路" * 61}, ["place_long"]),
        ({"words": "话" * 201}, ["words_long"]),
        ({"place": "找我 138 0013 8000"}, ["number"]),
        ({"words": "电话１３８００１３８０００"}, ["number"]),
        ({"words": "早上 6 点到 9 点"}, []),
        ({"point": (51.5, -0.1)}, ["point_outside"]),
    ],
)
def test_problems_with_a_wish(changes, codes):
    values = WishValues(**({"county_code": "410105", "place": "花园路口"} | changes))
    assert [one.code for one in rules.problems_with_wish(values)] == codes


@pytest.mark.parametrize("now", list(WishState))
@pytest.mark.parametrize("new", list(WishState))
def test_states_follow_the_table(now, new):
    found = rules.problems_with_state(now, new, "因为", has_station=True)
    assert (found == []) is (new in NEXT_STATES[now])


def test_declined_needs_a_reason_and_built_a_station():
    new = WishState.NEW
    assert [one.code for one in rules.problems_with_state(new, WishState.DECLINED, None, has_station=True)] == ["reason_missing"]
    assert [one.code for one in rules.problems_with_state(new, WishState.BUILT, None, has_station=False)] == ["station_missing"]
