"""What is decided about stations from values alone: how far, open or not, what an entry in the register must hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal

from portal.stations.hours import rules as hours_rules
from portal.stations.hours.rules import Calendar, HolidayRule, Opening, OpeningState, Stretch
from portal.stations.register.models import (
    NEXT_STATUSES,
    SERVING_STATUSES,
    BuildMode,
    Carriageway,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.wording.rules import problems_with_hours
from portal.types import N_, Problem, Text, text, tidy
from portal.vocabulary import BasicService


def calendar_of(station: Station) -> Calendar:
    """What changes a station's weekly hours on single days."""
    return Calendar(station.holiday_rule, tuple(station.exceptions))


def opening(station: Station, at: datetime) -> Opening:
    """How a station stands at a moment: its hours say so while it serves, otherwise its status."""
    if station.status not in SERVING_STATUSES:
        return Opening(OpeningState.OUT_OF_SERVICE, text(station.status.label))
    return hours_rules.opening(station.hours, at, calendar_of(station))


def facility_opening(station: Station, facility: Facility, at: datetime) -> Opening:
    """How a facility of a station stands: only while the station is open, and within hours of its own if it has any."""
    if station.status not in SERVING_STATUSES:
        return opening(station, at)
    own = next((row.hours for row in station.facilities if row.facility is facility), None)
    if own is None:
        return Opening(OpeningState.OUT_OF_SERVICE, text(N_("Not available here")))
    return hours_rules.facility_opening(station.hours, own, at, calendar_of(station))


# --- the entry ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FacilityDetail:
    """What is stated about one facility beyond that it is there: price (0 is free), note, hours of its own."""

    facility: Facility
    price: Decimal | None = None
    note: str | None = None
    hours: tuple[Stretch, ...] = ()

    def __post_init__(self) -> None:
        if self.price is not None and abs(self.price) < 10**6:
            object.__setattr__(self, "price", round(Decimal(self.price), 2))

    @property
    def says_something(self) -> bool:
        """Whether anything is stated."""
        return self.price is not None or bool(self.note or self.hours)


@dataclass(frozen=True)
class StationValues:
    """What a person maintains of a station; the form, the workbook and the commands all speak in these."""

    name: str | None = None
    kind: StationKind | None = StationKind.OUTDOOR_WORKER_STATION
    county_code: str | None = None
    address: str | None = None
    town_code: str | None = None
    tier: StationTier = StationTier.STATION
    grade: StationGrade = StationGrade.BASIC
    stars: int | None = None
    build_mode: BuildMode | None = None
    host_name: str | None = None
    host_contact: str | None = None
    host_phone: str | None = None
    agreement_from: date | None = None
    agreement_until: date | None = None
    lng: Decimal | None = None
    lat: Decimal | None = None
    crs: CoordinateSystem | None = None
    phones: tuple[tuple[str, str | None], ...] = ()  # (number, label), the first is called first
    area_m2: Decimal | None = None
    capacity: int | None = None
    opened_on: date | None = None
    source: str | None = None
    hours: tuple[Stretch, ...] = ()
    holiday_rule: HolidayRule = HolidayRule.AS_USUAL
    entry_method: str | None = None
    facilities: tuple[Facility, ...] = ()
    facility_details: tuple[FacilityDetail, ...] = ()
    services: tuple[BasicService, ...] = ()
    default_service: BasicService | None = None
    road: str | None = None
    carriageway: Carriageway | None = None
    truck_spaces: int | None = None
    max_height_m: Decimal | None = None
    max_weight_t: Decimal | None = None
    access_note: str | None = None

    def __post_init__(self) -> None:
        # As the columns hold them: what is written must compare equal to what is read back.
        for name, places in (("lng", 6), ("lat", 6), ("area_m2", 1), ("max_height_m", 2), ("max_weight_t", 1)):
            value = getattr(self, name)
            if value is not None and abs(value) < 10**9:
                object.__setattr__(self, name, round(Decimal(value), places))
        if self.lng is None and self.lat is None:
            object.__setattr__(self, "crs", None)  # the system of no point is nothing
        details = {one.facility: one for one in self.facility_details if one.says_something}
        kept = (details[one] for one in self.facilities if one in details)  # those of what is no longer there fall away
        object.__setattr__(self, "facility_details", tuple(kept))

    @property
    def phone(self) -> str | None:
        """The number to call first."""
        return self.phones[0][0] if self.phones else None

    def detail(self, facility: Facility) -> FacilityDetail:
        """What is stated about a facility."""
        return next((one for one in self.facility_details if one.facility is facility), FacilityDetail(facility))


def values_of(station: Station) -> StationValues:
    """What is on record of a station, as values to compare, to show in a form, or to change in part."""
    plain = {one.name: getattr(station, one.name) for one in fields(StationValues) if one.name not in _LISTS}
    return StationValues(
        **plain,
        phones=tuple((row.phone, row.label) for row in station.phones),
        hours=tuple(sorted(Stretch(row.weekday, row.opens, row.closes, row.staffed) for row in station.hours)),
        facilities=tuple(row.facility for row in station.facilities),
        facility_details=tuple(
            FacilityDetail(
                row.facility, row.price, row.note, tuple(Stretch(one.weekday, one.opens, one.closes) for one in row.hours)
            )
            for row in station.facilities
        ),
        services=tuple(station.offered),
    )


_LISTS = frozenset({"phones", "hours", "facilities", "facility_details", "services"})
CODE = re.compile(r"^\d{6}-\d{4,6}$")
PHONE = re.compile(r"1\d{10}|(0\d{2,3}-?)?[2-9]\d{6,7}(-\d{1,6})?|[48]00-?\d{3}-?\d{4}|[19]\d{4,5}")
LENGTHS = {
    "name": 60, "address": 120, "host_name": 60, "source": 200, "entry_method": 200,
    "host_contact": 40, "road": 60, "access_note": 200,
}  # fmt: skip
MOST_PHONES = 6
AMOUNTS = {
    "area_m2": 1_000_000,
    "capacity": 100_000,
    "max_height_m": 20,
    "max_weight_t": 200,
}


def normal_station_phone(value: str | None) -> str | None:
    """A phone as one dials it: 0371-65506000-8001; blanks, brackets and +86 fall away."""
    plain = re.sub(r"^(\+86|0086)-?", "", re.sub(r"[\s()]", "", tidy(value) or ""))
    return re.sub(r"[—–转]+", "-", plain) or None


_DIALLED = re.compile(r"\+?\(?\d[\d\s()+—–转-]*\d")


def parse_phones(value: str | None) -> tuple[tuple[str, str | None], ...]:
    """Numbers as they are typed, one a line, each with a word about whose it is: ``0371-65506000 front desk``."""
    found = []
    for line in filter(None, (one.strip() for one in re.split(r"[\n;]", tidy(value) or ""))):
        match = _DIALLED.search(line)
        phone = normal_station_phone(match.group() if match else line)
        rest = line.replace(match.group(), " ") if match else ""
        found.append((phone or line, " ".join(rest.split()).strip(" :,") or None))
    return tuple(found)


def phones_as_text(phones: tuple[tuple[str, str | None], ...]) -> str:
    """Numbers as `parse_phones` reads them again."""
    return "\n".join(f"{phone} {label}" if label else phone for phone, label in phones)


def problems_with_station(values: StationValues) -> list[Problem]:
    """What keeps an entry from the register, in words; the same list serves form and workbook."""
    missing = {
        "name": N_("The station needs a name."),
        "kind": N_("The station needs a kind."),
        "county_code": N_("The station needs a county."),
        "address": N_("The station needs an address."),
    }
    problems = [
        Problem(f"{name}_missing", text(says), field=name) for name, says in missing.items() if getattr(values, name) is None
    ]
    for name, most in LENGTHS.items():
        if len(getattr(values, name) or "") > most:
            says = text(N_("This is longer than %(most)s characters."), most=most)
            problems.append(Problem(f"{name}_too_long", says, field=name))
    if values.stars is not None and not 1 <= values.stars <= 5:
        problems.append(Problem("stars_wrong", text(N_("Stars go from 1 to 5.")), field="stars"))
    for name, most in AMOUNTS.items():
        amount = getattr(values, name)
        if amount is not None and not 0 < amount <= most:
            says = text(N_("This must be more than 0 and not beyond %(most)s."), most=most)
            problems.append(Problem(f"{name}_wrong", says, field=name))
    if values.truck_spaces is not None and not 0 <= values.truck_spaces <= 10_000:
        says = text(N_("This must be between 0 and %(most)s."), most=10_000)
        problems.append(Problem("truck_spaces_wrong", says, field="truck_spaces"))
    for check in (problems_with_phones, problems_with_partner, problems_with_services, problems_with_facilities):
        problems += check(values)
    return problems + problems_with_point(values) + problems_with_hours(values.hours)


def problems_with_phones(values: StationValues) -> list[Problem]:
    """Each number can be dialled, none stands there twice."""
    problems, seen = [], set()
    for phone, label in values.phones:
        if not PHONE.fullmatch(phone):
            says = text(N_("“%(phone)s” is not a phone number that can be dialled."), phone=phone)
            problems.append(Problem("phone_wrong", says, field="phones"))
        elif phone in seen:
            says = text(N_("The number %(phone)s stands there twice."), phone=phone)
            problems.append(Problem("phone_twice", says, field="phones"))
        if len(label or "") > 20:
            says = text(N_("This is longer than %(most)s characters."), most=20)
            problems.append(Problem("phone_label_too_long", says, field="phones"))
        seen.add(phone)
    if len(values.phones) > MOST_PHONES:
        says = text(N_("At most %(most)s numbers."), most=MOST_PHONES)
        problems.append(Problem("too_many_phones", says, field="phones"))
    return problems


def problems_with_partner(values: StationValues) -> list[Problem]:
    """The agreement with whoever lends the place."""
    problems = []
    if values.host_phone and not PHONE.fullmatch(values.host_phone):
        says = text(N_("This is not a phone number that can be dialled."))
        problems.append(Problem("host_phone_wrong", says, field="host_phone"))
    if values.agreement_from and values.agreement_until and values.agreement_until < values.agreement_from:
        says = text(N_("The agreement ends before it begins."))
        problems.append(Problem("agreement_order", says, field="agreement_until"))
    return problems


def problems_with_services(values: StationValues) -> list[Problem]:
    """The desk's first service is one of those that the counter offers."""
    if values.default_service is None or values.default_service in values.services:
        return []
    says = text(N_("“%(service)s” is not among the services of this station."), service=values.default_service)
    return [Problem("default_service_elsewhere", says, field="default_service")]


def problems_with_facilities(values: StationValues) -> list[Problem]:
    """Prices are no less than nothing; hours of a facility are whole."""
    problems = []
    for one in values.facility_details:
        if one.price is not None and not 0 <= one.price < 100_000:
            says = text(N_("%(facility)s: a price is 0 (free) or more."), facility=one.facility)
            problems.append(Problem("price_wrong", says, field=f"{one.facility.value}_price"))
        if len(one.note or "") > 100:
            says = text(N_("This is longer than %(most)s characters."), most=100)
            problems.append(Problem("facility_note_too_long", says, field=f"{one.facility.value}_note"))
        problems += [replace(found, field=f"{one.facility.value}_hours") for found in problems_with_hours(one.hours)]
    return problems


def problems_with_point(values: StationValues) -> list[Problem]:
    """Longitude, latitude and their system belong together; a point outside China is a slip."""
    lng, lat = values.lng, values.lat
    if (lng is None) != (lat is None):
        says = text(N_("Longitude and latitude belong together."))
        return [Problem("point_half", says, field="lat" if lat is None else "lng")]
    if lng is None:
        return []
    if values.crs is None:
        says = text(N_("Say in which system the coordinates are: GCJ-02, WGS-84 or BD-09."))
        return [Problem("crs_missing", says, field="crs")]
    if 73 <= lng <= 136 and 3 <= lat <= 54:
        return []
    if 73 <= lat <= 136 and 3 <= lng <= 54:
        return [Problem("point_swapped", text(N_("Longitude and latitude look swapped.")), field="lng")]
    return [Problem("point_outside", text(N_("This point is not in China.")), field="lng")]


def problems_with_code(code: str, county_code: str | None, *, taken: bool) -> list[Problem]:
    """Whether a station can come into the register under a code it already has."""
    if taken:
        says = text(N_("The code %(code)s belongs to another station."), code=code)
        return [Problem("code_taken", says, field="code")]
    if not CODE.fullmatch(code) or not code.startswith(f"{county_code}-"):
        says = N_("The code %(code)s is not known here. Leave it empty and the station gets one.")
        return [Problem("code_form", text(says, code=code), field="code")]
    return []


def twin(code: str) -> Problem:
    """There is one station of a name at an address."""
    says = text(N_("A station of this name at this address is in the register: %(code)s."), code=code)
    return Problem("twin", says, field="name")


def problems_with_status(now: StationStatus, new: StationStatus) -> list[Problem]:
    """Whether a station may go from one status to another."""
    if new in NEXT_STATUSES[now]:
        return []
    says = text(N_("A station that is “%(now)s” cannot become “%(new)s”."), now=now, new=new)
    return [Problem("status_wrong", says, field="status")]


# --- drivers' homes -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Basic:
    """One of the five things that a drivers' home gives free of charge, and what shows that it is there."""

    says: str
    facilities: tuple[Facility, ...]
    services: tuple[BasicService, ...]


FREE_BASICS = (
    Basic(N_("Parking and rest"), (Facility.TRUCK_PARKING,), (BasicService.TRUCK_PARKING,)),
    Basic(N_("Hot water supply"), (Facility.HOT_WATER, Facility.DRINKING_WATER), (BasicService.DRINKING_WATER,)),
    Basic(N_("Heating meals"), (Facility.MICROWAVE,), (BasicService.HOT_MEAL,)),
    Basic(N_("Showering"), (Facility.SHOWER,), (BasicService.SHOWER,)),
    Basic(N_("Washing clothes"), (Facility.LAUNDRY,), (BasicService.LAUNDRY,)),
)


def free_basics(values: StationValues) -> list[tuple[Text, bool]]:
    """Each of the five free basics, and whether it is met: there, and not for money."""
    found = []
    for basic in FREE_BASICS:
        there = [one for one in basic.facilities if one in values.facilities]
        free = [one for one in there if not values.detail(one).price]
        offered = any(one in values.services for one in basic.services)
        found.append((text(basic.says), bool(free) or (offered and not there)))
    return found
