"""A workbook full of what really comes: every row is loaded as it should be, or refused with its reason."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

import portal
from portal.access import SYSTEM
from portal.db import db as database
from portal.stations.exchange import imports
from portal.stations.exchange.rules import in_workbook
from portal.stations.register.models import Station, StationKind
from portal.stations.wording.rules import hours_as_text
from portal.unions.tree.models import Division
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.stations.exchange import messy


def real_divisions() -> None:
    """Henan's cities, counties and zones, and the towns of one county."""
    path = Path(portal.__file__).parent / "data" / "henan_divisions.csv"
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["level"] != "town" or row["parent_code"] == "410105"]
    known = set(database.session.scalars(sa.select(Division.code)))
    values = [
        {**row, "parent_code": row["parent_code"] or None, "statutory": row["statutory"] == "1"}
        for row in rows
        if row["code"] not in known
    ]
    database.session.execute(sa.insert(Division), values)
    database.session.execute(sa.update(Division).where(Division.code == "410105002").values(name="花园路街道"))
    database.session.commit()


@pytest.fixture
def tree(db):
    tree = small_tree()
    real_divisions()
    make_station(
        union=tree.county,
        name="老站点户外劳动者服务站点",
        address="老门牌 1 号",
        kind=StationKind.UNION_STATION,
        point=None,
        hours=(),
        facilities=(),
        services=(),
    )
    return tree


def load(tree, content: bytes):
    outcome, _kept = imports.load(content, union=tree.county, roots=[tree.county.id], by=SYSTEM, file_name="台账.xlsx")
    database.session.commit()
    return outcome


def held(station: Station) -> dict:
    """What a row of the fixture may ask about its station."""
    return {
        "hours": hours_as_text(station.hours),
        "rule": station.holiday_rule.value,
        "phones": [row.phone for row in station.phones],
        "area_m2": None if station.area_m2 is None else str(station.area_m2),
        "opened_on": None if station.opened_on is None else station.opened_on.isoformat(),
        "lng": None if station.lng is None else str(station.lng),
        "lat": None if station.lat is None else str(station.lat),
        "crs": None if station.crs is None else station.crs.value,
        "facilities": [in_workbook(row.facility) for row in station.facilities],
        "prices": {in_workbook(row.facility): str(row.price) for row in station.facilities if row.price is not None},
        "services": [in_workbook(one) for one in station.offered],
        "status": in_workbook(station.status),
    } | {name: getattr(station, name) for name in ("name", "county_code", "town_code", "capacity", "stars")}


def test_every_row_is_loaded_or_explained(tree):
    content = messy.build()
    assert len(messy.ROWS) >= 100
    outcome = load(tree, content)
    assert (outcome.sheet, outcome.sheets) == ("站点台账", ("填表说明", "站点台账"))
    assert outcome.unknown == ["序号", "备注"]
    became = {row.number: row for row in outcome.rows}
    wrong = []
    for row in messy.ROWS:
        one = became.pop(row.number)
        said = " ".join(str(problem.says) for problem in one.problems)
        result = "loaded" if row.ends == "noted" else row.ends
        if one.result != result or bool(said) != (row.ends in ("refused", "noted")) or (row.says or "") not in said:
            wrong.append((row.number, row.cells, row.ends, row.says, one.result, said))
        elif one.code and row.holds:
            station = Station.query.filter_by(code=one.code).one()
            there = held(station)
            wrong += [(row.number, row.cells, name, want, there[name]) for name, want in row.holds.items() if there[name] != want]
    assert not wrong, "\n".join(map(str, wrong))
    assert not became


def test_the_messy_file_again_changes_nothing(tree):
    content = messy.build()
    first = load(tree, content)
    again = load(tree, content)
    assert (again.loaded, again.updated) == (0, 0)
    assert again.unchanged == first.loaded + first.unchanged
    assert again.refused == first.refused


def test_the_same_rows_as_text_in_the_chinese_encoding(tree):
    """What is not merged is written out in a text file; every row ends as in the workbook."""
    content = messy.build()
    lines = ["\t".join(messy.HEAD.values())]
    for row in messy.ROWS:
        cells = [str(row.cells.get(name, "")).strip() for name in messy.HEAD]
        lines.append("\t".join(f'"{cell}"' if "\n" in cell else cell.replace('"', '""') for cell in cells))
    text = load(tree, "\r\n".join(lines).encode("gb18030"))
    ends = {"noted": "loaded"}
    assert [row.result for row in text.rows] == [ends.get(row.ends, row.ends) for row in messy.ROWS]
    assert content  # the workbook numbers its rows; the text file has none of its own
    assert Station.query.filter(Station.area_m2 == Decimal("35.5")).count() == 1
