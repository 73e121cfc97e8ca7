"""What a person types when something is looked at afterwards."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import DateField, IntegerField
from wtforms.validators import NumberRange

from portal.forms import Form, Present, RadioField, SelectField, TextField
from portal.types import prose
from portal.welfare.checks.models import CheckOutcome
from portal.welfare.checks.rules import MOST

SAY_WHY = _l("Please say why; it is written into the trail.")


class ReviewForm(Form):
    """Whether one person alone was right."""

    accepted = RadioField(
        _l("Was it right?"), choices=[("yes", _l("It was right")), ("no", _l("It was not right"))],
        validators=[Present(_l("Please choose one."))],
    )  # fmt: skip
    review_note = TextField(_l("What you found"), max_length=300)


class LookForm(Form):
    """What became of a late entry."""

    look_note = TextField(_l("What you found and what becomes of it"), [Present()], max_length=300)


class DisputeForm(Form):
    """“This was not me”, with a word if one likes."""

    note = TextField(_l("What happened? (optional)"), max_length=300, filters=[prose])


class AnswerForm(Form):
    """The union's answer."""

    answer = TextField(_l("Answer to the worker"), [Present()], max_length=500, filters=[prose])


class SampleForm(Form):
    """What to draw a sample of."""

    programme = SelectField(_l("Programme"), validators=[Present(_l("Please choose a programme."))])
    first_on = DateField(_l("From day"), [Present()])
    last_on = DateField(_l("Until day"), [Present()])
    size = IntegerField(_l("Sample size"), [Present(), NumberRange(1, MOST, _l("From 1 to 500."))], default=20)


class CallForm(Form):
    """What a call found."""

    outcome = RadioField(
        _l("What the call found"), choices=CheckOutcome.choices(), validators=[Present(_l("Please choose one."))]
    )
    note = TextField(_l("What they said"), max_length=300)


class RevealForm(Form):
    """Why somebody needs to see the whole number."""

    reason = TextField(_l("Reason"), [Present(SAY_WHY)], max_length=200)
