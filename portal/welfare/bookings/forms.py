"""What a worker sends to book, move or give up a place; and what stands in the address of the times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField

from portal.forms import Form, TextField
from portal.types import prose, tidy


def read_id(typed: str | None) -> UUID | None:
    """An id from an address or a hidden field, or None."""
    try:
        return UUID(typed or "")
    except ValueError:
        return None


def read_day(typed: str | None) -> date | None:
    """A day from an address, or None."""
    try:
        return date.fromisoformat(typed or "")
    except ValueError:
        return None


def read_place(sent: Mapping[str, str]) -> str | None:
    """The place somebody narrowed the times to."""
    return (tidy(sent.get("place")) or "")[:200] or None


class BookPlaceForm(Form):
    """The time that was chosen, and whether the waiting list will do."""

    session = HiddenField()
    wait = HiddenField()

    @property
    def session_id(self) -> UUID | None:
        """The chosen session, if it is one."""
        return read_id(self.session.data)


class CancelForm(Form):
    """Why a place is given up, if they like to say."""

    reason = TextField(_l("Why, if you like to say"), max_length=200, filters=[prose])
