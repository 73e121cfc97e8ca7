"""What an officer types about an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange

from portal.forms import Form, Present, RadioField, SelectField, TextField
from portal.i18n import gettext
from portal.stations.supplies.models import SupplyItem
from portal.types import prose, tidy
from portal.welfare.items.models import Proof, ServiceClass, WelfareCategory, WelfareItem
from portal.welfare.items.rules import ItemValues, Template
from portal.welfare.sources.forms import AmountField


class ItemForm(Form):
    """An item of the catalogue."""

    name = TextField(_l("Name of the item"), [Present()], max_length=80)
    category = SelectField(_l("Kind of welfare"), choices=WelfareCategory.choices())
    service_class = SelectField(_l("For whom such a service is"), choices=ServiceClass.choices())
    procedure = TextAreaField(
        _l("How it goes"),
        [Present(), Length(max=2000)],
        filters=[prose],
        description=_l("In the words of who comes: where to go, what to bring, how long it takes, what one gets."),
        render_kw={"rows": 5, "maxlength": 2000},
    )
    unit = TextField(_l("Counted in"), [Present()], max_length=20, description=_l("For example: person, portion, pack, hour."))
    unit_cost = AmountField(
        _l("What one costs the union (yuan)"), [InputRequired(_l("Please fill this in.")), NumberRange(min=0)],
        description=_l("A programme may set its own."),
    )  # fmt: skip
    provider_name = TextField(_l("Who provides it"), max_length=120, description=_l("A hospital, a school, a lawyers' office."))
    supply = SelectField(_l("Taken from the station's stock"), description=_l("Then it leaves the stock when it is given."))
    named = BooleanField(
        _l("Given to a named person"), description=_l("Without a name nobody is on record: right for counselling.")
    )
    proof = RadioField(_l("What shows that it was received"), choices=Proof.choices())
    needs_two = BooleanField(
        _l("Needs two people"), description=_l("Who registered or approved it does not hand it over; exceptions are reviewed.")
    )

    def offer(self, supplies: Sequence[SupplyItem], kept: SupplyItem | None = None) -> ItemForm:
        """Let one of these things in stock be chosen; ``kept`` is the one it has."""
        known = {one.id: one for one in [*supplies, *([kept] if kept else [])]}
        self.supply.choices = [("", _l("Nothing from stock")), *((str(key), one.name) for key, one in known.items())]
        return self

    def values(self) -> ItemValues:
        """What was typed, as the command takes it."""
        return ItemValues(
            name=self.name.data, category=WelfareCategory(self.category.data), procedure=self.procedure.data, unit=self.unit.data,
            service_class=ServiceClass(self.service_class.data), unit_cost=self.unit_cost.data,
            provider_name=self.provider_name.data, proof=Proof(self.proof.data), named=self.named.data,
            needs_two=self.needs_two.data, supply_item_id=UUID(self.supply.data) if self.supply.data else None,
        )  # fmt: skip

    @staticmethod
    def known(item: WelfareItem) -> dict[str, Any]:
        """An item as the form shows it."""
        words = ("name", "procedure", "unit", "unit_cost", "provider_name", "named", "needs_two")
        read = {name: getattr(item, name) for name in words}
        return read | {"category": item.category.value, "service_class": item.service_class.value, "proof": item.proof.value,
                       "supply": str(item.supply_item_id or "")}  # fmt: skip

    @staticmethod
    def begun(template: Template | None) -> dict[str, Any]:
        """What a new item begins with; its cost is for whoever knows it to enter."""
        if template is None:
            return {"named": True, "proof": Proof.NONE.value, "unit": gettext("person (unit)")}
        return {"name": gettext(template.name), "category": template.category.value, "procedure": gettext(template.procedure),
                "unit": gettext(template.unit), "service_class": template.service_class.value, "proof": template.proof.value,
                "named": template.named}  # fmt: skip


def read_filters(args: Mapping[str, str]) -> dict[str, Any]:
    """What the list is narrowed to by its query string; a word that is none is no filter."""
    category = args.get("category")
    return {
        "q": tidy(args.get("q")),
        "category": WelfareCategory(category) if category in set(WelfareCategory) else None,
        "closed": args.get("closed") == "1",
    }
