"""Gaps in words, dots in place."""

from __future__ import annotations

from portal.stations.coverage import rules
from portal.stations.coverage.rules import Row
from portal.stations.register.models import StationKind


def said(row: Row, kind: StationKind | None = None) -> list[str]:
    return [str(one) for one in rules.gaps(row, kind)]


def test_gaps_in_words():
    assert said(Row("1", "甲", "市")) == ["No station in service"]
    assert said(Row("1", "甲", "市", serving=3)) == ["None around the clock", "No drivers' home"]
    assert said(Row("1", "甲", "市", serving=3, all_day=1, homes=1)) == []
    assert said(Row("1", "甲", "市", serving=3, all_day=1), StationKind.CARE_STATION) == []


def test_dots_lie_as_the_counties_do():
    north = Row("1", "北", "市", (36.0, 114.0), serving=9)
    south = Row("2", "南", "市", (33.0, 114.0), serving=1)
    east = Row("3", "东", "市", (34.0, 116.0))
    drawing = rules.draw([north, south, east, Row("4", "无", "市")])
    at = {dot.row.name: dot for dot in drawing.dots}
    assert set(at) == {"北", "南", "东"}
    assert at["北"].y < at["东"].y < at["南"].y and at["东"].x > at["北"].x == at["南"].x
    assert at["北"].radius > at["南"].radius
    assert all(0 <= dot.x <= drawing.width and 0 <= dot.y <= drawing.height for dot in drawing.dots)
    assert rules.draw([Row("4", "无", "市")]) is None
    alone = rules.draw([north])
    (dot,) = alone.dots
    assert alone.width == drawing.width and dot.x == alone.width / 2  # one county is no larger than among many
    assert dot.y + dot.radius + 14 < alone.height  # and its name stands on the drawing


def test_the_total_adds_up():
    care = StationKind.CARE_STATION
    rows = [Row("1", "甲", "市", serving=2, all_day=1, kinds={care: 2}), Row("2", "乙", "市", serving=1, kinds={care: 1})]
    total = rules.total(rows)
    assert (total.serving, total.all_day, total.kinds) == (3, 1, {care: 3})
