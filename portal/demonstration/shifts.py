"""The demonstration's counters: a paired screen at two stations of the home county, and a week of shifts. Invented."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from portal import clock
from portal.access import By, Role
from portal.crypto import token_digest
from portal.db import db
from portal.demonstration.places import HOME_COUNTY, Place, chance
from portal.desk.shifts import commands
from portal.desk.shifts.models import Shift
from portal.stations.register.models import PUBLIC_STATUSES, Station
from portal.types import new_id
from portal.unions.staff import queries as staff

DAYS, COUNTERS = 7, 2
LEFT = (
    ("水 40 瓶", "馒头 12 个"),
    ("水 3 箱", "藿香正气水 6 盒", "雨衣 9 件"),
    ("水 18 瓶", "创可贴 1 盒"),
    ("充电线 5 根", "水 26 瓶"),
)
NOTES = ("微波炉报修了，下午有人来。", None, "饮水机滤芯周五换。", None, None)


def make(doors: list[Place], seed: str, now: datetime) -> int:
    """Pair the screens and write the shifts; answers how many. Nobody holds the screens' tokens: pair your own. Flushes."""
    rng, made = chance(f"{seed}:shifts"), 0
    keeper = staff.find_account_by_name(Role.KEEPER.value)
    counters = [door for door in doors if door.county == HOME_COUNTY and door.status in PUBLIC_STATUSES and door.id]
    for door in sorted(counters, key=lambda door: (-door.pull, door.code))[:COUNTERS]:
        with clock.stopped_at(now - timedelta(days=DAYS + 1)):
            token = token_digest(secrets.token_urlsafe(32))
            station = db.session.get_one(Station, door.id)
            device = commands.pair_device(
                station=station, name="柜台平板", token_digest=token, replaces=None, by=By("staff", keeper.id)
            )
        people = door.operators
        for day in range(DAYS, 0, -1):
            morning = clock.start_of(clock.business_day(now - timedelta(days=day))) + timedelta(hours=8, minutes=30)
            for turn, account_id in enumerate((people * 2)[:2]):
                began = morning + timedelta(hours=6 * turn, minutes=rng.randrange(10))
                db.session.add(_shift(device, account_id, people[turn - 1], began, rng))
                made += 1
        device.last_seen_at = morning + timedelta(hours=12)
    db.session.flush()
    return made


def _shift(device, account_id, reader_id, began: datetime, rng) -> Shift:
    ended, forgotten = began + timedelta(hours=5, minutes=50), rng.random() < 0.1
    read = not forgotten and reader_id != account_id and rng.random() < 0.9
    return Shift(
        id=new_id(), station_id=device.station_id, device_id=device.id, account_id=account_id, began_at=began, ended_at=ended,
        forgotten=forgotten, left=[] if forgotten else list(rng.choice(LEFT)), notes=None if forgotten else rng.choice(NOTES),
        acknowledged_at=ended + timedelta(minutes=9) if read else None, acknowledged_by=reader_id if read else None,
    )  # fmt: skip
