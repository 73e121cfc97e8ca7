"""Builders of sources and budgets in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

from portal.access import SYSTEM, By
from portal.db import db
from portal.types import new_id
from portal.unions.tree.models import Union
from portal.welfare.budgets import commands as budgets
from portal.welfare.budgets.models import VersionKind
from portal.welfare.budgets.rules import LineValues
from portal.welfare.ledger.models import Budget, BudgetLine, Category, Draw, Source, SourceKind
from portal.welfare.sources import commands as sources
from portal.welfare.sources.rules import SourceValues
from tests.factories.staff import make_account

YEAR = 2026


def make_source(
    union: Union,
    name: str = "拨缴经费",
    granted: Decimal | int = 10_000,
    *,
    kind: SourceKind | str = SourceKind.LEVIED_FUNDS,
    cash: Decimal | int = 0,
    year: int = YEAR,
    **more,
) -> Source:
    """A source; grants get a document number, dues their restriction."""
    kind = SourceKind(kind)
    if kind in (SourceKind.SUPERIOR_GRANT, SourceKind.GOVERNMENT_GRANT):
        more.setdefault("document_number", "豫工发〔2026〕3号")
    values = {"from_on": date(year, 1, 1), "until_on": date(year, 12, 31), "only_members": kind is SourceKind.DUES} | more
    values = SourceValues(year=year, kind=kind, name=name, granted=Decimal(granted), **values)
    source = sources.add_source(union=union, values=values, by=SYSTEM)
    if cash:
        sources.receive_cash(source=source, amount=Decimal(cash), on=date(year, 1, 5), voucher_number=None, by=SYSTEM)
    db.session.commit()
    return source


def make_budget(
    union: Union, lines: Sequence[LineValues], *, year: int = YEAR, approve: bool = True, proposer: By = SYSTEM
) -> SimpleNamespace:
    """A budget with these lines, in force unless ``approve=False``; answers budget, version and lines by name."""
    budget = budgets.open_budget(union=union, year=year, kind=VersionKind.OPENING, by=proposer)
    version = next(iter(_versions(budget)))
    made = {one.name: budgets.put_line(version=version, values=one, by=proposer) for one in lines}
    if approve:
        budgets.submit(version=version, by=proposer)
        if version.tier == 3:
            budgets.review(version=version, note=None, by=staff())
        budgets.approve(version=version, minute_number="会议纪要〔2026〕1号", by=staff())
    db.session.commit()
    return SimpleNamespace(budget=budget, version=version, lines=made)


def _versions(budget: Budget) -> list:
    from portal.welfare.budgets.queries import list_versions

    return list_versions(budget)


def line_values(name: str = "夏季送清凉", amounts: dict | None = None, **more) -> LineValues:
    """A line; ``amounts`` maps sources to yuan."""
    plain = {source.id: Decimal(amount) for source, amount in (amounts or {}).items()}
    return LineValues(name, more.pop("category", Category.WORKER_SERVICES), plain, **more)


def mix(name: str, total: Decimal | int, percents: dict, **more) -> LineValues:
    """A line in fixed shares; ``percents`` maps sources to per cent."""
    from portal.welfare.budgets.rules import by_percent

    plain = {source.id: Decimal(part) for source, part in percents.items()}
    category = more.pop("category", Category.WORKER_SERVICES)
    return LineValues(name, category, by_percent(Decimal(total), plain), draw=Draw.MIX, percents=plain, **more)


def make_line(union: Union, amount: Decimal | int = 1000, **source) -> BudgetLine:
    """A line in force with one source of its own."""
    given = make_source(union, granted=amount, **source)
    made = make_budget(union, [line_values(amounts={given: amount}, for_members=given.only_members)], year=given.year)
    return made.lines["夏季送清凉"]


def staff() -> By:
    """Somebody of the staff, without appointments."""
    return By("staff", make_account().id)


def cause(label: str = "一次预约", table: str = "bookings"):
    """Something that money moves for."""
    from portal.welfare.ledger.rules import Cause

    return Cause(table, str(new_id()), label)


def make_books(union: Union, name: str) -> dict[str, dict]:
    """A source, a budget in force, a bill and an advance, all bearing a name; by blueprint what stands in their addresses."""
    own = make_source(union, f"{name}资金", 1000, cash=1000)
    grant = make_source(union, f"{name}补助", 1000, kind=SourceKind.SUPERIOR_GRANT)
    made = make_budget(union, [line_values(f"{name}项目", {own: 500})])
    line = made.lines[f"{name}项目"]
    bill = budgets.record_expenditure(line=line, title=f"{name}饮用水", amount=Decimal(5), falls_on=date(YEAR, 6, 1), by=SYSTEM)
    advance = sources.propose_advance(lender=own, borrower=grant, amount=Decimal(10), reason=f"{name}未到账", by=staff())
    db.session.commit()
    where = {"union": union.code, "year": YEAR, "code": line.code, "number": 1}
    return {
        "budgets": where | {"ident": bill.id},
        "versions": where,
        "sources": {"ident": own.id},
        "advance": {"ident": advance.id},
    }
