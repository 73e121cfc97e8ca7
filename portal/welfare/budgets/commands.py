"""Changes to budgets: versions from draft to decision, status, bills."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.types import N_, Problem, Refused, new_id, text
from portal.unions.tree.models import Union
from portal.welfare.budgets import queries, rules
from portal.welfare.budgets.models import ApprovalLimits, BudgetVersion, Expenditure, VersionAmount, VersionKind, VersionStatus
from portal.welfare.budgets.rules import LineValues
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger import queries as ledger_queries
from portal.welfare.ledger.models import IN_FORCE, Allocation, Budget, BudgetLine, BudgetStatus, Draw, Source
from portal.welfare.ledger.rules import Cause

ZERO = Decimal(0)


def open_budget(*, union: Union, year: int, kind: VersionKind, by: By) -> Budget:
    """Begin a union's budget of a year, with its first draft or an interim limit. Raises `Refused` if there is one."""
    if queries.find_budget(union.id, year):
        raise Refused([Problem("there_is_one", text(N_("There is a budget of this year already.")), field="year")])
    budget = Budget(id=new_id(), union_id=union.id, year=year, status=BudgetStatus.DRAFT, created_at=clock.now())
    db.session.add(budget)
    db.session.flush()
    audit.record("budget.opened", by=by, subject=budget, union_id=union.id, year=year)
    open_version(budget=budget, kind=kind, reason=None, by=by)
    return budget


def open_version(*, budget: Budget, kind: VersionKind, reason: str | None, by: By) -> BudgetVersion:
    """Begin a version. Raises `Refused` while another one is open, or if its kind does not fit the budget's state."""
    _lock(budget)
    if queries.find_open_version(budget):
        says = N_("Another version is being worked on or waits for a decision.")
        raise Refused([Problem("open_version", text(says))])
    if (kind is VersionKind.ADJUSTMENT) is (budget.status is BudgetStatus.DRAFT) or budget.status is BudgetStatus.CLOSED:
        says = N_("A budget that is “%(status)s” takes no version of this kind.")
        raise Refused([Problem("kind", text(says, status=budget.status))])
    numbers = sa.select(sa.func.coalesce(sa.func.max(BudgetVersion.number), 0)).where(BudgetVersion.budget_id == budget.id)
    version = BudgetVersion(
        id=new_id(), budget_id=budget.id, number=db.session.scalar(numbers) + 1, kind=kind, status=VersionStatus.DRAFT,
        reason=reason, proposed_by_id=_account(by), created_at=clock.now(),
    )  # fmt: skip
    db.session.add(version)
    db.session.flush()
    _record("budget.version_opened", version, budget, by, number=version.number, kind=kind)
    return version


# --- lines of a draft ----------------------------------------------------------------------------------------------


def put_line(*, version: BudgetVersion, values: LineValues, by: By, line: BudgetLine | None = None) -> BudgetLine:
    """Add a line to a draft, or say anew what one shall have altogether. Raises `Refused`."""
    budget = _draft(version)
    sources = {one.id: one for one in _sources(budget, values.amounts)}
    problems = rules.problems_with_line(values, sources)
    if line is not None:
        problems += _problems_with_changing(line, values)
    _refuse(problems)
    _refuse_twin(budget, values.name, line)
    number = values.account_number
    if line is None:
        number = number or queries.find_account_number(budget.union_id, values.category)
        line = BudgetLine(id=new_id(), budget_id=budget.id, code=_code_for(budget, values.name))
        db.session.add(line)
    line.name, line.category, line.account_number = values.name, values.category, number
    line.for_members, line.draw = values.for_members, values.draw
    db.session.flush()
    _share_out(version, line, values)
    _record("budget.line_put", version, budget, by, line=line.name, total=str(sum(values.amounts.values(), ZERO)))
    return line


def remove_line(*, version: BudgetVersion, line: BudgetLine, by: By) -> None:
    """Take a line out of a draft; one that never had money goes altogether."""
    budget = _draft(version)
    db.session.execute(sa.delete(VersionAmount).where(VersionAmount.version_id == version.id, VersionAmount.line_id == line.id))
    held = sa.exists().where(VersionAmount.line_id == line.id)
    if ledger_queries.totals_of_line(line.id).authority == 0 and not db.session.scalar(sa.select(held)):
        used = sa.select(sa.exists().where(Expenditure.line_id == line.id))
        if not db.session.scalar(used) and not ledger_queries.list_entries(line_id=line.id).rows:
            db.session.execute(sa.delete(Allocation).where(Allocation.line_id == line.id))
            db.session.delete(line)
    _record("budget.line_removed", version, budget, by, line=line.name)
    db.session.flush()


def _share_out(version: BudgetVersion, line: BudgetLine, values: LineValues) -> None:
    """Write the shares of a line and what the version changes in each."""
    known = {one.source_id: one for one in db.session.scalars(sa.select(Allocation).where(Allocation.line_id == line.id))}
    for position, source_id in enumerate(values.amounts):
        if source_id not in known:
            known[source_id] = Allocation(line_id=line.id, source_id=source_id)
            db.session.add(known[source_id])
        known[source_id].position, known[source_id].percent = position, values.percents.get(source_id)
    db.session.flush()
    db.session.execute(sa.delete(VersionAmount).where(VersionAmount.version_id == version.id, VersionAmount.line_id == line.id))
    for source_id, share in known.items():
        change = values.amounts.get(source_id, ZERO) - share.authority
        if change:
            db.session.add(VersionAmount(version_id=version.id, line_id=line.id, source_id=source_id, amount=change))
    db.session.flush()


# --- from draft to decision ----------------------------------------------------------------------------------------


def submit(*, version: BudgetVersion, by: By) -> int:
    """Hand a version in; answers the tier that decides it, by the union's limits. From now on it stays as it is."""
    budget = _lock(_budget(version), version)
    amounts = list(queries.amounts_of(version).values())
    _refuse(rules.problems_with_submitting(version, amounts) + _problems_with_amounts(version))
    version.tier = rules.tier_of(amounts, queries.limits_of(budget.union_id))
    version.status, version.submitted_at, version.proposed_by_id = VersionStatus.SUBMITTED, clock.now(), _account(by)
    version.answer = version.reviewed_at = version.reviewed_by_id = version.review_note = None
    if version.kind is VersionKind.OPENING:
        budget.status = BudgetStatus.SUBMITTED
    db.session.flush()
    _record("budget.submitted", version, budget, by, number=version.number, tier=version.tier)
    return version.tier


def review(*, version: BudgetVersion, note: str | None, by: By) -> None:
    """The audit committee looked at it. Raises `Refused` for one's own proposal."""
    budget = _lock(_budget(version), version)
    if version.status is not VersionStatus.SUBMITTED:
        raise Refused([Problem("not_submitted", text(N_("This version does not wait for a decision.")))])
    if _account(by) == version.proposed_by_id:
        raise Refused([Problem("own_proposal", text(N_("Who proposes does not review.")))])
    version.reviewed_at, version.reviewed_by_id, version.review_note = clock.now(), _account(by), note
    db.session.flush()
    _record("budget.reviewed", version, budget, by, number=version.number)


def approve(*, version: BudgetVersion, minute_number: str | None, by: By) -> None:
    """Put a version into force: its lines have their authority from now on. Raises `Refused`."""
    budget = _lock(_budget(version), version)
    amounts = queries.amounts_of(version)
    _refuse(rules.problems_with_deciding(version, _account(by), minute_number))
    ledger_queries.lock_sources(sorted({source for _, source in amounts}))
    for line_id in sorted({line for line, _ in amounts}):
        ledger_queries.list_shares(line_id, lock=True)
    _refuse(_problems_with_amounts(version))
    version.status, version.decided_at, version.approved_by_id = VersionStatus.APPROVED, clock.now(), _account(by)
    version.minute_number = minute_number
    if version.kind is VersionKind.INTERIM:
        budget.interim_limit = sum(amounts.values(), ZERO)
    else:
        # an adjustment of a frozen budget thaws it: whoever approves gives it new authority
        budget.status = BudgetStatus.APPROVED if version.kind is VersionKind.OPENING else BudgetStatus.ADJUSTED
    db.session.flush()
    cause = Cause("budget_versions", str(version.id), version.kind.value)
    moves = [(line, source, amount) for (line, source), amount in amounts.items()]
    ledger.authorise(amounts=moves, cause=cause, by=by)
    _record("budget.approved", version, budget, by, number=version.number, minute=minute_number)


def send_back(*, version: BudgetVersion, answer: str, by: By) -> None:
    """Return a version with what has to change."""
    budget = _lock(_budget(version), version)
    if version.status is not VersionStatus.SUBMITTED:
        raise Refused([Problem("not_submitted", text(N_("This version does not wait for a decision.")))])
    version.status, version.decided_at, version.answer = VersionStatus.REJECTED, clock.now(), answer
    if version.kind is VersionKind.OPENING:
        budget.status = BudgetStatus.DRAFT
    db.session.flush()
    _record("budget.returned", version, budget, by, number=version.number, answer=answer)


def work_again(*, version: BudgetVersion, by: By) -> None:
    """Open a returned version, or take one's own back before it is decided, to put it right."""
    budget = _lock(_budget(version), version)
    if version.status is VersionStatus.SUBMITTED and _account(by) != version.proposed_by_id:
        raise Refused([Problem("not_own", text(N_("Only who handed it in takes it back; others return it with a reason.")))])
    if version.status not in (VersionStatus.SUBMITTED, VersionStatus.REJECTED):
        raise Refused([Problem("decided", text(N_("This version was decided.")))])
    if (other := queries.find_open_version(budget)) and other.id != version.id:
        raise Refused([Problem("open_version", text(N_("Another version is being worked on or waits for a decision.")))])
    if version.kind is VersionKind.OPENING:
        budget.status = BudgetStatus.DRAFT
    version.status, version.tier = VersionStatus.DRAFT, None
    db.session.flush()
    _record("budget.reopened", version, budget, by, number=version.number)


def set_status(*, budget: Budget, status: BudgetStatus, by: By) -> None:
    """Freeze a budget, thaw it, or close its year. Closing takes back what nobody was promised. Raises `Refused`."""
    _lock(budget)
    if status in IN_FORCE:
        status = BudgetStatus.ADJUSTED if len(_decided(budget)) > 1 else BudgetStatus.APPROVED
    _refuse(rules.problems_with_status(budget, status))
    if status is BudgetStatus.CLOSED:
        _close(budget, by)
    before, budget.status = budget.status, status
    db.session.flush()
    audit.record("budget.status_set", by=by, subject=budget, union_id=budget.union_id, status=[before.value, status.value])


def _close(budget: Budget, by: By) -> None:
    if queries.find_open_version(budget):
        raise Refused([Problem("open_version", text(N_("Another version is being worked on or waits for a decision.")))])
    if waiting := queries.count_promises(budget):
        says = N_("%(count)s promises are still reserved. Spend or release them first.")
        raise Refused([Problem("promises", text(says, count=waiting))])
    left = []
    for row in queries.list_rows(budget):
        left += [(row.line.id, part.source.id, -part.allocation.left) for part in row.parts if part.allocation.left > 0]
    ledger.authorise(amounts=left, cause=Cause("budgets", str(budget.id), str(budget.year)), by=by)
    budget.closed_at = clock.now()


def set_limits(*, union: Union, minute_from: Decimal, review_from: Decimal, decided_in: str, by: By) -> ApprovalLimits:
    """Say from which sums a meeting decides and the audit committee reviews; for what is handed in from now on."""
    _refuse(rules.problems_with_limits(minute_from, review_from))
    before = queries.limits_of(union.id)
    limits = ApprovalLimits(
        id=new_id(), union_id=union.id, minute_from=minute_from, review_from=review_from, decided_in=decided_in,
        set_at=clock.now(), set_by_id=_account(by),
    )  # fmt: skip
    db.session.add(limits)
    db.session.flush()
    audit.record(
        "budget.limits_set", by=by, subject=limits, union_id=union.id, decided_in=decided_in,
        minute_from=[str(before.minute_from), str(minute_from)], review_from=[str(before.review_from), str(review_from)],
    )  # fmt: skip
    return limits


# --- bills ---------------------------------------------------------------------------------------------------------


def record_expenditure(
    *, line: BudgetLine, title: str, amount: Decimal, falls_on: date, by: By, payee: str | None = None,
    voucher_number: str | None = None,
) -> Expenditure:  # fmt: skip
    """Enter a bill or purchase: it is spent at once. Raises `Refused` with what is left."""
    twin = sa.exists().where(Expenditure.line_id == line.id, Expenditure.voucher_number == voucher_number)
    if voucher_number and db.session.scalar(sa.select(twin)):
        says = N_("The voucher %(number)s was entered on this line already.")
        raise Refused([Problem("voucher_twin", text(says, number=voucher_number), field="voucher_number")])
    bill = Expenditure(
        id=new_id(), line_id=line.id, title=title, payee=payee, voucher_number=voucher_number, falls_on=falls_on, amount=amount,
        at=clock.now(), account_id=_account(by),
    )  # fmt: skip
    cause = rules.cause_of(bill)
    # reserved first: whoever asks for too much hears what is left, and nothing is written
    ledger.reserve(line_id=line.id, amount=amount, cause=cause, falls_on=falls_on, by=by)
    db.session.add(bill)
    db.session.flush()
    ledger.spend(cause=cause, by=by, voucher_number=voucher_number)
    _, budget, _ = queries.place_of(line.id)
    audit.record("expenditure.entered", by=by, subject=bill, union_id=budget.union_id, title=title, amount=str(amount))
    return bill


# --- parts ---------------------------------------------------------------------------------------------------------


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _account(by: By) -> UUID | None:
    return by.id if by.kind == "staff" else None


def _record(action: str, version: BudgetVersion, budget: Budget, by: By, **details) -> None:
    audit.record(action, by=by, subject=version, union_id=budget.union_id, **details)


def _budget(version: BudgetVersion) -> Budget:
    return db.session.get_one(Budget, version.budget_id)


def _lock(budget: Budget, version: BudgetVersion | None = None) -> Budget:
    """Hold a budget and a version until the end of the transaction, as they stand now."""
    db.session.refresh(budget, with_for_update=True)
    if version is not None:
        db.session.refresh(version, with_for_update=True)
    return budget


def _draft(version: BudgetVersion) -> Budget:
    budget = _lock(_budget(version), version)
    if version.status is not VersionStatus.DRAFT:
        says = N_("This version was handed in; it stays as it is until it is decided or taken back.")
        raise Refused([Problem("not_draft", text(says))])
    return budget


def _decided(budget: Budget) -> list[BudgetVersion]:
    kinds = (VersionKind.OPENING, VersionKind.ADJUSTMENT)
    return [one for one in queries.list_versions(budget) if one.status is VersionStatus.APPROVED and one.kind in kinds]


def _sources(budget: Budget, wanted: Mapping[UUID, Decimal]) -> list[Source]:
    return list(
        db.session.scalars(
            sa.select(Source).where(Source.id.in_(wanted), Source.union_id == budget.union_id, Source.year == budget.year)
        )
    )


def _code_for(budget: Budget, name: str) -> str:
    """The code a line of this name had in another year, or the union's next free number: a code means one thing for good."""
    own = sa.select(BudgetLine.code).join(Budget, Budget.id == BudgetLine.budget_id).where(Budget.union_id == budget.union_id)
    taken = set(db.session.scalars(sa.select(BudgetLine.code).where(BudgetLine.budget_id == budget.id)))
    known = db.session.scalar(own.where(BudgetLine.name == name).order_by(Budget.year.desc()).limit(1))
    if known and known not in taken:
        return known
    highest = db.session.scalar(own.with_only_columns(sa.func.max(BudgetLine.code)))
    return f"{int(highest or 0) + 1:03}"


def _problems_with_changing(line: BudgetLine, values: LineValues) -> list[Problem]:
    """What a line with money is for, and how it draws, stays: it would change promises that were made."""
    if ledger_queries.totals_of_line(line.id).authority == 0:
        return []
    shares = {one.source_id: one.percent for one in ledger_queries.list_shares(line.id)}
    same_mix = values.draw is Draw.IN_ORDER or {key: value for key, value in shares.items() if value} == dict(values.percents)
    if (line.category, line.for_members, line.draw) == (values.category, values.for_members, values.draw) and same_mix:
        return []
    says = N_("This line holds money: category, members and shares stay. Make a new line for something else.")
    return [Problem("line_bound", text(says))]


def _refuse_twin(budget: Budget, name: str, line: BudgetLine | None) -> None:
    twin = sa.select(BudgetLine.id).where(BudgetLine.budget_id == budget.id, BudgetLine.name == name)
    if db.session.scalar(twin.where(BudgetLine.id != line.id) if line else twin):
        raise Refused([Problem("twin", text(N_("There is a line of this name already.")), field="name")])


def _problems_with_amounts(version: BudgetVersion) -> list[Problem]:
    """Whether the sources have what a version gives, and nothing falls below what was promised; says which promises."""
    found: list[Problem] = []
    given: dict[UUID, Decimal] = {}
    names = {
        line.id: line.name for line in db.session.scalars(sa.select(BudgetLine).where(BudgetLine.budget_id == version.budget_id))
    }
    for (line_id, source_id), amount in queries.amounts_of(version).items():
        given[source_id] = given.get(source_id, ZERO) + amount
        share = db.session.get_one(Allocation, (line_id, source_id))
        promised = share.reserved + share.spent
        if share.authority + amount < promised:
            promises = "、".join(one.label for one in queries.list_promises(line_id, source_id))
            says = N_("“%(line)s” cannot fall below %(promised)s, which is promised: %(promises)s.")
            found.append(Problem("below_promises", text(says, line=names[line_id], promised=promised, promises=promises)))
    for source_id, amount in given.items():
        source = db.session.get_one(Source, source_id)
        if source.allocated + amount > source.granted:
            says = N_("“%(source)s” has %(left)s that no line holds; %(asked)s was asked.")
            left = source.granted - source.allocated
            found.append(Problem("source_short", text(says, source=source.name, left=left, asked=amount)))
    return found
