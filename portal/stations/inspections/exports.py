"""Inspections as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.stations.inspections.queries import Row
from portal.tables import Column
from portal.types import N_, text

COLUMNS = [
    Column(text(N_("Day")), 12), Column(text(N_("Station")), 28), Column(text(N_("Code")), 14), Column(text(N_("County")), 12),
    Column(text(N_("Checklist")), 30), Column(text(N_("Version")), 8), Column(text(N_("Unannounced")), 10),
    Column(text(N_("Met")), 8), Column(text(N_("Not met")), 8), Column(text(N_("Met in per cent")), 12),
    Column(text(N_("Remarks")), 40),
]  # fmt: skip


def rows(found: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """In the order of the columns."""
    for row in found:
        one = row.inspection
        yield (one.inspected_on, row.station.name, row.station.code, row.county, row.title, row.version, one.unannounced,
               row.met, row.not_met, row.share, one.note)  # fmt: skip
