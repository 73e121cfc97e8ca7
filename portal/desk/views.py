"""HTTP of the counter."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import segno
from flask import Blueprint, Response, abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from portal import access, clock
from portal.access import Permission, requires
from portal.desk import commands, forms, queries, rules
from portal.desk.giving import queries as giving
from portal.desk.giving.forms import GiveForm
from portal.i18n import say
from portal.members.joining import commands as joining
from portal.members.joining.queries import find_invitation
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers import rules as worker_rules
from portal.members.workers.models import Purpose
from portal.retention import NOTICE_VERSION
from portal.stations.register import queries as stations
from portal.stations.register.models import Station
from portal.stations.supplies import queries as supplies
from portal.stations.upkeep import queries as upkeep
from portal.stations.visits import commands as visit_commands
from portal.stations.visits import queries as visits
from portal.types import N_, Problem, Refused, text
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
    unkeyed,
    writes,
)

bp = Blueprint("desk", __name__)

FRAGMENTS = ("counter", "aside")


def _unions() -> tuple[UUID, ...]:
    return access.actor().unions(Permission.SERVE)


def _station(code: str) -> Station:
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


def _gives(station: Station) -> BasicService | None:
    """What a scan gives in this tab: the station's default service, unless it was switched to asking."""
    return None if request.values.get("gives") == "ask" else rules.default_of(station.default_service)


def _asking() -> dict[str, str]:
    """The choice to ask first goes along in the address, for browsers in which no script keeps it."""
    return {"gives": "ask"} if request.values.get("gives") == "ask" else {}


def _desk(station: Station, *, status: int = 200, **context: Any) -> Response:
    """The desk of a station; context fills the counter."""
    context = {"form": forms.LookUpForm(), "matches": None, "doubt": None, "typed": "", "missing_for": None} | context
    if "counter" not in context:
        context["counter"] = queries.Counter(last=queries.find_last(station, access.by()))
    context["giving"] = queries.with_programmes(station, context["counter"], access.by(), given=context.pop("given", None))
    context.setdefault("give_form", GiveForm(formdata=None) if context["giving"].gifts else None)
    aside = {} if is_fragment_request() and request.htmx.target == "counter" else {
        "today": visits.today(station.id, clock.today()),
        "recent": queries.list_recent(station, handed=bool(context["giving"].offers)),
        "aed": queries.find_aed(station),
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
        mask_phone=worker_rules.mask_phone,
        default=rules.default_of(station.default_service),
        gives=_gives(station),
        may_merge=access.actor().may(Permission.MERGE_WORKERS),
        **context,
        **aside,
    )


counter_page = _desk  # for what is given at the counter from programmes


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
    """The counter; `?line=`, `?delivery=`, `?booking=` show who was just served and offer to take it back."""
    station = _station(code)
    line_id, *given_ids = (request.args.get(name, type=UUID) for name in ("line", "delivery", "booking"))
    if any(given_ids) and (given := giving.find_given(station, *given_ids)):
        return _desk(station, counter=queries.counter_of(given.worker, station, access.by()), given=given)
    return _desk(station, counter=queries.counter(station, line_id=line_id, by=access.by()))


# --- finding somebody ----------------------------------------------------------------------------------------------


def _person(station: Station, worker_id: UUID) -> Response:
    """Somebody's card, with the last line still there to be taken back."""
    return _desk(station, counter=queries.counter_of(workers.get_worker(worker_id), station, access.by()))


def _matches(typed: str, station: Station) -> queries.Matches:
    return queries.find_people(typed, access.actor(), station_code=access.actor().device_station, station=station)


def _chosen(matches: queries.Matches) -> queries.Match | None:
    """Who was tapped in the list, or the only one an exact key fits."""
    if request.form.get("person"):
        return matches.find(request.form.get("person", type=UUID) or abort(400)) or abort(404)
    return matches.people[0] if matches.exact and len(matches.people) == 1 else None


def _answer(station: Station, typed: str, matches: queries.Matches) -> Response:
    """The card of the one who was found, a question if their number was silent for long, or whom to choose from."""
    if request.form.get("person") == "new" and matches.kind == "phone":
        return _desk(station, matches=queries.Matches("phone"), typed=typed, another=True)
    chosen = _chosen(matches)
    if chosen is None:
        return _desk(station, matches=matches, typed=typed)
    worker = workers.get_worker(chosen.masked.id)
    if chosen.doubtful:
        form = forms.ContactForm(formdata=None)
        return _desk(station, doubt=chosen, typed=typed, contact=form, asked=workers.asked_for(worker))
    if matches.kind == "phone":
        worker_commands.note_phone_seen(worker=worker, phone=typed, by=access.by())
    return _person(station, worker.id)


@bp.post("/desk/<string:code>/look-up")
@requires(Permission.SERVE)
@changes_nothing("a phone or ID number must not stand in an address")
def look_up(code: str) -> Response:
    """Find somebody; nobody is ever made by looking."""
    station, form = _station(code), forms.LookUpForm()
    if not form.validate():
        return _desk(station, status=422, form=form)
    return _answer(station, form.who.data, _matches(form.who.data, station))


@bp.post("/desk/<string:code>/scans")
@requires(Permission.SERVE)
@own_door("a known card gives the service chosen beforehand, by the one statement; anything else only looks up")
def scan(code: str) -> Response:
    """One scan completes a visit where the station has a default service; what was given today already asks first."""
    station, form, key = _station(code), forms.LookUpForm(), request.form.get("key", "")
    if not form.validate():
        return _desk(station, status=422, form=form)
    matches, service = _matches(form.who.data, station), _gives(station)
    chosen = _chosen(matches)
    if not (service and chosen and matches.kind == "card" and not chosen.doubtful and 8 <= len(key) <= 40):
        return _answer(station, form.who.data, matches)
    worker_id = chosen.masked.id
    said = queries.problems_for(worker_id, station, [service], clock.now())[service]
    if not rules.may_be_given_by_scan(said):
        return _person(station, worker_id)
    logged = visit_commands.log_visit(
        station_code=code, service=service, worker_id=worker_id, occupation=chosen.masked.occupation,
        key=f"{key}:{worker_id.hex[-16:]}", unions=_unions(), by=access.by(),
    )  # fmt: skip
    if not is_fragment_request():
        return redirect(url_for("desk.desk", code=code, line=logged.line_id), 303)
    return _desk(station, counter=queries.counter(station, line_id=logged.line_id, by=access.by()))


@bp.post("/desk/<string:code>/contacts")
@requires(Permission.SERVE)
@unkeyed("a contact is confirmed or ended once; again it changes nothing")
def contact(code: str) -> Response:
    """A number that was silent for long: who they say they are opens the card; somebody else ends the old contact."""
    station, typed = _station(code), request.form.get("who", "")
    chosen = _chosen(_matches(typed, station))
    if chosen is None or not chosen.doubtful:
        return _answer(station, typed, _matches(typed, station))
    worker = workers.get_worker(chosen.masked.id)
    if request.form.get("answer") == "somebody_else":
        worker_commands.detach_phone(worker=worker, phone=typed, by=access.by())
        return _desk(station, matches=queries.Matches("phone"), typed=typed, another=True)
    form = forms.ContactForm()
    if form.validate():
        occupation = Occupation(form.occupation.data) if form.occupation.data else None
        try:
            worker_commands.confirm_contact(worker=worker, phone=typed, surname=form.surname.data, id_tail=form.id_tail.data,
                                            occupation=occupation, by=access.by())  # fmt: skip
        except Refused as refused:
            form.take(refused.problems)
        else:
            return _person(station, worker.id)
    return _desk(station, status=422, doubt=chosen, typed=typed, contact=form, asked=workers.asked_for(worker))


@bp.post("/desk/<string:code>/workers")
@requires(Permission.SERVE)
@writes
def register(code: str) -> Response:
    """Somebody new: remember the phone and log the first service together."""
    station = _station(code)
    form, another = forms.RegisterWorkerForm(), request.form.get("another") == "yes"
    valid = form.validate()
    if not form.take(worker_rules.problems_with_phone(form.phone.data)) or not valid:
        return _desk(station, status=422, matches=queries.Matches("phone"), typed=form.phone.data or "", newcomer=form,
                     another=another)  # fmt: skip
    logged = commands.serve_newcomer(
        station_code=code, phone=form.phone.data, name=form.name.data, occupation=Occupation(form.occupation.data),
        service=BasicService(form.service.data), key=request.form["key"], unions=_unions(),
        another=another, by=access.by(),
    )  # fmt: skip
    return done(url_for("desk.desk", code=code, line=logged.line_id, **_asking()))


# --- giving, and taking back ---------------------------------------------------------------------------------------


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
        return redirect(url_for("desk.desk", code=code, line=logged.line_id, **_asking()), 303)
    name = _who(tap, logged)
    return fragment("desk/_logged.html", "logged", here=here, tap=tap, logged=logged, name=name, key=idempotency_key())


def _who(tap: forms.Tap, logged: visit_commands.Logged) -> str:
    """Whom the undo bar names. A first answer given again carries no name, so that person is read."""
    if tap.worker_id and not logged.fresh and (worker := workers.find_worker(tap.worker_id)):
        return worker_rules.mask_name(worker.name) or say(worker.occupation)
    return worker_rules.mask_name(logged.name) or say(Occupation(logged.occupation or tap.occupation))


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
    return done(url_for("desk.desk", code=code, line=request.form["line"], **_asking()))


# --- first aid -----------------------------------------------------------------------------------------------------


def _health(station: Station, occupation: Occupation | None, *, status: int = 200) -> Response:
    return page(
        "desk/health.html",
        status=status,
        station=station,
        aed=queries.find_aed(station),
        occupations=list(Occupation),
        occupation=occupation,
        box=queries.list_items_for(occupation) if occupation else [],
        light=rules.light,
        today=queries.count_items_of_today(station.id),
    )


@bp.get("/desk/<string:code>/health")
@requires(Permission.SERVE)
def health(code: str) -> Response:
    """120, the AED, heatstroke, and the first-aid box: first the occupation, for whoever drives gets no alcohol."""
    return _health(_station(code), request.args.get("occupation", type=Occupation))


@bp.post("/desk/<string:code>/first-aid")
@requires(Permission.SERVE)
@writes
def give_item(code: str) -> Response:
    """One thing from the box, counted without a name; it can be taken back like any other line."""
    station, form = _station(code), forms.FirstAidForm()
    if not form.validate():
        return _health(station, None, status=422)
    occupation = Occupation(form.occupation.data)
    try:
        logged = commands.tally_item(
            station=station, item=queries.FirstAidItem(form.item.data), occupation=occupation, key=request.form["key"],
            unions=_unions(), by=access.by(),
        )  # fmt: skip
    except Refused as refused:
        flash(say(refused.problems[0]), "error")
        return _health(station, occupation, status=422)
    return done(url_for("desk.desk", code=code, line=logged.line_id))


# --- the day -------------------------------------------------------------------------------------------------------


def _day(station: Station) -> dict[str, Any]:
    """A station's day in figures, with what is open and what went out of the box."""
    portions = visits.portions_of_day(station.id, clock.today())
    return {
        "station": station,
        "today": visits.today(station.id, clock.today()),
        "portions": portions,
        "most": max(portions.by_hour.values(), default=0),
        "from_box": queries.count_items_of_today(station.id),
        "reports": upkeep.list_open(station.id),
        "notes": queries.list_notes(station),
        "warnings": supplies.warnings(station),
        "from_programmes": giving.count_of_day(station.id),
    }


def _today(station: Station, *, status: int = 200, **context: Any) -> Response:
    lines = visits.list_lines_of_today(station.id, before=request.args.get("before", type=UUID), limit=50)
    return page(
        "desk/today.html",
        status=status,
        lines=lines,
        next_before=lines[-1].id if len(lines) == 50 else None,
        corrected=queries.corrections_of(lines),
        correcting=queries.correctable(lines, access.by(), keeper=stations.may_keep(station, access.actor())),
        mask_name=worker_rules.mask_name,
        **_day(station),
        **context,
    )


@bp.get("/desk/<string:code>/today")
@requires(Permission.SERVE)
def today(code: str) -> Response:
    """The day so far: visits and identified people apart, by hour and occupation, what was given, and every line."""
    return _today(_station(code))


@bp.get("/desk/<string:code>/end-of-day")
@requires(Permission.SERVE)
def end_of_day(code: str) -> Response:
    """The day on one sheet, to be printed or handed over."""
    return page("desk/end_of_day.html", at=clock.now(), **_day(_station(code)))


# --- after the service ---------------------------------------------------------------------------------------------


@bp.post("/desk/<string:code>/invitations")
@requires(Permission.SERVE)
@writes
def invite(code: str) -> Response:
    """After the service: may the union contact them; then show the code, not this time, or never again."""
    station = _station(code)
    line = visits.find_line(station.id, request.form.get("line", type=UUID) or abort(400))
    worker = workers.find_worker(line.worker_id) if line and line.worker_id else None
    if worker is None:
        abort(404)
    here, answer = url_for("desk.desk", code=code), request.form.get("answer")
    visit = {"visit_id": line.visit_id, "visit_at": line.visit_at, "station_id": station.id, "county_code": station.county_code}
    if answer in ("not_now", "never"):
        joining.decline_invitation(worker=worker, never=answer == "never", by=access.by(), **visit)
        return done(here, text(N_("Noted. They are served all the same.")))
    if answer == "agreed":
        worker_commands.give_consent(worker=worker, purpose=Purpose.CONTACT, notice_version=NOTICE_VERSION, channel="desk",
                                     by=access.by())  # fmt: skip
        return done(url_for("desk.desk", code=code, line=line.id))
    try:
        token = joining.invite(worker=worker, by=access.by(), **visit)
    except Refused as refused:
        return done(here, refused.problems[0].says, "info")
    return done(url_for("desk.invitation", code=code, token=token))


@bp.get("/desk/<string:code>/invitations/<string:token>")
@requires(Permission.SERVE)
def invitation(code: str, token: str) -> Response:
    """The invitation's QR code, to be scanned with the worker's own phone."""
    station = _station(code)
    if find_invitation(token) is None:
        abort(404)
    address = url_for("join.open", token=token, _external=True)
    picture = segno.make(address, error="m").svg_inline(scale=6, border=2, omitsize=True, svgclass="qr", lineclass=None)
    return page("desk/invitation.html", station=station, address=address, picture=Markup(picture),  # noqa: S704 - drawn by segno
                title=_("Invitation to join"))  # fmt: skip
