"""Sources as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.tables import Column
from portal.types import N_, text
from portal.welfare.sources.queries import Listed

COLUMNS = [
    Column(text(N_("Year")), 8), Column(text(N_("Union")), 26), Column(text(N_("Name of the source")), 26),
    Column(text(N_("Kind of money")), 18), Column(text(N_("Document number")), 20), Column(text(N_("Granted")), 16),
    Column(text(N_("With lines")), 16), Column(text(N_("Promised and spent")), 18), Column(text(N_("Cash")), 16),
    Column(text(N_("Paid")), 16), Column(text(N_("To be used until")), 14), Column(text(N_("What is left")), 22),
]  # fmt: skip


def rows(found: Iterable[Listed]) -> Iterator[tuple[Any, ...]]:
    """Sources in the order of the columns; money as numbers."""
    for one in found:
        source = one.source
        yield (
            source.year, one.union, source.name, source.kind, source.document_number, source.granted, source.allocated,
            one.promised, source.cash, source.paid, source.until_on, source.rest_rule,
        )  # fmt: skip
