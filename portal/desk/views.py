"""HTTP of the counter."""

from __future__ import annotations

from uuid import UUID

import segno
from flask import Blueprint, Response, abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from portal import access
from portal.access import Permission, requires
from portal.desk import commands, forms, queries
from portal.i18n import say
from portal.members.joining import commands as joining
from portal.members.workers import queries as workers
from portal.members.workers import rules as worker_rules
from portal.stations.register import queries as stations
from portal.stations.visits import commands as visit_commands
from portal.stations.visits import queries as visits
from portal.types import N_, Problem, text
from portal.vocabulary import COUNTER_OCCUPATIONS, BasicService, Occupation
from portal.web import (
    changes_nothing,
    done,
    error_page,
    fragment,
    idempotency_key,
    is_fragment_request,
    own_door,
    page,
    writes,
)

bp = Blueprint("desk", __name__)

FRAGMENTS = ("counter", "aside")


def _unions() -> tuple[UUID, ...]:
    return access.actor().unions(Permission.SERVE)


def _station(code: str):
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


def _desk(station, *, status: int = 200, **context) -> Response:
    """The desk of a station; context fills the counter."""
    context = {"counter": queries.Counter(), "form": forms.LookUpForm(), "found": None} | context
    aside = {} if is_fragment_request() and request.htmx.target == "counter" else {
        "today": visits.today(station.id, visits.clock.today()),
        "recent": visits.list_lines_of_today(station.id),
    }  # fmt: skip
    return page(
        "desk/desk.html",
        fragments=FRAGMENTS,
        status=status,
        station=station,
        fragment=is_fragment_request(),
        occupations=COUNTER_OCCUPATIONS,
        all_occupations=list(Occupation),
        mask_name=worker_rules.mask_name,
        **context,
        **aside,
    )


@bp.get("/desk")
@requires(Permission.SERVE)
def index() -> Response:
    """The stations one may serve at; a single one opens at once."""
    served = stations.list_served_by(access.actor())
    if len(served) == 1:
        return redirect(url_for("desk.desk", code=served[0].code))
    return page("desk/index.html", stations=served)


@bp.get("/desk/<string:code>")
@requires(Permission.SERVE)
def desk(code: str) -> Response:
    """The counter; `?line=` shows who was just served and offers to take it back."""
    station = _station(code)
    line_id = request.args.get("line", type=UUID)
    return _desk(station, counter=queries.counter(station, line_id=line_id, by=access.by()))


@bp.get("/desk/<string:code>/today")
@requires(Permission.SERVE)
def today(code: str) -> Response:
    """The day so far: visits and identified people apart, by occupation, and every line."""
    station = _station(code)
    before = request.args.get("before", type=UUID)
    lines = visits.list_lines_of_today(station.id, before=before, limit=50)
    return page(
        "desk/today.html",
        station=station,
        today=visits.today(station.id, visits.clock.today()),
        lines=lines,
        next_before=lines[-1].id if len(lines) == 50 else None,
        mask_name=worker_rules.mask_name,
    )


@bp.post("/desk/<string:code>/look-up")
@requires(Permission.SERVE)
@changes_nothing("a phone or ID number must not stand in an address")
def look_up(code: str) -> Response:
    """Find somebody by an exact key, or one of several people behind a shared phone."""
    station = _station(code)
    chosen = request.form.get("person", type=UUID)
    if chosen:
        worker = workers.find_worker(chosen) or abort(404)
        return _desk(station, counter=queries.Counter(person=queries.person(worker, station)))
    form = forms.LookUpForm()
    if not form.validate():
        return _desk(station, status=422, form=form)
    found = workers.find_by_key(form.who.data)
    if len(found.workers) == 1:
        return _desk(station, counter=queries.Counter(person=queries.person(found.workers[0], station)))
    people = [(worker.id, workers.masked(worker)) for worker in found.workers]
    return _desk(station, found=found, people=people, typed=form.who.data, mask_phone=worker_rules.mask_phone)


@bp.post("/desk/<string:code>/visits")
@requires(Permission.SERVE)
@own_door("one statement carries key, work and answer")
def log(code: str) -> Response:
    """One tap, one service. The quickest page of the house: one statement and a tile."""
    tap = forms.read_tap(request.form)
    if isinstance(tap, Problem):
        return error_page(400, say(tap))
    try:
        logged = visit_commands.log_visit(
            station_code=code, service=tap.service, worker_id=tap.worker_id, occupation=tap.occupation,
            key=tap.key, unions=_unions(), by=access.by(),
        )  # fmt: skip
    except (visit_commands.NoSuchStation, visit_commands.NoSuchWorker):
        abort(404)
    here = url_for("desk.desk", code=code)
    if not is_fragment_request():
        return redirect(f"{here}?line={logged.line_id}", 303)
    name = _who(tap, logged)
    return fragment("desk/_logged.html", "logged", here=here, tap=tap, logged=logged, name=name, key=idempotency_key())


def _who(tap: forms.Tap, logged: visit_commands.Logged) -> str:
    """Whom the undo bar names. A first answer given again carries no name, so that person is read."""
    if tap.worker_id and not logged.fresh and (worker := workers.find_worker(tap.worker_id)):
        return worker_rules.mask_name(worker.name) or say(worker.occupation)
    return worker_rules.mask_name(logged.name) or say(Occupation(logged.occupation or tap.occupation))


@bp.post("/desk/<string:code>/workers")
@requires(Permission.SERVE)
@writes
def register(code: str) -> Response:
    """Somebody new: remember the phone and log the first service together."""
    station = _station(code)
    form = forms.RegisterWorkerForm()
    valid = form.validate()
    if not form.take(worker_rules.problems_with_phone(form.phone.data)) or not valid:
        found = workers.Found("phone", [])
        return _desk(station, status=422, found=found, people=[], typed=form.phone.data or "", newcomer=form,
                     mask_phone=worker_rules.mask_phone)  # fmt: skip
    logged = commands.serve_newcomer(
        station_code=code, phone=form.phone.data, name=form.name.data, occupation=Occupation(form.occupation.data),
        service=BasicService(form.service.data), key=request.form["key"], unions=_unions(), by=access.by(),
    )  # fmt: skip
    return done(url_for("desk.desk", code=code, line=logged.line_id))


@bp.post("/desk/<string:code>/undo")
@requires(Permission.SERVE)
@writes
def undo(code: str) -> Response:
    """Take the last line back."""
    _station(code)
    try:
        visit_commands.reverse_line(
            line_id=request.form.get("line", type=UUID) or abort(400), station_code=code, unions=_unions(),
            reason="undone at the counter", by=access.by(),
        )  # fmt: skip
    except visit_commands.CannotUndo as refusal:
        flash(say(refusal.problems[0]), "error")
    return done(url_for("desk.desk", code=code, line=request.form["line"]))


@bp.post("/desk/<string:code>/invitations")
@requires(Permission.SERVE)
@writes
def invite(code: str) -> Response:
    """After the service: show the code, not this time, or never again."""
    station = _station(code)
    line = visits.find_line(station.id, request.form.get("line", type=UUID) or abort(400))
    worker = workers.find_worker(line.worker_id) if line and line.worker_id else None
    if worker is None:
        abort(404)
    here = url_for("desk.desk", code=code)
    answer = request.form.get("answer")
    if answer in ("not_now", "never"):
        joining.decline_invitation(worker=worker, never=answer == "never", visit_id=line.visit_id, visit_at=line.visit_at,
                                   station_id=station.id, county_code=station.county_code, by=access.by())  # fmt: skip
        return done(here, text(N_("Noted. They are served all the same.")))
    token = joining.invite(worker=worker, visit_id=line.visit_id, visit_at=line.visit_at, station_id=station.id,
                           county_code=station.county_code, by=access.by())  # fmt: skip
    return done(url_for("desk.invitation", code=code, token=token))


@bp.get("/desk/<string:code>/invitations/<string:token>")
@requires(Permission.SERVE)
def invitation(code: str, token: str) -> Response:
    """The invitation's QR code, to be scanned with the worker's own phone."""
    station = _station(code)
    address = url_for("join.open", token=token, _external=True)
    picture = segno.make(address, error="m").svg_inline(scale=6, border=2, omitsize=True, svgclass="qr", lineclass=None)
    return page("desk/invitation.html", station=station, address=address, picture=Markup(picture),  # noqa: S704 - drawn by segno
                title=_("Invitation to join"))  # fmt: skip
