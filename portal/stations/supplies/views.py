"""HTTP of supplies, for keepers: the catalogue, what a station has, what came in, what was put out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register.models import Station
from portal.stations.register.queries import get_station_for
from portal.stations.supplies import commands, forms, queries, rules
from portal.stations.supplies.models import MovementKind, SupplyItem, SupplyKind
from portal.types import N_, Refused, text
from portal.web import done, invalid, page, pager, writes

bp = Blueprint("supplies", __name__)

KEEP = Permission.KEEP_STATIONS


# --- the catalogue -------------------------------------------------------------------------------------------------


@bp.get("/supplies")
@requires(KEEP)
def index() -> Response:
    """What the stations of one's unions may stock: own items and those from above."""
    q, shown = forms.read_shown(request.args)
    who = access.actor()
    rows = queries.list_items(who, q, shown, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "stations/supplies/index.html",
        fragments=("items",),
        rows=rows,
        q=q,
        shown=shown,
        choices=queries.Shown.choices(),
        own=queries.own_among([row.item.id for row in rows], who),
        pager=pager(rows),
        uses_htmx=True,
    )


def _item_form(kind: type[forms.ItemForm], item: SupplyItem | None = None) -> forms.ItemForm:
    who = access.actor()
    usable = queries.list_usable(item.union_id, kits=False) if item else queries.list_parts(who)
    return kind(obj=item).offer(queries.own_unions(who), usable)


@bp.get("/supplies/new")
@requires(KEEP)
def new() -> Response:
    """The form for an item."""
    return page("stations/supplies/item_form.html", form=_item_form(forms.ItemForm), item=None)


@bp.post("/supplies/new")
@requires(KEEP)
@writes
def add() -> Response:
    """Put an item into the catalogue."""
    form = _item_form(forms.ItemForm)
    if form.validate():
        try:
            item = commands.add_item(union_id=UUID(form.union_id.data), values=form.values(), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("supplies.index"), text(N_("“%(name)s” is in the catalogue."), name=item.name))
    return invalid("stations/supplies/item_form.html", form=form, item=None)


@bp.get("/supplies/<string:supply>")
@requires(KEEP)
def edit(supply: str) -> Response:
    """One of one's own items."""
    item = queries.get_item(supply, access.actor(), own=True)
    form = _item_form(forms.ChangedItemForm, item).fill(queries.parts_of([item.id]).get(item.id, []))
    return page("stations/supplies/item_form.html", form=form, item=item)


@bp.post("/supplies/<string:supply>")
@requires(KEEP)
@writes
def change(supply: str) -> Response:
    """Say something else about an item."""
    item = queries.get_item(supply, access.actor(), own=True)
    form = _item_form(forms.ChangedItemForm, item)
    if form.validate():
        try:
            commands.change_item(item=item, values=form.values(item.kind), by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("supplies.index"), text(N_("“%(name)s” is saved."), name=item.name))
    return invalid("stations/supplies/item_form.html", form=form, item=item)


@bp.post("/supplies/<string:supply>/close")
@requires(KEEP)
@writes
def close(supply: str) -> Response:
    """No longer stock an item, or stock it again."""
    item = queries.get_item(supply, access.actor(), own=True)
    here = url_for("supplies.edit", supply=item.code)
    if item.closed_at is None:
        commands.close_item(item=item, by=access.by())
        return done(here, text(N_("“%(name)s” is no longer stocked; what is there goes out as before."), name=item.name))
    try:
        commands.reopen_item(item=item, by=access.by())
    except Refused as refused:
        return done(here, refused.problems[0].says, "error")
    return done(here, text(N_("“%(name)s” is stocked again."), name=item.name))


# --- what a station has --------------------------------------------------------------------------------------------


@bp.get("/staff/stations/<string:code>/supplies")
@requires(KEEP)
def station(code: str) -> Response:
    """What is there, what is past its date, what runs out, what is missing in the book."""
    place = get_station_for(code, access.actor(), KEEP)
    stocks = queries.stock_of(place.id)
    return page(
        "stations/supplies/station.html",
        station=place,
        stocks=[one for one in stocks.values() if one.item.kind is not SupplyKind.KIT],
        kits=[one for one in stocks.values() if one.item.kind is SupplyKind.KIT],
        warnings=queries.warnings_of(stocks),
        today=clock.today(),
    )


def _item_of(place: Station, code: str) -> SupplyItem:
    """An item that this station may stock or has had; 404 for others."""
    return queries.find_by_code(code, place) or abort(404)


def _show(place: Station, item: SupplyItem, **known: Any) -> Response:
    shown = {"refill_form": forms.RefillForm(formdata=None)} | known
    return (invalid if known else page)(
        "stations/supplies/item.html",
        station=place,
        item=item,
        stock=queries.stock_of(place.id, [item.id])[item.id],
        parts=queries.parts_of([item.id]).get(item.id, []),
        today=clock.today(),
        self_taken=item.kind is SupplyKind.SELF_TAKEN,
        **shown,
    )


@bp.get("/staff/stations/<string:code>/supplies/items/<string:supply>")
@requires(KEEP)
def show(code: str, supply: str) -> Response:
    """One item at a station: its lots, when it runs out and how that is reckoned."""
    place = get_station_for(code, access.actor(), KEEP)
    return _show(place, _item_of(place, supply))


@bp.post("/staff/stations/<string:code>/supplies/items/<string:supply>/refill")
@requires(KEEP)
@writes
def refill(code: str, supply: str) -> Response:
    """Put out what people take themselves."""
    place = get_station_for(code, access.actor(), KEEP)
    item, form = _item_of(place, supply), forms.RefillForm()
    if form.validate():
        try:
            commands.refill(
                station=place, item=item, quantity=form.refilled.data, note=form.refill_note.data, by=access.by()
            )  # fmt: skip
        except Refused as refused:
            form.take(rules.at_fields(refused.problems, {"quantity": "refilled", "note": "refill_note"}))
        else:
            says = text(N_("%(count)s %(unit)s are put out."), count=form.refilled.data, unit=item.unit)
            return done(url_for("supplies.show", code=place.code, supply=item.code), says)
    return _show(place, item, refill_form=form)


# --- coming in -----------------------------------------------------------------------------------------------------


def _receive_form(place: Station, **known: Any) -> forms.ReceiveForm:
    return forms.ReceiveForm(**known).offer(queries.list_usable(place.union_id, kits=False))


@bp.get("/staff/stations/<string:code>/supplies/receive")
@requires(KEEP)
def receive(code: str) -> Response:
    """The form for what came in."""
    place = get_station_for(code, access.actor(), KEEP)
    form = _receive_form(place, data={"item": request.args.get("item"), "received_on": clock.today()})
    return page("stations/supplies/receive.html", station=place, form=form)


@bp.post("/staff/stations/<string:code>/supplies/receive")
@requires(KEEP)
@writes
def put_in(code: str) -> Response:
    """Put what came in on the shelf."""
    place = get_station_for(code, access.actor(), KEEP)
    form = _receive_form(place)
    if form.validate():
        item = queries.find_by_code(form.item.data, place) or abort(404)
        try:
            commands.receive(
                station=place, item=item, quantity=form.quantity.data, unit_cost=form.unit_cost.data or Decimal(0),
                kind=MovementKind(form.kind.data), expires_on=form.expires_on.data, lot_number=form.lot_number.data,
                received_on=form.received_on.data, note=form.note.data, by=access.by(),
            )  # fmt: skip
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("%(count)s %(unit)s came in."), count=form.quantity.data, unit=item.unit)
            return done(url_for("supplies.show", code=place.code, supply=item.code), says)
    return invalid("stations/supplies/receive.html", station=place, form=form)
