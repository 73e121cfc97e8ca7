"""HTTP of inspections, for keepers: checklists, the sheet to fill in or to print, what was found."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.inspections import commands, exports, forms, queries, rules
from portal.stations.inspections.models import Checklist
from portal.stations.register.models import Station
from portal.stations.register.queries import get_station_for
from portal.stations.upkeep.models import ReportKind
from portal.stations.upkeep.queries import list_counties
from portal.types import N_, Refused, text
from portal.web import done, invalid, page, pager, send_picture, send_workbook, writes

bp = Blueprint("inspections", __name__)

KEEP = Permission.KEEP_STATIONS


@bp.app_template_global()
def last_inspection(station: Station) -> queries.Last | None:
    """For a station's own page: when it was inspected last, and with which share."""
    return queries.last_inspected([station.id]).get(station.id)


# --- checklists ----------------------------------------------------------------------------------------------------


@bp.get("/staff/checklists")
@requires(KEEP)
def checklists() -> Response:
    """One's own lists, those from above, and the ready-made ones."""
    who = access.actor()
    return page(
        "stations/inspections/checklists.html",
        own=queries.list_own(who),
        inherited=queries.list_inherited(who),
        ready=rules.READY_MADE,
        unions=queries.own_unions(who),
    )


@bp.get("/staff/checklists/new")
@requires(KEEP)
def new_checklist() -> Response:
    """The form for a list; with ?ready=… it begins with a ready-made one."""
    ready = rules.READY_MADE.get(request.args.get("ready", ""))
    known = {"title": ready.title, "items": "\n".join(ready.items)} if ready else {}
    form = forms.ChecklistForm(data=known).offer(queries.own_unions(access.actor()))
    return page("stations/inspections/checklist.html", form=form, checklist=None)


@bp.post("/staff/checklists/new")
@requires(KEEP)
@writes
def add_checklist() -> Response:
    """A list of one's own union."""
    form = forms.ChecklistForm().offer(queries.own_unions(access.actor()))
    if form.validate():
        try:
            made = commands.add_checklist(
                union_id=UUID(form.union_id.data), title=form.title.data, items=form.lines(), by=access.by()
            )
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("inspections.checklists"), text(N_("Added: %(name)s"), name=made.title))
    return invalid("stations/inspections/checklist.html", form=form, checklist=None)


@bp.get("/staff/checklists/<uuid:checklist_id>")
@requires(KEEP)
def edit_checklist(checklist_id: UUID) -> Response:
    """A list to be changed."""
    checklist = queries.get_own(checklist_id, access.actor())
    known = {"title": checklist.title, "items": "\n".join(item.says for item in checklist.items)}
    return _checklist_page(checklist, forms.ChangedChecklistForm(data=known))


def _checklist_page(checklist: Checklist, form: Any) -> Response:
    used = queries.is_used(checklist.id)
    return (invalid if form.errors else page)("stations/inspections/checklist.html", form=form, checklist=checklist, used=used)


@bp.post("/staff/checklists/<uuid:checklist_id>")
@requires(KEEP)
@writes
def change_checklist(checklist_id: UUID) -> Response:
    """Change a list; one that was used gets its next version."""
    checklist = queries.get_own(checklist_id, access.actor(), lock=True)
    form = forms.ChangedChecklistForm()
    if form.validate():
        try:
            made = commands.change_checklist(checklist=checklist, title=form.title.data, items=form.lines(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Saved: %(name)s, version %(version)s"), name=made.title, version=made.version)
            return done(url_for("inspections.edit_checklist", checklist_id=made.id), says)
    return _checklist_page(checklist, form)


@bp.post("/staff/checklists/<uuid:checklist_id>/close")
@requires(KEEP)
@writes
def close_checklist(checklist_id: UUID) -> Response:
    """Offer a list no more."""
    checklist = queries.get_own(checklist_id, access.actor(), lock=True)
    commands.close_checklist(checklist=checklist, by=access.by())
    says = text(N_("“%(name)s” is no longer offered; inspections by it stay."), name=checklist.title)
    return done(url_for("inspections.checklists"), says)


# --- the list of inspections ---------------------------------------------------------------------------------------


def _filters() -> tuple[dict[str, Any], list[tuple[str, str]]]:
    counties = list_counties(access.actor())
    return forms.read_filters(request.args, counties), counties


@bp.get("/staff/inspections")
@requires(KEEP)
def index() -> Response:
    """The inspections within one's part of the tree."""
    filters, counties = _filters()
    rows = queries.list_inspections(access.actor(), filters, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "stations/inspections/index.html",
        fragments=("inspections",),
        rows=rows,
        filters=filters,
        counties=counties,
        pager=pager(rows),
        uses_htmx=True,
    )


@bp.get("/staff/inspections/export")
@requires(KEEP)
def export() -> Response:
    """The same list as a workbook."""
    found = queries.rows_for_export(access.actor(), _filters()[0])
    return send_workbook(_("Inspections"), exports.COLUMNS, exports.rows(found))


@bp.get("/staff/stations/<string:code>/inspections")
@requires(KEEP)
def station(code: str) -> Response:
    """The inspections of one station, and the lists that count there."""
    place = get_station_for(code, access.actor(), KEEP)
    rows = queries.list_inspections(
        access.actor(),
        {"station_id": place.id},
        before=request.args.get("before"),
        after=request.args.get("after"),
    )
    lists = queries.list_usable(place)
    return page("stations/inspections/station.html", station=place, rows=rows, lists=lists, pager=pager(rows))


# --- one inspection ------------------------------------------------------------------------------------------------


def _chosen(place: Station) -> Checklist | None:
    """The list in the address, or the only one there is; None if somebody has to choose first."""
    typed = request.args.get("list")
    if typed:
        try:
            return queries.get_usable(UUID(typed), place)
        except ValueError:
            abort(404)
    usable = queries.list_usable(place)
    return usable[0].checklist if len(usable) == 1 else None


@bp.get("/staff/stations/<string:code>/inspections/new")
@requires(KEEP)
def new(code: str) -> Response:
    """The sheet of one station by one list."""
    place = get_station_for(code, access.actor(), KEEP)
    checklist = _chosen(place)
    if checklist is None:
        lists = queries.list_usable(place)
        return page("stations/inspections/choose.html", station=place, lists=lists, target="inspections.new")
    form = forms.sheet_form(checklist.items, data={"inspected_on": clock.today(), "unannounced": True})
    return page("stations/inspections/new.html", station=place, checklist=checklist, form=form)


@bp.post("/staff/stations/<string:code>/inspections/new")
@requires(KEEP)
@writes
def add(code: str) -> Response:
    """Put a filled-in sheet on record."""
    place = get_station_for(code, access.actor(), KEEP)
    checklist = _chosen(place)
    if checklist is None:
        lists = queries.list_usable(place)
        return invalid("stations/inspections/choose.html", station=place, lists=lists, target="inspections.new")
    form = forms.sheet_form(checklist.items)
    if form.validate():
        try:
            made = commands.record_inspection(
                station=place, checklist=checklist, inspected_on=form.inspected_on.data, answers=form.given(),
                unannounced=form.unannounced.data, signature=form.signature.data, note=form.note.data, by=access.by(),
            )  # fmt: skip
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("inspections.show", inspection_id=made.id), text(N_("The inspection is on record.")))
    return invalid("stations/inspections/new.html", station=place, checklist=checklist, form=form)


@bp.get("/staff/stations/<string:code>/inspections/sheet")
@requires(KEEP)
def sheet(code: str) -> Response:
    """The empty sheet on A4: one station, one sheet, two signatures."""
    place = get_station_for(code, access.actor(), KEEP)
    checklist = _chosen(place)
    if checklist is None:
        lists = queries.list_usable(place)
        return page("stations/inspections/choose.html", station=place, lists=lists, target="inspections.sheet")
    return page("stations/inspections/sheet.html", station=place, checklist=checklist)


@bp.get("/staff/inspections/<uuid:inspection_id>")
@requires(KEEP)
def show(inspection_id: UUID) -> Response:
    """What was found, item by item; prints on A4."""
    row = queries.get_inspection(inspection_id, access.actor())
    return page(
        "stations/inspections/show.html",
        row=row,
        answers=queries.list_answers(inspection_id),
        inspector=queries.name_of_inspector(row.inspection),
        kinds=ReportKind.choices(),
    )


@bp.get("/staff/inspections/<uuid:inspection_id>/photos/<uuid:picture_id>")
@requires(KEEP)
def photo(inspection_id: UUID, picture_id: UUID) -> Response:
    """A photograph of an inspection; for its keepers only."""
    picture = queries.get_photo(inspection_id, picture_id, access.actor())
    return send_picture(picture, small="small" in request.args)


@bp.post("/staff/inspections/<uuid:inspection_id>/items/<uuid:item_id>/report")
@requires(KEEP)
@writes
def report(inspection_id: UUID, item_id: UUID) -> Response:
    """Open a report of what was not met, in one tap."""
    row = queries.get_inspection(inspection_id, access.actor())
    form = forms.FindingForm()
    kind = ReportKind(form.kind.data) if form.validate() else ReportKind.OTHER
    try:
        made = commands.report_finding(inspection=row.inspection, station=row.station, item_id=item_id, kind=kind, by=access.by())
    except Refused as refused:
        return done(url_for("inspections.show", inspection_id=inspection_id), refused.problems[0].says, "info")
    return done(url_for("upkeep.show", report_id=made.id), text(N_("A report is open, with its clock.")))
