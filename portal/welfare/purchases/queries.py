"""Reads about purchases within scope, and what a purchase may choose from: stations, goods, budget lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import SERVING_STATUSES, Station
from portal.stations.supplies.models import Lot, SupplyItem, SupplyKind
from portal.unions.staff.models import Account
from portal.unions.tree.models import Union, UnionKind, UnionReach
from portal.unions.tree.queries import within
from portal.welfare.ledger.models import Allocation, Budget, BudgetLine, BudgetStatus
from portal.welfare.purchases.models import Purchase

VIEW, BUY = Permission.VIEW_DELIVERIES, Permission.BUY_SUPPLIES
MOST_CHOICES = 300
FEDERATIONS = (UnionKind.FEDERATION, UnionKind.INDUSTRY_FEDERATION)


@dataclass(frozen=True)
class Listed:
    """A purchase in a list: what, for which station, from which line."""

    purchase: Purchase
    item: str
    unit: str
    station: str
    line: str
    year: int


@dataclass(frozen=True)
class Line:
    """A budget line to choose: whose, of which year, what is left."""

    line: BudgetLine
    union: str
    year: int
    left: Decimal


def _matching(actor: Actor, q: str | None, station: str | None, state: str | None, first: date | None, last: date | None) -> Any:
    found = (
        sa.select(Purchase, SupplyItem.name, SupplyItem.unit, Station.name, BudgetLine.name, Budget.year)
        .join(SupplyItem, SupplyItem.id == Purchase.supply_item_id)
        .join(Station, Station.id == Purchase.station_id)
        .join(BudgetLine, BudgetLine.id == Purchase.budget_line_id)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .where(within(Purchase.union_id, actor, VIEW))
    )
    if q:
        columns = (SupplyItem.name, Station.name, Purchase.supplier, Purchase.voucher_number)
        found = found.where(sa.or_(*(column.icontains(q, autoescape=True) for column in columns)))
    if station:
        found = found.where(Station.code == station)
    if state:
        found = found.where(Purchase.reversed_at.is_not(None) if state == "reversed" else Purchase.reversed_at.is_(None))
    if first:
        found = found.where(Purchase.bought_on >= first)
    return found.where(Purchase.bought_on <= last) if last else found


def list_purchases(actor: Actor, *, before: str | None = None, after: str | None = None, **filters: Any) -> Slice:
    """Purchases within scope as `Listed`, the latest entered first."""
    rows = keyset(
        _matching(actor, **filters), (Purchase.id,), lambda row: (row[0].id,), before=before, after=after, descending=True,
        scalars=False,
    )  # fmt: skip
    return Slice([Listed(*row) for row in rows], rows.before, rows.after)


def stream_purchases(actor: Actor, **filters: Any) -> list[Listed]:
    """Every purchase that matches, for the export."""
    return [Listed(*row) for row in db.session.execute(_matching(actor, **filters).order_by(Purchase.id.desc()))]


def get_purchase(ident: UUID, actor: Actor, permission: Permission = VIEW) -> Purchase:
    """A purchase within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(sa.select(Purchase).where(Purchase.id == ident, within(Purchase.union_id, actor, permission))).one()


@dataclass(frozen=True)
class Whole:
    """Everything a purchase's page shows; ``line_union`` is whose money it was."""

    purchase: Purchase
    item: SupplyItem
    station: Station
    lot: Lot
    line: BudgetLine
    budget: Budget
    line_union: Union
    names: dict[UUID, str]


def whole(purchase: Purchase) -> Whole:
    """A purchase with what it refers to, and the names of those who entered it and took it back."""
    row = db.session.execute(
        sa.select(SupplyItem, Station, Lot, BudgetLine, Budget, Union)
        .select_from(Purchase)
        .join(SupplyItem, SupplyItem.id == Purchase.supply_item_id)
        .join(Station, Station.id == Purchase.station_id)
        .join(Lot, Lot.id == Purchase.lot_id)
        .join(BudgetLine, BudgetLine.id == Purchase.budget_line_id)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .join(Union, Union.id == Budget.union_id)
        .where(Purchase.id == purchase.id)
    ).one()
    ids = [one for one in (purchase.by_account_id, purchase.reversed_by_account_id) if one]
    names = dict(db.session.execute(sa.select(Account.id, Account.name).where(Account.id.in_(ids))).all())
    return Whole(purchase, *row, names)


def find_label(ident: UUID) -> str | None:
    """How a purchase is called in the ledger that names it, without scope."""
    row = db.session.execute(
        sa.select(SupplyItem.name, Purchase.quantity, Station.name)
        .join(SupplyItem, SupplyItem.id == Purchase.supply_item_id)
        .join(Station, Station.id == Purchase.station_id)
        .where(Purchase.id == ident)
    ).one_or_none()
    return label_of(*row) if row else None


def label_of(item: str, quantity: int, station: str) -> str:
    """How a purchase is called: what, how many, for whom."""
    return f"{item} × {quantity} · {station}"


def find_twin(union_id: UUID, voucher_number: str, item_id: UUID, station_id: UUID) -> Purchase | None:
    """The same goods of the same voucher for the same station, not taken back."""
    return db.session.scalars(
        sa.select(Purchase).where(
            Purchase.union_id == union_id, Purchase.voucher_number == voucher_number, Purchase.supply_item_id == item_id,
            Purchase.station_id == station_id, Purchase.reversed_at.is_(None),
        )
    ).one_or_none()  # fmt: skip


# --- what may be chosen --------------------------------------------------------------------------------------------


def find_station(word: str | None, actor: Actor) -> Station | None:
    """A station in somebody's care for buying, by code, or by a name that only one of them bears."""
    if not word or "\0" in word:
        return None
    found = db.session.scalars(
        sa.select(Station)
        .where(sa.or_(Station.code == word, Station.name == word), within(Station.union_id, actor, BUY))
        .order_by(Station.code)
        .limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def suggest_stations(actor: Actor, limit: int = MOST_CHOICES) -> list[sa.Row]:
    """The first stations one may buy for as (code, name)."""
    found = sa.select(Station.code, Station.name).where(
        Station.status.in_(SERVING_STATUSES), within(Station.union_id, actor, BUY)
    )
    return list(db.session.execute(found.order_by(Station.code).limit(limit)))


def list_items(actor: Actor) -> list[SupplyItem]:
    """Goods of the unions one buys for, of those beneath and of those above; packs are put together, not bought."""
    held = actor.unions(BUY)
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id.in_(held))
    owned = sa.or_(SupplyItem.union_id.in_(above), within(SupplyItem.union_id, actor, BUY))
    found = sa.select(SupplyItem).where(owned, SupplyItem.closed_at.is_(None), SupplyItem.kind != SupplyKind.KIT)
    return list(db.session.scalars(found.order_by(SupplyItem.name, SupplyItem.id).limit(MOST_CHOICES)))


def find_item(ident: UUID, actor: Actor) -> SupplyItem | None:
    """One of those goods, or None."""
    return next((one for one in list_items(actor) if one.id == ident), None)


def list_lines(actor: Actor, years: tuple[int, ...]) -> list[Line]:
    """The lines that have money and may promise it, within scope, with what is left of each."""
    shut = (BudgetStatus.CLOSED, BudgetStatus.FROZEN)
    left = sa.func.sum(Allocation.authority - Allocation.reserved - Allocation.spent)
    found = (
        sa.select(BudgetLine, Union.name, Budget.year, left)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .join(Union, Union.id == Budget.union_id)
        .join(Allocation, Allocation.line_id == BudgetLine.id)
        .where(Budget.status.not_in(shut), Budget.year.in_(years), within(Budget.union_id, actor, BUY))
        .group_by(BudgetLine.id, Union.id, Budget.year)
        .having(sa.func.sum(Allocation.authority) > 0)
        .order_by(Budget.year.desc(), Union.code, BudgetLine.code)
        .limit(MOST_CHOICES)
    )
    return [Line(*row) for row in db.session.execute(found)]


def find_line(ident: UUID, actor: Actor) -> BudgetLine | None:
    """A budget line within scope for buying, or None."""
    return db.session.scalars(
        sa.select(BudgetLine)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .where(BudgetLine.id == ident, within(Budget.union_id, actor, BUY))
    ).one_or_none()


def pays_for(line: BudgetLine, station: Station) -> bool:
    """Whether a line's union is the station's or one above it: nobody's money is spent on somebody else's station.

    A federation stands beneath the general union of its city or county and pays for all stations there.
    """
    federated = sa.case((Union.kind.in_(FEDERATIONS), Union.parent_id), else_=Union.id)
    return db.session.scalar(
        sa.select(
            sa.exists().where(
                Budget.id == line.budget_id, Union.id == Budget.union_id, UnionReach.ancestor_id == federated,
                UnionReach.union_id == station.union_id,
            )
        )
    )  # fmt: skip
