"""What a person types about a wish, and what staff decide on it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, TextAreaField
from wtforms.widgets import CheckboxInput, ListWidget

from portal.forms import Form, Present, SelectField, SelectMultipleField, TextField
from portal.stations.wishes.models import NEXT_STATES, WishState
from portal.stations.wishes.rules import MISSING, PLACE_LENGTH, REASON_LENGTH, WORDS_LENGTH, WishValues
from portal.types import tidy
from portal.vocabulary import BasicService, Occupation


def read_point(lat: str | None, lng: str | None) -> tuple[float, float] | None:
    """A point that a page or a phone sent, to a hundred metres; anything else is none."""
    try:
        point = round(float(lat or ""), 3), round(float(lng or ""), 3)
    except ValueError:
        return None
    return point if -90 <= point[0] <= 90 and -180 <= point[1] <= 180 else None


class WishForm(Form):
    """Where a station is wished for, and what is missing there."""

    county_code = SelectField(_l("County"), [Present(_l("Say in which county the place is."))])
    place = TextField(
        _l("Where"),
        [Present(_l("Say where: a crossing, a market, a street."))],
        max_length=PLACE_LENGTH,
        description=_l("For example: 花园路与农业路口, the gate of the vegetable market."),
    )
    missing = SelectMultipleField(
        _l("What is missing there"),
        choices=[(one.value, one) for one in MISSING],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    occupation = SelectField(_l("I work as"), choices=[("", _l("I would rather not say")), *Occupation.choices()])
    words = TextAreaField(
        _l("Anything else"), filters=[tidy], description=_l("No names and no numbers, please; nobody will call you about it.")
    )
    lat = HiddenField()
    lng = HiddenField()

    def offer(self, counties: dict[str, list[tuple[str, str]]]) -> None:
        """Set the counties to choose from, grouped by city."""
        self.county_code.choices = {"": [("", _l("Choose a county"))]} | counties

    def values(self) -> WishValues:
        """What was typed."""
        occupation = self.occupation.data
        return WishValues(
            county_code=self.county_code.data or None,
            place=self.place.data,
            occupation=Occupation(occupation) if occupation else None,
            missing=tuple(BasicService(one) for one in self.missing.data or ()),
            words=self.words.data,
            point=read_point(self.lat.data, self.lng.data),
        )

    max_words = WORDS_LENGTH


class StateForm(Form):
    """What becomes of a wish."""

    state = SelectField(_l("What becomes of it"))
    reason = TextField(
        _l("Reason"), max_length=REASON_LENGTH, description=_l("Needed to decline; whoever wished for it can read it.")
    )
    station = TextField(_l("Station"), max_length=20, description=_l("Its code; needed when a station was built."))

    def offer(self, now: WishState) -> None:
        """Set what the wish may become from here."""
        self.state.choices = [(state.value, state) for state in NEXT_STATES[now]]
