"""What is decided about sessions from values alone: which days and times a series has, and what a change may do.

Times are minutes of the day at +08:00, where no clock is ever put forward or back, so a day has 1,440 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from portal import clock
from portal.stations.hours import rules as hours_rules
from portal.stations.hours.rules import Calendar, DayKind, Hours
from portal.types import N_, Problem, Text, text
from portal.welfare.programmes.models import Programme, ProgrammeStatus, Way
from portal.welfare.sessions.models import SessionStatus

MOST_SESSIONS = 500
MOST_PLACES = 20_000  # in one go: each is a row
MOST_CAPACITY = 5000
MOST_DAYS = 400
DAY = 1440
WORKDAYS = frozenset(range(5))


@dataclass(frozen=True)
class SeriesValues:
    """What a series is made from. Minutes after midnight; ``breaks`` are (from, until); ``weekdays`` from Monday 0."""

    first_on: date
    last_on: date
    weekdays: tuple[int, ...]
    opens: int
    closes: int
    slot_minutes: int
    capacity: int
    online: int | None = None  # None: all of them
    breaks: tuple[tuple[int, int], ...] = ()
    on_holidays: bool = False
    on_make_up_days: bool = True
    note: str | None = None

    @property
    def places_online(self) -> int:
        """How many of the places are for those who book online."""
        return self.capacity if self.online is None else self.online


Slot = tuple[datetime, datetime]


@dataclass(frozen=True)
class Plan:
    """What a series would make: its times in order, the days left out whole, and the days on which some times are."""

    slots: tuple[Slot, ...]
    skipped: tuple[tuple[date, Text], ...] = ()
    shortened: tuple[tuple[date, Text], ...] = ()

    @property
    def days(self) -> list[date]:
        """The days with at least one session."""
        return sorted({clock.business_day(starts) for starts, _ in self.slots})


@dataclass(frozen=True)
class Door:
    """When a place is open: a station's weekly hours (none: not known, so only exceptions count) and its calendar."""

    hours: Sequence[Hours] = ()
    calendar: Calendar = hours_rules.WEEKLY

    def spans(self, day: date) -> list[tuple[datetime, datetime]] | None:
        """When it is open around a day, the night before included; None: always, as far as is known."""
        if not self.hours and self.calendar.exception(day) is None:
            return None
        return hours_rules.spans(self.hours, day - timedelta(days=1), 3, self.calendar)


OPEN_DOOR = Door()


# --- a series ----------------------------------------------------------------------------------------------------


def problems_with_series(values: SeriesValues) -> list[Problem]:
    """What keeps a series from being planned at all."""
    wrong: list[tuple[str, str, str]] = []
    if values.last_on < values.first_on:
        wrong.append(("days_order", N_("The last day lies before the first."), "last_on"))
    elif (values.last_on - values.first_on).days >= MOST_DAYS:
        wrong.append(("days_many", N_("A series runs over 400 days at most."), "last_on"))
    if not values.weekdays:
        wrong.append(("no_weekday", N_("Choose at least one weekday."), "weekdays"))
    if not 0 <= values.opens < values.closes <= DAY:
        wrong.append(("times_order", N_("The end must lie after the beginning, on the same day."), "closes"))
    elif not 5 <= values.slot_minutes <= values.closes - values.opens:
        wrong.append(("slot_wrong", N_("A session lasts at least 5 minutes and fits between beginning and end."), "slot_minutes"))
    problems = [Problem(code, text(says), field=name) for code, says, name in wrong]
    for starts, ends in values.breaks:
        if not 0 <= starts < ends <= DAY:
            problems.append(Problem("break_wrong", text(N_("A break ends after it begins.")), field="breaks"))
            break
    return problems + problems_with_places(values.capacity, values.places_online)


def problems_with_places(capacity: int, online: int) -> list[Problem]:
    """A session has places, and no more of them online than there are."""
    if not 1 <= capacity <= MOST_CAPACITY:
        says = text(N_("A session has between 1 and %(most)s places."), most=MOST_CAPACITY)
        return [Problem("capacity_wrong", says, field="capacity")]
    if not 0 <= online <= capacity:
        says = text(N_("Between 0 and all %(capacity)s places can be kept for booking online."), capacity=capacity)
        return [Problem("online_wrong", says, field="online")]
    return []


def times_of_day(values: SeriesValues) -> Iterator[tuple[int, int]]:
    """The sessions of one day in minutes: one after the other, none across a break, the next one after it."""
    breaks, here = sorted(values.breaks), values.opens
    while here + values.slot_minutes <= values.closes:
        ends = here + values.slot_minutes
        across = next((until for begins, until in breaks if begins < ends and here < until), None)
        if across is None:
            yield here, ends
            here = ends
        else:
            here = across


def plan_series(
    values: SeriesValues,
    *,
    now: datetime,
    door: Door = OPEN_DOOR,
    period: tuple[date, date] | None = None,
    there: Collection[datetime] = (),
) -> Plan:
    """Which sessions a series makes from its first to its last day; every chosen day is either in or left out with a reason.

    ``door`` is the station's, ``period`` the programme's days, ``there`` the moments at which this programme has a session at
    this place already. Days of a year that the public calendar does not know count by their weekday.
    """
    times, slots = tuple(times_of_day(values)), []
    skipped: list[tuple[date, Text]] = []
    shortened: list[tuple[date, Text]] = []
    for day in (values.first_on + timedelta(days=n) for n in range((values.last_on - values.first_on).days + 1)):
        chosen, why = _chosen(values, day, period)
        if why is not None:
            skipped.append((day, why))
        if not chosen or why is not None:
            continue
        good, reasons = _that_fit(times, day, now, door, there)
        slots += good
        if not good:
            skipped.append((day, reasons[0] if reasons else text(N_("No session fits between beginning and end."))))
        elif reasons:
            shortened.append((day, reasons[0]))
    return Plan(tuple(slots), tuple(skipped), tuple(shortened))


def _chosen(values: SeriesValues, day: date, period: tuple[date, date] | None) -> tuple[bool, Text | None]:
    """Whether a day belongs to a series, and what leaves it out although it does."""
    kind = hours_rules.day_kind(day)
    # A make-up day is a workday like any: it belongs to a series that runs on all five of them.
    worked = kind is DayKind.MAKE_UP and values.on_make_up_days and set(values.weekdays) >= WORKDAYS
    if day.weekday() not in values.weekdays and not worked:
        return False, None
    if kind is DayKind.HOLIDAY and not values.on_holidays:
        return True, hours_rules.holiday_name(day)
    if period and not period[0] <= day <= period[1]:
        return True, text(N_("Outside the programme's period"))
    return True, None


def _that_fit(
    times: Sequence[tuple[int, int]], day: date, now: datetime, door: Door, there: Collection[datetime]
) -> tuple[list[Slot], list[Text]]:
    """The times of a day that can be, and the reasons of those that cannot, the commonest first."""
    midnight, spans = clock.start_of(day), door.spans(day)
    good: list[Slot] = []
    reasons: list[Text] = []
    for opens, closes in times:
        slot = midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)
        if slot[0] <= now:
            reasons.append(text(N_("Already past")))
        elif spans is not None and not any(begins <= slot[0] and slot[1] <= ends for begins, ends in spans):
            reasons.append(_closed(door, day))
        elif slot[0] in there:
            reasons.append(text(N_("There is a session already")))
        else:
            good.append(slot)
    return good, sorted(reasons, key=lambda one: -reasons.count(one))


def _closed(door: Door, day: date) -> Text:
    why = door.calendar.why(day)
    if why is not None:
        return text(N_("The station is not open then: %(why)s"), why=why)
    return text(N_("The station is not open then"))


def problems_with_plan(plan: Plan, capacity: int) -> list[Problem]:
    """Whether a plan makes something, and not too much in one go."""
    count = len(plan.slots)
    if count == 0:
        why = plan.skipped[0][1] if plan.skipped else text(N_("none of the chosen weekdays lies between the days"))
        return [Problem("no_session", text(N_("This makes no session: %(why)s."), why=why))]
    if count > MOST_SESSIONS:
        says = N_(
            "This makes %(count)s sessions; at most %(most)s go in one go. Choose fewer days and go on with the series later."
        )
        return [Problem("too_many", text(says, count=count, most=MOST_SESSIONS), field="last_on")]
    if count * capacity > MOST_PLACES:
        says = N_("This makes %(count)s places; at most %(most)s go in one go. Choose fewer days or fewer places.")
        return [Problem("too_many_places", text(says, count=count * capacity, most=MOST_PLACES), field="capacity")]
    return []


def going_on(values: SeriesValues, last_on: date) -> SeriesValues:
    """The same series from the day after its last one."""
    return replace(values, first_on=values.last_on + timedelta(days=1), last_on=last_on)


def grouped(left_out: Sequence[tuple[date, Text]], say: Callable[[Text], str] = str) -> list[tuple[Text, list[date]]]:
    """Days left out by reason, in the order of their first day."""
    found: dict[str, tuple[Text, list[date]]] = {}
    for day, why in left_out:
        found.setdefault(say(why), (why, []))[1].append(day)
    return list(found.values())


# --- a session -----------------------------------------------------------------------------------------------------


def problems_with_times(starts_at: datetime, ends_at: datetime) -> list[Problem]:
    """A session ends after it begins, within a day."""
    if timedelta(minutes=5) <= ends_at - starts_at <= timedelta(days=1):
        return []
    return [Problem("times_order", text(N_("The end must lie after the beginning, on the same day.")), field="closes")]


def problems_with_capacity(capacity: int, online: int, taken_online: int, taken_on_site: int) -> list[Problem]:
    """Never below what is taken, in either part."""
    problems = problems_with_places(capacity, online)
    if problems:
        return problems
    if online < taken_online:
        says = text(N_("%(taken)s places booked online are taken, so there cannot be fewer."), taken=taken_online)
        problems.append(Problem("online_taken", says, field="online"))
    if capacity - online < taken_on_site:
        says = text(N_("%(taken)s places on site are taken, so at least as many must stay there."), taken=taken_on_site)
        problems.append(Problem("on_site_taken", says, field="capacity"))
    return problems


def problems_with_one(
    starts_at: datetime, ends_at: datetime, door: Door, period: tuple[date, date], *, there: bool
) -> list[Problem]:
    """Whether a single session can be: in the programme's period, while the station is open, not there already."""
    day, spans = clock.business_day(starts_at), door.spans(clock.business_day(starts_at))
    if not period[0] <= day <= period[1]:
        return [Problem("outside_period", text(N_("Outside the programme's period")), field="on")]
    if spans is not None and not any(begins <= starts_at and ends_at <= ends for begins, ends in spans):
        return [Problem("station_closed", _closed(door, day), field="opens")]
    return [Problem("there_already", text(N_("There is a session already")), field="opens")] if there else []


def problems_with_standing(status: SessionStatus, ends_at: datetime, now: datetime) -> list[Problem]:
    """What is over or cancelled is not changed."""
    if status is SessionStatus.CANCELLED:
        return [Problem("cancelled", text(N_("This session was cancelled.")))]
    return [] if now < ends_at else [Problem("over", text(N_("This session is over.")))]


def problems_with_release(free: int) -> list[Problem]:
    """There must be something to release."""
    return [] if free else [Problem("nothing_free", text(N_("No online place is free any more.")))]


def problems_with_cancelling(status: SessionStatus, reason: str | None) -> list[Problem]:
    """Once, and with a reason that can be told to those who booked."""
    if status is SessionStatus.CANCELLED:
        return [Problem("cancelled", text(N_("This session was cancelled.")))]
    return (
        [] if reason else [Problem("reason_missing", text(N_("Say why, so that those who booked can be told.")), field="reason")]
    )


def problems_with_programme(programme: Programme) -> list[Problem]:
    """Which programmes have sessions: those that are decided and not over, and that one books or enrols in."""
    if programme.status not in (ProgrammeStatus.APPROVED, ProgrammeStatus.OPEN, ProgrammeStatus.PAUSED):
        says = text(N_("Sessions are made for programmes that are approved; this one is “%(status)s”."), status=programme.status)
        return [Problem("not_approved", says)]
    if not {Way.BOOK.value, Way.ENROL.value} & set(programme.ways):
        return [Problem("not_booked", text(N_("This programme is neither booked nor enrolled in, so it has no sessions.")))]
    return []
