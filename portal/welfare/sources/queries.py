"""Reads about sources within scope."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.types import N_, Text, text
from portal.unions.tree.models import Union
from portal.unions.tree.queries import within
from portal.welfare.ledger.models import Allocation, Budget, BudgetStatus, Source, SourceKind
from portal.welfare.sources.models import Advance

VIEW = Permission.VIEW_BUDGETS


@dataclass(frozen=True)
class Listed:
    """A source in a list, its union's name and what lines have promised of it."""

    source: Source
    union: str
    union_code: str
    promised: Decimal


def _promised() -> sa.ScalarSelect:
    total = sa.func.coalesce(sa.func.sum(Allocation.reserved + Allocation.spent), 0)
    return sa.select(total).where(Allocation.source_id == Source.id).scalar_subquery()


def _listed() -> sa.Select:
    return sa.select(Source, Union.name, Union.code, _promised()).join(Union, Union.id == Source.union_id)


def get_source(ident: UUID, actor: Actor, permission: Permission = VIEW) -> Source:
    """A source within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(sa.select(Source).where(Source.id == ident, within(Source.union_id, actor, permission))).one()


def get_listed(ident: UUID, actor: Actor) -> Listed:
    """A source as a list shows it, within scope; raises NoResultFound (404) outside."""
    return Listed(*db.session.execute(_listed().where(Source.id == ident, within(Source.union_id, actor, VIEW))).one())


def list_sources(
    actor: Actor, *, q: str | None = None, year: int | None = None, kind: SourceKind | None = None,
    before: str | None = None, after: str | None = None,
) -> Slice:  # fmt: skip
    """Sources within scope, the latest year first, as `Listed`."""
    found = _matching(actor, q, year, kind)
    columns = (Source.year, Source.id)
    rows = keyset(
        found, columns, lambda row: (row[0].year, row[0].id), before=before, after=after, descending=True, scalars=False
    )
    return Slice([Listed(*row) for row in rows], rows.before, rows.after)


def _matching(actor: Actor, q: str | None, year: int | None, kind: SourceKind | None) -> sa.Select:
    found = _listed().where(within(Source.union_id, actor, VIEW))
    if q:
        found = found.where(
            sa.or_(
                Source.name.icontains(q, autoescape=True),
                Source.document_number.icontains(q, autoescape=True),
                Union.name.icontains(q, autoescape=True),
            )
        )
    if year:
        found = found.where(Source.year == year)
    if kind:
        found = found.where(Source.kind == kind)
    return found


def stream_sources(
    actor: Actor, *, q: str | None = None, year: int | None = None, kind: SourceKind | None = None
) -> list[Listed]:
    """Every source that matches, for the export."""
    rows = db.session.execute(_matching(actor, q, year, kind).order_by(Source.year.desc(), Source.id.desc()))
    return [Listed(*row) for row in rows]


def list_sources_of(union_id: UUID, year: int) -> list[Source]:
    """A union's sources of a year, by kind and name."""
    return list(
        db.session.scalars(
            sa.select(Source).where(Source.union_id == union_id, Source.year == year).order_by(Source.kind, Source.name)
        )
    )


def promised_of(ids: list[UUID]) -> dict[UUID, Decimal]:
    """What lines have promised of each source."""
    total = sa.func.sum(Allocation.reserved + Allocation.spent)
    rows = db.session.execute(
        sa.select(Allocation.source_id, total).where(Allocation.source_id.in_(ids)).group_by(Allocation.source_id)
    )
    return dict(rows.all())


def list_advances(source_id: UUID) -> list[sa.Row]:
    """Advances that a source lent or took, as (advance, lender's name, borrower's name), the latest first."""
    lender, borrower = aliased(Source), aliased(Source)
    return list(
        db.session.execute(
            sa.select(Advance, lender.name, borrower.name)
            .join(lender, lender.id == Advance.from_source_id)
            .join(borrower, borrower.id == Advance.to_source_id)
            .where(sa.or_(Advance.from_source_id == source_id, Advance.to_source_id == source_id))
            .order_by(Advance.id.desc())
        )
    )


def list_open_advances(source_id: UUID) -> list[Advance]:
    """Approved advances a source took and has not repaid whole, the oldest first; held until the end of the transaction."""
    return list(
        db.session.scalars(
            sa.select(Advance)
            .where(Advance.to_source_id == source_id, Advance.approved_at.is_not(None), Advance.repaid < Advance.amount)
            .order_by(Advance.id)
            .with_for_update()
        )
    )


def find_source(ident: UUID) -> Source | None:
    """A source by id, without scope: the ledger that names it was within scope."""
    return db.session.get(Source, ident)


def find_advance(ident: UUID) -> Advance | None:
    """An advance by id, without scope: the ledger that names it was within scope."""
    return db.session.get(Advance, ident)


def get_advance(ident: UUID, actor: Actor, permission: Permission) -> Advance:
    """An advance to a source within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(Advance)
        .join(Source, Source.id == Advance.to_source_id)
        .where(Advance.id == ident, within(Source.union_id, actor, permission))
    ).one()


def _proposed(actor: Actor, permission: Permission, *columns: sa.ColumnElement | type) -> sa.Select:
    found = sa.select(*columns).select_from(Advance).join(Source, Source.id == Advance.to_source_id)
    return found.where(Advance.approved_at.is_(None), Advance.refused_at.is_(None), within(Source.union_id, actor, permission))


def count_proposed_advances(actor: Actor, permission: Permission) -> int:
    """Advances that wait for approval within scope."""
    return db.session.scalar(_proposed(actor, permission, sa.func.count()))


def list_proposed_advances(actor: Actor, limit: int = 20) -> list[sa.Row]:
    """The oldest advances that wait for this person's approval, as (advance, the source that asks)."""
    if not actor.may(Permission.APPROVE_BUDGETS):
        return []
    found = _proposed(actor, Permission.APPROVE_BUDGETS, Advance, Source).order_by(Advance.id).limit(limit)
    return list(db.session.execute(found))


def has_open_budget(union_id: UUID, year: int) -> bool:
    """Whether a union's budget of a year is not closed; without one there is none to close."""
    is_open = sa.exists().where(Budget.union_id == union_id, Budget.year == year, Budget.status != BudgetStatus.CLOSED)
    return bool(db.session.scalar(sa.select(is_open)))


def awaiting(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff's home: advances that wait for this person's decision."""
    if not actor.may(Permission.APPROVE_BUDGETS):
        return None
    return text(N_("Advances to approve")), "sources.index", count_proposed_advances(actor, Permission.APPROVE_BUDGETS)
