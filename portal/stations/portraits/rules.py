"""The portrait of a station in words: when stars may be given, and how an entry of its history reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from portal.stations.hours.rules import HolidayRule
from portal.stations.register.models import (
    BuildMode,
    Carriageway,
    CoordinateSystem,
    Facility,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.types import N_, Problem, Word, text
from portal.vocabulary import BasicService


def problems_with_stars(stars: int | None, rated_on: date | None, today: date) -> list[Problem]:
    """Stars are given on a day that has come."""
    problems = []
    if stars is not None and not 1 <= stars <= 5:
        problems.append(Problem("stars_wrong", text(N_("Stars go from 1 to 5.")), field="stars"))
    if rated_on is None or rated_on > today:
        problems.append(Problem("rated_in_future", text(N_("This day has not come yet.")), field="rated_on"))
    return problems


# --- the history in words -----------------------------------------------------------------------------------

FIELDS = {
    "name": N_("Name"),
    "kind": N_("Kind"),
    "code": N_("Code"),
    "tier": N_("Tier"),
    "grade": N_("Grade"),
    "stars": N_("Stars"),
    "status": N_("Status"),
    "build_mode": N_("Built by"),
    "union_id": N_("Union"),
    "host_name": N_("Host"),
    "host_contact": N_("Contact person"),
    "host_phone": N_("Contact's phone"),
    "agreement_from": N_("Agreement from"),
    "agreement_until": N_("Agreement until"),
    "county_code": N_("County"),
    "town_code": N_("Town or street"),
    "address": N_("Address"),
    "lng": N_("Longitude"),
    "lat": N_("Latitude"),
    "crs": N_("Coordinate system"),
    "phones": N_("Telephones"),
    "area_m2": N_("Area in square metres"),
    "capacity": N_("Seats"),
    "opened_on": N_("Opened on"),
    "source": N_("Source of these data"),
    "hours": N_("Opening hours"),
    "self_entry_hours": N_("Hours in which one lets oneself in"),
    "holiday_rule": N_("Public holidays"),
    "entry_method": N_("How one gets in"),
    "services": N_("Services"),
    "default_service": N_("First service at the desk"),
    "facilities": N_("Facilities"),
    "road": N_("Road"),
    "carriageway": N_("Carriageway"),
    "truck_spaces": N_("Truck spaces"),
    "max_height_m": N_("Height limit in metres"),
    "max_weight_t": N_("Weight limit in tonnes"),
    "access_note": N_("Way in for trucks"),
    "rated_on": N_("Decided on"),
    "basis": N_("On what basis"),
    "first_on": N_("From"),
    "last_on": N_("Until"),
    "note": N_("Note"),
    "caption": N_("Caption"),
    "photos": N_("Photos"),
}
_KINDS: dict[str, type[Word]] = {
    "kind": StationKind,
    "tier": StationTier,
    "grade": StationGrade,
    "status": StationStatus,
    "build_mode": BuildMode,
    "crs": CoordinateSystem,
    "holiday_rule": HolidayRule,
    "default_service": BasicService,
    "carriageway": Carriageway,
    "services": BasicService,
    "facilities": Facility,
}


def changes_in_words(details: Mapping[str, Any]) -> list[tuple[Any, tuple[Any, ...]]]:
    """(field, (value,)) or (field, (from, to)) of an audit entry of a station; fields and words to be said."""
    found, order = [], list(FIELDS)
    both = dict(details) | dict(details.get("changes") or {})
    # The database keeps the keys of an entry by their length; a person reads them as the form asks for them.
    for name, value in sorted(both.items(), key=lambda item: order.index(item[0]) if item[0] in FIELDS else len(order)):
        if name == "changes" or value is None:
            continue
        pair = value if isinstance(value, list) and len(value) == 2 else [value]
        label = Facility(name[9:]) if name.startswith("facility_") else text(FIELDS.get(name, name))
        found.append((label, tuple(_in_words(name, one) for one in pair)))
    return found


def _in_words(name: str, value: Any) -> Any:
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, list):
        return [_in_words(name, one) for one in value]
    try:
        return _KINDS[name](value) if name in _KINDS else value
    except ValueError:
        return value
