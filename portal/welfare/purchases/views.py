"""HTTP of purchases: the list, a new one, one with its money and stock."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext as _

from portal import access, clock
from portal.access import Permission, requires
from portal.types import N_, Problem, Refused, text
from portal.web import done, invalid, page, pager, send_workbook, writes
from portal.welfare.ledger import queries as ledger
from portal.welfare.purchases import commands, exports, forms, queries, rules

bp = Blueprint("purchases", __name__)

VIEW, BUY, EDIT = Permission.VIEW_DELIVERIES, Permission.BUY_SUPPLIES, Permission.EDIT_BUDGETS


def _purchase(ident: str) -> tuple[str, str] | None:
    label = queries.find_label(UUID(ident))
    return (url_for("purchases.show", purchase_id=ident), label) if label else None


CAUSES = {"purchases": _purchase}


@bp.get("/purchases")
@requires(VIEW)
def index() -> Response:
    """Purchases for stations within one's part of the tree, the latest first."""
    filters = forms.read_filters(request.args)
    found = queries.list_purchases(access.actor(), **filters, before=request.args.get("before"), after=request.args.get("after"))
    return page("welfare/purchases/index.html", fragments=("purchases",), rows=found, filters=filters, pager=pager(found),
                states=forms.states(), uses_htmx=True)  # fmt: skip


@bp.get("/purchases/export")
@requires(VIEW)
def export() -> Response:
    """The purchases that match, as a workbook."""
    rows = exports.rows(queries.stream_purchases(access.actor(), **forms.read_filters(request.args)))
    return send_workbook(f"{_('Purchases')} {clock.today():%Y-%m-%d}", exports.COLUMNS, rows)


@bp.get("/purchases/new")
@requires(BUY)
def new() -> Response:
    """The form for a purchase; ``?station=`` fills in for which station, ``?item=`` what."""
    known = {"station": request.args.get("station"), "bought_on": clock.today(), "item": request.args.get("item")}
    return _form_page(_offer(forms.PurchaseForm(data=known)))


def _offer(form: forms.PurchaseForm) -> forms.PurchaseForm:
    year = clock.today().year
    return form.offer(queries.list_items(access.actor()), queries.list_lines(access.actor(), (year, year - 1)))


def _form_page(form: forms.PurchaseForm) -> Response:
    draw = invalid if form.errors else page
    return draw("welfare/purchases/new.html", form=form, stations=queries.suggest_stations(access.actor()))


@bp.post("/purchases/new")
@requires(BUY)
@writes
def add() -> Response:
    """Enter a purchase: spent, and in stock."""
    form = _offer(forms.PurchaseForm())
    station = queries.find_station(form.station.data, access.actor())
    unknown = [] if station else [Problem("station", text(N_("This is no station in your care.")), field="station")]
    if form.validate() and form.take(unknown):
        names = ("quantity", "unit_price", "total", "voucher_number", "supplier", "bought_on", "expires_on", "lot_number")
        chosen = {"item": queries.find_item(UUID(form.item.data), access.actor()),
                  "budget_line": queries.find_line(UUID(form.budget_line.data), access.actor())}  # fmt: skip
        try:
            bought = commands.buy(station=station, **chosen, **{name: form[name].data for name in names}, by=access.by())
        except Refused as refused:
            form.take([_beside(problem) for problem in refused.problems])
        else:
            return done(url_for("purchases.show", purchase_id=bought.id), text(N_("Entered: spent, and in stock.")))
    return _form_page(form)


def _beside(problem: Problem) -> Problem:
    """What the ledger says about an amount stands beside the line it is about."""
    return Problem(problem.code, problem.says, problem.level, "budget_line") if problem.field == "amount" else problem


@bp.get("/purchases/<uuid:purchase_id>")
@requires(VIEW)
def show(purchase_id: UUID) -> Response:
    """One purchase: its voucher, its money, what is still there of it."""
    return _show(queries.get_purchase(purchase_id, access.actor()))


def _show(purchase: Any, form: Any = None) -> Response:
    form = form or forms.ReasonForm(formdata=None)
    whole, held = queries.whole(purchase), ledger.list_commitments("purchases", str(purchase.id))
    paid = sum(one.paid for one in held)
    stands = rules.problems_with_reversing(
        reversed_already=purchase.reversed_at is not None, quantity=purchase.quantity, on_hand=whole.lot.on_hand, paid=paid
    )
    draw = invalid if form.errors else page
    return draw("welfare/purchases/show.html", one=whole, purchase=purchase, form=form, paid=paid, stands=stands,
                cost=rules.cost_of(purchase.quantity, purchase.total))  # fmt: skip


@bp.post("/purchases/<uuid:purchase_id>/reverse")
@requires(BUY)
@writes
def reverse(purchase_id: UUID) -> Response:
    """Take a purchase back, with a reason."""
    purchase, form = queries.get_purchase(purchase_id, access.actor(), BUY), forms.ReasonForm()
    if form.validate():
        try:
            commands.reverse_purchase(purchase=purchase, reason=form.reason.data, by=access.by())
        except Refused as refused:
            form.take(refused.problems)
        else:
            says = text(N_("Taken back: the money is the line's again, the goods left the stock."))
            return done(url_for("purchases.show", purchase_id=purchase_id), says)
    return _show(queries.get_purchase(purchase_id, access.actor()), form)


@bp.post("/purchases/<uuid:purchase_id>/pay")
@requires(EDIT)
@writes
def pay(purchase_id: UUID) -> Response:
    """Note that it is paid, or that what was paid came back."""
    purchase, here = queries.get_purchase(purchase_id, access.actor(), EDIT), url_for("purchases.show", purchase_id=purchase_id)
    move = commands.refund if request.form.get("way") == "refund" else commands.pay
    try:
        amount = move(purchase=purchase, by=access.by())
    except Refused as refused:
        return done(here, refused.problems[0].says, "error")
    return done(here, text(N_("Noted: %(amount)s."), amount=amount))
