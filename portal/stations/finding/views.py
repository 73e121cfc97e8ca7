"""HTTP for whoever looks for a station: find one, look at one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import public
from portal.stations.finding import queries
from portal.stations.finding.rules import distance_in_words
from portal.stations.hours.rules import Opening
from portal.stations.register import rules
from portal.stations.register.models import CoordinateSystem, Facility, Station
from portal.stations.register.queries import may_keep
from portal.stations.wording.rules import hours_in_words
from portal.types import N_, Text, tidy
from portal.web import page, pager

bp = Blueprint("finding", __name__)

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
    """One station in the public list."""

    station: Station
    county: str
    opening: Opening
    distance: Text | None


def _word(words: type, name: str) -> Any:
    """A filter of the query string as a member of its vocabulary; anything else is no filter."""
    try:
        return words(request.args.get(name, ""))
    except ValueError:
        return None


def _near() -> tuple[float, float] | None:
    """Where the visitor is, to a hundred metres: nobody needs to know it better. It is used once and kept nowhere."""
    lat, lng = request.args.get("lat", type=float), request.args.get("lng", type=float)
    if lat is None or lng is None or not (-90 <= lat <= 90 and -180 <= lng <= 180):
        return None
    return round(lat, 3), round(lng, 3)


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


def _card(found: queries.Found, at: datetime) -> Card:
    station = found.station
    distance = None
    if found.metres is not None:
        distance = distance_in_words(found.metres, exact=station.crs is CoordinateSystem.WGS84)
    return Card(station, found.county, rules.opening(station.hours, station.status, at), distance)


@bp.get("/stations")
@public
def index() -> Response:
    """Find a station: by place or name, by what it has, open now, nearest first."""
    near, now = _near(), clock.now()
    if near and [request.args["lat"], request.args["lng"]] != [str(degrees) for degrees in near]:
        # The address bar, its history and every link on the page hold the rounded place only.
        return redirect(_here(without=("lat", "lng"), more=(("lat", str(near[0])), ("lng", str(near[1])))))
    filters = {
        "q": tidy(request.args.get("q")),
        "county_code": tidy(request.args.get("county")),
        "facility": _word(Facility, "has"),
        "open_now": request.args.get("open") == "1",
        "all_day": request.args.get("all-day") == "1",
        "near": near,
    }
    found = queries.list_stations(**filters, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "stations/finding/index.html",
        fragments=("stations",),
        filters=filters,
        chips=_chips(),
        cards=[_card(one, now) for one in found],
        pager=pager(found),
        counties=queries.list_counties_with_stations(),
        by_code_url=_here(without=("lat", "lng")),
        uses_htmx=True,
    )


@bp.get("/stations/<string:code>")
@public
def show(code: str) -> Response:
    """One station: open or not, where, what it has."""
    found = queries.get_station(code)
    station = found.station
    return page(
        "stations/finding/show.html",
        station=station,
        county=found.county,
        opening=rules.opening(station.hours, station.status, clock.now()),
        hours=hours_in_words(station.hours),
        may_keep=may_keep(station, access.actor()),
    )
