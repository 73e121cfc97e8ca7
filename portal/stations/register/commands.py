"""Changes to the register: adding, changing and opening or closing stations, one by one or from a workbook.

Everything that gives out a code or claims a place first locks the row of the county, so that of two at once
the second sees what the first did. Codes are for life and never used twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.hours.rules import Stretch
from portal.stations.register import queries, rules
from portal.stations.register.models import (
    OpeningHours,
    Station,
    StationFacility,
    StationStatus,
)
from portal.stations.register.rules import StationValues
from portal.stations.wording.rules import hours_as_text
from portal.types import N_, Problem, Refused, Word, new_id, text
from portal.unions.tree.models import Division, Union

PLAIN_FIELDS = (
    "name",
    "kind",
    "tier",
    "grade",
    "stars",
    "build_mode",
    "host_name",
    "county_code",
    "town_code",
    "address",
    "lng",
    "lat",
    "crs",
    "phone",
    "area_m2",
    "capacity",
    "opened_on",
    "source",
)


@dataclass(frozen=True)
class Entry:
    """A station to be added, already checked; without ``code`` it gets the county's next one."""

    values: StationValues
    union_id: UUID
    status: StationStatus = StationStatus.OPEN
    code: str | None = None
    is_demo: bool = False


# --- one station ---------------------------------------------------------------------------------------


def add_station(
    *,
    values: StationValues,
    union: Union,
    by: By,
    status: StationStatus = StationStatus.OPEN,
    code: str | None = None,
    is_demo: bool = False,
) -> Station:
    """Put a station into the register. Raises Refused with every problem found."""
    _refuse(rules.problems_with_station(values))
    queries.lock_counties([values.county_code])
    problems = _problems_with_place(values)
    if code:
        taken = queries.find_by_code(code) is not None
        problems += rules.problems_with_code(code, values.county_code, taken=taken)
    _refuse(problems)
    codes = add_stations(entries=[Entry(values, union.id, status, code, is_demo)], by=by)
    return queries.find_by_code(codes[0])


def change_station(*, station: Station, values: StationValues, by: By, union: Union | None = None) -> dict[str, list[Any]]:
    """Bring a station in line with ``values``; answers what changed, from and to. Raises Refused."""
    _refuse(rules.problems_with_station(values))
    queries.lock_counties([values.county_code])
    _refuse(_problems_with_place(values, station))
    return apply_values(station=station, values=values, by=by, union_id=union.id if union else None)


def set_status(*, station: Station, status: StationStatus, by: By) -> None:
    """Open, suspend or withdraw a station; withdrawing closes it for good. Raises Refused."""
    if status is station.status:
        return
    _refuse(rules.problems_with_status(station.status, status))
    before, station.status = station.status, status
    station.closed_at = clock.now() if status is StationStatus.WITHDRAWN else None
    audit.record(
        "station.status_set",
        by=by,
        subject=station,
        union_id=station.union_id,
        status=[before.value, status.value],
    )
    db.session.flush()


# --- many stations -------------------------------------------------------------------------------------


def add_stations(*, entries: Sequence[Entry], by: By) -> list[str]:
    """Add entries that were checked while their counties were locked; answers their codes.

    In three statements, because a union's workbook may hold thousands.
    """
    last = _last_numbers(entries)
    stations, hours, facilities, codes = [], [], [], []
    for entry in entries:
        code = entry.code
        if not code:
            county = entry.values.county_code
            last[county] = last.get(county, 0) + 1
            code = f"{county}-{last[county]:04}"
        codes.append(code)
        row = _columns(entry, code)
        stations.append(row)
        hours += [{"station_id": row["id"], **vars(one)} for one in entry.values.hours]
        facilities += [
            {"station_id": row["id"], "facility": one, "position": place} for place, one in enumerate(entry.values.facilities)
        ]
        written = {"code": code, "name": row["name"], "status": entry.status.value}
        audit.record("station.added", by=by, subject=Station(id=row["id"]), union_id=entry.union_id, **written)
    for model, rows in ((Station, stations), (OpeningHours, hours), (StationFacility, facilities)):
        if rows:
            db.session.execute(sa.insert(model.__table__), rows)
    db.session.flush()
    return codes


def apply_values(*, station: Station, values: StationValues, by: By, union_id: UUID | None = None) -> dict[str, list[Any]]:
    """Write values that were checked; answers what changed, from and to. Nothing changed: nothing written."""
    changes: dict[str, list[Any]] = {}
    before = rules.values_of(station)
    for name in PLAIN_FIELDS:
        old, new = getattr(before, name), getattr(values, name)
        if old != new:
            setattr(station, name, new)
            changes[name] = [_plain(name, old), _plain(name, new)]
    if before.services != values.services:
        station.services = [one.value for one in values.services]
        changes["services"] = [[*map(str, before.services)], [*map(str, values.services)]]
    if before.facilities != values.facilities:
        station.facilities = _facilities(values, {row.facility: row for row in station.facilities})
        changes["facilities"] = [[*map(str, before.facilities)], [*map(str, values.facilities)]]
    if before.hours != values.hours:
        station.hours = _hours(values.hours, {(row.weekday, row.opens): row for row in station.hours})
        changes["hours"] = [hours_as_text(before.hours), hours_as_text(values.hours)]
    if union_id and union_id != station.union_id:
        changes["union_id"] = [station.union_id, union_id]
        station.union_id = union_id
    if changes:
        audit.record("station.changed", by=by, subject=station, union_id=station.union_id, changes=changes)
        db.session.flush()
    return changes


# --- parts ---------------------------------------------------------------------------------------------


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _problems_with_place(values: StationValues, station: Station | None = None) -> list[Problem]:
    """What only the database knows: the county and town must be there, name and address must be free."""
    county = db.session.get(Division, values.county_code)
    if county is None or county.level != "county":
        return [Problem("county_unknown", text(N_("This county is not known.")), field="county_code")]
    if values.town_code:
        town = db.session.get(Division, values.town_code)
        if town is None or town.level != "town" or town.parent_code != county.code:
            says = text(N_("This town does not lie in %(county)s."), county=county.name)
            return [Problem("town_elsewhere", says, field="town_code")]
    other = queries.find_by_place(values.county_code, values.name, values.address)
    return [] if other is None or other is station else [rules.twin(other.code)]


def _last_numbers(entries: Sequence[Entry]) -> dict[str, int]:
    """The highest number given out in each county, by the register or by the entries themselves."""
    county = sa.func.split_part(Station.code, "-", 1)  # one object, so that SELECT and GROUP BY share their parameters
    number = sa.cast(sa.func.split_part(Station.code, "-", 2), sa.Integer)
    rows = db.session.execute(
        sa.select(county, sa.func.max(number))
        .where(Station.code.regexp_match(rules.CODE.pattern))
        .where(county.in_({one.values.county_code for one in entries}))
        .group_by(county)
    )
    last: dict[str, int] = {county: highest for county, highest in rows}  # noqa: C416 - rows are no pairs
    for entry in entries:
        if entry.code:
            county, _, given = entry.code.partition("-")
            last[county] = max(last.get(county, 0), int(given))
    return last


def _columns(entry: Entry, code: str) -> dict[str, Any]:
    values, moment = entry.values, clock.now()
    return {name: getattr(values, name) for name in PLAIN_FIELDS} | {
        "id": new_id(),
        "code": code,
        "union_id": entry.union_id,
        "status": entry.status,
        "is_demo": entry.is_demo,
        "services": [one.value for one in values.services],
        "created_at": moment,
        "closed_at": moment if entry.status is StationStatus.WITHDRAWN else None,
    }


def _hours(hours: Iterable[Stretch], known: dict[tuple[int, int], OpeningHours]) -> list[OpeningHours]:
    """Rows for stretches; rows that are there are used again, because (day, opens) is their key."""
    rows = []
    for one in hours:
        row = known.get((one.weekday, one.opens)) or OpeningHours(weekday=one.weekday, opens=one.opens)
        row.closes = one.closes
        rows.append(row)
    return rows


def _facilities(values: StationValues, known: dict[Any, StationFacility]) -> list[StationFacility]:
    rows = []
    for place, facility in enumerate(values.facilities):
        row = known.get(facility) or StationFacility(facility=facility)
        row.position = place
        rows.append(row)
    return rows


def _plain(name: str, value: Any) -> Any:
    """A value as the audit trail may hold it: words by their value, phones by their end."""
    if name == "phone" and value:
        return f"…{value[-4:]}"
    return value.value if isinstance(value, Word) else value
