"""What is decided about a purchase from values alone: what one costs, and why it cannot be entered or taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from portal.types import N_, Problem, text

FEN = Decimal("0.01")


@dataclass(frozen=True)
class Cost:
    """What one costs to the fen, and by how much the voucher differs from quantity × unit cost."""

    total: Decimal
    unit: Decimal
    difference: Decimal


def cost_of(quantity: int, total: Decimal) -> Cost:
    """The total is what the voucher says; what one costs is rounded to the fen, and the difference is said.

    >>> cost_of(3, Decimal("10.00"))
    Cost(total=Decimal('10.00'), unit=Decimal('3.33'), difference=Decimal('0.01'))
    """
    unit = (total / quantity).quantize(FEN, ROUND_HALF_UP)
    return Cost(total, unit, total - unit * quantity)


def total_of(quantity: int, unit_price: Decimal) -> Decimal:
    """What a voucher comes to that only names the price of one."""
    return (quantity * unit_price).quantize(FEN, ROUND_HALF_UP)


def problems_with_price(quantity: int | None, unit_price: Decimal | None, total: Decimal | None) -> list[Problem]:
    """One of the two must be there; if both are, they must agree within the rounding of one."""
    if unit_price is None and total is None:
        return [Problem("no_price", text(N_("Enter the total on the voucher, or the price of one.")), field="total")]
    if quantity and unit_price is not None and total is not None and abs(total - quantity * unit_price) > quantity * FEN / 2:
        says = N_("%(quantity)s at %(price)s come to %(sum)s, but the voucher says %(total)s.")
        words = text(says, quantity=quantity, price=unit_price, sum=total_of(quantity, unit_price), total=total)
        return [Problem("total_differs", words, field="total")]
    return []


def problems_with_buying(*, quantity: int, bought_on: date, expires: bool, expires_on: date | None, today: date) -> list[Problem]:
    """What stands against a purchase before money is asked."""
    found = []
    if quantity < 1:
        found.append(Problem("quantity", text(N_("Enter how many were bought.")), field="quantity"))
    if bought_on > today:
        found.append(Problem("future", text(N_("Only what was bought already can be entered.")), field="bought_on"))
    if expires and expires_on is None:
        found.append(Problem("no_expiry", text(N_("Say until when it may be used; it stands on the pack.")), field="expires_on"))
    if expires_on and expires_on < bought_on:
        says = N_("It was past its date on %(day)s, before it was bought.")
        found.append(Problem("expired", text(says, day=expires_on), field="expires_on"))
    return found


def voucher_known(number: str, item: str) -> Problem:
    """The same voucher for the same goods was entered before."""
    says = N_("Voucher %(number)s was entered for “%(item)s” at this station already.")
    return Problem("voucher_known", text(says, number=number, item=item), field="voucher_number")


def problems_with_reversing(*, reversed_already: bool, quantity: int, on_hand: int, paid: Decimal) -> list[Problem]:
    """A purchase is taken back as a whole: while all of it is still there and nothing of it is paid."""
    if reversed_already:
        return [Problem("reversed", text(N_("This purchase was taken back already.")))]
    found = []
    if on_hand < quantity:
        says = N_("Only %(left)s of %(quantity)s are still there. What was given stays bought.")
        found.append(Problem("used", text(says, left=on_hand, quantity=quantity)))
    if paid > 0:
        says = N_("%(paid)s of it was paid. Note the refund first, then take the purchase back.")
        found.append(Problem("paid", text(says, paid=paid)))
    return found
