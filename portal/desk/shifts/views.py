"""HTTP of who stands at the counter: the lock, shifts and their handover, one's PIN, paired devices."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask_babel import gettext as _

from portal import access, clock, sessions, throttle
from portal.access import Permission, public, requires
from portal.desk.shifts import commands, exports, forms, queries, rules
from portal.desk.shifts.models import Shift, StationDevice
from portal.desk.shifts.queries import CounterActor
from portal.forms import Form
from portal.stations.register import queries as stations
from portal.stations.register.models import Station
from portal.types import N_, Problem, Refused, text, tidy
from portal.unions.staff import commands as staff_commands
from portal.unions.staff import queries as staff
from portal.web import client_address, done, error_page, invalid, page, pager, send_workbook, unkeyed, writes

bp = Blueprint("shifts", __name__)

KEEP, PAIR, SERVE = Permission.KEEP_STATIONS, Permission.PAIR_DEVICES, Permission.SERVE
NOT_AS_KEY = "a digest of the PIN must not lie in the table of keys, and a second time changes nothing"

# --- the door of the counter ---------------------------------------------------------------------------------------


def _at_the_counter() -> CounterActor | None:
    """Who is signed in on this paired device."""
    who = access.actor() if sessions.is_on_device(request) else None
    return who if who and who.kind == "staff" and who.device_station else None


@bp.before_app_request
def keep_to_the_counter() -> Response | None:
    """A session on a paired device opens the pages of its own station's counter and no other page of staff.

    Scope by union would let it reach the neighbours; a station has the whole of its address beneath /desk.
    """
    if request.endpoint == "staff.sign_in" and request.method == "GET" and "with" not in request.args:
        device = queries.find_device(sessions.device_digest(request)) if not access.actor() else None
        return redirect(url_for("shifts.lock", code=queries.station_of(device).code)) if device else None
    if not (who := _at_the_counter()):
        return None
    needed = getattr(current_app.view_functions.get(request.endpoint), "access", None)
    if not isinstance(needed, Permission) or not who.may(needed):
        return None  # open to all, or refused by its own mark
    if request.endpoint in ("desk.index", "staff.home"):
        return redirect(url_for("desk.desk", code=who.device_station))
    if not request.path.startswith("/desk/"):
        abort(403)
    return abort(404) if (request.view_args or {}).get("code") != who.device_station else None


def refuse_at_the_counter(error: Any) -> Response:
    """403 in the words of the counter, where it is the screen and not the appointment that does not open a page."""
    if not _at_the_counter():
        return error_page(403)
    return error_page(
        403, _("On the station's screen only the counter opens: no lists, no export, nothing uncovered."),
        next_step=_("Sign in on a device of your own for everything else."),
    )  # fmt: skip


def frame() -> dict[str, Any]:
    """At the counter the way out leads to the lock, and the first page is the counter."""
    if request.endpoint in ("shifts.lock", "shifts.unlock"):
        return {"bottom_bar": [], "sign_in_url": None}
    if not (who := _at_the_counter()):
        return {}
    return {
        "home_url": url_for("desk.desk", code=who.device_station),
        "sign_out_url": url_for("shifts.lock_screen", code=who.device_station),
        "locks_after": int(rules.LOCKS_ITSELF_AFTER.total_seconds()),
    }


def _station(code: str) -> Station:
    return stations.find_station_to_serve(code, access.actor()) or abort(404)


# --- the lock ------------------------------------------------------------------------------------------------------


def _paired_with(code: str) -> tuple[StationDevice | None, Station | None]:
    """This device and its station, if it is the station of the address."""
    device = queries.find_device(sessions.device_digest(request))
    station = queries.station_of(device) if device else None
    return (device, station) if station and station.code == code else (None, None)


def _not_paired() -> Response:
    says = text(N_("This screen is not paired with the station. Sign in with name and password."))
    return done(url_for("staff.sign_in", **{"with": "password"}), says, "warning")


def _lock_page(station: Station, form: Form, who: UUID | None, draw: Any = page) -> Response:
    people = queries.list_operators(station)
    chosen = next((one for one in people if one.id == who), None)
    return draw("desk/shifts/lock.html", station=station, people=people, chosen=chosen, form=form)


@bp.get("/desk/<string:code>/lock")
@public
def lock(code: str) -> Response:
    """The locked screen of a paired device: who is here? Names of operators, and nobody else's."""
    device, station = _paired_with(code)
    who = forms.read_id(request.args.get("who"))
    return _lock_page(station, forms.LockForm(formdata=None), who) if device else _not_paired()


@bp.post("/desk/<string:code>/lock")
@public
@unkeyed(NOT_AS_KEY)
def unlock(code: str) -> Response:
    """With the right PIN the person stands at the counter; whoever stood there before is out."""
    device, station = _paired_with(code)
    if not device:
        return _not_paired()
    form, who = forms.LockForm(), forms.read_id(request.form.get("who"))
    account = queries.find_operator(who, station) if who else None
    if not form.validate():
        return _lock_page(station, form, who, invalid)
    subject, client = str(who), f"device:{device.id}"
    if wait := throttle.wait("pin", subject, client):
        return _too_often(wait)
    right = commands.check_pin(account=account, pin=form.pin.data, by=access.VISITOR)
    throttle.write_down("pin", subject, client, failed=not right)
    if not right:
        if account and throttle.wait("pin", subject, client):
            commands.note_many_wrong_pins(device=device, station=station, account=account, by=access.By("device", device.id))
        form.take([Problem("pin", text(N_("This PIN does not match. Try again, or tap another name.")), field="pin")])
        return _lock_page(station, form, who, invalid)
    return _enter(station, device, account)


def _too_often(wait: Any) -> Response:
    minutes = -(-int(wait.total_seconds()) // 60)
    return error_page(
        429, _("The PIN of this person was wrong too often on this screen."),
        next_step=_("Try again in %(minutes)s minutes; others sign in here as always.", minutes=minutes),
    )  # fmt: skip


def _enter(station: Station, device: StationDevice, account: Any) -> Response:
    try:
        begun = commands.begin_shift(
            token_digest=sessions.device_digest(request), account=account, by=access.By("staff", account.id)
        )
    except Refused:
        return _not_paired()
    if present := access.actor():
        sessions.close_session(present.session_id)
    sessions.open_session("device", account.id, device_id=device.id)
    sessions.keep_device_cookie(request)
    unread = queries.find_unread_handover(device.id, account.id)
    here = url_for("shifts.handover", code=station.code, shift_id=unread.id) if unread else None
    says = text(N_("Good to see you, %(name)s."), name=account.name)
    if begun.forgotten:
        name = queries.find_name(begun.forgotten.account_id)
        says = text(N_("The shift of %(name)s was not handed over; it ended with your signing in."), name=name)
    return done(here or url_for("desk.desk", code=station.code), says, "warning" if begun.forgotten else "success")


@bp.post("/desk/<string:code>/lock-screen")
@public
@unkeyed("a session ends once")
def lock_screen(code: str) -> Response:
    """Lock now: the session ends, the shift goes on."""
    if who := access.actor():
        sessions.close_session(who.session_id)
    return redirect(url_for("shifts.lock", code=code), 303)


# --- the shift -----------------------------------------------------------------------------------------------------


def _own_shift() -> Shift | None:
    who = _at_the_counter()
    shift = queries.find_open_shift(who.device_id) if who else None
    return shift if shift and shift.account_id == who.id else None


def _shift_page(station: Station, form: Form, draw: Any = page) -> Response:
    shift, who = _own_shift(), _at_the_counter()
    given = queries.figures([shift])[shift.id] if shift else None
    unread = queries.find_unread_handover(who.device_id, who.id) if who else None
    return draw("desk/shifts/shift.html", station=station, shift=shift, given=given, form=form, unread=unread)


@bp.get("/desk/<string:code>/shift")
@requires(SERVE)
def shift(code: str) -> Response:
    """One's own shift so far, and the form to hand it over."""
    return _shift_page(_station(code), forms.HandoverForm(formdata=None))


@bp.post("/desk/<string:code>/shift/hand-over")
@requires(SERVE)
@writes
def hand_over(code: str) -> Response:
    """End one's shift: what is left stands for the next, the session ends, the screen locks."""
    station, form, own = _station(code), forms.HandoverForm(), _own_shift()
    if own is None:
        return done(url_for("shifts.shift", code=code), text(N_("No shift of yours runs on this screen.")), "warning")
    if form.validate():
        try:
            left = rules.lines_left(form.left.data)
            commands.hand_over(shift=own, station=station, left=left, notes=form.notes.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            sessions.close_session(access.actor().session_id)
            says = text(N_("Handed over. The next operator reads it after signing in."))
            return done(url_for("shifts.lock", code=code), says)
    return _shift_page(station, form, invalid)


@bp.get("/desk/<string:code>/handovers/<uuid:shift_id>")
@requires(SERVE)
def handover(code: str, shift_id: UUID) -> Response:
    """What the one before left."""
    station = _station(code)
    return _handover_page(station, queries.get_shift(shift_id, station), [])


def _handover_page(station: Station, shift: Shift, problems: list[Problem], draw: Any = page) -> Response:
    over = shift.ended_at is not None
    own = shift.account_id == access.by().id
    hindered = rules.problems_with_acknowledging(own=own, forgotten=shift.forgotten, over=over)
    return draw(
        "desk/shifts/handover.html", station=station, shift=shift, given=queries.figures([shift])[shift.id],
        operator=queries.find_name(shift.account_id), reader=queries.find_name(shift.acknowledged_by),
        hindered=hindered, problems=problems,
    )  # fmt: skip


@bp.post("/desk/<string:code>/handovers/<uuid:shift_id>/acknowledge")
@requires(SERVE)
@writes
def acknowledge(code: str, shift_id: UUID) -> Response:
    """The next operator has read it: who and when stand beside it."""
    station = _station(code)
    found = queries.get_shift(shift_id, station)
    try:
        commands.acknowledge(shift=found, station=station, by=access.by())
    except Refused as refused:
        return _handover_page(station, found, refused.problems, invalid)
    return done(url_for("desk.desk", code=code), text(N_("Noted that you have read the handover.")))


# --- one's PIN -----------------------------------------------------------------------------------------------------


def _pin_page(form: Form, draw: Any = page) -> Response:
    return draw("desk/shifts/pin.html", form=form, since=staff.find_account(access.actor().id).pin_set_at)


@bp.get("/staff/pin")
@requires(SERVE)
def pin() -> Response:
    """One's PIN for paired tablets: whether there is one, and the form to choose another."""
    return _pin_page(forms.PinForm())


@bp.post("/staff/pin")
@requires(SERVE)
@unkeyed(NOT_AS_KEY)
def set_pin() -> Response:
    """Choose a PIN, after one's password."""
    form, who = forms.PinForm(), access.actor()
    if not form.validate():
        return _pin_page(form, invalid)
    if throttle.wait("staff-present-password", str(who.id), client_address()):
        return error_page(429)
    account = staff.find_account(who.id)
    try:
        staff_commands.set_pin(account=account, password=form.current.data, pin=form.pin.data, by=who.by)
    except Refused as refused:
        wrong = any(problem.code == "current" for problem in refused.problems)
        throttle.write_down("staff-present-password", str(who.id), client_address(), failed=wrong)
        form.take(refused.problems)
        return _pin_page(form, invalid)
    return done(url_for("shifts.pin"), text(N_("Your PIN counts from now on, on paired screens of your stations only.")))


@bp.post("/staff/pin/remove")
@requires(SERVE)
@writes
def remove_pin() -> Response:
    """Without a PIN one's name stands on no locked screen."""
    staff_commands.remove_pin(account=staff.find_account(access.actor().id), by=access.by())
    return done(url_for("shifts.pin"), text(N_("Your PIN is gone; you sign in with name and password.")))


# --- devices and shifts, for keepers -------------------------------------------------------------------------------


@bp.get("/staff/devices")
@requires(PAIR)
def stations_index() -> Response:
    """The stations within scope, with how many screens each has."""
    q = tidy(request.args.get("q"))
    kept = stations.list_for_staff(access.actor(), PAIR, q, before=request.args.get("before"), after=request.args.get("after"))
    counts = queries.count_devices(one.station.id for one in kept)
    return page(
        "desk/shifts/stations.html", fragments=("screens",), kept=kept, counts=counts, q=q, pager=pager(kept), uses_htmx=True
    )


def _devices_page(station: Station, form: Form, draw: Any = page) -> Response:
    this_screen = queries.find_device(sessions.device_digest(request))
    listed = queries.list_devices(station)
    return draw("desk/shifts/devices.html", station=station, form=form, devices=listed, this_screen=this_screen)


@bp.get("/staff/stations/<string:code>/devices")
@requires(PAIR)
def devices(code: str) -> Response:
    """The screens of a station, and the form to pair this one."""
    station = stations.get_station_for(code, access.actor(), PAIR)
    return _devices_page(station, forms.PairForm(formdata=None))


@bp.post("/staff/stations/<string:code>/devices")
@requires(PAIR)
@writes
def pair(code: str) -> Response:
    """Pair this screen with the station: the keeper's own session ends, the screen shows its lock."""
    station, form = stations.get_station_for(code, access.actor(), PAIR), forms.PairForm()
    if not form.validate():
        return _devices_page(station, form, invalid)
    before = queries.find_device(sessions.device_digest(request), lock=True)
    commands.pair_device(
        station=station, name=form.name.data, token_digest=sessions.new_device_token(), replaces=before, by=access.by()
    )
    sessions.close_session(access.actor().session_id)
    says = text(N_("Paired with %(name)s. Operators sign in here with their PIN; you are signed out."), name=station.name)
    return done(url_for("shifts.lock", code=code), says)


@bp.post("/staff/stations/<string:code>/devices/<uuid:device_id>/revoke")
@requires(PAIR)
@writes
def revoke(code: str, device_id: UUID) -> Response:
    """The screen opens nothing from its next request on."""
    station = stations.get_station_for(code, access.actor(), PAIR)
    device = queries.get_device(device_id, station)
    commands.revoke_device(device=device, station=station, by=access.by())
    says = text(N_("Revoked: %(name)s. Whoever was signed in there is out."), name=device.name)
    return done(url_for("shifts.devices", code=code), says)


@bp.get("/staff/stations/<string:code>/shifts")
@requires(KEEP)
def index(code: str) -> Response:
    """Who stood at a station from when until when, with counts, handover and who read it."""
    station = stations.get_station_for(code, access.actor(), KEEP)
    filters = forms.read_filters(request.args)
    found = queries.list_shifts(station, **filters, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "desk/shifts/index.html", fragments=("shifts",), station=station, shifts=found, filters=filters, pager=pager(found),
        given=queries.figures(row.shift for row in found), uses_htmx=True,
    )  # fmt: skip


@bp.get("/staff/stations/<string:code>/shifts/export")
@requires(KEEP)
def export(code: str) -> Response:
    """The same list as a workbook."""
    station = stations.get_station_for(code, access.actor(), KEEP)
    name = f"{_('Shifts')} {station.code} {clock.today():%Y-%m-%d}"
    return send_workbook(name, exports.COLUMNS, exports.rows(station=station, **forms.read_filters(request.args)))
