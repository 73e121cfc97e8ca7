"""Reads about wishes: the same wish again, the staff's list, one wish, the county that is nearest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import Station
from portal.stations.wishes.models import OPEN_STATES, Wish, WishState, WishVoice
from portal.stations.wishes.rules import are_near
from portal.unions.tree.models import Division, Union, UnionKind
from portal.unions.tree.queries import within
from portal.vocabulary import BasicService, Occupation

_BOX = 0.01  # degrees around a point within which "near" is looked for exactly


@dataclass(frozen=True)
class Listed:
    """A wish in the staff's list, with its county's name and the code of the station that came of it."""

    wish: Wish
    county: str
    station: str | None


@dataclass(frozen=True)
class Said:
    """What the voices of a wish say together: (occupation, how many), (what is missing, how many), words."""

    occupations: list[tuple[Occupation, int]]
    missing: list[tuple[BasicService, int]]
    words: list[str]


def lock_county(code: str | None) -> Division | None:
    """The county, locked until the transaction ends, so that of two wishes at once the second sees the first."""
    return db.session.scalars(
        sa.select(Division).where(Division.code == code, Division.level == "county").with_for_update(key_share=True)
    ).one_or_none()


def find_same(county_code: str, key: str, point: tuple[float, float] | None) -> Wish | None:
    """The open wish for this place: of the same words, or within a short walk of the point."""
    open_here = sa.select(Wish).where(Wish.county_code == county_code, Wish.state.in_(OPEN_STATES))
    same = db.session.scalars(open_here.where(Wish.place_key == key)).one_or_none()
    if same is not None or point is None:
        return same
    lat, lng = point
    box = Wish.lat.between(lat - _BOX, lat + _BOX), Wish.lng.between(lng - _BOX, lng + _BOX)
    near = db.session.scalars(open_here.where(*box).order_by(Wish.voices.desc(), Wish.id))
    return next((wish for wish in near if are_near((lat, lng), (float(wish.lat), float(wish.lng)))), None)


def union_for_county(county_code: str) -> UUID | None:
    """The general union that looks after a county: its own, or the nearest above."""
    chain = (
        sa.select(Division.code, Division.parent_code, sa.literal(0).label("step"))
        .where(Division.code == county_code)
        .cte("chain", recursive=True)
    )
    chain = chain.union_all(
        sa.select(Division.code, Division.parent_code, chain.c.step + 1).join(chain, Division.code == chain.c.parent_code)
    )
    return db.session.scalar(
        sa.select(Union.id)
        .join(chain, chain.c.code == Union.division_code)
        .where(Union.kind == UnionKind.GENERAL_UNION, Union.closed_at.is_(None))
        .order_by(chain.c.step, Union.code)
        .limit(1)
    )


def nearest_county(point: tuple[float, float]) -> str | None:
    """The code of the county whose point is nearest: a suggestion, the person may choose another."""
    lat, lng = point
    far = sa.func.power(Division.lat - lat, 2) + sa.func.power((Division.lng - lng) * 0.83, 2)
    return db.session.scalar(
        sa.select(Division.code)
        .where(Division.level == "county", Division.lat.is_not(None))
        .order_by(far, Division.code)
        .limit(1)
    )


def get_public(wish_id: UUID) -> Listed:
    """A wish as whoever made it may see it."""
    return _listed(db.session.execute(_rows().where(Wish.id == wish_id)).one())


def _rows() -> sa.Select:
    return (
        sa.select(Wish, Division.name.label("county"), Station.code.label("station"))
        .join(Division, Division.code == Wish.county_code)
        .outerjoin(Station, Station.id == Wish.station_id)
    )


def _listed(row: sa.Row) -> Listed:
    return Listed(row.Wish, row.county, row.station)


# --- for staff -----------------------------------------------------------------------------------------------


def _matching(actor: Actor, permission: Permission, q: str | None, county: str | None, state: WishState | None) -> sa.Select:
    query = _rows().where(within(Wish.union_id, actor, permission))
    if q:
        query = query.where(sa.or_(Wish.place.icontains(q, autoescape=True), Division.name.icontains(q, autoescape=True)))
    if county:
        query = query.where(Wish.county_code == county)
    return query.where(Wish.state == state) if state else query


def list_wishes(
    actor: Actor,
    permission: Permission,
    *,
    q: str | None = None,
    county: str | None = None,
    state: WishState | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Slice:
    """Wishes within scope as `Listed`, those of most people first."""
    found = keyset(
        _matching(actor, permission, q, county, state),
        (Wish.voices, Wish.id),
        lambda row: (row.Wish.voices, row.Wish.id),
        before=before,
        after=after,
        descending=True,
        scalars=False,
    )
    return Slice([_listed(row) for row in found.rows], found.before, found.after)


def rows_for_export(actor: Actor, permission: Permission, **filters: str | None) -> Iterable[Listed]:
    """Every wish that matches within scope, by county."""
    query = _matching(actor, permission, filters["q"], filters["county"], filters["state"])
    rows = db.session.execute(query.order_by(Wish.county_code, Wish.voices.desc(), Wish.id).execution_options(yield_per=500))
    return (_listed(row) for row in rows)


def list_counties(actor: Actor, permission: Permission) -> list[tuple[str, str]]:
    """The counties within scope that have wishes, as (code, name)."""
    here = sa.exists().where(Wish.county_code == Division.code, within(Wish.union_id, actor, permission))
    rows = db.session.execute(sa.select(Division.code, Division.name).where(here).order_by(Division.code))
    return [(row.code, row.name) for row in rows]


def get_wish(wish_id: UUID, actor: Actor, permission: Permission) -> Listed:
    """A wish within scope; raises NoResultFound (404) outside."""
    return _listed(db.session.execute(_rows().where(Wish.id == wish_id, within(Wish.union_id, actor, permission))).one())


def find_station(code: str | None, actor: Actor, permission: Permission) -> Station | None:
    """The station of a code somebody typed, within scope, or None."""
    here = sa.select(Station).where(Station.code == code, within(Station.union_id, actor, permission))
    return db.session.scalars(here).one_or_none()


def lock_wish(wish_id: UUID) -> Wish:
    """The wish as it is now, locked until the transaction ends."""
    return db.session.get_one(Wish, wish_id, with_for_update=True, populate_existing=True)


def said(wish_id: UUID) -> Said:
    """What the voices say together, the most frequent first, and their latest words."""
    how_many = sa.func.count().label("count")
    of_wish = WishVoice.wish_id == wish_id
    occupations = db.session.execute(
        sa.select(WishVoice.occupation, how_many)
        .where(of_wish, WishVoice.occupation.is_not(None))
        .group_by(WishVoice.occupation)
        .order_by(how_many.desc(), WishVoice.occupation)
    )
    one = sa.func.unnest(WishVoice.missing).label("one")
    single = sa.select(one).where(of_wish).subquery()
    missing = db.session.execute(sa.select(single.c.one, how_many).group_by(single.c.one).order_by(how_many.desc(), single.c.one))
    words = db.session.scalars(
        sa.select(WishVoice.words).where(of_wish, WishVoice.words.is_not(None)).order_by(WishVoice.id.desc()).limit(20)
    )
    return Said(
        [(row.occupation, row.count) for row in occupations],
        [(BasicService(row.one), row.count) for row in missing],
        list(words),
    )
