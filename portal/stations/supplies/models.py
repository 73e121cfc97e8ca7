"""What a station has in stock: items, lots with their expiry, and a book of every movement.

The book is append-only; a trigger carries each movement into the lot it moves, and nothing else may change what a lot holds.
A lot never goes below zero, and what is past its date neither goes out nor elsewhere. What was already given when it was
entered (paper, no network) and found no lot is kept as a shortage, which a count settles. Counts, transfers and write-offs
stand in `stations/stocktaking`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Money, Word, new_id, text_enum


class SupplyKind(Word):
    """How an item leaves the shelf."""

    GOODS = "goods", N_("Handed out")
    SELF_TAKEN = "self_taken", N_("Taken by oneself, counted by refills")
    KIT = "kit", N_("A pack made of others")


class SupplyItem(db.Model):
    """A thing that may be in stock. ``union_id`` owns it; the stations beneath may stock it."""

    __tablename__ = "supply_items"
    __table_args__ = (
        sa.Index("uq_supply_items_union_id_name", "union_id", "name", unique=True, postgresql_where=sa.text("closed_at IS NULL")),
        sa.CheckConstraint("warn_days BETWEEN 0 AND 365", name="warn_days_plausible"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(sa.String(30), unique=True)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    name: Mapped[str]
    unit: Mapped[str]
    kind: Mapped[SupplyKind] = mapped_column(text_enum(SupplyKind), default=SupplyKind.GOODS)
    expires: Mapped[bool] = mapped_column(default=True)  # its lots must say until when
    contains_alcohol: Mapped[bool] = mapped_column(default=False)
    warn_days: Mapped[int] = mapped_column(default=30)
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class KitPart(db.Model):
    """What a pack is made of."""

    __tablename__ = "kit_parts"
    __table_args__ = (
        sa.CheckConstraint("quantity >= 1", name="quantity_counts"),
        sa.CheckConstraint("part_id <> kit_id", name="part_is_another"),
    )

    kit_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"), primary_key=True)
    part_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"), primary_key=True)
    quantity: Mapped[int]


class Lot(db.Model):
    """What came in together and expires together. ``on_hand`` is kept by the trigger of `stock_movements`.

    ``unit_cost`` is what one cost, in yuan: goods are spent when bought and leave at this cost.
    """

    __tablename__ = "lots"
    __table_args__ = (
        sa.CheckConstraint("on_hand >= 0", name="never_below_zero"),
        sa.CheckConstraint("unit_cost >= 0", name="unit_cost_not_negative"),
        sa.Index("ix_lots_station_id", "station_id", "supply_item_id", "expires_on"),
        sa.Index("ix_lots_on_hand", "station_id", "expires_on", postgresql_where=sa.text("on_hand > 0")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    supply_item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"))
    lot_number: Mapped[str | None]
    expires_on: Mapped[date | None]  # good until the end of this day at +08:00
    unit_cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    on_hand: Mapped[int] = mapped_column(default=0)
    received_on: Mapped[date]
    created_at: Mapped[datetime]


class MovementKind(Word):
    """What happened to stock."""

    OPENING = "opening", N_("Opening stock")
    PURCHASE = "purchase", N_("Bought")
    DONATION = "donation", N_("Donated")
    TRANSFER_IN = "transfer_in", N_("Came from another station")
    TRANSFER_OUT = "transfer_out", N_("Went to another station")
    HAND_OUT = "hand_out", N_("Handed out")
    REFILL = "refill", N_("Put out to be taken")
    GIVE_BACK = "give_back", N_("Came back")
    FOUND = "found", N_("Found by a count")
    MISSING = "missing", N_("Missing at a count")
    LOSS = "loss", N_("Lost or damaged")
    WRITE_OFF = "write_off", N_("Written off after its date")


# +1 comes in, −1 goes out; the trigger is made from this table.
SIGNS: dict[MovementKind, int] = {
    MovementKind.OPENING: 1,
    MovementKind.PURCHASE: 1,
    MovementKind.DONATION: 1,
    MovementKind.TRANSFER_IN: 1,
    MovementKind.TRANSFER_OUT: -1,
    MovementKind.HAND_OUT: -1,
    MovementKind.REFILL: -1,
    MovementKind.GIVE_BACK: 1,
    MovementKind.FOUND: 1,
    MovementKind.MISSING: -1,
    MovementKind.LOSS: -1,
    MovementKind.WRITE_OFF: -1,
}


class StockMovement(db.Model):
    """One movement of one lot; append-only. ``movement`` holds those together that were one act (a kit, a transfer)."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity_counts"),
        sa.Index("ix_stock_movements_station_id", "station_id", "at", "id"),
        sa.Index("ix_stock_movements_lot_id", "lot_id", "id"),
        sa.Index("ix_stock_movements_cause", "cause_table", "cause_id"),
        sa.Index(
            "ix_stock_movements_use",
            "station_id",
            "supply_item_id",
            "at",
            postgresql_where=sa.text("kind IN ('hand_out', 'refill', 'give_back')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    supply_item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"))
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lots.id"))
    kind: Mapped[MovementKind] = mapped_column(text_enum(MovementKind))
    quantity: Mapped[int]
    unit_cost: Mapped[Decimal] = mapped_column(Money)
    movement: Mapped[UUID]
    cause_table: Mapped[str | None]  # deliveries, purchases, stock_transfers, stock_counts …
    cause_id: Mapped[str | None]
    note: Mapped[str | None]
    by_kind: Mapped[str]
    by_id: Mapped[UUID | None]


class StockShortage(db.Model):
    """Given (on paper, without network) though the book had none left; a count settles it."""

    __tablename__ = "stock_shortages"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity_counts"),
        sa.Index("ix_stock_shortages_open", "station_id", "supply_item_id", postgresql_where=sa.text("settled_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    supply_item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"))
    quantity: Mapped[int]
    cause_table: Mapped[str | None]
    cause_id: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    settled_by_count_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stock_counts.id"))
