"""Deliveries as a workbook: names masked, no phone and no document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portal.access import Actor
from portal.i18n import say
from portal.tables import Column
from portal.types import N_, text
from portal.welfare.deliveries import queries
from portal.welfare.deliveries.models import Flag
from portal.welfare.deliveries.queries import Filters

COLUMNS = [
    Column(text(N_("Given at")), 18), Column(text(N_("Programme")), 28), Column(text(N_("Item given")), 20),
    Column(text(N_("Place")), 26), Column(text(N_("Full name")), 12), Column(text(N_("Occupation")), 16),
    Column(text(N_("Quantity")), 8), Column(text(N_("Unit")), 8), Column(text(N_("Cost")), 12),
    Column(text(N_("How it was entered")), 16), Column(text(N_("Entered at")), 18), Column(text(N_("Proof")), 18),
    Column(text(N_("What did not fit")), 24), Column(text(N_("Taken back at")), 18),
]  # fmt: skip


def rows(*, actor: Actor, filters: Filters) -> Iterator[tuple[Any, ...]]:
    """The deliveries within scope that match, in the order of the columns."""
    for one in queries.stream_deliveries(actor, filters):
        given = one.delivery
        unfit = " · ".join(say(Flag(flag)) for flag in given.flags)
        yield (
            given.at, one.programme, one.item, given.place_name, one.name, given.occupation, given.quantity, one.unit, given.cost,
            given.source, given.recorded_at, given.proof, unfit, one.reversed_at,
        )  # fmt: skip
