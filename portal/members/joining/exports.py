"""Applications as a workbook: names masked, no phone and no document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portal.access import Actor
from portal.members.joining import queries
from portal.tables import Column
from portal.types import N_, text

COLUMNS = [
    Column(text(N_("Full name")), 12), Column(text(N_("Occupation")), 16), Column(text(N_("Industry")), 16),
    Column(text(N_("County")), 14), Column(text(N_("Home union")), 30), Column(text(N_("Way in")), 14),
    Column(text(N_("Status")), 20), Column(text(N_("Written at")), 18), Column(text(N_("Submitted at")), 18),
]  # fmt: skip


def rows(*, actor: Actor, q: str | None, status: str | None) -> Iterator[tuple[Any, ...]]:
    """The applications within scope that match, in the order of the columns."""
    for row in queries.stream_applications(actor=actor, q=q, status=status):
        yield (row.name, row.occupation, row.industry, row.county, row.union_name, row.channel, row.status,
               row.created_at, row.submitted_at)  # fmt: skip
