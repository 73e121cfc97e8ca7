"""Counts, transfers from station to station, and lots past their date that two people write off."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import new_id


class StockCount(db.Model):
    """Somebody counted one item at a station: what the book said, what was there."""

    __tablename__ = "stock_counts"
    __table_args__ = (
        sa.CheckConstraint("counted >= 0 AND booked >= 0 AND shortage >= 0", name="not_negative"),
        sa.Index("ix_stock_counts_station_id", "station_id", "at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    supply_item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"))
    booked: Mapped[int]
    shortage: Mapped[int] = mapped_column(default=0)
    counted: Mapped[int]
    note: Mapped[str | None]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))


class StockTransfer(db.Model):
    """From one station to another: sent by one side, received (perhaps fewer) by the other."""

    __tablename__ = "stock_transfers"
    __table_args__ = (
        sa.CheckConstraint("from_station_id <> to_station_id", name="to_another"),
        sa.CheckConstraint("quantity > 0", name="quantity_counts"),
        sa.CheckConstraint("received BETWEEN 0 AND quantity", name="received_plausible"),
        sa.CheckConstraint("(received IS NULL) = (received_at IS NULL)", name="received_whole"),
        sa.CheckConstraint("NOT called_back OR received = 0", name="called_back_whole"),
        sa.Index("ix_stock_transfers_open", "to_station_id", postgresql_where=sa.text("received_at IS NULL")),
        sa.Index("ix_stock_transfers_to_station_id", "to_station_id", "id"),
        sa.Index("ix_stock_transfers_from_station_id", "from_station_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    supply_item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"))
    from_station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    to_station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    quantity: Mapped[int]
    received: Mapped[int | None]
    called_back: Mapped[bool] = mapped_column(default=False)  # the sender took it back before it arrived
    note: Mapped[str | None]
    sent_at: Mapped[datetime]
    sent_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    received_at: Mapped[datetime | None]
    received_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))


class WriteOff(db.Model):
    """A lot past its date: one person asks to write it off, another confirms."""

    __tablename__ = "write_offs"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity_counts"),
        sa.CheckConstraint("decided_by_account_id <> asked_by_account_id", name="by_two_people"),
        sa.CheckConstraint("(decided_at IS NULL) = (confirmed IS NULL)", name="decided_whole"),
        sa.Index("uq_write_offs_open", "lot_id", unique=True, postgresql_where=sa.text("decided_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lots.id"))
    quantity: Mapped[int]
    reason: Mapped[str]
    asked_at: Mapped[datetime]
    asked_by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    decided_at: Mapped[datetime | None]
    decided_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    confirmed: Mapped[bool | None]
