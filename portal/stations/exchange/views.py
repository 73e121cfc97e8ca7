"""HTTP of workbooks: stations out and in."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.exchange import exports, forms, imports, queries
from portal.stations.exchange.models import StationImport
from portal.stations.register import queries as register
from portal.stations.register.forms import problems_with_union, read_filters
from portal.tables import MAX_BYTES, Unreadable
from portal.types import Problem
from portal.web import done, invalid, page, send_workbook, writes

bp = Blueprint("exchange", __name__)

KEEP = Permission.KEEP_STATIONS


@bp.get("/staff/stations/export")
@requires(KEEP)
def export() -> Response:
    """The stations that match, as a workbook that can be loaded again."""
    rows = exports.station_rows(register.rows_for_export(access.actor(), KEEP, **read_filters(request.args)))
    name = _("Stations")
    return send_workbook(f"{name} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


@bp.get("/staff/stations/import")
@requires(KEEP)
def upload() -> Response:
    """The form to load a workbook, with what was loaded last."""
    suggested = register.suggest_unions(access.actor(), KEEP, limit=1)
    return _upload_page(forms.ImportForm(data={"union_code": suggested[0].code if suggested else None}))


def _upload_page(form: forms.ImportForm) -> Response:
    last = queries.list_imports(access.actor(), KEEP)
    draw = invalid if form.errors else page
    unions = register.suggest_unions(access.actor(), KEEP)
    return draw("stations/exchange/import.html", form=form, unions=unions, last=last, headers=exports.HEADERS)


@bp.post("/staff/stations/import")
@requires(KEEP)
@writes
def load() -> Response:
    """Load a workbook: what is right goes in, the rest comes back with the reason."""
    form = forms.ImportForm()
    union = register.find_union(form.union_code.data, access.actor(), KEEP)
    if form.validate() and form.take(problems_with_union(form.union_code.data, union)):
        file, roots = form.workbook.data, access.actor().unions(KEEP)
        try:
            content = file.read(MAX_BYTES + 1)
            outcome, kept = imports.load(content, union=union, roots=roots, by=access.by(), file_name=file.filename or "")
        except Unreadable as trouble:
            form.take([Problem("unreadable", trouble.says, field="workbook")])
        else:
            kind = "warning" if outcome.refused else "success"
            return done(url_for("exchange.imported", import_id=kept.id), imports.summary(**outcome.counts), kind)
    return _upload_page(form)


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
