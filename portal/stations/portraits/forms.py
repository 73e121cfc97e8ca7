"""What a person types about stars and photographs."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import DateField, FileField

from portal import clock
from portal.forms import Form, Present, SelectField, TextField, UploadForm


class StarsForm(Form):
    """Stars as they were given or taken."""

    stars = SelectField(_l("Stars"), choices=[("", _l("No stars")), *((str(n), "★" * n) for n in range(1, 6))])
    rated_on = DateField(_l("Decided on"), default=clock.today)
    basis = TextField(_l("On what basis"), [Present()], max_length=200, description=_l("The decision or the check that says so."))


class PhotoForm(UploadForm):
    """A photograph of the place."""

    photo = FileField(_l("Photo"), [Present(_l("Choose a photo first."))])
    caption = TextField(_l("Caption"), max_length=60, description=_l("What one sees: the door, the water dispenser. No faces."))
