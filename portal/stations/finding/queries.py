"""Reads for whoever looks for a station."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock, geo
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.finding.rules import point_of
from portal.stations.hours.rules import DAY, WEEK, Calendar, HolidayRule
from portal.stations.register.models import (
    PUBLIC_STATUSES,
    SERVING_STATUSES,
    CoordinateSystem,
    ExceptionHours,
    Facility,
    FacilityHours,
    OpeningException,
    OpeningHours,
    Station,
    StationFacility,
    StationKind,
    StationStatus,
)
from portal.stations.register.queries import matching
from portal.unions.tree.models import Division

PUBLIC_LIMIT = 30
NOWHERE = 99_999_999  # metres to a station without a point: behind all others, yet in the list


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for. Heights in metres, weights in tonnes; ``near`` is (lat, lng) in WGS-84."""

    q: str | None = None
    county_code: str | None = None
    kind: StationKind | None = None
    facility: Facility | None = None
    open_now: bool = False
    all_day: bool = False
    free: bool = False
    truck_spaces: bool = False
    height_m: Decimal | None = None
    weight_t: Decimal | None = None
    near: geo.Point | None = None


@dataclass(frozen=True)
class Found:
    """A station in the public list, its county's name and, where both points are known, the metres to it."""

    station: Station
    county: str
    metres: float | None = None


EVERYTHING = Wanted()


# --- open now ------------------------------------------------------------------------------------------------


def open_at(moment: datetime) -> sa.ColumnElement[bool]:
    """The same question as `hours.rules.is_open`, asked of the whole table; a test keeps the two in step."""
    return sa.and_(Station.status.in_(SERVING_STATUSES), sa.or_(*(_door(day, minute) for day, minute in _days(moment))))


def _days(moment: datetime) -> tuple[tuple[date, int], ...]:
    """The days whose stretches may hold at a moment, and the minute counted from each: today, and yesterday into the night."""
    local = moment.astimezone(clock.SHANGHAI)
    minute, today = local.hour * 60 + local.minute, local.date()
    return (today, minute), (today - timedelta(days=1), minute + DAY)


def _weekday(day: date) -> sa.ColumnElement[int]:
    """The weekday whose hours hold on a day for a station, by its rule for holidays; NULL when a holiday shuts the door."""
    return sa.case(
        *((Station.holiday_rule == rule, sa.cast(Calendar(rule).weekday(day), sa.Integer)) for rule in HolidayRule),
        else_=day.weekday(),
    )


def _door(day: date, minute: int) -> sa.ColumnElement[bool]:
    """Whether a stretch that begins on ``day`` holds ``minute`` minutes after its midnight: an exception's, or the week's."""
    exception = (
        sa.select(OpeningException.id)
        .where(OpeningException.station_id == Station.id, OpeningException.first_on <= day, OpeningException.last_on >= day)
        .order_by(OpeningException.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    holds = ExceptionHours.opens <= minute, ExceptionHours.closes > minute
    weekly = sa.exists().where(
        OpeningHours.station_id == Station.id,
        OpeningHours.weekday == _weekday(day),
        OpeningHours.opens <= minute,
        OpeningHours.closes > minute,
    )
    return sa.case(
        (sa.exists(exception.element), sa.exists().where(ExceptionHours.exception_id == exception, *holds)), else_=weekly
    )


def facility_open_at(facility: Facility, moment: datetime) -> sa.ColumnElement[bool]:
    """The same question as `register.rules.facility_opening`: the door is open, and hours of its own hold if it has any."""
    mine = FacilityHours.station_id == Station.id, FacilityHours.facility == facility
    own = [
        sa.exists().where(*mine, FacilityHours.weekday == weekday, FacilityHours.opens <= minute, FacilityHours.closes > minute)
        for weekday, minute in ((_facility_weekday(day), minute) for day, minute in _days(moment))
    ]
    as_the_door = ~sa.exists().where(*mine) | ~sa.exists().where(OpeningHours.station_id == Station.id)
    return sa.and_(open_at(moment), _has(facility), sa.or_(as_the_door, *own))


def _facility_weekday(day: date) -> sa.ColumnElement[int]:
    """For a facility a make-up workday is a Monday too; otherwise its week is plain, the door decides about holidays."""
    workdays = HolidayRule.WORKDAYS
    return sa.case((Station.holiday_rule == workdays, sa.cast(Calendar(workdays).weekday(day), sa.Integer)), else_=day.weekday())


def always_open() -> sa.ColumnElement[bool]:
    """Whether a station never closes by its week; single days may differ, and "open now" knows them."""
    # Stretches never overlap (`wording.rules.problems_with_hours`), so their lengths may be added up.
    minutes = sa.select(sa.func.sum(OpeningHours.closes - OpeningHours.opens)).where(OpeningHours.station_id == Station.id)
    as_usual = Station.holiday_rule == HolidayRule.AS_USUAL
    return sa.and_(Station.status.in_(SERVING_STATUSES), as_usual, minutes.scalar_subquery() >= WEEK)


def _has(facility: Facility) -> sa.ColumnElement[bool]:
    return sa.exists().where(StationFacility.station_id == Station.id, StationFacility.facility == facility)


# --- how far -------------------------------------------------------------------------------------------------


def _metres(near: geo.Point) -> sa.ColumnElement[int]:
    """Whole metres from a WGS-84 point, for the order of the list: each station measured within its own system.

    The systems shift neighbours by nearly the same, so near by this is right to a percent or two, and it costs the
    database only a root for each row; what is shown is measured exactly (`_exactly`). Integers, so that a cursor meets
    the same value again.
    """
    here = {crs: geo.convert(near, geo.WGS84, crs.value) for crs in CoordinateSystem}
    lat, lng, shrink = (
        sa.case({crs: sa.cast(value, sa.Float) for crs, value in values.items()}, value=Station.crs)
        for values in (
            {crs: point[0] for crs, point in here.items()},
            {crs: point[1] for crs, point in here.items()},
            {crs: geo.shrink(point[0]) for crs, point in here.items()},
        )
    )
    north = sa.cast(Station.lat, sa.Float) - lat
    east = (sa.cast(Station.lng, sa.Float) - lng) * shrink
    metres = sa.func.round(geo.METRES_PER_DEGREE * sa.func.sqrt(north * north + east * east))
    return sa.case((Station.crs.is_(None), sa.literal(NOWHERE)), else_=sa.cast(metres, sa.Integer))


def _exactly(rows: list[Found], near: geo.Point) -> list[Found]:
    """The rows with the metres along the earth from a WGS-84 point, nearest first."""
    measured = [
        replace(row, metres=geo.distance_m(*near, *point)) if (point := point_of(row.station)) else replace(row, metres=None)
        for row in rows
    ]
    return sorted(measured, key=lambda row: (row.metres is None, row.metres or 0.0, row.station.id))


# --- the list ------------------------------------------------------------------------------------------------


def _matching(wanted: Wanted) -> sa.Select:
    query = sa.select(Station, Division.name.label("county")).join(Division, Division.code == Station.county_code)
    query = query.where(Station.status.in_(PUBLIC_STATUSES))
    for term in (wanted.q or "").split()[:5]:
        query = query.where(sa.or_(matching(term), Station.town_code.in_(_towns(term))))
    if wanted.county_code:
        query = query.where(Station.county_code == wanted.county_code)
    if wanted.kind:
        query = query.where(Station.kind == wanted.kind)
    if wanted.open_now:
        now = clock.now()
        query = query.where(facility_open_at(wanted.facility, now) if wanted.facility else open_at(now))
    elif wanted.facility:
        query = query.where(_has(wanted.facility))
    if wanted.all_day:
        query = query.where(always_open())
    if wanted.free:
        paid = sa.exists().where(StationFacility.station_id == Station.id, StationFacility.price > 0)
        query = query.where(~(paid.where(StationFacility.facility == wanted.facility) if wanted.facility else paid))
    if wanted.truck_spaces:
        query = query.where(Station.truck_spaces > 0)
    # Where no limit is stated none is known: such a home stays in the list, its page says what it knows.
    for limit, own in ((Station.max_height_m, wanted.height_m), (Station.max_weight_t, wanted.weight_t)):
        if own is not None:
            query = query.where(sa.or_(limit.is_(None), limit >= own))
    return query


def _towns(term: str) -> sa.Select:
    return sa.select(Division.code).where(Division.level == "town", Division.name.icontains(term, autoescape=True))


def list_stations(
    wanted: Wanted = EVERYTHING,
    *,
    before: str | None = None,
    after: str | None = None,
    limit: int = PUBLIC_LIMIT,
) -> Slice:
    """Stations that serve or are shut for a while, as `Found`, by code, or by distance from ``wanted.near``."""
    near = wanted.near
    metres = _metres(near) if near else sa.literal(NOWHERE)
    columns = (metres, Station.id) if near else (Station.code,)
    found = keyset(
        _matching(wanted).add_columns(metres.label("metres")),
        columns,
        (lambda row: (row.metres, row.Station.id)) if near else (lambda row: (row.Station.code,)),
        before=before,
        after=after,
        limit=limit,
        scalars=False,
    )
    rows = [Found(row.Station, row.county) for row in found.rows]
    return Slice(_exactly(rows, near) if near else rows, found.before, found.after)


# --- places --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A county or town that was chosen or named; ``point`` is about its middle, in WGS-84."""

    code: str
    name: str
    county_code: str
    county: str
    point: geo.Point | None


def find_county(code: str | None) -> Place | None:
    """The county of a code with its point, or None."""
    county = db.session.get(Division, code) if code else None
    return _place(county, county) if county is not None and county.level == "county" else None


def find_place(words: str | None) -> Place | None:
    """The county or town that words name: wholly, by their beginning (金水 → 金水区), or within a longer text."""
    if not words or not 2 <= len(words) <= 60:
        return None
    exact = Division.name == words
    begins = Division.name.startswith(words, autoescape=True)
    within = sa.literal(words).contains(Division.name, autoescape=False)
    # Only where stations stand: of the many towns of one name the one that helps.
    stands = sa.exists().where(
        sa.or_(Station.county_code == Division.code, Station.town_code == Division.code), Station.status.in_(PUBLIC_STATUSES)
    )
    best = sa.case((exact, 0), (begins, 1), else_=2)
    found = db.session.scalars(
        sa.select(Division)
        .where(Division.level.in_(("county", "town")), sa.or_(exact, begins, within))
        .order_by(best, ~stands, Division.level, sa.func.length(Division.name).desc(), Division.code)
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    return _place(found, found if found.level == "county" else db.session.get(Division, found.parent_code))


def _place(division: Division, county: Division) -> Place:
    point = (float(county.lat), float(county.lng)) if county.lat is not None else None
    if division is not county:
        point = _middle_of_town(division.code) or point
    return Place(division.code, division.name, county.code, county.name, point)


def _middle_of_town(code: str) -> geo.Point | None:
    """The middle of a town's stations: nobody published a point for each of two and a half thousand towns."""
    rows = db.session.scalars(
        sa.select(Station)
        .where(Station.town_code == code, Station.crs.is_not(None), Station.status.in_(PUBLIC_STATUSES))
        .order_by(Station.code)
        .limit(20)
    ).all()
    points = [point_of(station) for station in rows]
    if not points:
        return None
    return sum(lat for lat, _ in points) / len(points), sum(lng for _, lng in points) / len(points)


def list_county_points(near: geo.Point, limit: int = 40) -> list[tuple[str, geo.Point]]:
    """The counties around a point with where their names go on a map, nearest first."""
    far = sa.func.power(Division.lat - near[0], 2) + sa.func.power((Division.lng - near[1]) * geo.shrink(near[0]), 2)
    rows = db.session.execute(
        sa.select(Division.name, Division.lat, Division.lng)
        .where(Division.level == "county", Division.lat.is_not(None))
        .order_by(far, Division.code)
        .limit(limit)
    )
    return [(name, (float(lat), float(lng))) for name, lat, lng in rows]


def list_counties_with_stations() -> dict[str, list[tuple[str, str]]]:
    """Counties that have stations to find, grouped by city: {"郑州市": [("410105", "金水区")]}."""
    city = aliased(Division)
    has_stations = sa.exists().where(Station.county_code == Division.code, Station.status.in_(PUBLIC_STATUSES))
    rows = db.session.execute(
        sa.select(Division.code, Division.name, sa.case((city.statutory, city.name), else_=Division.name))
        .join(city, city.code == Division.parent_code)
        .where(has_stations)
        .order_by(Division.code)
    )
    groups: dict[str, list[tuple[str, str]]] = {}
    for code, name, city_name in rows:
        groups.setdefault(city_name, []).append((code, name))
    return groups


# --- one station --------------------------------------------------------------------------------------------


def get_station(code: str) -> Found:
    """A station as the public sees it. A planned one is not there yet; a withdrawn one says so."""
    row = db.session.execute(
        sa.select(Station, Division.name.label("county"))
        .join(Division, Division.code == Station.county_code)
        .where(Station.code == code, Station.status != StationStatus.PLANNED)
    ).one()
    return Found(row.Station, row.county)
