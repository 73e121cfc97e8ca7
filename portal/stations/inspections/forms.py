"""What a keeper types: a checklist, a filled-in sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, TextAreaField

from portal.forms import Form, Present, RadioField, SelectField, TextField, UploadForm
from portal.stations.inspections.commands import Given
from portal.stations.inspections.models import ChecklistItem, Outcome
from portal.stations.upkeep.forms import note_field, photo_field
from portal.stations.upkeep.models import ReportKind
from portal.types import tidy


class ChecklistForm(Form):
    """A title, and one item a line."""

    union_id = SelectField(_l("Union"), description=_l("The unions beneath it use the list too."))
    title = TextField(_l("Title"), [Present(_l("The list needs a title."))], max_length=60)
    items = TextAreaField(_l("Items"), filters=[tidy], description=_l("One item a line."), render_kw={"rows": 12})

    def offer(self, unions: Sequence[tuple[str, str]]) -> ChecklistForm:
        """The unions one keeps stations of."""
        self.union_id.choices = list(unions)
        return self

    def lines(self) -> list[str]:
        """The items, without empty lines."""
        return [line.strip() for line in (self.items.data or "").splitlines() if line.strip()]


class ChangedChecklistForm(ChecklistForm):
    """A list that has its union."""

    union_id = None


class SheetForm(UploadForm):
    """A filled-in sheet; `sheet_form` adds the items of its list."""

    inspected_on = DateField(_l("Day of the inspection"), [Present(_l("Please give the day."))])
    unannounced = BooleanField(_l("Unannounced: no notice, straight to the door"))
    note = note_field(_l("Remarks"))
    signature = TextField(
        _l("Signed for the station by"),
        max_length=40,
        description=_l("The name of the person who was there, as typed; it is kept encrypted. Leave empty if nobody was."),
    )
    items: Sequence[ChecklistItem] = ()

    def given(self) -> dict[UUID, Given]:
        """The answers by item."""
        return {
            item.id: Given(
                Outcome(self[f"outcome_{item.id.hex}"].data),
                self[f"note_{item.id.hex}"].data,
                self[f"photo_{item.id.hex}"].stream,
            )
            for item in self.items
        }


def sheet_form(checklist_items: Sequence[ChecklistItem], **kwargs: Any) -> SheetForm:
    """The form of one list: three choices, words and a photograph an item, named by the item and not by its place."""
    fields: dict[str, Any] = {"items": checklist_items}
    for item in checklist_items:
        must = Present(_l("Please answer this item."))
        fields[f"outcome_{item.id.hex}"] = RadioField(item.says, [must], choices=Outcome.choices())
        fields[f"note_{item.id.hex}"] = note_field(_l("What was seen"))
        fields[f"photo_{item.id.hex}"] = photo_field(_l("Photo"))
    return type("SheetFormOfList", (SheetForm,), fields)(**kwargs)


class FindingForm(Form):
    """Which kind of report follows from an item."""

    kind = SelectField(_l("What is wrong"), choices=ReportKind.choices())


WAYS = {"unannounced": True, "announced": False}


def read_filters(args: Mapping[str, str], counties: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What the list is narrowed to by its query string; a word that is none is no filter."""
    county = args.get("county")
    return {
        "q": tidy(args.get("q")),
        "county": county if county in {code for code, _ in counties} else None,
        "way": WAYS.get(args.get("way", "")),
        "findings": args.get("findings") == "1",
    }
