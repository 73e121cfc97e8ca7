"""HTTP of the register, for staff: its list and each station."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.i18n import say
from portal.stations.register import commands, forms, queries, rules
from portal.stations.register.models import Station, StationGrade, StationKind, StationStatus
from portal.stations.register.rules import StationValues
from portal.types import N_, Refused, Text, text, tidy
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
    openings = {one.station.id: rules.opening(one.station, now) for one in kept}
    return page(
        "stations/register/staff_index.html",
        fragments=("kept",),
        kept=kept,
        openings=openings,
        filters=filters,
        query=forms.as_query(filters),
        choices=_filter_choices(),
        chosen_form=forms.ChosenForm(formdata=None),
        pager=pager(kept),
        uses_htmx=True,
    )


def _filter_choices() -> dict[str, list[tuple[str, Any]]]:
    return {
        "status": StationStatus.choices(),
        "kind": StationKind.choices(),
        "grade": StationGrade.choices(),
        "county": queries.list_kept_counties(access.actor(), KEEP),
        "needs": queries.Needs.choices(),
    }


# --- chosen in the list --------------------------------------------------------------------------------------


def _back_to_list() -> str:
    return url_for("stations.staff_index", **forms.as_query(forms.read_filters(request.args)))


@bp.post("/staff/stations/chosen/status")
@requires(KEEP)
@writes
def set_statuses() -> Response:
    """Open, suspend or withdraw several stations; those that may not go there say why."""
    form = forms.ChosenForm()
    stations = queries.list_chosen(form.codes, access.actor(), KEEP, lock=True)
    if not stations or not form.status.data or not form.validate():
        return done(_back_to_list(), text(N_("Choose stations and the new status first.")), "error")
    found = commands.set_statuses(stations=stations, status=StationStatus(form.status.data), by=access.by())
    says = _("%(changed)s changed, %(same)s were so already.", changed=found.changed, same=found.same)
    for station, problems in found.refused[:5]:
        says += " " + _("%(name)s: %(reason)s", name=station.name, reason=say(problems[0]))
    if len(found.refused) > 5:
        says += " " + _("%(count)s more stayed as they are.", count=len(found.refused) - 5)
    return done(_back_to_list(), text("%(says)s", says=says), "error" if found.refused else "success")


@bp.post("/staff/stations/chosen/verify")
@requires(KEEP)
@writes
def verify_chosen() -> Response:
    """What is on record of the chosen stations was looked at today."""
    stations = queries.list_chosen(forms.ChosenForm().codes, access.actor(), KEEP, lock=True)
    if not stations:
        return done(_back_to_list(), text(N_("Choose stations first.")), "error")
    commands.verify_stations(stations=stations, by=access.by())
    return done(_back_to_list(), text(N_("Verified today: %(count)s"), count=len(stations)))


# --- a new one -----------------------------------------------------------------------------------------------


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
    return draw(f"stations/register/{name}.html", form=form, **context, unions=queries.suggest_unions(access.actor(), KEEP))


@bp.post("/staff/stations/new")
@requires(KEEP)
@writes
def add() -> Response:
    """Put a station into the register."""
    form = forms.NewStationForm()
    _offer(form, form.county_code.data)
    union = _typed_union(form)
    if form.validate() and (values := form.values(StationValues(), union)):
        try:
            status = StationStatus(form.status.data)
            station = commands.add_station(values=values, union=union, status=status, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Added: %(name)s, %(code)s"), name=station.name, code=station.code)
            return done(url_for("stations.edit", code=station.code), says)
    return _form_page("new", form)


# --- one station, section by section -------------------------------------------------------------------------


@bp.get("/staff/stations/<string:code>")
@requires(KEEP)
def edit(code: str) -> Response:
    """What a station is and where, to be changed; the way to its other sections."""
    station = queries.get_station_for(code, access.actor(), KEEP)
    return _edit_page(station, _known(station))


def _known(station: Station) -> forms.StationForm:
    known = forms.StationForm.known(rules.values_of(station)) | {"union_code": queries.union_of(station).code}
    return _offer(forms.StationForm(formdata=None, data=known), station.county_code)


def _edit_page(station: Station, form: Any, status_form: forms.StatusForm | None = None) -> Response:
    if status_form is None:
        status_form = forms.StatusForm(formdata=None)
        status_form.offer(station.status)
    basics = rules.free_basics(rules.values_of(station)) if station.kind is StationKind.DRIVERS_HOME else []
    return _form_page("edit", form, **_frame(station), status_form=status_form, basics=basics)


def _frame(station: Station) -> dict[str, Any]:
    """What the head of every section shows."""
    return {"station": station, "opening": rules.opening(station, clock.now())}


def _saved(station: Station, changes: dict[str, Any]) -> Text:
    return text(N_("Saved: %(name)s") if changes else N_("Nothing was changed."), name=station.name)


@bp.post("/staff/stations/<string:code>")
@requires(KEEP)
@writes
def change(code: str) -> Response:
    """Change what a station is and where."""
    station = queries.get_station_for(code, access.actor(), KEEP)
    form = forms.StationForm()
    _offer(form, form.county_code.data)
    union = _typed_union(form)
    if form.validate() and (values := form.values(rules.values_of(station), union)):
        try:
            changes = commands.change_station(station=station, values=values, union=union, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("stations.edit", code=station.code), _saved(station, changes))
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
    whole = _known(station)
    whole.form_errors.extend(form.status.errors)
    return _edit_page(station, whole, form)


@bp.post("/staff/stations/<string:code>/verify")
@requires(KEEP)
@writes
def verify(code: str) -> Response:
    """What is on record of this station was looked at today."""
    station = queries.get_station_for(code, access.actor(), KEEP)
    commands.verify_stations(stations=[station], by=access.by())
    return done(url_for("stations.edit", code=code), text(N_("Verified today: %(name)s"), name=station.name))


def _section(name: str, kind: type[forms.SectionForm], code: str) -> Response:
    """One section to be changed: drawn at a GET, saved at a POST."""
    station = queries.get_station_for(code, access.actor(), KEEP)
    if request.method == "GET":
        return _form_page(name, kind(data=kind.known(rules.values_of(station))), **_frame(station))
    form = kind()
    if form.validate() and (values := form.values(rules.values_of(station))):
        try:
            changes = commands.change_station(station=station, values=values, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for(f"stations.{name}", code=code), _saved(station, changes))
    return _form_page(name, form, **_frame(station))


@bp.get("/staff/stations/<string:code>/hours")
@requires(KEEP)
def hours(code: str) -> Response:
    """When the door is open."""
    return _section("hours", forms.HoursForm, code)


@bp.post("/staff/stations/<string:code>/hours")
@requires(KEEP)
@writes
def change_hours(code: str) -> Response:
    """Change when the door is open."""
    return _section("hours", forms.HoursForm, code)


@bp.get("/staff/stations/<string:code>/facilities")
@requires(KEEP)
def facilities(code: str) -> Response:
    """What stands in the station, each with price and hours of its own."""
    return _section("facilities", forms.FacilitiesForm, code)


@bp.post("/staff/stations/<string:code>/facilities")
@requires(KEEP)
@writes
def change_facilities(code: str) -> Response:
    """Change what stands in the station."""
    return _section("facilities", forms.FacilitiesForm, code)


@bp.get("/staff/stations/<string:code>/partner")
@requires(KEEP)
def partner(code: str) -> Response:
    """Whoever lends the place."""
    return _section("partner", forms.PartnerForm, code)


@bp.post("/staff/stations/<string:code>/partner")
@requires(KEEP)
@writes
def change_partner(code: str) -> Response:
    """Change what is agreed with whoever lends the place."""
    return _section("partner", forms.PartnerForm, code)


def waiting(actor: Any) -> tuple[Text, str, int] | None:
    """For the staff's home page: agreements that end soon, or have ended."""
    if not actor.may(KEEP):
        return None
    address = url_for("stations.staff_index", needs=queries.Needs.AGREEMENT.value)
    return text(N_("Agreements with hosts that end soon")), address, queries.count_agreements_ending(actor)
