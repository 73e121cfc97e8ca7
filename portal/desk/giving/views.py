"""HTTP of programmes at the counter: give, receive who is booked, take back, who is booked today."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, flash, request, url_for

from portal import access
from portal.access import Permission, requires
from portal.desk import queries as counter
from portal.desk.giving import commands, forms, queries
from portal.desk.views import counter_page
from portal.i18n import say
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.stations.register import queries as stations
from portal.stations.register.models import Station
from portal.types import N_, Refused, text
from portal.vocabulary import Occupation
from portal.web import done, page, writes

bp = Blueprint("giving", __name__)

SERVE = Permission.SERVE


def _station(code: str) -> Station:
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


def _asking() -> dict[str, str]:
    return {"gives": "ask"} if request.form.get("gives") == "ask" else {}


def _again(station: Station, worker: Worker | None, programme: str, form: forms.GiveForm) -> Response:
    """The counter with the same person, and what is missing beside the button."""
    known = counter.Counter(counter.person(worker, station)) if worker else counter.Counter()
    return counter_page(station, status=422, counter=known, missing_for=programme, give_form=form)


@bp.post("/desk/<string:code>/programmes/<string:programme>/give")
@requires(SERVE)
@writes
def give(code: str, programme: str) -> Response:
    """Hand over one: one tap where the light is green, with what was shown where it is not."""
    station, form = _station(code), forms.GiveForm()
    offer = queries.get_offer(station, programme) or abort(404)
    worker = _receiver(form)
    due = queries.find_due(station, UUID(form.booking.data)) if form.booking.data else None
    if form.validate():
        occupation = Occupation(form.occupation.data or Occupation.OTHER)
        try:
            given = commands.give(station=station, offer=offer, worker=worker, occupation=occupation, due=due,
                                  shown=form.shown(), by=access.by())  # fmt: skip
            return done(url_for("desk.desk", code=code, delivery=given.id, **_asking()))
        except Refused as refused:
            form.take(refused.problems)
    return _again(station, worker, programme, form)


def _receiver(form: forms.GiveForm) -> Worker | None:
    """Who stands on the card; a button that is out of date is answered with 400, somebody unknown with 404."""
    try:
        ident = form.receiver()
        form.booking.data = str(UUID(form.booking.data)) if form.booking.data else None
    except ValueError:
        abort(400)
    return (workers.find_worker(ident) or abort(404)) if ident else None


@bp.post("/desk/<string:code>/check-in")
@requires(SERVE)
@writes
def check_in(code: str) -> Response:
    """Receive who is booked here today; what needs nothing shown is handed over in the same moment."""
    station = _station(code)
    due = queries.find_due(station, request.form.get("booking", type=UUID) or abort(400)) or abort(404)
    offer = queries.get_offer(station, due.programme.code) or abort(404)
    listed = request.form.get("back") == "list"
    try:
        given = commands.receive(station=station, due=due, offer=offer, by=access.by())
    except Refused as refused:
        form = forms.GiveForm(formdata=None)
        form.take(refused.problems)
        return _booked(station, problems=refused.problems) if listed else _again(station, due.worker, due.programme.code, form)
    if listed and given:
        return done(url_for("giving.booked", code=code), text(N_("Received and handed over: %(what)s"), what=due.programme.name))
    shown = {"delivery": given.id} if given else {"booking": due.booking.id}
    return done(url_for("desk.desk", code=code, **shown, **_asking()))


@bp.post("/desk/<string:code>/giving/undo")
@requires(SERVE)
@writes
def undo(code: str) -> Response:
    """Take the last hand-over back."""
    station = _station(code)
    what = {name: request.form.get(name, type=UUID) for name in ("delivery", "booking")}
    if not any(what.values()):
        abort(400)
    try:
        commands.take_back(station=station, delivery_id=what["delivery"], booking_id=what["booking"], by=access.by())
    except Refused as refused:
        flash(say(refused.problems[0]), "error")
    return done(url_for("desk.desk", code=code, **{name: value for name, value in what.items() if value}, **_asking()))


@bp.get("/desk/<string:code>/bookings")
@requires(SERVE)
def booked(code: str) -> Response:
    """Who is booked here today, by time, masked; one tap receives."""
    return _booked(_station(code))


def _booked(station: Station, **more: Any) -> Response:
    return page("desk/giving/booked.html", status=422 if more else 200, station=station,
                rows=queries.list_booked_today(station), **more)  # fmt: skip
