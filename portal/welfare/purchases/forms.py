"""What is typed about a purchase, from its voucher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField, IntegerField
from wtforms.validators import InputRequired, NumberRange, Optional

from portal.forms import Form, Present, SelectField, TextField
from portal.i18n import say
from portal.stations.supplies.models import SupplyItem
from portal.types import N_, text, tidy
from portal.welfare.purchases.queries import Line
from portal.welfare.sources.forms import AT_LEAST_A_FEN, AmountField

FILL_IN = _l("Please fill this in.")


class PurchaseForm(Form):
    """One line of a voucher: what, how many, for which station, from which budget line."""

    station = TextField(
        _l("For which station"), [Present()], max_length=80, description=_l("The station's code or its whole name.")
    )
    item = SelectField(_l("Goods"), validate_choice=True)
    quantity = IntegerField(_l("Quantity"), [InputRequired(FILL_IN), NumberRange(1, 1_000_000)])
    total = AmountField(
        _l("Total on the voucher (yuan)"), [Optional(), NumberRange(min=AT_LEAST_A_FEN)],
        description=_l("What the voucher says holds; what one costs is reckoned from it."),
    )  # fmt: skip
    unit_price = AmountField(
        _l("Price of one (yuan)"), [Optional(), NumberRange(min=AT_LEAST_A_FEN)], description=_l("May stay empty."),
    )  # fmt: skip
    budget_line = SelectField(_l("Paid from the budget line"), validate_choice=True)
    voucher_number = TextField(_l("Voucher number"), [Present()], max_length=60)
    supplier = TextField(_l("Bought from"), [Present()], max_length=120)
    bought_on = DateField(_l("Day of purchase"), [InputRequired(FILL_IN)])
    expires_on = DateField(_l("May be used until"), [Optional()], description=_l("As it stands on the pack."))
    lot_number = TextField(_l("Batch number on the pack"), max_length=60, description=_l("May stay empty."))

    def offer(self, items: Sequence[SupplyItem], lines: Sequence[Line]) -> PurchaseForm:
        """The goods and lines there are to choose."""
        self.item.choices = [(str(one.id), f"{one.name}（{one.unit}）") for one in items]
        says = N_("%(year)s · %(union)s · %(line)s · %(left)s left")
        self.budget_line.choices = [
            (str(one.line.id), say(text(says, year=str(one.year), union=one.union, line=one.line.name, left=one.left)))
            for one in lines
        ]
        return self


class ReasonForm(Form):
    """Why a purchase is taken back."""

    reason = TextField(_l("Reason"), [Present()], max_length=200)


def states() -> list[tuple[str, str]]:
    """The states a list is narrowed to."""
    return [("", _("All")), ("valid", _("in force")), ("reversed", _("taken back"))]


def read_filters(args: Mapping[str, str]) -> dict[str, Any]:
    """What the list is narrowed to by its query string; a word that is none is no filter."""
    state = args.get("state", "")
    return {
        "q": tidy(args.get("q")),
        "station": tidy(args.get("station")),
        "state": state if state in ("valid", "reversed") else None,
        "first": _day(args.get("first")),
        "last": _day(args.get("last")),
    }


def _day(typed: str | None) -> date | None:
    try:
        return date.fromisoformat(typed or "")
    except ValueError:
        return None
