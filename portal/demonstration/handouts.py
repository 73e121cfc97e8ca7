"""The demonstration's hand-outs, a group visit and a paper sheet, at the busiest counter of the home county. Invented."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal import clock
from portal.access import By
from portal.db import db
from portal.demonstration.places import HOME_COUNTY, Place, chance
from portal.desk.handouts import commands as handouts
from portal.desk.paper import commands as paper
from portal.desk.paper.commands import Row
from portal.stations.register.models import PUBLIC_STATUSES, Station
from portal.stations.register.rules import opening
from portal.vocabulary import Occupation

KEY_GROUPS = (Occupation.COURIER, Occupation.FOOD_DELIVERY_RIDER, Occupation.TRUCK_DRIVER, Occupation.RIDE_HAILING_DRIVER)


def make(doors: list[Place], seed: str, now: datetime) -> int:
    """One hand-out that is over and one under way, a group visit, a sheet whose total is wrong; answers how many visits.
    Flushes."""
    luck = chance(f"{seed}:handouts")
    counters = [door for door in doors if door.county == HOME_COUNTY and door.status in PUBLIC_STATUSES and door.id]
    door = min(counters, key=lambda door: (-door.pull, door.code), default=None)
    if door is None or not door.operators or not door.id:
        return 0
    station, by = db.session.get_one(Station, door.id), By("staff", door.operators[0])
    moments = _open_moments(station, now)
    if len(moments) < 3 or not station.offered:
        return 0
    for moment, title, quantity, over in ((moments[2], "防暑包", 6, True), (moments[0], "热豆浆", 80, False)):
        with clock.stopped_at(moment):
            handout = handouts.open_handout(station=station, title=title, service=station.offered[0], quantity=quantity,
                                            one_per_person=True, by=by)  # fmt: skip
            for _ in range(3):
                handouts.give(handout=handout, typed=None, occupation=luck.choice(KEY_GROUPS), by=by)
            if over:
                handouts.close_handout(handout=handout, by=by)
    heads = {Occupation.FOOD_DELIVERY_RIDER: 4, Occupation.COURIER: 3}
    service, when = station.offered[0], moments[1]
    with clock.stopped_at(moments[0]):
        handouts.add_group(station=station, place="商圈骑手集合点", at=when, service=service, given="饮用水、毛巾、风油精",
                           note=None, heads=heads, photo=None, by=by)  # fmt: skip
        rows = [Row(n + 1, when + timedelta(minutes=n), luck.choice(KEY_GROUPS), service, 1) for n in range(4)]
        day = clock.business_day(when)
        paper.enter_sheet(station=station, serial=f"{station.code}-{day:%Y%m%d}-0001", day=day, rows=rows, total=5,
                          handout_id=None, by=by)  # fmt: skip
    db.session.flush()
    return 6 + sum(heads.values()) + len(rows)


def _open_moments(station: Station, now: datetime) -> list[datetime]:
    """A moment on each of the last days when the door was open, the latest first."""
    found = []
    for back in range(1, 10):
        noon = clock.start_of(clock.business_day(now) - timedelta(days=back)) + timedelta(hours=10, minutes=20)
        if opening(station, noon).is_open and opening(station, noon + timedelta(minutes=5)).is_open:
            found.append(noon)
    return found
