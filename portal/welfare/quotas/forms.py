"""What an officer types about shares of a quota."""

from __future__ import annotations

from dataclasses import replace

from flask_babel import lazy_gettext as _l
from wtforms import DateField, IntegerField
from wtforms.validators import InputRequired, Optional

from portal.forms import Form, Present, TextField
from portal.types import Problem

BACK = _l("On this day, from its first moment, what is not used goes back up. Empty: it stays.")


class HandDownForm(Form):
    """To whom, how many, until when."""

    holder = TextField(
        _l("To which union or station"), [Present()], max_length=100, description=_l("The code or the whole name of either.")
    )
    amount = IntegerField(_l("How many places"), [InputRequired(_l("Please fill this in."))], render_kw={"min": 1})
    take_back_on = DateField(_l("Take-back day"), [Optional()], description=BACK)


class ChangeForm(Form):
    """How many a holder has, until when."""

    new_amount = IntegerField(_l("How many places in all"), [InputRequired(_l("Please fill this in."))], render_kw={"min": 0})
    new_day = DateField(_l("Take-back day"), [Optional()], description=BACK)


def as_change(problem: Problem) -> Problem:
    """A problem beside the fields of the form of change, which stands on one page with the other."""
    names = {"amount": "new_amount", "take_back_on": "new_day"}
    return replace(problem, field=names.get(problem.field or "", problem.field))
