"""What is decided about days that differ: which days, what shall hold on them, and whether that holds already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from portal.stations.hours.rules import Hours, Stretch, holidays_of
from portal.stations.register.models import Station
from portal.stations.register.rules import calendar_of
from portal.stations.wording.rules import hours_as_text, parse_hours
from portal.types import N_, Problem, Text, Word, text

LONGEST = 366  # days; longer than that is no exception but other hours
Times = tuple[tuple[int, int], ...]


class Mode(Word):
    """What shall hold on the chosen days."""

    CLOSED = "closed", N_("Closed all day")
    TIMES = "times", N_("Open at these times")
    AS_USUAL = "as_usual", N_("Open as on that weekday")
    WORKDAY = "workday", N_("Open as on a Monday")


@dataclass(frozen=True)
class Plan:
    """What shall hold on which days, and what to say about it."""

    days: tuple[date, ...]
    mode: Mode
    times: Times = ()
    note: str | None = None

    def wanted(self, hours: Iterable[Hours], day: date) -> Times:
        """What shall begin on a day at a station with these weekly hours."""
        if self.mode is Mode.CLOSED:
            return ()
        if self.mode is Mode.TIMES:
            return self.times
        weekday = 0 if self.mode is Mode.WORKDAY else day.weekday()
        return tuple(sorted((one.opens, one.closes) for one in hours if one.weekday == weekday))


@dataclass(frozen=True)
class Run:
    """Days in a row on which the same shall hold."""

    first_on: date
    last_on: date
    times: Times


def runs_to_make(station: Station, plan: Plan) -> list[Run]:
    """The exceptions a station needs so that the plan holds; none if it holds already."""
    calendar, found = calendar_of(station), []
    for run in _runs((day, plan.wanted(station.hours, day)) for day in plan.days):
        days = (run.first_on + timedelta(days=n) for n in range((run.last_on - run.first_on).days + 1))
        if any(tuple(calendar.stretches(station.hours, day)) != run.times for day in days):
            found.append(run)
    return found


def _runs(wanted: Iterable[tuple[date, Times]]) -> list[Run]:
    runs: list[Run] = []
    for day, times in sorted(wanted):
        if runs and runs[-1].times == times and day == runs[-1].last_on + timedelta(days=1):
            runs[-1] = Run(runs[-1].first_on, day, times)
        else:
            runs.append(Run(day, day, times))
    return runs


def days_between(first: date | None, last: date | None) -> tuple[date, ...]:
    """Every day from ``first`` to ``last``; one day if no end is said."""
    if first is None:
        return ()
    count = min(((last or first) - first).days + 1, LONGEST + 1)
    return tuple(first + timedelta(days=n) for n in range(count))


def read_times(value: str | None) -> tuple[Times, list[Problem]]:
    """Times of one day as they are typed: ``09:00-15:00`` or ``24小时``. Weekdays are not named."""
    parsed = parse_hours(value)
    if parsed.problems:
        return (), [Problem("times_not_understood", one.says, field="times") for one in parsed.problems]
    by_day = [tuple((one.opens, one.closes) for one in parsed.hours if one.weekday == day) for day in range(7)]
    if len(set(by_day)) > 1:
        says = text(N_("Name the times only, without weekdays: 09:00-15:00."))
        return (), [Problem("times_with_days", says, field="times")]
    return by_day[0], []


def times_as_text(times: Sequence[tuple[int, int]]) -> str:
    """The times of one day as they are typed; nothing for a closed day."""
    return hours_as_text([Stretch(day, opens, closes) for day in range(7) for opens, closes in times])


def problems_with_plan(plan: Plan, today: date) -> list[Problem]:
    """A plan has days that are to come, and times where it opens the door."""
    if not plan.days:
        return [Problem("no_days", text(N_("Choose a holiday, or say from which day.")), field="first_on")]
    problems = []
    if len(plan.days) > LONGEST:
        says = text(N_("This is longer than a year. Change the weekly hours instead."))
        problems.append(Problem("too_long", says, field="last_on"))
    if plan.days[-1] < today:
        problems.append(Problem("over", text(N_("These days are over.")), field="first_on"))
    if plan.mode is Mode.TIMES and not plan.times:
        problems.append(Problem("no_times", text(N_("Say the times, like 09:00-15:00.")), field="times"))
    return problems


def problems_with_range(first: date | None, last: date | None) -> list[Problem]:
    """The last day does not lie before the first."""
    if first and last and last < first:
        return [Problem("days_swapped", text(N_("The last day lies before the first.")), field="last_on")]
    return []


@dataclass(frozen=True)
class Occasion:
    """A public holiday or its make-up workdays, to be chosen by key."""

    key: str
    says: Text
    days: tuple[date, ...]


def occasions(today: date) -> list[Occasion]:
    """Holidays and make-up workdays that are still to come, this year and the next, as far as they are announced."""
    found = []
    for holiday in [*holidays_of(today.year), *holidays_of(today.year + 1)]:
        for key, days, words in (
            (holiday.key, holiday.days, N_("%(name)s, %(first)s to %(last)s")),
            (f"{holiday.key}-worked", holiday.make_up, N_("%(name)s, make-up workdays %(days)s")),
        ):
            if days and days[-1] >= today:
                said = text(words, name=holiday.says, first=days[0], last=days[-1], days=_listed(days))
                found.append(Occasion(key, said, days))
    return sorted(found, key=lambda one: one.days)


def _listed(days: Sequence[date]) -> Text:
    said = text("%(day)s", day=days[0])
    for day in days[1:]:
        said = text(N_("%(before)s, %(after)s"), before=said, after=day)
    return said


def last_announced_year(today: date) -> int | None:
    """The year after which no holidays are announced here, if that is this year: then one enters days oneself."""
    return None if holidays_of(today.year + 1) else today.year
