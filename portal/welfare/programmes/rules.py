"""What is decided about programmes from values alone: what keeps one from being entered, submitted, opened, given, booked.

All days are days of Shanghai, and every boundary belongs to what it bounds: "until the 30th" includes the 30th.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal import clock
from portal.stations.register.models import Station
from portal.types import N_, Level, Problem, Text, text
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.eligibility.rules import says_rule
from portal.welfare.items.models import WelfareCategory
from portal.welfare.ledger.models import BudgetLine
from portal.welfare.programmes.models import NEXT_STATUSES, BookingDays, Charge, Programme, ProgrammePlace, ProgrammeStatus, Way

S = ProgrammeStatus
EDITABLE = (S.DRAFT, S.APPROVED, S.OPEN, S.PAUSED)
# What decides over money; once approved it changes only by a new proposal and another person's approval.
MONEY_FIELDS = ("starts_on", "ends_on", "quota", "price", "charge", "budget_line_id")


@dataclass(frozen=True)
class ProgrammeValues:
    """A programme as it is entered; ``price`` in yuan, days inclusive, ``ways`` in words of `Way`. No item: a heading."""

    name: str
    summary: str
    starts_on: date
    ends_on: date
    item_id: UUID | None = None
    parent_id: UUID | None = None
    owner_department: str | None = None
    quota: int | None = None
    price: Decimal = Decimal(0)
    charge: Charge = Charge.NOTHING
    budget_line_id: UUID | None = None
    ways: tuple[str, ...] = ()
    everywhere: bool = False
    booking_days: BookingDays = BookingDays.AHEAD
    days_ahead: int = 14
    booking_opens_at: datetime | None = None
    cancel_hours: int = 2
    grace_minutes: int = 10
    offer_minutes: int = 120


@dataclass(frozen=True)
class Filters:
    """What the staff's list is narrowed to."""

    q: str | None = None
    category: WelfareCategory | None = None
    status: ProgrammeStatus | None = None
    department: str | None = None


@dataclass(frozen=True)
class LineChoice:
    """A budget line that may pay, and what it has left."""

    line: BudgetLine
    year: int
    left: Decimal


@dataclass(frozen=True)
class PlaceRow:
    """A place of a programme: with its station, or a provider."""

    place: ProgrammePlace
    station: Station | None

    @property
    def name(self) -> str:
        """How the place is called."""
        return self.station.name if self.station else self.place.provider_name

    @property
    def address(self) -> str | None:
        """Where it is."""
        return self.station.address if self.station else self.place.address


def problems_with_values(values: ProgrammeValues) -> list[Problem]:
    """What keeps a programme from being written down at all."""
    found = []

    def wrong(code: str, message: str, field: str, **more: Any) -> None:
        found.append(Problem(code, text(message, **more), field=field))

    if values.ends_on < values.starts_on:
        wrong("period", N_("The last day lies before the first."), "ends_on")
    if values.price != values.price.quantize(Decimal("0.01")):
        wrong("fen", N_("Enter the cost to the fen, not finer."), "price")
    if values.item_id is None:
        if values.ways:
            wrong("heading", N_("A heading gives nothing itself; choose an item, or take the ways off."), "ways")
        if values.charge is not Charge.NOTHING or values.budget_line_id:
            wrong("heading_money", N_("A heading costs nothing; its programmes do."), "charge")
        return found
    if not values.ways:
        wrong("no_way", N_("Say how people come to it: walk in, book, enrol or by code."), "ways")
    if values.charge is Charge.PER_PLACE:
        if not values.budget_line_id:
            wrong("no_line", N_("Choose the budget line that pays for each place."), "budget_line")
        if values.price <= 0:
            wrong("no_price", N_("Enter what one place costs the union."), "price")
    opens = values.booking_opens_at
    if opens and clock.business_day(opens) > values.ends_on:
        wrong("opens_late", N_("Booking would open after the last day."), "booking_opens_at")
    return found


def money_changes(programme: Programme, values: ProgrammeValues) -> dict[str, Any]:
    """The fields that decide over money in which the values differ from what was approved."""
    return {name: new for name in MONEY_FIELDS if (new := getattr(values, name)) != getattr(programme, name)}


def plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes as they wait in the database."""
    return {name: value if isinstance(value, int | None) else str(value) for name, value in changes.items()}


def read_pending(pending: Mapping[str, Any]) -> dict[str, Any]:
    """Changes that wait, in their types."""
    kinds = {"starts_on": date.fromisoformat, "ends_on": date.fromisoformat, "quota": int, "price": Decimal, "charge": Charge,
             "budget_line_id": UUID}  # fmt: skip
    return {name: None if value is None else kinds[name](value) for name, value in pending.items()}


# --- from draft to the end -----------------------------------------------------------------------------------------


def problems_with_editing(programme: Programme) -> list[Problem]:
    """Whether a programme may be changed now."""
    if programme.status in EDITABLE:
        return []
    if programme.status is S.SUBMITTED:
        says = N_("It waits for a decision and stays as it is until then; take it back to change it.")
        return [Problem("submitted", text(says))]
    return [Problem("over", text(N_("A programme that is “%(status)s” is not changed any more."), status=programme.status))]


def problems_with_submitting(programme: Programme, *, today: date, places: int, rule_known: bool) -> list[Problem]:
    """What is missing before a programme can be handed in; amber asks for a look."""
    found = []
    if programme.status is not S.DRAFT:
        return [Problem("not_draft", text(N_("Only a draft is handed in.")))]
    if not programme.summary:
        found.append(Problem("no_summary", text(N_("Say in a sentence or two what it is and what people get.")), field="summary"))
    if programme.ends_on < today:
        found.append(Problem("past", text(N_("Its last day, %(day)s, is over."), day=programme.ends_on), field="ends_on"))
    if programme.item_id is None:
        return found
    if not programme.everywhere and not places:
        found.append(Problem("no_place", text(N_("Say where it is given: at every station, or at which places."))))
    if not rule_known:
        found.append(Problem("no_rule", text(N_("Say who may have it."))))
    return found


def problems_with_money(programme: Programme, left: Decimal | None) -> list[Problem]:
    """Whether the line holds what the whole quota would cost; a warning, because the ledger itself refuses later.

    Only until it opens: from then on a part of the quota is taken from the line already.
    """
    begun = programme.status not in (S.DRAFT, S.SUBMITTED, S.APPROVED)
    if begun or programme.charge is not Charge.PER_PLACE or left is None or not programme.quota:
        return []
    whole = programme.quota * programme.price
    if whole <= left:
        return []
    says = N_("All %(quota)s places would cost %(whole)s; the line has %(left)s left.")
    return [Problem("line_short", text(says, quota=programme.quota, whole=whole, left=left), Level.AMBER)]


def problems_with_deciding(programme: Programme, account_id: UUID | None) -> list[Problem]:
    """Whether somebody may decide: it waits, and it is not their own."""
    waits = programme.status is S.SUBMITTED or programme.pending is not None
    if not waits:
        return [Problem("not_submitted", text(N_("This programme does not wait for a decision.")))]
    proposer = programme.pending_by_account_id if programme.pending is not None else programme.proposed_by_account_id
    if account_id is not None and account_id == proposer:
        return [Problem("own_proposal", text(N_("Who proposes does not approve. Another person has to decide.")))]
    return []


def problems_with_status(programme: Programme, status: ProgrammeStatus) -> list[Problem]:
    """Whether a programme may become this, by the one table of moves."""
    if status in NEXT_STATUSES[programme.status]:
        return []
    says = N_("A programme that is “%(now)s” cannot become “%(new)s”.")
    return [Problem("status", text(says, now=programme.status, new=status), field="status")]


def problems_with_opening(programme: Programme, *, today: date, rule_approved: bool) -> list[Problem]:
    """What keeps an approved programme shut: no approved rule, or a day outside its period (booking may begin before it)."""
    found = []
    if not rule_approved:
        found.append(Problem("no_rule", text(N_("Nobody has approved yet who may have it."))))
    if today > programme.ends_on:
        found.append(Problem("past", text(N_("Its last day, %(day)s, is over."), day=programme.ends_on)))
    elif today < programme.starts_on and Way.BOOK not in programme.ways and Way.ENROL not in programme.ways:
        says = N_("It begins on %(day)s; until then it stays shut.")
        found.append(Problem("before", text(says, day=programme.starts_on)))
    return found


# --- may it be given, may it be booked -----------------------------------------------------------------------------


def _problems_with_period(programme: Programme, on: date) -> list[Problem]:
    if on < programme.starts_on:
        return [Problem("before", text(N_("It begins on %(day)s."), day=programme.starts_on))]
    if on > programme.ends_on:
        return [Problem("after", text(N_("It ended on %(day)s."), day=programme.ends_on))]
    return []


def problems_with_giving(programme: Programme, on: date, *, booked: bool = False) -> list[Problem]:
    """Whether it is given on a day at all. ``booked``: the person has a place; a pause keeps the places that were booked."""
    if programme.status is S.PAUSED and not booked:
        return [Problem("paused", text(N_("It is paused just now; places that were booked are kept.")))]
    if programme.status not in (S.OPEN, S.PAUSED):
        return [Problem("not_open", text(N_("It is not open: %(status)s."), status=programme.status))]
    return _problems_with_period(programme, on)


def problems_with_booking(programme: Programme, on: date, now: datetime) -> list[Problem]:
    """Whether a place on a day may be booked at this moment."""
    if programme.status is S.PAUSED:
        return [Problem("paused", text(N_("No new bookings just now; places that were booked are kept.")))]
    if programme.status is not S.OPEN:
        return [Problem("not_open", text(N_("It is not open: %(status)s."), status=programme.status))]
    if Way.BOOK not in programme.ways and Way.ENROL not in programme.ways:
        return [Problem("no_booking", text(N_("This is not booked; simply come.")))]
    if found := _problems_with_period(programme, on):
        return found
    if programme.booking_opens_at and now < programme.booking_opens_at:
        return [Problem("opens_later", text(N_("Booking opens on %(moment)s."), moment=programme.booking_opens_at))]
    return _problems_with_day(programme, on, clock.business_day(now))


def _problems_with_day(programme: Programme, on: date, today: date) -> list[Problem]:
    if on < today:
        return [Problem("past", text(N_("This day is over.")))]
    first, last = bookable_days(programme, today)
    if first <= on <= last:
        return []
    if programme.booking_days is BookingDays.NEXT_DAY:
        says = text(N_("Only the next day can be booked; this one from %(day)s."), day=on - timedelta(days=1))
        if on == today:
            says = text(N_("Only the next day can be booked: %(day)s."), day=first)
        return [Problem("next_day_only", says)]
    if programme.booking_days is BookingDays.SAME_DAY:
        return [Problem("same_day_only", text(N_("It is booked on the day itself: on %(day)s."), day=on))]
    says = N_("This day can be booked from %(day)s.")
    return [Problem("too_far", text(says, day=on - timedelta(days=programme.days_ahead)))]


def bookable_days(programme: Programme, today: date) -> tuple[date, date]:
    """The first and the last day that can be booked today, both included; whether the period holds them is another question."""
    if programme.booking_days is BookingDays.NEXT_DAY:
        return today + timedelta(days=1), today + timedelta(days=1)
    if programme.booking_days is BookingDays.SAME_DAY:
        return today, today
    return today, today + timedelta(days=programme.days_ahead)


# --- in words ------------------------------------------------------------------------------------------------------


def says_booking(programme: Programme, now: datetime | None = None) -> list[Text]:
    """How one books, in words for everyone; with ``now``, without the opening that is past."""
    if Way.BOOK not in programme.ways and Way.ENROL not in programme.ways:
        return []
    days = {
        BookingDays.AHEAD: text(N_("You can book up to %(days)s days ahead."), days=programme.days_ahead),
        BookingDays.NEXT_DAY: text(N_("You can book the next day only.")),
        BookingDays.SAME_DAY: text(N_("You can book on the day itself only.")),
    }[programme.booking_days]
    said = [days]
    if programme.booking_opens_at and (now is None or programme.booking_opens_at > now):
        said.append(text(N_("Booking opens on %(moment)s."), moment=programme.booking_opens_at))
    if programme.cancel_hours:
        said.append(text(N_("You can cancel until %(hours)s hours before."), hours=programme.cancel_hours))
    else:
        said.append(text(N_("You can cancel until it begins.")))
    if programme.grace_minutes:
        said.append(
            text(N_("Your place is kept for %(minutes)s minutes; then it goes to the next."), minutes=programme.grace_minutes)
        )
    return said


def says_whom(rule: EligibilityRule | None) -> list[Text]:
    """What a rule asks of the person, short, without how often; empty: open to everyone of its audience."""
    if rule is None:
        return []
    ages = rule.min_age is not None or rule.max_age is not None
    asked = (rule.occupations, rule.sex, ages, rule.within_union_id, rule.employers)
    return says_rule(rule)[1 : 1 + sum(map(bool, asked))]


def says_ways(ways: Iterable[str]) -> list[Text]:
    """What to do for it, one sentence for each way, in the order of the vocabulary."""
    said = {
        Way.WALK_IN: text(N_("Simply come by; nothing has to be booked.")),
        Way.BOOK: text(N_("Book a time on the phone, or let the staff of a station book for you.")),
        Way.ENROL: text(N_("Enrol for all its dates at once.")),
        Way.CODE: text(N_("Show your one-time code when you come.")),
    }
    return [said[one] for one in Way if one in ways]


# --- the tree ------------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """A programme in the tree: how deep it stands, and what stands beneath it (programmes, and those of them open)."""

    programme: Programme
    union: str
    depth: int = 0
    own: bool = True
    beneath: int = 0
    open_beneath: int = 0


def arrange(nodes: Iterable[Node]) -> list[Node]:
    """Nodes from the top down, each followed by what stands beneath it, with depth and counts; siblings keep their order."""
    nodes = list(nodes)
    there = {node.programme.id for node in nodes}
    children: dict[UUID | None, list[Node]] = {}
    for node in nodes:
        parent = node.programme.parent_id
        children.setdefault(parent if parent in there else None, []).append(node)
    ordered: list[Node] = []
    for root in children.get(None, []):
        _walk(root, 0, children, ordered)
    return ordered


def _walk(node: Node, depth: int, children: Mapping[UUID | None, list[Node]], ordered: list[Node]) -> None:
    node.depth = depth
    ordered.append(node)
    for child in children.get(node.programme.id, []):
        _walk(child, depth + 1, children, ordered)
        gives = child.programme.item_id is not None
        node.beneath += child.beneath + gives
        node.open_beneath += child.open_beneath + (gives and child.programme.status is S.OPEN)
