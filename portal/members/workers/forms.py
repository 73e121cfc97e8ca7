"""What a worker types to sign in: a phone, a code, and who they are if several share the phone."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField

from portal.forms import Form, Present, TextField
from portal.members.workers.queries import Masked
from portal.members.workers.rules import problems_with_phone
from portal.vocabulary import Occupation

NOBODY = "nobody"


class SignInForm(Form):
    """The phone a code goes to."""

    phone = TextField(
        _l("Mobile number"),
        [Present(_l("Please type your mobile number."))],
        max_length=30,
        render_kw={"type": "tel", "inputmode": "tel", "autocomplete": "tel"},
    )

    def checked(self) -> bool:
        """Whether this is a possible number; the problems stand beside the field."""
        return self.validate() and self.take(problems_with_phone(self.phone.data))


class CodeForm(Form):
    """The six digits that came by message."""

    code = TextField(
        _l("Code of six digits"),
        [Present(_l("Please type the six digits from the message."))],
        max_length=20,
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": "6"},
    )


class PersonForm(Form):
    """Who of those who share a phone signs in."""

    person = RadioField(_l("Who are you?"), [Present(_l("Please choose who you are."))], validate_choice=True)

    def offer(self, people: list[Masked]) -> PersonForm:
        """Offer these people, and the way out for somebody who is none of them."""
        from flask_babel import gettext as _

        from portal.i18n import say

        self.person.choices = [
            (str(one.id), "{} · {}".format(one.name or _("Name not known"), say(one.occupation))) for one in people
        ]
        self.person.choices.append((NOBODY, _("None of these: I am somebody else")))
        return self


class OccupationForm(Form):
    """What somebody new works as; one tap."""

    occupation = SelectField(_l("Occupation"), choices=Occupation.choices())
