"""HTTP of the door: the page behind its code, check in with two taps, say what is wrong. No account, no app."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, redirect, request, session, url_for

from portal import access, clock, throttle
from portal.access import Permission, public, requires, workers_only
from portal.members.workers import queries as workers
from portal.stations.door import commands, queries, rules
from portal.stations.door.forms import PhoneForm
from portal.stations.register import rules as register
from portal.stations.register.models import Station
from portal.stations.register.queries import find_station_to_serve
from portal.stations.upkeep import commands as upkeep
from portal.stations.upkeep import queries as reports
from portal.stations.upkeep.forms import FaultForm
from portal.stations.upkeep.models import ReportSource
from portal.stations.upkeep.rules import amount, clock_says
from portal.stations.visits.commands import CannotUndo
from portal.types import N_, Refused, Text, text
from portal.unions.tree.queries import reaches
from portal.vocabulary import COUNTER_OCCUPATIONS, Occupation
from portal.web import client_address, done, invalid, page, unkeyed, writes

bp = Blueprint("door", __name__)

# In the signed cookie, set when something is sent: the last check-in of this browser, and what it said is wrong.
LAST, SAID = "door", "said"
REMEMBERED = 5


@bp.app_template_global()
def my_check_ins() -> dict[str, list[queries.SelfCheckIn]] | None:
    """For the worker's own page: check-ins that wait for a yes, and those that were theirs."""
    who = access.actor()
    if who is None or who.kind != "worker":
        return None
    worker = workers.get_worker(who.id)
    found = {"waiting": queries.list_waiting(worker), "confirmed": queries.list_confirmed(worker)}
    return found if any(found.values()) else None


def _door_page(station: Station, *, status: int = 200, refused: Text | None = None) -> Response:
    now = clock.now()
    warnings = [one.says(now) for one in reports.warnings([station.id]).get(station.id, [])]
    return page(
        "stations/door/show.html",
        status=status,
        station=station,
        opening=register.opening(station, now),
        warnings=warnings,
        served=rules.is_served(station.status),
        first=COUNTER_OCCUPATIONS,
        more=[one for one in Occupation if one not in COUNTER_OCCUPATIONS],
        refused=refused,
    )


def _too_many(station: Station, left: timedelta) -> Response:
    says = text(N_("From here this was done very often. Please wait %(time)s; water, rest and shade need no check-in."),
                time=amount(left))  # fmt: skip
    return _door_page(station, status=429, refused=says)


def _wait(purpose: str, station: Station, limit: int) -> timedelta | None:
    return throttle.wait(
        purpose, station.code, client_address(), window=rules.HOUR, pair_limit=limit, client_limit=rules.ADDRESS_AN_HOUR
    )


@bp.get("/s/<string:code>")
@public
def show(code: str) -> Response:
    """The page behind the door's code: open or not, who helps, check in, say what is wrong."""
    return _door_page(queries.get_door(code))


# --- check in ------------------------------------------------------------------------------------------------------


def _last(station: Station | None = None) -> dict[str, Any] | None:
    """This browser's last check-in: at this station, or at any."""
    last = session.get(LAST)
    if not isinstance(last, dict) or (station is not None and last.get("station") != station.code):
        return None
    return last | {"at": datetime.fromisoformat(last["at"])}


@bp.post("/s/<string:code>/check-in")
@public
@writes
def check_in(code: str) -> Response:
    """The second tap: one stay of an occupation, without a name."""
    station, last, now = queries.get_door(code), _last(), clock.now()
    occupation = request.form.get("occupation")
    if not rules.is_served(station.status):
        return done(url_for("door.show", code=code))
    if occupation not in set(Occupation):
        return _door_page(station, status=422, refused=text(N_("Please choose what you work as.")))
    if last and rules.is_again(last["at"], now):
        says = text(N_("You checked in at %(time)s already; once is enough."), time=last["at"])
        return done(url_for("door.checked_in" if last["station"] == code else "door.show", code=code), says, "info")
    if left := _wait("door-check-in", station, rules.CHECK_INS_AN_HOUR):
        return _too_many(station, left)
    throttle.write_down("door-check-in", station.code, client_address(), failed=True)  # each counts
    made = commands.check_in(station=station, occupation=Occupation(occupation), by=commands.NOBODY)
    session[LAST] = {
        "station": code, "occupation": occupation, "at": made.at.isoformat(), "visit": str(made.visit_id),
        "line": str(made.line_id),
    }  # fmt: skip
    return done(url_for("door.checked_in", code=code))


@bp.get("/s/<string:code>/checked-in")
@public
def checked_in(code: str) -> Response:
    """It is on record; take it back within a minute, leave a phone if you wish."""
    station = queries.get_door(code)
    if not (last := _last(station)):
        return redirect(url_for("door.show", code=code))
    return _checked_in_page(station, last, PhoneForm(formdata=None))


def _checked_in_page(station: Station, last: dict[str, Any], form: PhoneForm) -> Response:
    now = clock.now()
    return (invalid if form.errors else page)(
        "stations/door/checked_in.html",
        station=station,
        occupation=Occupation(last["occupation"]),
        at=last["at"],
        may_undo=not rules.problems_with_undoing(last["at"], now),
        may_claim=now - last["at"] < rules.CLAIM_WITHIN and not queries.is_claimed(UUID(last["visit"])),
        form=form,
    )


@bp.post("/s/<string:code>/undo")
@public
@unkeyed("a check-in is taken back once")
def undo(code: str) -> Response:
    """Take the check-in of this browser back."""
    station = queries.get_door(code)
    if not (last := _last(station)):
        return done(url_for("door.show", code=code), text(N_("There is nothing to take back.")), "info")
    try:
        commands.take_back(
            station=station, line_id=UUID(last["line"]), visit_id=UUID(last["visit"]), at=last["at"], by=commands.NOBODY
        )
    except (Refused, CannotUndo) as refused:
        return done(url_for("door.checked_in", code=code), refused.problems[0].says, "info")
    session.pop(LAST)
    return done(url_for("door.show", code=code), text(N_("Taken back. The check-in does not count.")))


@bp.post("/s/<string:code>/phone")
@public
@writes
def leave_phone(code: str) -> Response:
    """Leave a phone with the check-in of this browser, only if one wishes."""
    station, form = queries.get_door(code), PhoneForm()
    last = _last(station)
    if not last or clock.now() - last["at"] >= rules.CLAIM_WITHIN:
        return done(url_for("door.show", code=code), text(N_("Check in first; then you may leave a phone.")), "info")
    if form.validate():
        try:
            commands.claim_visit(visit_id=UUID(last["visit"]), visit_at=last["at"], phone=form.phone.data, by=commands.NOBODY)
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Noted. When you sign in with this phone, “Me” asks you whether it was you."))
            return done(url_for("door.checked_in", code=code), says)
    return _checked_in_page(station, last, form)


@bp.post("/me/check-ins/<uuid:claim_id>")
@workers_only
@writes
def settle_claim(claim_id: UUID) -> Response:
    """Was this you? Yes or no."""
    worker = workers.get_worker(access.actor().id)
    if request.form.get("answer") == "yes":
        commands.confirm_claim(claim_id=claim_id, worker=worker, by=access.by())
        return done(url_for("me.index"), text(N_("Noted: it stands among what you received.")))
    commands.decline_claim(claim_id=claim_id, worker=worker, by=access.by())
    return done(url_for("me.index"), text(N_("Noted: that was not you. The number is gone.")))


# --- say what is wrong ---------------------------------------------------------------------------------------------


def _fault_form(station: Station) -> FaultForm:
    return FaultForm().offer(row.facility for row in station.facilities)


def _serves_here(station: Station) -> bool:
    who = access.actor()
    return who is not None and who.kind == "staff" and reaches(who, Permission.SERVE, station.union_id)


@bp.get("/s/<string:code>/report")
@public
def fault(code: str) -> Response:
    """The form for what is wrong."""
    station = queries.get_door(code)
    if not rules.is_served(station.status):
        return redirect(url_for("door.show", code=code))
    return page("stations/door/report.html", station=station, form=_fault_form(station))


@bp.post("/s/<string:code>/report")
@public
@writes
def say_fault(code: str) -> Response:
    """Say what is wrong; the operator's word counts as the desk's."""
    station, form = queries.get_door(code), None
    if not rules.is_served(station.status):
        return done(url_for("door.show", code=code))
    form, serves = _fault_form(station), _serves_here(station)
    if not form.validate():
        return invalid("stations/door/report.html", station=station, form=form)
    if not serves and (left := _wait("door-report", station, rules.REPORTS_AN_HOUR)):
        return _too_many(station, left)
    said = [one for one in session.get(SAID, []) if isinstance(one, str)]
    try:
        report = upkeep.say_fault(
            station=station, source=ReportSource.DESK if serves else ReportSource.DOOR,
            said_before=frozenset(map(UUID, said)), by=access.by() if serves else commands.NOBODY, **form.values(),
        )  # fmt: skip
    except Refused as refused:
        form.take(refused.problems)
        return invalid("stations/door/report.html", station=station, form=form)
    throttle.write_down("door-report", station.code, client_address(), failed=not serves)
    session[SAID] = [str(report.id), *(one for one in said if one != str(report.id))][:REMEMBERED]
    return done(url_for("door.reported", code=code))


@bp.get("/desk/<string:code>/report")
@requires(Permission.SERVE)
def desk_fault(code: str) -> Response:
    """The same form from behind the counter; a paired screen opens nothing but its own desk."""
    station = _served(code)
    address = url_for("door.say_at_desk", code=code)
    return page("stations/door/report.html", station=station, form=_fault_form(station), address=address)


@bp.post("/desk/<string:code>/report")
@requires(Permission.SERVE)
@writes
def say_at_desk(code: str) -> Response:
    """The operator says what is wrong."""
    station = _served(code)
    form = _fault_form(station)
    if form.validate():
        try:
            report = upkeep.say_fault(station=station, source=ReportSource.DESK, by=access.by(), **form.values())
        except Refused as refused:
            form.take(refused.problems)
        else:
            due = clock_says(report.due_at, clock.now())
            return done(url_for("desk.desk", code=code), text(N_("The keeper knows: %(clock)s."), clock=due))
    address = url_for("door.say_at_desk", code=code)
    return invalid("stations/door/report.html", station=station, form=form, address=address)


def _served(code: str) -> Station:
    return find_station_to_serve(code, access.actor()) or abort(404)


@bp.get("/s/<string:code>/reported")
@public
def reported(code: str) -> Response:
    """What happens next, and by when."""
    station, said = queries.get_door(code), session.get(SAID)
    report = reports.find_report_at(station.id, UUID(said[0])) if said else None
    if report is None:
        return redirect(url_for("door.show", code=code))
    return page("stations/door/reported.html", station=station, report=report, due=clock_says(report.due_at, clock.now()))
