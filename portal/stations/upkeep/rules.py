"""What is decided about reports from values alone: the clock in words, what the public may read, what may follow."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.stations.register.models import Facility
from portal.stations.upkeep.models import DEADLINES, NOTE_LENGTH, TRANSITIONS, ReportKind, ReportStatus
from portal.types import N_, Level, Problem, Text, text

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# How one says it in passing, after “it is” or after the facility.
SHORT: dict[ReportKind, str] = {
    ReportKind.LOCKED: N_("locked"),
    ReportKind.BROKEN: N_("broken"),
    ReportKind.DIRTY: N_("dirty"),
    ReportKind.EXPIRED: N_("past its date"),
    ReportKind.OUT_OF_STOCK: N_("used up"),
    ReportKind.UNSAFE: N_("not safe"),
}


# --- time in words --------------------------------------------------------------------------------------------------


def amount(time: timedelta) -> Text:
    """A stretch of time in one unit, rounded down: minutes up to two hours, hours up to two days, then days."""
    for unit, until, one, many in (
        (MINUTE, 2 * HOUR, N_("1 minute"), N_("%(count)s minutes")),
        (HOUR, 2 * DAY, N_("1 hour"), N_("%(count)s hours")),
        (DAY, timedelta.max, N_("1 day"), N_("%(count)s days")),
    ):
        if time < until:
            count = max(time // unit, 1)
            return text(one) if count == 1 else text(many, count=count)
    raise ValueError(time)


def ago(at: datetime, now: datetime) -> Text:
    """How long a moment is past."""
    return text(N_("%(time)s ago"), time=amount(now - at)) if now - at >= MINUTE else text(N_("A moment ago"))


def is_overdue(due_at: datetime, now: datetime) -> bool:
    """“Within two hours” includes the last moment of the second hour."""
    return now > due_at


def clock_says(due_at: datetime, now: datetime) -> Text:
    """The keeper's clock: “due in 40 minutes”, “3 hours overdue”."""
    if is_overdue(due_at, now):
        return text(N_("%(time)s overdue"), time=amount(now - due_at))
    left = -(-(due_at - now) // MINUTE) * MINUTE  # a begun minute is still there
    return text(N_("due in %(time)s"), time=amount(left)) if left else text(N_("due now"))


def clock_light(due_at: datetime, now: datetime) -> Level:
    """Red once it is overdue, amber in the last hour."""
    if is_overdue(due_at, now):
        return Level.RED
    return Level.AMBER if due_at - now <= HOUR else Level.GREEN


def deadline(kind: ReportKind, begun_at: datetime) -> datetime:
    """By when the keeper settles a report whose clock began then."""
    return begun_at + DEADLINES[kind]


def median(times: Iterable[timedelta]) -> timedelta | None:
    """The middle of several stretches of time, or None of none."""
    known = list(times)
    return statistics.median(known) if known else None


# --- what the public may read ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Warning:
    """A report that people on their way should know of: no words that somebody typed, and never a photograph."""

    kind: ReportKind
    facility: Facility | None
    at: datetime
    status: ReportStatus
    said: int = 1

    def says(self, now: datetime) -> Text:
        """“22 minutes ago someone said it is locked”; once answered: the keeper is on it."""
        what = text(SHORT[self.kind])
        if self.status is ReportStatus.ANSWERED:
            if self.facility:
                return text(N_("%(facility)s, said to be %(what)s: the keeper is on it"), facility=self.facility, what=what)
            return text(N_("Said to be %(what)s: the keeper is on it"), what=what)
        if self.facility:
            says = N_("%(ago)s someone said about %(facility)s: %(what)s")
            return text(says, ago=ago(self.at, now), facility=self.facility, what=what)
        return text(N_("%(ago)s someone said it is %(what)s"), ago=ago(self.at, now), what=what)


def is_public(kind: ReportKind) -> bool:
    """Whether a kind says enough to warn others; “something else” tells nobody anything."""
    return kind in SHORT


# --- problems -------------------------------------------------------------------------------------------------------


def problems_with_report(facility: Facility | None, stands_here: Iterable[Facility], note: str | None) -> list[Problem]:
    """Whether what somebody says can be written down."""
    problems = []
    if facility is not None and facility not in set(stands_here):
        says = text(N_("This station has no such facility: %(facility)s."), facility=facility)
        problems.append(Problem("facility_unknown", says, field="facility"))
    return problems + problems_with_note(note)


def problems_with_note(note: str | None) -> list[Problem]:
    """A note is short."""
    if len(note or "") <= NOTE_LENGTH:
        return []
    says = text(N_("At most %(most)s characters; this has %(now)s."), most=NOTE_LENGTH, now=len(note))
    return [Problem("note_too_long", says, field="note")]


def problems_with_step(now: ReportStatus, new: ReportStatus, note: str | None) -> list[Problem]:
    """Whether a report may go from one state to another, with these words."""
    if new not in TRANSITIONS[now]:
        says = text(N_("This report is “%(now)s”; it cannot become “%(new)s”."), now=now, new=new)
        return [Problem("state", says)]
    problems = problems_with_note(note)
    if new in (ReportStatus.UNFOUNDED, ReportStatus.REOPENED) and not note:
        problems.append(Problem("note_missing", text(N_("Say in a few words why.")), field="note"))
    return problems
