"""Purchases as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.tables import Column
from portal.types import N_, text
from portal.welfare.purchases.queries import Listed

COLUMNS = [
    Column(text(N_("Day of purchase")), 14), Column(text(N_("Goods")), 26), Column(text(N_("Quantity")), 10),
    Column(text(N_("Unit")), 8), Column(text(N_("What one costs")), 14), Column(text(N_("Total")), 14),
    Column(text(N_("Voucher number")), 20), Column(text(N_("Bought from")), 26), Column(text(N_("Station")), 26),
    Column(text(N_("Budget line")), 24), Column(text(N_("Year")), 8), Column(text(N_("Taken back because")), 24),
]  # fmt: skip


def rows(found: Iterable[Listed]) -> Iterator[tuple[Any, ...]]:
    """Purchases in the order of the columns; money as numbers."""
    for one in found:
        bought = one.purchase
        yield (
            bought.bought_on, one.item, bought.quantity, one.unit, bought.unit_price, bought.total, bought.voucher_number,
            bought.supplier, one.station, one.line, one.year, bought.reverse_reason,
        )  # fmt: skip
