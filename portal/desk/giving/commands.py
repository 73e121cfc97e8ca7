"""Handing out what a programme gives, receiving who is booked, taking the last one back: the counter's way into deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO
from uuid import UUID

from portal import audit, clock, pictures, throttle
from portal.access import By
from portal.db import db
from portal.desk.giving import queries, rules
from portal.desk.giving.queries import Due
from portal.members.workers import commands as members
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.stations.register.models import Station
from portal.types import Level, Problem, Refused
from portal.vocabulary import Occupation
from portal.welfare.bookings import commands as bookings
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.deliveries import commands as deliveries
from portal.welfare.deliveries import rules as delivery_rules
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.deliveries.rules import Proxy
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.items.models import Proof
from portal.welfare.programmes.models import Programme
from portal.welfare.programmes.queries import Offer


@dataclass(frozen=True)
class Shown:
    """What was shown at the counter before something was handed over."""

    code: str | None = None
    photo: BinaryIO | None = None
    signature: bool = False
    document: bool = False
    born_on: date | None = None
    sex: str | None = None
    proxy: Proxy | None = None
    exception_reason: str | None = None


def give(
    *, station: Station, offer: Offer, worker: Worker | None, occupation: Occupation, due: Due | None = None,
    shown: Shown = Shown(), by: By,
) -> Delivery:  # fmt: skip
    """Hand over one to a person, or without a name to one of an occupation. Raises `Refused` with everything found.

    What the document said of sex and birth date is kept if it was typed; the rule then judges by it.
    """
    programme = offer.programme
    due = due or (_due(station, worker, programme) if worker else None)
    booked = due is not None
    _refuse(queries.problems_with_coming(programme, station, booked=booked))
    with _codes_counted(worker, shown.code, by), db.session.begin_nested():  # refused, nothing of the document is kept either
        if worker and shown.document and (shown.born_on or shown.sex):
            members.state_person(worker=worker, born_on=shown.born_on, sex=shown.sex, by=by)
        return _hand_over(station, offer, worker, occupation, due, shown, by)


@contextmanager
def _codes_counted(worker: Worker | None, code: str | None, by: By) -> Iterator[None]:
    """Nobody tries one code after the other for a person: wrong ones count for whoever typed them, and outlive the refusal."""
    if not worker or not code:
        yield
        return
    tried = str(worker.id), f"{by.kind}:{by.id}"
    if left := throttle.wait("proof-code", *tried):
        raise Refused([rules.too_many_codes(left)])
    try:
        yield
    except Refused as refused:
        if any(problem.code == "code_wrong" for problem in refused.problems):
            throttle.write_down("proof-code", *tried, failed=True)
        raise


def _hand_over(
    station: Station, offer: Offer, worker: Worker | None, occupation: Occupation, due: Due | None, shown: Shown, by: By
) -> Delivery:
    """Look at what was shown, and give."""
    programme, booked, amber = offer.programme, due is not None, _amber(offer, worker, due)
    problems = rules.problems_with_document(amber, seen=shown.document)
    if Proof.CODE.value in rules.asks(offer.item.proof, programme.ways, [], booked=booked):
        fits = queries.is_code_of(shown.code, worker, station) if shown.code and offer.item.proof is not Proof.CODE else None
        if not shown.code or fits is False:  # the proof of the item itself is looked at where it is written down
            problems += delivery_rules.problems_with_proof(Proof.CODE, delivery_rules.Shown(fits))
    _refuse(problems)
    picture = pictures.keep(shown.photo, by=by) if shown.photo else None
    delivery = deliveries.deliver(
        programme=programme, station=station, worker_id=worker.id if worker else None,
        occupation=worker.occupation if worker else occupation, source=DeliverySource.BOOKING if booked else DeliverySource.DESK,
        booking=due.booking if due else None, proof_code=shown.code, proof_picture_id=picture.id if picture else None,
        signature_seen=shown.signature, proxy=shown.proxy, exception_reason=shown.exception_reason, by=by,
    )  # fmt: skip
    if amber:
        audit.record("delivery.document_seen", by=by, subject=delivery, union_id=delivery.union_id,
                     looked_at=[problem.code for problem in amber])  # fmt: skip
    return delivery


def _due(station: Station, worker: Worker, programme: Programme) -> Due | None:
    """The booking the person comes for, though nobody named it."""
    records = workers.same_person(worker.id)
    found = queries.list_booked(station.id, clock.today(), records=records)
    return next((one for one in found if one.programme.id == programme.id and one.open), None)


def _amber(offer: Offer, worker: Worker | None, due: Due | None) -> list[Problem]:
    """What the rule in force wants to see of this person."""
    rule = eligibility.find_rule(offer.programme.id) if worker else None
    if rule is None or worker is None:
        return []
    judged = eligibility.judge(
        rule=rule, worker_id=worker.id, item_id=offer.item.id, programme_id=offer.programme.id, on=clock.today(),
        without_booking=due.booking.id if due else None,
    )  # fmt: skip
    return [problem for problem in judged.problems if problem.level is Level.AMBER]


def receive(*, station: Station, due: Due, offer: Offer, by: By) -> Delivery | None:
    """Receive who is booked here today, with one tap: what needs nothing shown is handed over in the same moment.

    Otherwise the person is checked in, and the card asks for what is missing. Raises `Refused`.
    """
    alcohol = queries.with_alcohol([offer])  # then the card says it first
    if not alcohol and not rules.asks(offer.item.proof, offer.programme.ways, _amber(offer, due.worker, due), booked=True):
        return give(station=station, offer=offer, worker=due.worker, occupation=due.worker.occupation, due=due, by=by)
    if due.booking.status is not BookingStatus.ATTENDED:
        bookings.check_in(booking=due.booking, by=by, station_id=station.id)
    return None


def take_back(*, station: Station, delivery_id: UUID | None, booking_id: UUID | None, by: By) -> None:
    """Undo a hand-over, or that somebody was received, within ten minutes by who did it. Raises `Refused`."""
    given = queries.find_given(station, delivery_id, booking_id)
    if given is None:
        raise Refused(rules.problems_with_undoing(clock.now(), own=False, undone=False, now=clock.now()))
    _refuse(given.undoing(by))
    if given.delivery_id:
        delivery = db.session.get_one(Delivery, given.delivery_id)
        deliveries.reverse_delivery(delivery=delivery, reason="undone at the counter", by=by)
    else:
        bookings.undo_check_in(booking=db.session.get_one(Booking, given.booking_id), by=by)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)
