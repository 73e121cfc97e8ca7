"""Three systems of coordinates: there and back, known points, and the earth between two of them."""

from __future__ import annotations

import math
import random

import pytest

from portal import geo

# 天安门 in WGS-84, and the same point as the public formulae give it: (lat, lng).
TIANANMEN = {"wgs84": (39.90734, 116.39089), "gcj02": (39.908743, 116.397133), "bd09": (39.915084, 116.403503)}
SYSTEMS = ("wgs84", "gcj02", "bd09")


def points(how_many: int = 400) -> list[tuple[float, float]]:
    """Points all over China, the same each time; among them the corners of Henan."""
    chance = random.Random("points")
    found = [(chance.uniform(18.5, 53.0), chance.uniform(74.0, 134.5)) for _ in range(how_many)]
    return [*found, (31.4, 110.4), (36.4, 116.6), (34.7657, 113.7532), (35.0, 105.0)]


@pytest.mark.parametrize("source", SYSTEMS)
@pytest.mark.parametrize("target", SYSTEMS)
def test_there_and_back_is_where_one_was(source, target):
    for point in points():
        back = geo.convert(geo.convert(point, source, target), target, source)
        assert geo.distance_m(*point, *back) < 0.5, (point, source, target)


@pytest.mark.parametrize("source", SYSTEMS)
@pytest.mark.parametrize("target", SYSTEMS)
def test_known_points(source, target):
    found = geo.convert(TIANANMEN[source], source, target)
    assert geo.distance_m(*found, *TIANANMEN[target]) < 2


def test_the_systems_differ_by_hundreds_of_metres():
    shifts = sorted(geo.distance_m(*point, *geo.wgs84_to_gcj02(point)) for point in points())
    assert shifts[len(shifts) // 2] > 300 and shifts[-1] < 1_500
    assert all(300 < geo.distance_m(*point, *geo.gcj02_to_bd09(point)) < 1_500 for point in points())


@pytest.mark.parametrize("point", [(51.5074, -0.1278), (-33.86, 151.21), (0.0, 0.0), (35.68, 139.69)])
def test_outside_china_nothing_is_shifted(point):
    for source in SYSTEMS:
        for target in SYSTEMS:
            assert geo.convert(point, source, target) == point


def test_a_short_way_is_as_long_in_each_system():
    """The list orders by distances within a station's own system; near by they must agree."""
    for lat, lng in points(100):
        other = lat + 0.006, lng + 0.006
        real = geo.distance_m(lat, lng, *other)
        for system, most in (("gcj02", 0.01), ("bd09", 0.03)):
            here, there = geo.convert((lat, lng), "wgs84", system), geo.convert(other, "wgs84", system)
            assert abs(geo.distance_m(*here, *there) - real) < most * real


def test_distance_along_the_earth():
    assert math.isclose(geo.distance_m(34.0, 113.0, 35.0, 113.0), 111_195, rel_tol=1e-4)
    assert geo.distance_m(34.8, 113.7, 34.8, 113.7) == 0
    there, back = geo.distance_m(34.8, 113.6, 34.9, 113.9), geo.distance_m(34.9, 113.9, 34.8, 113.6)
    assert math.isclose(there, back, rel_tol=1e-12)
    assert math.isclose(geo.distance_m(0.0, 0.0, 0.0, 180.0), math.pi * geo.EARTH_M)
