"""The demonstration's stations: real counties and towns, invented doors. Every one is marked 演示数据."""

from __future__ import annotations

import csv
import math
import random
import re
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import cycle
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.config import PACKAGE
from portal.db import db
from portal.demonstration import register
from portal.demonstration.hosts import (
    ALWAYS,
    BASIC,
    EXPRESS,
    EXTRA,
    FREIGHT,
    HOSTS,
    INDOOR,
    SERVICE_VAN,
    TRUCKERS,
    Host,
)
from portal.stations.register import commands, queries
from portal.stations.register.commands import Entry
from portal.stations.register.models import (
    SERVING_STATUSES,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.register.rules import StationValues
from portal.unions.tree.models import Union
from portal.vocabulary import BasicService

F, K, S = Facility, StationKind, BasicService
SOURCE = "演示数据"
HOME_COUNTY, HOME_CITY = "410105", "4101"
SHUT_FOR = timedelta(days=12)  # those that do not serve now did so until shortly before the demonstration began

# What a facility lets people do; rest is possible wherever there is a roof.
SERVES = {
    F.DRINKING_WATER: S.DRINKING_WATER,
    F.MICROWAVE: S.HOT_MEAL,
    F.AIR_CONDITIONING: S.COOLING,
    F.HEATING: S.WARMING,
    F.PHONE_CHARGING: S.PHONE_CHARGING,
    F.EBIKE_CHARGING: S.EBIKE_CHARGING,
    F.BATTERY_SWAP: S.BATTERY_SWAP,
    F.TOILET: S.TOILET,
    F.SHOWER: S.SHOWER,
    F.LAUNDRY: S.LAUNDRY,
    F.TRUCK_PARKING: S.TRUCK_PARKING,
    F.FIRST_AID_KIT: S.FIRST_AID,
    F.TOOL_BOX: S.REPAIR_TOOLS,
    F.UMBRELLA: S.RAIN_GEAR,
    F.BOOKS: S.READING,
    F.WIFI: S.WIFI,
    F.LEGAL_CORNER: S.LEGAL_ADVICE,
    F.PSYCH_CORNER: S.COUNSELLING,
}


SUFFIX = {
    K.UNION_STATION: "工会驿站",
    K.OUTDOOR_WORKER_STATION: "户外劳动者驿站",
    K.CARE_STATION: "爱心驿站",
    K.DRIVERS_HOME: "司机之家",
    K.COURIERS_HOME: "小哥之家",
    K.SHARED_WORKERS_HOME: "共享职工之家",
    K.WORKPLACE_REST: "工间驿站",
    K.MOBILE: "流动驿站",
}
# How the kinds follow one another: the first station of each county, the second, and the others.
FIRST = (K.UNION_STATION, K.OUTDOOR_WORKER_STATION, K.CARE_STATION)
SECOND = (K.DRIVERS_HOME, K.CARE_STATION, K.COURIERS_HOME, K.DRIVERS_HOME, K.OUTDOOR_WORKER_STATION, K.COURIERS_HOME,
          K.UNION_STATION, K.SHARED_WORKERS_HOME)  # fmt: skip
OTHERS = (K.CARE_STATION, K.COURIERS_HOME, K.OUTDOOR_WORKER_STATION, K.DRIVERS_HOME, K.UNION_STATION,
          K.SHARED_WORKERS_HOME, K.OUTDOOR_WORKER_STATION, K.WORKPLACE_REST, K.CARE_STATION, K.MOBILE)  # fmt: skip
NOT_OPEN = (StationStatus.SUSPENDED, StationStatus.PLANNED, StationStatus.UNDER_REPAIR, StationStatus.TRIAL,
            StationStatus.WITHDRAWN, StationStatus.TRIAL, StationStatus.UNDER_REPAIR)  # fmt: skip


def chance(seed: str) -> random.Random:
    """Chance that falls the same way each time; nothing secret is ever drawn from it."""
    return random.Random(seed)  # noqa: S311 - a fixed seed is the point, nothing secret is drawn


@dataclass
class Place:
    """A planned station and what the days need to know of it; ``id`` is known once it stands in the register."""

    code: str
    county: str
    values: StationValues
    union_code: str
    status: StationStatus
    pull: float  # how many come here, against the others of the county
    id: UUID | None = None
    union_id: UUID | None = None
    operators: list[UUID] = field(default_factory=list)
    shut_from: date | None = None
    open_slots: bytearray = field(default_factory=bytearray)  # ten minutes each, Monday 00:00 first
    excepted: list[register.Excepted] = field(default_factory=list)

    @cached_property
    def key(self) -> str:
        """The id as text."""
        return self.id.hex

    @cached_property
    def union_key(self) -> str:
        """The union's id as text."""
        return self.union_id.hex

    def is_open(self, weekday: int, minute: int) -> bool:
        """Whether the door is open at a minute of a weekday."""
        return bool(self.open_slots[weekday * 144 + minute // 10])


@dataclass(frozen=True)
class County:
    """A county with its point and the towns stations are named after: (code, full name, short name)."""

    code: str
    name: str
    city: str
    lng: float
    lat: float
    towns: list[tuple[str, str, str]]


def _rows(name: str) -> list[dict[str, str]]:
    with (PACKAGE / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counties() -> list[County]:
    """The statutory counties that have a point, those of the demo's own county and city first."""
    rows = _rows("henan_divisions.csv")
    by_code = {row["code"]: row for row in rows}
    towns: dict[str, list[tuple[str, str, str]]] = {}
    for row in rows:
        if row["level"] != "town" or not row["name"].endswith(("街道", "镇", "乡")):
            continue
        above = [by_code[row["parent_code"]]["name"], by_code[row["parent_code"][:4]]["name"]]
        full = row["name"]
        for name in above:
            full = full.removeprefix(name)
        short = re.sub(r"(回族)?(街道|镇|乡)$", "", full)
        if len(short) >= 2 and not short.startswith("开发区"):
            towns.setdefault(row["parent_code"], []).append((row["code"], full, short))
    found = []
    for row in _rows("henan_county_points.csv"):
        parent = by_code[by_code[row["code"]]["parent_code"]]
        city = parent["name"] if parent["statutory"] == "1" else ""
        found.append(County(row["code"], row["name"], city, float(row["lng"]), float(row["lat"]), towns[row["code"]]))
    return sorted(found, key=lambda one: (one.code != HOME_COUNTY, not one.code.startswith(HOME_CITY), one.code))


def how_many(total: int, all_counties: list[County]) -> dict[str, int]:
    """Stations for each county: more for the demo's own county and city, two for each other, the rest for districts."""
    own = min(18, max(8, total // 25))
    counts = {HOME_COUNTY: own}
    left = total - own
    city = [one.code for one in all_counties if one.code.startswith(HOME_CITY) and one.code != HOME_COUNTY]
    others = [one.code for one in all_counties if not one.code.startswith(HOME_CITY)]
    in_city = min(6, max(1, left // 66))
    for code in city:
        counts[code] = min(in_city, left)
        left -= counts[code]
    for code in others:
        counts[code] = min(2, left)
        left -= counts[code]
    urban = [one.code for one in all_counties if one.name.endswith("区") and not one.code.startswith(HOME_CITY)]
    while left > 0 and urban:
        for code in urban[:left]:
            counts[code] += 1
            left -= 1
    return {code: count for code, count in counts.items() if count}


def plan(total: int, seed: str, begun_on: date) -> list[Place]:
    """The stations of the demonstration, always the same for the same seed and number."""
    rng = chance(f"{seed}:places")
    every = counties()
    wanted = how_many(total, every)
    places: list[Place] = []
    for number, county in enumerate(one for one in every if one.code in wanted):
        # Towns without replacement; a county with more stations than towns goes round again.
        towns = rng.sample(county.towns, len(county.towns))
        for place in range(wanted[county.code]):
            town = towns[place % len(towns)]
            places.append(_place(rng, county, town, number, place, begun_on))
    _show_pieces(places, every)
    _close_some(places)
    more = chance(f"{seed}:register")
    for place in places:
        place.values = register.enrich(more, place.values, begun_on)
        place.excepted = register.differing_days(more, begun_on)
        _lay_out(place)
    return places


def _kind(number: int, place: int) -> StationKind:
    if place < 2:
        return FIRST[number % len(FIRST)] if place == 0 else SECOND[number % len(SECOND)]
    return OTHERS[(number + place) % len(OTHERS)]


def _host(rng: random.Random, kind: StationKind) -> Host:
    if kind is K.DRIVERS_HOME:
        return rng.choice(FREIGHT)
    return {K.COURIERS_HOME: EXPRESS, K.MOBILE: SERVICE_VAN}.get(kind) or rng.choice(HOSTS)


def _place(rng: random.Random, county: County, town: tuple[str, str, str], number: int, place: int, begun_on: date) -> Place:
    kind = _kind(number, place)
    host = _host(rng, kind)
    code, full, short = town
    word = "" if kind in (K.COURIERS_HOME, K.SHARED_WORKERS_HOME) or host.word == "工会" else host.word
    hours = rng.choice(host.hours)
    grade = StationGrade.BASIC
    if place == 0 and rng.random() < 0.35:
        grade = StationGrade.BENCHMARK
    elif hours == ALWAYS and kind is not K.DRIVERS_HOME:
        grade = StationGrade.SMART_24H
    facilities = _facilities(rng, kind, grade)
    lng, lat = _near(rng, county, urban=county.name.endswith("区"))
    values = StationValues(
        name=f"{short}{word}{SUFFIX[kind]}",
        kind=kind,
        county_code=county.code,
        address=f"{full}{rng.choice(host.spots)}",
        town_code=code,
        tier=StationTier.POINT if full.endswith("乡") or kind is K.MOBILE else StationTier.STATION,
        grade=grade,
        stars=rng.choice((None, 3, 3, 4, 4, 5)) if grade is StationGrade.BASIC else rng.choice((4, 5)),
        build_mode=host.mode,
        host_name=host.full.format(town=short, county=county.name),
        lng=lng,
        lat=lat,
        crs=CoordinateSystem.WGS84,
        phones=(("12351", None),) if rng.random() < 0.6 else (),
        area_m2=Decimal(rng.choice((10, 12, 15, 18, 20, 26, 35))) * (4 if kind is K.DRIVERS_HOME else 1),
        capacity=rng.choice((6, 8, 10, 12, 16)) * (3 if kind is K.DRIVERS_HOME else 1),
        opened_on=begun_on - timedelta(days=rng.randrange(120, 2400)),
        source=SOURCE,
        hours=hours,
        facilities=facilities,
        services=_services(facilities, kind),
    )
    union = f"{county.code}-X" if kind in (K.DRIVERS_HOME, K.COURIERS_HOME) else county.code
    if values.tier is StationTier.POINT and kind is not K.MOBILE:
        union = code
    pull = rng.uniform(0.7, 1.6) * (2.2 if place == 0 else 1) * (1.4 if grade is not StationGrade.BASIC else 1)
    return Place(f"{county.code}-{place + 1:04}", county.code, values, union, StationStatus.OPEN, pull)


def _facilities(rng: random.Random, kind: StationKind, grade: StationGrade) -> tuple[Facility, ...]:
    if kind is K.DRIVERS_HOME:
        return (*TRUCKERS, *rng.sample((F.VEHICLE_REPAIR, F.TV, F.AED, F.LOCKER), 2))
    if kind is K.MOBILE:
        return (*BASIC, F.UMBRELLA)
    chosen = [*INDOOR, *rng.sample(EXTRA, rng.randint(2, 4) if grade is StationGrade.BASIC else 8)]
    if kind is K.COURIERS_HOME:
        chosen += [item for item in (F.EBIKE_CHARGING, F.BATTERY_SWAP, F.TYRE_PUMP) if item not in chosen]
    if grade is StationGrade.BENCHMARK:
        chosen += [F.LEGAL_CORNER, F.PSYCH_CORNER]
    return tuple(chosen)


def _services(facilities: tuple[Facility, ...], kind: StationKind) -> tuple[BasicService, ...]:
    offered = {SERVES[item] for item in facilities if item in SERVES}
    if kind is not K.MOBILE:
        offered.add(S.REST)
    return tuple(service for service in BasicService if service in offered)


def _near(rng: random.Random, county: County, *, urban: bool) -> tuple[Decimal, Decimal]:
    """A point from a few hundred metres to a few kilometres from the county's own."""
    metres, angle = rng.uniform(300, 3500 if urban else 6000), rng.uniform(0, math.tau)
    lat = county.lat + metres * math.sin(angle) / 111_200
    lng = county.lng + metres * math.cos(angle) / (111_200 * math.cos(math.radians(county.lat)))
    return Decimal(f"{lng:.6f}"), Decimal(f"{lat:.6f}")


def _show_pieces(places: list[Place], every: list[County]) -> None:
    """The two doors the demonstration opens first: one for everybody around the clock, one for drivers."""
    towns = {short: (code, full) for code, full, short in every[0].towns}
    street, full = towns["花园路"]
    places[0].values = _changed(
        places[0].values,
        name="花园路邮政驿站",
        kind=K.UNION_STATION,
        tier=StationTier.STATION,
        grade=StationGrade.SMART_24H,
        stars=5,
        town_code=street,
        address=f"{full}邮政营业厅一楼",
        host_name="花园路邮政营业厅",
        lng=Decimal("113.678600"),
        lat=Decimal("34.790500"),
        hours=ALWAYS,
        facilities=(*INDOOR, *EXTRA[:6], F.EBIKE_CHARGING, F.SOS_BUTTON),
    )
    places[0].pull = 9.0
    drivers = next(one for one in places if one.county == HOME_COUNTY and one.values.kind is K.DRIVERS_HOME)
    drivers.values = _changed(drivers.values, name="北三环司机之家", address="北三环物流园司机服务区", host_name="北三环物流园")
    drivers.pull = 4.0


def _close_some(places: list[Place]) -> None:
    """A few that are suspended, under repair, planned, on trial or withdrawn; never a county's first one."""
    others = [place for place in places[6:] if not place.code.endswith("-0001")]
    for place, status in zip(others[3 :: max(3, len(others) // 12)], cycle(NOT_OPEN), strict=False):
        place.status = status
        if status is StationStatus.PLANNED:
            place.values = _changed(place.values, opened_on=None, stars=None)


def _changed(values: StationValues, **changes) -> StationValues:
    changed = replace(values, **changes)
    return replace(changed, services=_services(changed.facilities, changed.kind))


def _lay_out(place: Place) -> None:
    place.open_slots = bytearray(7 * 144)
    for one in place.values.hours:
        begins = one.weekday * 144 + one.opens // 10
        for slot in range(begins, begins + (one.closes - one.opens) // 10):
            place.open_slots[slot % len(place.open_slots)] = 1


def write(places: list[Place], opened_on: date) -> None:
    """Put the planned stations into the register, as of a day before anybody comes. Flushes."""
    unions = dict(db.session.execute(sa.select(Union.code, Union.id)).all())
    with clock.stopped_at(clock.start_of(opened_on) + timedelta(hours=9)):
        queries.lock_counties(place.county for place in places)
        commands.add_stations(
            entries=[Entry(one.values, unions[one.union_code], one.status, one.code, is_demo=True) for one in places],
            by=SYSTEM,
        )
        register.write([(one.code, one.values, one.excepted) for one in places], chance("register, written"))


def find_again(places: list[Place], begun_on: date) -> None:
    """The planned stations as the register has them now; who does not serve has been shut since shortly before."""
    rows = db.session.execute(sa.select(Station.code, Station.id, Station.union_id, Station.status).where(Station.is_demo))
    known = {row.code: row for row in rows}
    for place in places:
        row = known.get(place.code)
        place.shut_from = begun_on - SHUT_FOR if row is None or row.status not in SERVING_STATUSES else None
        if row:
            place.id, place.union_id = row.id, row.union_id
