"""Reads about deliveries: what a hand-over leans on, the history of a person, a station and a programme, one with its story."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import Actor, Permission
from portal.audit import AuditEntry
from portal.db import db
from portal.members.workers.models import Worker
from portal.members.workers.queries import same_person
from portal.members.workers.rules import mask_name
from portal.paging import Slice, keyset
from portal.stations.register.models import Station
from portal.stations.supplies.models import Lot, StockMovement, StockShortage, SupplyItem
from portal.stations.visits.models import Visit, VisitLine, VisitReversal
from portal.types import N_, Problem, Word, text
from portal.unions.staff.queries import names_of_staff
from portal.unions.tree.queries import names_of, within
from portal.welfare.bookings import queries as bookings
from portal.welfare.bookings import rules as booking_rules
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.deliveries.models import Delivery, DeliveryReversal, DeliverySource
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.eligibility.rules import Receipt
from portal.welfare.items.models import WelfareItem
from portal.welfare.ledger.models import BudgetLine, Commitment
from portal.welfare.ledger.queries import list_commitments
from portal.welfare.programmes import queries as programmes
from portal.welfare.programmes import rules as programme_rules
from portal.welfare.programmes.models import Programme
from portal.welfare.sessions.models import ServiceSession

VIEW = Permission.VIEW_DELIVERIES

# --- what a hand-over leans on -------------------------------------------------------------------------------------


def hold_person(worker_id: UUID, programme_id: UUID) -> None:
    """Make whoever else decides about this person (by their first record) and programme wait until this transaction ends.

    It is the lock of bookings, so that booking and handing over count a person's limits one after the other.
    """
    key = f"booking:{programme_id}:{worker_id}"
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def hold_booking(booking: Booking) -> None:
    """Hold a booking and read it as it stands, its session first, in the order in which bookings do."""
    db.session.execute(sa.select(ServiceSession.id).where(ServiceSession.id == booking.session_id).with_for_update(read=True))
    db.session.refresh(booking, with_for_update=True)


def hold_many(programme_id: UUID, station_id: UUID, worker_ids: Iterable[UUID], on: date) -> None:
    """For whoever enters many hand-overs at once: all people, then their sessions and bookings, before anybody's quota."""
    records, (begins, ends) = bookings.hold_people(programme_id, worker_ids), clock.day_bounds(on)
    here = (ServiceSession.programme_id == programme_id, ServiceSession.station_id == station_id)
    found = sa.select(ServiceSession.id).where(*here, ServiceSession.starts_at >= begins, ServiceSession.starts_at < ends)
    if ids := list(db.session.scalars(found.order_by(ServiceSession.id).with_for_update(read=True))):
        bookings.hold_bookings(ids, records)


def wants_no_record(worker_id: UUID) -> bool:
    """Whether this person withdrew the consent to keep a record of services."""
    return db.session.get_one(Worker, worker_id).unrecorded_since is not None


def item_of(programme: Programme) -> WelfareItem:
    """What a programme gives."""
    return db.session.get_one(WelfareItem, programme.item_id)


def find_reversal(delivery_id: UUID) -> DeliveryReversal | None:
    """Whether, when and why a delivery was taken back."""
    return db.session.get(DeliveryReversal, delivery_id, populate_existing=True)


def problems_with_place(programme: Programme, station: Station | None, on: date, *, booked: bool) -> list[Problem]:
    """Whether the programme is given on that day, and at that station. A place that was booked is looked at by the booking."""
    problems = programme_rules.problems_with_giving(programme, on, booked=booked)
    if station and not booked and not programmes.is_given_at(programme, station):
        says = N_("“%(programme)s” is not given at this station.")
        problems.append(Problem("not_here", text(says, programme=programme.name)))
    return problems


def find_due(records: Sequence[UUID], programme_id: UUID, station_id: UUID, on: date) -> Booking | None:
    """The booking with which a person comes for this on that day, unless it was given already."""
    begins, ends = clock.day_bounds(on)
    return db.session.scalars(
        sa.select(Booking)
        .join(ServiceSession, ServiceSession.id == Booking.session_id)
        .where(
            Booking.worker_id.in_(records), Booking.programme_id == programme_id, ServiceSession.station_id == station_id,
            ServiceSession.starts_at >= begins, ServiceSession.starts_at < ends,
            Booking.status.in_((BookingStatus.BOOKED, BookingStatus.ATTENDED)),
            ~sa.exists().where(Delivery.booking_id == Booking.id, _STANDS),
        )
        .order_by(ServiceSession.starts_at, Booking.id)
        .limit(1)
    ).one_or_none()  # fmt: skip


def is_code_of(code: str, records: Sequence[UUID], booking: Booking | None, station: Station | None, on: date) -> bool:
    """Whether the one-time code is that of this person's booking, here and on that day."""
    if booking is not None:
        return hmac.compare_digest(booking_rules.normal_code(code) or "", bookings.code_of(booking))
    found = bookings.find_by_code(code, station_id=station.id if station else None, on=on)
    return found is not None and found.worker_id in records


def find_stay(records: list[UUID], station_id: UUID, day: date) -> tuple[UUID, datetime] | None:
    """The (id, at) of a person's last visit at a station on a day, of which something stands; or None."""
    begins, ends = clock.day_bounds(day)
    line = (
        sa.exists()
        .where(
            VisitLine.visit_id == Visit.id,
            VisitLine.at >= Visit.at,
            ~sa.exists().where(VisitReversal.line_id == VisitLine.id).correlate(VisitLine),
        )
        .correlate(Visit)
    )
    here = (Visit.worker_id.in_(records), Visit.station_id == station_id, Visit.at >= begins, Visit.at < ends, line)
    row = db.session.execute(sa.select(Visit.id, Visit.at).where(*here).order_by(Visit.at.desc(), Visit.id.desc()).limit(1))
    found = row.one_or_none()
    return (found.id, found.at) if found else None


def list_hands(
    programme: Programme, rule: EligibilityRule | None, booking: Booking | None, records: Sequence[UUID], on: date
) -> list[UUID]:
    """Whose hands it went through before: who took the booking, put the person on record that day, or decided."""
    registered = db.session.scalars(
        sa.select(AuditEntry.actor_id)
        .where(
            AuditEntry.subject_table == "workers", AuditEntry.subject_id.in_([str(one) for one in records]),
            AuditEntry.action == "worker.registered", AuditEntry.actor_kind == "staff",
            AuditEntry.at >= clock.start_of(on), AuditEntry.at < clock.day_bounds(on)[1],
        )
        .order_by(AuditEntry.id)
    )  # fmt: skip
    deciders = (programme.decided_by_account_id, rule and rule.approved_by_account_id)
    found = [booking and booking.created_by_account_id, *registered, *deciders]
    return [one for one in found if one]


_ORDER = (Delivery.at, Delivery.id)
_STANDS = ~sa.exists().where(DeliveryReversal.delivery_id == Delivery.id).correlate(Delivery)


def given_at(booking_id: UUID) -> datetime | None:
    """When something was given on a booking, if that stands."""
    return db.session.scalar(
        sa.select(Delivery.at).where(Delivery.booking_id == booking_id, _STANDS).order_by(Delivery.id).limit(1)
    )


def receipts_of(records: Sequence[UUID], item_id: UUID | None, programme_id: UUID | None) -> list[Receipt]:
    """What somebody received of an item or in a programme (None and None: of anything) and was not taken back."""
    found = sa.select(Delivery.at, Delivery.item_id, Delivery.programme_id, Delivery.quantity, Delivery.booking_id).where(
        Delivery.worker_id.in_(records), _STANDS
    )
    if item_id or programme_id:
        found = found.where((Delivery.item_id == item_id) | (Delivery.programme_id == programme_id))
    return [
        Receipt(clock.business_day(at), item, programme, quantity, booking)
        for at, item, programme, quantity, booking in db.session.execute(found.order_by(*_ORDER))
    ]


# --- history -------------------------------------------------------------------------------------------------------


class State(Word):
    """Which deliveries a list is narrowed to."""

    STANDS = "stands", N_("Standing")
    REVERSED = "reversed", N_("Taken back")
    LATE = "late", N_("Entered afterwards")
    FLAGGED = "flagged", N_("Entered afterwards and did not fit")
    ALONE = "alone", N_("Handed over by one person alone")


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to. ``first`` and ``last`` are business days, both included."""

    programme: str | None = None
    station: str | None = None
    first: date | None = None
    last: date | None = None
    source: DeliverySource | None = None
    state: State | None = None

    def __bool__(self) -> bool:
        return any((self.programme, self.station, self.first, self.last, self.source, self.state))


@dataclass(frozen=True)
class Listed:
    """One delivery as lists show it; the name masked, empty where it was given without one."""

    delivery: Delivery
    programme: str
    programme_code: str
    item: str
    unit: str
    station_code: str | None
    name: str
    reversed_at: datetime | None


# A hand-over by whoever had a hand in it before; partial index `ix_deliveries_alone`.
ALONE = Delivery.needs_two & (Delivery.by_account_id == Delivery.registered_by_account_id)
FLAGGED = sa.func.cardinality(Delivery.flags) > 0
STANDS = _STANDS
_STATES = {
    State.STANDS: _STANDS,
    State.REVERSED: ~_STANDS,
    State.LATE: Delivery.late,
    State.FLAGGED: FLAGGED,
    State.ALONE: ALONE,
}


def _rows() -> sa.Select:
    return (
        sa.select(
            Delivery, Programme.name, Programme.code, WelfareItem.name, WelfareItem.unit, Station.code, Worker.name,
            DeliveryReversal.at,
        )
        .select_from(Delivery)
        .join(Programme, Programme.id == Delivery.programme_id)
        .join(WelfareItem, WelfareItem.id == Delivery.item_id)
        .outerjoin(Station, Station.id == Delivery.station_id)
        .outerjoin(Worker, Worker.id == Delivery.worker_id)
        .outerjoin(DeliveryReversal, DeliveryReversal.delivery_id == Delivery.id)
    )  # fmt: skip


def _listed(row: sa.Row) -> Listed:
    delivery, programme, code, item, unit, station_code, name, reversed_at = row
    return Listed(delivery, programme, code, item, unit, station_code, mask_name(name), reversed_at)


def _matching(actor: Actor, permission: Permission, filters: Filters) -> sa.Select:
    found = _rows().where(within(Delivery.union_id, actor, permission))
    if filters.programme:
        found = found.where(
            Delivery.programme_id == sa.select(Programme.id).where(Programme.code == filters.programme).scalar_subquery()
        )
    if filters.station:
        found = found.where(Delivery.station_id == sa.select(Station.id).where(Station.code == filters.station).scalar_subquery())
    if filters.first:
        found = found.where(Delivery.at >= clock.start_of(filters.first))
    if filters.last:
        found = found.where(Delivery.at < clock.day_bounds(filters.last)[1])
    if filters.source:
        found = found.where(Delivery.source == filters.source)
    return found.where(_STATES[filters.state]) if filters.state else found


def _page(found: sa.Select, before: str | None, after: str | None) -> Slice:
    """The newest first; ``found`` gives what `_listed` reads."""
    rows = keyset(found, _ORDER, lambda row: (row[0].at, row[0].id), before=before, after=after, descending=True, scalars=False)
    return Slice([_listed(row) for row in rows], rows.before, rows.after)


def list_deliveries(
    actor: Actor, filters: Filters, *, permission: Permission = VIEW, before: str | None = None, after: str | None = None
) -> Slice:
    """Deliveries within scope, the newest first, as `Listed`."""
    return _page(_matching(actor, permission, filters), before, after)


def stream_deliveries(actor: Actor, filters: Filters) -> Iterable[Listed]:
    """Every delivery that matches, where somebody may both see and export; read in portions."""
    found = (
        _matching(actor, VIEW, filters)
        .where(within(Delivery.union_id, actor, Permission.EXPORT_PEOPLE))
        .order_by(Delivery.at.desc(), Delivery.id.desc())
    )
    return (_listed(row) for row in db.session.execute(found.execution_options(yield_per=500)))


def list_chosen(condition: sa.ColumnElement[bool], actor: Actor, permission: Permission, *, before: str | None = None,
                after: str | None = None) -> Slice:  # fmt: skip
    """Those within scope that a room above looks for, the newest first."""
    return _page(_rows().where(within(Delivery.union_id, actor, permission), condition), before, after)


def list_by_ids(ids: Sequence[UUID]) -> dict[UUID, Listed]:
    """Several as lists show them; whoever asks has looked at the scope."""
    return {row[0].id: _listed(row) for row in db.session.execute(_rows().where(Delivery.id.in_(ids)).order_by(*_ORDER))}


def list_of_person(
    worker_id: UUID, actor: Actor, permission: Permission = Permission.VIEW_MEMBERS, *, before: str | None = None,
    after: str | None = None,
) -> Slice:  # fmt: skip
    """What a person received within the actor's scope, under all their records; the newest first."""
    found = _rows().where(Delivery.worker_id.in_(same_person(worker_id)), within(Delivery.union_id, actor, permission))
    return _page(found, before, after)


def list_of_worker(worker_id: UUID, *, before: tuple[datetime, UUID] | None = None, limit: int = 20) -> list[Listed]:
    """What a worker received, for their own page, the newest first; what is unnamed is on nobody's page."""
    found = _rows().where(Delivery.worker_id.in_(same_person(worker_id)))
    if before:
        found = found.where(sa.tuple_(*_ORDER) < sa.tuple_(*(sa.literal(part) for part in before)))
    rows = db.session.execute(found.order_by(Delivery.at.desc(), Delivery.id.desc()).limit(limit))
    return [_listed(row) for row in rows]


def find_of_worker(worker_id: UUID, delivery_id: UUID) -> Delivery | None:
    """One of a worker's own deliveries, or None."""
    mine = Delivery.worker_id.in_(same_person(worker_id))
    return db.session.scalars(sa.select(Delivery).where(Delivery.id == delivery_id, mine)).one_or_none()


def get_delivery(delivery_id: UUID, actor: Actor, permission: Permission = VIEW) -> Delivery:
    """One delivery within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(Delivery).where(Delivery.id == delivery_id, within(Delivery.union_id, actor, permission))
    ).one()


def find_delivery(delivery_id: UUID) -> Delivery | None:
    """One delivery without scope, or None: for whoever served it a moment ago."""
    return db.session.get(Delivery, delivery_id)


# --- the story of one ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """Everything that hangs on one delivery."""

    listed: Listed
    reversal: DeliveryReversal | None
    booking: Booking | None
    money: list[Commitment]
    line: BudgetLine | None
    movements: list[sa.Row]
    short: int
    people: dict[UUID, str]


def story_of(delivery: Delivery) -> Story:
    """What led to a delivery and what moved with it; the names of staff by account."""
    reversal = find_reversal(delivery.id)
    table, ident = ("bookings", delivery.booking_id) if delivery.booking_id else ("deliveries", delivery.id)
    cause = (StockMovement.cause_table == "deliveries", StockMovement.cause_id == str(delivery.id))
    movements = db.session.execute(
        sa.select(StockMovement.kind, StockMovement.quantity, StockMovement.at, SupplyItem.name, SupplyItem.unit, Lot.expires_on)
        .join(SupplyItem, SupplyItem.id == StockMovement.supply_item_id)
        .join(Lot, Lot.id == StockMovement.lot_id)
        .where(*cause)
        .order_by(StockMovement.at, StockMovement.id)
    )
    short = db.session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(StockShortage.quantity), 0)).where(
            StockShortage.cause_table == "deliveries", StockShortage.cause_id == str(delivery.id)
        )
    )
    accounts = {delivery.by_account_id, delivery.registered_by_account_id, reversal and reversal.by_account_id} - {None}
    return Story(
        listed=list_by_ids([delivery.id])[delivery.id], reversal=reversal,
        booking=db.session.get(Booking, delivery.booking_id) if delivery.booking_id else None,
        money=list_commitments(table, str(ident)),
        line=db.session.get(BudgetLine, delivery.budget_line_id) if delivery.budget_line_id else None,
        movements=list(movements), short=int(short), people=names_of_staff(accounts),
    )  # fmt: skip


def union_name(delivery: Delivery) -> str:
    """The union in whose part of the tree it was given."""
    return names_of([delivery.union_id])[delivery.union_id]


def cause_page(ident: str) -> Any:
    """How a delivery is called in the ledger."""
    delivery = db.session.get(Delivery, UUID(ident))
    return delivery and db.session.get_one(Programme, delivery.programme_id).name


def offered(actor: Actor) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The programmes and stations to narrow a list to: (code, name) of those with deliveries within scope."""
    given = within(Delivery.union_id, actor, VIEW)
    given_of = db.session.execute(
        sa.select(Programme.code, Programme.name)
        .where(sa.exists().where(Delivery.programme_id == Programme.id, given))
        .order_by(Programme.name, Programme.code)
        .limit(200)
    )
    stations = db.session.execute(
        sa.select(Station.code, Station.name)
        .where(sa.exists().where(Delivery.station_id == Station.id, given))
        .order_by(Station.name, Station.code)
        .limit(200)
    )
    return [tuple(row) for row in given_of], [tuple(row) for row in stations]
