"""Reads about stations: what the public finds, what staff keep, where somebody may serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import (
    PUBLIC_STATUSES,
    Station,
    StationStatus,
)
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


def _kept(actor: Actor, permission: Permission, q: str | None, status: StationStatus | None) -> sa.Select:
    query = (
        sa.select(Station, Union.name.label("union"), Division.name.label("county"))
        .join(Union, Union.id == Station.union_id)
        .join(Division, Division.code == Station.county_code)
        .where(within(Station.union_id, actor, permission))
    )
    if q:
        query = query.where(sa.or_(matching(q), Union.name.icontains(q, autoescape=True)))
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
