"""What finance types about a source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, DecimalField, IntegerField
from wtforms.validators import InputRequired, NumberRange, Optional

from portal.forms import Form, Present, SelectField, TextField
from portal.types import tidy
from portal.welfare.ledger.models import Category, RestRule, Source, SourceKind
from portal.welfare.sources.rules import SourceValues

AT_LEAST_A_FEN = Decimal("0.01")


class AmountField(DecimalField):
    """An amount in yuan: thousands may be set apart by commas, full-width digits are understood."""

    def __init__(self, label: Any = None, validators: Any = (), **kwargs: Any) -> None:
        widget = {"inputmode": "decimal", "autocomplete": "off"} | kwargs.pop("render_kw", {})
        super().__init__(label, validators, places=2, render_kw=widget, **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        plain = [(tidy(value) or "").replace(",", "").replace(" ", "").removeprefix("¥") for value in valuelist]
        super().process_formdata(plain if any(plain) else [])
        if self.data is not None and not self.data.is_finite():
            self.data = None
            raise ValueError(self.gettext("Not a valid decimal value."))


class SourceForm(Form):
    """A source of money of a union and year."""

    union_code = TextField(_l("Union"), [Present()], max_length=100, description=_l("Its code or its whole name."))
    year = IntegerField(_l("Year"), [InputRequired(_l("Please fill this in.")), NumberRange(2000, 2200)])
    kind = SelectField(_l("Kind of money"), choices=SourceKind.choices())
    name = TextField(_l("Name of the source"), [Present()], max_length=80)
    granted = AmountField(_l("Granted amount (yuan)"), [InputRequired(_l("Please fill this in."))])
    grantor = TextField(_l("Granted by"), max_length=80)
    document_number = TextField(_l("Document number"), max_length=80, description=_l("Grants are given by a document."))
    from_on = DateField(_l("To be used from"), [InputRequired(_l("Please fill this in."))])
    until_on = DateField(_l("To be used until"), [InputRequired(_l("Please fill this in."))])
    only_members = BooleanField(_l("Only for these members' activities"))
    only_category = SelectField(_l("Only for"), choices=[("", _l("No restriction")), *Category.choices()])
    purpose = TextField(_l("Purpose in words"), max_length=200)
    rest_rule = SelectField(_l("What is left"), choices=RestRule.choices())
    rest_due_on = DateField(_l("Rest is due by"), [Optional()])

    def values(self) -> SourceValues:
        """What was typed, as the command takes it."""
        return SourceValues(
            year=self.year.data, kind=SourceKind(self.kind.data), name=self.name.data, granted=self.granted.data,
            from_on=self.from_on.data, until_on=self.until_on.data, grantor=self.grantor.data,
            document_number=self.document_number.data, only_members=self.only_members.data,
            only_category=Category(self.only_category.data) if self.only_category.data else None, purpose=self.purpose.data,
            rest_rule=RestRule(self.rest_rule.data), rest_due_on=self.rest_due_on.data,
        )  # fmt: skip

    @staticmethod
    def known(source: Source, union_code: str) -> dict[str, Any]:
        """A source as the form shows it."""
        names = ("year", "name", "granted", "grantor", "document_number", "from_on", "until_on", "only_members", "purpose")
        plain = {name: getattr(source, name) for name in (*names, "rest_due_on")}
        words = {
            name: getattr(source, name).value if getattr(source, name) else "" for name in ("kind", "only_category", "rest_rule")
        }
        return plain | words | {"union_code": union_code}


class CashForm(Form):
    """Cash that came in, or goes back."""

    amount = AmountField(_l("Amount (yuan)"), [InputRequired(_l("Please fill this in.")), NumberRange(min=AT_LEAST_A_FEN)])
    on = DateField(_l("Day"), [InputRequired(_l("Please fill this in."))])
    voucher_number = TextField(_l("Voucher number"), max_length=60)
    way = SelectField(
        _l("What happened"), choices=[("receive", _l("Cash received")), ("return", _l("Cash returned to the giver"))]
    )


class AdvanceForm(Form):
    """Which source lends how much, and why."""

    lender = SelectField(_l("Lent by"), choices=[])
    lent = AmountField(_l("Amount (yuan)"), [InputRequired(_l("Please fill this in.")), NumberRange(min=AT_LEAST_A_FEN)])
    reason = TextField(_l("Reason"), [Present()], max_length=200)

    def offer(self, sources: list[Source]) -> None:
        """The union's other sources of the year."""
        self.lender.choices = [(str(source.id), source.name) for source in sources]


def read_filters(args: Mapping[str, str]) -> dict[str, Any]:
    """What the list is narrowed to by its query string; a word that is none is no filter."""
    kind, year = args.get("kind"), args.get("year", "")
    plausible = year.isdecimal() and date.min.year <= int(year) <= date.max.year if len(year) <= 4 else False
    return {
        "q": tidy(args.get("q")),
        "kind": SourceKind(kind) if kind in set(SourceKind) else None,
        "year": int(year) if plausible else None,
    }
