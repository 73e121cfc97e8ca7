"""What a person types about deliveries: what to list, and why something is taken back."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import TypeVar

from flask import request
from flask_babel import lazy_gettext as _l

from portal.forms import Form, Present, TextField
from portal.types import tidy
from portal.welfare.deliveries.models import DeliverySource
from portal.welfare.deliveries.queries import Filters, State

One = TypeVar("One", bound=StrEnum)


class ReverseForm(Form):
    """Why it is taken back."""

    reason = TextField(_l("Why is it taken back?"), [Present()], max_length=300)


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.values.get(name, ""))
    except ValueError:
        return None


def _word(words: type[One], name: str) -> One | None:
    try:
        return words(request.values.get(name, ""))
    except ValueError:
        return None


def filters() -> Filters:
    """What the address asks for; whatever is no day and no word of ours is not asked."""
    first, last = _day("first"), _day("last")
    if first and last and first > last:
        first, last = last, first
    return Filters(
        programme=tidy(request.values.get("programme")), station=tidy(request.values.get("station")), first=first, last=last,
        source=_word(DeliverySource, "source"), state=_word(State, "state"),
    )  # fmt: skip
