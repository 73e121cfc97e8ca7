"""What is decided about budgets from values alone: how big a proposal is, what keeps a line out, who may decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from portal.types import N_, Level, Problem, Text, text
from portal.welfare.budgets.models import ApprovalLimits, BudgetVersion, Expenditure, VersionKind, VersionStatus
from portal.welfare.ledger.models import NEXT_STATUSES, Budget, BudgetStatus, Category, Draw, Source
from portal.welfare.ledger.rules import Cause, apportion, problems_with_amount

NEARLY = Decimal("0.80")


@dataclass(frozen=True)
class Limits:
    """From which sum a meeting decides and from which the audit committee reviews, until a union sets its own."""

    minute_from: Decimal = Decimal("50000.00")
    review_from: Decimal = Decimal("500000.00")


@dataclass(frozen=True)
class LineValues:
    """A line as it is entered: what for, and what it shall have from each source altogether (yuan to the fen).

    With ``draw`` mix, ``percents`` hold the shares that add up to 100 and ``amounts`` follow from the total by them.
    """

    name: str
    category: Category
    amounts: Mapping[UUID, Decimal] = field(default_factory=dict)
    account_number: str | None = None
    for_members: bool = False
    draw: Draw = Draw.IN_ORDER
    percents: Mapping[UUID, Decimal] = field(default_factory=dict)


def by_percent(total: Decimal, percents: Mapping[UUID, Decimal]) -> dict[UUID, Decimal]:
    """A total in fixed shares, to the fen."""
    return dict(zip(percents, apportion(total, list(percents.values())), strict=True))


def problems_with_line(values: LineValues, sources: Mapping[UUID, Source]) -> list[Problem]:
    """What keeps a line out of a budget: amounts, shares, and what each source may be spent on."""
    found: list[Problem] = []
    if not values.amounts:
        found.append(Problem("no_source", text(N_("Enter from which source the money comes, and how much.")), field="total"))
    if values.draw is Draw.MIX and sum(values.percents.values()) != 100:
        says = N_("The shares add up to %(sum)s %%; they have to make 100 %%.")
        found.append(Problem("shares", text(says, sum=f"{sum(values.percents.values()):g}"), field="total"))
    for source_id, amount in values.amounts.items():
        source = sources.get(source_id)
        if source is None:
            found.append(Problem("source", text(N_("This source is not of this union and year."))))
            continue
        if amount != 0:
            found += [Problem(one.code, one.says, one.level, f"amount-{source_id}") for one in problems_with_amount(amount)]
        found += problems_with_source_for_line(source, values.category, for_members=values.for_members)
    return found


def problems_with_source_for_line(source: Source, category: Category, *, for_members: bool) -> list[Problem]:
    """Whether money of a source may be spent on a line."""
    if source.only_members and not for_members:
        says = N_("“%(source)s” is for these members' activities only; the line has to be for members.")
        return [Problem("members_only", text(says, source=source.name), field="for_members")]
    if source.only_category and source.only_category is not category:
        says = N_("“%(source)s” is only for: %(category)s.")
        return [Problem("other_category", text(says, source=source.name, category=source.only_category), field="category")]
    return []


def moved(amounts: Sequence[Decimal]) -> Decimal:
    """How much a proposal moves: what it gives, or what it takes if that is more."""
    gives = sum((one for one in amounts if one > 0), Decimal(0))
    takes = -sum((one for one in amounts if one < 0), Decimal(0))
    return max(gives, takes)


def tier_of(amounts: Sequence[Decimal], limits: Limits | ApprovalLimits) -> int:
    """1: an approver alone; 2: with a meeting's minute; 3: reviewed by the audit committee too. The limits are inclusive."""
    size = moved(amounts)
    return 3 if size >= limits.review_from else 2 if size >= limits.minute_from else 1


def problems_with_limits(minute_from: Decimal, review_from: Decimal) -> list[Problem]:
    """Amounts to the fen, in their order: a meeting decides no later than the audit committee reviews."""
    fields = (("minute_from", minute_from), ("review_from", review_from))
    found = [Problem(one.code, one.says, one.level, name) for name, sum_ in fields for one in problems_with_amount(sum_)]
    if review_from < minute_from:
        says = N_("The audit committee's amount cannot be below the meeting's, %(sum)s.")
        found.append(Problem("limits_in_order", text(says, sum=minute_from), field="review_from"))
    return found


def tier_in_words(tier: int) -> Text:
    """What a tier asks for."""
    return text(
        {
            1: N_("An approver decides."),
            2: N_("An approver decides with the minute of a meeting."),
            3: N_("The audit committee reviews, then an approver decides with the minute of a meeting."),
        }[tier]
    )


def problems_with_submitting(version: BudgetVersion, amounts: Sequence[Decimal]) -> list[Problem]:
    """Whether a version can be handed in."""
    if version.status is not VersionStatus.DRAFT:
        return [Problem("not_draft", text(N_("This version was handed in already.")))]
    if not amounts:
        return [Problem("empty", text(N_("Nothing is in this version yet. Add a line first.")))]
    if version.kind is VersionKind.ADJUSTMENT and not version.reason:
        return [Problem("no_reason", text(N_("Say why the budget is adjusted.")), field="reason")]
    return []


def problems_with_deciding(version: BudgetVersion, account_id: UUID | None, minute_number: str | None) -> list[Problem]:
    """Whether somebody may approve a version: handed in, not their own, with minute and review where its tier asks for them."""
    if version.status is not VersionStatus.SUBMITTED:
        return [Problem("not_submitted", text(N_("This version does not wait for a decision.")))]
    if account_id is not None and account_id == version.proposed_by_id:
        return [Problem("own_proposal", text(N_("Who proposes does not approve. Another person has to decide.")))]
    if account_id is not None and account_id == version.reviewed_by_id:
        return [Problem("own_review", text(N_("Who reviewed for the audit committee does not approve.")))]
    if version.tier >= 2 and not minute_number:
        says = N_("At this size a meeting decides; enter the number of its minute.")
        return [Problem("no_minute", text(says), field="minute_number")]
    if version.tier >= 3 and version.reviewed_at is None:
        return [Problem("no_review", text(N_("At this size the audit committee reviews first.")))]
    return []


def problems_with_status(budget: Budget, status: BudgetStatus) -> list[Problem]:
    """Whether a budget may become this."""
    if status in NEXT_STATUSES[budget.status]:
        return []
    says = N_("A budget that is “%(now)s” cannot become “%(new)s”.")
    return [Problem("status", text(says, now=budget.status, new=status), field="status")]


def attention(line: str, *, authority: Decimal, promised: Decimal) -> list[Problem]:
    """A line that is nearly or wholly promised."""
    if authority <= 0 or promised < authority * NEARLY:
        return []
    if promised >= authority:
        return [Problem("used_up", text(N_("“%(line)s” is promised whole; nothing new can be reserved."), line=line), Level.RED)]
    says = N_("“%(line)s”: %(left)s of %(authority)s is left.")
    return [Problem("nearly_used_up", text(says, line=line, left=authority - promised, authority=authority), Level.AMBER)]


def cause_of(bill: Expenditure) -> Cause:
    """A bill as the ledger knows it."""
    return Cause("expenditures", str(bill.id), bill.title)
