"""Coverage as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.i18n import say
from portal.stations.coverage.rules import Row, gaps
from portal.stations.register.models import StationKind
from portal.tables import Column
from portal.types import N_, text

COLUMNS = (
    Column(text(N_("City")), 14),
    Column(text(N_("County")), 14),
    Column(text(N_("Code")), 10),
    Column(text(N_("In service")), 10),
    Column(text(N_("Around the clock")), 12),
    Column(text(N_("Open now")), 10),
    Column(text(N_("Gap")), 30),
    *(Column(text(kind.label), 12) for kind in StationKind),
)


def rows(counties: Iterable[Row], kind: StationKind | None) -> Iterator[tuple[Any, ...]]:
    """One row for each county."""
    for row in counties:
        missing = "; ".join(say(gap) for gap in gaps(row, kind))
        kinds = (row.kinds.get(one, 0) for one in StationKind)
        yield (row.city, row.name, row.code, row.serving, row.all_day, row.open_now, missing, *kinds)
