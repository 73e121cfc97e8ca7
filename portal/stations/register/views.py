"""HTTP of stations: find one, look at one; for staff the register, its workbook both ways, and each station."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, public, requires
from portal.stations.hours.rules import Opening, hours_in_words
from portal.stations.register import commands, exports, forms, imports, queries, rules
from portal.stations.register.models import CoordinateSystem, Facility, Station, StationImport, StationStatus
from portal.tables import MAX_BYTES, Unreadable
from portal.types import N_, Problem, Refused, Text, text, tidy
from portal.unions.tree.models import Union
from portal.unions.tree.queries import county_choices
from portal.web import done, invalid, page, pager, send_workbook, writes

bp = Blueprint("stations", __name__)

KEEP = Permission.KEEP_STATIONS

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


# --- for everyone --------------------------------------------------------------------------------------


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
    return url_for("stations.index") + (f"?{query}" if query else "")


def _card(found: queries.Found, at: datetime) -> Card:
    station = found.station
    distance = None
    if found.metres is not None:
        distance = rules.distance_in_words(found.metres, exact=station.crs is CoordinateSystem.WGS84)
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
        "stations/register/index.html",
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
        "stations/register/show.html",
        station=station,
        county=found.county,
        opening=rules.opening(station.hours, station.status, clock.now()),
        hours=hours_in_words(station.hours),
        may_keep=queries.may_keep(station, access.actor()),
    )


# --- the register, for staff ---------------------------------------------------------------------------


def _staff_filters() -> dict[str, Any]:
    return {"q": tidy(request.args.get("q")), "status": _word(StationStatus, "status")}


@bp.get("/staff/stations")
@requires(KEEP)
def staff_index() -> Response:
    """The stations within one's part of the tree, of every status."""
    filters, now = _staff_filters(), clock.now()
    kept = queries.list_for_staff(
        access.actor(), KEEP, **filters, before=request.args.get("before"), after=request.args.get("after")
    )
    openings = {one.station.id: rules.opening(one.station.hours, one.station.status, now) for one in kept}
    return page(
        "stations/register/staff_index.html",
        fragments=("kept",),
        kept=kept,
        openings=openings,
        filters=filters,
        statuses=StationStatus.choices(),
        pager=pager(kept),
        uses_htmx=True,
    )


@bp.get("/staff/stations/export")
@requires(KEEP)
def export() -> Response:
    """The stations that match, as a workbook that can be loaded again."""
    rows = exports.station_rows(queries.rows_for_export(access.actor(), KEEP, **_staff_filters()))
    name = _("Stations")
    return send_workbook(f"{name} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


def _offer(form: forms.StationForm, county_code: str | None) -> forms.StationForm:
    form.offer(county_choices(), queries.list_towns(tidy(county_code)))
    return form


def _typed_union(form: forms.StationForm | forms.ImportForm) -> Union | None:
    return queries.find_union(form.union_code.data, access.actor(), KEEP)


def _first_union() -> str | None:
    """The union to begin with: the first of one's own."""
    suggested = queries.suggest_unions(access.actor(), KEEP, limit=1)
    return suggested[0].code if suggested else None


@bp.get("/staff/stations/new")
@requires(KEEP)
def new() -> Response:
    """The form for a new station."""
    form = _offer(forms.NewStationForm(data={"union_code": _first_union()}), None)
    return _form_page("new", form)


def _form_page(name: str, form: Any, **context: Any) -> Response:
    """A form as it is, or with what was wrong in it: 422."""
    draw = invalid if form.errors else page
    unions = queries.suggest_unions(access.actor(), KEEP)
    return draw(f"stations/register/{name}.html", form=form, unions=unions, **context)


@bp.post("/staff/stations/new")
@requires(KEEP)
@writes
def add() -> Response:
    """Put a station into the register."""
    form = forms.NewStationForm()
    _offer(form, form.county_code.data)
    union = _typed_union(form)
    if form.validate() and (values := form.values(union)):
        try:
            status = StationStatus(form.status.data)
            station = commands.add_station(values=values, union=union, status=status, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Added: %(name)s, %(code)s"), name=station.name, code=station.code)
            return done(url_for("stations.edit", code=station.code), says)
    return _form_page("new", form)


@bp.get("/staff/stations/<string:code>")
@requires(KEEP)
def edit(code: str) -> Response:
    """Everything on record of a station, to be changed."""
    station = queries.get_station_for(code, access.actor(), KEEP)
    known = forms.StationForm.known(station, queries.union_of(station).code)
    return _edit_page(station, _offer(forms.StationForm(data=known), station.county_code))


def _edit_page(station: Station, form: Any, status_form: forms.StatusForm | None = None) -> Response:
    if status_form is None:
        status_form = forms.StatusForm(formdata=None)
        status_form.offer(station.status)
    opening = rules.opening(station.hours, station.status, clock.now())
    return _form_page("edit", form, station=station, status_form=status_form, opening=opening)


@bp.post("/staff/stations/<string:code>")
@requires(KEEP)
@writes
def change(code: str) -> Response:
    """Change what is on record of a station."""
    station = queries.get_station_for(code, access.actor(), KEEP)
    form = forms.StationForm()
    _offer(form, form.county_code.data)
    union = _typed_union(form)
    if form.validate() and (values := form.values(union)):
        try:
            changes = commands.change_station(station=station, values=values, union=union, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Saved: %(name)s") if changes else N_("Nothing was changed."), name=station.name)
            return done(url_for("stations.edit", code=station.code), says)
    return _edit_page(station, form)


@bp.post("/staff/stations/<string:code>/status")
@requires(KEEP)
@writes
def set_status(code: str) -> Response:
    """Open, suspend or withdraw a station."""
    station = queries.get_station_for(code, access.actor(), KEEP)
    form = forms.StatusForm()
    form.offer(station.status)
    if form.validate():
        try:
            commands.set_status(station=station, status=StationStatus(form.status.data), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("%(name)s is now: %(status)s"), name=station.name, status=station.status)
            return done(url_for("stations.edit", code=station.code), says)
    known = forms.StationForm.known(station, queries.union_of(station).code)
    whole = _offer(forms.StationForm(formdata=None, data=known), station.county_code)
    whole.form_errors.extend(form.status.errors)
    return _edit_page(station, whole, form)


# --- workbooks -----------------------------------------------------------------------------------------


@bp.get("/staff/stations/import")
@requires(KEEP)
def upload() -> Response:
    """The form to load a workbook, with what was loaded last."""
    form = forms.ImportForm(data={"union_code": _first_union()})
    return _upload_page(form)


def _upload_page(form: forms.ImportForm) -> Response:
    last = queries.list_imports(access.actor(), KEEP)
    return _form_page("import", form, last=last, headers=exports.HEADERS)


@bp.post("/staff/stations/import")
@requires(KEEP)
@writes
def load() -> Response:
    """Load a workbook: what is right goes in, the rest comes back with the reason."""
    form = forms.ImportForm()
    union = _typed_union(form)
    if form.validate() and form.take(forms.problems_with_union(form.union_code.data, union)):
        file, roots = form.workbook.data, access.actor().unions(KEEP)
        try:
            content = file.read(MAX_BYTES + 1)
            outcome, kept = imports.load(content, union=union, roots=roots, by=access.by(), file_name=file.filename or "")
        except Unreadable as trouble:
            form.take([Problem("unreadable", trouble.says, field="workbook")])
        else:
            kind = "warning" if outcome.refused else "success"
            return done(url_for("stations.imported", import_id=kept.id), imports.summary(**outcome.counts), kind)
    return _upload_page(form)


def _report(kept: StationImport) -> dict[str, Any]:
    return json.loads(kept.report) if kept.report else {"head": [], "unknown": [], "rows": []}


@bp.get("/staff/stations/import/<uuid:import_id>")
@requires(KEEP)
def imported(import_id: UUID) -> Response:
    """What became of a workbook, row by row where something is to be said."""
    kept = queries.get_import(import_id, access.actor(), KEEP)
    return page("stations/register/imported.html", kept=kept, report=_report(kept))


@bp.get("/staff/stations/import/<uuid:import_id>/refused")
@requires(KEEP)
def refused(import_id: UUID) -> Response:
    """The refused rows as a workbook, each with its reason, to be put right and sent again."""
    kept = queries.get_import(import_id, access.actor(), KEEP)
    columns, rows = exports.refused_table(_report(kept))
    name = _("Stations not loaded")
    return send_workbook(f"{name} {clock.business_day(kept.at)}", columns, rows)


@bp.get("/staff/stations/import/template")
@requires(KEEP)
def template() -> Response:
    """An empty workbook with every column that can be loaded."""
    return send_workbook(_("Station workbook"), exports.COLUMNS, ())
