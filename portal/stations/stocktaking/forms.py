"""What a keeper types when counting, sending, receiving, losing and writing off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField
from wtforms.validators import Optional

from portal.forms import Form, Present, TextField
from portal.stations.supplies.forms import note_field, pieces_field
from portal.stations.supplies.models import MovementKind


class CountForm(Form):
    """What was counted on the shelf."""

    counted = pieces_field(
        _l("How many are there"), description=_l("Only what may still be given. What is past its date lies apart.")
    )
    expires_on = DateField(_l("Good until"), [Optional()], description=_l("Only if the book has none left and you found some."))
    note = note_field(_l("A few words (may be left out)"))


class SendForm(Form):
    """Where to, and how many."""

    to = TextField(
        _l("To which station"),
        [Present()],
        max_length=20,
        description=_l("Its code, as on its door and in the list of stations."),
    )
    quantity = pieces_field(_l("How many pieces"))
    note = note_field(_l("A few words (may be left out)"))


class ArrivalForm(Form):
    """What arrived."""

    received = pieces_field(_l("How many arrived"))
    note = note_field(_l("If it is less: what happened to the rest"))


class WriteOffForm(Form):
    """What is past its date, and what happens to it."""

    quantity = pieces_field(_l("How many are written off"))
    reason = note_field(_l("What happens to it"), Present(_l("Say in a few words what happens to it.")))


class LoseForm(Form):
    """Pieces of a lot are lost or damaged."""

    lost = pieces_field(_l("How many are lost or damaged"))
    lost_reason = note_field(_l("What happened to it"), Present(_l("Say in a few words what happened.")))


class CorrectForm(Form):
    """A mistyped date or number."""

    expires_on = DateField(_l("Good until"), [Optional()])
    lot_number = TextField(_l("Lot number"), max_length=40)
    reason = note_field(_l("Why"), Present(_l("Say in a few words why.")))


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        return None


def read_filters(args: Mapping[str, str], items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What the book is narrowed to; a word that is none is no filter."""
    kind, item = args.get("kind", ""), args.get("item", "")
    first, last = _day(args.get("first")), _day(args.get("last"))
    return {
        "item": item if item in {code for code, _ in items} else None,
        "kind": MovementKind(kind) if kind in set(MovementKind) else None,
        # The very first and last days of the calendar have no midnight at +08:00.
        "first": first if first and first.year > 1900 else None,
        "last": last if last and last.year < 9000 else None,
    }
