"""What is decided about money from values alone: how an amount is shared among sources, and why it may not be promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from portal.types import N_, Problem, text
from portal.welfare.ledger.models import BudgetStatus, Draw

FEN = Decimal("0.01")
MOST = Decimal("999999999999.99")  # what numeric(14,2) holds


@dataclass(frozen=True)
class Cause:
    """What money moves for: a row of some table, and how it is called on the page of the ledger."""

    table: str
    id: str
    label: str


@dataclass(frozen=True)
class Share:
    """What a line may still promise from one source: its place, its part in a mix, what is left and until when."""

    source_id: UUID
    source: str
    position: int
    percent: Decimal | None
    left: Decimal
    from_on: date
    until_on: date


def apportion(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Share an amount by weights, to the fen: the parts add up exactly, and none exceeds its weight if their sum covers it.

    The fen that rounding leaves go to the largest remainders, the first of equals first.

    >>> apportion(Decimal("10.00"), [Decimal(40), Decimal(40), Decimal(20)])
    [Decimal('4.00'), Decimal('4.00'), Decimal('2.00')]
    """
    total = sum(weights)
    if total <= 0:
        raise ValueError("nothing to share by")
    fen = int(amount / FEN)
    # in whole numbers: a quotient of decimals is rounded, and a rounded share may exceed its weight
    scaled = [int(weight / FEN) for weight in weights]
    whole = sum(scaled)
    parts = [fen * weight // whole for weight in scaled]
    remainders = [fen * weight % whole for weight in scaled]
    for place in sorted(range(len(parts)), key=lambda one: (-remainders[one], one))[: fen - sum(parts)]:
        parts[place] += 1
    return [part * FEN for part in parts]


def in_order(amount: Decimal, most: Sequence[Decimal]) -> list[Decimal]:
    """Take an amount from the first until it is used up, then from the next. What is not covered is not taken."""
    parts = []
    for one in most:
        parts.append(min(amount, max(one, Decimal(0))))
        amount -= parts[-1]
    return parts


def draw_on(shares: Sequence[Share], draw: Draw, amount: Decimal, on: date, *, line: str) -> tuple[list[Decimal], list[Problem]]:
    """What each share gives to a new promise that falls on a day, or why it cannot be given.

    ``shares`` stand in their order; those whose period does not cover the day give nothing, and a mix needs all of them.
    """
    usable = [one.left if one.from_on <= on <= one.until_on else Decimal(0) for one in shares]
    if draw is Draw.IN_ORDER:
        parts = in_order(amount, usable)
        return (parts, []) if sum(parts) == amount else ([], [not_enough(line, amount, sum(usable, Decimal(0)))])
    parts = apportion(amount, [one.percent or Decimal(0) for one in shares])
    for share, part, left in zip(shares, parts, usable, strict=True):
        if part > left:
            return [], [not_enough(f"{line} · {share.source}", part, left)]
    return parts, []


def not_enough(what: str, asked: Decimal, left: Decimal) -> Problem:
    """The hard stop, with what is left."""
    return Problem(
        "not_enough",
        text(N_("“%(what)s” has %(left)s left; %(asked)s was asked."), what=what, left=left, asked=asked),
        field="amount",
    )


def problems_with_amount(amount: Decimal | None) -> list[Problem]:
    """An amount is more than nothing, in whole fen, and not beyond what the books hold."""
    if amount is None or not amount.is_finite() or amount <= 0:
        return [Problem("amount_not_positive", text(N_("Enter an amount above zero.")), field="amount")]
    if amount > MOST:
        return [Problem("amount_too_large", text(N_("This amount is too large.")), field="amount")]
    if amount != amount.quantize(FEN):
        return [Problem("amount_below_fen", text(N_("An amount has at most two decimals.")), field="amount")]
    return []


def problems_with_promising(status: BudgetStatus, budget_year: int, on: date) -> list[Problem]:
    """Whether a budget takes new promises: not frozen, not closed, and of the year the thing falls in."""
    if status is BudgetStatus.CLOSED:
        return [Problem("budget_closed", text(N_("The budget of this year is closed.")))]
    if status is BudgetStatus.FROZEN:
        return [Problem("budget_frozen", text(N_("The budget is frozen: promises made are kept, new ones wait.")))]
    if on.year != budget_year:
        says = N_("It falls in another year than this budget; each year pays for what happens in it.")
        return [Problem("other_year", text(says))]
    return []
