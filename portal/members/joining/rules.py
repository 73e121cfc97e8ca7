"""What is decided about joining from values alone: when to invite, who may apply, who may decide what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from portal.members.joining.models import TRANSITIONS, ApplicationStatus
from portal.members.workers.rules import birth_date, problems_with_id, problems_with_phone
from portal.types import N_, Level, Problem, text
from portal.vocabulary import IdType, Industry, Occupation

INVITATION_LIFE = timedelta(days=30)
COOL_DOWN = timedelta(days=30)
MINIMUM_AGE = 16


@dataclass(frozen=True)
class Standing:
    """What is known about a worker when an invitation is thought of."""

    never_invite_at: datetime | None = None
    last_asked_on: date | None = None  # the day of the last invitation, or of the last answer to one, whichever is later
    may_be_contacted: bool = False  # the consent to be contacted holds
    membership_number: str | None = None
    home_union: str | None = None
    open_status: ApplicationStatus | None = None


def problems_with_inviting(standing: Standing, *, today: date) -> list[Problem]:
    """Why this worker is not invited now. Being served never depends on the answer."""
    if standing.membership_number:
        return [problem_already_member(standing.membership_number, standing.home_union)]
    if standing.never_invite_at:
        return [Problem("never_invite", text(N_("Does not wish to be invited.")), Level.AMBER)]
    if standing.open_status in (ApplicationStatus.SUBMITTED, ApplicationStatus.RETURNED):
        return [Problem("application_open", text(N_("An application is already with the union.")), Level.GREEN)]
    asked = standing.last_asked_on
    if asked and today < (again := asked + COOL_DOWN):
        return [
            Problem(
                "asked_lately",
                text(N_("Invited on %(day)s; again from %(again)s at the earliest."), day=asked, again=again),
                Level.AMBER,
            )
        ]  # fmt: skip
    if not standing.may_be_contacted:
        return [Problem("no_consent", text(N_("Has not agreed to be contacted by the union.")), Level.AMBER)]
    return []


def problem_already_member(number: str, home_union: str | None) -> Problem:
    """Somebody is a member already: said with number and home union, and nothing new is made."""
    if home_union:
        says = text(N_("Already a member: number %(number)s, home union %(union)s."), number=number, union=home_union)
    else:
        says = text(N_("Already a member: number %(number)s."), number=number)
    return Problem("already_member", says, Level.GREEN)


@dataclass(frozen=True)
class Written:
    """What an applicant wrote."""

    name: str
    id_type: IdType
    id_number: str
    phone: str
    occupation: Occupation
    industry: Industry
    employer_name: str | None
    work_county_code: str
    is_migrant_worker: bool = False


def age_on(born: date, day: date) -> int:
    """Full years. Somebody born on 29 February is a year older from 1 March."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def problems_with_age(id_type: IdType, id_number: str, *, today: date) -> list[Problem]:
    """Joining starts at working age; being served does not. A document without a birth date says nothing."""
    born = birth_date(id_type, id_number)
    if born is None or age_on(born, today) >= MINIMUM_AGE:
        return []
    return [
        Problem(
            "too_young",
            text(N_("Joining is possible from %(age)s years of age. You are served all the same."), age=MINIMUM_AGE),
            field="id_number",
        )
    ]  # fmt: skip


def problems_with_applying(written: Written, *, today: date) -> list[Problem]:
    """What is wrong with an application, as written."""
    found = problems_with_id(written.id_type, written.id_number, today=today)
    if not found:
        found = problems_with_age(written.id_type, written.id_number, today=today)
    return found + problems_with_phone(written.phone)


def problem_decided(status: ApplicationStatus) -> Problem:
    """Somebody else was first, or the worker took it back."""
    return Problem("decided", text(N_("This application is not waiting any more: %(status)s."), status=status))


def problems_with_deciding(
    status: ApplicationStatus,
    decision: ApplicationStatus,
    *,
    applicant: str,
    decider: str,
    opinion: str | None,
) -> list[Problem]:
    """Why this decision cannot be taken by this person. Names are compared because staff and workers share no key."""
    if decision not in TRANSITIONS[status]:
        return [problem_decided(status)]
    if applicant.replace(" ", "") == decider.replace(" ", ""):
        return [Problem("own_application", text(N_("The applicant bears your name. Somebody else has to decide this one.")))]
    if decision in (ApplicationStatus.RETURNED, ApplicationStatus.REJECTED) and not opinion:
        return [Problem("reason_missing", text(N_("Please say why; the worker reads these words.")), field="opinion")]
    return []
