"""Henan's tree from the division files: general unions down to the towns, a federation at each city and county."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from portal import audit, clock
from portal.access import SYSTEM
from portal.config import PACKAGE
from portal.db import db
from portal.types import new_id
from portal.unions.tree.models import Division, Union, UnionKind, UnionLevel

DATA = PACKAGE / "data"
GENERAL, FEDERATION = "总工会", "新业态工会联合会"


@dataclass(frozen=True)
class Place:
    """One row of the division file, with what the tree needs to know about it."""

    code: str
    name: str
    parent_code: str | None
    level: str
    statutory: bool
    directly_under_province: bool = False

    @cached_property
    def union_level(self) -> UnionLevel:
        """The level its general union stands at. 济源 is a statutory county that the province runs: a city's level."""
        if self.level != "county":
            return UnionLevel(self.level)
        if self.directly_under_province:
            return UnionLevel.CITY
        return UnionLevel.COUNTY if self.statutory else UnionLevel.ZONE

    @property
    def is_collective(self) -> bool:
        """A row that only gathers others in the statistics (4190) and has no body of its own."""
        return self.level == "city" and not self.statutory


@dataclass(frozen=True)
class Planned:
    """A union that should be there."""

    code: str
    name: str
    kind: UnionKind
    level: UnionLevel
    division_code: str
    parent_code: str | None
    second_parent_code: str | None = None


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_places() -> list[Place]:
    """All rows of the division file, from the province down."""
    rows = _rows("henan_divisions.csv")
    collective = {row["code"] for row in rows if row["level"] == "city" and row["statutory"] == "0"}
    return [
        Place(
            row["code"], row["name"], row["parent_code"] or None, row["level"], row["statutory"] == "1",
            row["parent_code"] in collective,
        )
        for row in rows
    ]  # fmt: skip


def plan(places: list[Place]) -> list[list[Planned]]:
    """The unions these places ask for, level by level: every parent stands in an earlier list."""
    by_code = {place.code: place for place in places}
    levels: dict[str, list[Planned]] = {name: [] for name in ("province", "city", "county", "town", "city-X", "county-X")}
    for place in places:
        if place.is_collective:
            continue
        level = place.union_level
        above = by_code.get(place.parent_code or "")
        parent = above.parent_code if above and above.is_collective else place.parent_code
        line = {"zone": "county"}.get(level, str(level))
        levels[line].append(Planned(place.code, place.name + GENERAL, UnionKind.GENERAL_UNION, level, place.code, parent))
        if level in (UnionLevel.CITY, UnionLevel.COUNTY):
            levels[f"{level}-X"].append(
                Planned(
                    f"{place.code}-X", place.name + FEDERATION, UnionKind.FEDERATION, level, place.code, place.code,
                    f"{parent}-X" if level is UnionLevel.COUNTY else None,
                )
            )  # fmt: skip
    return list(levels.values())


def load_henan() -> str:
    """Load Henan's divisions and unions, and say what is there now. Again: adds what is missing, changes nothing.

    Flushes; the caller commits.
    """
    places = read_places()
    divisions = _add_divisions(places)
    ids: dict[str, Any] = {row.code: row.id for row in db.session.execute(sa.select(Union.code, Union.id))}
    added = 0
    for planned in plan(places):
        missing = [union for union in planned if union.code not in ids]
        ids |= {union.code: new_id() for union in missing}
        added += len(missing)
        _add_unions(missing, ids)
    if divisions or added:
        province = db.session.scalars(sa.select(Union).where(Union.code == places[0].code)).one()
        audit.record("unions.loaded", by=SYSTEM, subject=province, union_id=province.id, divisions=divisions, unions=added)
        db.session.flush()
    return _what_is_there(places, divisions, added)


def _add_divisions(places: list[Place]) -> int:
    points = {row["code"]: row for row in _rows("henan_county_points.csv")}
    known = set(db.session.scalars(sa.select(Division.code)))
    rows = [
        {
            "code": place.code,
            "name": place.name,
            "parent_code": place.parent_code,
            "level": place.level,
            "statutory": place.statutory,
            "lng": points[place.code]["lng"] if place.code in points else None,
            "lat": points[place.code]["lat"] if place.code in points else None,
        }
        for place in places
        if place.code not in known
    ]
    if rows:
        _insert(Division, rows)
    return len(rows)


def _add_unions(planned: list[Planned], ids: dict[str, Any]) -> None:
    if not planned:
        return
    moment = clock.now()
    rows = [
        {
            "id": ids[union.code],
            "code": union.code,
            "name": union.name,
            "kind": str(union.kind),
            "level": str(union.level),
            "division_code": union.division_code,
            "parent_id": ids[union.parent_code] if union.parent_code else None,
            "second_parent_id": ids[union.second_parent_code] if union.second_parent_code else None,
            "created_at": moment,
        }
        for union in planned
    ]
    _insert(Union, rows)


def _insert(model: type, rows: list[dict[str, Any]]) -> None:
    """All rows in one statement, so that foreign keys and the tree's closure are looked at once."""
    table = model.__table__
    names = list(rows[0])
    arrays = [sa.cast(sa.bindparam(name, [row[name] for row in rows]), sa.ARRAY(_plain(table.c[name].type))) for name in names]
    given = sa.func.unnest(*arrays).table_valued(*(sa.column(name, table.c[name].type) for name in names))
    given = given.render_derived()
    db.session.execute(sa.insert(table).from_select(names, sa.select(*given.c)))


def _plain(kind: Any) -> Any:
    return sa.Text() if isinstance(kind, sa.String) else kind


def _what_is_there(places: list[Place], divisions: int, added: int) -> str:
    """The counts, from the tables. 济源 stands once, among the cities, and is one of the statutory counties too."""
    codes = [place.code for place in places]
    codes += [f"{code}-X" for code in codes]
    rows = sa.select(Union.kind, Union.level).where(Union.code.in_(codes), Union.closed_at.is_(None))
    count = Counter((row.kind, row.level) for row in db.session.execute(rows))
    direct = [place for place in places if place.union_level is UnionLevel.CITY and place.level == "county"]
    there = set(db.session.scalars(sa.select(Union.code).where(Union.code.in_([place.code for place in direct]))))
    names = "".join(f" + {place.name.removesuffix('市')}" for place in direct if place.code in there)
    general = {level: count[UnionKind.GENERAL_UNION, level] for level in UnionLevel}
    city_feds, county_feds = (count[UnionKind.FEDERATION, level] for level in (UnionLevel.CITY, UnionLevel.COUNTY))
    total = db.session.scalar(sa.select(sa.func.count()).select_from(Division))
    return "\n".join(
        (
            f"Divisions: {total:,} ({divisions:,} new).",
            f"General unions: province {general[UnionLevel.PROVINCE]}, cities"
            f" {general[UnionLevel.CITY] - len(there)}{names}, statutory counties"
            f" {general[UnionLevel.COUNTY] + len(there)}{f' (with{names[2:]})' if names else ''},"
            f" functional zones {general[UnionLevel.ZONE]}, towns and streets {general[UnionLevel.TOWN]:,}.",
            f"New-economy federations: {city_feds} at cities + {county_feds} at counties = {city_feds + county_feds}.",
            f"Unions added now: {added:,}.",
        )
    )
