"""Reads of a session's list: who is booked, came, waits or gave up, with the little that is shown of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.i18n import DEFAULT, in_language
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker, WorkerPhone
from portal.members.workers.queries import Masked
from portal.paging import Slice, keyset
from portal.types import text
from portal.unions.tree.queries import within
from portal.welfare.attendance import rules
from portal.welfare.bookings import queries as bookings
from portal.welfare.bookings import rules as booking_rules
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.programmes.models import Programme
from portal.welfare.sessions import queries as sessions
from portal.welfare.sessions.models import ServiceSession, SessionPlace
from portal.welfare.sessions.queries import SessionRow

# The parts of the list, and which bookings stand in each.
PARTS = {
    "booked": (BookingStatus.OFFERED, BookingStatus.BOOKED),
    "came": (BookingStatus.ATTENDED,),
    "waiting": (BookingStatus.WAITING,),
    "gone": (BookingStatus.NO_SHOW, BookingStatus.CANCELLED, BookingStatus.EXPIRED),
}
ON_PAPER = (BookingStatus.BOOKED, BookingStatus.ATTENDED, BookingStatus.NO_SHOW)
PER_PAGE = 50


@dataclass(frozen=True)
class Seat:
    """One row of the list. ``number`` is the place held; ``position`` is that in the waiting list, from 1."""

    booking: Booking
    person: Masked
    number: int | None = None
    position: int | None = None


def programme_of(session: ServiceSession) -> Programme:
    """What the session gives."""
    return db.session.get_one(Programme, session.programme_id)


def count_reached(session_id: UUID) -> int:
    """How many of those who are booked left a phone, so that a message reaches them."""
    head = sa.func.coalesce(Worker.merged_into_id, Worker.id)
    reached = sa.exists().where(WorkerPhone.worker_id == head, WorkerPhone.until.is_(None))
    found = sa.select(sa.func.count()).select_from(Booking).join(Worker, Worker.id == Booking.worker_id)
    return db.session.scalar(found.where(Booking.session_id == session_id, Booking.status.in_(PARTS["booked"]), reached))


@dataclass(frozen=True)
class Looked:
    """A message to all as each of them reads it, and as how many a phone company counts it."""

    body: str
    parts: int


def look_at(session: ServiceSession, words: str) -> Looked:
    """A message to all before it is sent."""
    says = text(
        booking_rules.TOLD["news"], what=programme_of(session).name, when=booking_rules.when(session.starts_at),
        place=session.place_name, why=words,
    )  # fmt: skip
    body = in_language(DEFAULT, says)
    return Looked(body, rules.parts(body))


def get_booking(booking_id: UUID, actor: Actor, permission: Permission) -> tuple[Booking, ServiceSession]:
    """A booking in a session within scope, otherwise NoResultFound (404)."""
    booking = db.session.scalars(sa.select(Booking).where(Booking.id == booking_id)).one()
    return booking, sessions.get_session(booking.session_id, actor, permission)


def cause_page(ident: str) -> tuple[str | None, UUID | None]:
    """How a booking is called in the ledger (by its programme, never by the person), and its session."""
    found = sa.select(Programme.name, Booking.session_id).join(Booking, Booking.programme_id == Programme.id)
    row = db.session.execute(found.where(Booking.id == UUID(ident))).one_or_none()
    return (row[0], row[1]) if row else (None, None)


def list_to_book(code: str, actor: Actor, permission: Permission) -> tuple[Programme, list[SessionRow]]:
    """A programme and what staff may book of it for somebody: the sessions to come within their scope, whosever it is.

    Raises NoResultFound (404) where neither the programme nor any session of it is within scope.
    """
    programme = db.session.scalars(sa.select(Programme).where(Programme.code == code)).one()
    rows = sessions.list_bookable(programme.id, now=clock.now())
    mine = sa.select(ServiceSession.id).where(
        ServiceSession.programme_id == programme.id,
        ServiceSession.starts_at > clock.now(),
        within(ServiceSession.union_id, actor, permission),
    )
    allowed = set(db.session.scalars(mine))
    if not allowed:
        db.session.scalars(
            sa.select(Programme.id).where(Programme.id == programme.id, within(Programme.union_id, actor, permission))
        ).one()
    return programme, [row for row in rows if row.session.id in allowed]


def count_parts(session_id: UUID) -> dict[str, int]:
    """How many stand in each part of a session's list."""
    count = bookings.count_by_status(session_id)
    return {part: sum(count.get(status, 0) for status in statuses) for part, statuses in PARTS.items()}


def _people(worker_ids: Iterable[UUID]) -> dict[UUID, Masked]:
    """Whose records these are, as they are shown; a merged record shows its survivor. Two reads, however many."""
    wanted = list(worker_ids)
    if not wanted:
        return {}
    record = aliased(Worker)
    rows = db.session.execute(
        sa.select(record.id, Worker)
        .join(Worker, Worker.id == sa.func.coalesce(record.merged_into_id, record.id))
        .where(record.id.in_(wanted))
        .order_by(record.id)
    ).all()
    shown = {one.id: one for one in workers.list_masked({worker.id: worker for _, worker in rows}.values())}
    return {record_id: shown[worker.id] for record_id, worker in rows}


def person_of(booking: Booking) -> Masked:
    """Whose booking it is, as they are shown."""
    return _people([booking.worker_id])[booking.worker_id]


def _rows(session_id: UUID, statuses: Iterable[BookingStatus]) -> sa.Select:
    return (
        sa.select(Booking, SessionPlace.number)
        .outerjoin(SessionPlace, SessionPlace.id == Booking.place_id)
        .where(Booking.session_id == session_id, Booking.status.in_(list(statuses)))
    )


def list_seats(session_id: UUID, part: str, *, before: str | None = None, after: str | None = None) -> Slice:
    """One part of the list: by place, the waiting list in its order, the others by when they came in."""
    query = _rows(session_id, PARTS[part])
    columns: tuple[Any, ...] = (Booking.priority, Booking.queued_at, Booking.id)
    key = lambda row: (row[0].priority, row[0].queued_at, row[0].id)  # noqa: E731 - one line, two uses
    if part in ("booked", "came"):
        columns, key = (SessionPlace.number, Booking.id), lambda row: (row[1], row[0].id)
    found = keyset(query, columns, key, before=before, after=after, limit=PER_PAGE, scalars=False)
    people = _people(booking.worker_id for booking, _ in found.rows)
    first = bookings.place_in_line(found.rows[0][0]) if part == "waiting" and found.rows else None
    seats = [
        Seat(booking, people[booking.worker_id], number, first + offset if first else None)
        for offset, (booking, number) in enumerate(found.rows)
    ]
    return Slice(seats, found.before, found.after)


def list_on_paper(session_id: UUID) -> list[Seat]:
    """Who stands on the printed sheet, in the order they booked: whoever holds a place, and who was marked as not come."""
    rows = db.session.execute(_rows(session_id, ON_PAPER).order_by(Booking.queued_at, Booking.id)).all()
    people = _people(booking.worker_id for booking, _ in rows)
    return [Seat(booking, people[booking.worker_id], number) for booking, number in rows]


def find_in(session_id: UUID, worker_id: UUID) -> Booking | None:
    """This person's booking in a session, under any of their records; the newest, one that lives before one that ended."""
    ended = Booking.status.in_(PARTS["gone"])
    return db.session.scalars(
        sa.select(Booking)
        .where(Booking.session_id == session_id, Booking.worker_id.in_(workers.same_person(worker_id)))
        .order_by(ended, Booking.id.desc())
        .limit(1)
    ).one_or_none()


def stream_rows(session_id: UUID) -> Iterator[Seat]:
    """The whole list for an export, part by part."""
    for part in PARTS:
        after: str | None = None
        while True:
            found = list_seats(session_id, part, after=after)
            yield from found
            if not (after := found.after):
                break
