"""What somebody types about a fault, and what the keeper answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import FileStorage
from wtforms import FileField, TextAreaField

from portal.forms import Form, Present, RadioField, SelectField, UploadForm
from portal.stations.register.models import Facility
from portal.stations.upkeep.models import NOTE_LENGTH, ReportKind, ReportStatus
from portal.stations.upkeep.queries import State
from portal.types import tidy


class PhotoField(FileField):
    """A photograph, from the camera or the album; what is no file is none."""

    @property
    def stream(self) -> BinaryIO | None:
        """What was sent, to be read once; None if nothing was chosen."""
        sent = self.data
        return sent.stream if isinstance(sent, FileStorage) and sent.filename else None


def photo_field(label: Any, **kwargs: Any) -> PhotoField:
    """A field for a photograph."""
    return PhotoField(label, render_kw={"accept": "image/*", "capture": "environment"}, **kwargs)


def note_field(label: Any, *validators: Any, **kwargs: Any) -> TextAreaField:
    """A few words."""
    return TextAreaField(label, list(validators), filters=[tidy], render_kw={"maxlength": NOTE_LENGTH, "rows": 3}, **kwargs)


class FaultForm(UploadForm):
    """What is wrong, for whoever stands before it."""

    kind = RadioField(_l("What is wrong?"), [Present(_l("Please choose what is wrong."))], choices=ReportKind.choices())
    facility = SelectField(_l("Which thing, if it is one"), default="")
    note = note_field(_l("A few words (may be left out)"))
    photo = photo_field(_l("A photo (may be left out)"), description=_l("Only the keeper sees it."))

    def offer(self, facilities: Iterable[Facility]) -> FaultForm:
        """The things that stand here."""
        self.facility.choices = [("", _l("Nothing in particular")), *((one.value, one) for one in facilities)]
        return self

    def values(self) -> dict[str, Any]:
        """What was chosen and typed, for the command."""
        return {
            "kind": ReportKind(self.kind.data),
            "facility": Facility(self.facility.data) if self.facility.data else None,
            "note": self.note.data,
            "photo": self.photo.stream,
        }


class AnswerForm(Form):
    """The keeper is on it."""

    note = note_field(_l("What happens now (may be left out)"))


SETTLED = (ReportStatus.REPAIRED, ReportStatus.UNFOUNDED)


class SettleForm(UploadForm):
    """It is put right, or nothing was wrong."""

    outcome = RadioField(
        _l("How it ended"), [Present(_l("Please choose how it ended."))], choices=[(word.value, word) for word in SETTLED]
    )
    settle_note = note_field(_l("What was done, or why nothing was wrong"))
    photo = photo_field(_l("A photo (may be left out)"))


class ReopenForm(Form):
    """It was not settled after all."""

    reopen_note = note_field(_l("Why it is opened again"), Present(_l("Say in a few words why.")))


STATES = {word.value: word for word in (*State, *ReportStatus)}
# “Opened again” is among the open ones; a filter of its own would be nearly always empty.
STATE_CHOICES = [(word.value, word) for word in (*State, *ReportStatus) if word is not ReportStatus.REOPENED]


def read_filters(args: Mapping[str, str], counties: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What the list is narrowed to by its query string; a word that is none is no filter."""
    kind, county = args.get("kind"), args.get("county")
    return {
        "q": tidy(args.get("q")),
        "state": STATES.get(args.get("state", ""), State.OPEN),
        "kind": ReportKind(kind) if kind in set(ReportKind) else None,
        "county": county if county in {code for code, _ in counties} else None,
    }
