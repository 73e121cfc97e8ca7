"""What an applicant writes, and what an officer decides."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, TextAreaField, ValidationError
from wtforms.validators import DataRequired

from portal.forms import Form, Present, RadioField, SelectField, TextField
from portal.members.joining import rules
from portal.members.joining.models import Application, ApplicationStatus
from portal.members.joining.rules import Written
from portal.members.workers.models import Worker
from portal.members.workers.rules import mask_id_number, mask_phone
from portal.types import tidy
from portal.unions.tree.queries import county_choices
from portal.vocabulary import INDUSTRY_OF, IdType, Industry, Occupation


def _demand(field: TextField, words: str) -> None:
    field.validators = [Present(words)]
    field.flags.required = True


class JoinForm(Form):
    """The application to join. What is on file already may stay empty: it is shown masked and used as it is."""

    name = TextField(
        _l("Full name"), [Present(_l("Please write your name as it stands on the document."))], max_length=60,
        render_kw={"autocomplete": "name"},
    )  # fmt: skip
    id_type = SelectField(_l("Identity document"), choices=IdType.choices())
    id_number = TextField(_l("Number of the document"), max_length=40, render_kw={"autocomplete": "off", "spellcheck": "false"})
    phone = TextField(_l("Mobile number"), max_length=30, render_kw={"type": "tel", "inputmode": "tel", "autocomplete": "tel"})
    occupation = SelectField(_l("Occupation"), choices=Occupation.choices())
    industry = SelectField(_l("Industry"), choices=[])
    employer_name = TextField(_l("Employer or platform (may be left out)"), max_length=100)
    work_county = SelectField(_l("County where you mostly work"), choices=[])
    is_migrant_worker = BooleanField(_l("I am a rural migrant worker (may be left out)"))
    agree = BooleanField(
        _l("I apply to join of my own free will, and agree that the union processes this application."),
        [DataRequired(_l("Joining is voluntary: please tick this if you want to apply. You are served all the same."))],
    )

    # On file, not typed: set by `on_file` before validation.
    kept_phone: str | None = None
    kept_id: tuple[IdType, str] | None = None

    def on_file(self, *, phone: str | None, document: tuple[IdType, str] | None) -> JoinForm:
        """Say what is known already and may stay empty; offer the choices."""
        self.industry.choices = [("", _("As usual for the occupation")), *Industry.choices()]
        self.work_county.choices = {"": [("", _("Please choose"))]} | county_choices()
        self.kept_phone, self.kept_id = phone, document
        if phone:
            self.phone.description = _("Leave empty to use %(phone)s.", phone=mask_phone(phone))
        else:
            _demand(self.phone, _("Please type your mobile number."))
        if document:
            self.id_number.description = _("Leave empty to use %(number)s.", number=mask_id_number(document[1]))
        else:
            _demand(self.id_number, _("Please type the number of the document."))
        return self

    def suggest(self, worker: Worker, county: str | None, last: Application | None, *, own: bool) -> JoinForm:
        """Fill in what is known: the occupation for whoever was invited, more for somebody signed in."""
        self.occupation.data = worker.occupation.value
        self.work_county.data = county or ""
        if own:
            self.name.data = worker.name
        if own and last:
            self.name.data, self.id_type.data = last.name, last.id_type.value
            self.occupation.data, self.industry.data = last.occupation.value, last.industry.value
            self.employer_name.data, self.work_county.data = last.employer_name, last.work_county_code
            self.is_migrant_worker.data = last.is_migrant_worker
        if self.kept_id:
            self.id_type.data = self.kept_id[0].value
        return self

    def checked(self, *, today: date) -> Written | None:
        """What was written, if nothing is wrong with it; the problems stand beside their fields."""
        valid = self.validate()
        if not self.work_county.data:
            self.work_county.errors = [_("Please choose the county.")]
            valid = False
        if not valid:
            return None
        occupation = Occupation(self.occupation.data)
        id_type, number = IdType(self.id_type.data), self.id_number.data
        if not number and self.kept_id:
            id_type, number = self.kept_id
        written = Written(
            name=self.name.data,
            id_type=id_type,
            id_number=number,
            phone=self.phone.data or self.kept_phone,
            occupation=occupation,
            industry=Industry(self.industry.data or INDUSTRY_OF.get(occupation, Industry.OTHER)),
            employer_name=self.employer_name.data,
            work_county_code=self.work_county.data,
            is_migrant_worker=bool(self.is_migrant_worker.data),
        )
        return written if self.take(rules.problems_with_applying(written, today=today)) else None


class DecideForm(Form):
    """An officer's decision, and the words the worker will read."""

    decision = RadioField(
        _l("Decision"),
        choices=[
            (ApplicationStatus.APPROVED.value, _l("Approve: becomes a member")),
            (ApplicationStatus.RETURNED.value, _l("Return for correction")),
            (ApplicationStatus.REJECTED.value, _l("Do not approve")),
        ],
        validators=[Present(_l("Please choose a decision."))],
    )
    opinion = TextAreaField(
        _l("Reason (needed when returning or not approving; the worker reads it)"),
        filters=[tidy],
        render_kw={"maxlength": "500", "rows": "3"},
    )

    def validate_opinion(self, field) -> None:
        """Keep it short enough for a message."""
        if field.data and len(field.data) > 500:
            raise ValidationError(_("At most %(count)s characters; this has %(now)s.", count=500, now=len(field.data)))


class RevealForm(Form):
    """Why somebody needs to see a whole number."""

    field = RadioField(
        _l("What to uncover"),
        choices=[("phone", _l("Phone")), ("id_number", _l("Number of the document"))],
        validators=[Present(_l("Please choose what to uncover."))],
    )
    reason = TextField(_l("Reason"), [Present(_l("Please say why; it is written into the trail."))], max_length=200)


class SearchForm(Form):
    """One field: the beginning of a name, or a whole phone or document number."""

    q = TextField(_l("Beginning of the name, whole phone or document number"), max_length=60)
