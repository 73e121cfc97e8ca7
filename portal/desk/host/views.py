"""HTTP of a host's counter. No page of it names a person, tells of earlier visits, or invites anybody."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, flash, redirect, request, url_for

from portal import access, clock
from portal.access import Permission, requires
from portal.desk.host import commands, forms, rules
from portal.i18n import say
from portal.members.workers import queries as workers
from portal.members.workers import rules as worker_rules
from portal.members.workers.models import Worker
from portal.stations.register import queries as stations
from portal.stations.register.models import PUBLIC_STATUSES, Station
from portal.stations.visits import commands as visit_commands
from portal.stations.visits import queries as visits
from portal.stations.visits import rules as visit_rules
from portal.types import N_, Problem, text, tidy
from portal.vocabulary import COUNTER_OCCUPATIONS, Occupation
from portal.web import changes_nothing, done, page, pager, writes

bp = Blueprint("host", __name__)

COUNT = Permission.COUNT_VISITS


def _station(code: str) -> Station:
    station = stations.get_station_for(code, access.actor(), COUNT)
    return station if station.status in PUBLIC_STATUSES else abort(404)


@bp.get("/host")
@requires(COUNT)
def index() -> Response:
    """The stations one may count at; a single one opens at once."""
    q = tidy(request.args.get("q"))
    kept = stations.list_for_staff(access.actor(), COUNT, q, before=request.args.get("before"), after=request.args.get("after"))
    serving = [one for one in kept if one.station.status in PUBLIC_STATUSES]
    if len(serving) == 1 and not q and len(kept) == 1:
        return redirect(url_for("host.counter", code=serving[0].station.code))
    return page("desk/host/index.html", fragments=("counters",), kept=serving, q=q, pager=pager(kept), uses_htmx=True)


def _counted(station: Station, line_id: UUID | None) -> tuple[Any, list[Problem]]:
    """The line just counted by this person and why it may not be taken back; of its person nothing is handed on."""
    line = visits.find_line(station.id, line_id) if line_id else None
    if not line or line.by_account_id != access.by().id:
        return None, []
    words = text(N_("Taken back.")) if line.undone else text(N_("Counted, %(time)s."), time=line.at)
    if not line.undone and not line.worker_id:
        words = text(N_("Counted: %(occupation)s, %(time)s."), occupation=line.occupation, time=line.at)
    hindered = visit_rules.problems_with_undoing(line.at, own=True, reversed_already=line.undone, now=clock.now())
    return (line.id, words), hindered


def _counter(station: Station, form: forms.CardForm, *, status: int = 200, may: bool | None = None) -> Response:
    counted, hindered = _counted(station, request.args.get("line", type=UUID))
    fault = url_for("door.show", code=station.code) if "door.show" in current_app.view_functions else None
    return page(
        "desk/host/counter.html", status=status, station=station, form=form, may=may, counted=counted, hindered=hindered,
        occupations=COUNTER_OCCUPATIONS, all_occupations=list(Occupation), fault_url=fault,
        service=rules.service_of(station), visits_today=visits.today(station.id, clock.today()).visits,
    )  # fmt: skip


@bp.get("/host/<string:code>")
@requires(COUNT)
def counter(code: str) -> Response:
    """+1 by occupation, a field for a code, and how many came today."""
    return _counter(_station(code), forms.CardForm(formdata=None))


@bp.post("/host/<string:code>/counts")
@requires(COUNT)
@writes
def count(code: str) -> Response:
    """One more, without a name."""
    station, form = _station(code), forms.CountForm()
    if not form.validate():
        return _counter(station, forms.CardForm(formdata=None), status=422)
    recorded = commands.count_one(station=station, occupation=Occupation(form.occupation.data), worker=None, by=access.by())
    return done(url_for("host.counter", code=code, line=recorded.line_id))


def _whose(form: forms.CardForm) -> tuple[Worker | None, list[Problem]]:
    """Whose code it is, for the record only, and why it does not hold."""
    typed = re.sub(r"[\s\-]", "", form.card.data or "").upper()
    is_card = worker_rules.is_card_code(typed)
    worker = workers.find_by_card(typed) if is_card else None
    return worker, rules.problems_with_code(is_card=is_card, holds=worker is not None)


@bp.post("/host/<string:code>/check")
@requires(COUNT)
@changes_nothing("a card's code must not stand in an address")
def check(code: str) -> Response:
    """May, or may not and why: nothing about the person."""
    station, form = _station(code), forms.CardForm()
    if not form.validate():
        return _counter(station, form, status=422)
    _worker, problems = _whose(form)
    form.take(problems)
    return _counter(station, form, may=not problems)


@bp.post("/host/<string:code>/gives")
@requires(COUNT)
@writes
def give(code: str) -> Response:
    """Given to the holder of a code: +1 that stands in their record, and is not shown here."""
    station, form = _station(code), forms.CardForm()
    worker, problems = _whose(form) if form.validate() else (None, [])
    if worker is None:
        form.take(problems)
        return _counter(station, form, status=422, may=False if problems else None)
    recorded = commands.count_one(station=station, occupation=worker.occupation, worker=worker, by=access.by())
    says = None if recorded.fresh else text(N_("Counted."))  # a double tap, or the desk was quicker: it counts once
    return done(url_for("host.counter", code=code, line=recorded.line_id), says)


@bp.post("/host/<string:code>/undo")
@requires(COUNT)
@writes
def undo(code: str) -> Response:
    """Take the last one back."""
    station = _station(code)
    line_id = request.form.get("line", type=UUID) or abort(400)
    try:
        visit_commands.reverse_line(
            line_id=line_id, station_code=station.code, unions=access.actor().unions(COUNT),
            reason="undone at the host's counter", by=access.by(),
        )  # fmt: skip
    except visit_commands.CannotUndo as refusal:
        flash(say(refusal.problems[0]), "error")
    return done(url_for("host.counter", code=code, line=line_id))
