"""HTTP of wishes: anyone makes one; staff see them and say what becomes of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask_babel import gettext as _

from portal import access, clock, throttle
from portal.access import Permission, public, requires
from portal.stations.wishes import commands, exports, forms, queries
from portal.stations.wishes.models import NEXT_STATES, WishState
from portal.types import Refused, tidy
from portal.unions.tree.queries import county_choices
from portal.web import client_address, done, error_page, invalid, page, pager, send_workbook, writes

bp = Blueprint("wishes", __name__)

KEEP = Permission.KEEP_STATIONS


# --- anyone --------------------------------------------------------------------------------------------------


def _form_page(form: forms.WishForm) -> Response:
    draw = invalid if form.errors else page
    return draw("stations/wishes/new.html", form=form, point=forms.read_point(form.lat.data, form.lng.data))


@bp.get("/stations/wish")
@public
def new() -> Response:
    """The form; a phone may say where it is, to a hundred metres."""
    typed = request.args.get("lat"), request.args.get("lng")
    point = forms.read_point(*typed)
    if point and typed != (str(point[0]), str(point[1])):
        return redirect(url_for("wishes.new", lat=point[0], lng=point[1]))  # the address bar holds the rounded place only
    county = tidy(request.args.get("county")) or (queries.nearest_county(point) if point else None)
    lat, lng = point or ("", "")
    form = forms.WishForm(formdata=None, data={"county_code": county, "lat": lat, "lng": lng})
    form.offer(county_choices())
    return _form_page(form)


@bp.post("/stations/wish")
@public
@writes
def add() -> Response:
    """One more voice for a place."""
    form = forms.WishForm()
    form.offer(county_choices())
    if not form.validate():
        return _form_page(form)
    client = client_address()
    if throttle.wait("wish", form.county_code.data, client):
        return error_page(429, _("Several wishes came from here just now; they are on record."))
    try:
        wish = commands.wish(values=form.values(), by=access.by())
    except Refused as refused:
        form.take(refused.problems)
        return _form_page(form)
    throttle.write_down("wish", form.county_code.data, client, failed=True)  # what counts here is how often, not how well
    return done(url_for("wishes.thanks", wish_id=wish.id))


@bp.get("/stations/wishes/<uuid:wish_id>")
@public
def thanks(wish_id: UUID) -> Response:
    """Thank you, what happens next, and how it stands."""
    return page("stations/wishes/thanks.html", listed=queries.get_public(wish_id))


# --- staff ---------------------------------------------------------------------------------------------------


def _filters() -> dict[str, Any]:
    try:
        state = WishState(request.args.get("state", ""))
    except ValueError:
        state = None
    return {"q": tidy(request.args.get("q")), "county": tidy(request.args.get("county")), "state": state}


@bp.get("/staff/stations/wishes")
@requires(KEEP)
def index() -> Response:
    """The wishes within one's part of the tree, those of most people first."""
    filters, actor = _filters(), access.actor()
    rows = queries.list_wishes(actor, KEEP, **filters, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "stations/wishes/index.html",
        fragments=("wishes",),
        rows=rows,
        filters=filters,
        states=WishState.choices(),
        counties=queries.list_counties(actor, KEEP),
        pager=pager(rows),
        uses_htmx=True,
    )


@bp.get("/staff/stations/wishes/export")
@requires(KEEP)
def export() -> Response:
    """The wishes that match, as a workbook."""
    rows = exports.rows(queries.rows_for_export(access.actor(), KEEP, **_filters()))
    return send_workbook(f"{_('Wishes for stations')} {clock.today()}", exports.COLUMNS, rows)


@bp.get("/staff/stations/wishes/<uuid:wish_id>")
@requires(KEEP)
def show(wish_id: UUID) -> Response:
    """One wish: who asks for it, what is missing, what becomes of it."""
    return _wish_page(queries.get_wish(wish_id, access.actor(), KEEP))


def _wish_page(listed: queries.Listed, form: forms.StateForm | None = None) -> Response:
    wish = listed.wish
    if form is None:
        form = forms.StateForm(formdata=None)
        form.offer(wish.state)
    draw = invalid if form.errors else page
    return draw(
        "stations/wishes/show.html", listed=listed, wish=wish, said=queries.said(wish.id), form=form,
        is_final=not NEXT_STATES[wish.state],
    )  # fmt: skip


@bp.post("/staff/stations/wishes/<uuid:wish_id>")
@requires(KEEP)
@writes
def set_state(wish_id: UUID) -> Response:
    """Say what becomes of a wish."""
    listed = queries.get_wish(wish_id, access.actor(), KEEP)
    form = forms.StateForm()
    form.offer(listed.wish.state)
    if form.validate():
        state = WishState(form.state.data)
        station = queries.find_station(form.station.data, access.actor(), KEEP)
        try:
            commands.set_state(wish=listed.wish, state=state, reason=form.reason.data, station=station, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("wishes.show", wish_id=wish_id))
    return _wish_page(listed, form)
