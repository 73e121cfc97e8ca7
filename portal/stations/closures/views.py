"""HTTP of days that differ: one station's, and many at once with a preview."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.closures import commands, forms, queries, rules
from portal.stations.closures.rules import Plan
from portal.stations.register.models import Station
from portal.stations.register.queries import get_station_for, list_chosen, list_matching
from portal.stations.register.rules import opening
from portal.types import N_, Problem, Refused, text
from portal.web import changes_nothing, done, invalid, page, writes

bp = Blueprint("closures", __name__)

KEEP = Permission.KEEP_STATIONS
MOST = 2000  # stations at once


# --- one station -----------------------------------------------------------------------------------------------


@bp.get("/staff/stations/<string:code>/exceptions")
@requires(KEEP)
def index(code: str) -> Response:
    """Days on which this station's weekly hours do not hold."""
    return _one_page(get_station_for(code, access.actor(), KEEP), forms.DaysForm(formdata=None))


def _one_page(station: Station, form: forms.DaysForm) -> Response:
    coming, past = queries.list_exceptions(station)
    draw = invalid if form.errors else page
    return draw(
        "stations/closures/index.html", form=form, station=station, opening=opening(station, clock.now()),
        coming=coming, past=past, times=lambda one: rules.times_as_text([(row.opens, row.closes) for row in one.hours]),
    )  # fmt: skip


@bp.post("/staff/stations/<string:code>/exceptions")
@requires(KEEP)
@writes
def add(code: str) -> Response:
    """Let other hours, or none, hold on some days."""
    station, form = get_station_for(code, access.actor(), KEEP), forms.DaysForm()
    if form.validate() and (plan := form.plan()):
        try:
            made = commands.except_days(stations=[station], plan=plan, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = N_("These days are noted.") if made.changed else N_("It was so already; nothing was changed.")
            return done(url_for("closures.index", code=code), text(says))
    return _one_page(station, form)


@bp.post("/staff/stations/<string:code>/exceptions/end")
@requires(KEEP)
@writes
def end(code: str) -> Response:
    """Let the weekly hours hold again."""
    station = get_station_for(code, access.actor(), KEEP)
    try:
        exception = queries.find_exception(station, UUID(request.form.get("exception_id", "")))
    except ValueError:
        exception = None
    if exception is None:
        return done(url_for("closures.index", code=code), text(N_("This was ended already.")), "error")
    commands.end_exception(station=station, exception=exception, by=access.by())
    return done(url_for("closures.index", code=code), text(N_("The weekly hours hold again.")))


# --- many at once ----------------------------------------------------------------------------------------------


@bp.get("/staff/stations/closures")
@requires(KEEP)
def bulk() -> Response:
    """A holiday, or days of one's own, for all stations that a filter leaves."""
    form = forms.ManyForm.from_query(request.args)
    form.offer(clock.today())
    return _many_page(form)


@bp.post("/staff/stations/closures/chosen")
@requires(KEEP)
@changes_nothing("the chosen stations may be too many for an address")
def chosen() -> Response:
    """The same for stations that were chosen in the list."""
    form = forms.ManyForm(formdata=None, data={"chosen": request.form.getlist("chosen")})
    form.offer(clock.today())
    return _many_page(form)


def _stations(form: forms.ManyForm) -> list[Station]:
    if form.codes:
        return list_chosen(form.codes[:MOST], access.actor(), KEEP)
    return list_matching(access.actor(), KEEP, **form.filters, limit=MOST + 1)


def _many_page(form: forms.ManyForm, preview: dict[str, Any] | None = None) -> Response:
    stations = _stations(form)
    draw = invalid if form.errors else page
    return draw(
        "stations/closures/bulk.html", form=form, count=len(stations), first=stations[:12], preview=preview,
        last_year=rules.last_announced_year(clock.today()),
    )  # fmt: skip


def _read() -> tuple[forms.ManyForm, Plan | None, list[Station]]:
    form = forms.ManyForm()
    form.offer(clock.today())
    plan = form.plan() if form.validate() else None
    stations = _stations(form)
    if plan:
        form.take([*rules.problems_with_plan(plan, clock.today()), *_problems_with_count(len(stations))])
    return form, None if form.errors else plan, stations


def _problems_with_count(count: int) -> list[Problem]:
    if not count:
        return [Problem("no_stations", text(N_("No station fits. Go back to the list and choose others.")))]
    if count > MOST:
        return [Problem("too_many_stations", text(N_("More than %(most)s stations at once. Narrow the list first."), most=MOST))]
    return []


@bp.post("/staff/stations/closures/preview")
@requires(KEEP)
@changes_nothing("what is planned is only counted")
def preview() -> Response:
    """What would change, before anything does."""
    form, plan, stations = _read()
    if plan is None:
        return _many_page(form)
    changing = [one for one in stations if rules.runs_to_make(one, plan)]
    counted = {"changing": len(changing), "same": len(stations) - len(changing), "days": plan.days, "first": changing[:12]}
    return _many_page(form, counted)


@bp.post("/staff/stations/closures")
@requires(KEEP)
@writes
def carry_out() -> Response:
    """Let it hold at all of them; where it holds already nothing is written."""
    form, plan, stations = _read()
    if plan is None:
        return _many_page(form)
    made = commands.except_days(stations=stations, plan=plan, by=access.by())
    says = text(N_("%(changed)s stations changed, at %(same)s it was so already."), changed=made.changed, same=made.same)
    return done(url_for("stations.staff_index", **forms.as_query(form.filters)), says)
