"""Reads about money that other rooms need: what is left, what a cause holds, what was entered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal.db import db
from portal.paging import Slice, keyset
from portal.welfare.ledger.models import Allocation, Budget, BudgetLine, Commitment, LedgerEntry, Source
from portal.welfare.ledger.rules import Share

# What shows a cause: table → a function from its id to (address, how it is called). Rooms that reserve or spend add theirs.
cause_pages: dict[str, Callable[[str], tuple[str, Any] | None]] = {}


def cause_of(entry: LedgerEntry) -> tuple[str | None, Any]:
    """The address of what an entry moved for, where there is one, and how it is called."""
    look = cause_pages.get(entry.cause_table)
    return (look(entry.cause_id) if look else None) or (None, entry.label)


@dataclass(frozen=True)
class Totals:
    """Sums of shares: authority = left + reserved + spent."""

    authority: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        """What may still be promised."""
        return self.authority - self.reserved - self.spent


def sums(model: Any = Allocation) -> tuple[sa.ColumnElement, ...]:
    """The four sums over shares, for a query of one's own."""
    return tuple(
        sa.func.coalesce(sa.func.sum(column), 0) for column in (model.authority, model.reserved, model.spent, model.paid)
    )


def totals_of_line(line_id: UUID) -> Totals:
    """What a line has, promised, spent and paid, over all its sources."""
    return Totals(*db.session.execute(sa.select(*sums()).where(Allocation.line_id == line_id)).one())


def find_line(union_id: UUID, code: str, year: int) -> BudgetLine | None:
    """The line with this code in a union's budget of a year, or None."""
    return db.session.scalars(
        sa.select(BudgetLine)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .where(Budget.union_id == union_id, Budget.year == year, BudgetLine.code == code)
    ).one_or_none()


def budget_of(line: BudgetLine) -> Budget:
    """The budget a line stands in."""
    return db.session.get_one(Budget, line.budget_id)


def list_shares(line_id: UUID, *, lock: bool = False) -> list[Share]:
    """A line's shares in its sources, in their order; ``lock`` holds them until the end of the transaction."""
    if lock:  # always in the same order, so that two who lock never wait for each other
        rows = sa.select(Allocation.source_id).where(Allocation.line_id == line_id).order_by(Allocation.source_id)
        db.session.execute(rows.with_for_update())
    found = db.session.execute(
        sa.select(Allocation, Source)
        .join(Source, Source.id == Allocation.source_id)
        .where(Allocation.line_id == line_id)
        .order_by(Allocation.position, Allocation.source_id)
        .execution_options(populate_existing=True)
    )
    return [
        Share(source.id, source.name, share.position, share.percent, share.left, source.from_on, source.until_on)
        for share, source in found
    ]


def line_of_year(line_id: UUID, falls_on: date) -> BudgetLine | None:
    """The line, or the one with its code in the budget of the year in which something falls."""
    line = db.session.get_one(BudgetLine, line_id)
    budget = budget_of(line)
    return line if falls_on.year == budget.year else find_line(budget.union_id, line.code, falls_on.year)


def hold_lines(*line_ids: UUID) -> None:
    """Hold lines whose money moves: one after the other by id, the budget of each (shared) before its shares, as whoever
    promises or approves does. For one cause `list_commitments` does it; whoever moves money of several holds them all first."""
    for line_id in sorted(set(line_ids)):
        budget = sa.select(BudgetLine.budget_id).where(BudgetLine.id == line_id).scalar_subquery()
        db.session.execute(sa.select(Budget.id).where(Budget.id == budget).with_for_update(read=True))
        list_shares(line_id, lock=True)


def lines_of_cause(table: str, ident: str) -> list[UUID]:
    """The lines on which a cause holds something."""
    held = sa.select(Commitment.line_id).where(Commitment.cause_table == table, Commitment.cause_id == ident)
    return list(db.session.scalars(held.distinct().order_by(Commitment.line_id)))


def list_commitments(table: str, ident: str, *, lock: bool = False) -> list[Commitment]:
    """What a cause holds, share by share, in the order of the line's sources."""
    found = (
        sa.select(Commitment)
        .join(Allocation, sa.and_(Allocation.line_id == Commitment.line_id, Allocation.source_id == Commitment.source_id))
        .where(Commitment.cause_table == table, Commitment.cause_id == ident)
        .execution_options(populate_existing=True)
    )
    if lock:  # the lines first, as a new promise does, so that the two never wait for each other
        hold_lines(*lines_of_cause(table, ident))
        db.session.execute(found.with_only_columns(Commitment.id).order_by(Commitment.id).with_for_update(of=Commitment))
    return list(db.session.scalars(found.order_by(Commitment.line_id, Allocation.position, Allocation.source_id)))


def list_entries(
    *, line_id: UUID | None = None, source_id: UUID | None = None, before: str | None = None, after: str | None = None
) -> Slice:
    """The ledger of a line or of a source as (entry, source name), the latest first."""
    found = sa.select(LedgerEntry, Source.name).join(Source, Source.id == LedgerEntry.source_id)
    if line_id:
        found = found.where(LedgerEntry.line_id == line_id)
    if source_id:
        found = found.where(LedgerEntry.source_id == source_id)
    return keyset(found, (LedgerEntry.id,), lambda row: (row[0].id,), before=before, after=after, descending=True, scalars=False)


def stream_entries(line_id: UUID) -> list[sa.Row]:
    """Every entry of a line as (entry, source name), the oldest first, for the export."""
    found = sa.select(LedgerEntry, Source.name).join(Source, Source.id == LedgerEntry.source_id)
    return list(db.session.execute(found.where(LedgerEntry.line_id == line_id).order_by(LedgerEntry.id)))


def lock_sources(ids: Sequence[UUID]) -> list[Source]:
    """The sources as they stand now, held until the end of the transaction; always locked in the same order."""
    found = sa.select(Source).where(Source.id.in_(ids)).order_by(Source.id).with_for_update()
    return list(db.session.scalars(found.execution_options(populate_existing=True)))
