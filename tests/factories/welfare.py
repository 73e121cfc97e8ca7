"""Builders of items, programmes with a rule in force, sessions with places. They write rows; commands have tests of their own."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID

from portal import clock
from portal.db import db
from portal.stations.register.models import Station
from portal.types import new_id
from portal.unions.tree.models import Union
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.items.models import WelfareCategory, WelfareItem
from portal.welfare.programmes.models import Charge, Programme, ProgrammePlace, ProgrammeStatus, Way
from portal.welfare.sessions.models import Channel, ServiceSession, SessionPlace
from tests.factories.staff import make_account

_number = count(1)


def make_item(union: Union, name: str | None = None, **values) -> WelfareItem:
    """An item of the catalogue: by default a health check at 500.00."""
    number = next(_number)
    known = {
        "code": f"I{number:05d}", "union_id": union.id, "name": name or f"健康体检{number}",
        "category": WelfareCategory.HEALTH_CHECK, "procedure": "空腹，带身份证。", "unit": "次", "unit_cost": Decimal(500),
        "created_at": clock.now(),
    }  # fmt: skip
    item = WelfareItem(id=new_id(), **known | values)
    db.session.add(item)
    db.session.commit()
    return item


def make_rule(programme: Programme, **values) -> EligibilityRule:
    """The next version of a programme's rule, approved: anyone, unless told otherwise."""
    version = EligibilityRule.query.filter_by(programme_id=programme.id).count() + 1
    known = {
        "version": version, "proposed_at": clock.now(), "approved_at": clock.now(),
        "approved_by_account_id": programme.decided_by_account_id or make_account().id,
    }  # fmt: skip
    rule = EligibilityRule(id=new_id(), programme_id=programme.id, **known | values)
    db.session.add(rule)
    db.session.commit()
    return rule


def make_programme(
    union: Union,
    item: WelfareItem | None = None,
    *,
    stations: tuple[Station, ...] = (),
    line_id: UUID | None = None,
    rule: dict | None = None,
    **values,
) -> Programme:
    """An open programme with its rule: by default free, for anyone, from 30 days ago to 180 days ahead, bookable and walk-in.

    With ``line_id`` it reserves its price (500.00) there with each booking.
    """
    item = item or make_item(union)
    number = next(_number)
    today = clock.today()
    known = {
        "code": f"P{number:05d}", "union_id": union.id, "item_id": item.id, "name": f"{item.name}（{number}）", "summary": "",
        "starts_on": today - timedelta(days=30), "ends_on": today + timedelta(days=180),
        "ways": [Way.WALK_IN.value, Way.BOOK.value], "everywhere": not stations, "status": ProgrammeStatus.OPEN,
        "proposed_by_account_id": make_account().id, "decided_by_account_id": make_account().id, "decided_at": clock.now(),
        "created_at": clock.now(), "days_ahead": 60,
    }  # fmt: skip
    if line_id:
        known |= {"charge": Charge.PER_PLACE, "price": item.unit_cost, "budget_line_id": line_id}
    programme = Programme(id=new_id(), **known | values)
    db.session.add(programme)
    db.session.flush()
    db.session.add_all(ProgrammePlace(id=new_id(), programme_id=programme.id, station_id=one.id) for one in stations)
    make_rule(programme, **rule or {})
    return programme


def make_session(
    programme: Programme,
    station: Station | None = None,
    *,
    starts_at: datetime | None = None,
    hours: int = 1,
    capacity: int = 2,
    online: int | None = None,
    **values,
) -> ServiceSession:
    """A session tomorrow at 10:00 with free places, all of them online unless told otherwise."""
    starts_at = starts_at or clock.start_of(clock.today() + timedelta(days=1)) + timedelta(hours=10)
    online = capacity if online is None else online
    known = {
        "union_id": station.union_id if station else programme.union_id, "station_id": station.id if station else None,
        "place_name": station.name if station else "市第一人民医院", "created_at": clock.now(),
    }  # fmt: skip
    session = ServiceSession(
        id=new_id(), programme_id=programme.id, starts_at=starts_at, ends_at=starts_at + timedelta(hours=hours),
        capacity=capacity, online=online, **known | values,
    )  # fmt: skip
    db.session.add(session)
    db.session.flush()
    db.session.add_all(
        SessionPlace(id=new_id(), session_id=session.id, number=number,
                     channel=Channel.ONLINE if number <= online else Channel.ON_SITE)
        for number in range(1, capacity + 1)
    )  # fmt: skip
    db.session.commit()
    return session


def day(offset: int = 0) -> date:
    """Today in Shanghai, so many days on."""
    return clock.today() + timedelta(days=offset)
