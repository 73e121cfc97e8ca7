"""HTTP of the desk without network: its page, its service worker, a fresh token, and what is sent afterwards."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request, send_from_directory

from portal import access, clock
from portal.access import Permission, public, requires
from portal.db import transactional
from portal.desk.offline import commands, rules
from portal.i18n import say
from portal.members.workers import rules as worker_rules
from portal.signatures import form_token
from portal.stations.register import queries as stations
from portal.stations.register.models import Station
from portal.types import N_, text
from portal.vocabulary import COUNTER_OCCUPATIONS
from portal.web import own_door, page

bp = Blueprint("offline", __name__)


def _station(code: str) -> Station:
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


def _answer(status: int = 200, **values: Any) -> Response:
    response = jsonify(values)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/desk/offline-worker")
@public
def worker() -> Response:
    """The service worker; it stands here so that it may look after /desk/."""
    response = send_from_directory(current_app.static_folder, "offline-worker.js", mimetype="text/javascript", etag=True)
    response.headers["Cache-Control"] = "no-cache"
    return response


@bp.get("/desk/<string:code>/offline")
@requires(Permission.SERVE)
def show(code: str) -> Response:
    """The desk as it works without network. It is kept by the browser, so it names nobody, not even who is signed in."""
    station = _station(code)
    usual = station.default_service or (station.offered or [None])[0]
    return page(
        "desk/offline/offline.html", station=station, occupations=COUNTER_OCCUPATIONS, usual=usual,
        card=f"{worker_rules.CARD_CODE.pattern}|{worker_rules.SCREEN_CODE.pattern}",
    )  # fmt: skip


@bp.get("/desk/<string:code>/offline/token")
@requires(Permission.SERVE)
def token(code: str) -> Response:
    """A fresh form token, and what time it is."""
    _station(code)
    return _answer(csrf_token=form_token(), now=int(clock.now().timestamp() * 1000))


@bp.post("/desk/<string:code>/offline")
@requires(Permission.SERVE)
@own_door("each entry is a transaction of its own under a key of its own")
def sync(code: str) -> Response:
    """Take in a batch: what became of each entry, by its key."""
    station = _station(code)
    try:
        entries = json.loads(request.form.get("entries", ""))
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not 1 <= len(entries) <= rules.MOST_ENTRIES:
        return _answer(400, says=say(text(N_("This batch could not be read; the entries stay on the tablet."))))
    take = transactional(commands.take)
    taken = [take(station=station, entry=entry, by=access.by()) for entry in entries]
    return _answer(taken=[{"key": one.key, "became": one.became} for one in taken])
