"""What finance and approvers type about a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import BooleanField, DateField, IntegerField
from wtforms.validators import InputRequired, NumberRange, Optional

from portal.forms import Form, Present, RadioField, SelectField, TextField, UploadForm
from portal.types import N_, Problem, text, tidy
from portal.welfare.budgets.models import VersionKind
from portal.welfare.budgets.queries import Row
from portal.welfare.budgets.rules import LineValues, by_percent
from portal.welfare.ledger.models import BudgetStatus, Category, Draw, Source
from portal.welfare.ledger.rules import problems_with_amount
from portal.welfare.sources.forms import AT_LEAST_A_FEN, AmountField

FILL_IN = _l("Please fill this in.")


class OpenBudgetForm(Form):
    """Whose budget, of which year, and how it begins."""

    union_code = TextField(_l("Union"), [Present()], max_length=100, description=_l("Its code or its whole name."))
    year = IntegerField(_l("Year"), [InputRequired(FILL_IN), NumberRange(2000, 2200)])
    kind = RadioField(
        _l("Begin with"),
        choices=[
            (VersionKind.OPENING.value, _l("the budget")),
            (VersionKind.INTERIM.value, _l("an interim limit, until the budget passes")),
        ],
        default=VersionKind.OPENING.value,
    )


class VersionForm(Form):
    """A new version and why."""

    kind = SelectField(_l("Kind"), choices=[])
    reason = TextField(_l("Reason"), max_length=300)


class LineForm(Form):
    """A line; what it shall have from each source stands beside, in fields of its own (`amount-<source>`, `percent-<source>`)."""

    name = TextField(_l("What for"), [Present()], max_length=80)
    category = SelectField(_l("Category"), choices=Category.choices())
    account_number = TextField(
        _l("Account number"), max_length=30, description=_l("As your books number it. Empty: the one this category had last.")
    )
    for_members = BooleanField(_l("For these members' activities only"))
    draw = RadioField(_l("Draws on its sources"), choices=Draw.choices(), default=Draw.IN_ORDER.value)
    total = AmountField(
        _l("Total (yuan)"), [Optional()], description=_l("With fixed shares: the total; each source gives its part, to the fen.")
    )

    def values(self, shares: Shares) -> LineValues:
        """What was typed, as the command takes it."""
        draw, percents = Draw(self.draw.data), {}
        amounts = shares.amounts
        if draw is Draw.MIX:
            percents = shares.percents
            amounts = by_percent(self.total.data, percents) if self.total.data and sum(percents.values()) > 0 else {}
        return LineValues(
            name=self.name.data, category=Category(self.category.data), amounts=amounts, account_number=self.account_number.data,
            for_members=self.for_members.data, draw=draw, percents=percents,
        )  # fmt: skip

    @staticmethod
    def known(row: Row) -> dict[str, Any]:
        """A line as the form shows it."""
        line = row.line
        return {"name": line.name, "category": line.category.value, "account_number": line.account_number,
                "for_members": line.for_members, "draw": line.draw.value, "total": row.wanted}  # fmt: skip


class Shares:
    """The amounts and percentages typed beside each source; keeps the words for a form that comes back."""

    def __init__(self, sources: Sequence[Source], typed: Mapping[str, str]) -> None:
        self.typed, self.problems = typed, []
        self.amounts = self._read(sources, "amount")
        self.percents = self._read(sources, "percent")

    @classmethod
    def of(cls, sources: Sequence[Source], row: Row | None = None) -> Shares:
        """The shares a line has."""
        typed = {}
        for part in row.parts if row else ():
            typed[f"amount-{part.source.id}"] = f"{part.wanted}"
            typed[f"percent-{part.source.id}"] = f"{part.allocation.percent:g}" if part.allocation.percent else ""
        return cls(sources, typed)

    def _read(self, sources: Sequence[Source], name: str) -> dict[UUID, Decimal]:
        found = {}
        for source in sources:
            plain = (
                (tidy(self.typed.get(f"{name}-{source.id}")) or "").replace(",", "").removeprefix("¥").removesuffix("%").strip()
            )
            if not plain:
                continue
            try:
                value = Decimal(plain)
                if not value.is_finite() or value < 0:
                    raise InvalidOperation
            except InvalidOperation:
                says = N_("%(source)s: “%(typed)s” is no amount.")
                self.problems.append(Problem("no_amount", text(says, source=source.name, typed=plain)))
                continue
            if value or name == "amount":
                found[source.id] = value
        return found


class DecideForm(Form):
    """Approve with the minute's number, or return with what has to change."""

    minute_number = TextField(_l("Number of the minute"), max_length=60)
    answer = TextField(_l("What has to change"), max_length=300)


class ReviewForm(Form):
    """The audit committee's word."""

    note = TextField(_l("Remark"), max_length=300)


class LimitsForm(Form):
    """From which sums more than an approver takes part, and where that was decided."""

    minute_from = AmountField(_l("A meeting decides from (yuan)"), [InputRequired(FILL_IN), NumberRange(min=AT_LEAST_A_FEN)])
    review_from = AmountField(
        _l("The audit committee reviews from (yuan)"), [InputRequired(FILL_IN), NumberRange(min=AT_LEAST_A_FEN)]
    )
    decided_in = TextField(
        _l("Decided in"), [Present()], max_length=100, description=_l("Number of the minute or document that says so.")
    )

    def values(self) -> dict[str, Any]:
        """What was typed, as the command takes it."""
        return {name: self[name].data for name in ("minute_from", "review_from", "decided_in")}


class StatusForm(Form):
    """What a budget becomes."""

    status = SelectField(_l("New status"), choices=BudgetStatus.choices())


class ExpenditureForm(Form):
    """A bill or purchase."""

    title = TextField(_l("What was bought"), [Present()], max_length=120)
    amount = AmountField(_l("Amount (yuan)"), [InputRequired(FILL_IN), NumberRange(min=AT_LEAST_A_FEN)])
    falls_on = DateField(_l("Day"), [InputRequired(FILL_IN)], description=_l("The year of this day pays."))
    payee = TextField(_l("Paid to"), max_length=120)
    voucher_number = TextField(_l("Voucher number"), max_length=60)

    def valid(self) -> bool:
        """Whether everything is there, the amount to the fen."""
        return self.validate() and self.take(problems_with_amount(self.amount.data))


class PayForm(Form):
    """How much of a bill is paid, refunded or reversed."""

    amount = AmountField(_l("Amount (yuan)"), [InputRequired(FILL_IN), NumberRange(min=AT_LEAST_A_FEN)])
    voucher_number = TextField(_l("Voucher number"), max_length=60)
    way = SelectField(
        _l("What happened"), choices=[("pay", _l("Paid")), ("refund", _l("Refunded to us")), ("reverse", _l("Spending reversed"))]
    )


class ImportForm(UploadForm):
    """A workbook with the lines of a budget."""

    workbook = FileField(_l("Workbook"), [Present()], description=_l("Excel (.xlsx) or CSV, 10 MB at most."))


def read_filters(args: Mapping[str, str]) -> dict[str, Any]:
    """What the list is narrowed to by its query string; a word that is none is no filter."""
    status, year = args.get("status"), args.get("year", "")
    return {
        "q": tidy(args.get("q")),
        "status": BudgetStatus(status) if status in set(BudgetStatus) else None,
        "year": int(year) if year.isascii() and year.isdecimal() and len(year) == 4 else None,
    }
