"""What stands between a person and a programme besides its rule, and in which group that puts it for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from portal.types import N_, Level, Problem, Word, text

# What passes by itself: the programme begins, booking opens, everyone's turn comes.
LATER = frozenset({"before", "opens_later", "first_hours"})
# What somebody's own booking may stand against.
OFTEN = frozenset({"interval", "limit"})


class Group(Word):
    """Where a programme stands for a person."""

    NOW = "now", N_("You can have it now")
    BOOKED = "booked", N_("You have booked it")
    ASK = "ask", N_("Something more has to be known")
    LATER = "later", N_("From a later day on")
    BLOCKED = "blocked", N_("Yours, but not possible just now")
    NO = "no", N_("Not for you, and why")


def group_of(person: Iterable[Problem], other: Iterable[Problem], next_on: date | None, booked_on: date | None = None) -> Group:
    """Where a programme stands by what its rule says of the person, and by what else is in the way.

    ``booked_on``: when they have it booked for; if that alone is why not once more, they have it.
    """
    person, other = list(person), [one for one in other if one.level is Level.RED]
    red = {one.code for one in person if one.level is Level.RED}
    if booked_on and red and red <= OFTEN:
        return Group.BOOKED
    if red:
        return Group.LATER if next_on else Group.NO
    if other:
        return Group.LATER if all(one.code in LATER for one in other) else Group.BLOCKED
    return Group.ASK if any(one.code.endswith("_unknown") for one in person) else Group.NOW


NO_RULE = Problem("no_rule", text(N_("Who may have it is not decided yet; until then nothing is given.")))
NOT_HERE = Problem("not_here", text(N_("It is not given at this station.")))
NOTHING = Problem("heading", text(N_("Nothing is given under this heading itself.")))


def problems_with_quota(left: int | None, take_back_on: date | None, today: date) -> list[Problem]:
    """Whether a quota has something left; None: there is no quota. ``take_back_on``: when unused places may come back."""
    if left is None or left > 0:
        return []
    if take_back_on and take_back_on > today:
        says = N_("It is for you, but no place is left. Unused places of others come back on %(day)s.")
        return [Problem("quota_full", text(says, day=take_back_on))]
    return [Problem("quota_full", text(N_("It is for you, but no place is left.")))]


def problems_with_stock(usable: int | None, quantity: int = 1) -> list[Problem]:
    """Whether a station has enough of it; None: it leaves no stock."""
    if usable is None or usable >= quantity:
        return []
    if usable:
        return [Problem("out_of_stock", text(N_("It is for you, but only %(count)s are left here."), count=usable))]
    return [Problem("out_of_stock", text(N_("It is for you, but none is left here just now.")))]


def problems_with_money(left: Decimal | None, price: Decimal) -> list[Problem]:
    """Whether the budget line that pays has enough left; None: nothing is reserved. Amounts are nothing for the public."""
    if left is None or left >= price:
        return []
    return [Problem("no_money", text(N_("It is for you, but the money set aside for it is used up for now.")))]


def problems_with_places(free_at: datetime | None, planned_at: datetime | None) -> list[Problem]:
    """Whether a session has a free place, of what can only be booked: the first with one, the first at all."""
    if free_at:
        return []
    if planned_at:
        says = N_("It is for you, but every place is taken. On the waiting list you hear as soon as one is free.")
        return [Problem("no_place", text(says))]
    return [Problem("no_session", text(N_("It is for you, but no dates are planned yet.")))]
