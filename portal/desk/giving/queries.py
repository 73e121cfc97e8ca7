"""What the counter shows of programmes: what the light says to one person here and now, who is booked, the last hand-over.

A station without a programme pays one statement: `list_offers`. Everything else is read only when that found something.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db
from portal.desk.giving import rules
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.members.workers.queries import Masked
from portal.stations.register.models import Station
from portal.stations.supplies import queries as supplies
from portal.stations.supplies.models import Lot
from portal.stations.supplies.rules import problems_with_alcohol
from portal.types import Level, Problem, Text
from portal.unions.tree.models import UnionReach
from portal.vocabulary import Occupation
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.deliveries import queries as deliveries
from portal.welfare.deliveries.models import Delivery, DeliveryReversal
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.entitlements import queries as entitlements
from portal.welfare.entitlements.queries import Entitlement
from portal.welfare.items.models import WelfareItem
from portal.welfare.programmes import queries as programmes
from portal.welfare.programmes.models import Programme, ProgrammePlace, ProgrammeStatus, Way
from portal.welfare.programmes.queries import Offer
from portal.welfare.sessions import queries as sessions
from portal.welfare.sessions.models import ServiceSession

DUE = (BookingStatus.BOOKED, BookingStatus.NO_SHOW, BookingStatus.ATTENDED)
_STANDS = ~sa.exists().where(DeliveryReversal.delivery_id == Delivery.id)
MOST_BOOKED = 300


# --- what is given here --------------------------------------------------------------------------------------------


def list_offers(station: Station) -> list[Offer]:
    """The programmes open at this station today: the one cheap question that decides whether anything else is asked."""
    return programmes.list_at_station(station, clock.today())


def get_offer(station: Station, code: str) -> Offer | None:
    """One of them by code; also one that is paused, whose bookings are kept."""
    found = next((one for one in list_offers(station) if one.programme.code == code), None)
    programme = None if found else db.session.scalars(sa.select(Programme).where(Programme.code == code)).one_or_none()
    if not programme or not programme.item_id or not programmes.is_given_at(programme, station):
        return found
    return Offer(programme, db.session.get_one(WelfareItem, programme.item_id))


def list_for_paper(station: Station, since: date) -> list[Programme]:
    """The programmes a paper sheet may be of: given here since a day, also those that are closed by now."""
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == station.union_id)
    named = sa.select(ProgrammePlace.programme_id).where(ProgrammePlace.station_id == station.id)
    here = sa.or_(sa.and_(Programme.everywhere, Programme.union_id.in_(above)), Programme.id.in_(named))
    live = (ProgrammeStatus.OPEN, ProgrammeStatus.PAUSED, ProgrammeStatus.CLOSED)
    found = sa.select(Programme).where(
        Programme.item_id.is_not(None), Programme.status.in_(live), Programme.ends_on >= since, here
    )
    return list(db.session.scalars(found.order_by(Programme.name, Programme.id)))


def left_of(station_id: UUID, items: Iterable[WelfareItem]) -> dict[UUID, int]:
    """How many of each are left to give, by welfare item; what leaves no stock is not there. A pack: how many can be made."""
    goods = {item.id: item.supply_item_id for item in items if item.supply_item_id}
    if not goods:
        return {}
    parts = supplies.parts_of(goods.values())
    wanted = {*goods.values(), *(part.id for rows in parts.values() for part, _ in rows)}
    good = sa.or_(Lot.expires_on.is_(None), Lot.expires_on >= clock.today())
    rows = db.session.execute(
        sa.select(Lot.supply_item_id, sa.func.sum(Lot.on_hand))
        .where(Lot.station_id == station_id, Lot.supply_item_id.in_(wanted), Lot.on_hand > 0, good)
        .group_by(Lot.supply_item_id)
    )
    there = {ident: int(count) for ident, count in rows}

    def count(ident: UUID) -> int:
        made_of = parts.get(ident)
        return min(there.get(part.id, 0) // each for part, each in made_of) if made_of else there.get(ident, 0)

    return {item_id: count(supply_id) for item_id, supply_id in goods.items()}


# --- who is booked -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """A booking at this station today. ``given``: what was booked was handed over."""

    booking: Booking
    session: ServiceSession
    programme: Programme
    worker: Worker
    given: bool
    masked: Masked | None = None

    @property
    def open(self) -> bool:
        """Whether the person may still be received, or was received and has not been given anything."""
        return not self.given and self.booking.status in DUE


def list_booked(
    station_id: UUID, on: date, *, records: Collection[UUID] | None = None, booking_id: UUID | None = None
) -> list[Due]:
    """Who is booked at a station on a day, by time; of one person under all their records, or one booking."""
    begins, ends = clock.day_bounds(on)
    given = sa.exists().where(Delivery.booking_id == Booking.id, _STANDS)
    found = (
        sa.select(Booking, ServiceSession, Programme, Worker, given)
        .join(ServiceSession, ServiceSession.id == Booking.session_id)
        .join(Programme, Programme.id == Booking.programme_id)
        .join(Worker, Worker.id == Booking.worker_id)
        .where(
            ServiceSession.station_id == station_id, ServiceSession.starts_at >= begins, ServiceSession.starts_at < ends,
            Booking.status.in_(DUE),
        )
        .order_by(ServiceSession.starts_at, Programme.name, Booking.id)
        .limit(MOST_BOOKED)
    )  # fmt: skip
    if records is not None:
        found = found.where(Booking.worker_id.in_(records))
    if booking_id:
        found = found.where(Booking.id == booking_id)
    return [Due(*row) for row in db.session.execute(found)]


def list_booked_today(station: Station) -> list[Due]:
    """The list of the day, the people masked; those still awaited first."""
    found = list_booked(station.id, clock.today())
    shown = {masked.id: masked for masked in workers.list_masked({due.worker.id: due.worker for due in found}.values())}
    rows = [Due(due.booking, due.session, due.programme, due.worker, due.given, shown[due.worker.id]) for due in found]
    return sorted(rows, key=lambda due: not due.open)


def find_due(station: Station, booking_id: UUID) -> Due | None:
    """One booking of today at this station."""
    return next(iter(list_booked(station.id, clock.today(), booking_id=booking_id)), None)


def is_code_of(code: str, worker: Worker | None, station: Station) -> bool:
    """Whether a code is this person's: of their card, or of their booking here today."""
    if worker is None:
        return False
    records, card = workers.same_person(worker.id), workers.find_by_card(code)
    return card.id in records if card else deliveries.is_code_of(code, records, None, station, clock.today())


# --- one person's card ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gift:
    """One programme on a person's card."""

    programme: Programme
    item: WelfareItem
    problems: list[Problem] = field(default_factory=list)
    limit: Text | None = None
    left: int | None = None
    due: Due | None = None
    given_at: datetime | None = None

    @property
    def level(self) -> Level:
        """The light: the worst of what was found."""
        found = {problem.level for problem in self.problems}
        return next((level for level in (Level.RED, Level.AMBER) if level in found), Level.GREEN)

    @property
    def asks(self) -> tuple[str, ...]:
        """What has to be shown first."""
        return rules.asks(self.item.proof, self.programme.ways, self.problems, booked=self.due is not None)

    @property
    def unknown(self) -> frozenset[str]:
        """The facts that are not on record and would decide it: sex, born_on."""
        return frozenset(problem.field for problem in self.problems if problem.field and problem.code.endswith("_unknown"))

    @property
    def one_tap(self) -> bool:
        """Green, and nothing to be shown: one tap gives."""
        return self.level is Level.GREEN and not self.asks


def list_gifts(worker_id: UUID, station: Station, offers: Sequence[Offer], at: datetime) -> list[Gift]:
    """What the light says to one person about every programme here: what they booked first, what is refused last."""
    records, day = workers.same_person(worker_id), clock.business_day(at)
    due: dict[UUID, Due] = {}
    for one in list_booked(station.id, day, records=records):
        if one.open:
            due.setdefault(one.programme.id, one)
    known = {one.programme.id: one for one in entitlements.list_for(worker_id=worker_id, station=station, at=at)}
    offered = {one.programme.id: one for one in offers}
    for ident, one in due.items():
        if ident not in offered:  # paused since: the place is kept
            offered[ident] = Offer(one.programme, db.session.get_one(WelfareItem, one.programme.item_id))
    left = left_of(station.id, [one.item for one in offered.values()])
    had = _given_today(records, station.id, day)
    gifts = []
    for ident, offer in offered.items():
        said, mine = known.get(ident), due.get(ident)
        problems = _problems_though_booked(offer, mine, said, records[0], day) if mine else list(said.problems if said else ())
        if not mine and not any(problem.level is Level.RED for problem in problems):
            problems += _problems_with_way(offer.programme, station, at)
        rule = said.rule if said else None
        limit = rules.limit_in_words(rule.person_limit, rule.limit_period) if rule else None
        gifts.append(Gift(offer.programme, offer.item, problems, limit, left.get(offer.item.id), mine, had.get(ident)))
    # What was given today stays where it was tapped.
    return sorted(gifts, key=lambda gift: (gift.due is None, gift.level is Level.RED and not gift.given_at, not gift.one_tap))


def _problems_though_booked(offer: Offer, due: Due, said: Entitlement | None, worker_id: UUID, on: date) -> list[Problem]:
    """What the rule says now, the booking itself left aside; it holds its part of quota and money, but goods may be gone."""
    rule = said.rule if said else eligibility.find_rule(offer.programme.id)
    missing = [problem for problem in said.problems if problem.code in ("out_of_stock", rules.ALCOHOL)] if said else []
    if rule is None:
        return missing
    judged = eligibility.judge(rule=rule, worker_id=worker_id, item_id=offer.item.id, programme_id=offer.programme.id, on=on,
                               without_booking=due.booking.id)  # fmt: skip
    return [*judged.problems, *missing]


def _problems_with_way(programme: Programme, station: Station, at: datetime) -> list[Problem]:
    if not rules.problems_with_way(programme.ways, booked=False):
        return []
    rows = sessions.list_bookable(programme.id, now=at) if Way.BOOK.value in programme.ways else []
    free = [row.session for row in rows if row.free_online + row.free_on_site > 0]
    here = next((one for one in free if one.station_id == station.id), next(iter(free), None))
    return rules.problems_with_way(programme.ways, booked=False, next_at=here.starts_at if here else None)


def problems_with_coming(programme: Programme, station: Station, *, booked: bool) -> list[Problem]:
    """Whether it may be handed out without a booking, now; with the next free time."""
    return [] if booked else _problems_with_way(programme, station, clock.now())


def _given_today(records: Sequence[UUID], station_id: UUID, day: date) -> dict[UUID, datetime]:
    begins, ends = clock.day_bounds(day)
    rows = db.session.execute(
        sa.select(Delivery.programme_id, sa.func.max(Delivery.at))
        .where(
            Delivery.worker_id.in_(records), Delivery.station_id == station_id, Delivery.at >= begins, Delivery.at < ends, _STANDS
        )
        .group_by(Delivery.programme_id)
    )
    return dict(rows.all())


# --- what was handed over ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """A hand-over, or somebody who was received without one, as the bar below the card shows it."""

    at: datetime
    programme: str
    occupation: object
    worker: Worker | None
    by_account_id: UUID | None
    undone: bool
    delivery_id: UUID | None = None
    booking_id: UUID | None = None

    def undoing(self, by: By) -> list[Problem]:
        """Why it may not be taken back at the counter."""
        own = self.by_account_id is not None and self.by_account_id == by.id
        return rules.problems_with_undoing(self.at, own=own, undone=self.undone, now=clock.now())


def _handed(station_id: UUID, *conditions) -> sa.Select:
    begins, ends = clock.day_bounds(clock.today())
    return (
        sa.select(Delivery, Programme.name, Worker, ~_STANDS)
        .join(Programme, Programme.id == Delivery.programme_id)
        .outerjoin(Worker, Worker.id == Delivery.worker_id)
        .where(Delivery.station_id == station_id, Delivery.at >= begins, Delivery.at < ends, *conditions)
        .order_by(Delivery.at.desc(), Delivery.id.desc())
        .limit(1)
    )


def _read(row: sa.Row | None) -> Given | None:
    if row is None:
        return None
    delivery, programme, worker, undone = row
    return Given(delivery.at, programme, delivery.occupation, worker, delivery.by_account_id, undone, delivery_id=delivery.id)


def find_last(station: Station, by: By) -> Given | None:
    """The newest hand-over that this person may still take back at the counter."""
    recent = Delivery.at > clock.now() - rules.UNDO_WITHIN
    row = db.session.execute(_handed(station.id, Delivery.by_account_id == by.id, recent, ~Delivery.late, _STANDS)).one_or_none()
    return _read(row)


def find_given(station: Station, delivery_id: UUID | None, booking_id: UUID | None = None) -> Given | None:
    """A hand-over of today at this station, or somebody who was received here today."""
    if delivery_id:
        return _read(db.session.execute(_handed(station.id, Delivery.id == delivery_id)).one_or_none())
    due = find_due(station, booking_id) if booking_id else None
    if due is None:
        return None
    came = due.booking.status is BookingStatus.ATTENDED
    at, by = due.booking.attended_at or clock.now(), due.booking.attended_by_account_id
    return Given(at, due.programme.name, due.worker.occupation, due.worker, by, not came, booking_id=due.booking.id)


def list_given(station_id: UUID, limit: int = 8) -> list[Given]:
    """The newest hand-overs of a station's day."""
    return [given for row in db.session.execute(_handed(station_id).limit(limit)) if (given := _read(row))]


def count_of_day(station_id: UUID) -> list[tuple[str, int]]:
    """What was handed out of programmes today, by programme; what was taken back does not count."""
    begins, ends = clock.day_bounds(clock.today())
    total = sa.func.sum(Delivery.quantity)
    rows = db.session.execute(
        sa.select(Programme.name, total)
        .join(Programme, Programme.id == Delivery.programme_id)
        .where(Delivery.station_id == station_id, Delivery.at >= begins, Delivery.at < ends, _STANDS)
        .group_by(Programme.id)
        .order_by(total.desc(), Programme.name)
    )
    return [(name, int(count)) for name, count in rows]


# --- together ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Giving:
    """Everything the counter shows of programmes; empty where none is given."""

    offers: list[Offer] = field(default_factory=list)
    gifts: list[Gift] = field(default_factory=list)
    given: Given | None = None
    undoing: list[Problem] = field(default_factory=list)
    alcohol: frozenset[UUID] = frozenset()

    def warns(self, offer: Offer, occupation: Occupation) -> list[Problem]:
        """Alcohol and driving, where nobody is named and only the occupation is tapped."""
        return problems_with_alcohol(occupation, contains_alcohol=offer.item.supply_item_id in self.alcohol)

    @property
    def unnamed(self) -> list[Offer]:
        """What is given without a name, to whoever walks in."""
        return [
            one for one in self.offers if not one.item.named and not rules.problems_with_way(one.programme.ways, booked=False)
        ]


def look(station: Station, worker_id: UUID | None, by: By, *, given: Given | None = None) -> Giving:
    """What programmes add to the counter: nothing but one question where the station has none."""
    offers = list_offers(station)
    if not offers and not given:
        return Giving()
    gifts = list_gifts(worker_id, station, offers, clock.now()) if worker_id else []
    shown = given or find_last(station, by)
    return Giving(offers, gifts, shown, shown.undoing(by) if shown else [], with_alcohol(offers))


def with_alcohol(offers: Iterable[Offer]) -> frozenset[UUID]:
    """The goods among what is offered that contain alcohol."""
    return supplies.list_with_alcohol({one.item.supply_item_id for one in offers} - {None})
