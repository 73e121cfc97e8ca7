"""Reads about budgets within scope: lists, a budget's lines with their sources, its versions, bills."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.types import N_, Text, text
from portal.unions.staff.models import Account
from portal.unions.tree.models import Union
from portal.unions.tree.queries import within
from portal.welfare.budgets.models import ApprovalLimits, BudgetVersion, Expenditure, VersionAmount, VersionStatus
from portal.welfare.budgets.rules import Limits
from portal.welfare.ledger.models import Allocation, Budget, BudgetLine, BudgetStatus, Category, Commitment, Source
from portal.welfare.ledger.queries import Totals, sums

VIEW = Permission.VIEW_BUDGETS
_later = aliased(BudgetVersion)
LIMITS_SHOWN = 30


@dataclass(frozen=True)
class Listed:
    """A budget in a list: whose, and its totals."""

    budget: Budget
    union: str
    union_code: str
    totals: Totals


@dataclass
class Part:
    """A line's share in one source, and what the open version gives or takes."""

    allocation: Allocation
    source: Source
    change: Decimal = Decimal(0)

    @property
    def wanted(self) -> Decimal:
        """What it shall have altogether."""
        return self.allocation.authority + self.change


@dataclass
class Row:
    """A line with its parts, in their order."""

    line: BudgetLine
    parts: list[Part] = field(default_factory=list)

    @property
    def totals(self) -> Totals:
        """The sums over its sources."""
        held = [part.allocation for part in self.parts]
        names = ("authority", "reserved", "spent", "paid")
        return Totals(*(sum((getattr(one, name) for one in held), Decimal(0)) for name in names))

    @property
    def wanted(self) -> Decimal:
        """What it shall have altogether when the open version is approved."""
        return sum((part.wanted for part in self.parts), Decimal(0))

    @property
    def change(self) -> Decimal:
        """What the open version gives or takes."""
        return sum((part.change for part in self.parts), Decimal(0))


# --- budgets -------------------------------------------------------------------------------------------------------


def _totals() -> sa.Subquery:
    return (
        sa.select(BudgetLine.budget_id, *(one.label(name) for one, name in zip(sums(), ("a", "r", "s", "p"), strict=True)))
        .join(Allocation, Allocation.line_id == BudgetLine.id)
        .group_by(BudgetLine.budget_id)
        .subquery()
    )


def _matching(actor: Actor, q: str | None, year: int | None, status: BudgetStatus | None) -> sa.Select:
    sub = _totals()
    figures = (sa.func.coalesce(sub.c[name], 0) for name in ("a", "r", "s", "p"))
    found = (
        sa.select(Budget, Union.name, Union.code, *figures)
        .join(Union, Union.id == Budget.union_id)
        .outerjoin(sub, sub.c.budget_id == Budget.id)
        .where(within(Budget.union_id, actor, VIEW))
    )
    if q:
        found = found.where(sa.or_(Union.name.icontains(q, autoescape=True), Union.code == q.upper()))
    if year:
        found = found.where(Budget.year == year)
    if status:
        found = found.where(sa.or_(Budget.status == status, _at(status)))
    return found


def _at(status: BudgetStatus) -> sa.ColumnElement[bool]:
    """Whether a version stands where a budget may stand too: an adjustment that waits, or one drafted or returned."""
    if status is BudgetStatus.SUBMITTED:
        of = BudgetVersion.status == VersionStatus.SUBMITTED
    elif status is BudgetStatus.DRAFT:
        of = sa.or_(BudgetVersion.status == VersionStatus.DRAFT, _returned())
    else:
        return sa.false()
    return sa.exists().where(BudgetVersion.budget_id == Budget.id, of)


def _returned() -> sa.ColumnElement[bool]:
    """A version that was sent back and that nothing came after."""
    later = sa.exists().where(_later.budget_id == BudgetVersion.budget_id, _later.number > BudgetVersion.number)
    return sa.and_(BudgetVersion.status == VersionStatus.REJECTED, ~later)


def list_budgets(
    actor: Actor, *, q: str | None = None, year: int | None = None, status: BudgetStatus | None = None,
    before: str | None = None, after: str | None = None,
) -> Slice:  # fmt: skip
    """Budgets within scope as `Listed`, the latest year first."""
    columns = (Budget.year, Budget.id)
    rows = keyset(
        _matching(actor, q, year, status), columns, lambda row: (row[0].year, row[0].id), before=before, after=after,
        descending=True, scalars=False,
    )  # fmt: skip
    return Slice([_listed(row) for row in rows], rows.before, rows.after)


def stream_budgets(actor: Actor, *, q: str | None, year: int | None, status: BudgetStatus | None) -> list[Listed]:
    """Every budget that matches, for the export."""
    rows = db.session.execute(_matching(actor, q, year, status).order_by(Budget.year.desc(), Budget.id.desc()))
    return [_listed(row) for row in rows]


def _listed(row: sa.Row) -> Listed:
    budget, union, code, *figures = row
    return Listed(budget, union, code, Totals(*figures))


def get_budget(union_code: str, year: int, actor: Actor, permission: Permission = VIEW) -> Budget:
    """A union's budget of a year within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(Budget)
        .join(Union, Union.id == Budget.union_id)
        .where(Union.code == union_code, Budget.year == year, within(Budget.union_id, actor, permission))
    ).one()


def find_budget(union_id: UUID, year: int) -> Budget | None:
    """A union's budget of a year, or None."""
    return db.session.scalars(sa.select(Budget).where(Budget.union_id == union_id, Budget.year == year)).one_or_none()


def union_of(budget: Budget) -> Union:
    """Whose budget it is."""
    return db.session.get_one(Union, budget.union_id)


# --- lines ---------------------------------------------------------------------------------------------------------


def list_rows(budget: Budget, version: BudgetVersion | None = None) -> list[Row]:
    """A budget's lines with their shares; with a version also what it gives or takes."""
    lines = db.session.scalars(sa.select(BudgetLine).where(BudgetLine.budget_id == budget.id).order_by(BudgetLine.code))
    rows = {line.id: Row(line) for line in lines}
    changes = amounts_of(version) if version else {}
    shares = db.session.execute(
        sa.select(Allocation, Source)
        .join(Source, Source.id == Allocation.source_id)
        .where(Allocation.line_id.in_(rows))
        .order_by(Allocation.position, Allocation.source_id)
    )
    for share, source in shares:
        change = changes.get((share.line_id, share.source_id), Decimal(0))
        rows[share.line_id].parts.append(Part(share, source, change))
    return list(rows.values())


def get_line(budget: Budget, code: str) -> BudgetLine:
    """A line by code; raises NoResultFound (404)."""
    return db.session.scalars(sa.select(BudgetLine).where(BudgetLine.budget_id == budget.id, BudgetLine.code == code)).one()


def find_account_number(union_id: UUID, category: Category) -> str | None:
    """Under which number a union's books keep a category: that of its latest line which has one."""
    found = sa.select(BudgetLine.account_number).join(Budget, Budget.id == BudgetLine.budget_id)
    found = found.where(Budget.union_id == union_id, BudgetLine.category == category, BudgetLine.account_number.is_not(None))
    return db.session.scalar(found.order_by(Budget.year.desc(), BudgetLine.id.desc()).limit(1))


def count_lines(budget: Budget) -> int:
    """How many lines a budget has; a handful."""
    return db.session.scalar(sa.select(sa.func.count()).where(BudgetLine.budget_id == budget.id))


def list_promises(line_id: UUID, source_id: UUID, limit: int = 5) -> list[Commitment]:
    """The largest promises that a share holds: what stands in the way of taking its money."""
    size = Commitment.reserved + Commitment.spent
    found = sa.select(Commitment).where(Commitment.line_id == line_id, Commitment.source_id == source_id, size > 0)
    return list(db.session.scalars(found.order_by(size.desc(), Commitment.id).limit(limit)))


def count_promises(budget: Budget) -> int:
    """How many things a budget has promised money to and not spent it on yet."""
    lines = sa.select(BudgetLine.id).where(BudgetLine.budget_id == budget.id)
    causes = sa.func.count(sa.distinct(sa.tuple_(Commitment.cause_table, Commitment.cause_id)))
    return db.session.scalar(sa.select(causes).where(Commitment.line_id.in_(lines), Commitment.reserved > 0))


# --- versions ------------------------------------------------------------------------------------------------------


def list_versions(budget: Budget) -> list[BudgetVersion]:
    """A budget's versions, the latest first."""
    found = sa.select(BudgetVersion).where(BudgetVersion.budget_id == budget.id)
    return list(db.session.scalars(found.order_by(BudgetVersion.number.desc())))


def get_version(budget: Budget, number: int) -> BudgetVersion:
    """A version by number; raises NoResultFound (404)."""
    return db.session.scalars(
        sa.select(BudgetVersion).where(BudgetVersion.budget_id == budget.id, BudgetVersion.number == number)
    ).one()


def find_open_version(budget: Budget) -> BudgetVersion | None:
    """The version that is drafted or waits for a decision; there is one at the most."""
    waiting = (VersionStatus.DRAFT, VersionStatus.SUBMITTED)
    return db.session.scalars(
        sa.select(BudgetVersion).where(BudgetVersion.budget_id == budget.id, BudgetVersion.status.in_(waiting))
    ).one_or_none()


def amounts_of(version: BudgetVersion) -> dict[tuple[UUID, UUID], Decimal]:
    """What a version gives or takes, by (line, source)."""
    rows = db.session.scalars(sa.select(VersionAmount).where(VersionAmount.version_id == version.id))
    return {(row.line_id, row.source_id): row.amount for row in rows}


def limits_of(union_id: UUID) -> Limits | ApprovalLimits:
    """From which sums a meeting and the audit committee take part at a union: its own latest, otherwise those of the house."""
    found = sa.select(ApprovalLimits).where(ApprovalLimits.union_id == union_id)
    return db.session.scalars(found.order_by(ApprovalLimits.id.desc()).limit(1)).one_or_none() or Limits()


def list_limits(union_id: UUID) -> list[sa.Row]:
    """What a union set as (limits, who), the latest first."""
    found = sa.select(ApprovalLimits, Account.name).outerjoin(Account, Account.id == ApprovalLimits.set_by_id)
    found = found.where(ApprovalLimits.union_id == union_id).order_by(ApprovalLimits.id.desc())
    return list(db.session.execute(found.limit(LIMITS_SHOWN)))


def people_of(version: BudgetVersion) -> dict[UUID, str]:
    """The names of those who proposed, reviewed and approved."""
    ids = [one for one in (version.proposed_by_id, version.reviewed_by_id, version.approved_by_id) if one]
    return dict(db.session.execute(sa.select(Account.id, Account.name).where(Account.id.in_(ids))).all())


def count_submitted(actor: Actor, permission: Permission, *, to_review: bool = False) -> int:
    """Versions that wait within scope: for the audit committee's review, or for an approver (not one's own proposal)."""
    found = (
        sa.select(sa.func.count())
        .select_from(BudgetVersion)
        .join(Budget, Budget.id == BudgetVersion.budget_id)
        .where(BudgetVersion.status == VersionStatus.SUBMITTED, within(Budget.union_id, actor, permission))
    )
    waits = sa.and_(BudgetVersion.tier == 3, BudgetVersion.reviewed_at.is_(None))
    return db.session.scalar(
        found.where(waits if to_review else sa.and_(~waits, BudgetVersion.proposed_by_id.is_distinct_from(actor.id)))
    )


def awaiting(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff's home: versions that wait for this person's decision or review."""
    if actor.may(Permission.APPROVE_BUDGETS):
        return text(N_("Budgets to decide")), "/budgets?status=submitted", count_submitted(actor, Permission.APPROVE_BUDGETS)
    if actor.may(Permission.REVIEW_BUDGETS):
        count = count_submitted(actor, Permission.REVIEW_BUDGETS, to_review=True)
        return text(N_("Budgets to review")), "/budgets?status=submitted", count
    return None


def awaiting_again(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff's home: versions that were returned and that this person may put right."""
    if not actor.may(Permission.EDIT_BUDGETS):
        return None
    found = sa.select(sa.func.count()).select_from(BudgetVersion).join(Budget, Budget.id == BudgetVersion.budget_id)
    count = db.session.scalar(found.where(_returned(), within(Budget.union_id, actor, Permission.EDIT_BUDGETS)))
    return text(N_("Budgets returned, to put right")), "/budgets?status=draft", count


# --- bills ---------------------------------------------------------------------------------------------------------


def get_expenditure(ident: UUID, actor: Actor, permission: Permission = VIEW) -> Expenditure:
    """A bill within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(Expenditure)
        .join(BudgetLine, BudgetLine.id == Expenditure.line_id)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .where(Expenditure.id == ident, within(Budget.union_id, actor, permission))
    ).one()


def find_title(ident: UUID) -> str | None:
    """How a bill is called, without scope: the ledger that names it was within scope."""
    return db.session.scalar(sa.select(Expenditure.title).where(Expenditure.id == ident))


def find_place(ident: UUID, *, of_version: bool = False) -> tuple[Budget, Union]:
    """A budget by its id, or by that of one of its versions, with its union; without scope, for addresses."""
    found = sa.select(Budget, Union).join(Union, Union.id == Budget.union_id)
    if of_version:
        found = found.join(BudgetVersion, BudgetVersion.budget_id == Budget.id).where(BudgetVersion.id == ident)
    else:
        found = found.where(Budget.id == ident)
    return tuple(db.session.execute(found).one())


def find_version(ident: UUID) -> BudgetVersion | None:
    """A version by id, without scope: the ledger that names it was within scope."""
    return db.session.get(BudgetVersion, ident)


def place_of(line_id: UUID) -> tuple[BudgetLine, Budget, Union]:
    """A line with its budget and union."""
    return tuple(
        db.session.execute(
            sa.select(BudgetLine, Budget, Union)
            .join(Budget, Budget.id == BudgetLine.budget_id)
            .join(Union, Union.id == Budget.union_id)
            .where(BudgetLine.id == line_id)
        ).one()
    )


def list_commitments_of_line(line: BudgetLine, *, before: str | None = None, after: str | None = None) -> Slice:
    """What a line has promised and spent, cause by cause and source by source, the latest first."""
    found = sa.select(Commitment).where(Commitment.line_id == line.id)
    return keyset(found, (Commitment.id,), lambda row: (row.id,), before=before, after=after, descending=True)
