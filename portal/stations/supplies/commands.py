"""Changes to stock: what comes in, goes out, comes back. Every change is a movement; the database carries it into the lot."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import Station
from portal.stations.supplies import queries, rules
from portal.stations.supplies.models import KitPart, Lot, MovementKind, StockMovement, StockShortage, SupplyItem, SupplyKind
from portal.stations.supplies.rules import ItemValues, StockCause
from portal.types import N_, Problem, Refused, new_id, text

CODE_SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is taken for another


def move(
    *,
    lot: Lot,
    kind: MovementKind,
    quantity: int,
    movement: UUID,
    cause: StockCause | None = None,
    note: str | None = None,
    at: datetime | None = None,
    by: By,
) -> None:
    """Enter one movement of one lot; the trigger carries it into the lot, and refuses what is not there. Not flushed."""
    db.session.add(
        StockMovement(
            id=new_id(), at=at or clock.now(), station_id=lot.station_id, supply_item_id=lot.supply_item_id, lot_id=lot.id,
            kind=kind, quantity=quantity, unit_cost=lot.unit_cost, movement=movement, note=note, by_kind=by.kind, by_id=by.id,
            cause_table=cause.table if cause else None, cause_id=cause.id if cause else None,
        )
    )  # fmt: skip


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


# --- the catalogue --------------------------------------------------------------------------------------------------


def add_item(*, union_id: UUID, values: ItemValues, by: By) -> SupplyItem:
    """A new item of a union; the stations beneath may stock it. Raises Refused."""
    _check_item(union_id, values, None)
    item = SupplyItem(
        id=new_id(), code="S" + "".join(secrets.choice(CODE_SIGNS) for _ in range(6)), union_id=union_id, kind=values.kind,
        created_at=clock.now(), name=values.name, unit=values.unit,
        expires=values.expires and values.kind is not SupplyKind.KIT,
        contains_alcohol=values.contains_alcohol, warn_days=values.warn_days,
    )  # fmt: skip
    db.session.add(item)
    db.session.flush()
    _write_parts(item, values)
    audit.record("supply.added", by=by, subject=item, union_id=union_id, code=item.code, name=item.name, kind=item.kind.value)
    return item


def change_item(*, item: SupplyItem, values: ItemValues, by: By) -> None:
    """Say something else about an item; what kind it is stays. Raises Refused."""
    values = replace(values, kind=item.kind)
    _check_item(item.union_id, values, item.id)
    changed = {}
    for name in ("name", "unit", "expires", "contains_alcohol", "warn_days"):
        if getattr(item, name) != getattr(values, name):
            changed[name] = [getattr(item, name), getattr(values, name)]
            setattr(item, name, getattr(values, name))
    db.session.execute(sa.delete(KitPart).where(KitPart.kit_id == item.id), execution_options={"synchronize_session": False})
    _write_parts(item, values)
    db.session.flush()
    audit.record("supply.changed", by=by, subject=item, union_id=item.union_id, code=item.code, **changed)


def _check_item(union_id: UUID, values: ItemValues, ident: UUID | None) -> None:
    usable = {part.id: part for part in queries.list_usable(union_id)}
    known = [(usable[one], quantity) for one, quantity in values.parts if one in usable]
    problems = rules.problems_with_item(values, [(part.name, part.kind, quantity) for part, quantity in known])
    if len(known) < len(values.parts):
        says = text(N_("A pack is made of items of its own union or of one above it."))
        problems.append(Problem("part_foreign", says, field="parts"))
    if queries.is_name_taken(union_id, values.name, ident):
        problems.append(Problem("name_taken", text(N_("This union has an item of this name already.")), field="name"))
    _refuse(problems)


def _write_parts(item: SupplyItem, values: ItemValues) -> None:
    if values.parts:
        rows = [{"kit_id": item.id, "part_id": part, "quantity": quantity} for part, quantity in values.parts]
        db.session.execute(sa.insert(KitPart), rows)


def close_item(*, item: SupplyItem, by: By) -> None:
    """No longer stock an item: nothing more comes in, what is there goes out as before."""
    item.closed_at = item.closed_at or clock.now()
    audit.record("supply.closed", by=by, subject=item, union_id=item.union_id, code=item.code, name=item.name)


def reopen_item(*, item: SupplyItem, by: By) -> None:
    """Stock an item again. Raises Refused if its name is taken meanwhile."""
    if queries.is_name_taken(item.union_id, item.name, item.id):
        _refuse([Problem("name_taken", text(N_("This union has an item of this name already.")))])
    item.closed_at = None
    audit.record("supply.reopened", by=by, subject=item, union_id=item.union_id, code=item.code, name=item.name)


# --- coming in ------------------------------------------------------------------------------------------------------


def receive(
    *,
    station: Station,
    item: SupplyItem,
    quantity: int,
    unit_cost: Decimal,
    kind: MovementKind = MovementKind.PURCHASE,
    expires_on: date | None = None,
    lot_number: str | None = None,
    received_on: date | None = None,
    cause: StockCause | None = None,
    note: str | None = None,
    by: By,
) -> Lot:
    """Put what came in on the shelf, as a lot of its own: opening stock, bought or donated. Raises Refused."""
    if kind not in rules.INCOMING:
        raise ValueError(f"{kind} does not bring anything in")
    today = clock.today()
    received_on = received_on or today
    closed = item.closed_at is not None
    problems = rules.problems_with_quantity(quantity) + rules.problems_with_note(note)
    problems += rules.problems_with_incoming(
        item.kind, expires_on, received_on, unit_cost, today, expires=item.expires, closed=closed
    )
    if not queries.is_usable(item, station.union_id):
        problems.append(Problem("not_usable", text(N_("This station does not stock items of that union.")), field="item"))
    _refuse(problems)
    lot = put_lot(
        station_id=station.id, item_id=item.id, kind=kind, quantity=quantity, expires_on=expires_on, lot_number=lot_number,
        unit_cost=unit_cost, received_on=received_on, cause=cause, note=note, by=by,
    )  # fmt: skip
    audit.record(
        "stock.received", by=by, subject=lot, union_id=station.union_id,
        station=station.code, item=item.code, kind=kind.value, quantity=quantity, unit_cost=str(unit_cost),
    )  # fmt: skip
    return lot


def put_lot(
    *,
    station_id: UUID,
    item_id: UUID,
    kind: MovementKind,
    quantity: int,
    expires_on: date | None,
    lot_number: str | None,
    unit_cost: Decimal,
    received_on: date,
    movement: UUID | None = None,
    cause: StockCause | None = None,
    note: str | None = None,
    by: By,
) -> Lot:
    """A new lot and the movement that fills it."""
    lot = Lot(
        id=new_id(), station_id=station_id, supply_item_id=item_id, expires_on=expires_on, lot_number=lot_number,
        unit_cost=unit_cost, on_hand=0, received_on=received_on, created_at=clock.now(),
    )  # fmt: skip
    db.session.add(lot)
    db.session.flush()
    move(lot=lot, kind=kind, quantity=quantity, movement=movement or new_id(), cause=cause, note=note, by=by)
    queries.read_again([lot])
    return lot


# --- going out ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """What left the shelf: what it had cost, how many were handed out, and how many the book did not have (late only)."""

    cost: Decimal
    quantity: int
    short: int


def hand_out(
    *,
    station_id: UUID,
    supply_item_id: UUID,
    quantity: int,
    cause: StockCause,
    by: By,
    late: bool = False,
    at: datetime | None = None,
) -> Taken:
    """Take pieces for somebody, earliest date first, never past the date; a pack takes its parts, all or none.

    Live it raises Refused ("out_of_stock") with what is left. ``late``: it was given already (paper, no network), at ``at``
    if that is known; what the book does not have is kept as a shortage that a count settles, and nothing is refused.
    """
    item = db.session.get_one(SupplyItem, supply_item_id)
    _refuse(rules.problems_with_quantity(quantity))
    moment = min(at, clock.now()) if at and late else clock.now()
    day = clock.business_day(moment)
    parts = queries.parts_of([item.id]).get(item.id, []) if item.kind is SupplyKind.KIT else [(item, 1)]
    lots = queries.lock_lots(station_id, [part.id for part, _ in parts], good_on=day)
    drawn, whole, problems = [], quantity, []
    for part, each in parts:
        mine = queries.on_shelf(lot for lot in lots if lot.supply_item_id == part.id)
        takes, missing = rules.draw(mine, quantity * each, day)
        drawn.append((part, takes, missing))
        whole = min(whole, (quantity * each - missing) // each)
        if missing and not late:
            left = sum(lot.on_hand for lot in mine)
            problems.append(rules.out_of_stock(part.name, part.unit, left, quantity * each))
    _refuse(problems)
    by_id, movement, cost = {lot.id: lot for lot in lots}, new_id(), Decimal(0)
    for part, takes, missing in drawn:
        for shelf, count in takes:
            move(
                lot=by_id[shelf.id], kind=MovementKind.HAND_OUT, quantity=count, movement=movement, cause=cause, at=moment, by=by
            )
            cost += count * shelf.unit_cost
        if missing:
            _keep_shortage(station_id, part.id, missing, cause, moment)
    queries.read_again(lots)
    return Taken(cost, whole, quantity - whole)


def _keep_shortage(station_id: UUID, item_id: UUID, quantity: int, cause: StockCause | None, at: datetime) -> None:
    db.session.add(
        StockShortage(
            id=new_id(), at=at, station_id=station_id, supply_item_id=item_id, quantity=quantity,
            cause_table=cause.table if cause else None, cause_id=cause.id if cause else None,
        )
    )  # fmt: skip


def give_back(*, cause: StockCause, by: By) -> int:
    """Put back what was handed out for a cause, into the lots it came from; answers how many pieces.

    A lot that has passed its date meanwhile takes its pieces back and stays blocked. A shortage of the cause ends.
    """
    out = queries.lots_of_cause(cause)
    lots = queries.lock_lots_by_id([row.lot_id for row in out])
    # Two who take the same back at once: the second waited for the lots and must look again.
    still = {row.lot_id: row.quantity for row in queries.lots_of_cause(cause)}
    movement, pieces = new_id(), 0
    for lot in lots:
        if quantity := int(still.get(lot.id, 0)):
            move(lot=lot, kind=MovementKind.GIVE_BACK, quantity=quantity, movement=movement, cause=cause, by=by)
            pieces += quantity
    for shortage in queries.lock_shortages(cause=cause):
        shortage.settled_at = clock.now()
    queries.read_again(lots)
    return pieces


def refill(*, station: Station, item: SupplyItem, quantity: int, note: str | None = None, by: By) -> int:
    """Put out what people take themselves, earliest date first; it leaves the book then. Raises Refused."""
    problems = rules.problems_with_quantity(quantity) + rules.problems_with_note(note)
    if item.kind is not SupplyKind.SELF_TAKEN:
        problems.append(Problem("not_self_taken", text(N_("Only what people take themselves is put out.")), field="item"))
    _refuse(problems)
    take(station_id=station.id, item=item, quantity=quantity, kind=MovementKind.REFILL, note=note, by=by)
    audit.record(
        "stock.refilled", by=by, subject=item, union_id=station.union_id, station=station.code, item=item.code, quantity=quantity
    )
    return quantity


def take(
    *,
    station_id: UUID, item: SupplyItem, quantity: int, kind: MovementKind, cause: StockCause | None = None,
    note: str | None = None, by: By,
) -> list[tuple[Lot, int]]:  # fmt: skip
    """Move pieces out of the good lots, earliest date first; answers from which. Raises Refused with what is left."""
    lots = queries.lock_lots(station_id, [item.id], good_on=clock.today())
    drawn, missing = rules.draw(queries.on_shelf(lots), quantity, clock.today())
    if missing:
        raise Refused([rules.out_of_stock(item.name, item.unit, quantity - missing, quantity)])
    by_id, movement = {lot.id: lot for lot in lots}, new_id()
    taken = [(by_id[shelf.id], count) for shelf, count in drawn]
    for lot, count in taken:
        move(lot=lot, kind=kind, quantity=count, movement=movement, cause=cause, note=note, by=by)
    queries.read_again(lots)
    return taken


def lose(*, station: Station, lot: Lot, quantity: int, reason: str | None, by: By) -> None:
    """Pieces of a lot are lost or damaged, and why. What is past its date is written off by two people instead."""
    needed = text(N_("Say in a few words what happened."))
    problems = rules.problems_with_quantity(quantity) + rules.problems_with_note(reason, needed=needed, field="reason")
    [lot] = queries.lock_lots_by_id([lot.id])
    if not rules.is_good(lot.expires_on, clock.today()):
        says = text(N_("This lot is past its date. Ask for it to be written off; a second person confirms."))
        problems.append(Problem("expired", says))
    elif quantity > lot.on_hand:
        item = db.session.get_one(SupplyItem, lot.supply_item_id)
        problems.append(rules.out_of_stock(item.name, item.unit, lot.on_hand, quantity))
    _refuse(problems)
    move(lot=lot, kind=MovementKind.LOSS, quantity=quantity, movement=new_id(), note=reason, by=by)
    queries.read_again([lot])
    audit.record(
        "stock.lost", by=by, subject=lot, union_id=station.union_id, station=station.code, quantity=quantity, reason=reason
    )


def correct_lot(
    *, station: Station, lot: Lot, expires_on: date | None, lot_number: str | None, reason: str | None, by: By
) -> None:
    """Put a mistyped date or number of a lot right, with the reason. Not once it is past its date: then two people decide."""
    [lot] = queries.lock_lots_by_id([lot.id])
    item = db.session.get_one(SupplyItem, lot.supply_item_id)
    problems = rules.problems_with_note(reason, needed=text(N_("Say in a few words why.")), field="reason")
    problems += rules.problems_with_correcting(lot.expires_on, expires_on, lot.received_on, clock.today(), expires=item.expires)
    _refuse(problems)
    before = (lot.expires_on, lot.lot_number)
    lot.expires_on, lot.lot_number = expires_on, lot_number
    db.session.flush()
    audit.record(
        "stock.lot_corrected", by=by, subject=lot, union_id=station.union_id, station=station.code, reason=reason,
        expires_on=[before[0], expires_on], lot_number=[before[1], lot_number],
    )  # fmt: skip
