"""Reads about stock: the catalogue, what a station has, when it runs out, its lots, its book."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import Station
from portal.stations.supplies import rules
from portal.stations.supplies.models import KitPart, Lot, MovementKind, StockMovement, StockShortage, SupplyItem, SupplyKind
from portal.stations.supplies.rules import OnShelf, RunsOut, StockCause
from portal.types import N_, Problem, Word
from portal.unions.tree.models import Union, UnionReach
from portal.unions.tree.queries import within

KEEP = Permission.KEEP_STATIONS
USE = (MovementKind.HAND_OUT, MovementKind.REFILL, MovementKind.GIVE_BACK)


# --- the catalogue --------------------------------------------------------------------------------------------------


class Shown(Word):
    """What the catalogue is narrowed to."""

    STOCKED = "stocked", N_("Stocked now")
    CLOSED = "closed", N_("No longer stocked")
    ALL = "all", N_("All")


@dataclass(frozen=True)
class Listed:
    """An item in the catalogue, with the name of the union it belongs to."""

    item: SupplyItem
    union: str


def _reachable(actor: Actor) -> sa.ColumnElement[bool]:
    """Items of unions within scope, and of those above it: their stations may stock these too."""
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id.in_(actor.unions(KEEP)))
    return sa.or_(within(SupplyItem.union_id, actor, KEEP), SupplyItem.union_id.in_(above))


def list_items(actor: Actor, q: str | None, shown: Shown, *, before: str | None = None, after: str | None = None) -> Slice:
    """The catalogue as `Listed`: what belongs to unions within scope and above it, by name, a page at a time."""
    query = sa.select(SupplyItem, Union.name).join(Union, Union.id == SupplyItem.union_id).where(_reachable(actor))
    if q:
        query = query.where(sa.or_(SupplyItem.name.icontains(q, autoescape=True), SupplyItem.code.startswith(q, autoescape=True)))
    if shown is not Shown.ALL:
        query = query.where(SupplyItem.closed_at.is_(None) if shown is Shown.STOCKED else SupplyItem.closed_at.is_not(None))
    columns = (SupplyItem.name, SupplyItem.code)
    found = keyset(query, columns, lambda row: (row[0].name, row[0].code), before=before, after=after, scalars=False)
    return Slice([Listed(*row) for row in found.rows], found.before, found.after)


def get_item(code: str, actor: Actor, *, own: bool = False) -> SupplyItem:
    """An item one may use; with ``own`` one that belongs to a union within scope. Raises NoResultFound (404)."""
    allowed = within(SupplyItem.union_id, actor, KEEP) if own else _reachable(actor)
    return db.session.scalars(sa.select(SupplyItem).where(SupplyItem.code == code, allowed)).one()


def find_item(item_id: UUID) -> SupplyItem | None:
    """An item by id, without scope: for rooms that refer to it."""
    return db.session.get(SupplyItem, item_id)


def list_usable(union_id: UUID, *, kits: bool = True) -> list[SupplyItem]:
    """What a station of this union may stock: items of its own union and of those above it, by name."""
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == union_id)
    query = sa.select(SupplyItem).where(SupplyItem.union_id.in_(above), SupplyItem.closed_at.is_(None))
    if not kits:
        query = query.where(SupplyItem.kind != SupplyKind.KIT)
    return list(db.session.scalars(query.order_by(SupplyItem.name, SupplyItem.code)))


def is_usable(item: SupplyItem, union_id: UUID) -> bool:
    """Whether the item belongs to this union or to one above it."""
    reach = sa.exists().where(UnionReach.union_id == union_id, UnionReach.ancestor_id == item.union_id)
    return db.session.scalar(sa.select(reach))


def find_by_code(code: str | None, station: Station) -> SupplyItem | None:
    """The item of this code that a station may stock or has had, or None."""
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == station.union_id)
    had = sa.exists().where(Lot.supply_item_id == SupplyItem.id, Lot.station_id == station.id)
    query = sa.select(SupplyItem).where(SupplyItem.code == code, sa.or_(SupplyItem.union_id.in_(above), had))
    return db.session.scalars(query).one_or_none()


def list_parts(actor: Actor) -> list[SupplyItem]:
    """What a new pack may be made of: stocked things of one's unions and of those above, by name."""
    query = sa.select(SupplyItem).where(_reachable(actor), SupplyItem.closed_at.is_(None), SupplyItem.kind != SupplyKind.KIT)
    return list(db.session.scalars(query.order_by(SupplyItem.name, SupplyItem.code)))


def own_among(ids: Collection[UUID], actor: Actor) -> set[UUID]:
    """Those of some items that belong to unions within scope: they may be changed."""
    query = sa.select(SupplyItem.id).where(SupplyItem.id.in_(list(ids)), within(SupplyItem.union_id, actor, KEEP))
    return set(db.session.scalars(query))


def is_name_taken(union_id: UUID, name: str, besides: UUID | None) -> bool:
    """Whether another stocked item of this union bears the name."""
    taken = sa.exists().where(
        SupplyItem.union_id == union_id, SupplyItem.name == name, SupplyItem.closed_at.is_(None),
        SupplyItem.id.is_distinct_from(besides),
    )  # fmt: skip
    return db.session.scalar(sa.select(taken))


def own_unions(actor: Actor) -> list[tuple[str, str]]:
    """The unions where one keeps stations by appointment, as (id, name)."""
    rows = db.session.execute(
        sa.select(Union.id, Union.name).where(Union.id.in_(actor.unions(KEEP)), Union.closed_at.is_(None)).order_by(Union.code)
    )
    return [(str(row.id), row.name) for row in rows]


def parts_of(item_ids: Collection[UUID]) -> dict[UUID, list[tuple[SupplyItem, int]]]:
    """What packs are made of: (item, how many) by the pack's id."""
    rows = db.session.execute(
        sa.select(KitPart.kit_id, SupplyItem, KitPart.quantity)
        .join(SupplyItem, SupplyItem.id == KitPart.part_id)
        .where(KitPart.kit_id.in_(list(item_ids)))
        .order_by(KitPart.kit_id, SupplyItem.name, SupplyItem.id)
    )
    found: dict[UUID, list[tuple[SupplyItem, int]]] = defaultdict(list)
    for kit_id, item, quantity in rows:
        found[kit_id].append((item, quantity))
    return dict(found)


def list_with_alcohol(item_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these contain alcohol, themselves or as a pack by one of its parts."""
    part = sa.orm.aliased(SupplyItem)
    inside = sa.exists().where(KitPart.kit_id == SupplyItem.id, part.id == KitPart.part_id, part.contains_alcohol)
    found = sa.select(SupplyItem.id).where(SupplyItem.id.in_(list(item_ids)), SupplyItem.contains_alcohol | inside)
    return frozenset(db.session.scalars(found)) if item_ids else frozenset()


# --- stock ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stock:
    """An item at a station now. Of a pack: how many can be put together, and nothing else."""

    item: SupplyItem
    usable: int = 0
    expired: int = 0
    next_expiry: date | None = None
    shortage: int = 0
    runs_out: RunsOut | None = None
    expiring: int = 0
    used: int = 0
    lots: list[Lot] = field(default_factory=list)


def stock_of(station_id: UUID, supply_item_ids: Collection[UUID] | None = None) -> dict[UUID, Stock]:
    """What a station has, by item: all it ever had and the packs it may make of them, or the items asked for."""
    wanted = None if supply_item_ids is None else set(supply_item_ids)
    parts = parts_of(wanted) if wanted is not None else {}
    ids = None if wanted is None else wanted | {part.id for rows in parts.values() for part, _ in rows}
    lots = _lots(station_id, ids)
    shortages = _shortages(station_id, ids)
    if ids is None:
        ids = set(lots) | set(shortages)
        kits = _kits_of(station_id, ids)
        parts, ids = parts_of(kits), ids | kits
    used, since = _used(station_id, ids), _since(station_id, ids)
    items = db.session.scalars(sa.select(SupplyItem).where(SupplyItem.id.in_(ids)).order_by(SupplyItem.name, SupplyItem.code))
    found = {
        item.id: _stock(item, lots.get(item.id, []), shortages.get(item.id, 0), used.get(item.id, {}), since.get(item.id))
        for item in items
    }
    for kit_id, rows in parts.items():
        usable = min(found[part.id].usable // quantity for part, quantity in rows)
        found[kit_id] = Stock(found[kit_id].item, usable)
    return found if wanted is None else {ident: stock for ident, stock in found.items() if ident in wanted}


def _stock(item: SupplyItem, lots: list[Lot], shortage: int, used: Mapping[date, int], since: date | None) -> Stock:
    today = clock.today()
    good = [lot for lot in lots if rules.is_good(lot.expires_on, today)]
    dates = [lot.expires_on for lot in good if lot.on_hand and lot.expires_on]
    edge = today + timedelta(days=item.warn_days)
    return Stock(
        item,
        usable=sum(lot.on_hand for lot in good),
        expired=sum(lot.on_hand for lot in lots) - sum(lot.on_hand for lot in good),
        next_expiry=min(dates, default=None),
        shortage=shortage,
        runs_out=rules.runs_out(on_shelf(good), used, since, today),
        expiring=sum(lot.on_hand for lot in good if lot.expires_on and lot.expires_on <= edge),
        used=sum(used.values()),
        lots=lots,
    )


def on_shelf(lots: Iterable[Lot]) -> list[OnShelf]:
    """Lots as the rules need them."""
    return [OnShelf(lot.id, lot.expires_on, lot.on_hand, lot.unit_cost) for lot in lots]


def _lots(station_id: UUID, ids: Collection[UUID] | None) -> dict[UUID, list[Lot]]:
    """The lots that still hold something; an item whose lots are all empty is there with an empty list."""
    query = sa.select(Lot).where(Lot.station_id == station_id, Lot.on_hand > 0)
    known = sa.select(Lot.supply_item_id).where(Lot.station_id == station_id).distinct()
    if ids is not None:
        query, known = query.where(Lot.supply_item_id.in_(ids)), known.where(Lot.supply_item_id.in_(ids))
    found: dict[UUID, list[Lot]] = {ident: [] for ident in db.session.scalars(known)}
    for lot in db.session.scalars(query.order_by(Lot.expires_on.nulls_last(), Lot.id)):
        found[lot.supply_item_id].append(lot)
    return found


def _shortages(station_id: UUID, ids: Collection[UUID] | None) -> dict[UUID, int]:
    query = sa.select(StockShortage.supply_item_id, sa.func.sum(StockShortage.quantity)).where(
        StockShortage.station_id == station_id, StockShortage.settled_at.is_(None)
    )
    if ids is not None:
        query = query.where(StockShortage.supply_item_id.in_(ids))
    return dict(db.session.execute(query.group_by(StockShortage.supply_item_id)).all())


def _kits_of(station_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """The packs a station may make all of whose parts it has had."""
    station_union = sa.select(Station.union_id).where(Station.id == station_id).scalar_subquery()
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == station_union)
    missing = sa.exists().where(KitPart.kit_id == SupplyItem.id, KitPart.part_id.not_in(list(ids)))
    query = sa.select(SupplyItem.id).where(
        SupplyItem.kind == SupplyKind.KIT, SupplyItem.closed_at.is_(None), SupplyItem.union_id.in_(above), ~missing,
        sa.exists().where(KitPart.kit_id == SupplyItem.id),
    )  # fmt: skip
    return set(db.session.scalars(query.order_by(SupplyItem.id)))


def _used(station_id: UUID, ids: Collection[UUID]) -> dict[UUID, dict[date, int]]:
    """Pieces people took, by item and day, over the last 28 days before today; what came back is deducted."""
    today = clock.today()
    since, until = clock.start_of(today - timedelta(days=rules.USE_DAYS)), clock.start_of(today)

    def day(at: Any) -> Any:
        return sa.cast(sa.func.timezone("Asia/Shanghai", at), sa.Date)

    signed = sa.case((StockMovement.kind == MovementKind.GIVE_BACK, -StockMovement.quantity), else_=StockMovement.quantity)
    # What a transfer did not deliver comes back on paper and is a loss at once; nobody used it.
    moved = sa.select(StockMovement.supply_item_id, day(StockMovement.at).label("day"), signed.label("pieces")).where(
        StockMovement.station_id == station_id, StockMovement.supply_item_id.in_(ids), StockMovement.kind.in_(USE),
        StockMovement.at >= since, StockMovement.at < until,
        StockMovement.cause_table.is_distinct_from("stock_transfers"),
    )  # fmt: skip
    # Given without the book is use as well, until a count turns it into a hand-out or a return takes it away.
    given = (StockShortage.supply_item_id, day(StockShortage.at).label("day"), StockShortage.quantity.label("pieces"))
    beside = sa.select(*given).where(
        StockShortage.station_id == station_id, StockShortage.supply_item_id.in_(ids), StockShortage.settled_at.is_(None),
        StockShortage.at >= since, StockShortage.at < until,
    )  # fmt: skip
    both = sa.union_all(moved, beside).subquery()
    rows = db.session.execute(
        sa.select(both.c.supply_item_id, both.c.day, sa.func.sum(both.c.pieces)).group_by(both.c.supply_item_id, both.c.day)
    )
    found: dict[UUID, dict[date, int]] = defaultdict(dict)
    for item_id, on, pieces in rows:
        found[item_id][on] = int(pieces)
    return found


def _since(station_id: UUID, ids: Collection[UUID]) -> dict[UUID, date]:
    """The first day each item was in stock."""
    query = sa.select(Lot.supply_item_id, sa.func.min(Lot.received_on)).where(
        Lot.station_id == station_id, Lot.supply_item_id.in_(ids)
    )
    return dict(db.session.execute(query.group_by(Lot.supply_item_id)).all())


def list_expiring(station_id: UUID, within_days: int) -> list[Lot]:
    """Lots that hold something and are past their date or reach it within so many days, the earliest first."""
    edge = clock.today() + timedelta(days=within_days)
    query = sa.select(Lot).where(Lot.station_id == station_id, Lot.on_hand > 0, Lot.expires_on <= edge)
    return list(db.session.scalars(query.order_by(Lot.expires_on, Lot.id)))


def warnings(station: Station) -> list[Problem]:
    """What runs out, expires, is past its date or does not agree with the book, for the day page; the red ones first."""
    return warnings_of(stock_of(station.id))


def warnings_of(stocks: Mapping[UUID, Stock]) -> list[Problem]:
    """The same of what was read already."""
    things = [stock for stock in stocks.values() if stock.item.kind is not SupplyKind.KIT]
    found = [problem for stock in things for problem in rules.warnings(state_of(stock), clock.today())]
    return sorted(found, key=lambda problem: problem.level.value != "red")


def state_of(stock: Stock) -> rules.State:
    """A stock in plain values."""
    return rules.State(
        stock.item.name, stock.item.unit, stock.usable, stock.expired, stock.expiring, stock.next_expiry, stock.shortage,
        stock.used, stock.runs_out,
    )  # fmt: skip


# --- lots for a change ----------------------------------------------------------------------------------------------


def lock_lots(station_id: UUID, item_ids: Collection[UUID], *, good_on: date | None = None, filled: bool = True) -> list[Lot]:
    """The lots of some items, locked until the transaction ends, always in one order; by leaving order.

    Whoever takes the same last piece waits here and then sees what is left.
    """
    query = sa.select(Lot).where(Lot.station_id == station_id, Lot.supply_item_id.in_(list(item_ids)))
    if filled:
        query = query.where(Lot.on_hand > 0)
    if good_on is not None:
        query = query.where(sa.or_(Lot.expires_on.is_(None), Lot.expires_on >= good_on))
    query = query.order_by(Lot.supply_item_id, Lot.id).with_for_update(key_share=True)
    found = db.session.scalars(query, execution_options={"populate_existing": True})
    return sorted(found, key=lambda lot: (lot.expires_on or date.max, lot.id))


def lock_lots_by_id(ids: Collection[UUID]) -> list[Lot]:
    """These lots, locked in the same order as `lock_lots` does."""
    query = sa.select(Lot).where(Lot.id.in_(list(ids))).order_by(Lot.supply_item_id, Lot.id).with_for_update(key_share=True)
    return list(db.session.scalars(query, execution_options={"populate_existing": True}))


def read_again(lots: Iterable[Lot]) -> None:
    """What lots hold now, after movements were entered."""
    known = {lot.id: lot for lot in lots}
    for ident, pieces in db.session.execute(sa.select(Lot.id, Lot.on_hand).where(Lot.id.in_(list(known)))):
        set_committed_value(known[ident], "on_hand", pieces)


def lots_of_cause(cause: StockCause) -> list[sa.Row]:
    """What is still out for a cause: rows of (lot_id, quantity), taken minus come back, by lot."""
    signed = sa.case((StockMovement.kind == MovementKind.HAND_OUT, StockMovement.quantity), else_=-StockMovement.quantity)
    total = sa.func.sum(signed)
    return list(
        db.session.execute(
            sa.select(StockMovement.lot_id, total.label("quantity"))
            .where(
                StockMovement.cause_table == cause.table,
                StockMovement.cause_id == cause.id,
                StockMovement.kind.in_((MovementKind.HAND_OUT, MovementKind.GIVE_BACK)),
            )
            .group_by(StockMovement.lot_id)
            .having(total > 0)
            .order_by(StockMovement.lot_id)
        )
    )


def lock_shortages(
    *, cause: StockCause | None = None, station_id: UUID | None = None, item_id: UUID | None = None
) -> list[StockShortage]:
    """Open shortages of a cause, or of an item at a station, locked, the oldest first."""
    query = sa.select(StockShortage).where(StockShortage.settled_at.is_(None))
    if cause:
        query = query.where(StockShortage.cause_table == cause.table, StockShortage.cause_id == cause.id)
    else:
        query = query.where(StockShortage.station_id == station_id, StockShortage.supply_item_id == item_id)
    query = query.order_by(StockShortage.id).with_for_update()
    return list(db.session.scalars(query, execution_options={"populate_existing": True}))


def get_lot(lot_id: UUID, station_id: UUID) -> Lot:
    """A lot of a station; raises NoResultFound (404) for another's."""
    return db.session.scalars(sa.select(Lot).where(Lot.id == lot_id, Lot.station_id == station_id)).one()
