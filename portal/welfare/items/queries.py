"""Reads of the catalogue within scope, and what of it a union may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.supplies.models import SupplyItem
from portal.unions.tree.models import Union, UnionReach
from portal.unions.tree.queries import within
from portal.welfare.items.models import WelfareCategory, WelfareItem

VIEW = Permission.VIEW_PROGRAMMES

# Who uses an item, by name: rooms that give items answer the names of what still does.
users: list[Callable[[UUID], list[str]]] = []


@dataclass(frozen=True)
class Listed:
    """An item in a list: whose it is, and whether it is the reader's to open (what stands above is only used)."""

    item: WelfareItem
    union: str
    own: bool


def users_of(item: WelfareItem) -> list[str]:
    """What still gives an item, by name."""
    return [name for look in users for name in look(item.id)]


def _above(actor: Actor) -> sa.Select:
    return sa.select(UnionReach.ancestor_id).where(UnionReach.union_id.in_(actor.unions(VIEW)))


def _matching(actor: Actor, q: str | None, category: WelfareCategory | None, *, closed: bool) -> sa.Select:
    own = within(WelfareItem.union_id, actor, VIEW)
    found = (
        sa.select(WelfareItem, Union.name, own.label("own"))
        .join(Union, Union.id == WelfareItem.union_id)
        .where(sa.or_(own, sa.and_(WelfareItem.union_id.in_(_above(actor)), WelfareItem.closed_at.is_(None))))
        .where(WelfareItem.closed_at.is_not(None) if closed else WelfareItem.closed_at.is_(None))
    )
    if q:
        like = (column.icontains(q, autoescape=True) for column in (WelfareItem.name, WelfareItem.provider_name))
        found = found.where(sa.or_(*like, WelfareItem.code == q.upper()))
    return found.where(WelfareItem.category == category) if category else found


def list_items(
    actor: Actor, *, q: str | None = None, category: WelfareCategory | None = None, closed: bool = False,
    before: str | None = None, after: str | None = None,
) -> Slice:  # fmt: skip
    """Items within scope and those of the unions above, as `Listed`, by name; the closed ones alone if asked for."""
    rows = keyset(
        _matching(actor, q, category, closed=closed), (WelfareItem.name, WelfareItem.id), lambda row: (row[0].name, row[0].id),
        before=before, after=after, scalars=False,
    )  # fmt: skip
    return Slice([Listed(*row) for row in rows], rows.before, rows.after)


def stream_items(actor: Actor, *, q: str | None, category: WelfareCategory | None, closed: bool) -> Iterable[Listed]:
    """Every item that matches, for the export."""
    found = _matching(actor, q, category, closed=closed).order_by(WelfareItem.name, WelfareItem.id)
    return (Listed(*row) for row in db.session.execute(found.execution_options(yield_per=500)))


def get_item(code: str, actor: Actor, permission: Permission = VIEW) -> WelfareItem:
    """An item by code within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(WelfareItem).where(WelfareItem.code == code, within(WelfareItem.union_id, actor, permission))
    ).one()


def find_item(code: str | None) -> WelfareItem | None:
    """An item by code, without scope, or None."""
    return db.session.scalars(sa.select(WelfareItem).where(WelfareItem.code == code)).one_or_none()


def get_items(ids: Iterable[UUID | None]) -> dict[UUID, WelfareItem]:
    """Items by id, without scope: the programme that names them was found by its own."""
    wanted = {ident for ident in ids if ident}
    if not wanted:
        return {}
    return {one.id: one for one in db.session.scalars(sa.select(WelfareItem).where(WelfareItem.id.in_(wanted)))}


def _of_union_and_above(column: sa.ColumnElement, union: Union) -> sa.ColumnElement[bool]:
    return column.in_(sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == union.id))


def list_usable(union: Union) -> list[WelfareItem]:
    """What a union may plan programmes with: its own items and those of the unions above, by category and name."""
    found = sa.select(WelfareItem).where(_of_union_and_above(WelfareItem.union_id, union), WelfareItem.closed_at.is_(None))
    return list(db.session.scalars(found.order_by(WelfareItem.category, WelfareItem.name, WelfareItem.id)))


def list_supplies(union: Union) -> list[SupplyItem]:
    """The things in stock that an item of this union may be taken from: the union's own and those of the unions above."""
    found = sa.select(SupplyItem).where(_of_union_and_above(SupplyItem.union_id, union), SupplyItem.closed_at.is_(None))
    return list(db.session.scalars(found.order_by(SupplyItem.name, SupplyItem.id)))


def find_supply(item: WelfareItem) -> SupplyItem | None:
    """The thing in stock that an item takes, or None."""
    return db.session.get(SupplyItem, item.supply_item_id) if item.supply_item_id else None


def find_name_twin(union: Union, name: str, other_than: UUID | None = None) -> WelfareItem | None:
    """The open item of the same union and name, or None."""
    found = sa.select(WelfareItem).where(
        WelfareItem.union_id == union.id, WelfareItem.name == name, WelfareItem.closed_at.is_(None)
    )
    return db.session.scalars(found.where(WelfareItem.id != other_than) if other_than else found).one_or_none()


def union_of(item: WelfareItem) -> Union:
    """Whose item it is."""
    return db.session.get_one(Union, item.union_id)
