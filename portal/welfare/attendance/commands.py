"""Entering a session's sheet afterwards, and noting that its list left the house. What a booking does stands in bookings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from portal import audit
from portal.access import By
from portal.db import db
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers.rules import problems_with_phone
from portal.types import N_, Refused, Text, text
from portal.vocabulary import Occupation
from portal.welfare.attendance import queries
from portal.welfare.bookings import commands as bookings
from portal.welfare.bookings import queries as booking_queries
from portal.welfare.bookings.models import ALIVE, BookedBy, Booking, BookingStatus
from portal.welfare.sessions.models import ServiceSession


@dataclass(frozen=True)
class Row:
    """A row written below the printed ones: its number and the whole key of a person."""

    position: int
    who: str


@dataclass
class Entered:
    """What entering a sheet did."""

    came: int = 0
    left: list[Text] = field(default_factory=list)


def book_newcomer(
    *, session: ServiceSession, phone: str, occupation: Occupation, name: str | None, do: str | None = None, by: By
) -> Booking:
    """Make a person known with the least that is needed and book for them, in one transaction. Raises Refused.

    ``do``: "any" takes a place kept for online booking, too; "wait" joins the waiting list where all is taken.
    """
    if problems := problems_with_phone(phone, "who"):
        raise Refused(problems)
    worker = worker_commands.register_worker(occupation=occupation, phone=phone, name=name, by=by)
    return bookings.book_place(session_id=session.id, worker_id=worker.id, way=BookedBy.STAFF, wait=do == "wait",
                               any_place=do == "any", by=by)  # fmt: skip


def enter_sheet(*, session: ServiceSession, ticked: Collection[UUID], rows: Sequence[Row], by: By) -> Entered:
    """Record who came by the paper sheet. A row that cannot become a place is answered with the reason, the others are stored."""
    done, seats = Entered(), queries.list_on_paper(session.id)
    keys = {row.who: workers.find_by_key(row.who) for row in rows}
    people = [seat.booking.worker_id for seat in seats if seat.booking.id in ticked]
    people += [one.id for found in keys.values() if len(found.workers) == 1 for one in found.workers]
    booking_queries.hold_many(session, people)
    for number, seat in enumerate(seats, 1):
        if seat.booking.id in ticked and seat.booking.status is not BookingStatus.ATTENDED:
            says = N_("Line %(row)s of the list was not stored: %(why)s")
            _store(done, says, number, lambda booking=seat.booking: _came(session, booking, by))
    says = N_("Empty line +%(row)s was not stored: %(why)s")
    for row in rows:
        found = keys[row.who]
        if len(found.workers) != 1 or found.doubts:
            done.left.append(text(says, row=row.position, why=_not_found(len(found.workers))))
        else:
            _store(done, says, row.position, lambda who=found.workers[0].id: _walk_in(session, who, by))
    audit.record("sessions.sheet_entered", by=by, subject=session, union_id=session.union_id, came=done.came, left=len(done.left))
    return done


def _not_found(count: int) -> Text:
    if count:
        return text(N_("several people use this phone; take the ID number or the card."))
    return text(N_("nobody is known by this key."))


def _came(session: ServiceSession, booking: Booking, by: By) -> Booking:
    """Received on the session's day, whenever the sheet is entered."""
    return bookings.check_in(booking=booking, at=session.starts_at, late=True, by=by)


def _store(done: Entered, says: str, row: int, work: Callable[[], Any]) -> None:
    """One row in its own savepoint, so that a refused one leaves the others standing."""
    try:
        with db.session.begin_nested():
            work()
    except Refused as refused:
        done.left.append(text(says, row=row, why=refused.problems[0].says))
    else:
        done.came += 1


def _walk_in(session: ServiceSession, worker_id: UUID, by: By) -> Booking:
    """Somebody who is not on the sheet: their own booking, or a place that is still free."""
    booking = queries.find_in(session.id, worker_id)
    if booking is None or booking.status not in (*ALIVE, BookingStatus.NO_SHOW):
        booking = bookings.book_place(session_id=session.id, worker_id=worker_id, way=BookedBy.PAPER, by=by)
    return _came(session, booking, by)


def note_export(*, session: ServiceSession, by: By) -> None:
    """A list with people leaves the house: who, of which session."""
    audit.record("sessions.exported", by=by, subject=session, union_id=session.union_id)
