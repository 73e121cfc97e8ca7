"""The wishes as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.stations.wishes.queries import Listed
from portal.tables import Column
from portal.types import N_, text

COLUMNS = (
    Column(text(N_("County")), 14),
    Column(text(N_("Where")), 40),
    Column(text(N_("Wished by")), 10),
    Column(text(N_("State")), 22),
    Column(text(N_("Reason")), 40),
    Column(text(N_("Station")), 16),
    Column(text(N_("First wished")), 18),
    Column(text(N_("Last wished")), 18),
)


def rows(listed: Iterable[Listed]) -> Iterator[tuple[Any, ...]]:
    """One row for each wish."""
    for one in listed:
        wish = one.wish
        yield (one.county, wish.place, wish.voices, wish.state, wish.reason, one.station, wish.first_at, wish.last_at)
