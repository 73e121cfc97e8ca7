"""Reads about the tree: scope above all, then lists, the way up, counts beneath, and where a joiner belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.types import Text
from portal.unions.tree.models import Division, Union, UnionKind, UnionLevel, UnionReach

# --- scope ---------------------------------------------------------------------------------------------------------


def within(column: Any, actor: Actor, permission: Permission) -> sa.ColumnElement[bool]:
    """The condition that a union column lies in the part of the tree where the actor holds the permission.

    ``select(Station).where(within(Station.union_id, actor, Permission.KEEP_STATIONS))``
    """
    reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id.in_(actor.unions(permission)))
    return column.in_(reached)


def reaches(actor: Actor, permission: Permission, union_id: Any) -> bool:
    """Whether one union lies within the actor's scope for a permission."""
    return bool(
        db.session.scalar(
            sa.select(sa.exists().where(UnionReach.union_id == union_id, UnionReach.ancestor_id.in_(actor.unions(permission))))
        )
    )


def lies_within(union_id: UUID, ancestor_id: UUID) -> bool:
    """Whether a union is the other one or lies beneath it."""
    return db.session.get(UnionReach, (ancestor_id, union_id)) is not None


# --- one union -----------------------------------------------------------------------------------------------------


def get_union(code: str, actor: Actor, permission: Permission) -> Union:
    """A union by code within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(sa.select(Union).where(Union.code == code, within(Union.id, actor, permission))).one()


def find_union(code: str | None, actor: Actor, permission: Permission) -> Union | None:
    """A union by the code somebody typed, within scope, or None."""
    return db.session.scalars(sa.select(Union).where(Union.code == code, within(Union.id, actor, permission))).one_or_none()


def get_union_by_code(code: str) -> Union:
    """A union by code, without scope: for the command line and for loading."""
    return db.session.scalars(sa.select(Union).where(Union.code == code)).one()


def find_union_by_code(code: str) -> Union | None:
    """A union by code, without scope, or None: to see whether a code is taken."""
    return db.session.scalars(sa.select(Union).where(Union.code == code)).one_or_none()


def names_of(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """The names of unions by id; names are no secret, what happens in a union is."""
    wanted = {ident for ident in ids if ident}
    if not wanted:
        return {}
    rows = db.session.execute(sa.select(Union.id, Union.name).where(Union.id.in_(wanted)))
    return {row.id: row.name for row in rows}


RELATIONS = {
    "parent": "parent_id",
    "second_parent": "second_parent_id",
    "affiliation": "affiliation_union_id",
    "funding": "funding_union_id",
    "custodian": "custodian_union_id",
}


def related(union: Union) -> dict[str, Union | None]:
    """The unions this one is tied to, by relation: the two parents, affiliation, funding, custodian."""
    ids = {name: getattr(union, column) for name, column in RELATIONS.items()}
    found = db.session.scalars(sa.select(Union).where(Union.id.in_({ident for ident in ids.values() if ident})))
    known = {other.id: other for other in found}
    return {name: known.get(ident) for name, ident in ids.items()}


def ancestors_of(union: Union, actor: Actor, permission: Permission = Permission.VIEW_UNIONS) -> list[Union]:
    """The way down to a union (itself last), cut where the actor's scope begins.

    It follows `parent`, and `second_parent` where only that one lies within scope.
    """
    above = db.session.scalars(
        sa.select(Union)
        .join(UnionReach, UnionReach.ancestor_id == Union.id)
        .where(UnionReach.union_id == union.id, within(Union.id, actor, permission))
    )
    known = {ancestor.id: ancestor for ancestor in above}
    way: list[Union] = []
    here = known.get(union.id)
    while here:
        way.append(here)
        here = known.get(here.parent_id) or known.get(here.second_parent_id)
    return way[::-1]


# --- lists ---------------------------------------------------------------------------------------------------------


def list_roots(actor: Actor, permission: Permission = Permission.VIEW_UNIONS) -> list[Union]:
    """Where the actor's part of the tree begins: their unions, without those that lie beneath another of them."""
    held = actor.unions(permission)
    covered = sa.exists().where(UnionReach.union_id == Union.id, UnionReach.ancestor_id.in_(held), UnionReach.depth > 0)
    return list(db.session.scalars(sa.select(Union).where(Union.id.in_(held), ~covered).order_by(Union.code)))


def _matching(actor: Actor, q: str | None, level: UnionLevel | None, kind: UnionKind | None, permission: Permission) -> sa.Select:
    found = sa.select(Union).where(within(Union.id, actor, permission))
    if q:
        found = found.where(Union.name.icontains(q, autoescape=True) | (Union.code == q.upper()))
    if level:
        found = found.where(Union.level == level)
    if kind:
        found = found.where(Union.kind == kind)
    return found


def list_unions(
    actor: Actor,
    q: str | None = None,
    level: UnionLevel | None = None,
    kind: UnionKind | None = None,
    *,
    before: str | None = None,
    after: str | None = None,
    permission: Permission = Permission.VIEW_UNIONS,
) -> Slice:
    """Unions within scope by part of the name or whole code, by code, a page at a time; closed ones too."""
    found = _matching(actor, q, level, kind, permission)
    return keyset(found, (Union.code,), lambda union: (union.code,), before=before, after=after)


def list_children(
    union: Union,
    actor: Actor,
    *,
    before: str | None = None,
    after: str | None = None,
    permission: Permission = Permission.VIEW_UNIONS,
) -> Slice:
    """What stands directly beneath a union, by either line, a page at a time."""
    found = _matching(actor, None, None, None, permission).where(
        (Union.parent_id == union.id) | (Union.second_parent_id == union.id)
    )
    return keyset(found, (Union.code,), lambda child: (child.code,), before=before, after=after)


def rows_for_export(
    actor: Actor, q: str | None = None, level: UnionLevel | None = None, kind: UnionKind | None = None
) -> Iterable[sa.Row]:
    """(union, parent's name, second parent's name) of every match within scope, read in portions."""
    parent, second = aliased(Union), aliased(Union)
    found = (
        _matching(actor, q, level, kind, Permission.VIEW_UNIONS)
        .outerjoin(parent, parent.id == Union.parent_id)
        .outerjoin(second, second.id == Union.second_parent_id)
        .add_columns(parent.name, second.name)
        .order_by(Union.code)
    )
    return db.session.execute(found.execution_options(yield_per=500))


# --- counts --------------------------------------------------------------------------------------------------------


def count_beneath(unions: Iterable[Union]) -> dict[UUID, dict[str, int]]:
    """For each union what lies beneath it: open bodies by level, and new-economy federations under "federation"."""
    group = sa.case((Union.kind == UnionKind.FEDERATION, "federation"), else_=sa.cast(Union.level, sa.Text))
    rows = db.session.execute(
        sa.select(UnionReach.ancestor_id, group.label("group"), sa.func.count().label("bodies"))
        .join(Union, Union.id == UnionReach.union_id)
        .where(
            UnionReach.ancestor_id.in_([union.id for union in unions]),
            UnionReach.depth > 0,
            Union.closed_at.is_(None),
        )
        .group_by(UnionReach.ancestor_id, group)
    )
    counts: dict[UUID, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row.ancestor_id, {})[row.group] = row.bodies
    return counts


@dataclass(frozen=True)
class Coverage:
    """How many open general unions of cities and of counties within scope have a new-economy federation."""

    cities: int
    cities_covered: int
    counties: int
    counties_covered: int


def count_coverage(actor: Actor, permission: Permission = Permission.VIEW_UNIONS) -> Coverage:
    """Where federations stand and where one is missing; computed from the tree, nothing is expected in advance."""
    federation = aliased(Union)
    covered = sa.exists().where(
        federation.parent_id == Union.id,
        federation.kind == UnionKind.FEDERATION,
        federation.closed_at.is_(None),
    )
    rows = db.session.execute(
        sa.select(Union.level, sa.func.count().label("all"), sa.func.count().filter(covered).label("covered"))
        .where(
            within(Union.id, actor, permission),
            Union.kind == UnionKind.GENERAL_UNION,
            Union.level.in_((UnionLevel.CITY, UnionLevel.COUNTY)),
            Union.closed_at.is_(None),
        )
        .group_by(Union.level)
    )
    found = {row.level: row for row in rows}

    def pair(level: UnionLevel) -> tuple[int, int]:
        row = found.get(level)
        return (row.all, row.covered) if row else (0, 0)

    return Coverage(*pair(UnionLevel.CITY), *pair(UnionLevel.COUNTY))


def count_within(actor: Actor, permission: Permission = Permission.VIEW_UNIONS) -> int:
    """How many unions lie within scope, each once."""
    return db.session.scalar(
        sa.select(sa.func.count(UnionReach.union_id.distinct())).where(UnionReach.ancestor_id.in_(actor.unions(permission)))
    )


def count_open_children(union: Union) -> int:
    """How many open bodies have this union as parent or second parent."""
    return db.session.scalar(
        sa.select(sa.func.count())
        .select_from(Union)
        .where((Union.parent_id == union.id) | (Union.second_parent_id == union.id), Union.closed_at.is_(None))
    )


@dataclass(frozen=True)
class Standing:
    """Something that stands at a union: how many of what; ``holds`` if the union cannot be closed over it."""

    label: Text
    count: int
    holds: bool = True


# Rooms above the tree register what they keep at a union (staff, stations, members); the tree knows none of them.
standing: list[Callable[[Union], Standing]] = []


def list_standing(union: Union) -> list[Standing]:
    """What the rooms keep at this union itself."""
    return [look(union) for look in standing]


# --- joining -------------------------------------------------------------------------------------------------------


def city_federation_of(union: Union) -> Union | None:
    """The open new-economy federation of the city a union lies in (or is)."""
    city, way = aliased(Union), UnionReach
    return db.session.scalars(
        sa.select(Union)
        .join(city, city.id == Union.parent_id)
        .join(way, way.ancestor_id == city.id)
        .where(
            way.union_id == union.id,
            city.level == UnionLevel.CITY,
            city.kind == UnionKind.GENERAL_UNION,
            Union.kind == UnionKind.FEDERATION,
            Union.closed_at.is_(None),
        )
        .order_by(way.depth, Union.code)
        .limit(1)
    ).one_or_none()


def home_union_for_county(county_code: str) -> Union | None:
    """Where somebody who works in a county becomes a member: the county's federation.

    For 济源 that is its city federation; a county or zone without a federation of its own belongs to its city's;
    where there is no federation at all, to the nearest general union. None only for a code nobody knows.
    """
    chain = (
        sa.select(Division.code, Division.parent_code, sa.literal(0).label("step"))
        .where(Division.code == county_code)
        .cte("chain", recursive=True)
    )
    chain = chain.union_all(
        sa.select(Division.code, Division.parent_code, chain.c.step + 1).join(chain, Division.code == chain.c.parent_code)
    )
    no_federation = Union.kind != UnionKind.FEDERATION
    return db.session.scalars(
        sa.select(Union)
        .join(chain, chain.c.code == Union.division_code)
        .where(
            Union.kind.in_((UnionKind.FEDERATION, UnionKind.GENERAL_UNION)),
            Union.closed_at.is_(None),
        )
        .order_by(no_federation, chain.c.step, Union.code)
        .limit(1)
    ).one_or_none()


def list_counties() -> list[sa.Row]:
    """All counties and functional zones as rows of (code, name, city, lng, lat), by code: for fields and maps."""
    city = aliased(Division)
    return list(
        db.session.execute(
            sa.select(
                Division.code,
                Division.name,
                # A county run by the province stands beneath a collective row of the statistics, which is no city.
                sa.case((city.statutory, city.name), else_=Division.name).label("city"),
                Division.lng,
                Division.lat,
            )
            .join(city, city.code == Division.parent_code)
            .where(Division.level == "county")
            .order_by(Division.code)
        )
    )


def county_choices() -> dict[str, list[tuple[str, str]]]:
    """The counties for a select field, grouped by city: {"郑州市": [("410102", "中原区"), …]}."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for row in list_counties():
        groups.setdefault(row.city, []).append((row.code, row.name))
    return groups
