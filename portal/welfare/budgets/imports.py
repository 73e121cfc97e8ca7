"""An opening budget from a workbook: one row for each line and source. All of it, or none: half a budget is no budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from portal.access import By
from portal.i18n import in_language
from portal.tables import Column, SheetRow, read_sheet
from portal.types import N_, Problem, Refused, Text, Word, text
from portal.welfare.budgets import commands, rules
from portal.welfare.budgets.models import BudgetVersion
from portal.welfare.budgets.rules import LineValues, by_percent
from portal.welfare.ledger.models import Category, Draw, Source
from portal.welfare.ledger.rules import problems_with_amount

# Column → the headers under which it comes; the first is the one we write ourselves.
HEADERS: dict[str, tuple[str, ...]] = {
    "name": ("项目", "项目名称", "预算项目", "支出项目", "what for"),
    "category": ("科目", "支出科目", "预算科目", "功能科目", "category"),
    "account_number": ("科目编号", "科目代码", "账号", "account number"),
    "source": ("资金来源", "来源", "经费来源", "source"),
    "amount": ("金额", "金额（元）", "预算金额", "预算数", "amount"),
    "percent": ("占比", "比例", "percent"),
    "for_members": ("限会员", "仅限会员", "会员专用", "for members"),
}
NEEDED = ("name", "category", "source", "amount")
COLUMNS = [Column(words[0], 18) for words in HEADERS.values()]
YES, NO = ("是", "yes", "y", "1", "√"), ("否", "no", "n", "0", "")


@dataclass(frozen=True)
class RowError:
    """What is wrong in one row."""

    number: int
    name: str | None
    says: Text


@dataclass(frozen=True)
class _Read:
    """A row that was understood."""

    number: int
    name: str
    category: Category
    source: Source
    amount: Decimal
    percent: Decimal | None
    account_number: str | None
    for_members: bool


class _Wrong(Exception):
    def __init__(self, says: Text) -> None:
        self.says = says


def load(content: bytes, *, version: BudgetVersion, sources: Mapping[str, Source], by: By) -> tuple[int, list[RowError]]:
    """Put the lines of a workbook into a draft; answers how many, or what is wrong in which rows (and then nothing was put in).

    ``sources`` are the union's of the year, by name. Raises `portal.tables.Unreadable` for a file that is no table.
    """
    sheet = read_sheet(content, HEADERS)
    if missing := [HEADERS[name][0] for name in NEEDED if name not in sheet.names]:
        says = N_("These columns are missing: %(columns)s.")
        return 0, [RowError(0, None, text(says, columns="、".join(missing)))]
    good, errors = [], []
    for row in sheet.rows:
        try:
            good.append(_read(row, sources))
        except _Wrong as wrong:
            errors.append(RowError(row.number, row.values.get("name"), wrong.says))
    if not sheet.rows:
        errors.append(RowError(0, None, text(N_("The table has no rows below its headers."))))
    lines: dict[str, list[_Read]] = {}
    for one in good:
        lines.setdefault(one.name, []).append(one)
    merged = [_line(rows, errors) for rows in lines.values()]
    if not errors:
        for first, values in merged:
            try:
                commands.put_line(version=version, values=values, by=by)
            except Refused as refused:
                errors += [RowError(first.number, first.name, problem.says) for problem in refused.problems]
    return (0, sorted(errors, key=lambda one: one.number)) if errors else (len(merged), [])


def _line(rows: list[_Read], errors: list[RowError]) -> tuple[_Read, LineValues]:
    """The rows of one name as a line."""
    first = rows[0]

    def wrong(row: _Read, says: str, **values: Any) -> None:
        errors.append(RowError(row.number, row.name, text(says, **values)))

    for row in rows[1:]:
        if (row.category, row.for_members) != (first.category, first.for_members):
            wrong(row, N_("Row %(number)s has the same name with another category."), number=first.number)
    if twice := next((row for row in rows if sum(one.source.id == row.source.id for one in rows) > 1), None):
        wrong(rows[-1], N_("The source “%(source)s” stands twice for this line."), source=twice.source.name)
    amounts: dict[UUID, Decimal] = {row.source.id: row.amount for row in rows}
    values = LineValues(first.name, first.category, amounts, first.account_number, first.for_members)
    percents = {row.source.id: row.percent for row in rows if row.percent is not None}
    if percents:
        total = sum(amounts.values())
        if len(percents) < len(rows) or sum(percents.values()) != 100:
            wrong(first, N_("The shares of this line do not make 100 per cent."))
        elif by_percent(total, percents) != amounts:
            wrong(first, N_("The amounts of this line do not fit its shares."))
        values = replace(values, draw=Draw.MIX, percents=percents)
    return first, values


def _read(row: SheetRow, sources: Mapping[str, Source]) -> _Read:
    values = row.values
    for name in NEEDED:
        if not values.get(name):
            raise _Wrong(text(N_("“%(column)s” is empty."), column=HEADERS[name][0]))
    if (source := sources.get(values["source"])) is None:
        says = N_("“%(word)s” is none of the sources of this year: %(known)s.")
        raise _Wrong(text(says, word=values["source"], known="、".join(sources) or "–"))
    amount, percent = _number(values["amount"], "amount"), _number(values.get("percent"), "percent")
    _stop(problems_with_amount(amount))
    category = _word(Category, values["category"])
    for_members = _truth(values.get("for_members"))
    _stop(rules.problems_with_source_for_line(source, category, for_members=for_members))
    return _Read(row.number, values["name"], category, source, amount, percent, values.get("account_number"), for_members)


def _stop(problems: list[Problem]) -> None:
    if problems:
        raise _Wrong(problems[0].says)


def _number(value: str | None, column: str) -> Decimal | None:
    if not value:
        return None
    unit = 10_000 if value.endswith("万元") or value.endswith("万") else 1
    plain = value.removesuffix("万元").removesuffix("万").removesuffix("元").removesuffix("%").replace(",", "").removeprefix("¥")
    try:
        number = Decimal(plain.strip()) * unit
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise _Wrong(text(N_("“%(value)s” in “%(column)s” is no number."), value=value, column=HEADERS[column][0])) from None
    return number


def _word(words: type[Word], typed: str) -> Word:
    """A word by what it is called in either language, or by its code."""
    for word in words:
        if typed.lower() in (word.value, in_language("en", word).lower(), in_language("zh_Hans", word)):
            return word
    known = "、".join(in_language("zh_Hans", word) for word in words)
    raise _Wrong(text(N_("“%(word)s” is no category. There are: %(known)s."), word=typed, known=known))


def _truth(typed: str | None) -> bool:
    plain = (typed or "").lower()
    if plain in YES or plain in NO:
        return plain in YES
    raise _Wrong(text(N_("“%(word)s” is neither 是 nor 否."), word=typed))
