"""Programmes as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.i18n import say
from portal.tables import Column
from portal.types import N_, text
from portal.welfare.programmes.models import Way
from portal.welfare.programmes.queries import Listed

COLUMNS = [
    Column(text(N_("Code")), 12), Column(text(N_("Name of the programme")), 30), Column(text(N_("Union")), 28),
    Column(text(N_("What it gives")), 24), Column(text(N_("Kind of welfare")), 18), Column(text(N_("Status")), 12),
    Column(text(N_("First day")), 12), Column(text(N_("Last day")), 12), Column(text(N_("How many may be given in all")), 10),
    Column(text(N_("What one costs the union (yuan)")), 14), Column(text(N_("How it is paid for")), 24),
    Column(text(N_("How people come to it")), 24), Column(text(N_("Department in charge")), 20),
]  # fmt: skip


def rows(found: Iterable[Listed]) -> Iterator[tuple[Any, ...]]:
    """One row for each programme."""
    for one in found:
        programme, item = one.programme, one.item
        ways = "、".join(say(way) for way in Way if way in programme.ways)
        yield (
            programme.code, programme.name, one.union, item.name if item else None, item.category if item else None,
            programme.status, programme.starts_on, programme.ends_on, programme.quota, programme.price, programme.charge, ways,
            programme.owner_department,
        )  # fmt: skip
