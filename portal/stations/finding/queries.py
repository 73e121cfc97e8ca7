"""Reads for whoever looks for a station."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.finding.rules import EARTH_M
from portal.stations.hours.rules import DAY, WEEK
from portal.stations.register.models import (
    PUBLIC_STATUSES,
    SERVING_STATUSES,
    Facility,
    OpeningHours,
    Station,
    StationFacility,
    StationStatus,
)
from portal.stations.register.queries import matching
from portal.unions.tree.models import Division

PUBLIC_LIMIT = 30
NOWHERE = 99_999_999  # metres to a station without a point: behind all others, yet in the list


@dataclass(frozen=True)
class Found:
    """A station in the public list, its county's name and, where both points are known, the metres to it."""

    station: Station
    county: str
    metres: int | None = None


def _open_at(moment: datetime) -> sa.ColumnElement[bool]:
    """The same question as `hours.rules.is_open`, asked of the whole table; a test keeps the two in step."""
    local = moment.astimezone(clock.SHANGHAI)
    minute = local.weekday() * DAY + local.hour * 60 + local.minute
    since_opening = sa.func.mod(minute - OpeningHours.weekday * DAY - OpeningHours.opens + WEEK, WEEK)
    return sa.and_(
        Station.status.in_(SERVING_STATUSES),
        sa.exists().where(OpeningHours.station_id == Station.id, since_opening < OpeningHours.closes - OpeningHours.opens),
    )


def _always_open() -> sa.ColumnElement[bool]:
    # Stretches never overlap (`hours.rules.problems_with_hours`), so their lengths may be added up.
    minutes = sa.select(sa.func.sum(OpeningHours.closes - OpeningHours.opens)).where(OpeningHours.station_id == Station.id)
    return sa.and_(Station.status.in_(SERVING_STATUSES), minutes.scalar_subquery() >= WEEK)


def _metres(near: tuple[float, float]) -> sa.ColumnElement[int]:
    """Whole metres from (lat, lng) by haversine; integers, so that a cursor meets the same value again."""
    lat, lng = (sa.func.radians(sa.cast(value, sa.Float)) for value in near)
    there_lat, there_lng = (sa.func.radians(sa.cast(one, sa.Float)) for one in (Station.lat, Station.lng))
    half = sa.func.power(sa.func.sin((there_lat - lat) / 2), 2) + sa.func.cos(lat) * sa.func.cos(there_lat) * sa.func.power(
        sa.func.sin((there_lng - lng) / 2), 2
    )
    metres = sa.func.round(2 * EARTH_M * sa.func.asin(sa.func.sqrt(sa.func.least(1.0, half))))
    # LEAST passes over NULL: a station without a point would lie at the other end of the earth.
    return sa.case((Station.lat.is_(None), sa.literal(NOWHERE)), else_=sa.cast(metres, sa.Integer))


def list_stations(
    q: str | None = None,
    *,
    county_code: str | None = None,
    facility: Facility | None = None,
    open_now: bool = False,
    all_day: bool = False,
    near: tuple[float, float] | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Slice:
    """Stations that serve or are shut for a while, as `Found`, by code, or by distance from (lat, lng)."""
    metres = _metres(near) if near else sa.literal(NOWHERE)
    query = (
        sa.select(Station, Division.name.label("county"), metres.label("metres"))
        .join(Division, Division.code == Station.county_code)
        .where(Station.status.in_(PUBLIC_STATUSES))
    )
    if q:
        query = query.where(matching(q))
    if county_code:
        query = query.where(Station.county_code == county_code)
    if facility:
        query = query.where(sa.exists().where(StationFacility.station_id == Station.id, StationFacility.facility == facility))
    if open_now:
        query = query.where(_open_at(clock.now()))
    if all_day:
        query = query.where(_always_open())
    columns = (metres, Station.id) if near else (Station.code,)
    found = keyset(
        query,
        columns,
        (lambda row: (row.metres, row.Station.id)) if near else (lambda row: (row.Station.code,)),
        before=before,
        after=after,
        limit=PUBLIC_LIMIT,
        scalars=False,
    )
    rows = [Found(row.Station, row.county, row.metres if row.metres < NOWHERE else None) for row in found.rows]
    return Slice(rows, found.before, found.after)


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
