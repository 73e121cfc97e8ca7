"""The book of a station's stock as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.stations.stocktaking.queries import Entry
from portal.stations.supplies.models import SIGNS
from portal.tables import Column
from portal.types import N_, text

COLUMNS = [
    Column(text(N_("When")), 18), Column(text(N_("Article")), 22), Column(text(N_("What happened")), 20),
    Column(text(N_("Pieces")), 10), Column(text(N_("Unit")), 8), Column(text(N_("Lot number")), 16),
    Column(text(N_("Good until")), 12), Column(text(N_("Cost each")), 12), Column(text(N_("Cost")), 12),
    Column(text(N_("In words")), 40),
]  # fmt: skip


def rows(found: Iterable[Entry]) -> Iterator[tuple[Any, ...]]:
    """In the order of the columns; what went out is negative."""
    for one in found:
        move, pieces = one.movement, SIGNS[one.movement.kind] * one.movement.quantity
        yield (move.at, one.item.name, move.kind, pieces, one.item.unit, one.lot.lot_number, one.lot.expires_on,
               move.unit_cost, pieces * move.unit_cost, move.note)  # fmt: skip
