"""Budgets like a real year: last year's closed, this year's approved and adjusted, the next one drafted within an interim limit.

The city's federation is large enough for the audit committee; the county's has two people of the county general union
who propose and approve for it, as small federations do.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from portal import clock
from portal.access import By, Role
from portal.db import db
from portal.demonstration.places import HOME_CITY, HOME_COUNTY
from portal.types import Refused, new_id
from portal.unions.staff.queries import find_account_by_name
from portal.unions.tree.models import Union
from portal.welfare.budgets import commands as budgets
from portal.welfare.budgets.models import BudgetVersion, VersionKind
from portal.welfare.budgets.queries import list_rows, list_versions
from portal.welfare.budgets.rules import LineValues, by_percent, cause_of
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger.models import (
    BY_DOCUMENT,
    Budget,
    BudgetLine,
    BudgetStatus,
    Category,
    Draw,
    RestRule,
    Source,
    SourceKind,
)
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.ledger.rules import Cause
from portal.welfare.sources import commands as sources
from portal.welfare.sources.rules import SourceValues

K, C = SourceKind, Category


@dataclass(frozen=True)
class Given:
    """A source of the plan: name, kind, granted yuan, who gives it, document, and what share came in by now."""

    name: str
    kind: SourceKind
    granted: int
    grantor: str | None = None
    document: str | None = None
    came_in: Decimal = Decimal(1)
    rest: RestRule = RestRule.CARRY_OVER


@dataclass(frozen=True)
class Wanted:
    """A line of the plan: yuan from each source by name, or per cent of a total; what is bought, for how much each."""

    name: str
    category: Category
    amounts: dict[str, int]
    bought: tuple[str, int, int]  # what, least and most yuan a time
    total: int | None = None  # with it, amounts are per cent
    for_members: bool = False
    account: str | None = None


CITY_SOURCES = (
    Given("拨缴经费", K.LEVIED_FUNDS, 1_280_000),
    Given("省总新业态联合会补助", K.SUPERIOR_GRANT, 100_000, "河南省总工会", "豫工办发〔{year}〕18号"),
    Given(
        "市财政购买服务补助",
        K.GOVERNMENT_GRANT,
        620_000,
        "郑州市财政局",
        "郑财预〔{year}〕77号",
        Decimal("0.60"),
        RestRule.RETURN,
    ),
    Given("会员自缴", K.MEMBER_CONTRIBUTION, 120_000, came_in=Decimal("0.75")),
    Given("会费", K.DUES, 36_000),
    Given("平台企业赞助", K.SPONSORSHIP, 80_000, "某外卖平台（演示）"),
)
CITY_LINES = (
    Wanted(
        "夏季送清凉",
        C.RIGHTS_PROTECTION,
        {"省总新业态联合会补助": 100_000, "拨缴经费": 380_000},
        ("防暑物资", 9_000, 42_000),
        account="520602",
    ),
    Wanted(
        "免费健康体检",
        C.WORKER_SERVICES,
        {"市财政购买服务补助": 40, "拨缴经费": 40, "会员自缴": 20},
        ("体检结算", 18_000, 60_000),
        540_000,
    ),
    Wanted(
        "互助保障赠送",
        C.WORKER_SERVICES,
        {"市财政购买服务补助": 240_000, "拨缴经费": 160_000},
        ("互助保障参保费", 24_000, 72_000),
    ),
    Wanted("驿站运行", C.WORKER_SERVICES, {"拨缴经费": 300_000, "平台企业赞助": 60_000}, ("驿站耗材与维修", 3_000, 14_000)),
    Wanted("法律援助", C.RIGHTS_PROTECTION, {"拨缴经费": 60_000}, ("律师值班补贴", 2_000, 6_000)),
    Wanted("会员文体活动", C.WORKER_ACTIVITIES, {"会费": 36_000}, ("会员观影", 1_200, 4_800), for_members=True),
)
COUNTY_SOURCES = (
    Given("拨缴经费", K.LEVIED_FUNDS, 60_000),
    Given("省总新业态联合会补助", K.SUPERIOR_GRANT, 20_000, "河南省总工会", "豫工办发〔{year}〕18号", Decimal("0.50")),
)
COUNTY_LINES = (
    Wanted(
        "夏季送清凉", C.RIGHTS_PROTECTION, {"省总新业态联合会补助": 15_000, "拨缴经费": 10_000}, ("饮用水与藿香丸", 800, 3_200)
    ),
    Wanted("驿站运行", C.WORKER_SERVICES, {"拨缴经费": 24_000}, ("驿站耗材", 300, 1_800)),
)
MOST_SPENT = {-1: Decimal("0.97"), 0: Decimal("0.72")}  # of a line by the end of last year, and by now


@dataclass(frozen=True)
class People:
    """Who proposes, reviews and approves in a union."""

    finance: By
    auditor: By
    approver: By


def make(seed: str, now: datetime) -> str:
    """Fill the books of the home city's and the home county's federation; answers what was made. Flushes."""
    city = _people("finance", "auditor", "approver")
    county = _people(*(f"{role.value}-{HOME_COUNTY}" for role in (Role.FINANCE, Role.AUDITOR, Role.APPROVER)))
    books = (
        (f"{HOME_CITY}-X", CITY_SOURCES, CITY_LINES, city),
        (f"{HOME_COUNTY}-X", COUNTY_SOURCES, COUNTY_LINES, county),
    )
    year, bills = clock.business_day(now).year, 0
    for code, given, wanted, people in books:
        union = db.session.scalars(sa.select(Union).where(Union.code == code)).one()
        for step in (-1, 0):
            dice = random.Random(f"{seed}:money:{code}:{year + step}")  # noqa: S311 - demonstration data
            bills += _year(union, year + step, given, wanted, people, dice, now, MOST_SPENT[step], closed=step < 0)
        _next_year(union, year + 1, given[0], wanted[0], people)
    return f"{len(books)} federations, {year - 1} to {year + 1}, {bills} bills"


def _people(finance: str, auditor: str, approver: str) -> People:
    return People(*(By("staff", find_account_by_name(name).id) for name in (finance, auditor, approver)))


def _at(day: date, hour: int = 10):
    return clock.stopped_at(clock.start_of(day) + timedelta(hours=hour))


def _year(
    union: Union, year: int, given: Sequence[Given], wanted: Sequence[Wanted], people: People, dice: random.Random,
    now: datetime, most: Decimal, *, closed: bool,
) -> int:  # fmt: skip
    known = {one.name: _source(union, year, one, people, closed=closed) for one in given}
    with _at(date(year, 1, 12)):
        budget = budgets.open_budget(union=union, year=year, kind=VersionKind.OPENING, by=people.finance)
        version = list_versions(budget)[0]
        lines = [(_put(version, one, known, people), one) for one in wanted]
    _decide(version, people, date(year, 1, 20), f"常委会纪要〔{year}〕2号")
    last = date(year, 12, 20) if closed else clock.business_day(now)
    days = sorted(
        date(year, 2, 1) + timedelta(days=dice.randrange((last - date(year, 2, 1)).days)) for _ in range(12 * len(lines))
    )
    hot = date(year, 7, 14)
    bills = sum(_buy(day, *dice.choice(lines), people, dice, most) for day in days if closed or day < hot)
    if not closed and last > hot:
        _adjust(budget, lines[0][0], known, people, year)
        bills += sum(_buy(day, *dice.choice(lines), people, dice, most) for day in days if day >= hot)
    if closed:
        with _at(date(year, 12, 31), 16):
            budgets.set_status(budget=budget, status=BudgetStatus.CLOSED, by=people.approver)
    else:
        _promise(lines, clock.business_day(now), people)
        _ask_for_an_advance(known, people)
    return bills


def _source(union: Union, year: int, one: Given, people: People, *, closed: bool) -> Source:
    document = one.document.format(year=year) if one.document else None
    due = date(year, 12, 31) if one.rest is not RestRule.CARRY_OVER else None
    values = SourceValues(
        year, one.kind, one.name, Decimal(one.granted), date(year, 1, 1), date(year, 12, 31), one.grantor, document,
        only_members=one.kind is K.DUES, rest_rule=one.rest, rest_due_on=due, purpose="新就业形态劳动者服务",
    )  # fmt: skip
    with _at(date(year, 1, 8)):
        source = sources.add_source(union=union, values=values, by=people.finance)
        share = Decimal(1) if closed else one.came_in
        sources.receive_cash(
            source=source, amount=one.granted * share, on=date(year, 1, 8), voucher_number=f"收-{year}-01", by=people.finance
        )
    return source


def _put(version: BudgetVersion, one: Wanted, known: dict[str, Source], people: People) -> BudgetLine:
    plain = {known[name].id: Decimal(amount) for name, amount in one.amounts.items()}
    values = LineValues(one.name, one.category, plain, one.account, one.for_members)
    if one.total:
        amounts = by_percent(Decimal(one.total), plain)
        values = LineValues(one.name, one.category, amounts, one.account, one.for_members, Draw.MIX, plain)
    return budgets.put_line(version=version, values=values, by=people.finance)


def _decide(version: BudgetVersion, people: People, day: date, minute: str) -> None:
    with _at(day):
        tier = budgets.submit(version=version, by=people.finance)
    with _at(day + timedelta(days=3)):
        if tier == 3:
            budgets.review(version=version, note="程序合规，无异议", by=people.auditor)
        budgets.approve(version=version, minute_number=minute if tier > 1 else None, by=people.approver)


def _buy(day: date, line: BudgetLine, one: Wanted, people: People, dice: random.Random, most: Decimal) -> int:
    """A bill of a line on a day, paid in full or, of the latest, not yet; nothing if the line has had its share."""
    what, least, top = one.bought
    amount = Decimal(dice.randrange(least, top)) + Decimal(dice.randrange(100)) / 100
    sums = totals_of_line(line.id)
    if sums.spent + amount > sums.authority * most:
        return 0
    with _at(day, 9 + dice.randrange(8)):
        number = f"付-{day:%m%d}-{dice.randrange(1000):03}"
        bill = budgets.record_expenditure(
            line=line, title=f"{what}（{day.month} 月）", amount=amount, falls_on=day, voucher_number=number, by=people.finance
        )
        if dice.random() < 0.75:
            with suppress(Refused), db.session.begin_nested():  # the grant may be late: then the bill waits
                ledger.pay(cause=cause_of(bill), by=people.finance, voucher_number=number)
    return 1


def _adjust(budget: Budget, line: BudgetLine, known: dict[str, Source], people: People, year: int) -> None:
    """A hot July: more from levied funds for the first line, as far as no other line holds them."""
    own = known["拨缴经费"]
    rest = own.granted - own.allocated
    if rest <= 0:
        return
    with _at(date(year, 7, 10)):
        version = budgets.open_version(
            budget=budget, kind=VersionKind.ADJUSTMENT, reason="7 月高温，追加防暑物资", by=people.finance
        )
        row = next(one for one in list_rows(budget) if one.line.id == line.id)
        amounts = {part.source.id: part.allocation.authority for part in row.parts}
        amounts[own.id] = amounts.get(own.id, Decimal(0)) + min(rest, Decimal(60_000))
        values = LineValues(line.name, line.category, amounts, line.account_number, line.for_members)
        budgets.put_line(version=version, values=values, by=people.finance, line=line)
    _decide(version, people, date(year, 7, 11), f"常委会纪要〔{year}〕15号")


def _promise(lines: Sequence[tuple[BudgetLine, Wanted]], today: date, people: People) -> None:
    """What is agreed on for the rest of the year and not spent yet."""
    for line, one in lines[:4]:
        amount = (totals_of_line(line.id).left / 3).quantize(Decimal("0.01"))
        cause = Cause("agreements", str(new_id()), f"{one.bought[0]}（已签约，待交付）")
        with suppress(Refused), db.session.begin_nested():  # one of its sources may have nothing left
            ledger.reserve(line_id=line.id, amount=amount, cause=cause, falls_on=today, by=people.finance)


def _ask_for_an_advance(known: dict[str, Source], people: People) -> None:
    """The first grant that is late: own funds shall lend a part of it, and nobody has decided yet."""
    late = next((one for one in known.values() if one.kind in BY_DOCUMENT and one.cash < one.granted), None)
    if late is not None:
        amount = ((late.granted - late.cash) / 5).quantize(Decimal("0.01"))
        reason = "补助资金未到账，先行垫付已完成的结算"
        sources.propose_advance(lender=known["拨缴经费"], borrower=late, amount=amount, reason=reason, by=people.finance)


def _next_year(union: Union, year: int, given: Given, wanted: Wanted, people: People) -> None:
    """The next year's draft: an interim limit is in force, the budget itself waits to be handed in."""
    values = SourceValues(
        year, given.kind, given.name, Decimal(given.granted), date(year, 1, 1), date(year, 12, 31), purpose="下一年度预计拨缴"
    )
    source = sources.add_source(union=union, values=values, by=people.finance)
    budget = budgets.open_budget(union=union, year=year, kind=VersionKind.INTERIM, by=people.finance)
    version, quarter = list_versions(budget)[0], (Decimal(given.granted) / 20).quantize(Decimal("0.01"))
    line = budgets.put_line(
        version=version, values=LineValues(wanted.name, wanted.category, {source.id: quarter}), by=people.finance
    )
    today = clock.today()
    budgets.submit(version=version, by=people.finance)
    if version.tier == 3:
        budgets.review(version=version, note=None, by=people.auditor)
    budgets.approve(version=version, minute_number=f"常委会纪要〔{today.year}〕21号", by=people.approver)
    draft = budgets.open_version(budget=budget, kind=VersionKind.OPENING, reason=None, by=people.finance)
    whole = LineValues(wanted.name, wanted.category, {source.id: Decimal(given.granted) / 3 // 1})
    budgets.put_line(version=draft, values=whole, by=people.finance, line=line)
