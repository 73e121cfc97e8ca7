"""Opening hours: what is open when.

Hours are stretches of a weekday in minutes after midnight. `spans` lays them on the calendar; all of "open now" reads
spans, so that what differs on a single day has one place to come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from portal import clock
from portal.types import N_, Text, Word, text

DAY = 1440
WEEK = 7 * DAY
SOON = 30  # minutes before closing from which "closes in …" is said

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


ALWAYS = tuple(Stretch(day, 0, DAY) for day in range(7))


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

    @property
    def light(self) -> str:
        """The colour beside the words: green, amber, red or grey."""
        return _LIGHTS.get(self.state, "grey")

    @property
    def is_open(self) -> bool:
        """Whether one can walk in."""
        return self.state in (OpeningState.ALWAYS, OpeningState.OPEN, OpeningState.CLOSING_SOON)


def spans(hours: Iterable[Hours], first: date, days: int) -> list[tuple[datetime, datetime]]:
    """When the door is open on ``days`` days from ``first``: half-open, in order, what touches joined."""
    weekly: dict[int, list[Hours]] = {}
    for stretch in hours:
        weekly.setdefault(stretch.weekday, []).append(stretch)
    found: list[tuple[datetime, datetime]] = []
    for day in (first + timedelta(days=n) for n in range(days)):
        midnight = clock.start_of(day)
        for stretch in sorted(weekly.get(day.weekday(), ()), key=lambda one: one.opens):
            opens, closes = (midnight + timedelta(minutes=m) for m in (stretch.opens, stretch.closes))
            if found and opens <= found[-1][1]:
                found[-1] = (found[-1][0], max(closes, found[-1][1]))
            else:
                found.append((opens, closes))
    return found


def is_open(hours: Iterable[Hours], at: datetime) -> bool:
    """Whether the door is open at a moment. The closing minute itself is closed."""
    yesterday = clock.business_day(at) - timedelta(days=1)
    return any(opens <= at < closes for opens, closes in spans(hours, yesterday, 2))


def opening(hours: Sequence[Hours], at: datetime) -> Opening:
    """How a door stands at a moment, in words: open until, closes in, opens at."""
    if not hours:
        return Opening(OpeningState.UNKNOWN, text(N_("Opening hours not known")))
    if covers_the_week(hours):
        return Opening(OpeningState.ALWAYS, text(N_("Open around the clock")))
    today = clock.business_day(at)
    for opens, closes in spans(hours, today - timedelta(days=1), 10):
        if opens <= at < closes:
            return _open_until(closes, at)
        if at < opens:
            return Opening(OpeningState.CLOSED, _opens(opens, today), opens_at=opens)
    raise AssertionError("weekly hours come round within ten days")


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
        says = text(N_("Open until %(day)s %(time)s"), day=_weekday(day), time=time)
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
