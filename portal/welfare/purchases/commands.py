"""Buying goods and taking a purchase back: money and stock move in one transaction, so neither is there without the other."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import Station
from portal.stations.supplies import commands as supplies
from portal.stations.supplies import queries as stock
from portal.stations.supplies.models import Lot, MovementKind, SupplyItem
from portal.stations.supplies.rules import StockCause
from portal.types import N_, Problem, Refused, new_id, text
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger import queries as ledger_queries
from portal.welfare.ledger.models import BudgetLine
from portal.welfare.ledger.rules import Cause
from portal.welfare.purchases import queries, rules
from portal.welfare.purchases.models import Purchase

TABLE = Purchase.__tablename__


def buy(
    *, station: Station, item: SupplyItem, quantity: int, unit_price: Decimal | None = None, total: Decimal | None = None,
    budget_line: BudgetLine, voucher_number: str, supplier: str, bought_on: date, expires_on: date | None = None,
    lot_number: str | None = None, by: By,
) -> Purchase:  # fmt: skip
    """Buy goods for a station: spent at once on the line of the year they were bought in, and in stock at that cost.

    ``total`` is what the voucher says; without it, quantity × price. Raises `Refused`, with what the line has left.
    """
    _refuse(rules.problems_with_price(quantity, unit_price, total))
    problems = rules.problems_with_buying(
        quantity=quantity, bought_on=bought_on, expires=item.expires, expires_on=expires_on, today=clock.today()
    )
    _refuse(problems + _problems_with_place(station, item, budget_line))
    cost = rules.cost_of(quantity, total if total is not None else rules.total_of(quantity, unit_price or Decimal(0)))
    if queries.find_twin(station.union_id, voucher_number, item.id, station.id):
        raise Refused([rules.voucher_known(voucher_number, item.name)])
    ident = new_id()
    cause = Cause(TABLE, str(ident), queries.label_of(item.name, quantity, station.name))
    held = ledger.reserve(line_id=budget_line.id, amount=cost.total, cause=cause, falls_on=bought_on, by=by)
    ledger.spend(cause=cause, voucher_number=voucher_number, by=by)
    lot = supplies.receive(
        station=station, item=item, quantity=quantity, unit_cost=cost.unit, kind=MovementKind.PURCHASE, expires_on=expires_on,
        lot_number=lot_number, received_on=bought_on, cause=StockCause(TABLE, str(ident)), by=by,
    )  # fmt: skip
    purchase = Purchase(
        id=ident, union_id=station.union_id, station_id=station.id, supply_item_id=item.id, lot_id=lot.id,
        budget_line_id=held[0].line_id, supplier=supplier, voucher_number=voucher_number, bought_on=bought_on, quantity=quantity,
        unit_price=cost.unit, total=cost.total, created_at=clock.now(), by_account_id=_account(by),
    )  # fmt: skip
    _add(purchase, item)
    audit.record("purchase.entered", by=by, subject=purchase, union_id=station.union_id, item=item.name, quantity=quantity,
                 total=str(cost.total), voucher=voucher_number)  # fmt: skip
    return purchase


def _problems_with_place(station: Station, item: SupplyItem, line: BudgetLine) -> list[Problem]:
    found = []
    if item.closed_at is not None or not stock.is_usable(item, station.union_id):
        says = N_("“%(item)s” is not among the goods of this station.")
        found.append(Problem("item", text(says, item=item.name), field="item"))
    if not queries.pays_for(line, station):
        says = N_("This line belongs to another union. A station's goods are paid by its own union or one above it.")
        found.append(Problem("line", text(says), field="budget_line"))
    return found


def _add(purchase: Purchase, item: SupplyItem) -> None:
    """Store it; of two who enter the same voucher at once the second is told."""
    try:
        with db.session.begin_nested():
            db.session.add(purchase)
    except IntegrityError as error:
        if "uq_purchases_voucher" not in str(error.orig):
            raise
        raise Refused([rules.voucher_known(purchase.voucher_number, item.name)]) from None


def reverse_purchase(*, purchase: Purchase, reason: str, by: By) -> Purchase:
    """Take a purchase back: the goods leave the stock, the money is the line's again. Raises `Refused` if some are gone."""
    cause = Cause(TABLE, str(purchase.id), queries.find_label(purchase.id) or "")
    held = ledger_queries.list_commitments(TABLE, str(purchase.id), lock=True)  # money first, as when buying
    lot = _locked(Lot, purchase.lot_id)
    purchase = _locked(Purchase, purchase.id)
    problems = rules.problems_with_reversing(
        reversed_already=purchase.reversed_at is not None, quantity=purchase.quantity, on_hand=lot.on_hand,
        paid=sum((one.paid for one in held), Decimal(0)),
    )  # fmt: skip
    _refuse(problems)
    ledger.reverse(cause=cause, by=by)
    supplies.move(lot=lot, kind=MovementKind.LOSS, quantity=purchase.quantity, movement=new_id(), note=reason,
                  cause=StockCause(TABLE, str(purchase.id)), by=by)  # fmt: skip
    db.session.flush()
    db.session.refresh(lot, attribute_names=["on_hand"])
    purchase.reversed_at, purchase.reversed_by_account_id, purchase.reverse_reason = clock.now(), _account(by), reason
    db.session.flush()
    audit.record("purchase.reversed", by=by, subject=purchase, union_id=purchase.union_id, reason=reason,
                 total=str(purchase.total))  # fmt: skip
    return purchase


def pay(*, purchase: Purchase, by: By) -> Decimal:
    """Pay what is not paid yet from the cash of its sources. Raises `Refused` with what is at hand."""
    cause = Cause(TABLE, str(purchase.id), queries.find_label(purchase.id) or "")
    return ledger.pay(cause=cause, voucher_number=purchase.voucher_number, by=by)


def refund(*, purchase: Purchase, by: By) -> Decimal:
    """Note that what was paid came back."""
    cause = Cause(TABLE, str(purchase.id), queries.find_label(purchase.id) or "")
    return ledger.refund(cause=cause, voucher_number=purchase.voucher_number, by=by)


# --- parts ---------------------------------------------------------------------------------------------------------


def _locked(model, ident):
    held = sa.select(model).where(model.id == ident).with_for_update()
    return db.session.scalars(held, execution_options={"populate_existing": True}).one()


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _account(by: By):
    return by.id if by.kind == "staff" else None
