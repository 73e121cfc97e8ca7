"""Builders of purchases."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db
from portal.stations.register.models import Station
from portal.stations.supplies.models import SupplyItem
from portal.unions.tree.models import Union
from portal.welfare.ledger.models import Budget, BudgetLine
from portal.welfare.purchases import commands
from portal.welfare.purchases.models import Purchase
from tests.factories.money import YEAR
from tests.factories.supplies import make_supply

_number = count(1)


def values_of(station: Station, item: SupplyItem, line: BudgetLine, /, **changes) -> dict:
    """What a purchase of ten at 100.00 consists of."""
    known = {
        "station": station, "item": item, "quantity": 10, "total": Decimal(100), "budget_line": line,
        "voucher_number": f"V{next(_number)}", "supplier": "金水大药房", "bought_on": clock.today(),
        "expires_on": clock.today() + timedelta(days=365), "lot_number": "A1",
    }  # fmt: skip
    return known | changes


def make_purchase(station: Station, item: SupplyItem, line: BudgetLine, by: By = SYSTEM, **changes) -> Purchase:
    """A purchase, entered by the command."""
    bought = commands.buy(**values_of(station, item, line, **changes), by=by)
    db.session.commit()
    return bought


def make_bought(station: Station, sign: str) -> dict:
    """For the walk over all routes: a purchase from the budget that the station's union has; what stands in its address."""
    line = db.session.scalars(
        sa.select(BudgetLine)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .where(Budget.union_id == station.union_id)
        .order_by(BudgetLine.id)
    ).first()
    # The catalogue of a union is used below it, so its name bears no sign; the purchase does.
    goods = make_supply(db.session.get_one(Union, station.union_id), f"{sign}用品", expires=False)
    bought = make_purchase(station, goods, line, total=Decimal(5), voucher_number=f"{sign}站凭证", supplier=f"{sign}站供应商",
                           bought_on=date(YEAR, 6, 1), expires_on=None)  # fmt: skip
    return {"purchases": {"purchase_id": bought.id}}
