"""What the demonstration's stations have on their shelves: the home city's catalogue, four weeks of use, what waits. Invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import By, Role
from portal.db import db
from portal.demonstration.places import HOME_CITY, HOME_COUNTY, chance
from portal.stations.register.models import SERVING_STATUSES, Station
from portal.stations.stocktaking import commands as stocktaking
from portal.stations.supplies import commands
from portal.stations.supplies.models import Lot, MovementKind, StockMovement, SupplyItem, SupplyKind
from portal.stations.supplies.rules import ItemValues, OnShelf, StockCause, draw
from portal.types import new_id
from portal.unions.staff.queries import find_account_by_name
from portal.unions.tree.models import Union, UnionReach

STATIONS, DAYS = 20, 28
K, M = SupplyKind, MovementKind


@dataclass(frozen=True)
class Plan:
    """An item of the catalogue: about how many leave a day, what one costs, how many come in a box."""

    name: str
    unit: str
    a_day: int
    cost: str
    box: int
    kind: SupplyKind = K.GOODS
    expires: bool = True
    warn_days: int = 30


ITEMS = (
    Plan("瓶装饮用水", "瓶", 20, "1.20", 24, K.SELF_TAKEN),
    Plan("电解质饮料", "瓶", 5, "3.50", 24),
    Plan("藿香正气液（不含酒精）", "盒", 2, "12.80", 10, warn_days=60),
    Plan("毛巾", "条", 2, "6.00", 50, expires=False),
    Plan("遮阳帽", "顶", 1, "9.90", 30, expires=False),
    Plan("一次性口罩", "包", 2, "4.50", 40, warn_days=90),
    Plan("速食八宝粥", "罐", 4, "4.20", 12),
)
PACKS = {
    "入会礼包": (("毛巾", 1), ("遮阳帽", 1), ("电解质饮料", 2)),
    "防暑清凉包": (("毛巾", 1), ("电解质饮料", 2), ("藿香正气液（不含酒精）", 1)),
    "关爱包": (("毛巾", 2), ("一次性口罩", 1), ("速食八宝粥", 4), ("藿香正气液（不含酒精）", 1)),
}


def make(seed: str, now: datetime) -> str:
    """The catalogue, stock with four weeks of use, a transfer on its way and a write-off that waits; in words. Flushes."""
    luck = chance(f"{seed}:supplies")
    city = db.session.scalars(sa.select(Union).where(Union.code == HOME_CITY)).one()
    keeper, officer = (find_account_by_name(role.value) for role in (Role.KEEPER, Role.OFFICER))
    by = By("staff", keeper.id)
    with clock.stopped_at(now - timedelta(days=DAYS + 5)):
        items = _catalogue(city.id, by)
    shelves = _Shelves(now, luck, by)
    stations = _stations(city.id)
    for number, station in enumerate(stations):
        for place, plan in enumerate(ITEMS):
            shelves.fill(station.id, items[plan.name].id, plan, (number + 3 * place) % 10)
    shelves.write()
    with clock.stopped_at(now):
        waits = _what_waits(stations, items, by, By("staff", officer.id), now)
    return f"{len(items)} items, {len(shelves.lots)} lots at {len(stations)} stations, {len(shelves.moves):,} movements, {waits}"


def _catalogue(union_id: UUID, by: By) -> dict[str, SupplyItem]:
    items = {}
    for plan in ITEMS:
        values = ItemValues(plan.name, plan.unit, plan.kind, expires=plan.expires, warn_days=plan.warn_days)
        items[plan.name] = commands.add_item(union_id=union_id, values=values, by=by)
    for name, parts in PACKS.items():
        made_of = tuple((items[part].id, quantity) for part, quantity in parts)
        items[name] = commands.add_item(union_id=union_id, values=ItemValues(name, "份", K.KIT, parts=made_of), by=by)
    return items


def _stations(union_id: UUID) -> list[Station]:
    """Stations that serve in the home city, those of the home county first."""
    beneath = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == union_id)
    query = sa.select(Station).where(Station.union_id.in_(beneath), Station.status.in_(SERVING_STATUSES))
    return list(db.session.scalars(query.order_by(Station.county_code != HOME_COUNTY, Station.code).limit(STATIONS)))


class _Shelves:
    """Lots and movements to write at once; the trigger carries them into the lots as if they had come one by one."""

    def __init__(self, now: datetime, luck: Random, by: By) -> None:
        self.now, self.today, self.luck, self.by = now, clock.business_day(now), luck, by
        self.lots: list[dict[str, Any]] = []
        self.moves: list[dict[str, Any]] = []

    def fill(self, station_id: UUID, item_id: UUID, plan: Plan, fate: int) -> None:
        """Lots and four weeks of use of one item. Fate 0: nearly used up; 1: some past the date; 2: some soon past it."""
        uses = [max(0, plan.a_day + self.luck.randint(-plan.a_day, plan.a_day)) for _ in range(DAYS)]
        need, days = sum(uses), 3 if fate == 0 else self.luck.randint(20, 60)
        rest = max(plan.a_day * days, 1) if fate == 0 else -(-plan.a_day * days // plan.box) * plan.box
        shelf = [self._lot(station_id, item_id, plan, need + rest, DAYS + 2, self.luck.randint(150, 500))]
        if plan.expires and fate in (1, 2):
            until = -3 if fate == 1 else self.luck.randint(4, 12)
            size = sum(uses[: DAYS - 3]) + 6 if fate == 1 else need + 8
            shelf.append(self._lot(station_id, item_id, plan, size, DAYS + 1, until))
        kind = M.REFILL if plan.kind is K.SELF_TAKEN else M.HAND_OUT
        for back, pieces in zip(range(DAYS, 0, -1), uses, strict=True):
            day = self.today - timedelta(days=back)
            for lot, part in draw(shelf, pieces, day)[0]:
                at = clock.start_of(day) + timedelta(hours=self.luck.randint(9, 17), minutes=self.luck.randint(0, 59))
                self._move(station_id, item_id, lot, kind, part, at)
                shelf[shelf.index(lot)] = OnShelf(lot.id, lot.expires_on, lot.on_hand - part, lot.unit_cost)

    def _lot(self, station_id: UUID, item_id: UUID, plan: Plan, quantity: int, back: int, good_for: int) -> OnShelf:
        received = self.today - timedelta(days=back)
        expires_on: date | None = self.today + timedelta(days=good_for) if plan.expires else None
        at = clock.start_of(received) + timedelta(hours=8, minutes=30)
        number = f"{received:%y%m}{self.luck.randint(100, 999)}"
        lot = OnShelf(new_id(), expires_on, quantity, Decimal(plan.cost))
        self.lots.append({
            "id": lot.id, "station_id": station_id, "supply_item_id": item_id, "lot_number": number, "expires_on": expires_on,
            "unit_cost": lot.unit_cost, "on_hand": 0, "received_on": received, "created_at": at,
        })  # fmt: skip
        self._move(station_id, item_id, lot, M.OPENING, quantity, at)
        return lot

    def _move(self, station_id: UUID, item_id: UUID, lot: OnShelf, kind: M, quantity: int, at: datetime) -> None:
        self.moves.append({
            "id": new_id(), "at": at, "station_id": station_id, "supply_item_id": item_id, "lot_id": lot.id, "kind": kind,
            "quantity": quantity, "unit_cost": lot.unit_cost, "movement": new_id(), "by_kind": self.by.kind, "by_id": self.by.id,
        })  # fmt: skip

    def write(self) -> None:
        """All lots, then all movements in their order."""
        if self.lots:
            db.session.execute(sa.insert(Lot), self.lots)
            db.session.execute(sa.insert(StockMovement), self.moves)


def _what_waits(stations: list[Station], items: dict[str, SupplyItem], by: By, other: By, now: datetime) -> str:
    """A transfer on its way to the home county, a write-off asked by somebody else, something given beside the book, a count."""
    said = []
    if len(stations) > 1:
        drink = items["电解质饮料"]
        at, sender = now - timedelta(hours=5), stations[1]
        with clock.stopped_at(at):
            stocktaking.send(station=sender, to=stations[0], item=drink, quantity=4, note="周末高温，先匀给你们", by=other)
        said.append("a transfer on its way")
    expired = db.session.execute(
        sa.select(Lot, Station)
        .join(Station, Station.id == Lot.station_id)
        .where(Lot.on_hand > 0, Lot.expires_on < clock.business_day(now), Station.county_code == HOME_COUNTY)
        .order_by(Lot.id)
        .limit(1)
    ).first()
    if expired:
        lot, station = expired
        stocktaking.ask_write_off(station=station, lot=lot, quantity=lot.on_hand, reason="已过期，下架封存，待销毁", by=other)
        said.append("a write-off that waits")
    if stations:
        towel = items["毛巾"]
        left = db.session.scalar(
            sa.select(sa.func.sum(Lot.on_hand)).where(Lot.station_id == stations[0].id, Lot.supply_item_id == towel.id)
        )
        with clock.stopped_at(now - timedelta(days=1)):
            stocktaking.count(station=stations[0], item=towel, counted=max(int(left or 0) - 2, 0), note="周末盘点", by=by)
        cause = StockCause("paper_sheets", "demonstration")
        porridge = items["速食八宝粥"]
        held = db.session.scalar(
            sa.select(sa.func.sum(Lot.on_hand)).where(Lot.station_id == stations[-1].id, Lot.supply_item_id == porridge.id)
        )
        commands.hand_out(
            station_id=stations[-1].id, supply_item_id=porridge.id, quantity=int(held or 0) + 3, cause=cause, by=by, late=True
        )  # fmt: skip
        said.append("a shortage")
    return ", ".join(said) or "nothing waits"
