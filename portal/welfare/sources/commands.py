"""Changes to sources: entering one, cash in and back, advances, carry-over."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.types import N_, Problem, Refused, new_id, text
from portal.unions.tree.models import Union
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger import queries as ledger_queries
from portal.welfare.ledger.models import EntryKind, RestRule, Source
from portal.welfare.ledger.rules import Cause
from portal.welfare.sources import queries, rules
from portal.welfare.sources.models import Advance
from portal.welfare.sources.rules import SourceValues


def add_source(*, union: Union, values: SourceValues, by: By, carried_from: Source | None = None) -> Source:
    """Enter a source of a union and year. Raises `Refused`."""
    _refuse(rules.problems_with_source(values))
    _refuse_twin(union.id, values)
    source = Source(
        id=new_id(), union_id=union.id, custodian_union_id=union.custodian_union_id, created_at=clock.now(),
        carried_from_id=carried_from.id if carried_from else None, **asdict(values),
    )  # fmt: skip
    db.session.add(source)
    db.session.flush()
    audit.record("source.added", by=by, subject=source, union_id=union.id, name=values.name, granted=str(values.granted))
    return source


def change_source(*, source: Source, values: SourceValues, by: By) -> dict[str, list[str]]:
    """Change what is on record of a source; answers what changed, from → to. Raises `Refused`."""
    [source] = ledger_queries.lock_sources([source.id])
    _refuse(rules.problems_with_source(values, allocated=source.allocated))
    changes = {
        name: [str(getattr(source, name)), str(value)] for name, value in asdict(values).items() if getattr(source, name) != value
    }
    bound = {"kind", "year", "only_members", "only_category"} & set(changes)
    if bound and source.allocated > 0:
        says = N_("Lines hold money of this source, so what it is for stays as it is.")
        raise Refused([Problem("bound", text(says), field=sorted(bound)[0])])
    if "name" in changes or "year" in changes:
        _refuse_twin(source.union_id, values, source.id)
    for name in changes:
        setattr(source, name, getattr(values, name))
    if changes:
        db.session.flush()
        audit.record("source.changed", by=by, subject=source, union_id=source.union_id, changes=changes)
    return changes


def receive_cash(*, source: Source, amount: Decimal, on: date, voucher_number: str | None, by: By) -> Decimal:
    """Cash came in. Advances taken on it are repaid at once, the oldest first; answers how much went to them."""
    cause = Cause("sources", str(source.id), source.name)
    owed = queries.list_open_advances(source.id)
    ledger_queries.lock_sources([source.id, *(advance.from_source_id for advance in owed)])  # all at once: nobody waits crosswise
    ledger.move_cash(
        kind=EntryKind.RECEIVE, source=source, amount=amount, cause=cause, by=by, on=on, voucher_number=voucher_number
    )
    repaid = Decimal(0)
    for advance in owed:
        part = min(advance.amount - advance.repaid, amount - repaid, source.at_hand)
        if part <= 0:
            break
        _settle(advance, part, by)
        repaid += part
        db.session.refresh(source)
    return repaid


def return_cash(*, source: Source, amount: Decimal, on: date, voucher_number: str | None, by: By) -> None:
    """Cash goes back to whoever gave it. Raises `Refused` if it is not at hand."""
    cause = Cause("sources", str(source.id), source.name)
    ledger.move_cash(
        kind=EntryKind.RETURN, source=source, amount=amount, cause=cause, by=by, on=on, voucher_number=voucher_number
    )


def propose_advance(*, lender: Source, borrower: Source, amount: Decimal, reason: str, by: By) -> Advance:
    """Ask that one source lends cash to another whose grant is late. Raises `Refused`."""
    _refuse(_problems_with_advance(lender, borrower, amount))
    advance = Advance(
        id=new_id(), from_source_id=lender.id, to_source_id=borrower.id, amount=amount, reason=reason, proposed_at=clock.now(),
        proposed_by_id=by.id if by.kind == "staff" else None, repaid=Decimal(0),
    )  # fmt: skip
    db.session.add(advance)
    db.session.flush()
    audit.record("advance.proposed", by=by, subject=advance, union_id=borrower.union_id, amount=str(amount), reason=reason)
    return advance


def decide_advance(*, advance: Advance, approve: bool, by: By) -> None:
    """Lend the cash, or not; by somebody else than who asked. Raises `Refused`."""
    db.session.refresh(advance, with_for_update=True)
    if advance.approved_at or advance.refused_at:
        raise Refused([Problem("decided", text(N_("This advance was decided already.")))])
    if by.id == advance.proposed_by_id:
        raise Refused([Problem("own_proposal", text(N_("Who proposes does not approve. Another person has to decide.")))])
    sources = {one.id: one for one in ledger_queries.lock_sources([advance.from_source_id, advance.to_source_id])}
    lender, borrower = sources[advance.from_source_id], sources[advance.to_source_id]
    if approve:
        _refuse(_problems_with_advance(lender, borrower, advance.amount))
        advance.approved_at, advance.approved_by_id = clock.now(), by.id
        db.session.flush()
        ledger.move_cash(kind=EntryKind.LEND, source=lender, amount=advance.amount, cause=_cause(advance, borrower), by=by)
        ledger.move_cash(kind=EntryKind.BORROW, source=borrower, amount=advance.amount, cause=_cause(advance, lender), by=by)
    else:
        advance.refused_at = clock.now()
    action = "advance.approved" if approve else "advance.refused"
    audit.record(action, by=by, subject=advance, union_id=borrower.union_id, amount=str(advance.amount))
    db.session.flush()


def carry_over(*, source: Source, by: By) -> Source:
    """Take what is left of a source into the next year: cash at hand and authority that nothing was promised from.

    Answers the source of the next year. Raises `Refused` if it goes back to the giver or lapses, or was carried over.
    """
    [source] = ledger_queries.lock_sources([source.id])
    if source.rest_rule is not RestRule.CARRY_OVER:
        says = N_("What is left of this source %(what)s; it is not carried over.")
        raise Refused([Problem("not_carried", text(says, what=source.rest_rule))])
    if db.session.scalar(sa.select(sa.exists().where(Source.carried_from_id == source.id))):
        raise Refused([Problem("carried_already", text(N_("This source was carried over already.")))])
    if queries.has_open_budget(source.union_id, source.year):
        says = N_("Close the budget of %(year)s first: until then its lines may still promise this money.")
        raise Refused([Problem("year_open", text(says, year=str(source.year)))])
    rest = source.granted - source.allocated
    cash = max(source.at_hand - _owed(source.id), Decimal(0))
    if rest <= 0 and cash <= 0:
        raise Refused([Problem("nothing_left", text(N_("Nothing is left to carry over.")))])
    year = source.year + 1
    values = SourceValues(
        year=year, kind=source.kind, name=source.name, granted=rest, from_on=date(year, 1, 1), until_on=date(year, 12, 31),
        grantor=source.grantor, document_number=source.document_number, only_members=source.only_members,
        only_category=source.only_category, purpose=source.purpose, rest_rule=source.rest_rule,
    )  # fmt: skip
    if db.session.scalar(
        sa.select(sa.exists().where(Source.union_id == source.union_id, Source.year == year, Source.name == source.name))
    ):
        says = N_("%(name)s (carried over from %(year)s)")
        values = SourceValues(**(asdict(values) | {"name": str(text(says, name=source.name, year=str(source.year)))}))
    fresh = add_source(union=db.session.get_one(Union, source.union_id), values=values, by=by, carried_from=source)
    if cash > 0:
        out, into = Cause("sources", str(fresh.id), fresh.name), Cause("sources", str(source.id), source.name)
        ledger.move_cash(kind=EntryKind.CARRY_OUT, source=source, amount=cash, cause=out, by=by)
        ledger.move_cash(kind=EntryKind.CARRY_IN, source=fresh, amount=cash, cause=into, by=by)
    return fresh


# --- parts ---------------------------------------------------------------------------------------------------------


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _refuse_twin(union_id: UUID, values: SourceValues, own_id: UUID | None = None) -> None:
    twin = sa.select(Source.id).where(Source.union_id == union_id, Source.year == values.year, Source.name == values.name)
    if db.session.scalar(twin.where(Source.id != own_id) if own_id else twin):
        says = N_("There is a source of this name in this year already.")
        raise Refused([Problem("twin", text(says), field="name")])


def _problems_with_advance(lender: Source, borrower: Source, amount: Decimal) -> list[Problem]:
    if lender.id == borrower.id or lender.union_id != borrower.union_id:
        says = N_("Choose another source of the same union to lend.")
        return [Problem("lender", text(says), field="lender")]
    return rules.problems_with_advance(amount, at_hand=lender.at_hand, granted=borrower.granted, cash=borrower.cash)


def _owed(source_id: UUID) -> Decimal:
    """What a source has borrowed and not repaid."""
    return sum((one.amount - one.repaid for one in queries.list_open_advances(source_id)), Decimal(0))


def _settle(advance: Advance, amount: Decimal, by: By) -> None:
    lender, borrower = (db.session.get_one(Source, ident) for ident in (advance.from_source_id, advance.to_source_id))
    advance.repaid += amount
    db.session.flush()
    ledger.move_cash(kind=EntryKind.REPAY, source=borrower, amount=amount, cause=_cause(advance, lender), by=by)
    ledger.move_cash(kind=EntryKind.RECOVER, source=lender, amount=amount, cause=_cause(advance, borrower), by=by)
    audit.record("advance.repaid", by=by, subject=advance, union_id=borrower.union_id, amount=str(amount))


def _cause(advance: Advance, other: Source) -> Cause:
    return Cause("advances", str(advance.id), other.name)
