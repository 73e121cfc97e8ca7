"""HTTP of coverage, for staff."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.coverage import exports, queries, rules
from portal.stations.register.models import StationKind
from portal.web import page, send_workbook

bp = Blueprint("coverage", __name__)

KEEP = Permission.KEEP_STATIONS


def _kind() -> StationKind | None:
    try:
        return StationKind(request.args.get("kind", ""))
    except ValueError:
        return None


@bp.get("/staff/stations/coverage")
@requires(KEEP)
def index() -> Response:
    """Where stations stand in one's part of the tree, by county, and where one is missing."""
    kind = _kind()
    rows = queries.list_counties(access.actor(), KEEP, clock.now(), kind)
    missing = {row.code: rules.gaps(row, kind) for row in rows}
    only_gaps = request.args.get("gaps") == "1"
    return page(
        "stations/coverage/index.html",
        fragments=("counties",),
        rows=[row for row in rows if missing[row.code]] if only_gaps else rows,
        everything=rows,
        total=rules.total(rows),
        gaps=missing,
        without=sum(not row.serving for row in rows),
        drawing=rules.draw(rows),
        kind=kind,
        only_gaps=only_gaps,
        kinds=StationKind.choices(),
        uses_htmx=True,
    )


@bp.get("/staff/stations/coverage/export")
@requires(KEEP)
def export() -> Response:
    """The same as a workbook."""
    kind = _kind()
    rows = queries.list_counties(access.actor(), KEEP, clock.now(), kind)
    return send_workbook(f"{_('Coverage')} {clock.today()}", exports.COLUMNS, exports.rows(rows, kind))
