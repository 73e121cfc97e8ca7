"""Reports as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.stations.upkeep.queries import Row
from portal.tables import Column
from portal.types import N_, text

COLUMNS = [
    Column(text(N_("Station")), 28), Column(text(N_("Code")), 14), Column(text(N_("County")), 12),
    Column(text(N_("What is wrong")), 22), Column(text(N_("Which thing")), 16), Column(text(N_("State")), 16),
    Column(text(N_("Said by")), 16), Column(text(N_("People")), 8), Column(text(N_("In their words")), 40),
    Column(text(N_("First said at")), 18), Column(text(N_("Due at")), 18), Column(text(N_("Answered at")), 18),
    Column(text(N_("Settled at")), 18),
]  # fmt: skip


def rows(found: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """In the order of the columns."""
    for row in found:
        report = row.report
        yield (row.station.name, row.station.code, row.county, report.kind, report.facility, report.status, report.source,
               report.said, row.note, report.reported_at, report.due_at, report.answered_at, report.ended_at)  # fmt: skip
