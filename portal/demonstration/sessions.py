"""Sessions of the demonstration's open programmes, from three weeks ago to three weeks ahead, and shares of their quotas.

Call `make` after the programmes (demonstration/programmes.py), before bookings and deliveries. Each booked or enrolled programme
has a series at each of its first two places: hospitals in the morning, stations around a noon break, schools in the evening.
Of each quota a part is handed down, to a union and to a station, and one part was taken back.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import PUBLIC_STATUSES, Station
from portal.types import Refused
from portal.unions.staff.queries import find_account_by_name
from portal.unions.tree.models import Union, UnionReach
from portal.welfare.programmes.models import Programme, ProgrammeStatus, Way
from portal.welfare.programmes.queries import places_of
from portal.welfare.quotas import commands as quotas
from portal.welfare.quotas import queries as shares
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions import commands
from portal.welfare.sessions.commands import Provider
from portal.welfare.sessions.rules import SeriesValues

WEEKS = 3
EVERY_WORKDAY, ALL_WEEK = (0, 1, 2, 3, 4), tuple(range(7))
# weekdays, opens, closes, minutes, breaks, places, of them online
MORNINGS = (EVERY_WORKDAY, 480, 660, 60, (), (12, 16), 0.75)
AROUND_NOON = ((0, 2, 4, 5), 540, 1020, 60, ((720, 840),), (4, 8), 0.5)
EVENINGS = ((1, 3), 1140, 1260, 120, (), (20, 30), 1.0)


def make(seed: str, now: datetime) -> str:
    """Make them; answers what was made. Flushes. Without programmes there is nothing to do."""
    by = By("staff", find_account_by_name("officer").id)
    today = clock.business_day(now)
    made = handed = 0
    for programme in _bookable():
        draw = random.Random(f"{seed} sessions {programme.code}")  # noqa: S311 - demonstration data
        for place in _places(programme):
            made += _series(programme, place, today, draw, by)
    for programme in _with_quota():
        handed += _hand_down(programme, today, by)
    return f"{made} sessions, {handed} shares of quotas"


def _open() -> sa.Select:
    found = sa.select(Programme).where(Programme.status == ProgrammeStatus.OPEN, Programme.item_id.is_not(None))
    return found.order_by(Programme.code)


def _bookable() -> list[Programme]:
    ways = sa.or_(*(sa.literal(way.value) == sa.any_(Programme.ways) for way in (Way.BOOK, Way.ENROL)))
    return list(db.session.scalars(_open().where(ways)))


def _with_quota() -> list[Programme]:
    return list(db.session.scalars(_open().where(Programme.quota.is_not(None))))


def _beneath(union_id) -> sa.Select:
    reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == union_id)
    return sa.select(Station).where(Station.union_id.in_(reached), Station.status.in_(PUBLIC_STATUSES)).order_by(Station.code)


def _places(programme: Programme) -> list[Station | Provider]:
    """The first two places of a programme."""
    if programme.everywhere:
        return list(db.session.scalars(_beneath(programme.union_id).limit(2)))
    named = places_of(programme)[:2]
    return [one.station or Provider(one.place.provider_name, one.place.address) for one in named]


def _series(programme: Programme, place: Station | Provider, today: date, draw: random.Random, by: By) -> int:
    """A series that was made three weeks ago and runs for six; answers how many sessions."""
    station = place if isinstance(place, Station) else None
    shape = EVENINGS if Way.ENROL.value in programme.ways else AROUND_NOON if station else MORNINGS
    weekdays, opens, closes, slot, breaks, (least, most), online = shape
    capacity, first = draw.randint(least, most), today - timedelta(weeks=WEEKS)
    values = SeriesValues(
        first_on=max(first, programme.starts_on), last_on=min(today + timedelta(weeks=WEEKS), programme.ends_on),
        weekdays=weekdays, opens=opens, closes=closes, slot_minutes=slot, breaks=breaks, capacity=capacity,
        online=round(capacity * online),
    )  # fmt: skip
    if values.last_on < values.first_on:
        return 0
    try:
        with clock.stopped_at(clock.start_of(first) - timedelta(hours=6)), db.session.begin_nested():
            provider = None if station else place
            return len(
                commands.make_series(programme=programme, station=station, provider=provider, values=values, by=by).sessions
            )
    except Refused:  # a station that is shut on all these hours
        return 0


def _hand_down(programme: Programme, today: date, by: By) -> int:
    """A third to the first union beneath, a part of it to a station; a sixth to the second, taken back since."""
    root = shares.find_root(programme.id) or quotas.set_root(programme=programme, amount=programme.quota, by=by)
    beneath = sa.select(Union).join(UnionReach, UnionReach.union_id == Union.id)
    beneath = beneath.where(UnionReach.ancestor_id == root.union_id, UnionReach.depth == 1, Union.closed_at.is_(None))
    serves = sa.exists().where(Station.union_id == Union.id, Station.status.in_(PUBLIC_STATUSES))
    unions = list(db.session.scalars(beneath.order_by(serves.desc(), Union.code).limit(2)))
    if not unions or root.left < 12:
        return 0
    back = today + timedelta(days=20)
    first = quotas.hand_down(share=root, union=unions[0], amount=root.left // 3, take_back_on=back, by=by)
    count = 1 + _to_a_station(first, back, by)
    if len(unions) > 1:
        second = quotas.hand_down(share=root, union=unions[1], amount=root.left // 4, by=by)
        quotas.take_back(share=second, by=by)
        count += 1
    return count


def _to_a_station(share: QuotaShare, back: date, by: By) -> int:
    station = db.session.scalars(_beneath(share.union_id).limit(1)).one_or_none()
    if station is None:
        return 0
    quotas.hand_down(share=share, station=station, amount=max(share.left // 4, 1), take_back_on=back, by=by)
    return 1
