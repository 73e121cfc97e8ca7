"""HTTP of hand-outs to many, of group visits, and of correcting one line."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.desk.giving import queries as giving
from portal.desk.handouts import commands, forms, queries
from portal.desk.handouts.models import Handout
from portal.members.workers import queries as workers
from portal.members.workers import rules as worker_rules
from portal.stations.register import queries as stations
from portal.stations.register.models import Station
from portal.stations.visits import commands as visit_commands
from portal.stations.visits import queries as visits
from portal.types import N_, Problem, Refused, text
from portal.vocabulary import COUNTER_OCCUPATIONS, BasicService, Occupation
from portal.web import done, invalid, page, send_picture, writes

bp = Blueprint("handouts", __name__)

SERVE, KEEP = Permission.SERVE, Permission.KEEP_STATIONS
FRAGMENTS = ("given", "left")


def _station(code: str) -> Station:
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


def _offer(form, station: Station):
    """The station's own services first: what is given most often stands on top."""
    offered = station.offered
    rest = [service for service in BasicService if service not in offered]
    form.service.choices = [(service.value, service) for service in (*offered, *rest)]
    if "programme" in form:
        offers = giving.list_offers(station)
        form.programme.choices = [("", _("No programme: a basic service"))]
        form.programme.choices += [(one.programme.code, one.programme.name) for one in offers]
    return form


# --- hand-outs -----------------------------------------------------------------------------------------------------


@bp.get("/desk/<string:code>/handouts")
@requires(SERVE)
def index(code: str) -> Response:
    """The hand-outs and group visits of a station, and the form that begins one."""
    station = _station(code)
    return _index(station, _offer(forms.HandoutForm(), station))


def _index(station: Station, form: forms.HandoutForm) -> Response:
    draw = invalid if form.errors else page
    handouts, groups = queries.list_handouts(station.id), queries.list_groups(station.id)
    return draw("desk/handouts/index.html", station=station, form=form, handouts=handouts, groups=groups)


@bp.post("/desk/<string:code>/handouts")
@requires(SERVE)
@writes
def add(code: str) -> Response:
    """Begin a hand-out and go to its full screen."""
    station = _station(code)
    form = _offer(forms.HandoutForm(), station)
    if form.validate():
        try:
            handout = commands.open_handout(
                station=station, title=form.title.data, service=BasicService(form.service.data), quantity=form.quantity.data,
                one_per_person=form.one_per_person.data, by=access.by(),
                offer=giving.get_offer(station, form.programme.data) if form.programme.data else None,
            )  # fmt: skip
            return done(url_for("handouts.show", code=code, handout_id=handout.id))
        except Refused as refused:
            form.take(refused.problems)
    return _index(station, form)


@bp.get("/desk/<string:code>/handouts/<uuid:handout_id>")
@requires(SERVE)
def show(code: str, handout_id: UUID) -> Response:
    """One after the other: the field, what was just given, what is left."""
    station = _station(code)
    handout = queries.get_handout(station.id, handout_id)
    return _show(station, handout, gift=queries.find_gift(handout.id, request.args.get("gift", type=UUID)))


def _show(station: Station, handout: Handout, *, gift=None, problem: Problem | None = None) -> Response:
    worker = workers.find_worker(gift.worker_id) if gift and gift.worker_id else None
    mine = gift is not None and gift.by_account_id == access.by().id and gift.taken_back_at is None
    return page(
        "desk/handouts/show.html", fragments=FRAGMENTS, status=422 if problem else 200, station=station, handout=handout,
        gift=gift, name=worker_rules.mask_name(worker.name) if worker else "", problem=problem, may_undo=mine,
        occupations=queries.list_unnamed(handout, COUNTER_OCCUPATIONS),
        left=queries.left_of(handout), alcohol=queries.contains_alcohol(handout),
    )  # fmt: skip


@bp.post("/desk/<string:code>/handouts/<uuid:handout_id>/gifts")
@requires(SERVE)
@writes
def give(code: str, handout_id: UUID) -> Response:
    """Give one to the next in the queue."""
    station = _station(code)
    handout = queries.get_handout(station.id, handout_id)
    form = forms.GiftForm()
    if not form.validate() or not (form.who.data or form.occupation.data):
        return _show(station, handout, problem=Problem("empty", text(N_("Scan a card, or tap an occupation."))))
    occupation = Occupation(form.occupation.data) if form.occupation.data else None
    try:
        gift = commands.give(handout=handout, typed=form.who.data, occupation=occupation, by=access.by())
    except Refused as refused:
        return _show(station, handout, problem=refused.problems[0])
    return done(url_for("handouts.show", code=code, handout_id=handout_id, gift=gift.id))


@bp.post("/desk/<string:code>/handouts/<uuid:handout_id>/undo")
@requires(SERVE)
@writes
def undo(code: str, handout_id: UUID) -> Response:
    """Take the last one back."""
    station = _station(code)
    handout = queries.get_handout(station.id, handout_id)
    gift_id = request.form.get("gift", type=UUID) or abort(400)
    try:
        commands.take_back(handout=handout, gift_id=gift_id, unions=access.actor().unions(SERVE), by=access.by())
    except (Refused, visit_commands.CannotUndo) as refused:
        return _show(station, handout, problem=refused.problems[0])
    return done(url_for("handouts.show", code=code, handout_id=handout_id, gift=gift_id))


@bp.post("/desk/<string:code>/handouts/<uuid:handout_id>/close")
@requires(SERVE)
@writes
def close(code: str, handout_id: UUID) -> Response:
    """End the hand-out."""
    station = _station(code)
    commands.close_handout(handout=queries.get_handout(station.id, handout_id), by=access.by())
    return done(url_for("handouts.index", code=code), text(N_("The hand-out is closed.")))


# --- group visits --------------------------------------------------------------------------------------------------


@bp.get("/desk/<string:code>/groups/new")
@requires(SERVE)
def new_group(code: str) -> Response:
    """The form of a group visit."""
    station = _station(code)
    return _group_form(station, _offer(forms.GroupForm(data={"day": clock.today()}), station))


def _group_form(station: Station, form: forms.GroupForm) -> Response:
    draw = invalid if form.errors else page
    return draw("desk/handouts/new_group.html", station=station, form=form, counter=len(COUNTER_OCCUPATIONS))


@bp.post("/desk/<string:code>/groups/new")
@requires(SERVE)
@writes
def add_group(code: str) -> Response:
    """Enter a group visit."""
    station = _station(code)
    form = _offer(forms.GroupForm(), station)
    if form.validate():
        photo = form.photo.data if form.photo.data and hasattr(form.photo.data, "read") else None
        try:
            group = commands.add_group(
                station=station, place=form.place.data, at=form.at, service=BasicService(form.service.data),
                given=form.given.data, note=form.note.data, heads=form.heads, photo=photo, by=access.by(),
            )  # fmt: skip
            says = text(N_("Entered: %(count)s people visited."), count=group.total)
            return done(url_for("handouts.group", code=code, group_id=group.id), says)
        except Refused as refused:
            form.take(refused.problems)
    return _group_form(station, form)


@bp.get("/desk/<string:code>/groups/sheet")
@requires(SERVE)
def sheet(code: str) -> Response:
    """An empty sheet to be signed, A4."""
    return page("desk/handouts/sheet.html", station=_station(code))


@bp.get("/desk/<string:code>/groups/<uuid:group_id>")
@requires(SERVE)
def group(code: str, group_id: UUID) -> Response:
    """One group visit, with the way to take it back."""
    station = _station(code)
    return _group(station, group_id, forms.ReasonForm(formdata=None))


def _group(station: Station, group_id: UUID, form: forms.ReasonForm) -> Response:
    draw = invalid if form.errors else page
    return draw("desk/handouts/group.html", station=station, group=queries.get_group(station.id, group_id), form=form)


@bp.get("/desk/<string:code>/groups/<uuid:group_id>/photo")
@requires(SERVE)
def photo(code: str, group_id: UUID) -> Response:
    """The signed sheet."""
    return send_picture(queries.get_sheet(_station(code).id, group_id))


@bp.post("/desk/<string:code>/groups/<uuid:group_id>/reverse")
@requires(SERVE)
@writes
def reverse_group(code: str, group_id: UUID) -> Response:
    """Take a group visit back as a whole."""
    station = _station(code)
    found, form = queries.get_group(station.id, group_id), forms.ReasonForm()
    keeper = queries.may_keep(station, access.actor())
    if form.validate():
        try:
            gone = commands.reverse_group(group=found, reason=form.reason.data, keeper=keeper, by=access.by())
            here = url_for("handouts.group", code=code, group_id=group_id)
            return done(here, text(N_("Taken back: %(count)s visits."), count=gone))
        except Refused as refused:
            form.take(refused.problems)
    return _group(station, group_id, form)


# --- correcting one line -------------------------------------------------------------------------------------------


@bp.get("/desk/<string:code>/corrections/<uuid:line_id>")
@requires(SERVE)
def correction(code: str, line_id: UUID) -> Response:
    """One line, with the way to take it back for a reason."""
    return _correction(_station(code), line_id, forms.ReasonForm(formdata=None))


def _correction(station: Station, line_id: UUID, form: forms.ReasonForm) -> Response:
    draw = invalid if form.errors else page
    line = visits.find_line_to_correct(station.id, line_id) or abort(404)
    return draw("desk/handouts/correction.html", station=station, line=line, form=form, mask_name=worker_rules.mask_name)


@bp.post("/desk/<string:code>/corrections/<uuid:line_id>")
@requires(SERVE)
@writes
def correct(code: str, line_id: UUID) -> Response:
    """Take one line back later: on the same day by who logged it, afterwards by a keeper."""
    station, form = _station(code), forms.ReasonForm()
    keeper = queries.may_keep(station, access.actor())
    if form.validate():
        try:
            visit_commands.reverse_line(
                line_id=line_id, station_code=code, unions=access.actor().unions(KEEP if keeper else SERVE),
                reason=form.reason.data, by=access.by(), correcting=True, keeper=keeper,
            )  # fmt: skip
            return done(url_for("desk.today", code=code), text(N_("Corrected. It no longer counts.")))
        except visit_commands.CannotUndo as refused:
            form.take(refused.problems)
    return _correction(station, line_id, form)
