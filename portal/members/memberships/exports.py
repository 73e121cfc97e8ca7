"""Members as a workbook: names masked, no phone and no document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portal.access import Actor
from portal.members.memberships import queries
from portal.tables import Column
from portal.types import N_, text

COLUMNS = [
    Column(text(N_("Membership number")), 20), Column(text(N_("Full name")), 12), Column(text(N_("Occupation")), 16),
    Column(text(N_("Industry")), 16), Column(text(N_("Home union")), 30), Column(text(N_("Status")), 14),
    Column(text(N_("Member since")), 18),
]  # fmt: skip


def rows(*, actor: Actor, q: str | None, status: str | None, union: str | None) -> Iterator[tuple[Any, ...]]:
    """The members within scope that match, in the order of the columns."""
    for row in queries.stream_members(actor=actor, q=q, status=status, union=union):
        yield row.number, row.name, row.occupation, row.industry, row.union_name, row.status, row.joined_at
