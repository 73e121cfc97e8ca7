"""Goods bought for stations of the home city from its federation's budget, one of them taken back. Invented."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from portal import clock
from portal.access import By, Role
from portal.db import db
from portal.demonstration.places import HOME_CITY, HOME_COUNTY, chance
from portal.stations.register.models import SERVING_STATUSES, Station
from portal.stations.supplies.models import SupplyItem
from portal.types import Refused
from portal.unions.staff.queries import find_account_by_name
from portal.unions.tree.models import Union, UnionReach
from portal.welfare.ledger.models import BudgetLine
from portal.welfare.ledger.queries import find_line
from portal.welfare.purchases import commands
from portal.welfare.purchases.models import Purchase

STATIONS = 6
# what, how many, what the voucher says in yuan, for how many days it is good (0: for ever), from whom
BOUGHT = (
    ("电解质饮料", 48, "164.20", 240, "郑州某饮料经销部（演示）"),
    ("藿香正气液（不含酒精）", 30, "377.00", 420, "郑州某大药房（演示）"),
    ("毛巾", 50, "289.90", 0, "郑州某日用百货（演示）"),
)


def make(seed: str, now: datetime) -> str:
    """A few purchases of the last weeks from the line that keeps stations running; in words. Flushes."""
    line = _line(clock.business_day(now).year)
    if line is None:
        return "no budget line to buy from"
    luck, by, made, short = chance(f"{seed}:purchases"), By("staff", find_account_by_name(Role.KEEPER.value).id), [], 0
    for number, station in enumerate(_stations()):
        for name, quantity, total, good, supplier in BOUGHT:
            day = max(now - timedelta(days=luck.randint(1, 20)), clock.start_of(clock.business_day(now).replace(month=1, day=1)))
            with clock.stopped_at(day):
                try:
                    made.append(_buy(station, name, quantity, Decimal(total), good, supplier, f"记-{number + 1:03}", line, by))
                except Refused:
                    short += 1  # the line is used up, as lines are late in the year
    if made and made[-1]:
        with clock.stopped_at(now):
            commands.reverse_purchase(purchase=made[-1], reason="驿站登记错误，重新录入", by=by)
    return f"{len(made)} bought, {'one' if made else 'none'} taken back, {short} refused for want of money"


def _line(year: int) -> BudgetLine | None:
    union = db.session.scalars(sa.select(Union).where(Union.code == f"{HOME_CITY}-X")).one()
    return next((found for code in ("004", "001") if (found := find_line(union.id, code, year))), None)


def _stations() -> list[Station]:
    beneath = sa.select(UnionReach.union_id).join(Union, Union.id == UnionReach.ancestor_id).where(Union.code == HOME_CITY)
    found = sa.select(Station).where(Station.union_id.in_(beneath), Station.status.in_(SERVING_STATUSES))
    return list(db.session.scalars(found.order_by(Station.county_code != HOME_COUNTY, Station.code).limit(STATIONS)))


def _buy(
    station: Station, name: str, quantity: int, total: Decimal, good: int, supplier: str, voucher: str, line: BudgetLine, by: By
) -> Purchase:
    city = sa.select(Union.id).where(Union.code == HOME_CITY).scalar_subquery()
    item = db.session.scalars(sa.select(SupplyItem).where(SupplyItem.name == name, SupplyItem.union_id == city)).one()
    today = clock.today()
    return commands.buy(
        station=station, item=item, quantity=quantity, total=total, budget_line=line, voucher_number=voucher, supplier=supplier,
        bought_on=today, expires_on=today + timedelta(days=good) if good else None, lot_number=f"{today:%y%m%d}", by=by,
    )  # fmt: skip
