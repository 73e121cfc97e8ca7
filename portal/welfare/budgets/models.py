"""Versions of a budget on their way to be approved, and bills entered by hand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Money, Word, new_id, text_enum


class VersionKind(Word):
    """What a version of a budget is."""

    INTERIM = "interim", N_("Interim limit")
    OPENING = "opening", N_("Budget")
    ADJUSTMENT = "adjustment", N_("Adjustment")
    CARRY_OVER = "carry_over", N_("Carry-over")


class VersionStatus(Word):
    """Where a version stands on its way to be approved."""

    DRAFT = "draft", N_("Draft")
    SUBMITTED = "submitted", N_("Submitted")
    APPROVED = "approved", N_("Approved")
    REJECTED = "rejected", N_("Returned")


class BudgetVersion(db.Model):
    """A proposal to give lines authority, or to take it back: the budget itself, an adjustment, an interim limit.

    Who proposes does not approve. By the size of what it moves it needs a meeting's minute, and above that the audit
    committee's review (``tier`` 1, 2, 3); which tier it is, is fixed when it is submitted.
    """

    __tablename__ = "budget_versions"
    __table_args__ = (
        sa.UniqueConstraint("budget_id", "number"),
        sa.CheckConstraint("approved_by_id <> proposed_by_id", name="proposer_does_not_approve"),
        sa.CheckConstraint("reviewed_by_id <> proposed_by_id AND reviewed_by_id <> approved_by_id", name="reviewer_is_a_third"),
        sa.CheckConstraint("tier BETWEEN 1 AND 3", name="tier"),
        sa.CheckConstraint("status NOT IN ('submitted', 'approved') OR tier IS NOT NULL", name="submitted_has_tier"),
        sa.CheckConstraint(
            "status <> 'approved' OR (approved_by_id IS NOT NULL OR proposed_by_id IS NULL) AND decided_at IS NOT NULL",
            name="approved_by_somebody",
        ),
        sa.CheckConstraint("status <> 'approved' OR tier < 2 OR minute_number IS NOT NULL", name="minute_from_tier_two"),
        sa.CheckConstraint("status <> 'approved' OR tier < 3 OR reviewed_at IS NOT NULL", name="review_from_tier_three"),
        sa.CheckConstraint("status <> 'rejected' OR answer IS NOT NULL", name="returned_with_a_reason"),
        sa.Index(
            "uq_budget_versions_open", "budget_id", unique=True, postgresql_where=sa.text("status IN ('draft', 'submitted')")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    budget_id: Mapped[UUID] = mapped_column(sa.ForeignKey("budgets.id"))
    number: Mapped[int]
    kind: Mapped[VersionKind] = mapped_column(text_enum(VersionKind))
    status: Mapped[VersionStatus] = mapped_column(text_enum(VersionStatus), default=VersionStatus.DRAFT)
    reason: Mapped[str | None]
    tier: Mapped[int | None]
    minute_number: Mapped[str | None]
    proposed_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    submitted_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    reviewed_at: Mapped[datetime | None]
    review_note: Mapped[str | None]
    approved_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    decided_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    created_at: Mapped[datetime]


class ApprovalLimits(db.Model):
    """From which sum a meeting decides a union's proposals and the audit committee reviews them, and where that was decided.

    Append-only: the latest row of a union counts for what is handed in from then on.
    """

    __tablename__ = "approval_limits"
    __table_args__ = (
        sa.CheckConstraint("minute_from > 0 AND review_from >= minute_from", name="in_order"),
        sa.Index("ix_approval_limits_union_id", "union_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    minute_from: Mapped[Decimal] = mapped_column(Money)
    review_from: Mapped[Decimal] = mapped_column(Money)
    decided_in: Mapped[str]
    set_at: Mapped[datetime]
    set_by_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))


class VersionAmount(db.Model):
    """What a version gives a line from a source; negative takes back."""

    __tablename__ = "version_amounts"
    __table_args__ = (
        sa.ForeignKeyConstraint(["line_id", "source_id"], ["allocations.line_id", "allocations.source_id"]),
        sa.CheckConstraint("amount <> 0", name="amount_not_nothing"),
    )

    version_id: Mapped[UUID] = mapped_column(sa.ForeignKey("budget_versions.id"), primary_key=True)
    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Money)


class Expenditure(db.Model):
    """A bill or purchase that finance enters by hand. Goods are spent here, when bought, not when they are handed out."""

    __tablename__ = "expenditures"
    __table_args__ = (
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.Index("uq_expenditures_line_voucher", "line_id", "voucher_number", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    line_id: Mapped[UUID] = mapped_column(sa.ForeignKey("budget_lines.id"))
    title: Mapped[str]
    payee: Mapped[str | None]
    voucher_number: Mapped[str | None] = mapped_column(sa.String(60))
    falls_on: Mapped[date]
    amount: Mapped[Decimal] = mapped_column(Money)
    at: Mapped[datetime]
    account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
