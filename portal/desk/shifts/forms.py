"""What is typed at the lock, at a handover and when a tablet is paired."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import PasswordField, TextAreaField

from portal.forms import Form, Present, TextField
from portal.types import tidy


class PinForm(Form):
    """One's password, and the PIN for paired tablets."""

    current = PasswordField(_l("Present password"), [Present()])
    pin = PasswordField(
        _l("PIN for the counter"), [Present()], description=_l("Four to six digits, six are best; no years, nothing in a row.")
    )


class LockForm(Form):
    """Who one is, by tapping one's name, and one's PIN."""

    pin = PasswordField(_l("PIN"), [Present()])


class PairForm(Form):
    """What this screen is called."""

    name = TextField(
        _l("Name of this screen"), [Present()], max_length=40, description=_l("So that you know it again: tablet at the door.")
    )


class HandoverForm(Form):
    """What is left for the next operator."""

    left = TextAreaField(
        _l("What is there"), filters=[lambda typed: typed or None],
        description=_l("One thing a line, such as: water 40 bottles. It goes to the next operator and to the keeper."),
    )  # fmt: skip
    notes = TextAreaField(
        _l("What the next one should know"), filters=[tidy], description=_l("About the station, not about people who came.")
    )


def _day(typed: str | None) -> date | None:
    try:
        day = date.fromisoformat(typed or "")
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None  # at the edges of the calendar there is no day before or after


def read_filters(sent: Any) -> dict[str, Any]:
    """Search and days of the list of shifts; what does not read is left out."""
    return {"q": tidy(sent.get("q")), "first": _day(sent.get("first")), "last": _day(sent.get("last"))}


def read_id(typed: str | None) -> UUID | None:
    """An id from a form or an address, or None."""
    try:
        return UUID(typed or "")
    except ValueError:
        return None
