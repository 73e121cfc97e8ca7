"""Sessions as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal import clock
from portal.tables import Column
from portal.types import N_, text
from portal.welfare.sessions.queries import SessionRow

COLUMNS = [
    Column(text(N_("Programme")), 28), Column(text(N_("Place")), 26), Column(text(N_("Address")), 30),
    Column(text(N_("Day")), 12),
    Column(text(N_("Begins at")), 9), Column(text(N_("Ends at")), 9), Column(text(N_("Places in all")), 10),
    Column(text(N_("Of these online")), 10), Column(text(N_("Taken")), 10), Column(text(N_("Free online")), 10),
    Column(text(N_("Free on site")), 10), Column(text(N_("Waiting")), 10), Column(text(N_("People who came")), 10),
    Column(text(N_("State")), 12), Column(text(N_("Note")), 30),
]  # fmt: skip


def rows(found: Iterable[SessionRow]) -> Iterator[tuple[Any, ...]]:
    """Sessions in the order of the columns; day and times as they are in Henan."""
    for one in found:
        session = one.session
        begins, ends = (moment.astimezone(clock.SHANGHAI) for moment in (session.starts_at, session.ends_at))
        yield (
            one.programme.name, session.place_name, session.address, begins.date(), f"{begins:%H:%M}", f"{ends:%H:%M}",
            session.capacity, session.online, one.taken, one.free_online, one.free_on_site, one.waiting, one.came,
            session.status, session.cancel_reason or session.note,
        )  # fmt: skip
