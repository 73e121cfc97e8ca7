"""How a station stands, how far it is, and what its entry must hold: values only."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from portal.stations.hours.rules import ALWAYS, Stretch
from portal.stations.register import rules
from portal.stations.register.models import NEXT_STATUSES, CoordinateSystem, OpeningHours, Station, StationStatus
from portal.stations.register.rules import StationValues

NOON = datetime(2026, 11, 16, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "sentence", "light"),
    [
        (StationStatus.SUSPENDED, "Suspended", "red"),
        (StationStatus.UNDER_REPAIR, "Under repair", "red"),
        (StationStatus.TRIAL, "Open around the clock", "green"),
    ],
)
def test_a_shut_station_says_why_whatever_its_hours(status, sentence, light):
    opening = rules.opening(Station(status=status, hours=[OpeningHours(**vars(one)) for one in ALWAYS]), NOON)
    assert (str(opening.says), opening.light) == (sentence, light)


# --- distance ----------------------------------------------------------------------------------------


# --- the entry ---------------------------------------------------------------------------------------

WHOLE = {"name": "花园路驿站", "county_code": "410105", "address": "花园路 1 号"}
POINT = {"lng": Decimal("113.67"), "lat": Decimal("34.80"), "crs": CoordinateSystem.GCJ02}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        (POINT, []),
        ({"name": None}, ["name_missing"]),
        ({"address": None, "county_code": None}, ["county_code_missing", "address_missing"]),
        ({"name": "长" * 61}, ["name_too_long"]),
        (POINT | {"lat": None}, ["point_half"]),
        (POINT | {"crs": None}, ["crs_missing"]),
        (POINT | {"lng": Decimal("34.80"), "lat": Decimal("113.67")}, ["point_swapped"]),
        (POINT | {"lng": Decimal("2.35"), "lat": Decimal("48.85")}, ["point_outside"]),
        ({"stars": 6}, ["stars_wrong"]),
        ({"area_m2": Decimal(0)}, ["area_m2_wrong"]),
        ({"capacity": -1}, ["capacity_wrong"]),
        ({"phones": (("0371-65506000", None),)}, []),
        ({"phones": (("13800138000", None),)}, []),
        ({"phones": (("12351", None),)}, []),
        ({"phones": (("0371-65506000-801", None),)}, []),
        ({"phones": (("找老王", None),)}, ["phone_wrong"]),
        ({"hours": (Stretch(0, 0, 900), Stretch(0, 800, 1000))}, ["hours_overlap"]),
        ({"hours": (Stretch(0, 0, 1441),)}, ["hours_not_whole"]),
    ],
)
def test_what_keeps_an_entry_out(changes, codes):
    assert [problem.code for problem in rules.problems_with_station(StationValues(**(WHOLE | changes)))] == codes


def test_phones_as_they_are_written():
    assert rules.normal_station_phone("＋86 (0371) 6550 6000转801") == "03716550600 0-801".replace(" ", "")
    assert rules.normal_station_phone(" ") is None


def test_withdrawn_is_the_end():
    assert NEXT_STATUSES[StationStatus.WITHDRAWN] == ()
    assert set(NEXT_STATUSES) == set(StationStatus)
    assert rules.problems_with_status(StationStatus.WITHDRAWN, StationStatus.OPEN)
    assert not rules.problems_with_status(StationStatus.OPEN, StationStatus.SUSPENDED)
