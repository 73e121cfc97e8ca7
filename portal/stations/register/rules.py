"""What is decided about stations from values alone: how far, open or not, what an entry in the register must hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from portal.stations.hours import rules as hours_rules
from portal.stations.hours.rules import Hours, Opening, OpeningState, Stretch
from portal.stations.register.models import (
    NEXT_STATUSES,
    SERVING_STATUSES,
    BuildMode,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.wording.rules import problems_with_hours
from portal.types import N_, Problem, text, tidy
from portal.vocabulary import BasicService


def opening(hours: Sequence[Hours], status: StationStatus, at: datetime) -> Opening:
    """How a station stands at a moment: its hours say so while it serves, otherwise its status."""
    if status not in SERVING_STATUSES:
        return Opening(OpeningState.OUT_OF_SERVICE, text(status.label))
    return hours_rules.opening(hours, at)


# --- the entry ----------------------------------------------------------------------------------------------


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
    lng: Decimal | None = None
    lat: Decimal | None = None
    crs: CoordinateSystem | None = None
    phone: str | None = None
    area_m2: Decimal | None = None
    capacity: int | None = None
    opened_on: date | None = None
    source: str | None = None
    hours: tuple[Stretch, ...] = ()
    facilities: tuple[Facility, ...] = ()
    services: tuple[BasicService, ...] = ()

    def __post_init__(self) -> None:
        # As the columns hold them: what is written must compare equal to what is read back.
        for name, places in (("lng", 6), ("lat", 6), ("area_m2", 1)):
            value = getattr(self, name)
            if value is not None and abs(value) < 10**9:
                object.__setattr__(self, name, round(Decimal(value), places))
        if self.lng is None and self.lat is None:
            object.__setattr__(self, "crs", None)  # the system of no point is nothing


def values_of(station: Station) -> StationValues:
    """What is on record of a station, as values to compare, to show in a form, or to change in part."""
    plain = {one.name: getattr(station, one.name) for one in fields(StationValues) if one.name not in _LISTS}
    return StationValues(
        **plain,
        hours=tuple(sorted(Stretch(row.weekday, row.opens, row.closes) for row in station.hours)),
        facilities=tuple(row.facility for row in station.facilities),
        services=tuple(station.offered),
    )


_LISTS = frozenset({"hours", "facilities", "services"})
CODE = re.compile(r"^\d{6}-\d{4,6}$")
PHONE = re.compile(r"1\d{10}|(0\d{2,3}-?)?[2-9]\d{6,7}(-\d{1,6})?|[48]00-?\d{3}-?\d{4}|[19]\d{4,5}")
LENGTHS = {"name": 60, "address": 120, "host_name": 60, "phone": 20, "source": 200}


def normal_station_phone(value: str | None) -> str | None:
    """A phone as one dials it: 0371-65506000-8001; blanks, brackets and +86 fall away."""
    plain = re.sub(r"^(\+86|0086)-?", "", re.sub(r"[\s()]", "", tidy(value) or ""))
    return re.sub(r"[—–转]+", "-", plain) or None


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
    if values.phone and not PHONE.fullmatch(values.phone):
        says = text(N_("“%(phone)s” is not a phone number that can be dialled."), phone=values.phone)
        problems.append(Problem("phone_wrong", says, field="phone"))
    if values.stars is not None and not 1 <= values.stars <= 5:
        problems.append(Problem("stars_wrong", text(N_("Stars go from 1 to 5.")), field="stars"))
    for name, most in (("area_m2", 1_000_000), ("capacity", 100_000)):
        amount = getattr(values, name)
        if amount is not None and not 0 < amount <= most:
            says = text(N_("This must be more than 0 and not beyond %(most)s."), most=most)
            problems.append(Problem(f"{name}_wrong", says, field=name))
    return problems + problems_with_point(values) + problems_with_hours(values.hours)


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
