"""What a person types about a station, and the upload of a workbook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField, DecimalField, IntegerField, SelectField, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional
from wtforms.widgets import CheckboxInput, ListWidget

from portal.forms import Form, Present, TextField
from portal.stations.register import rules
from portal.stations.register.models import (
    NEXT_STATUSES,
    BuildMode,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.register.rules import StationValues
from portal.stations.wording.rules import hours_as_text, parse_hours
from portal.types import N_, Problem, Word, text, tidy
from portal.unions.tree.models import Union
from portal.vocabulary import BasicService

NOT_STATED = ("", _l("Not stated"))
NEW_STATUSES = (StationStatus.OPEN, StationStatus.TRIAL, StationStatus.PLANNED)


class NumberField(DecimalField):
    """A decimal number; NaN and infinity are none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if self.data is not None and not self.data.is_finite():
            self.data = None
            raise ValueError(self.gettext("Not a valid decimal value."))


class TicksField(SelectMultipleField):
    """A group of boxes to tick; answers the members of the vocabulary in its order."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any, words: type[Word], **kwargs: Any) -> None:
        super().__init__(label, choices=words.choices(), **kwargs)
        self.words = words

    def chosen(self) -> tuple[Word, ...]:
        """What is ticked."""
        return tuple(self.words(value) for value in self.data or ())


class StationForm(Form):
    """Everything about a station that a person maintains; status has a form of its own."""

    name = TextField(_l("Name"), [Present()], max_length=60)
    kind = SelectField(_l("Kind"), choices=StationKind.choices())
    union_code = TextField(_l("Union"), [Present()], max_length=100, description=_l("Its code or its whole name."))
    county_code = SelectField(_l("County"), [Present()])
    town_code = SelectField(_l("Town or street"), description=_l("The towns of the county that is saved."))
    address = TextField(_l("Address"), [Present()], max_length=120)
    hours = TextAreaField(
        _l("Opening hours"),
        filters=[tidy],
        description=_l("24小时, 08:30-22:00 or 周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00"),
    )
    phone = TextField(_l("Telephone"), max_length=20)
    facilities = TicksField(_l("Facilities"), Facility)
    services = TicksField(_l("Services"), BasicService, description=_l("What the counter offers, each with one tap."))
    host_name = TextField(_l("Host"), max_length=60, description=_l("Who lends the place: a bank, a shop, an office."))
    build_mode = SelectField(_l("Built by"), choices=[NOT_STATED, *BuildMode.choices()])
    tier = SelectField(_l("Tier"), choices=StationTier.choices())
    grade = SelectField(_l("Grade"), choices=StationGrade.choices())
    stars = IntegerField(_l("Stars"), [Optional()])
    area_m2 = NumberField(_l("Area in square metres"), [Optional()], places=None)
    capacity = IntegerField(_l("Seats"), [Optional()])
    opened_on = DateField(_l("Opened on"), [Optional()])
    lng = NumberField(_l("Longitude"), [Optional()], places=None)
    lat = NumberField(_l("Latitude"), [Optional()], places=None)
    crs = SelectField(
        _l("Coordinate system"),
        choices=[NOT_STATED, *CoordinateSystem.choices()],
        description=_l("A point from AMap or Tencent is GCJ-02, one from Baidu BD-09, one from a GPS device WGS-84."),
    )
    source = TextField(_l("Source of these data"), max_length=200)

    def offer(self, counties: dict[str, list[tuple[str, str]]], towns: list[tuple[str, str]]) -> None:
        """Fill the fields whose choices stand in the database."""
        grouped = ((code, name, city) for city, places in counties.items() for code, name in places)
        self.county_code.choices = [
            SelectChoice(*NOT_STATED), *(SelectChoice(code, name, optgroup=city) for code, name, city in grouped)
        ]  # fmt: skip
        self.town_code.choices = [NOT_STATED, *towns]

    def values(self, union: Union | None) -> StationValues | None:
        """What was typed, once hours are understood and ``union`` was found; otherwise None, with the errors said."""
        parsed = parse_hours(self.hours.data)
        if not self.take([*problems_with_union(self.union_code.data, union), *parsed.problems]):
            return None
        return StationValues(
            kind=StationKind(self.kind.data),
            tier=StationTier(self.tier.data),
            grade=StationGrade(self.grade.data),
            build_mode=BuildMode(self.build_mode.data) if self.build_mode.data else None,
            crs=CoordinateSystem(self.crs.data) if self.crs.data else None,
            town_code=self.town_code.data or None,
            phone=rules.normal_station_phone(self.phone.data),
            hours=parsed.hours,
            facilities=self.facilities.chosen(),
            services=self.services.chosen(),
            **{name: self[name].data for name in _PLAIN},
        )

    @staticmethod
    def known(station: Station, union_code: str) -> dict[str, Any]:
        """What stands in the fields before anything was typed."""
        values = rules.values_of(station)
        words = ("kind", "tier", "grade", "build_mode", "crs")
        return (
            {name: getattr(values, name) for name in (*_PLAIN, "phone")}
            | {name: getattr(values, name).value if getattr(values, name) else "" for name in words}
            | {
                "union_code": union_code,
                "town_code": values.town_code or "",
                "hours": hours_as_text(values.hours),
                "facilities": [word.value for word in values.facilities],
                "services": [word.value for word in values.services],
            }
        )


_PLAIN = (
    "name",
    "county_code",
    "address",
    "host_name",
    "stars",
    "area_m2",
    "capacity",
    "opened_on",
    "lng",
    "lat",
    "source",
)


class NewStationForm(StationForm):
    """A station that is not in the register yet."""

    status = SelectField(_l("Status"), choices=[(word.value, word) for word in NEW_STATUSES])


class StatusForm(Form):
    """What a station's status becomes."""

    status = SelectField(_l("New status"), choices=StationStatus.choices())

    def offer(self, now: StationStatus) -> None:
        """Only what the present status may become."""
        self.status.choices = [(word.value, word) for word in NEXT_STATUSES[now]]


def problems_with_union(typed: str | None, found: Union | None) -> list[Problem]:
    """A union that was typed must lie in the part of the tree where one may keep stations."""
    if found or not typed:
        return []
    says = text(N_("%(word)s is no union in your part of the tree."), word=typed)
    return [Problem("union_unknown", says, field="union_code")]


def read_filters(args: Mapping[str, str]) -> dict[str, Any]:
    """What the staff's list is narrowed to by its query string; a word that is none is no filter."""
    status = args.get("status")
    return {"q": tidy(args.get("q")), "status": StationStatus(status) if status in set(StationStatus) else None}
