"""What a person types about a station, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField, DecimalField, IntegerField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional
from wtforms.widgets import CheckboxInput, ListWidget

from portal.forms import Form, Present, SelectField, SelectMultipleField, TextField
from portal.stations.hours.rules import HolidayRule
from portal.stations.register import queries, rules
from portal.stations.register.models import (
    NEXT_STATUSES,
    BuildMode,
    Carriageway,
    CoordinateSystem,
    Facility,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.register.rules import FacilityDetail, StationValues
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


HOURS_HELP = _l("24小时, 08:30-22:00 or 周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00")
FACILITY_HOURS_HELP = _l("Only if they differ from the station's: 09:00-17:00 or 周一至周五 09:00-17:00")


class SectionForm(Form):
    """A part of what is on record of a station: `known` fills it, `values` answers the whole with this part replaced."""

    plain: tuple[str, ...] = ()
    words: tuple[tuple[str, type[Word]], ...] = ()

    @classmethod
    def known(cls, values: StationValues) -> dict[str, Any]:
        """What stands in the fields before anything was typed."""
        words = {name: getattr(values, name) for name, _kind in cls.words}
        return {name: getattr(values, name) for name in cls.plain} | {
            name: word.value if word else "" for name, word in words.items()
        }

    def typed(self) -> dict[str, Any]:
        """The typed values of plain fields and of words."""
        return {name: self[name].data for name in self.plain} | {
            name: kind(self[name].data) if self[name].data else None for name, kind in self.words
        }


class StationForm(SectionForm):
    """What a station is, where it is, how one reaches it, what its counter offers."""

    plain = (
        "name", "county_code", "address", "area_m2", "capacity", "opened_on", "lng", "lat", "source",
        "road", "truck_spaces", "max_height_m", "max_weight_t", "access_note",
    )  # fmt: skip
    words = (
        ("kind", StationKind), ("tier", StationTier), ("grade", StationGrade), ("build_mode", BuildMode),
        ("crs", CoordinateSystem), ("carriageway", Carriageway), ("default_service", BasicService),
    )  # fmt: skip

    name = TextField(_l("Name"), [Present()], max_length=60)
    kind = SelectField(_l("Kind"), choices=StationKind.choices())
    union_code = TextField(_l("Union"), [Present()], max_length=100, description=_l("Its code or its whole name."))
    county_code = SelectField(_l("County"), [Present()])
    town_code = SelectField(_l("Town or street"), description=_l("The towns of the county that is saved."))
    address = TextField(_l("Address"), [Present()], max_length=120)
    phones = TextAreaField(
        _l("Telephones"), filters=[tidy], description=_l("One a line, the one to call first on top: 0371-65506000 front desk")
    )
    services = TicksField(_l("Services"), BasicService, description=_l("What the counter offers, each with one tap."))
    default_service = SelectField(
        _l("First service at the desk"),
        choices=[NOT_STATED, *BasicService.choices()],
        description=_l("What one tap records when nothing else is said."),
    )
    build_mode = SelectField(_l("Built by"), choices=[NOT_STATED, *BuildMode.choices()])
    tier = SelectField(_l("Tier"), choices=StationTier.choices())
    grade = SelectField(_l("Grade"), choices=StationGrade.choices())
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
    road = TextField(_l("Road"), max_length=60, description=_l("For drivers' homes: G30, K512."))
    carriageway = SelectField(_l("Carriageway"), choices=[NOT_STATED, *Carriageway.choices()])
    truck_spaces = IntegerField(_l("Truck spaces"), [Optional()])
    max_height_m = NumberField(_l("Height limit in metres"), [Optional()], places=None)
    max_weight_t = NumberField(_l("Weight limit in tonnes"), [Optional()], places=None)
    access_note = TextField(_l("Way in for trucks"), max_length=200)

    def offer(self, counties: dict[str, list[tuple[str, str]]], towns: list[tuple[str, str]]) -> None:
        """Fill the fields whose choices stand in the database."""
        grouped = ((code, name, city) for city, places in counties.items() for code, name in places)
        self.county_code.choices = [
            NOT_STATED, *(SelectChoice(code, name, optgroup=city) for code, name, city in grouped)
        ]  # fmt: skip
        self.town_code.choices = [NOT_STATED, *towns]

    def values(self, base: StationValues, union: Union | None) -> StationValues | None:
        """What was typed, once ``union`` was found; otherwise None, with the errors said."""
        if not self.take(problems_with_union(self.union_code.data, union)):
            return None
        return replace(
            base,
            **self.typed(),
            town_code=self.town_code.data or None,
            phones=rules.parse_phones(self.phones.data),
            services=self.services.chosen(),
        )

    @classmethod
    def known(cls, values: StationValues) -> dict[str, Any]:
        """What stands in the fields before anything was typed; the union is added by the view."""
        return super().known(values) | {
            "town_code": values.town_code or "",
            "phones": rules.phones_as_text(values.phones),
            "services": [word.value for word in values.services],
        }


class NewStationForm(StationForm):
    """A station that is not in the register yet: the least of its other sections too."""

    hours = TextAreaField(_l("Opening hours"), filters=[tidy], description=HOURS_HELP)
    facilities = TicksField(_l("Facilities"), Facility)
    host_name = TextField(_l("Host"), max_length=60, description=_l("Who lends the place: a bank, a shop, an office."))
    status = SelectField(_l("Status"), choices=[(word.value, word) for word in NEW_STATUSES])

    def values(self, base: StationValues, union: Union | None) -> StationValues | None:
        """What was typed, once hours are understood and ``union`` was found; otherwise None, with the errors said."""
        parsed, typed = parse_hours(self.hours.data), super().values(base, union)
        if not self.take(parsed.problems) or typed is None:
            return None
        return replace(
            typed,
            hours=parsed.hours,
            holiday_rule=parsed.holiday_rule or typed.holiday_rule,
            facilities=self.facilities.chosen(),
            host_name=self.host_name.data,
        )


class HoursForm(SectionForm):
    """When the door is open, when somebody is there, and what public holidays change."""

    plain = ("entry_method",)
    words = (("holiday_rule", HolidayRule),)

    hours = TextAreaField(_l("Hours with somebody there"), filters=[tidy], description=HOURS_HELP)
    self_entry_hours = TextAreaField(
        _l("Hours in which one lets oneself in"), filters=[tidy], description=_l("Written the same way: 22:00-次日08:00")
    )
    entry_method = TextField(
        _l("How one gets in"),
        max_length=200,
        description=_l("The door is open; ring; ask next door. Nobody needs an app."),
    )
    holiday_rule = SelectField(_l("Public holidays"), choices=HolidayRule.choices())

    def values(self, base: StationValues) -> StationValues | None:
        """What was typed, once both kinds of hours are understood."""
        staffed, alone = parse_hours(self.hours.data), parse_hours(self.self_entry_hours.data)
        for field, parsed in ((self.hours, staffed), (self.self_entry_hours, alone)):
            self.take([replace(one, field=field.name) for one in parsed.problems])
        if self.errors:
            return None
        hours = sorted((*staffed.hours, *(replace(one, staffed=False) for one in alone.hours)))
        typed = self.typed()
        if staffed.holiday_rule and typed["holiday_rule"] is HolidayRule.AS_USUAL:
            typed["holiday_rule"] = staffed.holiday_rule  # said in the text: 法定节假日休息
        return replace(base, **typed, hours=tuple(hours))

    @classmethod
    def known(cls, values: StationValues) -> dict[str, Any]:
        """What stands in the fields before anything was typed."""
        said = {
            kind: hours_as_text([replace(one, staffed=True) for one in values.hours if one.staffed is kind])
            for kind in (True, False)
        }
        return super().known(values) | {"hours": said[True], "self_entry_hours": said[False]}


class FacilitiesForm(SectionForm):
    """What stands in the station, and for each: price, hours of its own, a note."""

    facilities = TicksField(_l("Facilities"), Facility)

    def parts(self, facility: Facility) -> tuple[Any, Any, Any]:
        """The fields of one facility: price, hours, note."""
        return tuple(self[f"{facility.value}_{part}"] for part in ("price", "hours", "note"))

    def values(self, base: StationValues) -> StationValues | None:
        """What was typed; of a facility whose fields were not drawn, what is on record stays."""
        details = []
        for facility in self.facilities.chosen():
            price, hours, note = self.parts(facility)
            if not hours.raw_data:
                details.append(base.detail(facility))
                continue
            parsed = parse_hours(hours.data)
            self.take([replace(one, field=hours.name) for one in parsed.problems])
            details.append(FacilityDetail(facility, price.data, note.data, parsed.hours))
        return None if self.errors else replace(base, facilities=self.facilities.chosen(), facility_details=tuple(details))

    @classmethod
    def known(cls, values: StationValues) -> dict[str, Any]:
        """What stands in the fields before anything was typed."""
        found: dict[str, Any] = {"facilities": [word.value for word in values.facilities]}
        for one in values.facility_details:
            part = one.facility.value
            found |= {f"{part}_price": one.price, f"{part}_note": one.note, f"{part}_hours": hours_as_text(one.hours)}
        return found


for _facility in Facility:
    _price = NumberField(_l("Price in yuan"), [Optional()], places=None, description=_l("0 is free; empty is not stated."))
    setattr(FacilitiesForm, f"{_facility.value}_price", _price)
    setattr(
        FacilitiesForm, f"{_facility.value}_hours", TextField(_l("Own hours"), max_length=200, description=FACILITY_HOURS_HELP)
    )
    setattr(FacilitiesForm, f"{_facility.value}_note", TextField(_l("Note"), max_length=100))


class PartnerForm(SectionForm):
    """Whoever lends the place, and for how long."""

    plain = ("host_name", "host_contact", "host_phone", "agreement_from", "agreement_until")

    host_name = TextField(_l("Host"), max_length=60, description=_l("Who lends the place: a bank, a shop, an office."))
    host_contact = TextField(_l("Contact person"), max_length=40, description=_l("Kept encrypted; only keepers see it."))
    host_phone = TextField(_l("Contact's phone"), max_length=20)
    agreement_from = DateField(_l("Agreement from"), [Optional()])
    agreement_until = DateField(
        _l("Agreement until"), [Optional()], description=_l("You are reminded sixty days before this day.")
    )

    def values(self, base: StationValues) -> StationValues:
        """What was typed."""
        return replace(base, **self.typed() | {"host_phone": rules.normal_station_phone(self.host_phone.data)})


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


class ChosenForm(Form):
    """Stations chosen in the list, and what is to happen to them."""

    chosen = SelectMultipleField(_l("Stations"), validate_choice=False)
    status = SelectField(_l("New status"), choices=[("", _l("Choose")), *StationStatus.choices()])

    @property
    def codes(self) -> list[str]:
        """The codes that were chosen, each once."""
        return list(dict.fromkeys(code[:20] for code in self.chosen.data or ()))


def read_filters(args: Mapping[str, str]) -> dict[str, Any]:
    """What the staff's list is narrowed to by its query string; a word that is none is no filter."""

    def word(name: str, kind: type[Word]) -> Word | None:
        value = args.get(name)
        return kind(value) if value in set(kind) else None

    county = args.get("county") or ""
    return {
        "q": tidy(args.get("q")),
        "status": word("status", StationStatus),
        "kind": word("kind", StationKind),
        "grade": word("grade", StationGrade),
        "county": county if county.isdecimal() and len(county) == 6 else None,
        "needs": word("needs", queries.Needs),
    }


def as_query(filters: Mapping[str, Any]) -> dict[str, str]:
    """Filters as they stand in an address."""
    return {name: getattr(value, "value", value) for name, value in filters.items() if value}
