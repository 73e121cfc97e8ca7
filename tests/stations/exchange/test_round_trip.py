"""What is exported is loaded again without a change, whatever stands in the register."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.access import SYSTEM
from portal.db import db as database
from portal.stations.exchange import exports, imports
from portal.stations.hours.rules import HolidayRule
from portal.stations.register import commands, rules
from portal.stations.register.commands import Entry
from portal.stations.register.models import (
    BuildMode,
    Carriageway,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.register.rules import FacilityDetail, StationValues
from portal.tables import text_file, workbook
from portal.types import tidy
from portal.vocabulary import BasicService
from tests.factories.unions import small_tree
from tests.stations.wording.test_rules import weeks

number = count(1)
plain = st.text(alphabet="花园路驿站 AB12()（）'=+-@、，;；|\"号", min_size=1, max_size=20)
line = plain.map(lambda one: tidy(one.replace("|", "")))
phones = st.sampled_from(["0371-65506000", "13800138000", "0371-65506000-801", "12351", "400-800-1234"])
labels = st.sampled_from([None, "前台", "王站长", "夜班/值守"])
days = st.none() | st.dates(date(2015, 1, 1), date(2026, 11, 1))


def money(most: int) -> st.SearchStrategy:
    return st.none() | st.decimals(0, most, places=2, allow_nan=False).map(Decimal)


@st.composite
def details(draw, facilities: tuple[Facility, ...]) -> tuple[FacilityDetail, ...]:
    drawn = []
    for one in facilities:
        hours = draw(st.just(()) | weeks()) if draw(st.booleans()) else ()
        own = tuple(type(each)(each.weekday, each.opens, each.closes) for each in hours)
        drawn.append(FacilityDetail(one, draw(money(999)), draw(st.none() | line), own))
    return tuple(drawn)


@st.composite
def values(draw) -> StationValues:
    facilities = tuple(draw(st.lists(st.sampled_from(list(Facility)), unique=True, max_size=6)))
    services = tuple(draw(st.lists(st.sampled_from(list(BasicService)), unique=True, max_size=6)))
    point = draw(st.none() | st.tuples(st.decimals(111, 116, places=6), st.decimals(32, 36, places=6)))
    numbers = draw(st.lists(st.tuples(phones, labels), unique_by=lambda one: one[0], max_size=4))
    place = next(number)
    return StationValues(
        name=f"{draw(line) or ''}甲{place}",
        address=f"{draw(line) or ''}路 {place} 号",
        county_code="410105",
        town_code=draw(st.sampled_from([None, "410105002"])),
        kind=draw(st.sampled_from(list(StationKind))),
        tier=draw(st.sampled_from(list(StationTier))),
        grade=draw(st.sampled_from(list(StationGrade))),
        stars=draw(st.none() | st.integers(1, 5)),
        build_mode=draw(st.none() | st.sampled_from(list(BuildMode))),
        host_name=draw(st.none() | line),
        host_contact=draw(st.none() | st.just("王经理")),
        host_phone=draw(st.none() | phones),
        agreement_from=draw(st.none() | st.just(date(2024, 1, 1))),
        agreement_until=draw(st.none() | st.just(date(2027, 1, 1))),
        lng=point and point[0],
        lat=point and point[1],
        crs=draw(st.sampled_from(list(CoordinateSystem))),
        phones=tuple(numbers),
        area_m2=draw(st.none() | st.decimals(1, 999, places=1)),
        capacity=draw(st.none() | st.integers(1, 500)),
        opened_on=draw(days),
        source=draw(st.none() | line),
        hours=draw(weeks()),
        holiday_rule=draw(st.sampled_from(list(HolidayRule))),
        entry_method=draw(st.none() | line),
        facilities=facilities,
        facility_details=draw(details(facilities)),
        services=services,
        default_service=draw(st.none() | st.sampled_from(services)) if services else None,
        road=draw(st.none() | line),
        carriageway=draw(st.none() | st.sampled_from(list(Carriageway))),
        truck_spaces=draw(st.none() | st.integers(0, 300)),
        max_height_m=draw(st.none() | st.decimals(1, 9, places=2)),
        max_weight_t=draw(st.none() | st.decimals(1, 90, places=1)),
        access_note=draw(st.none() | line),
    )


@pytest.fixture
def tree(db):
    return small_tree()


@given(drawn=st.lists(values(), min_size=1, max_size=4), status=st.sampled_from(list(StationStatus)))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_export_and_import_change_nothing(tree, drawn, status):
    good = [one for one in drawn if not rules.problems_with_station(one)]
    codes = commands.add_stations(entries=[Entry(one, tree.county.id, status) for one in good], by=SYSTEM)
    database.session.commit()
    stations = Station.query.filter(Station.code.in_(codes)).order_by(Station.code).all()
    before = [rules.values_of(one) for one in stations]
    for write in (workbook, text_file):
        table = exports.station_rows((one, tree.county.code, "金水区", "郑州市") for one in stations)
        content = write(exports.COLUMNS, table).read()
        if not codes:
            continue
        outcome, _kept = imports.load(content, union=tree.county, roots=[tree.county.id], by=SYSTEM, file_name="x")
        assert outcome.counts == {"loaded": 0, "updated": 0, "unchanged": len(codes), "refused": 0}, str(outcome)
        assert [rules.values_of(one) for one in stations] == before


def test_names_of_partners_do_not_travel(tree):
    titles = {column.title for column in exports.COLUMNS}
    assert not titles & {"依托单位联系人", "依托单位电话"}
