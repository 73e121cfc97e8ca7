"""What the counter decides about programmes from values alone: who books first, what a button asks, what may be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from portal.types import N_, Level, Problem, Text, text
from portal.welfare.items.models import Proof
from portal.welfare.programmes.models import Way

UNDO_WITHIN = timedelta(minutes=10)
COMES_BY_ITSELF = {Way.WALK_IN.value, Way.CODE.value}
DOCUMENT, EXCEPTION = "document", "exception"
ALCOHOL = "alcohol"  # amber that is said aloud; no document answers it


def problems_with_way(ways: Iterable[str], *, booked: bool, next_at: datetime | None = None) -> list[Problem]:
    """Whether somebody may simply come: what is booked or enrolled for is not handed out to whoever walks in."""
    known = set(ways)
    if booked or known & COMES_BY_ITSELF:
        return []
    if Way.BOOK.value not in known:
        return [Problem("enrol_first", text(N_("Enrol first: it has its own dates.")))]
    if next_at is None:
        return [Problem("book_first", text(N_("Book first. No free time is open just now.")))]
    return [Problem("book_first", text(N_("Book first. The next free time: %(when)s."), when=next_at))]


def asks(proof: Proof, ways: Iterable[str], problems: Iterable[Problem], *, booked: bool) -> tuple[str, ...]:
    """What has to be shown before it is given: the proof of the item, and each document the light points at."""
    asked = [] if proof is Proof.NONE else [proof.value]
    by_code = Way.CODE.value in set(ways) and Way.WALK_IN.value not in set(ways)
    if by_code and not booked and Proof.CODE.value not in asked:
        asked.append(Proof.CODE.value)
    if any(problem.level is Level.AMBER and problem.code != ALCOHOL for problem in problems):
        asked.append(DOCUMENT)
    return tuple(asked)


def problems_with_document(problems: Iterable[Problem], *, seen: bool) -> list[Problem]:
    """What is amber is given once somebody looked."""
    if seen or not any(problem.level is Level.AMBER for problem in problems):
        return []
    says = N_("Look at the document first, then tick that you saw it. Nothing of it is kept.")
    return [Problem("document", text(says), field="document_seen")]


def too_many_codes(left: timedelta) -> Problem:
    """So many wrong codes were tried for one person that this one is not looked at."""
    says = N_("Too many wrong codes were tried for this person. Try again in %(minutes)s minutes.")
    return Problem("too_often", text(says, minutes=-(-int(left.total_seconds()) // 60)), field="proof_code")


def problems_with_undoing(at: datetime, *, own: bool, undone: bool, now: datetime) -> list[Problem]:
    """The counter takes back its own last hand-overs; later a keeper or officer does, with a reason."""
    if undone:
        return [Problem("undone", text(N_("This was already taken back.")))]
    if not own:
        return [Problem("not_own", text(N_("Somebody else handed this over; ask the keeper to take it back.")))]
    if now - at > UNDO_WITHIN:
        return [Problem("too_late", text(N_("This is more than ten minutes ago; ask the keeper to take it back.")))]
    return []


def limit_in_words(count: int | None, period) -> Text | None:
    """How many one person may have: 1 a day."""
    return text(N_("%(count)s %(period)s"), count=count, period=period) if count and period else None
