"""Changes to the register: adding, changing and opening or closing stations, one by one or from a workbook.

Everything that gives out a code or claims a place first locks the row of the county, so that of two at once
the second sees what the first did. Codes are for life and never used twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.hours.rules import Stretch
from portal.stations.register import queries, rules
from portal.stations.register.models import (
    FacilityHours,
    OpeningHours,
    StarRating,
    Station,
    StationFacility,
    StationPhone,
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
    "area_m2",
    "capacity",
    "opened_on",
    "source",
    "holiday_rule",
    "entry_method",
    "default_service",
    "host_contact",
    "host_phone",
    "agreement_from",
    "agreement_until",
    "road",
    "carriageway",
    "truck_spaces",
    "max_height_m",
    "max_weight_t",
    "access_note",
)
SEALED = ("host_contact", "host_phone")


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
    changes = apply_values(station=station, values=values, by=by, union_id=union.id if union else None)
    db.session.flush()
    return changes


def set_status(*, station: Station, status: StationStatus, by: By) -> None:
    """Open, suspend or withdraw a station; withdrawing closes it for good. Raises Refused."""
    apply_status(station=station, status=status, by=by)
    db.session.flush()


def apply_status(*, station: Station, status: StationStatus, by: By) -> None:
    """As `set_status`, but whoever has many stations flushes them together. Raises Refused."""
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


# --- many stations -------------------------------------------------------------------------------------


def add_stations(*, entries: Sequence[Entry], by: By) -> list[str]:
    """Add entries that were checked while their counties were locked; answers their codes.

    In three statements, because a union's workbook may hold thousands.
    """
    last = _last_numbers(entries)
    rows: dict[type, list[dict[str, Any]]] = {
        model: [] for model in (Station, OpeningHours, StationFacility, FacilityHours, StationPhone, StarRating)
    }
    codes = []
    for entry in entries:
        code = entry.code
        if not code:
            county = entry.values.county_code
            last[county] = last.get(county, 0) + 1
            code = f"{county}-{last[county]:04}"
        codes.append(code)
        row = _columns(entry, code)
        rows[Station].append(row)
        _add_parts(rows, row["id"], entry.values, by)
        written = {"code": code, "name": row["name"], "status": entry.status.value}
        audit.record("station.added", by=by, subject=Station(id=row["id"]), union_id=entry.union_id, **written)
    for model, values in rows.items():
        if values:
            db.session.execute(sa.insert(model.__table__), values)
    db.session.flush()
    return codes


def _add_parts(rows: dict[type, list[dict[str, Any]]], ident: UUID, values: StationValues, by: By) -> None:
    """The rows beneath a new station."""
    rows[OpeningHours] += [{"station_id": ident, **vars(one)} for one in values.hours]
    rows[StationPhone] += [
        {"station_id": ident, "phone": phone, "label": label, "position": place}
        for place, (phone, label) in enumerate(values.phones)
    ]
    for place, facility in enumerate(values.facilities):
        detail = values.detail(facility)
        row = {"station_id": ident, "facility": facility, "position": place, "price": detail.price, "note": detail.note}
        rows[StationFacility].append(row)
        rows[FacilityHours] += [
            {"station_id": ident, "facility": facility, "weekday": one.weekday, "opens": one.opens, "closes": one.closes}
            for one in detail.hours
        ]
    if values.stars:
        rows[StarRating].append({"station_id": ident, **_rating(values.stars, by), "basis": None, "id": new_id()})


def _rating(stars: int | None, by: By) -> dict[str, Any]:
    account = by.id if by.kind == "staff" else None
    return {"stars": stars, "rated_on": clock.today(), "at": clock.now(), "by_account_id": account}


def apply_values(*, station: Station, values: StationValues, by: By, union_id: UUID | None = None) -> dict[str, list[Any]]:
    """Take over values that were checked; answers what changed, from and to. Nothing changed: nothing written.

    Whoever has many stations flushes them together: the statements of hundreds of rows then go out as a few.
    """
    changes: dict[str, list[Any]] = {}
    before = rules.values_of(station)
    for name in PLAIN_FIELDS:
        old, new = getattr(before, name), getattr(values, name)
        if old != new:
            setattr(station, name, new)
            changes[name] = [_plain(name, old), _plain(name, new)]
    if "stars" in changes:
        db.session.add(StarRating(station_id=station.id, **_rating(values.stars, by)))
    if before.services != values.services:
        station.services = [one.value for one in values.services]
        changes["services"] = [[*map(str, before.services)], [*map(str, values.services)]]
    _apply_lists(station, before, values, changes)
    if union_id and union_id != station.union_id:
        changes["union_id"] = [station.union_id, union_id]
        station.union_id = union_id
    if changes:
        audit.record("station.changed", by=by, subject=station, union_id=station.union_id, changes=changes)
    return changes


def _apply_lists(station: Station, before: StationValues, values: StationValues, changes: dict[str, list[Any]]) -> None:
    """Phones, facilities and hours: rows that are there are used again, because what they say is their key."""
    if before.phones != values.phones:
        known = {row.phone: row for row in station.phones}
        rows = []
        for place, (phone, label) in enumerate(values.phones):
            row = known.get(phone) or StationPhone(phone=phone)
            row.position, row.label = place, label
            rows.append(row)
        station.phones = rows
        changes["phones"] = [[f"…{phone[-4:]}" for phone, _label in side.phones] for side in (before, values)]
    if (before.facilities, before.facility_details) != (values.facilities, values.facility_details):
        station.facilities = _facilities(values, {row.facility: row for row in station.facilities})
        changes |= _said_of_facilities(before, values)
    if before.hours != values.hours:
        station.hours = _hours(values.hours, {(row.weekday, row.opens): row for row in station.hours})
        staffed, alone = ([hours_as_text(_of(side, staffed=kind)) for side in (before, values)] for kind in (True, False))
        changes |= {name: pair for name, pair in (("hours", staffed), ("self_entry_hours", alone)) if pair[0] != pair[1]}


def _of(values: StationValues, *, staffed: bool) -> list[Stretch]:
    # The mark of self-entry is left out: which of the two it is, the name of the change says.
    return [replace(one, staffed=True) for one in values.hours if one.staffed is staffed]


def _said_of_facilities(before: StationValues, values: StationValues) -> dict[str, list[Any]]:
    changes = {}
    if before.facilities != values.facilities:
        changes["facilities"] = [[*map(str, before.facilities)], [*map(str, values.facilities)]]
    for one in values.facilities:
        pair = [_said_of_detail(side.detail(one)) for side in (before, values)]
        if pair[0] != pair[1]:
            changes[f"facility_{one.value}"] = pair
    return changes


def _said_of_detail(detail: rules.FacilityDetail) -> str | None:
    price = None if detail.price is None else f"¥{detail.price}"
    return " · ".join(filter(None, (price, hours_as_text(detail.hours), detail.note))) or None


# --- chosen in the list -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """What became of stations that were chosen together: how many changed, were so already, or were refused and why."""

    changed: int
    same: int
    refused: list[tuple[Station, list[Problem]]]


def set_statuses(*, stations: Sequence[Station], status: StationStatus, by: By) -> Done:
    """Bring several stations to one status; each that may not go there stays as it is and says why."""
    same, refused = sum(one.status is status for one in stations), []
    for station in stations:
        try:
            apply_status(station=station, status=status, by=by)
        except Refused as reasons:
            refused.append((station, reasons.problems))
    db.session.flush()
    return Done(len(stations) - same - len(refused), same, refused)


def verify_stations(*, stations: Sequence[Station], by: By) -> None:
    """Somebody looked: what is on record of these stations is true today."""
    for station in stations:
        station.verified_at = clock.now()
        audit.record("station.verified", by=by, subject=station, union_id=station.union_id)
    db.session.flush()


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
    sealed = Station(id=new_id())  # encrypts what belongs to a person, bound to the row's id
    for name in SEALED:
        setattr(sealed, name, getattr(values, name))
    return {name: getattr(values, name) for name in PLAIN_FIELDS if name not in SEALED} | {
        "id": sealed.id,
        "host_contact_cipher": sealed.host_contact_cipher,
        "host_phone_cipher": sealed.host_phone_cipher,
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
        row.closes, row.staffed = one.closes, one.staffed
        rows.append(row)
    return rows


def _facilities(values: StationValues, known: dict[Any, StationFacility]) -> list[StationFacility]:
    rows = []
    for place, facility in enumerate(values.facilities):
        row = known.get(facility) or StationFacility(facility=facility)
        detail = values.detail(facility)
        row.position, row.price, row.note = place, detail.price, detail.note
        ours = {(one.weekday, one.opens): one for one in row.hours}
        row.hours = []
        for one in detail.hours:
            kept = ours.get((one.weekday, one.opens)) or FacilityHours(weekday=one.weekday, opens=one.opens)
            kept.closes = one.closes
            row.hours.append(kept)
        rows.append(row)
    return rows


def _plain(name: str, value: Any) -> Any:
    """A value as the audit trail may hold it: words by their value, of people only a hint."""
    if name == "host_phone" and value:
        return f"…{value[-4:]}"
    if name == "host_contact" and value:
        return f"{value[0]}＊"
    return value.value if isinstance(value, Word) else value
