"""What a keeper types about the catalogue and about stock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, DecimalField, IntegerField
from wtforms.validators import InputRequired, Optional

from portal import clock
from portal.forms import Form, Present, RadioField, SelectField, TextField
from portal.stations.supplies.models import MovementKind, SupplyItem, SupplyKind
from portal.stations.supplies.queries import Shown
from portal.stations.supplies.rules import NOTE_LENGTH, ItemValues
from portal.types import tidy

FILL_IN = _l("Please fill this in.")
PARTS = range(1, 9)
BROUGHT_IN = (MovementKind.DONATION, MovementKind.OPENING)


def pieces_field(label: Any, **kwargs: Any) -> IntegerField:
    """A number of pieces."""
    return IntegerField(label, [InputRequired(FILL_IN)], render_kw={"inputmode": "numeric", "min": 0}, **kwargs)


def note_field(label: Any, *validators: Any, **kwargs: Any) -> TextField:
    """A few words."""
    return TextField(label, list(validators), max_length=NOTE_LENGTH, **kwargs)


class ItemForm(Form):
    """A new item of the catalogue; a pack says what is in it."""

    union_id = SelectField(_l("Union"), description=_l("The stations beneath it may stock the item."))
    name = TextField(_l("Name"), [Present()], max_length=60)
    unit = TextField(_l("Counted in"), [Present()], max_length=10, description=_l("Bottle, box, piece …"))
    kind = RadioField(_l("How it is given"), [Present()], choices=SupplyKind.choices(), default=SupplyKind.GOODS.value)
    expires = BooleanField(_l("Has a date until which it is good"), default=True)
    warn_days = IntegerField(
        _l("Warn so many days before its date"), [InputRequired(FILL_IN)], default=30, render_kw={"inputmode": "numeric"}
    )
    contains_alcohol = BooleanField(
        _l("Contains alcohol"), description=_l("Drivers must not take it before driving; the counter says so.")
    )

    def offer(self, unions: Sequence[tuple[str, str]], items: Iterable[SupplyItem]) -> ItemForm:
        """The unions one keeps stations of, and what a pack may be made of."""
        if self.union_id is not None:
            self.union_id.choices = list(unions)
        choices = [("", "–"), *((str(item.id), item.name) for item in items if item.kind is not SupplyKind.KIT)]
        for place in PARTS:
            self[f"part_{place}"].choices = choices
        return self

    def fill(self, parts: Iterable[tuple[SupplyItem, int]]) -> ItemForm:
        """Show what is in a pack now."""
        for place, (item, quantity) in zip(PARTS, parts, strict=False):
            self[f"part_{place}"].data, self[f"pieces_{place}"].data = str(item.id), quantity
        return self

    def parts(self) -> tuple[tuple[UUID, int], ...]:
        """(item's id, how many) of what was chosen; the same thing twice is added up."""
        chosen: dict[UUID, int] = {}
        for place in PARTS:
            if self[f"part_{place}"].data:
                part = UUID(self[f"part_{place}"].data)
                chosen[part] = chosen.get(part, 0) + (self[f"pieces_{place}"].data or 1)
        return tuple(chosen.items())

    def values(self, kind: SupplyKind | None = None) -> ItemValues:
        """What was typed, for the command."""
        kind = kind or SupplyKind(self.kind.data)
        return ItemValues(
            self.name.data, self.unit.data, kind, expires=self.expires.data and kind is not SupplyKind.KIT,
            contains_alcohol=self.contains_alcohol.data, warn_days=self.warn_days.data,
            parts=self.parts() if kind is SupplyKind.KIT else (),
        )  # fmt: skip


for _place in PARTS:
    setattr(ItemForm, f"part_{_place}", SelectField(_l("In the pack"), default=""))
    setattr(ItemForm, f"pieces_{_place}", IntegerField(_l("How many pieces"), [Optional()], default=1))


class ChangedItemForm(ItemForm):
    """An item that is what it is: its union and its kind stay."""

    union_id = None
    kind = None


class ReceiveForm(Form):
    """What came in other than by buying or from another station."""

    item = SelectField(_l("What came in"), [Present()])
    kind = RadioField(
        _l("Where it came from"), [Present()], choices=[(kind.value, kind) for kind in BROUGHT_IN],
        default=MovementKind.DONATION.value,
    )  # fmt: skip
    quantity = pieces_field(_l("How many pieces"))
    expires_on = DateField(
        _l("Good until"), [Optional()], description=_l("Of what has a date. Different dates: enter each apart.")
    )
    lot_number = TextField(_l("Lot number (may be left out)"), max_length=40)
    unit_cost = DecimalField(
        _l("Worth in yuan each (may be left out)"), [Optional()], places=2, render_kw={"inputmode": "decimal"}
    )
    received_on = DateField(_l("Came in on"), [InputRequired(FILL_IN)], default=clock.today)
    note = note_field(_l("From whom, or other words (may be left out)"))

    def offer(self, items: Iterable[SupplyItem]) -> ReceiveForm:
        """What the station may stock."""
        self.item.choices = [("", _l("Please choose")), *((item.code, item.name) for item in items)]
        return self


class RefillForm(Form):
    """Put out for people to take themselves."""

    refilled = pieces_field(_l("How many were put out"))
    refill_note = note_field(_l("A few words (may be left out)"))


def read_shown(args: Mapping[str, str]) -> tuple[str | None, Shown]:
    """What the catalogue is narrowed to; a word that is none is no filter."""
    shown = args.get("shown", "")
    return tidy(args.get("q")), Shown(shown) if shown in set(Shown) else Shown.STOCKED
