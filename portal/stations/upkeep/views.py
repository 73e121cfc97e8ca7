"""HTTP of upkeep, for keepers: the list of reports with its clock, one report, a station's record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register.models import Station
from portal.stations.register.queries import get_station_for
from portal.stations.upkeep import commands, exports, forms, queries, rules
from portal.stations.upkeep.models import TRANSITIONS, Report, ReportKind, ReportSource, ReportStatus
from portal.types import N_, Refused, Text, text
from portal.unions.staff.queries import StaffActor
from portal.web import done, invalid, page, pager, send_picture, send_workbook, writes

bp = Blueprint("upkeep", __name__)

KEEP = Permission.KEEP_STATIONS


def waiting(actor: StaffActor) -> tuple[Text, str, int] | None:
    """For the staff home: open reports, and how many are overdue."""
    if not actor.may(KEEP):
        return None
    count = queries.count_open(actor)
    if count.overdue:
        says = text(N_("Reports from the door, %(overdue)s overdue"), overdue=count.overdue)
    else:
        says = text(N_("Reports from the door"))
    return says, url_for("upkeep.index"), count.open


@bp.app_template_global()
def fault_clock(report: Report) -> Any:
    """A report's clock for a template: (light, words), or None when it is settled."""
    if report.ended_at:
        return None
    now = clock.now()
    return rules.clock_light(report.due_at, now), rules.clock_says(report.due_at, now)


def _filters() -> tuple[dict[str, Any], list[tuple[str, str]]]:
    counties = queries.list_counties(access.actor())
    return forms.read_filters(request.args, counties), counties


@bp.get("/staff/reports")
@requires(KEEP)
def index() -> Response:
    """The reports within one's part of the tree; the open ones first, the overdue at the top."""
    filters, counties = _filters()
    rows = queries.list_reports(access.actor(), filters, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "stations/upkeep/index.html",
        fragments=("reports",),
        rows=rows,
        filters=filters,
        counties=counties,
        states=forms.STATE_CHOICES,
        kinds=ReportKind.choices(),
        pager=pager(rows),
        uses_htmx=True,
    )


@bp.get("/staff/reports/export")
@requires(KEEP)
def export() -> Response:
    """The same list as a workbook."""
    found = queries.rows_for_export(access.actor(), _filters()[0])
    return send_workbook(_("Reports from stations"), exports.COLUMNS, exports.rows(found))


# --- one report ----------------------------------------------------------------------------------------------------


def _show(report: Report, station: Station, **known: Any) -> Response:
    shown = {
        "answer_form": forms.AnswerForm(formdata=None),
        "settle_form": forms.SettleForm(formdata=None),
        "reopen_form": forms.ReopenForm(formdata=None),
    } | known
    following = TRANSITIONS[report.status]
    return (invalid if known else page)(
        "stations/upkeep/show.html",
        report=report,
        station=station,
        steps=queries.list_steps(report.id),
        may_answer=ReportStatus.ANSWERED in following,
        may_settle=ReportStatus.REPAIRED in following,
        may_reopen=ReportStatus.REOPENED in following,
        took=rules.amount(report.ended_at - report.begun_at) if report.ended_at else None,
        **shown,
    )


@bp.get("/staff/reports/<uuid:report_id>")
@requires(KEEP)
def show(report_id: UUID) -> Response:
    """One report: what was said, the clock, every step, and what the keeper can do now."""
    return _show(*queries.get_report(report_id, access.actor()))


@bp.get("/staff/reports/<uuid:report_id>/photos/<uuid:picture_id>")
@requires(KEEP)
def photo(report_id: UUID, picture_id: UUID) -> Response:
    """A photograph that came with a report; for its keepers only."""
    picture = queries.get_photo(report_id, picture_id, access.actor())
    return send_picture(picture, small="small" in request.args)


@bp.post("/staff/reports/<uuid:report_id>/answer")
@requires(KEEP)
@writes
def answer(report_id: UUID) -> Response:
    """The keeper is on it."""
    report, station = queries.get_report(report_id, access.actor())
    form = forms.AnswerForm()
    if form.validate():
        try:
            commands.answer(report=report, note=form.note.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return _back(report, N_("Answered. Whoever is on the way reads that the keeper is on it."))
    return _show(report, station, answer_form=form)


@bp.post("/staff/reports/<uuid:report_id>/settle")
@requires(KEEP)
@writes
def settle(report_id: UUID) -> Response:
    """It is put right, or nothing was wrong."""
    report, station = queries.get_report(report_id, access.actor())
    form = forms.SettleForm()
    if form.validate():
        repaired = form.outcome.data == ReportStatus.REPAIRED
        command = commands.repair if repaired else commands.find_unfounded
        try:
            command(report=report, note=form.settle_note.data, photo=form.photo.stream, by=access.by())
        except Refused as refused:
            form.take(_at(refused, "settle_note"))
        else:
            return _back(report, N_("Put right, and on record.") if repaired else N_("On record: nothing was wrong."))
    return _show(report, station, settle_form=form)


@bp.post("/staff/reports/<uuid:report_id>/reopen")
@requires(KEEP)
@writes
def reopen(report_id: UUID) -> Response:
    """It was not settled after all."""
    report, station = queries.get_report(report_id, access.actor())
    form = forms.ReopenForm()
    if form.validate():
        try:
            commands.reopen(report=report, note=form.reopen_note.data, by=access.by())
        except Refused as refused:
            form.take(_at(refused, "reopen_note"))
        else:
            return _back(report, N_("Open again; the clock begins anew."))
    return _show(report, station, reopen_form=form)


def _back(report: Report, says: str) -> Response:
    return done(url_for("upkeep.show", report_id=report.id), text(says))


def _at(refused: Refused, name: str) -> list:
    """The problems of a note beside the field of this form: three forms stand on one page, each with its own names."""
    return [type(one)(one.code, one.says, one.level, name if one.field == "note" else one.field) for one in refused.problems]


# --- a station's record --------------------------------------------------------------------------------------------


@bp.get("/staff/stations/<string:code>/reports")
@requires(KEEP)
def station(code: str) -> Response:
    """Everything that was ever said about one station, and how long it took to put it right."""
    place = get_station_for(code, access.actor(), KEEP)
    filters = {"station_id": place.id, "state": queries.State.ALL}
    rows = queries.list_reports(access.actor(), filters, before=request.args.get("before"), after=request.args.get("after"))
    record = queries.record_of(place.id)
    took = rules.amount(record.median) if record.median is not None else None
    return page("stations/upkeep/station.html", station=place, rows=rows, record=record, took=took, pager=pager(rows))


def _fault_form(place: Station) -> forms.FaultForm:
    return forms.FaultForm().offer(row.facility for row in place.facilities)


@bp.get("/staff/stations/<string:code>/reports/new")
@requires(KEEP)
def new(code: str) -> Response:
    """The keeper's own observation."""
    place = get_station_for(code, access.actor(), KEEP)
    return page("stations/upkeep/new.html", station=place, form=_fault_form(place))


@bp.post("/staff/stations/<string:code>/reports/new")
@requires(KEEP)
@writes
def add(code: str) -> Response:
    """Write the keeper's own observation down."""
    place = get_station_for(code, access.actor(), KEEP)
    form = _fault_form(place)
    if form.validate():
        try:
            report = commands.say_fault(station=place, source=ReportSource.KEEPER, by=access.by(), **form.values())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return _back(report, N_("On record, with its clock."))
    return invalid("stations/upkeep/new.html", station=place, form=form)
