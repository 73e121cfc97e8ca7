"""What an operator sends: a key to look up, a tap, a first registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from flask_babel import lazy_gettext as _l

from portal.desk.models import FirstAidItem
from portal.forms import Form, Present, SelectField, TextField, optional
from portal.types import N_, Problem, text
from portal.vocabulary import BasicService, Occupation


class LookUpForm(Form):
    """One field for everything: card code, phone, ID number; last four digits or a name among those met here."""

    who = TextField(_l("Scan a service code, or type phone, last four digits or name"), [Present()], max_length=60)


class RegisterWorkerForm(Form):
    """The least that is needed to know somebody again: a phone and an occupation; the name may stay away."""

    phone = TextField(_l("Phone"), [Present()], max_length=30)
    name = TextField(_l("Name (may be left out)"), max_length=40)
    occupation = SelectField(_l("Occupation"), choices=Occupation.choices())
    service = SelectField(_l("Service"), choices=BasicService.choices())


class ContactForm(Form):
    """What somebody says whose number was silent for long: family name, and the last four signs of their document or,
    where none is on record, their occupation."""

    surname = TextField(_l("Family name"), [Present()], max_length=20)
    id_tail = TextField(_l("Last four signs of the ID number"), max_length=4)
    occupation = SelectField(_l("Occupation"), choices=Occupation.choices(), validators=[optional()])


class FirstAidForm(Form):
    """One thing from the first-aid box, to somebody of an occupation."""

    item = SelectField(_l("What was given"), choices=FirstAidItem.choices())
    occupation = SelectField(_l("Occupation"), choices=Occupation.choices())


@dataclass(frozen=True)
class Tap:
    """One tap: which service, to whom (or which occupation), under which key."""

    service: BasicService
    worker_id: UUID | None
    occupation: Occupation
    key: str


def read_tap(sent: Mapping[str, str]) -> Tap | Problem:
    """Read a tap without building form fields: this stands on the hot path, where they cost half the time.

    The rules are those of the vocabulary and of UUID; a Problem says in words what is missing.
    """
    key = sent.get("key", "")
    if not 8 <= len(key) <= 64:
        return Problem("key", text(N_("This form has no key, so a double tap could not be told apart.")))
    try:
        worker = sent.get("worker") or None
        return Tap(
            BasicService(sent.get("service", "")),
            UUID(worker) if worker else None,
            Occupation(sent.get("occupation") or Occupation.OTHER),
            key,
        )
    except ValueError:
        return Problem("tap", text(N_("This button is out of date. Reload the page and tap again.")))
