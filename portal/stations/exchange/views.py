"""HTTP of workbooks: stations out, stations in with a look before anything is loaded."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, send_file, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.exchange import commands, exports, forms, imports, queries, rules
from portal.stations.exchange.models import ImportJob, LoadStatus, StagedImport, StationImport
from portal.stations.register import queries as register
from portal.stations.register.forms import problems_with_union, read_filters
from portal.stations.register.models import CoordinateSystem
from portal.tables import MAX_BYTES, Unreadable, text_file, workbook
from portal.types import N_, Problem, text
from portal.web import WORKBOOK, done, invalid, is_fragment_request, page, send_workbook, writes

bp = Blueprint("exchange", __name__)

KEEP = Permission.KEEP_STATIONS


@bp.get("/staff/stations/export")
@requires(KEEP)
def export() -> Response:
    """The stations that match, as a workbook or CSV that can be loaded again."""
    rows = exports.station_rows(register.rows_for_export(access.actor(), KEEP, **read_filters(request.args)))
    name = _("Stations")  # not within the f-string: extraction does not look there
    return _send(f"{name} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


def _send(name: str, columns: Any, rows: Any) -> Response:
    """A table as a download: a workbook, or CSV where the address says ``as=csv``."""
    if request.args.get("as") != "csv":
        return send_workbook(name, columns, rows)
    response = send_file(
        text_file(columns, rows), mimetype="text/csv", as_attachment=True, download_name=f"{name}.csv", etag=False
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/staff/stations/import")
@requires(KEEP)
def upload() -> Response:
    """The form to send a workbook, with what waits and what was loaded last."""
    suggested = register.suggest_unions(access.actor(), KEEP, limit=1)
    return _upload_page(forms.ImportForm(data={"union_code": suggested[0].code if suggested else None}))


def _upload_page(form: forms.ImportForm) -> Response:
    actor = access.actor()
    draw, waiting = invalid if form.errors else page, queries.list_waiting(access.actor(), KEEP)
    return draw(
        "stations/exchange/import.html",
        form=form,
        unions=register.suggest_unions(actor, KEEP),
        waiting=waiting,
        jobs=queries.jobs_of(waiting),
        last=queries.list_imports(actor, KEEP),
        headers=rules.READ,
    )


@bp.post("/staff/stations/import")
@requires(KEEP)
@writes
def stage() -> Response:
    """Take a workbook in and look at it; nothing is loaded yet."""
    form = forms.ImportForm()
    union = register.find_union(form.union_code.data, access.actor(), KEEP)
    if form.validate() and form.take(problems_with_union(form.union_code.data, union)):
        file, roots, by = form.workbook.data, access.actor().unions(KEEP), access.by()
        try:
            content = file.read(MAX_BYTES + 1)
            seen = imports.preview(content, union=union, roots=roots, by=by)
        except Unreadable as trouble:
            form.take([Problem("unreadable", trouble.says, field="workbook")])
        else:
            name, told = imports.short_name(file.filename or ""), imports.report_ahead(seen)
            staged = commands.stage(by=by, union_id=union.id, file_name=name, content=content, preview=told)
            return done(url_for("exchange.preview", staged_id=staged.id))
    return _upload_page(form)


# --- the look before ---------------------------------------------------------------------------------------


def _staged(staged_id: UUID) -> StagedImport:
    return queries.get_staged(staged_id, access.actor(), KEEP)


@bp.get("/staff/stations/import/preview/<uuid:staged_id>")
@requires(KEEP)
def preview(staged_id: UUID) -> Response:
    """What would become of a file: how its columns are understood, its first rows, and every row with a problem."""
    staged, job = _staged(staged_id), queries.find_job(staged_id)
    if job:
        return _loading_page(staged, job)
    told = json.loads(staged.preview)
    form = forms.LookForm(data={"crs": staged.crs.value if staged.crs else ""})
    form.offer(told["sheets"], told["sheet"])
    return _preview_page(staged, told, form)


def _loading_page(staged: StagedImport, job: ImportJob) -> Response:
    """How far the worker is; once it is done, what became of the file."""
    if job.status is LoadStatus.DONE and not is_fragment_request():
        return redirect(url_for("exchange.imported", import_id=job.import_id), code=303)
    union = queries.union_of(staged)
    return page("stations/exchange/loading.html", fragments=("loading",), staged=staged, job=job, union=union,
                uses_htmx=job.open)  # fmt: skip


def _preview_page(staged: StagedImport, told: dict[str, Any], form: forms.LookForm) -> Response:
    draw = invalid if form.errors else page
    union = queries.union_of(staged)
    ends = staged.at + queries.STAGED_FOR
    return draw("stations/exchange/preview.html", staged=staged, told=told, form=form, union=union, ends=ends,
                by_worker=commands.BY_WORKER)  # fmt: skip


@bp.post("/staff/stations/import/preview/<uuid:staged_id>/look")
@requires(KEEP)
@writes
def look(staged_id: UUID) -> Response:
    """Look at a waiting file again: another sheet, or the system of its points."""
    staged, form = _staged(staged_id), forms.LookForm()
    if queries.find_job(staged_id):
        return done(url_for("exchange.preview", staged_id=staged.id))
    told = json.loads(staged.preview)
    form.offer(told["sheets"], told["sheet"])
    if form.validate():
        try:
            seen = imports.preview(queries.content_of(staged), **_how(staged, form.sheet.data, form.crs.data))
        except Unreadable as trouble:
            form.take([Problem("unreadable", trouble.says, field="sheet")])
        else:
            crs = CoordinateSystem(form.crs.data) if form.crs.data else None
            told = imports.report_ahead(seen)
            commands.restage(staged=staged, sheet=form.sheet.data or None, crs=crs, preview=told, by=access.by())
            return done(url_for("exchange.preview", staged_id=staged.id))
    return _preview_page(staged, told, form)


def _how(staged: StagedImport, sheet: str | None, crs: str | None) -> dict[str, Any]:
    """In whose name and in which way a waiting file is read."""
    return {
        "union": queries.union_of(staged),
        "roots": access.actor().unions(KEEP),
        "by": access.by(),
        "sheet": sheet or None,
        "crs": CoordinateSystem(crs) if crs else None,
    }


@bp.post("/staff/stations/import/preview/<uuid:staged_id>/load")
@requires(KEEP)
@writes
def load(staged_id: UUID) -> Response:
    """Load what is right of a file that was looked at; the rest comes back with the reason. A large one is the worker's."""
    staged = _staged(staged_id)
    total = sum(json.loads(staged.preview)["counts"].values())
    if total > commands.BY_WORKER or queries.find_job(staged_id):
        commands.ask_worker(staged=staged, total=total, language=str(get_locale()), by=access.by())
        return done(url_for("exchange.preview", staged_id=staged.id))
    content, name = queries.content_of(staged), staged.file_name
    outcome, kept = imports.load(content, file_name=name, **_how(staged, staged.sheet, staged.crs))
    commands.discard(staged=staged, by=access.by())
    kind = "warning" if outcome.refused else "success"
    return done(url_for("exchange.imported", import_id=kept.id), rules.summary(**outcome.counts), kind)


@bp.post("/staff/stations/import/preview/<uuid:staged_id>/discard")
@requires(KEEP)
@writes
def discard(staged_id: UUID) -> Response:
    """Forget a waiting file; nothing was loaded."""
    staged, job = _staged(staged_id), queries.find_job(staged_id)
    if job and job.open:  # too late: the worker has it
        return done(url_for("exchange.preview", staged_id=staged.id))
    commands.discard(staged=staged, by=access.by())
    return done(url_for("exchange.upload"), text(N_("The file is forgotten; nothing was loaded.")))


# --- what became of it -------------------------------------------------------------------------------------


def _report(kept: StationImport) -> dict[str, Any]:
    return json.loads(kept.report) if kept.report else {"head": [], "unknown": [], "rows": []}


@bp.get("/staff/stations/import/<uuid:import_id>")
@requires(KEEP)
def imported(import_id: UUID) -> Response:
    """What became of a workbook, row by row where something is to be said."""
    kept = queries.get_import(import_id, access.actor(), KEEP)
    return page("stations/exchange/imported.html", kept=kept, report=_report(kept))


@bp.get("/staff/stations/import/<uuid:import_id>/refused")
@requires(KEEP)
def refused(import_id: UUID) -> Response:
    """The refused rows as a file, each with its reason, to be put right and sent again."""
    kept = queries.get_import(import_id, access.actor(), KEEP)
    columns, rows = exports.refused_table(_report(kept))
    name = _("Stations not loaded")
    return _send(f"{name} {clock.business_day(kept.at)}", columns, rows)


@bp.get("/staff/stations/import/template")
@requires(KEEP)
def template() -> Response:
    """An empty workbook with every column that can be loaded, and a sheet that explains them."""
    name = _("Station workbook")
    file = workbook(exports.template_columns(), (), name, beside=[(*exports.explanation(), _("Explanation"))])
    response = send_file(file, mimetype=WORKBOOK, as_attachment=True, download_name=f"{name}.xlsx", etag=False)
    response.headers["Cache-Control"] = "no-store"
    return response
