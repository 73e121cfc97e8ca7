"""HTTP of stocktaking, for keepers: what waits, counts, transfers with both sides, lots, write-offs, the book."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.stations.register.models import Station
from portal.stations.register.queries import find_by_code, get_station_for, list_for_staff
from portal.stations.stocktaking import commands, exports, forms, queries
from portal.stations.supplies import commands as stock
from portal.stations.supplies import queries as supplies
from portal.stations.supplies.models import SIGNS, MovementKind, SupplyItem
from portal.stations.supplies.rules import at_fields, is_good
from portal.types import N_, Refused, Text, text
from portal.unions.staff.queries import StaffActor
from portal.web import done, invalid, page, pager, send_workbook, writes

bp = Blueprint("stocktaking", __name__)

KEEP = Permission.KEEP_STATIONS


def waiting(actor: StaffActor) -> tuple[Text, str, int] | None:
    """For the staff home: write-offs to confirm, transfers that arrive, lots past their date."""
    if not actor.may(KEEP):
        return None
    return (
        text(N_("Stock to confirm, to receive or to clear away")),
        url_for("stocktaking.overview"),
        queries.count_waiting(actor),
    )


@bp.app_template_global()
def stock_waiting(station: Station) -> dict[str, Any]:
    """For a station's supplies: open transfers and write-offs, and the lots that wait for a second person."""
    asked = queries.list_open_write_offs(station.id)
    return {
        "transfers": queries.list_open_transfers(station.id),
        "write_offs": asked,
        "lots": {one.lot.id for one in asked},
    }


@bp.app_template_global()
def last_counts(station: Station, item: SupplyItem) -> list[queries.Counting]:
    """For an item at a station: the last counts."""
    return queries.list_counts(station.id, item.id)


@bp.get("/staff/supplies")
@requires(KEEP)
def overview() -> Response:
    """What waits for a keeper at all stations within scope."""
    return page("stations/stocktaking/overview.html", waiting=queries.list_waiting(access.actor()), me=access.actor().id)


def _place_and_item(code: str, supply: str) -> tuple[Station, SupplyItem]:
    place = get_station_for(code, access.actor(), KEEP)
    return place, supplies.find_by_code(supply, place) or abort(404)


def _to_item(place: Station, item: SupplyItem, says: Text) -> Response:
    return done(url_for("supplies.show", code=place.code, supply=item.code), says)


# --- counting ------------------------------------------------------------------------------------------------------


def _count_page(place: Station, item: SupplyItem, form: forms.CountForm) -> Response:
    known = supplies.stock_of(place.id, [item.id])[item.id]
    draw = invalid if form.errors else page
    return draw("stations/stocktaking/count.html", station=place, item=item, stock=known, form=form)


@bp.get("/staff/stations/<string:code>/supplies/items/<string:supply>/count")
@requires(KEEP)
def count(code: str, supply: str) -> Response:
    """The form for a count."""
    return _count_page(*_place_and_item(code, supply), forms.CountForm())


@bp.post("/staff/stations/<string:code>/supplies/items/<string:supply>/count")
@requires(KEEP)
@writes
def counted(code: str, supply: str) -> Response:
    """The book follows what was counted."""
    place, item = _place_and_item(code, supply)
    form = forms.CountForm()
    if form.validate():
        known = {"counted": form.counted.data, "expires_on": form.expires_on.data, "note": form.note.data}
        try:
            row = commands.count(station=place, item=item, by=access.by(), **known)
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = N_("Counted: %(counted)s; the book said %(booked)s and now says the same as the shelf.")
            if row.counted == row.booked:
                says = N_("Counted: %(counted)s, as the book says.")
            return _to_item(place, item, text(says, counted=row.counted, booked=row.booked))
    return _count_page(place, item, form)


# --- transfers -----------------------------------------------------------------------------------------------------


def _send_page(place: Station, item: SupplyItem, form: forms.SendForm) -> Response:
    return (invalid if form.errors else page)(
        "stations/stocktaking/send.html",
        station=place,
        item=item,
        stock=supplies.stock_of(place.id, [item.id])[item.id],
        form=form,
        near=[row.station for row in list_for_staff(access.actor()) if row.station.id != place.id],
    )


@bp.get("/staff/stations/<string:code>/supplies/items/<string:supply>/send")
@requires(KEEP)
def send(code: str, supply: str) -> Response:
    """The form for sending something elsewhere."""
    return _send_page(*_place_and_item(code, supply), forms.SendForm())


@bp.post("/staff/stations/<string:code>/supplies/items/<string:supply>/send")
@requires(KEEP)
@writes
def sent(code: str, supply: str) -> Response:
    """It is on its way."""
    place, item = _place_and_item(code, supply)
    form = forms.SendForm()
    if form.validate():
        try:
            transfer = commands.send(
                station=place, to=find_by_code(form.to.data), item=item, quantity=form.quantity.data, note=form.note.data,
                by=access.by(),
            )  # fmt: skip
        except Refused as refused:
            form.take(refused.problems)
        else:
            return _to_transfer(place, transfer.id, text(N_("On its way. The other station says what arrives.")))
    return _send_page(place, item, form)


def _to_transfer(place: Station, transfer_id: UUID, says: Text) -> Response:
    return done(url_for("stocktaking.transfer", code=place.code, transfer_id=transfer_id), says)


@bp.get("/staff/stations/<string:code>/supplies/transfers")
@requires(KEEP)
def transfers(code: str) -> Response:
    """What this station sent and was sent."""
    place = get_station_for(code, access.actor(), KEEP)
    rows = queries.list_transfers(place.id, before=request.args.get("before"), after=request.args.get("after"))
    return page("stations/stocktaking/transfers.html", station=place, rows=rows, pager=pager(rows))


def _show_transfer(place: Station, transfer_id: UUID, form: forms.ArrivalForm | None = None) -> Response:
    sent = queries.get_transfer(transfer_id, place.id)
    fresh = forms.ArrivalForm(formdata=None, data={"received": sent.transfer.quantity})
    draw = invalid if form is not None else page
    return draw("stations/stocktaking/transfer.html", station=place, sent=sent, form=form or fresh)


@bp.get("/staff/stations/<string:code>/supplies/transfers/<uuid:transfer_id>")
@requires(KEEP)
def transfer(code: str, transfer_id: UUID) -> Response:
    """One transfer, as this station sees it."""
    return _show_transfer(get_station_for(code, access.actor(), KEEP), transfer_id)


@bp.post("/staff/stations/<string:code>/supplies/transfers/<uuid:transfer_id>/receive")
@requires(KEEP)
@writes
def receive(code: str, transfer_id: UUID) -> Response:
    """What arrived."""
    place = get_station_for(code, access.actor(), KEEP)
    sent, form = queries.get_transfer(transfer_id, place.id), forms.ArrivalForm()
    if form.validate():
        known = {"received": form.received.data, "note": form.note.data}
        try:
            commands.receive_transfer(transfer=sent.transfer, station=place, by=access.by(), **known)
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = N_("%(count)s %(unit)s arrived and are on the shelf.")
            return _to_transfer(place, transfer_id, text(says, count=form.received.data, unit=sent.item.unit))
    return _show_transfer(place, transfer_id, form)


@bp.post("/staff/stations/<string:code>/supplies/transfers/<uuid:transfer_id>/call-back")
@requires(KEEP)
@writes
def call_back(code: str, transfer_id: UUID) -> Response:
    """The sender takes it back."""
    place = get_station_for(code, access.actor(), KEEP)
    sent = queries.get_transfer(transfer_id, place.id)
    try:
        commands.call_back(transfer=sent.transfer, station=place, by=access.by())
    except Refused as refused:
        form = forms.ArrivalForm(formdata=None)
        form.take(refused.problems)
        return _show_transfer(place, transfer_id, form)
    return _to_transfer(place, transfer_id, text(N_("Taken back; everything is on the shelf again.")))


# --- writing off ---------------------------------------------------------------------------------------------------


@bp.post("/staff/stations/<string:code>/supplies/lots/<uuid:lot_id>/write-off")
@requires(KEEP)
@writes
def ask(code: str, lot_id: UUID) -> Response:
    """Ask that a lot past its date be written off."""
    place = get_station_for(code, access.actor(), KEEP)
    one, form = supplies.get_lot(lot_id, place.id), forms.WriteOffForm()
    if form.validate():
        known = {"quantity": form.quantity.data, "reason": form.reason.data}
        try:
            commands.ask_write_off(station=place, lot=one, by=access.by(), **known)
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Asked. It leaves the book when a second person confirms."))
            return done(url_for("stocktaking.lot", code=place.code, lot_id=one.id), says)
    return _show_lot(place, lot_id, write_off_form=form)


@bp.post("/staff/stations/<string:code>/supplies/write-offs/<uuid:write_off_id>/decide")
@requires(KEEP)
@writes
def decide(code: str, write_off_id: UUID) -> Response:
    """A second person confirms or declines."""
    place = get_station_for(code, access.actor(), KEEP)
    asked = queries.get_write_off(write_off_id, place.id)
    confirm = request.form.get("decision") == "confirm"
    try:
        commands.decide_write_off(write_off=asked, station=place, confirm=confirm, by=access.by())
    except Refused as refused:
        form = forms.WriteOffForm(formdata=None)
        form.take(refused.problems)
        return _show_lot(place, asked.lot_id, write_off_form=form)
    says = N_("Confirmed and written off.") if confirm else N_("Declined. It stays on the book, blocked.")
    return done(url_for("stocktaking.lot", code=place.code, lot_id=asked.lot_id), text(says))


# --- one lot -------------------------------------------------------------------------------------------------------


def _show_lot(place: Station, lot_id: UUID, **known: Any) -> Response:
    lot = supplies.get_lot(lot_id, place.id)
    shown = {
        "lose_form": forms.LoseForm(formdata=None),
        "correct_form": forms.CorrectForm(formdata=None, obj=lot),
        "write_off_form": forms.WriteOffForm(formdata=None, data={"quantity": lot.on_hand}),
    } | known
    return (invalid if known else page)(
        "stations/stocktaking/lot.html",
        station=place,
        lot=lot,
        item=supplies.find_item(lot.supply_item_id),
        good=is_good(lot.expires_on, clock.today()),
        entries=queries.list_of_lot(lot.id),
        signs=SIGNS,
        asked=queries.find_asked(lot.id),
        me=access.actor().id,
        **shown,
    )


@bp.get("/staff/stations/<string:code>/supplies/lots/<uuid:lot_id>")
@requires(KEEP)
def lot(code: str, lot_id: UUID) -> Response:
    """One lot: what it holds, every movement, and what can be done with it."""
    return _show_lot(get_station_for(code, access.actor(), KEEP), lot_id)


@bp.post("/staff/stations/<string:code>/supplies/lots/<uuid:lot_id>/lose")
@requires(KEEP)
@writes
def lose(code: str, lot_id: UUID) -> Response:
    """Pieces of a lot are lost or damaged."""
    place = get_station_for(code, access.actor(), KEEP)
    one, form = supplies.get_lot(lot_id, place.id), forms.LoseForm()
    if form.validate():
        try:
            stock.lose(station=place, lot=one, quantity=form.lost.data, reason=form.lost_reason.data, by=access.by())
        except Refused as refused:
            form.take(at_fields(refused.problems, {"quantity": "lost", "reason": "lost_reason"}))
        else:
            return done(url_for("stocktaking.lot", code=place.code, lot_id=one.id), text(N_("The loss is on record.")))
    return _show_lot(place, lot_id, lose_form=form)


@bp.post("/staff/stations/<string:code>/supplies/lots/<uuid:lot_id>/correct")
@requires(KEEP)
@writes
def correct(code: str, lot_id: UUID) -> Response:
    """Put a mistyped date or number of a lot right."""
    place = get_station_for(code, access.actor(), KEEP)
    one, form = supplies.get_lot(lot_id, place.id), forms.CorrectForm()
    if form.validate():
        known = {"expires_on": form.expires_on.data, "lot_number": form.lot_number.data, "reason": form.reason.data}
        try:
            stock.correct_lot(station=place, lot=one, by=access.by(), **known)
        except Refused as refused:
            form.take(refused.problems)
        else:
            return done(url_for("stocktaking.lot", code=place.code, lot_id=one.id), text(N_("The lot is put right.")))
    return _show_lot(place, lot_id, correct_form=form)


# --- the book ------------------------------------------------------------------------------------------------------


@bp.get("/staff/stations/<string:code>/supplies/book")
@requires(KEEP)
def book(code: str) -> Response:
    """Every movement of a station's stock, the newest first."""
    place = get_station_for(code, access.actor(), KEEP)
    items = queries.items_of(place.id)
    filters = forms.read_filters(request.args, items)
    rows = queries.list_book(place.id, filters, before=request.args.get("before"), after=request.args.get("after"))
    return page(
        "stations/stocktaking/book.html",
        fragments=("book",),
        station=place,
        rows=rows,
        filters=filters,
        things=items,
        kinds=MovementKind.choices(),
        signs=SIGNS,
        pager=pager(rows),
        uses_htmx=True,
    )


@bp.get("/staff/stations/<string:code>/supplies/book/export")
@requires(KEEP)
def export(code: str) -> Response:
    """The same as a workbook."""
    place = get_station_for(code, access.actor(), KEEP)
    filters = forms.read_filters(request.args, queries.items_of(place.id))
    found = queries.rows_for_export(place.id, filters)
    return send_workbook(_("Stock book %(code)s", code=place.code), exports.COLUMNS, exports.rows(found))
