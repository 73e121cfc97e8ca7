"""What is sent with a hand-over: to whom, and what was shown."""

from __future__ import annotations

from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import BooleanField, DateField, HiddenField

from portal.desk.giving.commands import Shown
from portal.forms import SelectField, TextField, UploadForm, optional
from portal.vocabulary import Occupation
from portal.welfare.deliveries.rules import Proxy
from portal.welfare.entitlements.forms import SEXES

_FACTS = _l("May stay empty. Filled in, it is kept, and nobody has to ask for it again.")


class GiveForm(UploadForm):
    """One hand-over. Of the fields only those that this programme asks for are drawn."""

    worker = HiddenField()
    booking = HiddenField()
    occupation = SelectField(_l("Occupation"), choices=Occupation.choices(), validators=[optional()])
    proof_code = TextField(
        _l("The receiver's code"), max_length=64, description=_l("Scan their card, or type the code of their booking.")
    )
    photo = FileField(_l("Photo as proof"))
    signature_seen = BooleanField(_l("The sheet is signed, I saw it"))
    document_seen = BooleanField(_l("I looked at the document, it fits"))
    born_on = DateField(_l("Birth date, as the document says"), validators=[optional()], description=_FACTS)
    sex = SelectField(_l("Sex, as the document says"), choices=SEXES, default="", validators=[optional()], description=_FACTS)
    proxy_name = TextField(_l("Who picks it up"), max_length=40)
    proxy_relation = TextField(_l("What they are to the receiver"), max_length=40)
    exception_reason = TextField(_l("Why it has to be you"), max_length=200)

    def of(self, programme: str, asked: str | None) -> GiveForm:
        """The form beneath one programme's button: this one where it was sent, otherwise an empty one; with ids of its own."""
        form = self if programme == asked else GiveForm(formdata=None)
        for field in form:
            field.id = f"{field.name}-{programme}"
        return form

    def receiver(self) -> UUID | None:
        """The person on the card; None for a hand-out without a name. Raises ValueError for what is no id."""
        return UUID(self.worker.data) if self.worker.data else None

    def shown(self) -> Shown:
        """What was shown, as the command takes it."""
        proxy = Proxy(self.proxy_name.data or "", self.proxy_relation.data or "")
        photo = self.photo.data if self.photo.data and getattr(self.photo.data, "filename", "") else None
        return Shown(
            code=self.proof_code.data, photo=photo.stream if photo else None, signature=self.signature_seen.data,
            document=self.document_seen.data, born_on=self.born_on.data, sex=self.sex.data or None,
            proxy=proxy if proxy.name or proxy.relation else None,
            exception_reason=self.exception_reason.data,
        )  # fmt: skip
