"""A session's list as a workbook: names masked, no phone and no document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from portal.tables import Column
from portal.types import N_, text
from portal.welfare.attendance import queries

COLUMNS = [
    Column(text(N_("Place number")), 8), Column(text(N_("Full name")), 12), Column(text(N_("Occupation")), 16),
    Column(text(N_("Phone")), 16), Column(text(N_("How it stands")), 18), Column(text(N_("Place in the waiting list")), 14),
    Column(text(N_("How it was booked")), 18), Column(text(N_("Booked at")), 18), Column(text(N_("Came at")), 18),
    Column(text(N_("Reason")), 30),
]  # fmt: skip


def rows(session_id: UUID) -> Iterator[tuple[Any, ...]]:
    """Everybody in a session's list, in the order of the columns."""
    for seat in queries.stream_rows(session_id):
        one = seat.booking
        yield (seat.number, seat.person.name, seat.person.occupation, seat.person.phone, one.status, seat.position, one.way,
               one.queued_at, one.attended_at, one.reason)  # fmt: skip
