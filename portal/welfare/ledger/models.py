"""Where money comes from, what a union may do with it in a year, and the ledger that says what was done.

Authority (an approved figure: it lets us promise) and cash (money received: it lets us pay) are two things. Both change by
entries of the ledger only: it is append-only, and a trigger carries every entry into the running totals of the source, of the
line's share in it and of the commitment it belongs to. CHECK constraints on those totals are the hard stop; another trigger
refuses whoever would write a total by hand. `MOVES` is the table both the trigger and the pages are made from.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Money, Word, new_id, text_enum


class SourceKind(Word):
    """What kind of money it is."""

    LEVIED_FUNDS = "levied_funds", N_("Levied union funds")
    SUPERIOR_GRANT = "superior_grant", N_("Grant from a higher union")
    GOVERNMENT_GRANT = "government_grant", N_("Government subsidy")
    DUES = "dues", N_("Membership dues")
    MEMBER_CONTRIBUTION = "member_contribution", N_("Members' own contribution")
    SPONSORSHIP = "sponsorship", N_("Company sponsorship")


# Given for a purpose by a document; without its number nobody can say what for.
BY_DOCUMENT = (SourceKind.SUPERIOR_GRANT, SourceKind.GOVERNMENT_GRANT)


class Category(Word):
    """Expenditure by the union accounting system of 2022; account numbers belong to each union and stand on the line."""

    WORKER_ACTIVITIES = "worker_activities", N_("Workers' activities")
    ACTIVITY_ORGANIZATION = "activity_organization", N_("Organising activities")
    WORKER_SERVICES = "worker_services", N_("Services to workers")
    RIGHTS_PROTECTION = "rights_protection", N_("Protection of rights")
    BUSINESS = "business", N_("Union business")
    ADMINISTRATION = "administration", N_("Administration")
    CAPITAL = "capital", N_("Capital expenditure")
    SUBSIDY_TO_SUBORDINATES = "subsidy_to_subordinates", N_("Subsidies to lower unions")
    AFFILIATES = "affiliates", N_("Affiliated units")
    OTHER = "other", N_("Other expenditure")


class RestRule(Word):
    """What becomes of money that is left when its time is over."""

    CARRY_OVER = "carry_over", N_("is carried over to the next year")
    RETURN = "return", N_("goes back to the giver")
    LAPSE = "lapse", N_("lapses")


class BudgetStatus(Word):
    """Where a union's budget of a year stands."""

    DRAFT = "draft", N_("Draft")
    SUBMITTED = "submitted", N_("Submitted")
    APPROVED = "approved", N_("Approved")
    ADJUSTED = "adjusted", N_("Adjusted")
    FROZEN = "frozen", N_("Frozen")
    CLOSED = "closed", N_("Closed")


# Frozen makes no new promise, yet keeps those that were made. Closed is the end of a year.
NEXT_STATUSES: dict[BudgetStatus, tuple[BudgetStatus, ...]] = {
    BudgetStatus.DRAFT: (BudgetStatus.SUBMITTED,),
    BudgetStatus.SUBMITTED: (BudgetStatus.APPROVED, BudgetStatus.DRAFT),
    BudgetStatus.APPROVED: (BudgetStatus.ADJUSTED, BudgetStatus.FROZEN, BudgetStatus.CLOSED),
    BudgetStatus.ADJUSTED: (BudgetStatus.FROZEN, BudgetStatus.CLOSED),
    BudgetStatus.FROZEN: (BudgetStatus.APPROVED, BudgetStatus.ADJUSTED, BudgetStatus.CLOSED),
    BudgetStatus.CLOSED: (),
}
IN_FORCE = (BudgetStatus.APPROVED, BudgetStatus.ADJUSTED)


class Draw(Word):
    """How a line draws on its sources."""

    IN_ORDER = "in_order", N_("one after the other")
    MIX = "mix", N_("in fixed shares")


class EntryKind(Word):
    """What an entry of the ledger does."""

    AUTHORISE = "authorise", N_("Authority given")
    WITHDRAW = "withdraw", N_("Authority taken back")
    RESERVE = "reserve", N_("Reserved")
    RELEASE = "release", N_("Released")
    SPEND = "spend", N_("Spent")
    REVERSE = "reverse", N_("Spending reversed")
    PAY = "pay", N_("Paid")
    REFUND = "refund", N_("Refunded to us")
    RECEIVE = "receive", N_("Cash received")
    RETURN = "return", N_("Cash returned to the giver")
    LEND = "lend", N_("Lent as an advance")
    BORROW = "borrow", N_("Advance taken")
    REPAY = "repay", N_("Advance repaid")
    RECOVER = "recover", N_("Advance recovered")
    CARRY_OUT = "carry_out", N_("Carried over to the next year")
    CARRY_IN = "carry_in", N_("Carried over from the year before")


class Move(NamedTuple):
    """What one yuan of an entry does to the five totals."""

    authority: int = 0
    reserved: int = 0
    spent: int = 0
    paid: int = 0
    cash: int = 0


MOVES: dict[EntryKind, Move] = {
    EntryKind.AUTHORISE: Move(authority=1),
    EntryKind.WITHDRAW: Move(authority=-1),
    EntryKind.RESERVE: Move(reserved=1),
    EntryKind.RELEASE: Move(reserved=-1),
    EntryKind.SPEND: Move(reserved=-1, spent=1),
    EntryKind.REVERSE: Move(spent=-1),
    EntryKind.PAY: Move(paid=1),
    EntryKind.REFUND: Move(paid=-1),
    EntryKind.RECEIVE: Move(cash=1),
    EntryKind.RETURN: Move(cash=-1),
    EntryKind.LEND: Move(cash=-1),
    EntryKind.BORROW: Move(cash=1),
    EntryKind.REPAY: Move(cash=-1),
    EntryKind.RECOVER: Move(cash=1),
    EntryKind.CARRY_OUT: Move(cash=-1),
    EntryKind.CARRY_IN: Move(cash=1),
}
# What belongs to a commitment, what to a line only, what to the source alone.
ON_COMMITMENT = tuple(kind for kind, move in MOVES.items() if move.reserved or move.spent or move.paid)
ON_LINE = tuple(kind for kind, move in MOVES.items() if move.authority)


class Source(db.Model):
    """Money of a union and year: what was granted on paper, what came in, what for, until when.

    ``granted`` is the approved figure that lines may share out; ``allocated`` what they have; ``cash`` what came in, less what
    left other than by paying; ``paid`` what was paid. ``custodian`` holds the money where a union has no account of its own.
    """

    __tablename__ = "sources"
    __table_args__ = (
        sa.CheckConstraint("allocated >= 0 AND allocated <= granted", name="allocated_within_granted"),
        sa.CheckConstraint("paid >= 0 AND paid <= cash", name="paid_within_cash"),
        sa.CheckConstraint("until_on >= from_on", name="period_whole"),
        sa.CheckConstraint("year BETWEEN 2000 AND 2200", name="year_plausible"),
        sa.CheckConstraint(
            "kind NOT IN ('superior_grant', 'government_grant') OR document_number IS NOT NULL", name="grant_by_document"
        ),
        sa.CheckConstraint("kind <> 'dues' OR only_members", name="dues_for_members"),
        sa.CheckConstraint("rest_rule = 'carry_over' OR rest_due_on IS NOT NULL", name="rest_has_a_day"),
        sa.CheckConstraint("custodian_union_id <> union_id", name="custodian_is_another"),
        sa.Index("uq_sources_union_year_name", "union_id", "year", "name", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    year: Mapped[int]
    kind: Mapped[SourceKind] = mapped_column(text_enum(SourceKind))
    name: Mapped[str]
    grantor: Mapped[str | None]
    document_number: Mapped[str | None]
    custodian_union_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"))
    from_on: Mapped[date]
    until_on: Mapped[date]
    only_members: Mapped[bool] = mapped_column(default=False)
    only_category: Mapped[Category | None] = mapped_column(text_enum(Category))
    purpose: Mapped[str | None]
    rest_rule: Mapped[RestRule] = mapped_column(text_enum(RestRule), default=RestRule.CARRY_OVER)
    rest_due_on: Mapped[date | None]
    carried_from_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("sources.id"), unique=True)
    granted: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    allocated: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    cash: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    paid: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    created_at: Mapped[datetime]

    @property
    def at_hand(self) -> Decimal:
        """Cash that is there to pay with."""
        return self.cash - self.paid


class Budget(db.Model):
    """What a union may do with its money in a year. ``authority`` is what its lines have together."""

    __tablename__ = "budgets"
    __table_args__ = (
        sa.UniqueConstraint("union_id", "year"),
        sa.CheckConstraint("interim_limit >= 0", name="interim_not_negative"),
        sa.CheckConstraint("status NOT IN ('draft', 'submitted') OR authority <= interim_limit", name="interim_until_approved"),
        sa.CheckConstraint("authority >= 0", name="authority_not_negative"),
        sa.CheckConstraint("year BETWEEN 2000 AND 2200", name="year_plausible"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    year: Mapped[int]
    status: Mapped[BudgetStatus] = mapped_column(text_enum(BudgetStatus), default=BudgetStatus.DRAFT)
    authority: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    interim_limit: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class BudgetLine(db.Model):
    """What the money is for. ``code`` is the same in every year, so that what happens next year finds its line."""

    __tablename__ = "budget_lines"
    __table_args__ = (
        sa.UniqueConstraint("budget_id", "code"),
        sa.Index("uq_budget_lines_budget_id_name", "budget_id", "name", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    budget_id: Mapped[UUID] = mapped_column(sa.ForeignKey("budgets.id"))
    code: Mapped[str] = mapped_column(sa.String(20))
    name: Mapped[str]
    category: Mapped[Category] = mapped_column(text_enum(Category))
    account_number: Mapped[str | None] = mapped_column(sa.String(30))
    for_members: Mapped[bool] = mapped_column(default=False)
    draw: Mapped[Draw] = mapped_column(text_enum(Draw), default=Draw.IN_ORDER)


class Allocation(db.Model):
    """A line's share in a source: its place in the order or its part of the mix, and what became of it."""

    __tablename__ = "allocations"
    __table_args__ = (
        sa.CheckConstraint("authority >= 0 AND reserved >= 0 AND spent >= 0", name="not_negative"),
        sa.CheckConstraint("reserved + spent <= authority", name="promises_within_authority"),
        sa.CheckConstraint("paid >= 0 AND paid <= spent", name="paid_within_spent"),
        sa.CheckConstraint("percent > 0 AND percent <= 100", name="percent_plausible"),
        sa.Index("ix_allocations_source_id", "source_id"),
    )

    line_id: Mapped[UUID] = mapped_column(sa.ForeignKey("budget_lines.id"), primary_key=True)
    source_id: Mapped[UUID] = mapped_column(sa.ForeignKey("sources.id"), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(5, 2))
    authority: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    reserved: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    spent: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    paid: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))

    @property
    def left(self) -> Decimal:
        """What may still be promised."""
        return self.authority - self.reserved - self.spent


class Commitment(db.Model):
    """What one cause (a booking, a purchase, a bill) has reserved, spent and paid of a line's share in a source."""

    __tablename__ = "commitments"
    __table_args__ = (
        sa.ForeignKeyConstraint(["line_id", "source_id"], ["allocations.line_id", "allocations.source_id"]),
        sa.CheckConstraint("reserved >= 0 AND spent >= 0", name="not_negative"),
        sa.CheckConstraint("paid >= 0 AND paid <= spent", name="paid_within_spent"),
        sa.UniqueConstraint("cause_table", "cause_id", "line_id", "source_id"),
        sa.Index("ix_commitments_line_id", "line_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    line_id: Mapped[UUID]
    source_id: Mapped[UUID]
    cause_table: Mapped[str]
    cause_id: Mapped[str]
    label: Mapped[str]
    falls_on: Mapped[date]
    reserved: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    spent: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    paid: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))


class LedgerEntry(db.Model):
    """One movement of money or authority; append-only. ``movement`` holds those together that were one act."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint(
            "(commitment_id IS NOT NULL) = (kind IN ('reserve', 'release', 'spend', 'reverse', 'pay', 'refund'))",
            name="commitment_where_due",
        ),
        sa.CheckConstraint(
            "(line_id IS NOT NULL) = (kind IN ('authorise', 'withdraw') OR commitment_id IS NOT NULL)", name="line_where_due"
        ),
        sa.Index("ix_ledger_entries_line_id", "line_id", "id"),
        sa.Index("ix_ledger_entries_source_id", "source_id", "id"),
        sa.Index("ix_ledger_entries_commitment_id", "commitment_id", "id"),
        sa.Index("ix_ledger_entries_movement", "movement"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    falls_on: Mapped[date]
    kind: Mapped[EntryKind] = mapped_column(text_enum(EntryKind))
    amount: Mapped[Decimal] = mapped_column(Money)
    source_id: Mapped[UUID] = mapped_column(sa.ForeignKey("sources.id"))
    line_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("budget_lines.id"))
    commitment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("commitments.id"))
    movement: Mapped[UUID]
    cause_table: Mapped[str]
    cause_id: Mapped[str]
    label: Mapped[str]
    voucher_number: Mapped[str | None] = mapped_column(sa.String(60))
    by_kind: Mapped[str]
    by_id: Mapped[UUID | None]
