"""Opening hours: what is open when.

Hours are stretches of a weekday in minutes after midnight. `spans` lays them on the calendar: a public holiday, a make-up
workday or an exception changes which stretches *begin* on a day; what began the night before runs out all the same. All
of "open now" reads spans, so it is right wherever they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

import chinese_calendar

from portal import clock
from portal.types import N_, Text, Word, text

DAY = 1440
WEEK = 7 * DAY
SOON = 30  # minutes before closing from which "closes in …" is said
# How far ahead is looked for the next opening or closing, in days: mostly the first is enough.
HORIZONS = (9, 40, 400)

WEEKDAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)


class Hours(Protocol):
    """What the rules need of an entry of opening hours; rows of the table and `Stretch` both have it."""

    weekday: int
    opens: int
    closes: int


@dataclass(frozen=True, order=True)
class Stretch:
    """A stretch of a weekday (Monday 0), in minutes after midnight; past 1440 it runs into the next day."""

    weekday: int
    opens: int
    closes: int
    staffed: bool = True


ALWAYS = tuple(Stretch(day, 0, DAY) for day in range(7))


# --- the calendar -------------------------------------------------------------------------------------------


class HolidayRule(Word):
    """What public holidays do to a station."""

    AS_USUAL = "as_usual", N_("As on other days")
    CLOSED_ON_HOLIDAYS = "closed_on_holidays", N_("Closed on public holidays")
    WORKDAYS = "workdays", N_("Closed on public holidays, open on make-up workdays")


class DayKind(Word):
    """What the public calendar says of a day; it ends with the last year that was announced."""

    NORMAL = "normal", N_("Ordinary day")
    HOLIDAY = "holiday", N_("Public holiday")
    MAKE_UP = "make_up", N_("Make-up workday")
    UNKNOWN = "unknown", N_("Holidays of this year not announced")


HOLIDAYS = {
    "New Year's Day": N_("New Year's Day"),
    "Spring Festival": N_("Spring Festival"),
    "Tomb-sweeping Day": N_("Tomb-sweeping Day"),
    "Labour Day": N_("Labour Day"),
    "Dragon Boat Festival": N_("Dragon Boat Festival"),
    "National Day": N_("National Day"),
    "Mid-autumn Festival": N_("Mid-autumn Festival"),
}


@lru_cache(maxsize=4096)
def _day(day: date) -> tuple[DayKind, str | None]:
    try:
        off, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:  # a year that the package does not hold: the weekday pattern must do
        return DayKind.UNKNOWN, None
    if name is None:
        return DayKind.NORMAL, None
    return (DayKind.HOLIDAY if off else DayKind.MAKE_UP), name


def day_kind(day: date) -> DayKind:
    """What the public calendar says of a day; never fails."""
    return _day(day)[0]


def holiday_name(day: date) -> Text | None:
    """The holiday that a day belongs to, or makes up for."""
    name = _day(day)[1]
    return None if name is None else text(HOLIDAYS.get(name, name))


@dataclass(frozen=True)
class Holiday:
    """A public holiday of one year: its name, its days off and the days worked instead."""

    name: str
    days: tuple[date, ...]
    make_up: tuple[date, ...]

    @property
    def key(self) -> str:
        """A word for addresses and forms."""
        return self.days[0].isoformat()

    @property
    def says(self) -> Text:
        """The holiday's name, to be said."""
        return text(HOLIDAYS.get(self.name, self.name))


def holidays_of(year: int) -> list[Holiday]:
    """The public holidays of a year in order; none for a year that was not announced."""
    days: dict[str, tuple[list[date], list[date]]] = {}
    first = date(year, 1, 1)
    for day in (first + timedelta(days=n) for n in range(366)):
        kind, name = _day(day) if day.year == year else (DayKind.NORMAL, None)
        if name:
            days.setdefault(name, ([], []))[kind is DayKind.MAKE_UP].append(day)
    found = [Holiday(name, tuple(off), tuple(worked)) for name, (off, worked) in days.items() if off]
    return sorted(found, key=lambda one: one.days)


class ExceptionalHours(Protocol):
    """A stretch of an exception."""

    opens: int
    closes: int


class Exceptional(Protocol):
    """Days on which the weekly hours do not hold; ``id`` grows with time."""

    id: Any
    first_on: date
    last_on: date
    closed: bool
    note: str | None
    hours: Sequence[ExceptionalHours]


@dataclass(frozen=True)
class Calendar:
    """What changes the weekly pattern on single days: exceptions before holidays."""

    rule: HolidayRule = HolidayRule.AS_USUAL
    exceptions: Sequence[Exceptional] = ()

    def exception(self, day: date) -> Exceptional | None:
        """The exception that holds on a day: of several the one made last."""
        fitting = [one for one in self.exceptions if one.first_on <= day <= one.last_on]
        return max(fitting, key=lambda one: one.id) if fitting else None

    def weekday(self, day: date) -> int | None:
        """The weekday whose hours hold on a day, leaving exceptions aside; None when a holiday shuts the door."""
        if self.rule is HolidayRule.AS_USUAL:
            return day.weekday()
        kind = day_kind(day)
        if kind is DayKind.HOLIDAY:
            return None
        return 0 if kind is DayKind.MAKE_UP and self.rule is HolidayRule.WORKDAYS else day.weekday()

    def stretches(self, hours: Iterable[Hours], day: date) -> list[tuple[int, int]]:
        """(opens, closes) of what begins on a day, in order."""
        if (exception := self.exception(day)) is not None:
            return sorted((one.opens, one.closes) for one in exception.hours)
        weekday = self.weekday(day)
        return sorted((one.opens, one.closes) for one in hours if one.weekday == weekday)

    def why(self, day: date) -> Text | None:
        """Why a day is not as usual, to say beside the hours; None on a day like others."""
        exception = self.exception(day)
        if exception is not None and exception.note:
            return text("%(note)s", note=exception.note)
        kind = day_kind(day)
        if kind is DayKind.HOLIDAY and (exception is not None or self.rule is not HolidayRule.AS_USUAL):
            return holiday_name(day)
        if kind is DayKind.MAKE_UP and (exception is not None or self.rule is HolidayRule.WORKDAYS):
            return text(DayKind.MAKE_UP.label)
        return None


WEEKLY = Calendar()


# --- open now -----------------------------------------------------------------------------------------------


class OpeningState(Word):
    """How a door stands at a moment."""

    ALWAYS = "always", N_("Open around the clock")
    OPEN = "open", N_("Open")
    CLOSING_SOON = "closing_soon", N_("Closing soon")
    CLOSED = "closed", N_("Closed now")
    UNKNOWN = "unknown", N_("Opening hours not known")
    OUT_OF_SERVICE = "out_of_service", N_("Out of service")


_LIGHTS = {
    OpeningState.ALWAYS: "green",
    OpeningState.OPEN: "green",
    OpeningState.CLOSING_SOON: "amber",
    OpeningState.OUT_OF_SERVICE: "red",
}


@dataclass(frozen=True)
class Opening:
    """How a station stands at a moment, and what to say about it. Moments are aware."""

    state: OpeningState
    says: Text
    until: datetime | None = None
    opens_at: datetime | None = None
    staffed: bool = True  # False: open, and one lets oneself in
    why: Text | None = None  # what makes this day differ: a holiday, or the note of an exception

    @property
    def light(self) -> str:
        """The colour beside the words: green, amber, red or grey."""
        return _LIGHTS.get(self.state, "grey")

    @property
    def is_open(self) -> bool:
        """Whether one can walk in."""
        return self.state in (OpeningState.ALWAYS, OpeningState.OPEN, OpeningState.CLOSING_SOON)


Spans = list[tuple[datetime, datetime]]


def spans(hours: Iterable[Hours], first: date, days: int, calendar: Calendar = WEEKLY) -> Spans:
    """When the door is open on ``days`` days from ``first``: half-open, in order, what touches joined."""
    weekly, found = tuple(hours), []
    for day in (first + timedelta(days=n) for n in range(days)):
        midnight = clock.start_of(day)
        for start, end in calendar.stretches(weekly, day):
            opens, closes = midnight + timedelta(minutes=start), midnight + timedelta(minutes=end)
            if found and opens <= found[-1][1]:
                found[-1] = (found[-1][0], max(closes, found[-1][1]))
            else:
                found.append((opens, closes))
    return found


def both(one: Spans, other: Spans) -> Spans:
    """When two doors are open at once."""
    found, mine, theirs = [], 0, 0
    while mine < len(one) and theirs < len(other):
        opens, closes = max(one[mine][0], other[theirs][0]), min(one[mine][1], other[theirs][1])
        if opens < closes:
            found.append((opens, closes))
        if one[mine][1] < other[theirs][1]:
            mine += 1
        else:
            theirs += 1
    return found


def is_open(hours: Iterable[Hours], at: datetime, calendar: Calendar = WEEKLY) -> bool:
    """Whether the door is open at a moment. The closing minute itself is closed."""
    yesterday = clock.business_day(at) - timedelta(days=1)
    return any(opens <= at < closes for opens, closes in spans(hours, yesterday, 2, calendar))


def opening(hours: Sequence[Hours], at: datetime, calendar: Calendar = WEEKLY) -> Opening:
    """How a door stands at a moment, in words: open until, closes in, opens at."""
    today = clock.business_day(at)
    if not hours and calendar.exception(today) is None:
        return Opening(OpeningState.UNKNOWN, text(N_("Opening hours not known")))
    if calendar == WEEKLY and covers_the_week(hours):
        return Opening(OpeningState.ALWAYS, text(N_("Open around the clock")), staffed=_is_staffed(hours, at, calendar))
    found = _standing(lambda first, days: spans(hours, first, days, calendar), at)
    return replace(found, staffed=not found.is_open or _is_staffed(hours, at, calendar), why=calendar.why(today))


def facility_opening(hours: Sequence[Hours], own: Sequence[Hours], at: datetime, calendar: Calendar = WEEKLY) -> Opening:
    """How a facility with hours of its own stands: the door must be open, and its own hours must hold."""
    if not own or not hours:
        return opening(hours, at, calendar)
    # Exceptions are about the door; a make-up workday is a Monday for the facility too.
    workdays = Calendar(HolidayRule.WORKDAYS) if calendar.rule is HolidayRule.WORKDAYS else WEEKLY
    found = _standing(lambda first, days: both(spans(hours, first, days, calendar), spans(own, first, days, workdays)), at)
    return replace(found, why=calendar.why(clock.business_day(at)))


def _standing(find_spans: Callable[[date, int], Spans], at: datetime) -> Opening:
    today = clock.business_day(at)
    for days in HORIZONS:
        for opens, closes in find_spans(today - timedelta(days=1), days):
            if opens <= at < closes:
                if closes - at > timedelta(days=7):
                    return Opening(OpeningState.ALWAYS, text(N_("Open around the clock")))
                return _open_until(closes, at)
            if at < opens:
                return Opening(OpeningState.CLOSED, _opens(opens, today), opens_at=opens)
    return Opening(OpeningState.CLOSED, text(N_("Closed now")))


def _is_staffed(hours: Sequence[Hours], at: datetime, calendar: Calendar) -> bool:
    self_entry = [one for one in hours if not getattr(one, "staffed", True)]
    if not self_entry or not is_open(self_entry, at, calendar):
        return True
    # An exception says nothing of staff, and its stretches would count for both; then somebody is there.
    return is_open([one for one in hours if getattr(one, "staffed", True)], at, calendar)


def covers_the_week(hours: Sequence[Hours]) -> bool:
    """Whether the door is never closed."""
    if sum(one.closes - one.opens for one in hours) < WEEK:
        return False
    monday = date(2026, 1, 5)  # any Monday: weekly hours know no dates
    found = spans(hours, monday - timedelta(days=1), 9)
    return len(found) == 1 and found[0][1] - found[0][0] >= timedelta(days=8)


def _open_until(closes: datetime, at: datetime) -> Opening:
    minutes = int((closes - at.replace(second=0, microsecond=0)).total_seconds() // 60)
    if minutes <= SOON:
        says = text(N_("Closes in %(minutes)s minutes"), minutes=minutes)
        if minutes <= 1:
            says = text(N_("Closes in a minute"))
        return Opening(OpeningState.CLOSING_SOON, says, until=closes)
    day = clock.business_day(closes - timedelta(minutes=1))  # 24:00 belongs to the day it ends
    ahead, time = (day - clock.business_day(at)).days, _closing_time(closes)
    if ahead == 0:
        says = text(N_("Open until %(time)s"), time=time)
    elif ahead == 1:
        says = text(N_("Open until %(time)s tomorrow"), time=time)
    else:
        says = text(N_("Open until %(day)s %(time)s"), day=_weekday(day) if ahead < 7 else day, time=time)
    return Opening(OpeningState.OPEN, says, until=closes)


def _opens(opens: datetime, today: date) -> Text:
    day = clock.business_day(opens)
    ahead, time = (day - today).days, _time(opens)
    if ahead == 0:
        return text(N_("Opens today at %(time)s"), time=time)
    if ahead == 1:
        return text(N_("Opens tomorrow at %(time)s"), time=time)
    # A week ahead the weekday alone would be read as today.
    return text(N_("Opens %(day)s at %(time)s"), day=_weekday(day) if ahead < 7 else day, time=time)


def _weekday(day: date) -> Text:
    return text(WEEKDAYS[day.weekday()])


def _time(moment: datetime) -> str:
    local = moment.astimezone(clock.SHANGHAI)
    return f"{local.hour}:{local.minute:02}"


def _closing_time(moment: datetime) -> str:
    """Midnight is the end of a day, not the beginning of the next."""
    said = _time(moment)
    return "24:00" if said == "0:00" else said
