"""The list of shifts as a workbook: operators and counts, nobody who was served."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from portal.desk.shifts import queries
from portal.stations.register.models import Station
from portal.tables import Column
from portal.types import N_, text

COLUMNS = [
    Column(text(N_("Operator")), 14), Column(text(N_("Screen")), 18),
    Column(text(N_("Began")), 18), Column(text(N_("Ended")), 18),
    Column(text(N_("Visits")), 10), Column(text(N_("Identified people")), 12), Column(text(N_("What is there")), 40),
    Column(text(N_("Notes")), 40), Column(text(N_("Handed over")), 12), Column(text(N_("Read by")), 14),
    Column(text(N_("Read at")), 18),
]  # fmt: skip


def rows(*, station: Station, q: str | None, first: date | None, last: date | None) -> Iterator[tuple[Any, ...]]:
    """The shifts at a station that match, newest first, in the order of the columns."""
    for row, given in queries.rows_for_export(station, q, first, last):
        shift = row.shift
        handed_over = None if shift.ended_at is None else not shift.forgotten
        yield (
            row.operator, row.device, shift.began_at, shift.ended_at, given.visits, given.identified, "；".join(shift.left),
            shift.notes, handed_over, row.acknowledged_by, shift.acknowledged_at,
        )  # fmt: skip
