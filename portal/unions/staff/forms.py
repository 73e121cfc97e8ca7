"""What a person types to sign in, to choose a password, to invite and to appoint."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import DateField, PasswordField
from wtforms.validators import Optional
from wtforms.widgets import PasswordInput

from portal.access import Role
from portal.forms import Form, Present, SelectField, TextField


class SignInForm(Form):
    """The first step: name and password."""

    sign_in_name = TextField(_l("Sign-in name"), [Present()], max_length=60)
    # The page never gives a typed password back; the demonstration fills in one that is no secret.
    password = PasswordField(_l("Password"), [Present()], widget=PasswordInput(hide_value=False))


class CodeForm(Form):
    """The second step: the code of this half minute."""

    code = TextField(_l("Six-digit code"), [Present()], max_length=20)


class AcceptInvitationForm(Form):
    """A password of one's own, and the first code of the app."""

    password = PasswordField(
        _l("New password"), [Present()], description=_l("At least 12 characters, any you like; pasting is fine.")
    )
    code = TextField(_l("Six-digit code"), [Present()], max_length=20)


class ChangePasswordForm(Form):
    """The present password and the next."""

    current = PasswordField(_l("Present password"), [Present()])
    password = PasswordField(
        _l("New password"), [Present()], description=_l("At least 12 characters, any you like; pasting is fine.")
    )


class AppointForm(Form):
    """A role at a union, from a day until a day."""

    role = SelectField(_l("Role"), choices=Role.choices())
    union_code = TextField(_l("Code of the union"), [Present()], max_length=40)
    starts_on = DateField(_l("Starts on"), [Optional()], description=_l("Empty: from today."))
    ends_on = DateField(_l("Last day"), [Optional()], description=_l("Empty: until it is ended."))


class InviteForm(AppointForm):
    """Somebody new, with their first role."""

    name = TextField(_l("Name"), [Present()], max_length=60)
    sign_in_name = TextField(
        _l("Sign-in name"), [Present()], max_length=60, description=_l("Small letters, digits, dots and hyphens.")
    )
