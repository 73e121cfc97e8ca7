"""Budgets, a budget's lines and a line's ledger as workbooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from portal.tables import Column
from portal.types import N_, text
from portal.welfare.budgets.queries import Listed, Row
from portal.welfare.ledger.models import MOVES

FIGURES = [
    Column(text(N_("Authority")), 16), Column(text(N_("Reserved")), 16), Column(text(N_("Spent")), 16),
    Column(text(N_("Paid")), 16), Column(text(N_("Left")), 16),
]  # fmt: skip
BUDGETS = [Column(text(N_("Year")), 8), Column(text(N_("Union")), 28), Column(text(N_("Status")), 12), *FIGURES]
LINES = [
    Column(text(N_("Number")), 8), Column(text(N_("What for")), 24), Column(text(N_("Category")), 18),
    Column(text(N_("Account number")), 14), Column(text(N_("Name of the source")), 24), Column(text(N_("Per cent")), 10),
    *FIGURES,
]  # fmt: skip
ENTRIES = [
    Column(text(N_("Entered")), 18), Column(text(N_("Day")), 12), Column(text(N_("What happened")), 16),
    Column(text(N_("What for")), 30), Column(text(N_("Name of the source")), 24), Column(text(N_("Voucher number")), 18),
    Column(text(N_("Amount")), 16), *FIGURES[:4],
]  # fmt: skip


def budget_rows(found: Iterable[Listed]) -> Iterator[tuple[Any, ...]]:
    """Budgets with their totals."""
    for one in found:
        yield one.budget.year, one.union, one.budget.status, *_figures(one.totals)


def line_rows(rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """One row for each line and source."""
    for row in rows:
        line = row.line
        for part in row.parts:
            own = (line.code, line.name, line.category, line.account_number, part.source.name, part.allocation.percent)
            yield *own, *_figures(part.allocation)


def entry_rows(entries: Iterable[sa.Row]) -> Iterator[tuple[Any, ...]]:
    """A ledger, the oldest first; the last columns say what each entry does to the totals."""
    for entry, source in entries:
        move = MOVES[entry.kind]
        effects = (entry.amount * sign if sign else None for sign in (move.authority, move.reserved, move.spent, move.paid))
        yield entry.at, entry.falls_on, entry.kind, entry.label, source, entry.voucher_number, entry.amount, *effects


def _figures(totals: Any) -> tuple[Any, ...]:
    return totals.authority, totals.reserved, totals.spent, totals.paid, totals.left
