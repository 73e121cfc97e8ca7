"""What a worker types to sign in: a phone, a code, and who they are if several share the phone."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.forms import Form, Present, RadioField, SelectField, TextField
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
    """Who of those who used a phone signs in. Whoever was silent on it for long says more than “that is me”."""

    person = RadioField(_l("Who are you?"), [Present(_l("Please choose who you are."))], validate_choice=True)
    surname = TextField(_l("Family name"), max_length=20)
    id_tail = TextField(
        _l("Last four signs of your ID number"), max_length=10, render_kw={"autocapitalize": "characters", "autocomplete": "off"}
    )
    work = SelectField(_l("What you worked as when you came last"), choices=[("", "–"), *Occupation.choices()])

    def offer(self, people: list[Masked], silent: list[Masked], asked: set[str]) -> PersonForm:
        """Offer these people, those who were silent for long without their name, and the way out for somebody else.

        ``asked`` is what the silent ones have on record: id_tail, occupation.
        """
        from flask_babel import gettext as _

        from portal.i18n import say

        self.person.choices = [
            (str(one.id), "{} · {}".format(one.name or _("Name not known"), say(one.occupation))) for one in people
        ]
        for number, one in enumerate(silent, 1):
            said = _("I have used this number for long, but was not here for half a year")
            self.person.choices.append((str(one.id), said if len(silent) == 1 else f"{said} ({number})"))
        self.person.choices.append((NOBODY, _("None of these: I am somebody else") if people else _("I am new here")))
        for name, needed in (("surname", silent), ("id_tail", "id_tail" in asked), ("work", "occupation" in asked)):
            if not needed:
                del self[name]
        return self

    @property
    def occupation(self) -> Occupation | None:
        """What they say they worked as."""
        work = self._fields.get("work")
        return Occupation(work.data) if work is not None and work.data else None

    def said(self, name: str) -> str | None:
        """What was typed in a field, if it was asked for."""
        return self[name].data if name in self else None


class OccupationForm(Form):
    """What somebody new works as; one tap."""

    occupation = SelectField(_l("Occupation"), choices=Occupation.choices())
