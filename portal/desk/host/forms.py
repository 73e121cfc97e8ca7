"""What a host's staff send: a tap on an occupation, a scanned code."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.forms import Form, Present, SelectField, TextField
from portal.vocabulary import Occupation


class CountForm(Form):
    """One more of an occupation."""

    occupation = SelectField(_l("Occupation"), choices=Occupation.choices())


class CardForm(Form):
    """A service code."""

    card = TextField(_l("Scan or type a service code"), [Present()], max_length=64)
