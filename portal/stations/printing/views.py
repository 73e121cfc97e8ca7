"""HTTP of printing, for staff: door posters, one or many, and the sheet for a day without network."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import segno
from flask import Blueprint, Response, abort, redirect, request, url_for
from markupsafe import Markup

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.printing import queries
from portal.stations.register.models import Station
from portal.stations.register.queries import find_station_to_serve, get_station_for
from portal.stations.wording.rules import hours_in_words
from portal.types import N_, text, tidy
from portal.vocabulary import COUNTER_OCCUPATIONS
from portal.web import changes_nothing, done, page

bp = Blueprint("printing", __name__)

KEEP = Permission.KEEP_STATIONS
MOST_POSTERS = 50
SHEET_ROWS, SHEET_SERVICES = 25, 6


def _picture(address: str) -> Markup:
    svg = segno.make(address, error="m", micro=False).svg_inline(omitsize=True, border=2)
    return Markup(svg)  # noqa: S704 - drawn by segno


def _door(station: Station) -> str:
    return f"{request.host_url.rstrip('/')}/s/{station.code}"


def _posters(stations: Sequence[Station]) -> Response:
    doors: list[dict[str, Any]] = [
        {"station": one, "address": _door(one), "qr": _picture(_door(one)), "hours": hours_in_words(one.hours)}
        for one in stations
    ]
    return page("stations/printing/posters.html", posters=doors)


@bp.get("/staff/stations/<string:code>/poster")
@requires(KEEP)
def poster(code: str) -> Response:
    """The poster for one door."""
    return _posters([get_station_for(code, access.actor(), KEEP)])


@bp.get("/staff/stations/posters")
@requires(KEEP)
def posters() -> Response:
    """Posters for many doors, one a page: ?code=…&code=… as the list of stations sends them, fifty at most."""
    codes = [code for value in request.args.getlist("code") + request.args.getlist("chosen") if (code := tidy(value))]
    wanted = list(dict.fromkeys(codes))
    if len(wanted) > MOST_POSTERS:
        abort(400)
    stations = queries.list_stations(wanted, access.actor(), KEEP)
    if not stations:
        abort(404)
    return _posters(stations)


@bp.post("/staff/stations/posters")
@requires(KEEP)
@changes_nothing("the list of stations sends what is chosen by POST; this only leads to their posters")
def chosen() -> Response:
    """From the boxes ticked in the list of stations to their posters."""
    codes = request.form.getlist("chosen")
    if not 0 < len(codes) <= MOST_POSTERS:
        says = text(N_("Choose between 1 and %(most)s stations."), most=MOST_POSTERS)
        return done(url_for("stations.staff_index"), says, "warning")
    return redirect(url_for("printing.posters", code=codes), 303)


@bp.get("/staff/stations/<string:code>/sheet")
@requires(KEEP)
def sheet(code: str) -> Response:
    """A sheet to log visits by hand, with a number of its own under which it is entered later."""
    crumbs = {"stations_url": url_for("stations.staff_index"), "back_url": url_for("stations.edit", code=code)}
    return _sheet(get_station_for(code, access.actor(), KEEP), **crumbs)


@bp.get("/desk/<string:code>/paper/blank")
@requires(Permission.SERVE)
def blank_sheet(code: str) -> Response:
    """The same at the counter, for who prints it before the network goes."""
    station = find_station_to_serve(code, access.actor()) or abort(404)
    return _sheet(station, desk_url=url_for("desk.desk", code=code), back_url=url_for("paper.index", code=code))


def _sheet(station: Station, **links: str) -> Response:
    today = clock.today()
    return page(
        "stations/printing/sheet.html",
        station=station,
        today=today,
        number=f"{station.code}-{today:%Y%m%d}-{secrets.randbelow(10_000):04}",
        occupations=COUNTER_OCCUPATIONS,
        services=station.offered[:SHEET_SERVICES],
        rows=range(1, SHEET_ROWS + 1),
        **links,
    )
