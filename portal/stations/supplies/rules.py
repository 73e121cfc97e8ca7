"""What is decided about stock from values alone: which lot leaves first, when something runs out, what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from portal.stations.supplies.models import MovementKind, SupplyKind
from portal.types import N_, Level, Problem, Text, text
from portal.vocabulary import DRIVERS, RIDERS, Occupation

USE_DAYS = 28
LEAST_DAYS = 7
SOON_DAYS = 7
NOTE_LENGTH = 300
MOST = 1_000_000
MOST_COST = Decimal(1_000_000)
INCOMING = (MovementKind.OPENING, MovementKind.PURCHASE, MovementKind.DONATION)
WEEKDAYS = (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"))


@dataclass(frozen=True)
class StockCause:
    """What a movement happened for: a row of another noun, by table and id."""

    table: str
    id: str


# --- to whom --------------------------------------------------------------------------------------------------------


def problems_with_alcohol(occupation: Occupation, *, contains_alcohol: bool) -> list[Problem]:
    """Alcohol and driving: refused to whoever drives a car or truck, said to whoever rides."""
    if contains_alcohol and occupation in DRIVERS:
        return [Problem("alcohol", text(N_("Contains alcohol: nothing for somebody who drives.")))]
    if contains_alcohol and occupation in RIDERS:
        return [Problem("alcohol", text(N_("Contains alcohol: not before riding on. Say so first.")), Level.AMBER)]
    return []


# --- lots -----------------------------------------------------------------------------------------------------------


def is_good(expires_on: date | None, on: date) -> bool:
    """Whether a lot may be handed out on a day: its last day counts, at midnight (+08:00) after it the lot is blocked."""
    return expires_on is None or expires_on >= on


@dataclass(frozen=True)
class OnShelf:
    """A lot as the rules need it."""

    id: UUID
    expires_on: date | None
    on_hand: int
    unit_cost: Decimal = Decimal(0)


def leaving_order(lot: OnShelf) -> tuple[date, UUID]:
    """Earliest date first, what never expires last; of the same date the older lot."""
    return lot.expires_on or date.max, lot.id


def draw(lots: Iterable[OnShelf], wanted: int, on: date | None) -> tuple[list[tuple[OnShelf, int]], int]:
    """What to take from which lots, earliest date first, and how much is missing. With ``on`` only lots good that day."""
    parts = []
    for lot in sorted(lots, key=leaving_order):
        if wanted and lot.on_hand and (on is None or is_good(lot.expires_on, on)):
            part = min(wanted, lot.on_hand)
            parts.append((lot, part))
            wanted -= part
    return parts, wanted


# --- when it runs out -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunsOut:
    """From real use: the first day on which it does not suffice, how many leave a day, over how many days reckoned."""

    on: date
    per_day: Decimal
    days: int

    def says(self, today: date) -> Text:
        """“Runs out on Thursday”, with the day itself further on; beyond two months it is far off."""
        away = (self.on - today).days
        if away <= 0:
            return text(N_("Runs out today"))
        if away == 1:
            return text(N_("Runs out tomorrow"))
        if away < SOON_DAYS:
            return text(N_("Runs out on %(day)s"), day=text(WEEKDAYS[self.on.weekday()]))
        return text(N_("Lasts until about %(day)s"), day=self.on) if away <= 60 else text(N_("Lasts for more than two months"))

    def reckoned(self) -> Text:
        """How it is reckoned, in words."""
        says = N_("From real use in the last %(days)s days: %(per_day)s a calendar day, closed days included.")
        return text(says, days=self.days, per_day=plain(self.per_day))


def plain(number: Decimal) -> str:
    """A decimal without needless zeros: 2, 2.5."""
    return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"{number:f}"


def runs_out(lots: Iterable[OnShelf], used: Mapping[date, int], since: date | None, today: date) -> RunsOut | None:
    """When stock ends if people go on taking as they did; None with fewer than seven days on which something was taken.

    ``used``: pieces by day, taken back deducted. ``since``: the first day it was ever in stock; days before it do not count.
    Lots are used up in their order, and what a lot still holds at its date is of no use.
    """
    first = max(today - timedelta(days=USE_DAYS), since or date.min)
    days = (today - first).days
    known = {day: pieces for day, pieces in used.items() if first <= day < today and pieces}
    total = sum(known.values())
    if days < LEAST_DAYS or len(known) < LEAST_DAYS or total <= 0:
        return None
    rate = Decimal(total) / days
    reach = Decimal(0)  # days from today, as a number
    for lot in sorted(lots, key=leaving_order):
        if is_good(lot.expires_on, today):
            lasts = Decimal(lot.on_hand) / rate
            if lot.expires_on is not None:
                lasts = min(lasts, max(Decimal((lot.expires_on - today).days + 1) - reach, Decimal(0)))
            reach += lasts
    whole = min(int(reach), 3650)
    return RunsOut(today + timedelta(days=whole), rate.quantize(Decimal("0.1"), ROUND_HALF_UP), days)


# --- problems -------------------------------------------------------------------------------------------------------


def problems_with_quantity(quantity: int, field: str = "quantity") -> list[Problem]:
    """A number of pieces that somebody can hold."""
    if 1 <= quantity <= MOST:
        return []
    return [Problem("quantity", text(N_("Enter a whole number from 1 to %(most)s."), most=MOST), field=field)]


def problems_with_note(note: str | None, *, needed: Text | None = None, field: str = "note") -> list[Problem]:
    """A note is short, and where it must be there it is."""
    if needed and not note:
        return [Problem("note_missing", needed, field=field)]
    if len(note or "") <= NOTE_LENGTH:
        return []
    says = text(N_("At most %(most)s characters; this has %(now)s."), most=NOTE_LENGTH, now=len(note))
    return [Problem("note_too_long", says, field=field)]


def problems_with_incoming(
    kind: SupplyKind, expires_on: date | None, received_on: date, unit_cost: Decimal, today: date, *, expires: bool, closed: bool
) -> list[Problem]:
    """Whether what came in can be a lot of this item."""
    found = []
    if kind is SupplyKind.KIT:
        found.append(Problem("is_kit", text(N_("A pack is put together when it is given; enter its parts.")), field="item"))
    if closed:
        found.append(Problem("item_closed", text(N_("This item is no longer stocked.")), field="item"))
    if expires and expires_on is None:
        found.append(Problem("expiry_missing", text(N_("Say until when it is good; it stands on the box.")), field="expires_on"))
    if received_on > today:
        found.append(Problem("received_later", text(N_("This day has not come yet.")), field="received_on"))
    if expires_on is not None and expires_on < received_on:
        says = text(N_("It was past its date (%(day)s) when it came in."), day=expires_on)
        found.append(Problem("expired_on_arrival", says, field="expires_on"))
    if not 0 <= unit_cost <= MOST_COST:
        found.append(Problem("unit_cost", text(N_("Enter what one costs in yuan; 0 if nothing.")), field="unit_cost"))
    return found


def problems_with_correcting(
    was: date | None, expires_on: date | None, received_on: date, today: date, *, expires: bool
) -> list[Problem]:
    """Whether a lot may get another date: not once it is past its date."""
    if not is_good(was, today):
        says = text(N_("This lot is past its date. Ask for it to be written off; a second person confirms."))
        return [Problem("expired", says)]
    if expires and expires_on is None:
        return [Problem("expiry_missing", text(N_("Say until when it is good; it stands on the box.")), field="expires_on")]
    if expires_on is not None and expires_on < received_on:
        says = text(N_("It was past its date (%(day)s) when it came in."), day=expires_on)
        return [Problem("expired_on_arrival", says, field="expires_on")]
    return []


def at_fields(problems: Iterable[Problem], names: Mapping[str, str]) -> list[Problem]:
    """The same problems beside a form's own fields, where two forms on one page must not share a name."""
    return [replace(one, field=names.get(one.field or "", one.field)) for one in problems]


def out_of_stock(name: str, unit: str, left: int, asked: int) -> Problem:
    """Not enough is there: what is left, and what was asked."""
    if left:
        says = text(N_("Of “%(item)s” %(left)s %(unit)s are left here; %(asked)s were asked."),
                    item=name, left=left, unit=unit, asked=asked)  # fmt: skip
    else:
        says = text(N_("“%(item)s” is used up here."), item=name)
    return Problem("out_of_stock", says, field="quantity")


@dataclass(frozen=True)
class ItemValues:
    """What the catalogue says about an item; ``parts`` are (item's id, how many) of a pack."""

    name: str
    unit: str
    kind: SupplyKind = SupplyKind.GOODS
    expires: bool = True
    contains_alcohol: bool = False
    warn_days: int = 30
    parts: tuple[tuple[UUID, int], ...] = ()


def problems_with_item(values: ItemValues, parts: Sequence[tuple[str, SupplyKind, int]]) -> list[Problem]:
    """Whether the catalogue may say so; ``parts`` are (name, kind, how many)."""
    found = []
    if not 0 <= values.warn_days <= 365:
        found.append(Problem("warn_days", text(N_("Enter a whole number from 0 to 365.")), field="warn_days"))
    return found + problems_with_parts(values.kind, parts)


def problems_with_parts(kind: SupplyKind, parts: Sequence[tuple[str, SupplyKind, int]]) -> list[Problem]:
    """What a pack may be made of: ``parts`` are (name, kind, how many)."""
    if kind is not SupplyKind.KIT:
        return [Problem("parts", text(N_("Only a pack has parts.")), field="parts")] if parts else []
    if not parts:
        return [Problem("parts", text(N_("Say what is in the pack: at least one thing.")), field="parts")]
    found = []
    for name, part_kind, quantity in parts:
        if part_kind is SupplyKind.KIT:
            says = text(N_("“%(item)s” is a pack itself. A pack is made of things, not of packs."), item=name)
            found.append(Problem("kit_of_kits", says, field="parts"))
        if not 1 <= quantity <= 1000:
            says = text(N_("“%(item)s”: enter a whole number from 1 to %(most)s."), item=name, most=1000)
            found.append(Problem("part_quantity", says, field="parts"))
    return found


# --- what the keeper should know ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """An item at a station in plain values, as a warning needs it."""

    name: str
    unit: str
    usable: int
    expired: int
    expiring: int  # usable pieces whose date lies within the item's warn days
    next_expiry: date | None
    shortage: int
    used: int  # in the last 28 days
    runs_out: RunsOut | None


def warnings(state: State, today: date) -> list[Problem]:
    """What runs out, expires, is past its date or does not agree with the book, the most urgent first."""
    found = []

    def warn(code: str, level: Level, message: str, **values) -> None:
        found.append(Problem(code, text(message, item=state.name, unit=state.unit, **values), level))

    if state.expired:
        says = N_("%(item)s: %(count)s %(unit)s past the date; blocked, to be written off")
        warn("expired", Level.RED, says, count=state.expired)
    if not state.usable and state.used:
        warn("used_up", Level.RED, N_("%(item)s: used up"))
    elif state.runs_out and (state.runs_out.on - today).days < SOON_DAYS:
        warn("runs_out", Level.AMBER, N_("%(item)s: %(when)s, %(left)s %(unit)s left"),
             when=state.runs_out.says(today), left=state.usable)  # fmt: skip
    if state.expiring and state.next_expiry:
        warn("expires", Level.AMBER, N_("%(item)s: %(count)s %(unit)s expire soon, the first on %(day)s"),
             count=state.expiring, day=state.next_expiry)  # fmt: skip
    if state.shortage:
        warn("shortage", Level.AMBER, N_("%(item)s: %(count)s %(unit)s more were given than the book had; count them"),
             count=state.shortage)  # fmt: skip
    return found
