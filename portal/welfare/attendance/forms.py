"""What staff type into a session's list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, TextAreaField

from portal.forms import Form, Present, SelectField, TextField
from portal.types import prose, tidy
from portal.vocabulary import Occupation
from portal.welfare.attendance import rules
from portal.welfare.attendance.commands import Row


class KeyForm(Form):
    """Whom to look for, by a whole key."""

    who = TextField(
        _l("Phone, ID number or card code"),
        [Present(_l("Please type a whole phone, ID number or card code."))],
        max_length=64,
        render_kw={"autocomplete": "off", "autocapitalize": "characters"},
    )


class NewPersonForm(Form):
    """Somebody nobody knows yet: the phone they were looked for by, what they do, and a name if they like."""

    who = TextField(_l("Mobile number"), [Present()], max_length=30, render_kw={"inputmode": "tel", "autocomplete": "off"})
    occupation = SelectField(_l("Occupation"), choices=Occupation.choices())
    name = TextField(_l("Name, if they like"), max_length=40, render_kw={"autocomplete": "off"})
    do = HiddenField()


class AddForm(Form):
    """The person that was found, and which button was pressed: book, any, wait."""

    worker = HiddenField()
    do = HiddenField()


class ReasonForm(Form):
    """Why, in words that the person reads."""

    reason = TextField(_l("Reason, in words they will read"), [Present()], max_length=200, filters=[prose])


class MessageForm(Form):
    """A message to everybody who is booked."""

    text = TextAreaField(_l("What they should know"), filters=[prose], render_kw={"maxlength": str(rules.MESSAGE)})
    sure = HiddenField()


def read_id(typed: str | None) -> UUID | None:
    """An id from a hidden field, or None."""
    try:
        return UUID(typed or "")
    except ValueError:
        return None


@dataclass
class Sheet:
    """A filled sheet, word for word: which bookings are ticked, and the rows written below."""

    ticked: set[UUID]
    typed: list[str]

    @classmethod
    def read(cls, came: Iterable[str], sent: Mapping[str, str]) -> Sheet:
        """The sheet as it was sent; missing fields are empty."""
        typed = [(sent.get(f"extra-{number}") or "")[:64] for number in range(1, rules.EXTRA_ROWS + 1)]
        return cls({ident for one in came if (ident := read_id(one))}, typed)

    @property
    def rows(self) -> list[Row]:
        """The rows below that hold something."""
        return [Row(number, key) for number, one in enumerate(self.typed, 1) if (key := tidy(one))]
