"""Handing something over and taking that back. Both move quota, stock, money and the booking in the same transaction.

Live, everything that costs is refused with the reason and what is left. What was given earlier (paper, no network) is always
stored: what did not fit becomes a flag that somebody looks at, goods that were short become a shortage that a count settles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.members.workers import queries as workers
from portal.stations.register.models import Station
from portal.stations.supplies import commands as supplies
from portal.stations.supplies import queries as goods
from portal.stations.supplies.rules import StockCause, problems_with_alcohol
from portal.types import Problem, Refused, new_id, tidy
from portal.vocabulary import Occupation
from portal.welfare.bookings import commands as bookings
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.deliveries import queries, rules
from portal.welfare.deliveries.models import OVER_LIMIT, Delivery, DeliveryReversal, DeliverySource, Flag
from portal.welfare.deliveries.rules import Proxy, Shown
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.items.models import WelfareItem
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger.queries import list_commitments
from portal.welfare.ledger.rules import Cause
from portal.welfare.programmes.models import Charge, Programme, ProgrammeStatus
from portal.welfare.quotas import commands as quotas

__all__ = ["Proxy", "deliver", "reverse_delivery"]


@dataclass
class _Handing:
    """One hand-over while it is decided about and written down."""

    programme: Programme
    item: WelfareItem
    station: Station | None
    at: datetime
    on: date
    quantity: int
    late: bool
    by: By
    rule: EligibilityRule | None
    records: list[UUID]
    occupation: Occupation
    booking: Booking | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    flags: set[Flag] = field(default_factory=set)
    ident: UUID = field(default_factory=new_id)

    @property
    def union_id(self) -> UUID:
        return self.station.union_id if self.station else self.programme.union_id

    def mind(self, problems: list[Problem], flag: Flag) -> None:
        """Live, red problems refuse; late, they are flagged."""
        if not (found := rules.red(problems)):
            return
        if not self.late:
            raise Refused(found)
        self.flags.add(flag)

    def move(self, flag: Flag, work: Callable[[], Any]) -> Any:
        """Do what the database may refuse; late, it is then flagged and left undone."""
        if not self.late:
            return work()
        try:
            with db.session.begin_nested():
                return work()
        except Refused:
            self.flags.add(flag)
            return None


def deliver(
    *,
    programme: Programme,
    station: Station | None,
    place_name: str | None = None,
    worker_id: UUID | None = None,
    occupation: Occupation,
    quantity: int = 1,
    at: datetime | None = None,
    source: DeliverySource,
    by: By,
    booking: Booking | None = None,
    proof_code: str | None = None,
    proof_picture_id: UUID | None = None,
    signature_seen: bool = False,
    proxy: Proxy | None = None,
    exception_reason: str | None = None,
    late: bool = False,
) -> Delivery:
    """Hand over ``quantity`` of a programme's item, at a station or at a place that is none, now or (late) at a past moment.

    Without ``booking`` the person's booking of that day and station is taken, if there is one. Raises `Refused` with every
    reason found first; ``late`` stores whatever was given and flags what did not fit.
    """
    one = _prepare(programme, station, worker_id, occupation, quantity, at, by, late=late, booked=booking is not None)
    one.booking = booking or _booking_of(one)
    _check_input(one)
    _check_booking(one)
    _check_person(one, worker_id)
    shown = Shown(_code_fits(one, proof_code), proof_picture_id is not None, signature_seen)
    problems = rules.problems_with_proof(one.item.proof, shown)
    problems += rules.problems_with_proxy(one.item.proof, proxy, named=bool(one.records))
    one.mind(problems, Flag.PROOF)
    registered_by, reason = _two_people(one, exception_reason)
    share_id = _take_quota(one)
    # the money before the goods, as when goods are bought
    paid = _take_money(one) if one.programme.charge is Charge.PER_PLACE else None
    cost, line_id = _take_goods(one), one.programme.budget_line_id
    if paid:
        cost, line_id = paid
    stay = queries.find_stay(one.records, station.id, one.on) if station and one.records else None
    row = Delivery(
        id=one.ident, at=one.at, recorded_at=clock.now(), programme_id=programme.id, item_id=one.item.id, union_id=one.union_id,
        station_id=station.id if station else None, place_name=place_name or (station.name if station else programme.name),
        worker_id=one.records[0] if one.records else None, occupation=occupation, quantity=quantity,
        unit_cost=rules.unit_cost(cost, quantity), cost=cost, budget_line_id=line_id,
        booking_id=one.booking.id if one.booking else None, visit_id=stay and stay[0], visit_at=stay and stay[1],
        rule_id=one.rule.id if one.rule else None, facts=one.facts, quota_share_id=share_id, source=source, late=late,
        flags=rules.flags_of(one.flags), over_limit=any(flag in OVER_LIMIT for flag in one.flags), needs_two=one.item.needs_two,
        by_account_id=_account(by), registered_by_account_id=registered_by, exception_reason=reason, proof=one.item.proof,
        proof_picture_id=proof_picture_id, proof_confirmed_at=clock.now() if shown.code_fits else None,
    )  # fmt: skip
    if proxy and one.records and tidy(proxy.name) and tidy(proxy.relation):
        row.proxy_name, row.proxy_relation = tidy(proxy.name), tidy(proxy.relation)
    db.session.add(row)
    db.session.flush()
    audit.record(
        "delivery.given", by=by, subject=row, union_id=row.union_id, programme=programme.code, quantity=quantity,
        cost=str(cost), source=source.value, flags=row.flags, alone=reason,
    )  # fmt: skip
    return row


# --- what is looked at before --------------------------------------------------------------------------------------


def _prepare(
    programme: Programme, station: Station | None, worker_id: UUID | None, occupation: Occupation, quantity: int,
    at: datetime | None, by: By, *, late: bool, booked: bool,
) -> _Handing:  # fmt: skip
    """What is known; whoever decides about the same person and programme at the same time waits here."""
    item, rule = queries.item_of(programme), eligibility.find_rule(programme.id)
    records = workers.same_person(worker_id) if worker_id and item.named else []
    if records:
        queries.hold_person(records[0], programme.id)
        # Who wants no record of services is on none, unless something depends on it: a limit, a code, a second person.
        if not booked and queries.wants_no_record(records[0]) and rules.may_forget(rule, item):
            records = []
    moment = at or clock.now()
    day = clock.business_day(moment)
    return _Handing(programme, item, station, moment, day, quantity, late, by, rule, records, occupation)


def _booking_of(one: _Handing) -> Booking | None:
    """The booking that this person comes for, though nobody named it; a second thing goes without."""
    if not one.records or not one.station or one.quantity != 1:
        return None
    return queries.find_due(one.records, one.programme.id, one.station.id, one.on)


def _check_input(one: _Handing) -> None:
    problems = rules.problems_with_delivering(quantity=one.quantity, at=one.at, now=clock.now(), booked=one.booking is not None)
    if problems:
        raise Refused(problems)
    one.mind(queries.problems_with_place(one.programme, one.station, one.on, booked=one.booking is not None), Flag.PROGRAMME)


def _check_booking(one: _Handing) -> None:
    """The booking is this person's, for this, and was not given yet; then the person is checked in with it."""
    if not (booking := one.booking):
        return
    fits = booking.programme_id == one.programme.id and (not one.item.named or booking.worker_id in one.records)
    if fits:  # the person before the session, also where the item keeps no name
        queries.hold_person(workers.same_person(booking.worker_id)[0], booking.programme_id)
    queries.hold_booking(booking)
    given_at = queries.given_at(booking.id)
    one.mind(rules.problems_with_booking(fits=fits, given_at=given_at), Flag.LIMIT)
    if not fits or given_at:
        one.booking = None  # late: what was given stands, without the booking
    elif booking.status is not BookingStatus.ATTENDED:
        here = one.station.id if one.station else None
        held = one.move(
            Flag.PROGRAMME,
            lambda: bookings.check_in(booking=booking, by=one.by, at=one.at, late=one.late, station_id=here),
        )
        one.booking = held


def _check_person(one: _Handing, worker_id: UUID | None) -> None:
    """The rule in force, for this person on that day; unnamed things are judged and then forgotten."""
    item = one.item.supply_item_id
    inside = bool(item and goods.list_with_alcohol([item]))
    one.mind(problems_with_alcohol(one.occupation, contains_alcohol=inside), Flag.LIMIT)
    if worker_id is None or not one.rule:
        problems = rules.problems_with_nobody(
            named=one.item.named, rule=one.rule, proof=one.item.proof, occupation=one.occupation.value
        )
        return one.mind(problems, Flag.LIMIT)
    judged = eligibility.judge(
        rule=one.rule, worker_id=worker_id, item_id=one.item.id, programme_id=one.programme.id, on=one.on,
        without_booking=one.booking.id if one.booking else None, quantity=one.quantity,
    )  # fmt: skip
    one.facts = judged.facts.frozen(one.on) if one.records else {}
    return one.mind(judged.problems, Flag.LIMIT)


def _code_fits(one: _Handing, code: str | None) -> bool | None:
    """Whether the code is this person's: their card's, or that of their booking here today."""
    if not code or not tidy(code):
        return None
    worker = workers.find_by_card(code, one.at if one.late else None)
    if worker:
        return worker.id in one.records
    return queries.is_code_of(code, one.records, one.booking, one.station, one.on)


def _two_people(one: _Handing, reason: str | None) -> tuple[UUID | None, str | None]:
    """Who else had a hand in it (whoever gives, if it was they), and the reason where one person did both."""
    giver, others = _account(one.by), queries.list_hands(one.programme, one.rule, one.booking, one.records, one.on)
    problems = rules.problems_with_two_people(needs_two=one.item.needs_two, giver=giver, others=others, reason=reason)
    if problems and not one.late:
        raise Refused(problems)
    alone = giver is None or giver in others
    kept = tidy(reason) if one.item.needs_two and alone and reason else None
    return (giver if alone and giver else next(iter(others), None)), kept


def _account(by: By) -> UUID | None:
    return by.id if by.kind == "staff" else None


# --- what moves ----------------------------------------------------------------------------------------------------


def _take_quota(one: _Handing) -> UUID | None:
    """A share of the quota, unless the booking holds it already."""
    if one.booking:
        return None
    values = {"programme_id": one.programme.id, "station_id": one.station.id if one.station else None, "union_id": one.union_id}
    return one.move(Flag.QUOTA, lambda: quotas.take(**values, quantity=one.quantity, by=one.by))


def _take_goods(one: _Handing) -> Decimal:
    """Goods leave the station's stock; answers what they cost."""
    if not one.item.supply_item_id or not one.station:
        return Decimal(0)
    taken = supplies.hand_out(
        station_id=one.station.id, supply_item_id=one.item.supply_item_id, quantity=one.quantity,
        cause=StockCause("deliveries", str(one.ident)), by=one.by, late=one.late, at=one.at,
    )  # fmt: skip
    if taken.short:
        one.flags.add(Flag.STOCK)
    return taken.cost if one.programme.charge is Charge.GOODS else Decimal(0)


def _take_money(one: _Handing) -> tuple[Decimal, UUID | None]:
    """What the booking reserved is spent; whoever walks in reserves and spends at once. Answers cost and line."""
    price = one.booking.price if one.booking else one.programme.price
    cost = price * one.quantity
    cause = _cause_of(one.booking, one.ident, one.programme)

    def work() -> UUID:
        held = list_commitments(cause.table, cause.id, lock=True)
        missing = cost - sum((each.reserved for each in held), Decimal(0))
        if missing > 0:
            held = ledger.reserve(line_id=one.programme.budget_line_id, amount=missing, cause=cause, falls_on=one.on, by=one.by)
        ledger.spend(cause=cause, amount=cost, by=one.by)
        return held[0].line_id

    return cost, one.move(Flag.MONEY, work) or one.programme.budget_line_id


def _cause_of(booking: Booking | None, ident: UUID, programme: Programme) -> Cause:
    return Cause("bookings", str(booking.id), programme.name) if booking else Cause("deliveries", str(ident), programme.name)


# --- back ----------------------------------------------------------------------------------------------------------


def reverse_delivery(*, delivery: Delivery, reason: str, by: By) -> DeliveryReversal:
    """Take a delivery back: its goods, its part of the quota and what is not paid yet are there again, the booking is open.

    Raises `Refused` if it was taken back before, or if the programme's accounts are settled.
    """
    programme = db.session.get_one(Programme, delivery.programme_id)
    if delivery.worker_id:
        queries.hold_person(workers.same_person(delivery.worker_id)[0], programme.id)
    booking = db.session.get_one(Booking, delivery.booking_id) if delivery.booking_id else None
    if booking:
        queries.hold_booking(booking)
    db.session.execute(sa.select(Delivery.id).where(Delivery.id == delivery.id).with_for_update())
    before = queries.find_reversal(delivery.id)
    problems = rules.problems_with_reversing(reversed_at=before and before.at, status=programme.status, reason=reason)
    if problems:
        raise Refused(problems)
    row = DeliveryReversal(delivery_id=delivery.id, at=clock.now(), by_account_id=_account(by), reason=tidy(reason))
    db.session.add(row)
    db.session.flush()
    if delivery.quota_share_id:
        quotas.put_back(share_id=delivery.quota_share_id, quantity=delivery.quantity, by=by)
    back = _give_money_back(delivery, booking, programme, by)
    if delivery.station_id:
        supplies.give_back(cause=StockCause("deliveries", str(delivery.id)), by=by)
    if booking and booking.status is BookingStatus.ATTENDED:
        bookings.undo_check_in(booking=booking, by=by)
    audit.record(
        "delivery.reversed", by=by, subject=delivery, union_id=delivery.union_id, programme=programme.code, reason=row.reason,
        money=str(back),
    )  # fmt: skip
    return row


def _give_money_back(delivery: Delivery, booking: Booking | None, programme: Programme, by: By) -> Decimal:
    """Reverse what was spent and is not paid; an open booking gets its reservation again, if the line still gives it."""
    cause = _cause_of(booking, delivery.id, programme)
    held = list_commitments(cause.table, cause.id, lock=True)
    most = sum((one.spent - one.paid for one in held), Decimal(0))
    amount = min(most, delivery.cost)
    if amount <= 0:
        return Decimal(0)
    ledger.reverse(cause=cause, amount=amount, by=by)
    if booking and programme.status is not ProgrammeStatus.CLOSED:
        try:
            with db.session.begin_nested():
                ledger.reserve(line_id=held[0].line_id, amount=amount, cause=cause, falls_on=held[0].falls_on, by=by)
        except Refused:
            pass  # the budget was frozen meanwhile; whoever gives it then asks the line again
    return amount


def note_export(*, union_id: UUID, filters: queries.Filters, by: By) -> None:
    """Write down that a list of people left the house, and which."""
    said = {name: str(value) for name, value in asdict(filters).items() if value}
    audit.record("deliveries.exported", by=by, subject=("deliveries", union_id), union_id=union_id, **said)
