"""HTTP of sessions: the list, a station's day, one session, making them singly and in series."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register.models import Station
from portal.stations.register.queries import get_station_for
from portal.types import N_, Problem, Refused, text
from portal.unions.tree.queries import reaches
from portal.web import changes_nothing, done, invalid, page, pager, send_workbook, writes
from portal.welfare.programmes.models import Programme
from portal.welfare.quotas.queries import get_programme
from portal.welfare.sessions import commands, exports, forms, queries, rules
from portal.welfare.sessions.models import ServiceSession, SessionSeries
from portal.welfare.sessions.queries import Standing

bp = Blueprint("sessions", __name__)

VIEW, PLAN, MANAGE = Permission.VIEW_PROGRAMMES, Permission.PLAN_PROGRAMMES, Permission.MANAGE_BOOKINGS

# What rooms above show on the page of a session: {"title", "url", "text"} or None.
sections: list[Callable[[ServiceSession], dict[str, Any] | None]] = []


# --- looking -------------------------------------------------------------------------------------------------------


@bp.get("/sessions")
@requires(VIEW)
def index() -> Response:
    """Sessions within one's part of the tree."""
    filters = forms.read_filters(request.args)
    found = queries.list_sessions(access.actor(), filters, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "welfare/sessions/index.html", fragments=("sessions",), rows=found, filters=filters, pager=pager(found),
        programmes=queries.list_programmes(access.actor()), standings=[*Standing.choices(), ("all", _("All"))],
        query=forms.as_query(filters), now=clock.now(), uses_htmx=True,
    )  # fmt: skip


@bp.get("/sessions/export")
@requires(VIEW)
def export() -> Response:
    """The sessions that match, as a workbook."""
    rows = exports.rows(queries.stream_sessions(access.actor(), forms.read_filters(request.args)))
    return send_workbook(f"{_('Sessions')} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


@bp.get("/sessions/stations/<string:code>")
@requires(VIEW)
def day(code: str) -> Response:
    """One day of a station, with all that is given there."""
    station, on = get_station_for(code, access.actor(), VIEW), forms.read_day(request.args.get("on"))
    return page(
        "welfare/sessions/day.html", station=station, on=on, rows=queries.list_day(station, on), before=on - timedelta(days=1),
        after=on + timedelta(days=1), now=clock.now(),
    )  # fmt: skip


@bp.get("/sessions/<uuid:session_id>")
@requires(VIEW)
def show(session_id: UUID) -> Response:
    """One session: when, where, how full."""
    return _show(queries.get_session(session_id, access.actor()))


def _show(session: ServiceSession, form: forms.CapacityForm | None = None) -> Response:
    who, programme = access.actor(), queries.find_programme(session)
    found = [one for look in sections if (one := look(session))]
    draw = invalid if form and form.errors else page
    return draw(
        "welfare/sessions/show.html", row=queries.row_of(session.id), session=session, programme=programme, now=clock.now(),
        on_day=clock.business_day(session.starts_at),
        station=queries.find_station(session), form=form or forms.CapacityForm.of(session), sections=found,
        is_own=reaches(who, VIEW, programme.union_id), may_manage=reaches(who, MANAGE, session.union_id),
        may_plan=bool(session.series_id) and reaches(who, PLAN, session.union_id),
    )  # fmt: skip


# --- changing one --------------------------------------------------------------------------------------------------


@bp.post("/sessions/<uuid:session_id>/capacity")
@requires(MANAGE)
@writes
def set_capacity(session_id: UUID) -> Response:
    """Change how many places there are."""
    session, form = queries.get_session(session_id, access.actor(), MANAGE), forms.CapacityForm()
    if form.validate():
        try:
            commands.set_capacity(session=session, capacity=form.capacity.data, online=form.online.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("sessions.show", session_id=session_id), text(N_("Saved.")))
    return _show(session, form)


@bp.post("/sessions/<uuid:session_id>/release-online")
@requires(MANAGE)
@writes
def release_online(session_id: UUID) -> Response:
    """Let those who come to the door have what nobody booked online."""
    session = queries.get_session(session_id, access.actor(), MANAGE)
    here = url_for("sessions.show", session_id=session_id)
    try:
        count = commands.release_online(session=session, by=access.by())
    except Refused as refused:
        return done(here, refused.problems[0].says, "error")
    return done(here, text(N_("%(count)s places are on site now."), count=count))


# --- making them -----------------------------------------------------------------------------------------------------


def _offer(form: forms.PlaceForm, programme: Programme) -> None:
    who = access.actor()
    form.offer(queries.list_stations(programme, who), queries.list_providers(programme, who),
               elsewhere=reaches(who, PLAN, programme.union_id))  # fmt: skip


def _place(form: forms.PlaceForm, programme: Programme) -> tuple[Station | None, commands.Provider | None]:
    """Where, as the form says; what is wrong stands beside it then."""
    station = queries.find_station_for(programme, form.code, access.actor()) if form.code else None
    if form.code and station is None:
        says = text(N_("This programme has no such station in your part of the tree."))
        form.take([Problem("station_unknown", says, field="station_code" if form.station_code.data else "place")])
    elif station is None and form.provider is None:
        other = form.place.data == forms.OTHER
        says = text(N_("Name the place.") if other else N_("Choose a place."))
        form.take([Problem("no_place", says, field="other_name" if other else "place")])
    return station, form.provider


def _series_page(programme: Programme, form: forms.SeriesForm) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/sessions/series.html", programme=programme, form=form)


@bp.get("/programmes/<string:programme>/sessions/new")
@requires(PLAN)
def new(programme: str) -> Response:
    """The form for a series."""
    found = get_programme(programme, access.actor(), PLAN)
    first = max(clock.today() + timedelta(days=1), found.starts_on)
    form = forms.SeriesForm(data=forms.SeriesForm.usual(first, max(first, min(found.ends_on, first + timedelta(days=27)))))
    _offer(form, found)
    return _series_page(found, form)


@bp.post("/programmes/<string:programme>/sessions/preview")
@requires(PLAN)
@changes_nothing("what would be made is only counted")
def preview(programme: str) -> Response:
    """What a series would make, and which days it leaves out, before anything is made."""
    found, form = get_programme(programme, access.actor(), PLAN), forms.SeriesForm()
    _offer(form, found)
    if "again" in request.form:
        return _series_page(found, form)  # back from the preview, with everything that was typed
    if form.validate() and (values := form.values()):
        station, provider = _place(form, found)
        if not form.errors:
            plan, problems = queries.plan(found, station, provider.name if provider else None, values)
            if form.take([_beside(one) for one in problems]):
                return page(
                    "welfare/sessions/preview.html", programme=found, plan=plan, values=values, typed=_typed(),
                    place=station.name if station else provider.name, left_out=rules.grouped(plan.skipped),
                    shortened=rules.grouped(plan.shortened),
                )  # fmt: skip
    return _series_page(found, form)


def _beside(problem: Problem) -> Problem:
    """Problems with the station stand beside the field of the place."""
    return Problem(problem.code, problem.says, problem.level, "place") if problem.field == "station" else problem


def _typed() -> list[tuple[str, str]]:
    """What the form held, to be carried through the preview."""
    return [pair for pair in request.form.items(multi=True) if pair[0] not in ("csrf_token", "key")]


@bp.post("/programmes/<string:programme>/sessions/new")
@requires(PLAN)
@writes
def make(programme: str) -> Response:
    """Make the series."""
    found, form = get_programme(programme, access.actor(), PLAN), forms.SeriesForm()
    _offer(form, found)
    if form.validate() and (values := form.values()):
        station, provider = _place(form, found)
        if not form.errors:
            try:
                made = commands.make_series(programme=found, station=station, provider=provider, values=values, by=access.by())
            except Refused as refused:
                form.take([_beside(one) for one in refused.problems])
            else:
                return _made(made, found)
    return _series_page(found, form)


def _made(made: commands.Made, programme: Programme) -> Response:
    says = text(N_("%(count)s sessions made, %(days)s days left out."), count=len(made.sessions), days=len(made.skipped))
    return done(url_for("sessions.index", programme=programme.code), says)


@bp.get("/programmes/<string:programme>/sessions/single")
@requires(PLAN)
def new_single(programme: str) -> Response:
    """The form for one session."""
    form = forms.SingleForm(data={"on": clock.today() + timedelta(days=1), "capacity": 10})
    return _single_page(get_programme(programme, access.actor(), PLAN), form)


def _single_page(programme: Programme, form: forms.SingleForm) -> Response:
    _offer(form, programme)
    draw = invalid if form.errors else page
    return draw("welfare/sessions/single.html", programme=programme, form=form)


@bp.post("/programmes/<string:programme>/sessions/single")
@requires(PLAN)
@writes
def add(programme: str) -> Response:
    """Make one session."""
    found, form = get_programme(programme, access.actor(), PLAN), forms.SingleForm()
    _offer(form, found)
    if form.validate():
        station, provider = _place(form, found)
        if not form.errors:
            starts_at, ends_at = form.times()
            try:
                session = commands.add_session(
                    programme=found, station=station, provider=provider, starts_at=starts_at, ends_at=ends_at,
                    capacity=form.capacity.data, online=form.online.data, note=form.note.data, by=access.by(),
                )  # fmt: skip
            except Refused as refused:
                form.take([_beside(one) for one in refused.problems])
            else:
                return done(url_for("sessions.show", session_id=session.id), text(N_("The session is made.")))
    return _single_page(found, form)


# --- going on --------------------------------------------------------------------------------------------------------


@bp.get("/session-series/<uuid:series_id>")
@requires(PLAN)
def series(series_id: UUID) -> Response:
    """How a series was made, and the form to go on with it."""
    found = queries.get_series(series_id, access.actor())
    return _going_on(found, forms.UntilForm(formdata=None, data={"last_on": found.last_on + timedelta(days=28)}))


def _going_on(found: SessionSeries, form: forms.UntilForm, plan: rules.Plan | None = None) -> Response:
    draw = invalid if form.errors else page
    return draw(
        "welfare/sessions/going_on.html", series=found, programme=queries.find_programme(found), form=form, plan=plan,
        count=queries.count_series(found.id), weekdays=forms.weekday_words(found.weekdays), values=queries.values_of(found),
        left_out=rules.grouped(plan.skipped) if plan else [], shortened=rules.grouped(plan.shortened) if plan else [],
    )  # fmt: skip


@bp.post("/session-series/<uuid:series_id>/preview")
@requires(PLAN)
@changes_nothing("what would be made is only counted")
def preview_going_on(series_id: UUID) -> Response:
    """What going on would make."""
    found, form = queries.get_series(series_id, access.actor()), forms.UntilForm()
    if form.validate():
        plan, problems = queries.plan_on(found, form.last_on.data)
        if form.take(problems):
            return _going_on(found, form, plan)
    return _going_on(found, form)


@bp.post("/session-series/<uuid:series_id>/continue")
@requires(PLAN)
@writes
def go_on(series_id: UUID) -> Response:
    """Go on with a series until a day."""
    found, form = queries.get_series(series_id, access.actor()), forms.UntilForm()
    if form.validate():
        try:
            made = commands.continue_series(series=found, last_on=form.last_on.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return _made(made, queries.find_programme(found))
    return _going_on(found, form)


def section(programme: Programme) -> dict[str, Any] | None:
    """The sessions, on a programme's page."""
    if rules.problems_with_programme(programme):
        return None
    sessions, free = queries.count_coming(programme.id)
    who = access.actor()
    if not sessions and who and who.may(PLAN):
        return {"title": text(N_("Sessions")), "url": url_for("sessions.new", programme=programme.code),
                "text": text(N_("None is coming up. Make a series."))}  # fmt: skip
    says = text(N_("%(sessions)s coming up, %(free)s places free"), sessions=sessions, free=free)
    return {"title": text(N_("Sessions")), "url": url_for("sessions.index", programme=programme.code), "text": says}
