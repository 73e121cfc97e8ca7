"""Builders of items in the catalogue and of what a station has of them. Each commits, so that other connections see it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db
from portal.stations.register.models import Station
from portal.stations.supplies import commands
from portal.stations.supplies.models import KitPart, Lot, MovementKind, SupplyItem, SupplyKind
from portal.types import new_id
from portal.unions.tree.models import Union

_number = count(1)


def make_supply(union: Union, name: str | None = None, **values) -> SupplyItem:
    """An item of a union's catalogue: by default goods whose lots expire."""
    number = next(_number)
    known = {"code": f"S{number:05d}", "union_id": union.id, "name": name or f"藿香正气液{number}", "unit": "盒",
             "kind": SupplyKind.GOODS, "expires": True, "created_at": clock.now()}  # fmt: skip
    item = SupplyItem(id=new_id(), **known | values)
    db.session.add(item)
    db.session.commit()
    return item


def make_kit(union: Union, parts: dict[SupplyItem, int], name: str = "入会礼包") -> SupplyItem:
    """A pack of other items."""
    kit = make_supply(union, name, kind=SupplyKind.KIT, expires=False)
    db.session.add_all(KitPart(kit_id=kit.id, part_id=part.id, quantity=quantity) for part, quantity in parts.items())
    db.session.commit()
    return kit


def put_in_stock(
    station: Station, item: SupplyItem, quantity: int = 10, *, expires_on: date | None = None, days: int = 200,
    cost: Decimal | int = 2, by: By = SYSTEM, kind: MovementKind = MovementKind.OPENING, **values,
) -> Lot:  # fmt: skip
    """A lot of so many; by default it is good for ``days`` days from today (0: its last day is today)."""
    if item.expires and expires_on is None:
        expires_on = clock.today() + timedelta(days=days)
    lot = commands.receive(station=station, item=item, quantity=quantity, unit_cost=Decimal(cost), kind=kind,
                           expires_on=expires_on, by=by, **values)  # fmt: skip
    db.session.commit()
    return lot


def make_shelf(station: Station, union: Union, name: str) -> dict:
    """One of everything about stock for the walk: an item, a lot with a write-off that waits, a transfer on its way."""
    from portal.stations.stocktaking import commands as stocktaking
    from portal.stations.stocktaking.models import WriteOff
    from tests.factories.staff import make_account
    from tests.factories.stations import make_station

    item = make_supply(union, name)
    lot = put_in_stock(station, item, 5, lot_number=name)
    other = make_station(union=union, name=f"{station.name}二")
    transfer = stocktaking.send(station=station, to=other, item=item, quantity=1, note=name, by=SYSTEM)
    asked = WriteOff(id=new_id(), lot_id=lot.id, quantity=1, reason=name, asked_at=clock.now(),
                     asked_by_account_id=make_account().id)  # fmt: skip
    db.session.add(asked)
    db.session.commit()
    return {"supply": item.code, "lot_id": lot.id, "transfer_id": transfer.id, "write_off_id": asked.id}
