"""HTTP for whoever looks for a station: find one, look at one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, redirect, request, url_for
from flask_babel import gettext as _

from portal import access, clock, geo
from portal.access import public
from portal.i18n import say
from portal.stations.finding import queries
from portal.stations.finding import rules as ways
from portal.stations.finding.queries import Found, Place, Wanted
from portal.stations.hours.rules import WEEKDAYS, Opening
from portal.stations.register import rules
from portal.stations.register.models import Facility, Station, StationKind
from portal.stations.register.queries import list_photos, may_keep
from portal.stations.upkeep.queries import warnings
from portal.stations.wording.rules import hours_in_words
from portal.types import N_, Text, text, tidy
from portal.web import allow_pictures_from, page, pager

bp = Blueprint("finding", __name__)

ON_MAP = 200  # markers; beyond that a small screen shows none

# One tap each above the list: what people ask for first. Label, name and value in the query string.
CHIPS = (
    (N_("Open now"), "open", "1"),
    (N_("24 hours"), "all-day", "1"),
    (N_("Hot meals"), "has", Facility.MICROWAVE.value),
    (N_("Phone charging"), "has", Facility.PHONE_CHARGING.value),
    (N_("E-bike charging"), "has", Facility.EBIKE_CHARGING.value),
    (N_("Toilets"), "has", Facility.TOILET.value),
    (N_("Showers"), "has", Facility.SHOWER.value),
    (N_("Truck parking"), "has", Facility.TRUCK_PARKING.value),
)


@dataclass(frozen=True)
class Card:
    """One station in the public list. ``own`` is how the facility that was asked for stands, if it has hours of its own."""

    station: Station
    county: str
    opening: Opening
    distance: Text | None
    warnings: list[Text]
    url: str
    own: Opening | None = None


# --- what is asked -------------------------------------------------------------------------------------------


def _word(words: type, name: str) -> Any:
    """A filter of the query string as a member of its vocabulary; anything else is no filter."""
    try:
        return words(request.args.get(name, ""))
    except ValueError:
        return None


def _measure(name: str) -> Decimal | None:
    """A height or weight as somebody typed it; anything that is none is no filter."""
    try:
        value = Decimal(tidy(request.args.get(name)) or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 < value < 1000 else None


def _near() -> geo.Point | None:
    """Where the visitor is, to a hundred metres: nobody needs to know it better. It is used once and kept nowhere.

    A phone says it in WGS-84; the map, when it is moved, in the system of its tiles.
    """
    lat, lng = request.args.get("lat", type=float), request.args.get("lng", type=float)
    if lat is None or lng is None or not (-90 <= lat <= 90 and -180 <= lng <= 180):
        return None
    if request.args.get("system") == geo.GCJ02:
        lat, lng = geo.convert((lat, lng), geo.GCJ02, geo.WGS84)
    return round(lat, 3), round(lng, 3)


def _wanted(near: geo.Point | None) -> Wanted:
    yes = {name for name in ("open", "all-day", "free", "spaces") if request.args.get(name) == "1"}
    return Wanted(
        q=tidy(request.args.get("q")),
        county_code=tidy(request.args.get("county")),
        kind=_word(StationKind, "kind"),
        facility=_word(Facility, "has"),
        open_now="open" in yes,
        all_day="all-day" in yes,
        free="free" in yes,
        truck_spaces="spaces" in yes,
        height_m=_measure("height"),
        weight_t=_measure("weight"),
        near=near,
    )


def _chips() -> list[dict[str, Any]]:
    """The chips with where each leads: on if it is off, off if it is on, everything else as it is."""
    chips = []
    for label, name, value in CHIPS:
        current = request.args.get(name) == value
        url = _here(without=(name,), more=() if current else ((name, value),))
        chips.append({"label": _(label), "url": url, "current": current})
    return chips


def _here(*, without: Sequence[str], more: Sequence[tuple[str, str]] = ()) -> str:
    """The list again with some of what was asked taken away or added, from its first page."""
    gone = {"before", "after", *without}
    asked = [pair for pair in request.args.items(multi=True) if pair[0] not in gone and pair[1]]
    query = urlencode([*asked, *more], errors="replace")
    return url_for("finding.index") + (f"?{query}" if query else "")


# --- the list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Search:
    """What was asked, what was understood, and what was found."""

    wanted: Wanted
    found: Any
    place: Place | None = None
    says: Text | None = None
    instead: bool = False  # nothing fitted the words, so this is what lies nearest to the place they name


def _search(wanted: Wanted) -> Search:
    """Look for what is wanted; a county or town that is named becomes the point from which it is counted."""
    before, after = request.args.get("before"), request.args.get("after")
    place = queries.find_county(wanted.county_code) or queries.find_place(wanted.q)
    middle = place.point if place else None
    wanted = wanted if wanted.near else replace(wanted, near=middle)
    found = queries.list_stations(wanted, before=before, after=after)
    if not found.rows and middle and not before:
        # Nothing in this county, or of these words: what lies nearest is more help than an empty page.
        nearest = replace(wanted, q=None, county_code=None, near=middle)
        return Search(nearest, queries.list_stations(nearest, after=after), place, _understood(place), instead=True)
    return Search(wanted, found, place, _understood(place) if place and wanted.q else None)


def _understood(place: Place) -> Text:
    if place.code == place.county_code:
        return text(N_("Understood as: %(county)s"), county=place.name)
    return text(N_("Understood as: %(town)s in %(county)s"), town=place.name, county=place.county)


def _cards(found: Sequence[Found], wanted: Wanted, at: datetime, *, exact: bool) -> list[Card]:
    told = warnings([one.station.id for one in found])
    return [_card(one, wanted, at, [each.says(at) for each in told.get(one.station.id, ())], exact=exact) for one in found]


def _card(found: Found, wanted: Wanted, at: datetime, told: list[Text], *, exact: bool) -> Card:
    station = found.station
    distance = None if found.metres is None else ways.distance_in_words(found.metres, exact=exact)
    own = None
    if wanted.facility and any(row.facility is wanted.facility and row.hours for row in station.facilities):
        own = rules.facility_opening(station, wanted.facility, at)
    url = url_for("finding.show", code=station.code)
    return Card(station, found.county, rules.opening(station, at), distance, told, url, own)


@bp.get("/stations")
@public
def index() -> Response:
    """Find a station: by place or name, by what it has, open now, nearest first; as a list or on a map."""
    here, now = _near(), clock.now()
    if here and ("system" in request.args or (float(request.args["lat"]), float(request.args["lng"])) != here):
        # The address bar, its history and every link on the page hold the rounded place only.
        rounded = (("lat", str(here[0])), ("lng", str(here[1])))
        return redirect(_here(without=("lat", "lng", "system"), more=rounded))
    search = _search(_wanted(here))
    on_map = request.args.get("view") == "map"
    return page(
        "stations/finding/index.html",
        fragments=("stations",),
        search=search,
        wanted=search.wanted,
        position=here,
        typed=tidy(request.args.get("q")) or "",
        cards=_cards(search.found, search.wanted, now, exact=here is not None and not search.instead),
        chips=_chips(),
        kinds=StationKind.choices(),
        facilities=Facility.choices(),
        pager=pager(search.found),
        counties=queries.list_counties_with_stations(),
        by_code_url=_here(without=("lat", "lng")),
        other_view_url=_here(without=("view",), more=() if on_map else (("view", "map"),)),
        map=_map(search, here, now) if on_map else None,
        uses_htmx=not on_map,
    )


# --- the map -------------------------------------------------------------------------------------------------


def _map(search: Search, here: geo.Point | None, at: datetime) -> dict[str, Any]:
    """What the map needs, in the system of its tiles; without tiles it is drawn in WGS-84 on a plain ground."""
    settings = current_app.config["SETTINGS"]
    system = settings.map_tiles_crs if settings.map_tiles else geo.WGS84
    allow_pictures_from(settings.map_tiles_origin)

    def drawn(point: geo.Point) -> list[float]:
        return [round(degrees, 6) for degrees in geo.convert(point, geo.WGS84, system)]

    found = queries.list_stations(search.wanted, limit=ON_MAP)
    markers = [_marker(one.station, system, at) for one in found if one.station.crs]
    middle = search.wanted.near or (ways.point_of(found.rows[0].station) if markers else None)
    counties = queries.list_county_points(middle) if middle else []
    return {
        "markers": markers,
        "counties": [[name, *drawn(point)] for name, point in counties],
        "here": drawn(here) if here else None,
        "tiles": settings.map_tiles,
        "attribution": settings.map_tiles_attribution,
        "system": system,
        "is_full": len(markers) == ON_MAP,
        "again": _here(without=("lat", "lng", "system", "county", "q")),
        "words": {"here": _("You are here"), "nearer": _("Zoom in"), "farther": _("Zoom out"), "open": _("See the station")},
    }


def _marker(station: Station, system: str, at: datetime) -> list[Any]:
    lat, lng = ways.point_of(station, system)
    opening = rules.opening(station, at)
    url = url_for("finding.show", code=station.code)
    return [station.name, round(lat, 6), round(lng, 6), url, opening.light, say(opening.says)]


# --- one station ---------------------------------------------------------------------------------------------


@bp.get("/stations/<string:code>")
@public
def show(code: str) -> Response:
    """One station: open or not, the coming days, where, what it has, how one gets there."""
    found, now = queries.get_station(code), clock.now()
    station, today = found.station, clock.business_day(now)
    own = {row.facility: rules.facility_opening(station, row.facility, now) for row in station.facilities if row.hours}
    detailed = [row for row in station.facilities if row.hours or row.note or row.price is not None]
    return page(
        "stations/finding/show.html",
        station=station,
        county=found.county,
        opening=rules.opening(station, now),
        hours=hours_in_words(station.hours),
        coming=ways.coming_days(station, today),
        unknown_years=ways.unknown_years(station, today),
        own=own,
        detailed=detailed,
        plain=[row.facility for row in station.facilities if row not in detailed],
        own_hours={row.facility: hours_in_words(row.hours) for row in station.facilities if row.hours},
        prices={row.facility: ways.price_in_words(row.price) for row in station.facilities},
        basics=rules.free_basics(rules.values_of(station)) if station.kind is StationKind.DRIVERS_HOME else [],
        ways=ways.ways(station),
        warnings=[one.says(now) for one in warnings([station.id]).get(station.id, ())],
        photos=list_photos(station),
        may_keep=may_keep(station, access.actor()),
        weekdays=WEEKDAYS,
    )
