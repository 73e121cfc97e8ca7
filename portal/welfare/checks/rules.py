"""How a sample is drawn, what its calls say, and who may look at what: from values alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from portal.types import N_, Problem, Text, text, tidy
from portal.welfare.checks.models import CheckOutcome

MOST = 500
DAYS = 366


def draw(seed: str, ids: Iterable[UUID], size: int) -> list[UUID]:
    """A random sample that anybody draws again: sort the deliveries by sha256(seed|id), take the first ``size``.

    The digest is written in hexadecimal, the id as usual with hyphens, both in UTF-8 with "|" between them.

    >>> ids = [UUID(int=number) for number in range(5)]
    >>> draw("2026", ids, 2) == draw("2026", reversed(ids), 2)
    True
    """
    return sorted(ids, key=lambda ident: (hashlib.sha256(f"{seed}|{ident}".encode()).hexdigest(), ident))[:size]


def digest_of(ids: Iterable[UUID]) -> str:
    """One number for all that a sample was drawn from: sha256 of the sorted ids, one a line."""
    return hashlib.sha256("\n".join(sorted(str(ident) for ident in ids)).encode()).hexdigest()


def problems_with_days(first: date, last: date, *, today: date) -> list[Problem]:
    """Whether these are days a sample may be drawn from."""
    if last < first or last > today or (last - first).days >= DAYS:
        says = N_("Choose days that are over or today, the first before the last, a year at the most.")
        return [Problem("days", text(says), field="last_on")]
    return []


def problems_with_drawing(first: date, last: date, size: int, *, there: int, today: date) -> list[Problem]:
    """Whether a sample of these days can be drawn."""
    if wrong := problems_with_days(first, last, today=today):
        return wrong
    if not 1 <= size <= MOST:
        return [Problem("size", text(N_("A sample holds from 1 to %(most)s deliveries."), most=MOST), field="size")]
    if not there:
        says = N_("Nothing with a name was given in these days, so there is nobody to call.")
        return [Problem("nothing_there", text(says), field="first_on")]
    return []


@dataclass(frozen=True)
class Rates:
    """What the calls of a sample found. ``reached`` answered; the share that received it is of those."""

    size: int
    called: int
    confirmed: int
    denied: int
    unreached: int

    @property
    def reached(self) -> int:
        return self.confirmed + self.denied

    @property
    def percent(self) -> int | None:
        """Of a hundred who were reached, how many received it; None while nobody was."""
        return round(100 * self.confirmed / self.reached) if self.reached else None


def rates(outcomes: Sequence[CheckOutcome | None]) -> Rates:
    """The rates of a sample from the outcome of each call, None where nobody called yet."""
    counted = Counter(outcomes)
    nobody = counted[CheckOutcome.UNREACHED] + counted[CheckOutcome.WRONG_NUMBER]
    called = len(outcomes) - counted[None]
    return Rates(len(outcomes), called, counted[CheckOutcome.CONFIRMED], counted[CheckOutcome.DENIED], nobody)


def problems_with_call(outcome: CheckOutcome, note: str | None) -> list[Problem]:
    """Whoever did not receive it is asked what happened."""
    if outcome is CheckOutcome.DENIED and not tidy(note):
        says = N_("Write down in a few words what they said.")
        return [Problem("note_missing", text(says), field="note")]
    return []


def problems_with_review(
    *, alone: bool, giver: UUID | None, reviewer: UUID | None, reviewed_at: datetime | None, accepted: bool, note: str | None
) -> list[Problem]:
    """Whether somebody may say that a hand-over by one person alone was right: somebody else, once."""
    if not alone:
        return [Problem("nothing_to_review", text(N_("Two people had a hand in this one; there is nothing to review.")))]
    if reviewed_at:
        return [Problem("reviewed_already", text(N_("Reviewed already, on %(at)s."), at=reviewed_at))]
    if reviewer is None or reviewer == giver:
        return [Problem("own_exception", text(N_("You handed it over yourself; somebody else looks at it.")))]
    if not accepted and not tidy(note):
        return [Problem("note_missing", text(N_("Say what is wrong with it.")), field="note")]
    return []


def problems_with_look(*, flagged: bool, looked_at: datetime | None, note: str | None) -> list[Problem]:
    """Whether a late entry that did not fit can be settled."""
    if not flagged:
        return [Problem("nothing_to_look_at", text(N_("Nothing about this one did not fit.")))]
    if looked_at:
        return [Problem("looked_already", text(N_("Looked at already, on %(at)s."), at=looked_at))]
    if not tidy(note):
        return [Problem("note_missing", text(N_("Say what you found and what becomes of it.")), field="note")]
    return []


def problems_with_disputing(*, reversed_already: bool, is_open: bool, times: int) -> list[Problem]:
    """Whether a worker may say that something was not theirs."""
    if reversed_already:
        return [Problem("reversed_already", text(N_("This one was taken back already.")))]
    if is_open:
        return [Problem("disputed_already", text(N_("You said so already; the union looks at it.")))]
    if times >= 3:
        return [Problem("too_often", text(N_("This one was answered three times. Please speak to your union or a station.")))]
    return []


def problems_with_answer(*, answered_at: datetime | None, answer: str | None) -> list[Problem]:
    """Whether a worker can be answered."""
    if answered_at:
        return [Problem("answered_already", text(N_("Answered already, on %(at)s."), at=answered_at))]
    if not tidy(answer):
        return [Problem("answer_missing", text(N_("Write an answer; the worker reads it on their page.")), field="answer")]
    return []


def says_double(earlier_on: date, next_on: date | None, limit: Text | None, taken: int) -> Text:
    """Why a delivery counts as double."""
    if next_on:
        says = N_("Received on %(day)s before; by the rule not again until %(next)s.")
        return text(says, day=earlier_on, next=next_on)
    says = N_("Received on %(day)s before. %(limit)s; together it makes %(taken)s.")
    return text(says, day=earlier_on, limit=limit, taken=taken)
