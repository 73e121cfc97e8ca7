"""What an officer types about sessions: a series, a single one, places, the list's filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, IntegerField, TimeField
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from portal import clock
from portal.forms import Form, SelectField, SelectMultipleField, TextField
from portal.i18n import say
from portal.stations.closures.rules import read_times
from portal.stations.hours.rules import WEEKDAYS
from portal.stations.register.models import Station
from portal.types import Problem, Text, text, tidy
from portal.welfare.programmes.models import ProgrammePlace
from portal.welfare.sessions.commands import Provider
from portal.welfare.sessions.models import ServiceSession
from portal.welfare.sessions.queries import Filters, Standing
from portal.welfare.sessions.rules import SeriesValues

FILL = _l("Please fill this in.")
OTHER = "other"


class Weekdays(SelectMultipleField):
    """Boxes for the seven days; Monday is 0."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, choices=[(str(n), text(one)) for n, one in enumerate(WEEKDAYS)], **kwargs)


class PlaceForm(Form):
    """Where: a station or provider of the programme, or another place by name."""

    place = SelectField(_l("Place"), validate_choice=False)
    station_code = TextField(
        _l("Or a station's code"),
        max_length=20,
        description=_l("If the station is not among those above: it stands on the door."),
    )
    other_name = TextField(_l("Name of the other place"), max_length=60, description=_l("A hospital, or a bus at a square."))
    other_address = TextField(_l("Its address"), max_length=120)
    capacity = IntegerField(_l("Places in each session"), [InputRequired(FILL)], render_kw={"min": 1})
    online = IntegerField(
        _l("Of these to be booked online"), [Optional()], render_kw={"min": 0},
        description=_l("The rest is for those who come to the desk. Empty: all of them."),
    )  # fmt: skip
    note = TextField(_l("Note for those who come"), max_length=200)

    def offer(self, stations: Sequence[Station], providers: Sequence[ProgrammePlace], *, elsewhere: bool) -> None:
        """Fill in the places to choose from."""
        self.providers = {str(one.id): Provider(one.provider_name, one.address) for one in providers}
        self.place.choices = [
            ("", _l("Please choose")),
            *((one.code, f"{one.name} · {one.code}") for one in stations),
            *((key, one.name) for key, one in self.providers.items()),
            *([(OTHER, _l("Another place"))] if elsewhere else []),
        ]
        self.elsewhere = elsewhere

    @property
    def code(self) -> str | None:
        """The code of the station that was chosen or typed."""
        if self.station_code.data:
            return self.station_code.data
        chosen = self.place.data or ""
        return None if chosen in ("", OTHER) or chosen in self.providers else chosen

    @property
    def provider(self) -> Provider | None:
        """The provider that was chosen or named."""
        if self.code:
            return None
        if self.place.data == OTHER and self.elsewhere and self.other_name.data:
            return Provider(self.other_name.data, self.other_address.data)
        return self.providers.get(self.place.data or "")


def _minutes(value: time) -> int:
    return value.hour * 60 + value.minute


class SeriesForm(PlaceForm):
    """A series: days, times, breaks."""

    first_on = DateField(_l("From day"), [InputRequired(FILL)])
    last_on = DateField(_l("Until day"), [InputRequired(FILL)])
    weekdays = Weekdays(_l("On these weekdays"))
    opens = TimeField(_l("Begins at"), [InputRequired(FILL)])
    closes = TimeField(_l("Ends at"), [InputRequired(FILL)], description=_l("0:00 is midnight at the end of the day."))
    slot_minutes = IntegerField(_l("Minutes of one session"), [InputRequired(FILL)], render_kw={"min": 5})
    breaks = TextField(_l("Breaks"), max_length=120, description=_l("12:00-14:00, 15:30-15:45; empty: none."))
    on_holidays = BooleanField(_l("On public holidays too"))
    on_make_up_days = BooleanField(
        _l("Make-up workdays count as workdays"),
        description=_l("A Saturday or Sunday that is worked instead belongs to a series that runs from Monday to Friday."),
    )

    def values(self) -> SeriesValues | None:
        """What was typed; None, with the errors said, where the breaks are not understood."""
        breaks, problems = read_times(self.breaks.data) if self.breaks.data else ((), [])
        if not self.take([Problem(one.code, one.says, field="breaks") for one in problems]):
            return None
        return SeriesValues(
            first_on=self.first_on.data, last_on=self.last_on.data, weekdays=tuple(int(one) for one in self.weekdays.data or ()),
            opens=_minutes(self.opens.data), closes=_minutes(self.closes.data) or 1440, slot_minutes=self.slot_minutes.data,
            capacity=self.capacity.data, online=self.online.data, breaks=tuple(breaks), on_holidays=self.on_holidays.data,
            on_make_up_days=self.on_make_up_days.data, note=self.note.data,
        )  # fmt: skip

    @staticmethod
    def usual(first: date, last: date) -> dict[str, Any]:
        """What stands in the form before anything was typed."""
        return {
            "first_on": first, "last_on": last, "weekdays": ["0", "1", "2", "3", "4"], "opens": time(9), "closes": time(17),
            "slot_minutes": 30, "breaks": "12:00-14:00", "capacity": 10, "on_make_up_days": True,
        }  # fmt: skip


class SingleForm(PlaceForm):
    """One session."""

    on = DateField(_l("Day"), [InputRequired(FILL)])
    opens = TimeField(_l("Begins at"), [InputRequired(FILL)])
    closes = TimeField(_l("Ends at"), [InputRequired(FILL)], description=_l("0:00 is midnight at the end of the day."))

    def times(self) -> tuple[datetime, datetime]:
        """When it begins and ends."""
        midnight = clock.start_of(self.on.data)
        ends = _minutes(self.closes.data) or 1440
        return midnight + timedelta(minutes=_minutes(self.opens.data)), midnight + timedelta(minutes=ends)


class UntilForm(Form):
    """Until when a series goes on."""

    last_on = DateField(_l("Until day"), [InputRequired(FILL)])


class CapacityForm(Form):
    """How many places there are, and how many of them online."""

    capacity = IntegerField(_l("Places in all"), [InputRequired(FILL)], render_kw={"min": 1})
    online = IntegerField(_l("Of these to be booked online"), [InputRequired(FILL)], render_kw={"min": 0})

    @classmethod
    def of(cls, session: ServiceSession) -> CapacityForm:
        """The form as the session stands."""
        return cls(formdata=None, data={"capacity": session.capacity, "online": session.online})


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        return None


def read_filters(args: Mapping[str, str]) -> Filters:
    """What the list is narrowed to by its query string; a word that is none is no filter."""
    standing = args.get("standing", Standing.COMING.value)
    return Filters(
        q=tidy(args.get("q")), programme=tidy(args.get("programme")), station=tidy(args.get("station")),
        first=_day(args.get("first")), last=_day(args.get("last")),
        standing=Standing(standing) if standing in set(Standing) else None,
    )  # fmt: skip


def read_day(value: str | None) -> date:
    """A day of a query string, otherwise today."""
    return _day(value) or clock.today()


def as_query(filters: Filters) -> dict[str, str]:
    """The filters as they stand in an address."""
    plain = {name: getattr(filters, name) for name in ("q", "programme", "station", "first", "last")}
    standing = filters.standing.value if filters.standing else "all"
    return {name: str(value) for name, value in plain.items() if value} | {"standing": standing}


def weekday_words(weekdays: Sequence[int]) -> list[str]:
    """The names of weekdays."""
    return [say(Text(WEEKDAYS[one])) for one in sorted(weekdays)]
