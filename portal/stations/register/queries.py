"""Reads about stations: what the public finds, what staff keep, where somebody may serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.paging import LIMIT, Slice, keyset
from portal.stations.register.models import (
    PUBLIC_STATUSES,
    OpeningHours,
    Station,
    StationGrade,
    StationKind,
    StationPhoto,
    StationStatus,
)
from portal.types import N_, Word
from portal.unions.tree.models import Division, Union, UnionReach
from portal.unions.tree.queries import within

SERVED_LIMIT = 100


@dataclass(frozen=True)
class Kept:
    """A station in the staff's list, with the names of its union and county."""

    station: Station
    union: str
    county: str


# --- one station -------------------------------------------------------------------------------------------


def matching(q: str) -> sa.ColumnElement[bool]:
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

AGREEMENT_DAYS = 60
VERIFIED_DAYS = 365


class Needs(Word):
    """What a station waits for."""

    VERIFYING = "verifying", N_("Nobody verified for a year")
    AGREEMENT = "agreement", N_("Agreement ends soon")
    POINT = "point", N_("No point on the map")
    HOURS = "hours", N_("No opening hours")


def agreement_edge() -> date:
    """Agreements up to this day are to be looked at: they end within sixty days, or have ended."""
    return clock.today() + timedelta(days=AGREEMENT_DAYS)


def _needing(needs: Needs) -> sa.ColumnElement[bool]:
    there = Station.status != StationStatus.WITHDRAWN
    if needs is Needs.VERIFYING:
        edge = clock.now() - timedelta(days=VERIFIED_DAYS)
        return sa.and_(there, sa.func.coalesce(Station.verified_at, Station.created_at) < edge)
    if needs is Needs.AGREEMENT:
        return sa.and_(there, Station.agreement_until <= agreement_edge())
    if needs is Needs.POINT:
        return sa.and_(there, Station.lat.is_(None))
    return sa.and_(there, ~sa.exists().where(OpeningHours.station_id == Station.id))


def _kept(
    actor: Actor,
    permission: Permission,
    q: str | None,
    status: StationStatus | None,
    *,
    kind: StationKind | None = None,
    grade: StationGrade | None = None,
    county: str | None = None,
    needs: Needs | None = None,
) -> sa.Select:
    query = (
        sa.select(Station, Union.name.label("union"), Division.name.label("county"))
        .join(Union, Union.id == Station.union_id)
        .join(Division, Division.code == Station.county_code)
        .where(within(Station.union_id, actor, permission))
    )
    if q:
        query = query.where(sa.or_(matching(q), Union.name.icontains(q, autoescape=True)))
    for column, value in (
        (Station.status, status), (Station.kind, kind), (Station.grade, grade), (Station.county_code, county),
    ):  # fmt: skip
        if value:
            query = query.where(column == value)
    return query.where(_needing(needs)) if needs else query


def list_for_staff(
    actor: Actor,
    permission: Permission = Permission.KEEP_STATIONS,
    q: str | None = None,
    status: StationStatus | None = None,
    *,
    before: str | None = None,
    after: str | None = None,
    limit: int = LIMIT,
    **filters: Any,
) -> Slice:
    """Stations of every status within scope, as `Kept`, by code, a page at a time; ``filters`` as in `read_filters`."""
    found = keyset(
        _kept(actor, permission, q, status, **filters),
        (Station.code,),
        lambda row: (row.Station.code,),
        before=before,
        after=after,
        limit=limit,
        scalars=False,
    )
    return Slice([Kept(*row) for row in found.rows], found.before, found.after)


def list_chosen(
    codes: Iterable[str], actor: Actor, permission: Permission = Permission.KEEP_STATIONS, *, lock: bool = False
) -> list[Station]:
    """The stations with these codes within scope, by code; those outside are not there. ``lock`` for a change."""
    known = [code for code in codes if "\0" not in code]  # PostgreSQL has no such text
    query = sa.select(Station).where(Station.code.in_(known), within(Station.union_id, actor, permission))
    query = query.order_by(Station.code)
    return list(db.session.scalars(query.with_for_update(of=Station) if lock else query))


def list_matching(
    actor: Actor,
    permission: Permission = Permission.KEEP_STATIONS,
    q: str | None = None,
    status: StationStatus | None = None,
    *,
    limit: int,
    **filters: Any,
) -> list[Station]:
    """Every station within scope that a filter leaves, by code, up to ``limit``."""
    query = _kept(actor, permission, q, status, **filters).with_only_columns(Station).order_by(Station.code).limit(limit)
    return list(db.session.scalars(query))


def list_kept_counties(actor: Actor, permission: Permission = Permission.KEEP_STATIONS) -> list[tuple[str, str]]:
    """The counties in which stations within scope stand, as (code, name)."""
    standing = sa.exists().where(Station.county_code == Division.code, within(Station.union_id, actor, permission))
    rows = db.session.execute(sa.select(Division.code, Division.name).where(standing).order_by(Division.code))
    return [(row.code, row.name) for row in rows]


def count_agreements_ending(actor: Actor, permission: Permission = Permission.KEEP_STATIONS) -> int:
    """How many agreements within scope end within sixty days or have ended."""
    query = sa.select(sa.func.count()).select_from(Station)
    return db.session.scalar(query.where(_needing(Needs.AGREEMENT), within(Station.union_id, actor, permission)))


def rows_for_export(
    actor: Actor,
    permission: Permission = Permission.KEEP_STATIONS,
    q: str | None = None,
    status: StationStatus | None = None,
    **filters: Any,
) -> Iterable[sa.Row]:
    """(station, union code, county name, city name) of every match within scope, read in portions."""
    city = aliased(Division)
    query = (
        _kept(actor, permission, q, status, **filters)
        .join(city, city.code == Division.parent_code)
        .with_only_columns(Station, Union.code, Division.name, city.name)
        .order_by(Station.code)
    )
    return db.session.execute(query.execution_options(yield_per=500))


# --- what belongs to a station --------------------------------------------------------------------------------


def list_photos(station: Station) -> list[StationPhoto]:
    """The photographs of a station, in order."""
    query = sa.select(StationPhoto).where(StationPhoto.station_id == station.id)
    return list(db.session.scalars(query.order_by(StationPhoto.position, StationPhoto.id)))


# --- where somebody may serve -------------------------------------------------------------------------------


def _served(actor: Actor) -> sa.Select:
    # The desk stays open while the door is announced shut: whoever stands before it is served, on record.
    return sa.select(Station).where(Station.status.in_(PUBLIC_STATUSES), within(Station.union_id, actor, Permission.SERVE))


def list_served_by(actor: Actor, q: str | None = None) -> list[Station]:
    """The first stations, by code, where the actor may serve; ``q`` narrows them when there are many."""
    query = _served(actor).order_by(Station.code).limit(SERVED_LIMIT)
    return list(db.session.scalars(query.where(matching(q)) if q else query))


def find_station_to_serve(code: str, actor: Actor) -> Station | None:
    """A station by code if the actor may serve there, otherwise None."""
    return db.session.scalars(_served(actor).where(Station.code == code)).one_or_none()


# --- unions, towns -------------------------------------------------------------------------------


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
