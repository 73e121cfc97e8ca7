"""HTTP of paper sheets, and of the keeper's list of what did not agree."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.desk.giving import queries as giving
from portal.desk.paper import commands, forms, queries, rules
from portal.desk.paper.models import DiscrepancyKind
from portal.stations.register import queries as stations
from portal.stations.register.models import Station
from portal.types import N_, Refused, text
from portal.vocabulary import BasicService, Occupation
from portal.web import done, invalid, page, pager, writes

bp = Blueprint("paper", __name__)

SERVE, KEEP = Permission.SERVE, Permission.KEEP_STATIONS


def _station(code: str) -> Station:
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


@bp.get("/desk/<string:code>/paper")
@requires(SERVE)
def index(code: str) -> Response:
    """The sheets that were entered."""
    station = _station(code)
    sheets = queries.list_sheets(station.id, before=request.args.get("before"), after=request.args.get("after"))
    return page("desk/paper/index.html", station=station, sheets=sheets, pager=pager(sheets))


@bp.get("/desk/<string:code>/paper/new")
@requires(SERVE)
def new(code: str) -> Response:
    """An empty grid."""
    station = _station(code)
    form = _offer(forms.SheetForm(data={"day": clock.today(), "serial": f"{station.code}-"}), station)
    return _form_page(station, form, forms.Grid.read({}, _usual(station)))


def _usual(station: Station) -> str:
    return (station.default_service or (station.offered or [BasicService.OTHER])[0]).value


def _offer(form: forms.SheetForm, station: Station) -> forms.SheetForm:
    handouts = queries.list_handouts_of(station.id)
    form.handout.choices = [("", _("No hand-out"))] + [(str(one.id), one.title) for one in handouts]
    given = giving.list_for_paper(station, clock.today() - rules.SHEET_WITHIN)
    form.programme.choices = [("", _("No programme: a basic service"))] + [(str(one.id), one.name) for one in given]
    return form


def _form_page(station: Station, form: forms.SheetForm, grid: forms.Grid) -> Response:
    draw = invalid if form.errors else page
    return draw("desk/paper/new.html", station=station, form=form, grid=grid, occupations=list(Occupation),
                services=[*station.offered, *(one for one in BasicService if one not in station.offered)])  # fmt: skip


@bp.post("/desk/<string:code>/paper/new")
@requires(SERVE)
@writes
def add(code: str) -> Response:
    """Enter a sheet; everything typed is kept if something cannot be read."""
    station = _station(code)
    form, grid = _offer(forms.SheetForm(), station), forms.Grid.read(request.form)
    valid = form.validate()
    rows = grid.values(form.day.data, clock.now())
    if form.take(grid.problems) and valid:
        try:
            sheet, wrong = commands.enter_sheet(
                station=station, serial=rules.normal_serial(form.serial.data), day=form.day.data, rows=rows,
                total=form.total.data, handout_id=forms.read_handout(form.handout.data),
                programme_id=forms.read_handout(form.programme.data), by=access.by(),
            )  # fmt: skip
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = N_("Entered. Everything agreed.") if not wrong else N_("Entered. %(count)s things go to the keeper.")
            return done(url_for("paper.show", code=code, sheet_id=sheet.id), text(says, count=wrong))
    return _form_page(station, form, grid)


@bp.get("/desk/<string:code>/paper/<uuid:sheet_id>")
@requires(SERVE)
def show(code: str, sheet_id: UUID) -> Response:
    """One sheet as it was stored."""
    station = _station(code)
    return page("desk/paper/show.html", station=station, sheet=queries.get_sheet(station.id, sheet_id))


@bp.get("/staff/discrepancies")
@requires(KEEP)
def discrepancies() -> Response:
    """What did not agree within one's stations."""
    filters = forms.read_filters(request.args)
    found = queries.list_discrepancies(
        access.actor(), **filters, before=request.args.get("before"), after=request.args.get("after")
    )
    return page("desk/paper/discrepancies.html", fragments=("list",), found=found, filters=filters, words_for=rules.words_for,
                kinds=DiscrepancyKind.choices(), pager=pager(found), uses_htmx=True)  # fmt: skip


@bp.get("/staff/discrepancies/<uuid:discrepancy_id>")
@requires(KEEP)
def discrepancy(discrepancy_id: UUID) -> Response:
    """One of them, with the way to settle it."""
    return _discrepancy(discrepancy_id, forms.SettleForm(formdata=None))


def _discrepancy(discrepancy_id: UUID, form: forms.SettleForm) -> Response:
    found, station = queries.get_discrepancy(discrepancy_id, access.actor())
    draw = invalid if form.errors else page
    return draw("desk/paper/discrepancy.html", found=found, station=station, form=form, words_for=rules.words_for)


@bp.post("/staff/discrepancies/<uuid:discrepancy_id>")
@requires(KEEP)
@writes
def settle(discrepancy_id: UUID) -> Response:
    """Settle it with a note."""
    found, _station_of = queries.get_discrepancy(discrepancy_id, access.actor())
    form = forms.SettleForm()
    if form.validate():
        try:
            commands.settle(discrepancy=found, note=form.note.data, by=access.by())
            return done(url_for("paper.discrepancies"), text(N_("Settled.")))
        except Refused as refused:
            form.take(refused.problems)
    return _discrepancy(discrepancy_id, form)
