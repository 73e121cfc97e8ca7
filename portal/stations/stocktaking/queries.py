"""Reads about transfers, write-offs, counts and the book of a station, and what waits for a keeper within scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased, lazyload

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import Station
from portal.stations.stocktaking.models import StockCount, StockTransfer, WriteOff
from portal.stations.supplies.models import Lot, MovementKind, StockMovement, StockShortage, SupplyItem
from portal.unions.staff.queries import names_of_staff
from portal.unions.tree.queries import within

KEEP = Permission.KEEP_STATIONS
EACH = 50
COUNTS = 10
# Lists name a station and no more: its hours, facilities and phones are left where they are, five statements a list.
NAMED = lazyload("*")


def lock_item(station_id: UUID, item_id: UUID) -> None:
    """Let nobody else count this item at this station until the transaction ends; there may be no lot to lock yet."""
    key = f"stock-count:{station_id}:{item_id}"
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


# --- transfers ------------------------------------------------------------------------------------------------------

From, To = aliased(Station), aliased(Station)


@dataclass(frozen=True)
class Sent:
    """A transfer with its item and both stations."""

    transfer: StockTransfer
    item: SupplyItem
    sender: Station
    receiver: Station


_SENT = (
    sa.select(StockTransfer, SupplyItem, From, To)
    .join(SupplyItem, SupplyItem.id == StockTransfer.supply_item_id)
    .join(From, From.id == StockTransfer.from_station_id)
    .join(To, To.id == StockTransfer.to_station_id)
    .options(NAMED)
)


def list_transfers(station_id: UUID, *, before: str | None = None, after: str | None = None) -> Slice:
    """What a station sent or was sent, as `Sent`, the newest first."""
    sides = sa.or_(StockTransfer.from_station_id == station_id, StockTransfer.to_station_id == station_id)
    found = keyset(
        _SENT.where(sides), (StockTransfer.id,), lambda row: (row[0].id,), before=before, after=after, descending=True,
        scalars=False,
    )  # fmt: skip
    return Slice([Sent(*row) for row in found.rows], found.before, found.after)


def list_open_transfers(station_id: UUID) -> list[Sent]:
    """What is on its way from or to a station, the oldest first."""
    sides = sa.or_(StockTransfer.from_station_id == station_id, StockTransfer.to_station_id == station_id)
    query = _SENT.where(sides, StockTransfer.received_at.is_(None)).order_by(StockTransfer.id)
    return [Sent(*row) for row in db.session.execute(query)]


def get_transfer(transfer_id: UUID, station_id: UUID) -> Sent:
    """A transfer of which a station is one side; raises NoResultFound (404) for others."""
    sides = sa.or_(StockTransfer.from_station_id == station_id, StockTransfer.to_station_id == station_id)
    return Sent(*db.session.execute(_SENT.where(StockTransfer.id == transfer_id, sides)).one())


def lock_transfer(transfer: StockTransfer) -> None:
    """Of two who settle the same transfer at once, the second sees what the first said."""
    db.session.refresh(transfer, with_for_update=True)


def lots_sent(transfer: StockTransfer) -> list[tuple[UUID, int]]:
    """The lots a transfer was taken from and how many of each, earliest date first."""
    rows = db.session.execute(
        sa.select(Lot.id, StockMovement.quantity)
        .join(Lot, Lot.id == StockMovement.lot_id)
        .where(
            StockMovement.cause_table == "stock_transfers",
            StockMovement.cause_id == str(transfer.id),
            StockMovement.kind == MovementKind.TRANSFER_OUT,
        )
        .order_by(Lot.expires_on.nulls_last(), Lot.id)
    )
    return [(row.id, row.quantity) for row in rows]


# --- write-offs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A write-off with its lot, item and station, and the name of whoever asked."""

    write_off: WriteOff
    lot: Lot
    item: SupplyItem
    station: Station
    asked_by: str


_ASKED = (
    sa.select(WriteOff, Lot, SupplyItem, Station)
    .join(Lot, Lot.id == WriteOff.lot_id)
    .join(SupplyItem, SupplyItem.id == Lot.supply_item_id)
    .join(Station, Station.id == Lot.station_id)
    .options(NAMED)
)


def _asked(query: sa.Select) -> list[Asked]:
    rows = db.session.execute(query.order_by(WriteOff.id)).all()
    names = names_of_staff({row.WriteOff.asked_by_account_id for row in rows})
    return [Asked(*row, names.get(row.WriteOff.asked_by_account_id, "")) for row in rows]


def find_open_write_off(lot_id: UUID) -> WriteOff | None:
    """The write-off of a lot that waits for a second person."""
    query = sa.select(WriteOff).where(WriteOff.lot_id == lot_id, WriteOff.decided_at.is_(None))
    return db.session.scalars(query).one_or_none()


def list_open_write_offs(station_id: UUID) -> list[Asked]:
    """What waits for a second person at a station."""
    return _asked(_ASKED.where(Lot.station_id == station_id, WriteOff.decided_at.is_(None)))


def get_write_off(write_off_id: UUID, station_id: UUID) -> WriteOff:
    """A write-off of a station; raises NoResultFound (404) for another's."""
    query = sa.select(WriteOff).join(Lot, Lot.id == WriteOff.lot_id)
    return db.session.scalars(query.where(WriteOff.id == write_off_id, Lot.station_id == station_id)).one()


def find_asked(lot_id: UUID) -> Asked | None:
    """What waits for a second person about one lot."""
    return next(iter(_asked(_ASKED.where(WriteOff.lot_id == lot_id, WriteOff.decided_at.is_(None)))), None)


# --- counts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counting:
    """A count and the name of whoever counted."""

    count: StockCount
    who: str | None


def list_counts(station_id: UUID, item_id: UUID) -> list[Counting]:
    """The last counts of an item at a station, the newest first."""
    query = sa.select(StockCount).where(StockCount.station_id == station_id, StockCount.supply_item_id == item_id)
    rows = list(db.session.scalars(query.order_by(StockCount.at.desc(), StockCount.id.desc()).limit(COUNTS)))
    names = names_of_staff({row.by_account_id for row in rows if row.by_account_id})
    return [Counting(row, names.get(row.by_account_id)) for row in rows]


# --- what waits within scope ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """What a keeper is asked to look at, over all stations within scope; each list ends at fifty rows."""

    write_offs: list[Asked]
    arriving: list[Sent]
    expired: list[sa.Row]  # (lot, item, station)
    expiring: list[sa.Row]
    short: list[sa.Row]  # (item, station, pieces)


def list_waiting(actor: Actor) -> Waiting:
    """Everything that waits: what to confirm, what is on its way, what is past its date or soon will be, what to count."""
    today, here = clock.today(), within(Station.union_id, actor, KEEP)
    lots = (
        sa.select(Lot, SupplyItem, Station)
        .join(SupplyItem, SupplyItem.id == Lot.supply_item_id)
        .join(Station, Station.id == Lot.station_id)
        .where(Lot.on_hand > 0, here)
        .order_by(Lot.expires_on, Lot.id)
        .limit(EACH)
        .options(NAMED)
    )
    asked = sa.exists().where(WriteOff.lot_id == Lot.id, WriteOff.decided_at.is_(None))
    soon = Lot.expires_on <= sa.func.cast(today, sa.Date) + SupplyItem.warn_days
    return Waiting(
        write_offs=_asked(_ASKED.where(here, WriteOff.decided_at.is_(None)).limit(EACH)),
        arriving=_arriving(actor),
        expired=list(db.session.execute(lots.where(Lot.expires_on < today, ~asked))),
        expiring=list(db.session.execute(lots.where(Lot.expires_on >= today, soon))),
        short=_short(here),
    )


def _arriving(actor: Actor) -> list[Sent]:
    query = _SENT.where(StockTransfer.received_at.is_(None), within(To.union_id, actor, KEEP))
    return [Sent(*row) for row in db.session.execute(query.order_by(StockTransfer.id).limit(EACH))]


def _short(here: Any) -> list[sa.Row]:
    pieces = sa.func.sum(StockShortage.quantity).label("pieces")
    grouped = (
        sa.select(StockShortage.supply_item_id, StockShortage.station_id, pieces)
        .where(StockShortage.settled_at.is_(None))
        .group_by(StockShortage.supply_item_id, StockShortage.station_id)
        .subquery()
    )
    query = (
        sa.select(SupplyItem, Station, grouped.c.pieces)
        .join(grouped, grouped.c.supply_item_id == SupplyItem.id)
        .join(Station, Station.id == grouped.c.station_id)
        .options(NAMED)
    )
    return list(db.session.execute(query.where(here).order_by(Station.code, SupplyItem.name).limit(EACH)))


def count_waiting(actor: Actor) -> int:
    """For the staff home: write-offs somebody else asked for, what is on its way here, lots past their date nobody asked for."""
    here, today = within(Station.union_id, actor, KEEP), clock.today()
    others = (
        sa.select(sa.func.count())
        .select_from(WriteOff)
        .join(Lot, Lot.id == WriteOff.lot_id)
        .join(Station, Station.id == Lot.station_id)
        .where(here, WriteOff.decided_at.is_(None), WriteOff.asked_by_account_id != actor.id)
    )
    arriving = (
        sa.select(sa.func.count())
        .select_from(StockTransfer)
        .join(Station, Station.id == StockTransfer.to_station_id)
        .where(here, StockTransfer.received_at.is_(None))
    )
    asked = sa.exists().where(WriteOff.lot_id == Lot.id, WriteOff.decided_at.is_(None))
    expired = (
        sa.select(sa.func.count())
        .select_from(Lot)
        .join(Station, Station.id == Lot.station_id)
        .where(here, Lot.on_hand > 0, Lot.expires_on < today, ~asked)
    )
    return db.session.scalar(sa.select(others.scalar_subquery() + arriving.scalar_subquery() + expired.scalar_subquery()))


# --- the book -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A movement in the book, with its item and lot; ``who`` is the name of the member of staff, if one did it."""

    movement: StockMovement
    item: SupplyItem
    lot: Lot
    who: str | None = None


def _book(station_id: UUID, filters: Mapping[str, Any]) -> sa.Select:
    query = (
        sa.select(StockMovement, SupplyItem, Lot)
        .join(SupplyItem, SupplyItem.id == StockMovement.supply_item_id)
        .join(Lot, Lot.id == StockMovement.lot_id)
        .where(StockMovement.station_id == station_id)
    )
    if filters.get("item"):
        query = query.where(SupplyItem.code == filters["item"])
    if filters.get("kind"):
        query = query.where(StockMovement.kind == filters["kind"])
    if filters.get("first"):
        query = query.where(StockMovement.at >= clock.start_of(filters["first"]))
    if filters.get("last"):
        query = query.where(StockMovement.at < clock.start_of(filters["last"] + timedelta(days=1)))
    return query


def list_book(station_id: UUID, filters: Mapping[str, Any], *, before: str | None = None, after: str | None = None) -> Slice:
    """The book of a station as `Entry`, the newest first, a page at a time."""
    found = keyset(
        _book(station_id, filters), (StockMovement.at, StockMovement.id), lambda row: (row[0].at, row[0].id),
        before=before, after=after, descending=True, scalars=False,
    )  # fmt: skip
    names = names_of_staff({row[0].by_id for row in found.rows if row[0].by_kind == "staff"})
    return Slice([Entry(*row, names.get(row[0].by_id)) for row in found.rows], found.before, found.after)


def list_of_lot(lot_id: UUID) -> list[Entry]:
    """The last hundred movements of a lot, the newest first."""
    query = (
        sa.select(StockMovement, SupplyItem, Lot)
        .join(SupplyItem, SupplyItem.id == StockMovement.supply_item_id)
        .join(Lot, Lot.id == StockMovement.lot_id)
        .where(StockMovement.lot_id == lot_id)
        .order_by(StockMovement.at.desc(), StockMovement.id.desc())
        .limit(100)
    )
    rows = db.session.execute(query).all()
    names = names_of_staff({row[0].by_id for row in rows if row[0].by_kind == "staff"})
    return [Entry(*row, names.get(row[0].by_id)) for row in rows]


def rows_for_export(station_id: UUID, filters: Mapping[str, Any]) -> Iterable[Entry]:
    """The same, every match, read in portions; without names of staff."""
    query = _book(station_id, filters).order_by(StockMovement.at.desc(), StockMovement.id.desc())
    for row in db.session.execute(query.execution_options(yield_per=500)):
        yield Entry(*row)


def items_of(station_id: UUID) -> list[tuple[str, str]]:
    """What a station ever had, as (code, name) by name, for the book's filter."""
    had = sa.exists().where(Lot.supply_item_id == SupplyItem.id, Lot.station_id == station_id)
    rows = db.session.execute(sa.select(SupplyItem.code, SupplyItem.name).where(had).order_by(SupplyItem.name, SupplyItem.code))
    return [(row.code, row.name) for row in rows]
