"""What is decided about sources from values alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from portal.types import N_, Level, Problem, text
from portal.welfare.ledger.models import BY_DOCUMENT, Category, RestRule, Source, SourceKind
from portal.welfare.ledger.rules import FEN, MOST

SOON = timedelta(days=45)  # before its time is over, unpromised money is worth a word


@dataclass(frozen=True)
class SourceValues:
    """What finance enters about a source; ``granted`` in yuan to the fen."""

    year: int
    kind: SourceKind
    name: str
    granted: Decimal
    from_on: date
    until_on: date
    grantor: str | None = None
    document_number: str | None = None
    only_members: bool = False
    only_category: Category | None = None
    purpose: str | None = None
    rest_rule: RestRule = RestRule.CARRY_OVER
    rest_due_on: date | None = None


def problems_with_source(values: SourceValues, *, allocated: Decimal = Decimal(0)) -> list[Problem]:
    """What keeps a source out of the books, field by field."""
    found = []
    if values.granted < 0 or values.granted > MOST or values.granted != values.granted.quantize(FEN):
        found.append(
            Problem("granted_implausible", text(N_("Enter an amount in yuan, with at most two decimals.")), field="granted")
        )
    elif values.granted < allocated:
        says = N_("Lines hold %(allocated)s of it already; take that back by an adjustment first.")
        found.append(Problem("granted_below_allocated", text(says, allocated=allocated), field="granted"))
    if values.kind in BY_DOCUMENT and not values.document_number:
        says = N_("A grant is given by a document; enter its number.")
        found.append(Problem("no_document", text(says), field="document_number"))
    if values.kind is SourceKind.DUES and not values.only_members:
        says = N_("Dues are spent on these members' activities only; tick the box.")
        found.append(Problem("dues_for_members", text(says), field="only_members"))
    if values.until_on < values.from_on:
        found.append(Problem("period", text(N_("It ends before it begins.")), field="until_on"))
    if values.rest_rule is not RestRule.CARRY_OVER and values.rest_due_on is None:
        found.append(Problem("no_rest_day", text(N_("Enter the day by which the rest is due.")), field="rest_due_on"))
    return found


def attention(source: Source, *, promised: Decimal, today: date) -> list[Problem]:
    """What should not be missed about a source: money that lapses or goes back, payments waiting for a late grant."""
    found = []
    rest = source.granted - promised
    ends = min(source.until_on, source.rest_due_on or source.until_on)
    if rest > 0 and today <= ends <= today + SOON and source.rest_rule is not RestRule.CARRY_OVER:
        says = N_("%(name)s: %(rest)s is not promised by %(day)s and then %(what)s.")
        words = text(says, name=source.name, rest=rest, day=ends, what=source.rest_rule)
        found.append(Problem("rest_due", words, Level.AMBER))
    if source.cash < source.granted and today > source.from_on + SOON:
        says = N_("%(name)s: %(missing)s of the granted money has not come in yet.")
        words = text(says, name=source.name, missing=source.granted - source.cash)
        found.append(Problem("grant_late", words, Level.AMBER))
    return found


def problems_with_advance(amount: Decimal, *, at_hand: Decimal, granted: Decimal, cash: Decimal) -> list[Problem]:
    """An advance is lent from cash at hand and never exceeds what the late grant still brings.

    ``granted`` and ``cash`` are the borrower's; its cash holds the advances it has not repaid yet.
    """
    if amount > at_hand:
        says = N_("Only %(left)s is at hand in the source that lends.")
        return [Problem("lender_short", text(says, left=at_hand), field="lent")]
    if amount > (left := max(granted - cash, Decimal(0))):
        says = N_("At most %(left)s is still to come to this source, advances included.")
        return [Problem("advance_beyond_grant", text(says, left=left), field="lent")]
    return []
