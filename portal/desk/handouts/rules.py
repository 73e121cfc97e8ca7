"""What is decided about hand-outs and group visits from values alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal import clock
from portal.types import N_, Level, Problem, text
from portal.vocabulary import Occupation
from portal.welfare.items.models import Proof

MOST_HEADS = 500
# How long afterwards a group visit may still be entered.
GROUP_WITHIN = timedelta(days=100)


def problems_with_opening(title: str | None, quantity: int | None) -> list[Problem]:
    """What keeps a hand-out from being opened."""
    found = []
    if not (title or "").strip():
        found.append(Problem("title", text(N_("Say what is handed out.")), field="title"))
    if quantity is not None and not 1 <= quantity <= 100_000:
        found.append(
            Problem("quantity", text(N_("A number from 1 to 100,000, or empty if there is no limit.")), field="quantity")
        )
    return found


def problems_with_queue(proof: Proof) -> list[Problem]:
    """Whether something can be given with one scan each: what needs a photo, a signature or a code is given at the desk."""
    if proof is Proof.NONE:
        return []
    says = N_("It needs proof from everybody (%(proof)s); give it at the desk, one by one.")
    return [Problem("proof", text(says, proof=proof), field="programme")]


def problems_with_giving(*, closed: bool, left: int | None, had_at: datetime | None) -> list[Problem]:
    """What the light says about giving to this person now; amber means they have theirs, red that nobody can be given."""
    if closed:
        return [Problem("closed", text(N_("This hand-out is closed.")))]
    if had_at is not None:
        return [Problem("had", text(N_("Already has one, at %(time)s. Not given again."), time=had_at), Level.AMBER)]
    if left == 0:
        return [Problem("nothing_left", text(N_("Nothing left.")))]
    return []


def unknown_card() -> Problem:
    """What is said when a scan finds nobody: they are given theirs all the same, by occupation."""
    return Problem("unknown", text(N_("This code finds nobody. Tap the occupation instead.")), Level.AMBER)


def several_people() -> Problem:
    """A shared phone: which of them cannot be asked in a queue."""
    return Problem("several", text(N_("Several people share this phone. Scan the card, or tap the occupation.")), Level.AMBER)


def problems_with_group(heads: dict[Occupation, int], at: datetime, now: datetime) -> list[Problem]:
    """What is wrong with a group visit: nobody in it, too many, or a time that cannot be."""
    found = []
    total = sum(heads.values())
    if total < 1:
        found.append(Problem("heads", text(N_("Say how many were visited, by occupation."))))
    if total > MOST_HEADS:
        found.append(
            Problem("heads", text(N_("At most %(count)s people in one visit; enter the rest as another."), count=MOST_HEADS))
        )
    if at > now:
        found.append(Problem("at", text(N_("This time is still to come.")), field="time"))
    if now - at > GROUP_WITHIN:
        found.append(Problem("at", text(N_("This is more than %(days)s days ago."), days=GROUP_WITHIN.days), field="day"))
    return found


def problems_with_reversing(
    entered_at: datetime, *, own: bool, keeper: bool, reversed_already: bool, reason: str | None, now: datetime
) -> list[Problem]:
    """Why a group visit may not be taken back: with a reason, by who entered it that day, or by a keeper."""
    if reversed_already:
        return [Problem("undone", text(N_("This was already taken back.")))]
    if not (reason or "").strip():
        return [Problem("reason", text(N_("Say in a few words why.")), field="reason")]
    if keeper or (own and clock.business_day(entered_at) == clock.business_day(now)):
        return []
    return [Problem("not_own", text(N_("Who entered it can take it back on the same day; afterwards a keeper can.")))]
