"""How far it is and how one says so; the ways there; the coming days of a door."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import quote, urlencode

from portal import geo
from portal.stations.hours.rules import DAY, Calendar, DayKind, HolidayRule, day_kind, holiday_name
from portal.stations.register.models import OpeningHours, Station
from portal.stations.register.rules import calendar_of
from portal.stations.wording.rules import clock_of
from portal.types import N_, Text, text

WALK_M_PER_MINUTE = 80
RIDE_M_PER_MINUTE = 240
FARTHEST_WALK_M = 1_500
FARTHEST_RIDE_M = 15_000
DAYS_AHEAD = 7
REFERRER = "workers.stations"  # map services ask who sends somebody


# --- how far -------------------------------------------------------------------------------------------------


def distance_in_words(metres: float, *, exact: bool = True) -> Text:
    """A distance as one would say it on the way.

    ``exact=False`` when it is counted from the middle of a county or town: neither metres nor minutes are claimed.
    """
    kilometres = f"{metres / 1000:.1f}" if metres < 10_000 else f"{metres / 1000:.0f}"
    if not exact:
        return text(N_("about %(kilometres)s km"), kilometres=kilometres)
    if metres <= FARTHEST_WALK_M:
        minutes = max(1, round(metres / WALK_M_PER_MINUTE))
        if metres < 995:
            return text(N_("%(metres)s m · %(minutes)s min walk"), metres=round(round(metres), -1), minutes=minutes)
        return text(N_("%(kilometres)s km · %(minutes)s min walk"), kilometres=kilometres, minutes=minutes)
    if metres <= FARTHEST_RIDE_M:
        minutes = round(metres / RIDE_M_PER_MINUTE)
        return text(N_("%(kilometres)s km · %(minutes)s min ride"), kilometres=kilometres, minutes=minutes)
    return text(N_("%(kilometres)s km"), kilometres=kilometres)


def point_of(station: Station, system: str = geo.WGS84) -> geo.Point | None:
    """Where a station is, as (lat, lng) in a system, whatever system it was given in."""
    if station.crs is None:
        return None
    return geo.convert((float(station.lat), float(station.lng)), station.crs.value, system)


# --- the way there -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """A map service that shows the way: its name and the address to open."""

    name: str
    url: str


def _plain(words: str) -> str:
    """Words without the signs that the services' own addresses are made of."""
    return re.sub(r"[\s,;:|&=?#%+/\\<>\"']+", " ", words).strip()


def ways(station: Station) -> list[Way]:
    """Links to AMap, Baidu and Tencent with the station's name and point, each in the system that service draws in."""
    if station.crs is None:
        return []
    name, address = _plain(station.name), _plain(station.address)
    lat, lng = (f"{degrees:.6f}" for degrees in point_of(station, geo.GCJ02))
    baidu_lat, baidu_lng = (f"{degrees:.6f}" for degrees in point_of(station, geo.BD09))
    amap = {"position": f"{lng},{lat}", "name": name, "src": REFERRER, "coordinate": "gaode", "callnative": "1"}
    baidu = {"location": f"{baidu_lat},{baidu_lng}", "title": name, "content": address, "coord_type": "bd09ll",
             "output": "html", "src": REFERRER}  # fmt: skip
    tencent = {"marker": f"coord:{lat},{lng};title:{name};addr:{address}", "referer": REFERRER}
    return [
        Way(N_("AMap"), f"https://uri.amap.com/marker?{_query(amap)}"),
        Way(N_("Baidu Maps"), f"https://api.map.baidu.com/marker?{_query(baidu)}"),
        Way(N_("Tencent Maps"), f"https://apis.map.qq.com/uri/v1/marker?{_query(tencent)}"),
    ]


def _query(values: dict[str, str]) -> str:
    return urlencode(values, quote_via=quote, safe=",:;", errors="replace")


# --- the coming days -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """From when to when the door is open, and whether somebody is there."""

    says: Text
    staffed: bool = True


@dataclass(frozen=True)
class Coming:
    """A day ahead: its stretches (none: closed), and what makes it differ."""

    day: date
    stretches: list[Stretch]
    why: Text | None = None


def coming_days(station: Station, today: date) -> list[Coming]:
    """The next seven days of a door, with exceptions and public holidays by name."""
    calendar = calendar_of(station)
    return [_coming(station, calendar, today + timedelta(days=n)) for n in range(DAYS_AHEAD)]


def _coming(station: Station, calendar: Calendar, day: date) -> Coming:
    open_then = calendar.stretches(station.hours, day)
    stretches = [Stretch(_span(*one), _is_staffed(station.hours, calendar, day, one)) for one in open_then]
    why = calendar.why(day)
    if why is None and day_kind(day) is DayKind.HOLIDAY:
        why = holiday_name(day)
    return Coming(day, stretches, why)


def _span(opens: int, closes: int) -> Text:
    if (opens, closes) == (0, DAY):
        return text(N_("Around the clock"))
    says = N_("%(opens)s to %(closes)s the next day") if closes > DAY else N_("%(opens)s–%(closes)s")
    return text(says, opens=clock_of(opens), closes=clock_of(closes))


def _is_staffed(hours: Sequence[OpeningHours], calendar: Calendar, day: date, stretch: tuple[int, int]) -> bool:
    if calendar.exception(day) is not None:
        return True
    weekday = calendar.weekday(day)
    return next((one.staffed for one in hours if (one.weekday, one.opens, one.closes) == (weekday, *stretch)), True)


def unknown_years(station: Station, today: date) -> list[int]:
    """Years among the coming days whose holidays nobody announced yet, where that matters to this door."""
    if station.holiday_rule is HolidayRule.AS_USUAL:
        return []
    days = (today + timedelta(days=n) for n in range(DAYS_AHEAD))
    return sorted({day.year for day in days if day_kind(day) is DayKind.UNKNOWN})


# --- what stands there ---------------------------------------------------------------------------------------


def price_in_words(price: Decimal | None) -> Text | None:
    """What a facility costs; None where nothing is stated."""
    if price is None:
        return None
    return text(N_("Free")) if price == 0 else text(N_("%(price)s yuan"), price=f"{price:.2f}".removesuffix(".00"))
