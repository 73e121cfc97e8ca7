"""Builders of bookings: through the commands, as a worker or as staff would book."""

from __future__ import annotations

from datetime import datetime

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db
from portal.members.workers.models import Worker
from portal.types import new_id
from portal.welfare.bookings import commands, rules
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.eligibility.queries import find_rule
from portal.welfare.programmes.models import Programme
from portal.welfare.sessions.models import ServiceSession
from tests.factories.workers import make_worker


def make_booking(
    session: ServiceSession, worker: Worker | None = None, *, way: BookedBy = BookedBy.WORKER, wait: bool = False,
    by: By = SYSTEM, at: datetime | None = None,
) -> Booking:  # fmt: skip
    """Somebody booked: a place, or with ``wait`` a turn where all are taken. ``at``: when they did."""
    worker = worker or make_worker()
    with clock.stopped_at(at or clock.now()):
        booking = commands.book_place(session_id=session.id, worker_id=worker.id, way=way, wait=wait, by=by)
    db.session.commit()
    return booking


def booking_row(session: ServiceSession, worker: Worker, status: BookingStatus = BookingStatus.BOOKED, **values) -> dict:
    """The columns of a booking by hand, for whoever wants to break a constraint."""
    ident = new_id()
    programme = db.session.get_one(Programme, session.programme_id)
    known = {
        "id": ident, "session_id": session.id, "programme_id": programme.id, "worker_id": worker.id, "status": status,
        "way": BookedBy.WORKER, "priority": 100, "queued_at": clock.now(), "created_at": clock.now(), "price": programme.price,
        "code_index": ident.bytes, "rule_id": find_rule(programme.id).id, "facts": {}, "late": False,
    }  # fmt: skip
    return known | values


def code_of(booking: Booking) -> str:
    """The digits on the worker's phone."""
    from portal import crypto

    return rules.code_of(crypto.ring(), booking.id)
