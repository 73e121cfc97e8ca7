"""Counts, transfers with both sides, and write-offs by two people. What moves, moves through the book of `supplies`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import SERVING_STATUSES, Station
from portal.stations.stocktaking import queries, rules
from portal.stations.stocktaking.models import StockCount, StockTransfer, WriteOff
from portal.stations.supplies import queries as supplies
from portal.stations.supplies.commands import move, put_lot, take
from portal.stations.supplies.models import Lot, MovementKind, SupplyItem
from portal.stations.supplies.rules import StockCause, draw, is_good
from portal.types import Problem, Refused, new_id


def _account(by: By) -> UUID | None:
    return by.id if by.kind == "staff" else None


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


# --- counting -------------------------------------------------------------------------------------------------------


def count(
    *, station: Station, item: SupplyItem, counted: int, expires_on: date | None = None, note: str | None = None, by: By
) -> StockCount:
    """Somebody counted what may still be given of an item. The book follows the shelf, lot by lot, earliest date first.

    What is past its date lies apart and is not counted. Fewer than booked: first what was given beside the book is entered
    for whom it was given, the rest is missing. ``expires_on`` for what was found while the book has no lot left.
    """
    _refuse(rules.problems_with_count(item.kind, counted, note))
    queries.lock_item(station.id, item.id)
    today = clock.today()
    lots = supplies.lock_lots(station.id, [item.id], good_on=today)
    shortages = supplies.lock_shortages(station_id=station.id, item_id=item.id)
    booked, shortage = sum(lot.on_hand for lot in lots), sum(one.quantity for one in shortages)
    says = rules.compare(booked, shortage, counted)
    _refuse(rules.problems_with_found(says.found, has_lot=bool(lots), expires=item.expires, expires_on=expires_on, today=today))
    row = StockCount(
        id=new_id(), at=clock.now(), station_id=station.id, supply_item_id=item.id, booked=booked, shortage=shortage,
        counted=counted, note=note, by_account_id=_account(by),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    if lots:
        _correct(lots, says, row, by)
    elif says.found:
        _put_found(item, says.found, expires_on, row, by)
    _settle_shortages(lots, shortages, says.explained, row, by)
    audit.record(
        "stock.counted", by=by, subject=row, union_id=station.union_id, station=station.code, item=item.code,
        booked=booked, counted=counted, shortage=shortage,
    )  # fmt: skip
    return row


def _correct(lots: Sequence[Lot], says: rules.Counted, row: StockCount, by: By) -> None:
    """What was found goes to the lot that expires first; what is missing comes off the lots in their order."""
    cause, movement = StockCause("stock_counts", str(row.id)), new_id()
    if says.found:
        move(lot=lots[0], kind=MovementKind.FOUND, quantity=says.found, movement=movement, cause=cause, note=row.note, by=by)
    by_id = {lot.id: lot for lot in lots}
    for shelf, pieces in draw(supplies.on_shelf(lots), says.missing, None)[0]:
        move(
            lot=by_id[shelf.id], kind=MovementKind.MISSING, quantity=pieces, movement=movement, cause=cause, note=row.note, by=by
        )
    supplies.read_again(lots)


def _put_found(item: SupplyItem, found: int, expires_on: date | None, row: StockCount, by: By) -> None:
    """What was found while the book has no lot left becomes one, worth nothing that was not paid already."""
    put_lot(
        station_id=row.station_id, item_id=item.id, kind=MovementKind.FOUND, quantity=found, lot_number=None,
        expires_on=expires_on if item.expires else None, unit_cost=Decimal(0), received_on=clock.today(),
        cause=StockCause("stock_counts", str(row.id)), note=row.note, by=by,
    )  # fmt: skip


def _settle_shortages(lots: Sequence[Lot], shortages: Sequence, explained: int, row: StockCount, by: By) -> None:
    """Enter what was given beside the book for whom it was given, as far as the count shows it; all of it is settled."""
    by_id = {lot.id: lot for lot in lots}
    for one in shortages:
        cause = StockCause(one.cause_table, one.cause_id) if one.cause_table and one.cause_id else None
        part = min(explained, one.quantity)
        for shelf, pieces in draw(supplies.on_shelf(lots), part, None)[0]:
            lot = by_id[shelf.id]
            move(
                lot=lot,
                kind=MovementKind.HAND_OUT,
                quantity=pieces,
                movement=new_id(),
                cause=cause,
                note=row.note,
                at=one.at,
                by=by,
            )
        explained -= part
        one.settled_at, one.settled_by_count_id = row.at, row.id
        supplies.read_again(lots)


# --- transfers ------------------------------------------------------------------------------------------------------


def send(
    *, station: Station, to: Station | None, item: SupplyItem, quantity: int, note: str | None = None, by: By
) -> StockTransfer:
    """Send pieces to another station, earliest date first; they are on their way until the other side says they arrived."""
    serves = to is not None and to.status in SERVING_STATUSES
    usable = to is not None and supplies.is_usable(item, to.union_id)
    to_id = to.id if to else None
    _refuse(rules.problems_with_sending(item.kind, station.id, to_id, quantity, note, serves=serves, usable_there=usable))
    transfer = StockTransfer(
        id=new_id(), supply_item_id=item.id, from_station_id=station.id, to_station_id=to.id, quantity=quantity, note=note,
        sent_at=clock.now(), sent_by_account_id=_account(by), called_back=False,
    )  # fmt: skip
    db.session.add(transfer)
    db.session.flush()
    take(
        station_id=station.id,
        item=item,
        quantity=quantity,
        kind=MovementKind.TRANSFER_OUT,
        cause=_cause(transfer),
        note=note,
        by=by,
    )
    audit.record(
        "stock.sent", by=by, subject=transfer, union_id=station.union_id,
        station=station.code, to=to.code, item=item.code, quantity=quantity,
    )  # fmt: skip
    return transfer


def _cause(transfer: StockTransfer) -> StockCause:
    return StockCause("stock_transfers", str(transfer.id))


def receive_transfer(*, transfer: StockTransfer, station: Station, received: int, note: str | None = None, by: By) -> None:
    """The other side says how much arrived. The rest is a loss of the sender, in the receiver's words. Raises Refused."""
    queries.lock_transfer(transfer)
    is_mine, is_open = transfer.to_station_id == station.id, transfer.received_at is None
    _refuse(rules.problems_with_arrival(transfer.quantity, received, note, is_mine=is_mine, is_open=is_open))
    parts = queries.lots_sent(transfer)
    lots = {lot.id: lot for lot in supplies.lock_lots_by_id([lot_id for lot_id, _ in parts])}
    cause, movement = _cause(transfer), new_id()
    for lot_id, arrived, lost in rules.shares_of(parts, received):
        sent = lots[lot_id]
        if arrived:
            put_lot(
                station_id=station.id, item_id=sent.supply_item_id, kind=MovementKind.TRANSFER_IN, quantity=arrived,
                expires_on=sent.expires_on, lot_number=sent.lot_number, unit_cost=sent.unit_cost, received_on=clock.today(),
                movement=movement, cause=cause, note=note, by=by,
            )  # fmt: skip
        if lost:
            move(lot=sent, kind=MovementKind.GIVE_BACK, quantity=lost, movement=movement, cause=cause, note=note, by=by)
            db.session.flush()  # the loss needs what came back on paper
            move(lot=sent, kind=MovementKind.LOSS, quantity=lost, movement=movement, cause=cause, note=note, by=by)
    _close(transfer, received, by)
    supplies.read_again(list(lots.values()))
    audit.record(
        "stock.arrived", by=by, subject=transfer, union_id=station.union_id,
        station=station.code, sent=transfer.quantity, received=received, note=note,
    )  # fmt: skip


def _close(transfer: StockTransfer, received: int, by: By) -> None:
    transfer.received, transfer.received_at, transfer.received_by_account_id = received, clock.now(), _account(by)


def call_back(*, transfer: StockTransfer, station: Station, by: By) -> None:
    """The sender takes it back, as long as nobody said that it arrived: everything into the lots it came from."""
    queries.lock_transfer(transfer)
    is_mine, is_open = transfer.from_station_id == station.id, transfer.received_at is None
    _refuse(rules.problems_with_calling_back(is_mine=is_mine, is_open=is_open))
    parts = queries.lots_sent(transfer)
    lots = {lot.id: lot for lot in supplies.lock_lots_by_id([lot_id for lot_id, _ in parts])}
    movement = new_id()
    for lot_id, pieces in parts:
        move(lot=lots[lot_id], kind=MovementKind.GIVE_BACK, quantity=pieces, movement=movement, cause=_cause(transfer), by=by)
    _close(transfer, 0, by)
    transfer.called_back = True
    supplies.read_again(list(lots.values()))
    audit.record("stock.called_back", by=by, subject=transfer, union_id=station.union_id, station=station.code)


# --- writing off ----------------------------------------------------------------------------------------------------


def ask_write_off(*, station: Station, lot: Lot, quantity: int, reason: str | None, by: By) -> WriteOff:
    """Ask that pieces of a lot past its date be written off; a second person confirms. Raises Refused."""
    [lot] = supplies.lock_lots_by_id([lot.id])
    waits = queries.find_open_write_off(lot.id) is not None
    good = is_good(lot.expires_on, clock.today())
    _refuse(rules.problems_with_asking(lot.on_hand, quantity, reason, is_good=good, waits=waits))
    write_off = WriteOff(
        id=new_id(), lot_id=lot.id, quantity=quantity, reason=reason, asked_at=clock.now(), asked_by_account_id=by.id
    )  # fmt: skip
    db.session.add(write_off)
    db.session.flush()
    audit.record(
        "stock.write_off_asked", by=by, subject=write_off, union_id=station.union_id,
        station=station.code, quantity=quantity, reason=reason,
    )  # fmt: skip
    return write_off


def decide_write_off(*, write_off: WriteOff, station: Station, confirm: bool, by: By) -> None:
    """A second person confirms, and the pieces leave the book; or declines, and they stay, blocked. Raises Refused."""
    [lot] = supplies.lock_lots_by_id([write_off.lot_id])
    db.session.refresh(write_off)
    quantity = write_off.quantity if confirm else 0
    is_open = write_off.decided_at is None
    problems: list[Problem] = rules.problems_with_deciding(
        write_off.asked_by_account_id, _account(by), quantity, lot.on_hand, is_open=is_open
    )  # fmt: skip
    _refuse(problems)
    write_off.decided_at, write_off.decided_by_account_id, write_off.confirmed = clock.now(), by.id, confirm
    db.session.flush()
    if confirm:
        cause = StockCause("write_offs", str(write_off.id))
        move(
            lot=lot, kind=MovementKind.WRITE_OFF, quantity=quantity, movement=new_id(), cause=cause, note=write_off.reason, by=by
        )
        supplies.read_again([lot])
    action = "stock.written_off" if confirm else "stock.write_off_declined"
    audit.record(action, by=by, subject=write_off, union_id=station.union_id, station=station.code, quantity=write_off.quantity)
