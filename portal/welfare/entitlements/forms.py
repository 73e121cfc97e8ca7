"""What somebody says of themselves to see what they may have; nothing of it is kept."""

from __future__ import annotations

import re
from datetime import date, timedelta

from flask_babel import lazy_gettext as _l
from wtforms import DateField
from wtforms.validators import Optional

from portal.clock import next_month
from portal.forms import Form, Present, RadioField, SelectField, TextField
from portal.types import N_, Problem, text
from portal.unions.tree.queries import county_choices, home_union_for_county
from portal.vocabulary import NEW_FORM_OCCUPATIONS, Occupation
from portal.welfare.eligibility.models import Standing
from portal.welfare.eligibility.queries import home_and_above
from portal.welfare.eligibility.rules import Facts

SEXES = [("", _l("Please choose")), ("female", _l("Woman")), ("male", _l("Man"))]
STANDINGS = [
    (Standing.ANYONE.value, _l("No")), (Standing.APPLICANT.value, _l("I applied")), (Standing.MEMBER.value, _l("Yes")),
    (Standing.RETAINED.value, _l("My membership is retained")),
]  # fmt: skip
_BORN = re.compile(r"(\d{4})\D?(\d{1,2})(?:\D?(\d{1,2}))?\D?")
UNCLEAR = [Problem("born", text(N_("Please write it like 1990-05, or with the day: 1990-05-17.")), field="born")]


def read_born(typed: str | None, today: date) -> tuple[date | None, list[Problem]]:
    """A birth date from a year and month, or with the day. Of a month alone its last day: nobody is promised too early.

    In the month of the birthday the age hangs on the day, so then the day is asked for.
    """
    if not typed:
        return None, []
    found = _BORN.fullmatch(re.sub(r"\s", "", typed))
    try:
        year, month, day = (int(part) if part else None for part in found.groups()) if found else (0, 0, 0)
        born = date(year, month, day or 1)
    except ValueError:
        return None, UNCLEAR
    if born > today or born.year < today.year - 120:
        return None, UNCLEAR
    if day:
        return born, []
    if month == today.month:
        says = N_("This is your birthday's month, so please add the day: %(example)s.")
        return None, [Problem("born_day", text(says, example=f"{year}-{month:02d}-17"), field="born")]
    return next_month(born) - timedelta(days=1), []


class QuestionsForm(Form):
    """Five questions. They go in the form's body, so that nothing stands in an address."""

    occupation = SelectField(_l("What do you work as?"), choices=[("", _l("Please choose")), *Occupation.choices()],
                             validators=[Present()])  # fmt: skip
    born = TextField(_l("When were you born?"), max_length=20, description=_l("Year and month are enough: 1990-05"),
                     render_kw={"autocomplete": "off", "inputmode": "text"})  # fmt: skip
    sex = SelectField(_l("Woman or man?"), choices=SEXES, default="", description=_l("Some health checks are for women."))
    standing = RadioField(_l("Are you a union member?"), choices=STANDINGS, default=Standing.ANYONE.value)
    county = SelectField(_l("Where do you work?"), default="")

    def offer(self) -> None:
        """Fill in the counties."""
        self.county.choices = {"": [("", _l("Please choose"))]} | county_choices()

    def facts(self, today: date) -> Facts | None:
        """What was said; None with the errors beside the fields."""
        born_on, problems = read_born(self.born.data, today)
        if not self.take(problems):
            return None
        occupation = Occupation(self.occupation.data)
        home = home_union_for_county(self.county.data) if self.county.data else None
        return Facts(
            occupation=occupation, sex=self.sex.data or None, born_on=born_on, standing=Standing(self.standing.data),
            home_union_ids=home_and_above(home.id) if home else frozenset(),
            is_new_form_worker=occupation in NEW_FORM_OCCUPATIONS, known=False,
        )  # fmt: skip


class AboutMeForm(Form):
    """What a signed-in person states of themselves, because a rule asks for it."""

    born_on = DateField(_l("Date of birth"), [Optional()])
    sex = SelectField(_l("Woman or man?"), choices=SEXES, default="")
