"""What is typed to open a hand-out, to give, and to enter a group visit."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import BooleanField, DateField, IntegerField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, NumberRange, Optional

from portal import clock
from portal.forms import Form, Present, SelectField, TextField, UploadForm
from portal.types import tidy
from portal.vocabulary import COUNTER_OCCUPATIONS, BasicService, Occupation

CLOCK = re.compile(r"([01]?\d|2[0-3])[:.]?([0-5]\d)")


def read_time(typed: str | None) -> time | None:
    """A time of day as people write it: 9:05, 09.05, 0905, 9：05; None if it is none."""
    found = CLOCK.fullmatch((tidy(typed) or "").replace(" ", ""))
    return time(int(found[1]), int(found[2])) if found else None


def moment(day: date, at: time) -> datetime:
    """That time on that business day."""
    return datetime.combine(day, at, clock.SHANGHAI)


class HandoutForm(Form):
    """What is handed out, how much there is, and whether each person gets one."""

    title = TextField(_l("What is handed out"), max_length=60)
    programme = SelectField(_l("From a programme"), validate_choice=True, default="")
    service = SelectField(_l("Counts as"), choices=BasicService.choices())
    quantity = IntegerField(_l("How many there are (empty: no limit)"), [Optional()])
    one_per_person = BooleanField(_l("One for each person"), default=True)


class GiftForm(Form):
    """A scan, or an occupation for somebody without a card."""

    who = TextField(_l("Scan the next card"), max_length=60)
    occupation = SelectField(choices=[("", ""), *Occupation.choices()], default="", validate_choice=True)


class ReasonForm(Form):
    """Why something is taken back."""

    reason = TextField(_l("Reason"), [Present()], max_length=200)


class GroupForm(UploadForm):
    """A group visit: where, when, what, how many of each occupation, and a photograph of the signed sheet."""

    place = TextField(_l("Place, if it was not the station (address in words)"), max_length=120)
    day = DateField(_l("Day"), [InputRequired(_l("Please fill this in."))])
    time = TextField(_l("Time"), [Present()], max_length=8)
    service = SelectField(_l("Counts as"), choices=BasicService.choices())
    given = TextField(_l("What was given"), [Present()], max_length=200)
    note = TextAreaField(_l("Note"), filters=[tidy])
    photo = FileField(_l("Photo of the signed sheet"))

    def validate_time(self, field: Any) -> None:
        if read_time(field.data) is None:
            raise ValidationError(_l("A time such as 14:30."))

    def validate_note(self, field: Any) -> None:
        if field.data and len(field.data) > 1000:
            raise ValidationError(_l("At most %(count)s characters; this has %(now)s.", count=1000, now=len(field.data)))

    @property
    def at(self) -> datetime:
        """When it was."""
        return moment(self.day.data, read_time(self.time.data) or time())

    @property
    def head_fields(self) -> list[Any]:
        """The number fields, those of the counter first."""
        return [getattr(self, f"heads_{word.value}") for word in ORDER]

    @property
    def heads(self) -> dict[Occupation, int]:
        """How many of each occupation."""
        return {word: getattr(self, f"heads_{word.value}").data or 0 for word in ORDER}


ORDER = (*COUNTER_OCCUPATIONS, *(word for word in Occupation if word not in COUNTER_OCCUPATIONS))
for _word in ORDER:
    setattr(
        GroupForm,
        f"heads_{_word.value}",
        IntegerField(_word, [Optional(), NumberRange(0, 500, _l("A number from 0 to 500."))]),
    )
