"""HTTP of the register, for staff: its list and each station."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register import commands, forms, queries, rules
from portal.stations.register.models import Station, StationStatus
from portal.types import N_, Refused, text, tidy
from portal.unions.tree.models import Union
from portal.unions.tree.queries import county_choices
from portal.web import done, invalid, page, pager, writes

bp = Blueprint("stations", __name__)

KEEP = Permission.KEEP_STATIONS


@bp.get("/staff/stations")
@requires(KEEP)
def staff_index() -> Response:
    """The stations within one's part of the tree, of every status."""
    filters, now = forms.read_filters(request.args), clock.now()
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


def _offer(form: forms.StationForm, county_code: str | None) -> forms.StationForm:
    form.offer(county_choices(), queries.list_towns(tidy(county_code)))
    return form


def _typed_union(form: forms.StationForm) -> Union | None:
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
