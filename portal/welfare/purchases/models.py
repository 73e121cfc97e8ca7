"""Goods bought: what, for how much, with which voucher, from which budget line, for which station. Spent when bought."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import Money, new_id


class Purchase(db.Model):
    """One line of a voucher: the ledger's cause and the stock's cause alike. Reversed, never deleted."""

    __tablename__ = "purchases"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity_counts"),
        sa.CheckConstraint("unit_price >= 0", name="price_not_negative"),
        sa.CheckConstraint("total > 0", name="total_positive"),
        sa.CheckConstraint("(reversed_at IS NULL) = (reverse_reason IS NULL)", name="reversal_whole"),
        sa.Index("ix_purchases_station_id", "station_id", "id"),
        sa.Index("uq_purchases_voucher", "union_id", "voucher_number", "supply_item_id", "station_id", unique=True,
                 postgresql_where=sa.text("reversed_at IS NULL")),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    supply_item_id: Mapped[UUID] = mapped_column(sa.ForeignKey("supply_items.id"))
    lot_id: Mapped[UUID] = mapped_column(sa.ForeignKey("lots.id"))
    budget_line_id: Mapped[UUID] = mapped_column(sa.ForeignKey("budget_lines.id"))
    supplier: Mapped[str]
    voucher_number: Mapped[str] = mapped_column(sa.String(60))
    bought_on: Mapped[date]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Money)
    total: Mapped[Decimal] = mapped_column(Money)
    created_at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    reversed_at: Mapped[datetime | None]
    reversed_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    reverse_reason: Mapped[str | None]
