"""Reads about stations: what the public finds, what staff keep, where somebody may serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.hours.rules import DAY, WEEK
from portal.stations.register.models import (
    PUBLIC_STATUSES,
    SERVING_STATUSES,
    Facility,
    OpeningHours,
    Station,
    StationFacility,
    StationImport,
    StationStatus,
)
from portal.stations.register.rules import EARTH_M
from portal.unions.tree.models import Division, Union, UnionReach
from portal.unions.tree.queries import within

PUBLIC_LIMIT = 30
SERVED_LIMIT = 100
NOWHERE = 99_999_999  # metres to a station without a point: behind all others, yet in the list


@dataclass(frozen=True)
class Found:
    """A station in the public list, its county's name and, where both points are known, the metres to it."""

    station: Station
    county: str
    metres: int | None = None


@dataclass(frozen=True)
class Kept:
    """A station in the staff's list, with the names of its union and county."""

    station: Station
    union: str
    county: str


# --- the public's list --------------------------------------------------------------------------------------


def _matching(q: str) -> sa.ColumnElement[bool]:
    """Part of name, address, code, or of the county's or city's name."""
    county, city = aliased(Division), aliased(Division)
    places = (
        sa.select(county.code)
        .outerjoin(city, city.code == county.parent_code)
        .where(
            county.level == "county",
            sa.or_(county.name.icontains(q, autoescape=True), city.name.icontains(q, autoescape=True)),
        )
    )
    return sa.or_(
        Station.name.icontains(q, autoescape=True),
        Station.address.icontains(q, autoescape=True),
        Station.code.startswith(q, autoescape=True),
        Station.county_code.in_(places),
    )


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
        query = query.where(_matching(q))
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


def get_station_for(code: str, actor: Actor, permission: Permission) -> Station:
    """A station by code within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(sa.select(Station).where(Station.code == code, within(Station.union_id, actor, permission))).one()


def may_keep(station: Station, actor: Actor | None) -> bool:
    """Whether somebody who looks at a public page may also edit it."""
    if actor is None or not actor.may(Permission.KEEP_STATIONS):
        return False
    return db.session.scalar(sa.select(within(sa.literal(station.union_id), actor, Permission.KEEP_STATIONS)))


def find_by_code(code: str) -> Station | None:
    """A station by code, without scope: to see whether a code is taken."""
    return db.session.scalars(sa.select(Station).where(Station.code == code)).one_or_none()


def find_by_place(county_code: str, name: str, address: str) -> Station | None:
    """The station of this name at this address, of whatever union: there is one at the most."""
    return db.session.scalars(
        sa.select(Station).where(Station.county_code == county_code, Station.name == name, Station.address == address)
    ).one_or_none()


def lock_counties(codes: Iterable[str]) -> None:
    """Lock counties until the transaction ends, always in one order; rows may still refer to them."""
    db.session.execute(
        sa.select(Division.code)
        .where(Division.code.in_(sorted(set(codes))))
        .order_by(Division.code)
        .with_for_update(key_share=True)
    )


# --- the staff's list ---------------------------------------------------------------------------------------


def _kept(actor: Actor, permission: Permission, q: str | None, status: StationStatus | None) -> sa.Select:
    query = (
        sa.select(Station, Union.name.label("union"), Division.name.label("county"))
        .join(Union, Union.id == Station.union_id)
        .join(Division, Division.code == Station.county_code)
        .where(within(Station.union_id, actor, permission))
    )
    if q:
        query = query.where(sa.or_(_matching(q), Union.name.icontains(q, autoescape=True)))
    return query.where(Station.status == status) if status else query


def list_for_staff(
    actor: Actor,
    permission: Permission = Permission.KEEP_STATIONS,
    q: str | None = None,
    status: StationStatus | None = None,
    *,
    before: str | None = None,
    after: str | None = None,
) -> Slice:
    """Stations of every status within scope, as `Kept`, by code, a page at a time."""
    found = keyset(
        _kept(actor, permission, q, status),
        (Station.code,),
        lambda row: (row.Station.code,),
        before=before,
        after=after,
        scalars=False,
    )
    return Slice([Kept(*row) for row in found.rows], found.before, found.after)


def rows_for_export(
    actor: Actor,
    permission: Permission = Permission.KEEP_STATIONS,
    q: str | None = None,
    status: StationStatus | None = None,
) -> Iterable[sa.Row]:
    """(station, union code, county name, city name) of every match within scope, read in portions."""
    city = aliased(Division)
    query = (
        _kept(actor, permission, q, status)
        .join(city, city.code == Division.parent_code)
        .with_only_columns(Station, Union.code, Division.name, city.name)
        .order_by(Station.code)
    )
    return db.session.execute(query.execution_options(yield_per=500))


# --- where somebody may serve -------------------------------------------------------------------------------


def _served(actor: Actor) -> sa.Select:
    # The desk stays open while the door is announced shut: whoever stands before it is served, on record.
    return sa.select(Station).where(Station.status.in_(PUBLIC_STATUSES), within(Station.union_id, actor, Permission.SERVE))


def list_served_by(actor: Actor, q: str | None = None) -> list[Station]:
    """The first stations, by code, where the actor may serve; ``q`` narrows them when there are many."""
    query = _served(actor).order_by(Station.code).limit(SERVED_LIMIT)
    return list(db.session.scalars(query.where(_matching(q)) if q else query))


def find_station_to_serve(code: str, actor: Actor) -> Station | None:
    """A station by code if the actor may serve there, otherwise None."""
    return db.session.scalars(_served(actor).where(Station.code == code)).one_or_none()


# --- unions, towns, workbooks -------------------------------------------------------------------------------


def unions_by_word(words: Iterable[str], roots: Sequence[UUID]) -> dict[str, list[Union]]:
    """Open unions at or beneath ``roots`` by code and by name: a name may fit several, a code only one."""
    wanted = sorted(set(words))
    reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id.in_(roots))
    unions = db.session.scalars(
        sa.select(Union)
        .where(Union.id.in_(reached), Union.closed_at.is_(None))
        .where(sa.or_(Union.code.in_(wanted), Union.name.in_(wanted)))
        .order_by(Union.code)
    )
    found: dict[str, list[Union]] = {}
    for union in unions:
        for word in {union.code, union.name}:
            found.setdefault(word, []).append(union)
    return found


def stations_at(county_codes: Iterable[str], names: Iterable[str]) -> dict[tuple[str, str, str], Station]:
    """The stations of some counties that bear one of some names, by (county code, name, address)."""
    stations = db.session.scalars(
        sa.select(Station)
        .where(Station.county_code.in_(sorted(set(county_codes))), Station.name.in_(sorted(set(names))))
        .order_by(Station.code)
    )
    return {(one.county_code, one.name, one.address): one for one in stations}


def stations_by_code(codes: Iterable[str]) -> dict[str, Station]:
    """Stations by code, of whatever union."""
    stations = db.session.scalars(sa.select(Station).where(Station.code.in_(sorted(set(codes)))))
    return {one.code: one for one in stations}


def find_union(word: str | None, actor: Actor, permission: Permission) -> Union | None:
    """The open union with this code, or the only one with this name, within scope."""
    found = unions_by_word([word], actor.unions(permission)).get(word, []) if word else []
    return found[0] if len(found) == 1 else None


def suggest_unions(actor: Actor, permission: Permission, limit: int = 100) -> list[sa.Row]:
    """The first open unions within scope as (code, name), to choose from while typing."""
    query = sa.select(Union.code, Union.name).where(within(Union.id, actor, permission), Union.closed_at.is_(None))
    return list(db.session.execute(query.order_by(Union.code).limit(limit)))


def list_towns(county_code: str | None) -> list[tuple[str, str]]:
    """The towns and streets of a county as (code, name)."""
    rows = db.session.execute(
        sa.select(Division.code, Division.name)
        .where(Division.parent_code == county_code, Division.level == "town")
        .order_by(Division.code)
    )
    return [(row.code, row.name) for row in rows]


def union_of(station: Station) -> Union:
    """The union a station belongs to."""
    return db.session.get_one(Union, station.union_id)


def ids_within(union_ids: Iterable[UUID], roots: Sequence[UUID]) -> set[UUID]:
    """Which of these unions lie at or beneath ``roots``."""
    reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id.in_(roots), UnionReach.union_id.in_(set(union_ids)))
    return set(db.session.scalars(reached))


def get_import(import_id: UUID, actor: Actor, permission: Permission) -> StationImport:
    """One loaded file and what became of it, within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(StationImport).where(StationImport.id == import_id, within(StationImport.union_id, actor, permission))
    ).one()


def list_imports(actor: Actor, permission: Permission, limit: int = 10) -> list[StationImport]:
    """The files that were loaded last, within scope."""
    return list(
        db.session.scalars(
            sa.select(StationImport)
            .where(within(StationImport.union_id, actor, permission))
            .order_by(StationImport.id.desc())
            .limit(limit)
        )
    )
