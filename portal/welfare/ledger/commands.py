"""The movements of money. Other rooms call `reserve`, `release`, `spend` and `reverse`, in the transaction of their cause.

Each raises `Refused` with the problem and what is left. What they check, the database holds as well: every entry is
applied by a trigger whose CHECK constraints let nothing be promised or paid that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.types import N_, Problem, Refused, new_id, text
from portal.welfare.ledger import queries, rules
from portal.welfare.ledger.models import Allocation, BudgetLine, Commitment, EntryKind, LedgerEntry, Source
from portal.welfare.ledger.rules import Cause


def reserve(*, line_id: UUID, amount: Decimal, cause: Cause, falls_on: date, by: By) -> list[Commitment]:
    """Promise money of a line for something that falls on a day.

    The year of that day pays: if the line stands in another year's budget, the line with the same code in that year's is
    charged. Answers the commitments, one for each source that gives. Raises `Refused` with what is left.
    """
    _refuse(rules.problems_with_amount(amount))
    line = queries.line_of_year(line_id, falls_on) or _no_budget(falls_on.year)
    budget = queries.budget_of(line)
    db.session.refresh(budget, attribute_names=["status"], with_for_update={"read": True})
    _refuse(rules.problems_with_promising(budget.status, budget.year, falls_on))
    shares = queries.list_shares(line.id, lock=True)
    parts, problems = rules.draw_on(shares, line.draw, amount, falls_on, line=line.name)
    _refuse(problems)
    drawn = [(share.source_id, part) for share, part in zip(shares, parts, strict=True) if part]
    commitments = _commitments(line.id, [source for source, _ in drawn], cause, falls_on)
    _enter(EntryKind.RESERVE, [(commitments[source], part) for source, part in drawn], cause.label, falls_on, by)
    return list(commitments.values())


def release(*, cause: Cause, by: By, amount: Decimal | None = None) -> Decimal:
    """Let go of what a cause reserved, all of it or a part; what was drawn last goes first. Answers how much."""
    held = queries.list_commitments(cause.table, cause.id, lock=True)
    amount = _amount(amount, sum((one.reserved for one in held), Decimal(0)), cause)
    parts = rules.in_order(amount, [one.reserved for one in reversed(held)])
    _enter(EntryKind.RELEASE, list(zip(reversed(held), parts, strict=True)), cause.label, clock.today(), by)
    return amount


def spend(*, cause: Cause, by: By, amount: Decimal | None = None, voucher_number: str | None = None) -> Decimal:
    """Turn what a cause reserved into spending, all of it or a part. Answers how much."""
    held = queries.list_commitments(cause.table, cause.id, lock=True)
    amount = _amount(amount, sum((one.reserved for one in held), Decimal(0)), cause)
    parts = rules.in_order(amount, [one.reserved for one in held])
    _enter(EntryKind.SPEND, list(zip(held, parts, strict=True)), cause.label, clock.today(), by, voucher_number)
    return amount


def reverse(*, cause: Cause, by: By, amount: Decimal | None = None) -> Decimal:
    """Take spending back, all that is not paid or a part: the authority is there again. Answers how much."""
    held = queries.list_commitments(cause.table, cause.id, lock=True)
    amount = _amount(amount, sum((one.spent - one.paid for one in held), Decimal(0)), cause)
    parts = rules.in_order(amount, [one.spent - one.paid for one in reversed(held)])
    _enter(EntryKind.REVERSE, list(zip(reversed(held), parts, strict=True)), cause.label, clock.today(), by)
    return amount


def pay(*, cause: Cause, by: By, amount: Decimal | None = None, voucher_number: str | None = None) -> Decimal:
    """Pay what a cause spent, as far as the sources' cash goes. Answers how much; raises `Refused` with what is at hand."""
    held = queries.list_commitments(cause.table, cause.id, lock=True)
    amount = _amount(amount, sum((one.spent - one.paid for one in held), Decimal(0)), cause)
    parts = rules.in_order(amount, [one.spent - one.paid for one in held])
    asked: dict[UUID, Decimal] = {}
    for one, part in zip(held, parts, strict=True):
        asked[one.source_id] = asked.get(one.source_id, Decimal(0)) + part
    for source in queries.lock_sources(list(asked)):
        if asked[source.id] > source.at_hand:
            says = N_("“%(what)s” has %(left)s in cash; %(asked)s was asked. Enter what was received, or ask for an advance.")
            words = text(says, what=source.name, left=source.at_hand, asked=asked[source.id])
            raise Refused([Problem("no_cash", words, field="amount")])
    _enter(EntryKind.PAY, list(zip(held, parts, strict=True)), cause.label, clock.today(), by, voucher_number)
    return amount


def refund(*, cause: Cause, by: By, amount: Decimal | None = None, voucher_number: str | None = None) -> Decimal:
    """Note that what was paid came back. Answers how much."""
    held = queries.list_commitments(cause.table, cause.id, lock=True)
    amount = _amount(amount, sum((one.paid for one in held), Decimal(0)), cause)
    parts = rules.in_order(amount, [one.paid for one in reversed(held)])
    _enter(EntryKind.REFUND, list(zip(reversed(held), parts, strict=True)), cause.label, clock.today(), by, voucher_number)
    return amount


def authorise(*, amounts: Sequence[tuple[UUID, UUID, Decimal]], cause: Cause, by: By) -> None:
    """Give lines authority from sources: (line, source, amount); negative takes back, and what is taken back goes first."""
    movement = new_id()
    for line_id, source_id, amount in sorted(amounts, key=lambda one: (one[2] > 0, one[0], one[1])):
        kind = EntryKind.AUTHORISE if amount > 0 else EntryKind.WITHDRAW
        _add(kind, abs(amount), movement, cause, by, source_id=source_id, line_id=line_id)
    db.session.flush()


def move_cash(
    *, kind: EntryKind, source: Source, amount: Decimal, cause: Cause, by: By, on: date | None = None,
    voucher_number: str | None = None,
) -> None:  # fmt: skip
    """Cash comes into a source or leaves it other than by paying. Raises `Refused` if it is not at hand."""
    _refuse(rules.problems_with_amount(amount))
    [source] = queries.lock_sources([source.id])
    going = kind in (EntryKind.RETURN, EntryKind.LEND, EntryKind.REPAY, EntryKind.CARRY_OUT)
    if going and amount > source.at_hand:
        raise Refused([rules.not_enough(source.name, amount, source.at_hand)])
    _add(kind, amount, new_id(), cause, by, source_id=source.id, on=on, voucher_number=voucher_number)
    db.session.flush()
    db.session.refresh(source)


# --- parts ---------------------------------------------------------------------------------------------------------


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _no_budget(year: int) -> BudgetLine:
    says = N_("There is no line for it in the budget of %(year)s yet. It is charged to the year it falls in.")
    raise Refused([Problem("no_budget_of_year", text(says, year=str(year)))])


def _amount(amount: Decimal | None, most: Decimal, cause: Cause) -> Decimal:
    """What is to be moved: all there is, or a part of it that is there."""
    if amount is None:
        amount = most
    _refuse(rules.problems_with_amount(amount))
    if amount > most:
        raise Refused([rules.not_enough(cause.label, amount, most)])
    return amount


def _commitments(line_id: UUID, sources: Sequence[UUID], cause: Cause, falls_on: date) -> dict[UUID, Commitment]:
    """The commitments of a cause in these sources, made where they are not there yet."""
    known = {one.source_id: one for one in queries.list_commitments(cause.table, cause.id, lock=True) if one.line_id == line_id}
    for source_id in sources:
        if source_id not in known:
            known[source_id] = Commitment(
                id=new_id(), line_id=line_id, source_id=source_id, cause_table=cause.table, cause_id=cause.id,
                label=cause.label, falls_on=falls_on,
            )  # fmt: skip
            db.session.add(known[source_id])
    db.session.flush()
    return {source_id: known[source_id] for source_id in sources}


def _enter(
    kind: EntryKind, parts: Sequence[tuple[Commitment, Decimal]], label: str, on: date, by: By, voucher: str | None = None
) -> None:
    movement = new_id()
    for one, amount in parts:
        if amount:
            cause = Cause(one.cause_table, one.cause_id, label)
            _add(kind, amount, movement, cause, by, source_id=one.source_id, line_id=one.line_id, commitment_id=one.id, on=on,
                 voucher_number=voucher)  # fmt: skip
    db.session.flush()
    for one, _amount_moved in parts:
        db.session.refresh(one)


def _add(
    kind: EntryKind, amount: Decimal, movement: UUID, cause: Cause, by: By, *, source_id: UUID, line_id: UUID | None = None,
    commitment_id: UUID | None = None, on: date | None = None, voucher_number: str | None = None,
) -> None:  # fmt: skip
    """One entry. The trail hears of it through its cause; money that moves without one is written down here."""
    entry = LedgerEntry(
        id=new_id(), at=clock.now(), falls_on=on or clock.today(), kind=kind, amount=amount, source_id=source_id,
        line_id=line_id, commitment_id=commitment_id, movement=movement, cause_table=cause.table, cause_id=cause.id,
        label=cause.label, voucher_number=voucher_number, by_kind=by.kind, by_id=by.id,
    )  # fmt: skip
    db.session.add(entry)
    db.session.flush()  # one by one: what is taken back must be applied before it is given out
    source = db.session.get_one(Source, source_id)
    union_id = source.union_id
    for known in (source, line_id and db.session.identity_map.get(db.session.identity_key(Allocation, (line_id, source_id)))):
        if known is not None:
            db.session.expire(known)  # the database has carried the entry into its totals
    audit.record(f"ledger.{kind.value}", by=by, subject=entry, union_id=union_id, amount=str(amount), label=cause.label)
