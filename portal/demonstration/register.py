"""What stands in the demonstration's register beyond name and place: prices, agreements, stars, days that differ.

It draws from a chance of its own, so that the people and days planned after it stay as they were. Everything is invented.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from PIL import Image, ImageDraw

from portal import clock, pictures
from portal.access import SYSTEM
from portal.db import db
from portal.stations.hours.rules import ALWAYS, HolidayRule, Stretch
from portal.stations.register.models import (
    Carriageway,
    ExceptionHours,
    Facility,
    OpeningException,
    StarRating,
    Station,
    StationGrade,
    StationKind,
    StationPhoto,
)
from portal.stations.register.rules import FacilityDetail, StationValues
from portal.types import new_id
from portal.vocabulary import BasicService

F = Facility
PRICES = {F.BATTERY_SWAP: "2.50", F.EBIKE_CHARGING: "1.00", F.CANTEEN: "12.00", F.BED: "20.00", F.DRYER: "3.00"}
FREE = (F.DRINKING_WATER, F.HOT_WATER, F.MICROWAVE, F.PHONE_CHARGING, F.SHOWER, F.LAUNDRY, F.TRUCK_PARKING, F.HAIRCUT)
OWN_HOURS = {F.CANTEEN: (390, 1260), F.HAIRCUT: (540, 1020), F.LEGAL_CORNER: (540, 1020), F.PSYCH_CORNER: (870, 1020)}
WORKDAYS_ONLY = (F.LEGAL_CORNER, F.PSYCH_CORNER)
ROADS = ("G107", "G30 连霍高速", "G4 京港澳高速", "G312", "S312", "北三环")
SURNAMES = "王李张刘陈杨赵黄周吴"
BASES = ("全省户外劳动者服务站点星级评定", "市总工会年度复核", "县总工会现场检查")
NOTES = ("墙面粉刷，暂停开放", "线路检修", "消防演练", "社区活动占用场地")


@dataclass(frozen=True)
class Excepted:
    """Days on which a planned station differs; no times: closed."""

    first_on: date
    last_on: date
    note: str
    times: tuple[tuple[int, int], ...] = ()


def enrich(rng: random.Random, values: StationValues, begun_on: date) -> StationValues:
    """A planned station with everything else a register holds."""
    opened = values.opened_on or begun_on - timedelta(days=200)
    office = {one.weekday for one in values.hours} != set(range(7))
    values = replace(
        values,
        phones=_phones(rng, values),
        holiday_rule=rng.choice((HolidayRule.WORKDAYS, HolidayRule.CLOSED_ON_HOLIDAYS)) if office else HolidayRule.AS_USUAL,
        default_service=BasicService.DRINKING_WATER if BasicService.DRINKING_WATER in values.services else None,
        entry_method="刷门口二维码无需下载应用，也可按门铃" if values.grade is StationGrade.SMART_24H else "推门即进",
        facility_details=tuple(_detail(rng, one) for one in values.facilities),
        host_contact=f"{rng.choice(SURNAMES)}经理",
        host_phone=f"0371-6550{rng.randrange(1000, 9999)}",
        agreement_from=opened,
        agreement_until=_agreed_until(rng, begun_on),
    )
    if values.grade is StationGrade.SMART_24H and values.hours == ALWAYS and rng.random() < 0.5:
        nights = [Stretch(day, a, b, staffed) for day in range(7) for a, b, staffed in
                  ((0, 480, False), (480, 1320, True), (1320, 1440, False))]  # fmt: skip
        values = replace(values, hours=tuple(nights))
    return _for_trucks(rng, values) if values.kind is StationKind.DRIVERS_HOME else values


def _phones(rng: random.Random, values: StationValues) -> tuple[tuple[str, str | None], ...]:
    found = [("12351", "工会热线")] if values.phones else []
    if rng.random() < 0.4:
        found.append((f"0371-6550{rng.randrange(1000, 9999)}", "值班"))
    return tuple(found)


def _agreed_until(rng: random.Random, begun_on: date) -> date:
    days = rng.choice((-20, 15, 40)) if rng.random() < 0.06 else rng.randrange(120, 1000)
    return begun_on + timedelta(days=days)


def _detail(rng: random.Random, facility: Facility) -> FacilityDetail:
    price = Decimal(PRICES[facility]) if facility in PRICES else Decimal(0) if facility in FREE else None
    hours: tuple[Stretch, ...] = ()
    if facility in OWN_HOURS:
        days = range(5) if facility in WORKDAYS_ONLY else range(7)
        hours = tuple(Stretch(day, *OWN_HOURS[facility]) for day in days)
    note = rng.choice(("二楼", "进门右手", "自助使用")) if facility in (F.SHOWER, F.LAUNDRY, F.TOILET) else None
    return FacilityDetail(facility, price, note, hours)


def _for_trucks(rng: random.Random, values: StationValues) -> StationValues:
    return replace(
        values,
        road=rng.choice(ROADS),
        carriageway=rng.choice(tuple(Carriageway)),
        truck_spaces=rng.choice((20, 35, 60, 120)),
        max_height_m=rng.choice((None, Decimal("4.5"))),
        max_weight_t=rng.choice((None, Decimal(49))),
        access_note=rng.choice(("由南门进，北门出", "挂车请走外侧车道", None)),
    )


def differing_days(rng: random.Random, begun_on: date) -> list[Excepted]:
    """For a few stations: days to come on which they are closed or open at other times."""
    if rng.random() > 0.08:
        return []
    first = begun_on + timedelta(days=rng.randrange(1, 25))
    times = ((540, 720),) if rng.random() < 0.3 else ()
    return [Excepted(first, first + timedelta(days=rng.randrange(0, 3)), rng.choice(NOTES), times)]


def write(planned: list[tuple[str, StationValues, list[Excepted]]], rng: random.Random) -> None:
    """Add to stations that stand in the register by code: older stars, days that differ, when they were verified."""
    ids = dict(db.session.execute(sa.select(Station.code, Station.id).where(Station.is_demo)).all())
    moment, days, hours, stars, verified = clock.now(), [], [], [], []
    for code, values, excepted in planned:
        for one in excepted:
            row = {"id": new_id(), "station_id": ids[code], "first_on": one.first_on, "last_on": one.last_on,
                   "closed": not one.times, "note": one.note, "at": moment}  # fmt: skip
            days.append(row)
            hours += [{"exception_id": row["id"], "opens": a, "closes": b, "closed": False} for a, b in one.times]
        if values.stars and values.opened_on and rng.random() < 0.7:
            stars.append(_rating(rng, ids[code], max(values.stars - 1, 1), moment))
        verified.append({"ident": ids[code], "moment": moment - timedelta(days=_verified_before(rng))})
    for model, rows in ((OpeningException, days), (ExceptionHours, hours), (StarRating, stars)):
        if rows:
            db.session.execute(sa.insert(model.__table__), rows)
    table = Station.__table__
    change = sa.update(table).where(table.c.id == sa.bindparam("ident")).values(verified_at=sa.bindparam("moment"))
    db.session.execute(change, verified)
    for code, _values, _excepted in planned[:3]:
        _photograph(ids[code], rng)
    db.session.flush()


def _verified_before(rng: random.Random) -> int:
    return rng.randrange(370, 500) if rng.random() < 0.08 else rng.randrange(1, 200)


def _rating(rng: random.Random, station_id, stars: int, moment: datetime) -> dict:
    day = clock.business_day(moment) - timedelta(days=rng.randrange(200, 400))
    return {"id": new_id(), "station_id": station_id, "stars": stars, "rated_on": day, "basis": rng.choice(BASES),
            "at": clock.start_of(day)}  # fmt: skip


def _photograph(station_id, rng: random.Random) -> None:
    """A drawn door in the place of a photograph."""
    image = Image.new("RGB", (960, 720), (214, 226, 236))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 560, 960, 720), fill=(150, 150, 146))
    draw.rectangle((140, 150, 820, 580), fill=(rng.randrange(190, 230), 200, 176))
    draw.rectangle((140, 150, 820, 220), fill=(176, 38, 38))
    draw.rectangle((410, 300, 560, 580), fill=(70, 96, 120))
    for left in (190, 620):
        draw.rectangle((left, 300, left + 150, 450), fill=(236, 244, 250), outline=(90, 90, 90), width=6)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    out.seek(0)
    picture = pictures.keep(out, by=SYSTEM)
    db.session.add(StationPhoto(station_id=station_id, picture_id=picture.id, position=0, caption="门口（示意图）"))
