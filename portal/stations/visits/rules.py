"""What is decided about visits from values alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal import clock
from portal.stations.register.models import SERVING_STATUSES, StationStatus
from portal.types import N_, Level, Problem, text
from portal.vocabulary import TALLIED_ONLY, BasicService

# The same service to the same person at the same station within this time is the same tap.
SAME_TAP = timedelta(minutes=5)
# A further service within this time of the last one belongs to the same stay.
SAME_STAY = timedelta(hours=2)
# How long the one who logged a line may take it back without a reason.
UNDO_FOR = timedelta(minutes=10)


@dataclass(frozen=True)
class Given:
    """A service that a person already received today."""

    service: BasicService
    at: datetime


def names_the_person(service: BasicService) -> bool:
    """Whether a line of this service may stand beside a name: medicines and talks never do."""
    return service not in TALLIED_ONLY


def problems_with_serving(service: BasicService, status: StationStatus, given_today: list[Given]) -> list[Problem]:
    """What the light says about one service now. Nothing here is ever red: a basic service is never refused."""
    problems = []
    if status not in SERVING_STATUSES:
        problems.append(
            Problem("status", text(N_("The station is not in service, yet what is given may be logged.")), Level.AMBER)
        )
    earlier = [given.at for given in given_today if given.service == service]
    if earlier:
        problems.append(
            Problem(
                "again", text(N_("Had it today at %(time)s; giving again is noted as a repeat."), time=max(earlier)), Level.AMBER
            )
        )
    return problems


def light(problems: list[Problem]) -> Level:
    """The light over a list of problems: the worst of them, green when there is none."""
    for level in (Level.RED, Level.AMBER):
        if any(problem.level is level for problem in problems):
            return level
    return Level.GREEN


def problems_with_undoing(line_at: datetime, *, own: bool, reversed_already: bool, now: datetime) -> list[Problem]:
    """Why a line may not be taken back at the counter."""
    if reversed_already:
        return [Problem("undone", text(N_("This was already taken back.")))]
    if not own:
        return [Problem("not_own", text(N_("Only the one who logged it can take it back here.")))]
    if now - line_at > UNDO_FOR:
        return [
            Problem(
                "too_late",
                text(N_("It can be taken back for %(minutes)s minutes; after that the keeper corrects it."),
                     minutes=int(UNDO_FOR.total_seconds() // 60)),
            )
        ]  # fmt: skip
    return []


def problems_with_correcting(
    line_at: datetime, *, own: bool, keeper: bool, reversed_already: bool, reason: str | None, now: datetime
) -> list[Problem]:
    """Why a line may not be corrected later: it needs a reason, and the one who logged it that day, or a keeper."""
    if reversed_already:
        return [Problem("undone", text(N_("This was already taken back.")))]
    if not (reason or "").strip():
        return [Problem("reason", text(N_("Say in a few words why.")), field="reason")]
    if keeper:
        return []
    if not own:
        return [Problem("not_own", text(N_("Only the one who logged it, or a keeper, can correct it.")))]
    if clock.business_day(line_at) != clock.business_day(now):
        return [Problem("too_late", text(N_("You can correct it on the same day; earlier days are corrected by a keeper.")))]
    return []


def months_between(first: date, last: date) -> list[date]:
    """The first days of the months from one day to another, both ends included."""
    months = [clock.first_of_month(first)]
    while clock.next_month(months[-1]) <= last:
        months.append(clock.next_month(months[-1]))
    return months
