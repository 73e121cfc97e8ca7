"""The catalogue as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.tables import Column
from portal.types import N_, text
from portal.welfare.items.queries import Listed

COLUMNS = [
    Column(text(N_("Code")), 12), Column(text(N_("Name of the item")), 28), Column(text(N_("Kind of welfare")), 18),
    Column(text(N_("For whom such a service is")), 20), Column(text(N_("Union")), 28),
    Column(text(N_("What one costs the union (yuan)")), 14), Column(text(N_("Counted in")), 10),
    Column(text(N_("Who provides it")), 24), Column(text(N_("What shows that it was received")), 20),
    Column(text(N_("Given to a named person")), 10), Column(text(N_("Needs two people")), 10),
    Column(text(N_("How it goes")), 60),
]  # fmt: skip


def rows(found: Iterable[Listed]) -> Iterator[tuple[Any, ...]]:
    """One row for each item."""
    yes, no = text(N_("yes")), text(N_("no"))
    for one in found:
        item = one.item
        yield (
            item.code, item.name, item.category, item.service_class, one.union, item.unit_cost, item.unit, item.provider_name,
            item.proof, yes if item.named else no, yes if item.needs_two else no, item.procedure,
        )  # fmt: skip
