"""The one base class of all forms, and what fields share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import wtforms
from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from portal.types import Level, Problem, tidy

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")


class Form(FlaskForm):
    """A form built from text fields only.

    Flask-WTF merges uploaded files into the form data, so that a file sent where text is expected ends in a 500;
    here only `request.form` is read. CSRF is checked once for all by CSRFProtect, not by each form.
    """

    class Meta(FlaskForm.Meta):
        csrf = False

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Without the control signs that no page may hold: what is typed stands in the page again when it is refused."""
            sent = super().wrap_formdata(form, formdata)
            if not sent or not any(isinstance(one, str) and _CONTROLS.search(one) for _name, one in sent.items(multi=True)):
                return sent
            plain = [(name, _CONTROLS.sub("", one) if isinstance(one, str) else one) for name, one in sent.items(multi=True)]
            return MultiDict(plain)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "formdata" not in kwargs and not args:
            kwargs["formdata"] = request.form if request.method in ("POST", "PUT", "PATCH", "DELETE") else None
        super().__init__(*args, **kwargs)

    def take(self, problems: list[Problem]) -> bool:
        """Put a rule's problems where they belong: beside their field, or at the top. True if nothing is red."""
        from portal.i18n import say

        red = [problem for problem in problems if problem.level is Level.RED]
        for problem in red:
            field = self._fields.get(problem.field or "")
            if field is not None:
                field.errors = [*field.errors, say(problem)]
            else:
                self.form_errors.append(say(problem))
        return not red


class UploadForm(Form):
    """A form with a file field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        from werkzeug.datastructures import CombinedMultiDict

        kwargs.setdefault("formdata", CombinedMultiDict((request.files, request.form)) if request.method == "POST" else None)
        super().__init__(*args, **kwargs)


class TextField(StringField):
    """A line of text, tidied; empty becomes None. What people read as sentences takes ``filters=[prose]``."""

    def __init__(self, label: Any = None, validators: Any = None, *, max_length: int = 200, **kwargs: Any) -> None:
        super().__init__(label, validators, **{"filters": [tidy]} | kwargs)
        self.max_length = max_length

    def pre_validate(self, form: Form) -> None:
        if self.data and len(self.data) > self.max_length:
            raise ValidationError(
                _l("At most %(count)s characters; this has %(now)s.", count=self.max_length, now=len(self.data))
            )


Pairs = Iterable[tuple[str, Any] | SelectChoice]


def as_choices(choices: Pairs | Mapping[str, Pairs] | None) -> list[SelectChoice] | None:
    """(value, words) pairs, as vocabularies give them, as WTForms wants them; a mapping gives groups."""
    if choices is None:
        return None
    if isinstance(choices, Mapping):
        return [SelectChoice(*one, optgroup=group) for group, pairs in choices.items() for one in pairs]
    return [one if isinstance(one, SelectChoice) else SelectChoice(*one) for one in choices]


class _Choosing:
    """A field whose choices may be written as pairs."""

    def __init__(self, label: Any = None, validators: Any = None, *, choices: Any = None, **kwargs: Any) -> None:
        super().__init__(label, validators, choices=as_choices(choices), **kwargs)

    @property
    def choices(self) -> list[SelectChoice] | None:
        return self._choices

    @choices.setter
    def choices(self, choices: Pairs | Mapping[str, Pairs] | None) -> None:
        self._choices = as_choices(choices)


class SelectField(_Choosing, wtforms.SelectField):
    """One of a list."""


class SelectMultipleField(_Choosing, wtforms.SelectMultipleField):
    """Several of a list."""


class RadioField(_Choosing, wtforms.RadioField):
    """One of a few, all in sight."""


class Present:
    """The field must hold something; says so in the person's words and stops."""

    field_flags = {"required": True}

    def __init__(self, message: Any = None) -> None:
        self.message = message or _l("Please fill this in.")

    def __call__(self, form: Form, field: Field) -> None:
        if field.data is None or field.data == "" or field.data == []:
            from wtforms.validators import StopValidation

            field.errors = []
            raise StopValidation(self.message)


optional = Optional
digits_only = re.compile(r"\D")
