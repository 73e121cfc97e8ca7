"""Builders of stations. Each commits, so that other connections see it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from portal import clock
from portal.db import db
from portal.stations.register.models import (
    CoordinateSystem,
    Facility,
    OpeningHours,
    Station,
    StationFacility,
    StationKind,
    StationPhone,
    StationStatus,
)
from portal.unions.tree.models import Division, Union
from portal.vocabulary import BasicService
from tests.factories.unions import make_division

SERVICES = (
    BasicService.REST,
    BasicService.DRINKING_WATER,
    BasicService.HOT_MEAL,
    BasicService.PHONE_CHARGING,
)
FACILITIES = (Facility.DRINKING_WATER, Facility.MICROWAVE, Facility.PHONE_CHARGING, Facility.TOILET)
ALWAYS = tuple((weekday, 0, 1440) for weekday in range(7))

_number = count(1)
Hours = tuple[int, int, int]


def weekly(*stretches: tuple[int, int], days: Iterable[int] = range(7)) -> tuple[Hours, ...]:
    """The same stretches each day, in minutes: ``weekly((480, 1320))`` is 08:00–22:00."""
    return tuple((day, opens, closes) for day in days for opens, closes in stretches)


def make_county(code: str = "410105", name: str = "金水区") -> Division:
    """A county with the city and the province it lies in; what is already there is left as it is."""
    make_division(code[:2], "河南省", None, "province")
    make_division(code[:4], "郑州市", code[:2], "city")
    return make_division(code, name, code[:4])


def make_station(
    *,
    union: Union,
    hours: Iterable[Hours] = ALWAYS,
    facilities: Iterable[Facility] = FACILITIES,
    services: Iterable[BasicService] = SERVICES,
    point: tuple[float, float] | None = (34.80, 113.67),
    **changes: Any,
) -> Station:
    """A station of a union, open around the clock unless told; ``point`` is (lat, lng)."""
    number = next(_number)
    county_code = changes.pop("county_code", None) or _county_of(union)
    if db.session.get(Division, county_code) is None:
        make_county(county_code)
    values: dict[str, Any] = {
        "code": f"{county_code}-{9000 + number:04}",
        "name": f"花园路{number}号驿站",
        "kind": StationKind.UNION_STATION,
        "status": StationStatus.OPEN,
        "address": f"花园路{number}号",
        "created_at": clock.now(),
        "county_code": county_code,
        "union_id": union.id,
        "services": [service.value for service in services],
    }
    if point:
        values |= {"lat": point[0], "lng": point[1], "crs": CoordinateSystem.WGS84}
    if changes.get("status") is StationStatus.WITHDRAWN:
        values["closed_at"] = clock.now()
    phone = changes.pop("phone", None)
    station = Station(**(values | changes))
    station.phones = [StationPhone(phone=phone)] if phone else []
    station.hours = [OpeningHours(weekday=day, opens=opens, closes=closes) for day, opens, closes in hours]
    station.facilities = [StationFacility(facility=item, position=n) for n, item in enumerate(facilities)]
    db.session.add(station)
    db.session.commit()
    return station


def _county_of(union: Union) -> str:
    code = union.division_code or ""
    division = db.session.get(Division, code) if code else None
    return code if division is not None and division.level == "county" else "410105"
