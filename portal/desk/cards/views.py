"""HTTP of printed cards at the counter."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for

from portal import access
from portal.access import Permission, requires
from portal.members.workers import commands
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.members.workers.views import sheet_of_cards
from portal.stations.register import queries as stations
from portal.stations.register.models import Station
from portal.types import N_, text
from portal.web import done, writes

bp = Blueprint("cards", __name__)

SERVE = Permission.SERVE


def _station(code: str) -> Station:
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


def _found() -> Worker:
    """Who stands at the desk: the id was handed out there, after an exact key found them."""
    return workers.get_worker(request.form.get("worker", type=UUID) or abort(400))


@bp.get("/desk/<string:code>/cards")
@requires(SERVE)
def index(code: str) -> Response:
    """The cards one issued oneself today, to be printed beside the counter."""
    station = _station(code)
    return sheet_of_cards(url_for("cards.index", code=station.code), back=url_for("desk.desk", code=station.code))


@bp.post("/desk/<string:code>/cards")
@requires(SERVE)
@writes
def issue(code: str) -> Response:
    """Issue a card on paper; with `replace` those before find nobody any more."""
    station = _station(code)
    commands.issue_printed_card(worker=_found(), replace=bool(request.form.get("replace")), by=access.by())
    here = url_for("cards.index", code=station.code)
    return done(here, text(N_("The card is ready: print this sheet and hand it over.")))


@bp.post("/desk/<string:code>/cards/lost")
@requires(SERVE)
@writes
def lost(code: str) -> Response:
    """All printed cards of a person find nobody from now on."""
    station = _station(code)
    gone, back = commands.revoke_printed(worker=_found(), by=access.by()), url_for("desk.desk", code=station.code)
    if not gone:
        return done(back, text(N_("There was no printed card.")), "warning")
    return done(back, text(N_("Every printed card of this person finds nobody any more.")))
