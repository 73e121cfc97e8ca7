"""Coordinates: the three systems in use in China, and how far it is from one point to another.

A phone says where it is in WGS-84. Chinese map services draw in GCJ-02, which shifts each point by some hundred metres;
Baidu shifts once more, BD-09. A point is stored as it was given, with its system; whatever computes or draws converts here.
Points are (lat, lng) in degrees. The formulae are the public ones; what has no inverse is approached until nothing is left.
Outside China the three are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable

WGS84, GCJ02, BD09 = "wgs84", "gcj02", "bd09"
EARTH_M = 6_371_008.8  # mean radius
METRES_PER_DEGREE = math.pi * EARTH_M / 180

Point = tuple[float, float]

_AXIS, _ECCENTRICITY_2 = 6_378_245.0, 0.00669342162296594323  # Krasovsky 1940
_BD_WAVE = math.pi * 3000 / 180
_CLOSE_ENOUGH, _MOST_STEPS = 1e-9, 30  # degrees: a tenth of a millimetre


def in_china(lat: float, lng: float) -> bool:
    """Whether a point lies in the rectangle in which the systems differ."""
    return 0.8293 <= lat <= 55.8271 and 72.004 <= lng <= 137.8347


def distance_m(lat1: float, lng1: float, lat2: float, lng2: float) -> float:
    """Metres between two points of one system, along the earth's surface (haversine)."""
    a, b = math.radians(lat1), math.radians(lat2)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(lng2 - lng1) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, half)))


def shrink(lat: float) -> float:
    """How much shorter a degree of longitude is here than a degree of latitude."""
    return math.cos(math.radians(lat))


def convert(point: Point, source: str, target: str) -> Point:
    """A point of one system in another; systems are ``wgs84``, ``gcj02`` and ``bd09``."""
    if source == target:
        return point
    return _FROM_WGS84[target](_TO_WGS84[source](point))


def wgs84_to_gcj02(point: Point) -> Point:
    """What Chinese maps call a point that satellites call ``point``."""
    lat, lng = point
    if not in_china(lat, lng):
        return point
    x, y = lng - 105.0, lat - 35.0
    slope = math.radians(lat)
    magic = 1 - _ECCENTRICITY_2 * math.sin(slope) ** 2
    north, east = _shift_north(x, y), _shift_east(x, y)
    north = math.degrees(north * magic * math.sqrt(magic) / (_AXIS * (1 - _ECCENTRICITY_2)))
    east = math.degrees(east * math.sqrt(magic) / (_AXIS * math.cos(slope)))
    return lat + north, lng + east


def _waves(x: float) -> float:
    return 20 * math.sin(6 * math.pi * x) + 20 * math.sin(2 * math.pi * x)


def _shift_north(x: float, y: float) -> float:
    metres = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    waves = 20 * math.sin(math.pi * y) + 40 * math.sin(math.pi * y / 3)
    waves += 160 * math.sin(math.pi * y / 12) + 320 * math.sin(math.pi * y / 30)
    return metres + (_waves(x) + waves) * 2 / 3


def _shift_east(x: float, y: float) -> float:
    metres = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    waves = 20 * math.sin(math.pi * x) + 40 * math.sin(math.pi * x / 3)
    waves += 150 * math.sin(math.pi * x / 12) + 300 * math.sin(math.pi * x / 30)
    return metres + (_waves(x) + waves) * 2 / 3


def gcj02_to_bd09(point: Point) -> Point:
    """What Baidu calls a point of GCJ-02."""
    lat, lng = point
    if not in_china(lat, lng):
        return point
    far = math.hypot(lng, lat) + 0.00002 * math.sin(lat * _BD_WAVE)
    angle = math.atan2(lat, lng) + 0.000003 * math.cos(lng * _BD_WAVE)
    return far * math.sin(angle) + 0.006, far * math.cos(angle) + 0.0065


def _inverse(forward: Callable[[Point], Point], point: Point) -> Point:
    """The point that ``forward`` takes to ``point``: guess, look how far off it lands, correct."""
    if not in_china(*point):
        return point
    lat, lng = point
    for _step in range(_MOST_STEPS):
        there = forward((lat, lng))
        north, east = point[0] - there[0], point[1] - there[1]
        lat, lng = lat + north, lng + east
        if abs(north) < _CLOSE_ENOUGH and abs(east) < _CLOSE_ENOUGH:
            break
    return lat, lng


def gcj02_to_wgs84(point: Point) -> Point:
    """Where a point of a Chinese map really lies."""
    return _inverse(wgs84_to_gcj02, point)


def bd09_to_gcj02(point: Point) -> Point:
    """A point of Baidu's on the other Chinese maps."""
    return _inverse(gcj02_to_bd09, point)


_FROM_WGS84: dict[str, Callable[[Point], Point]] = {
    WGS84: lambda point: point,
    GCJ02: wgs84_to_gcj02,
    BD09: lambda point: gcj02_to_bd09(wgs84_to_gcj02(point)),
}
_TO_WGS84: dict[str, Callable[[Point], Point]] = {
    WGS84: lambda point: point,
    GCJ02: gcj02_to_wgs84,
    BD09: lambda point: gcj02_to_wgs84(bd09_to_gcj02(point)),
}
