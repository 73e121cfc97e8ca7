"""What the demonstration's doors report, what keepers did about it, inspections, and a few self check-ins."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import sqlalchemy as sa
from PIL import Image, ImageDraw

from portal import clock
from portal.access import SYSTEM, VISITOR, By, Role
from portal.db import db
from portal.demonstration.places import HOME_COUNTY, chance
from portal.stations.door import commands as door
from portal.stations.hours.rules import is_open
from portal.stations.inspections import commands as inspections
from portal.stations.inspections.commands import Given
from portal.stations.inspections.models import Checklist, Outcome
from portal.stations.inspections.rules import READY_MADE
from portal.stations.register.models import SERVING_STATUSES, Station, StationKind
from portal.stations.upkeep import commands as reports
from portal.stations.upkeep.models import ReportKind, ReportSource
from portal.types import Refused
from portal.unions.staff.models import Account
from portal.unions.tree.models import Union
from portal.vocabulary import COUNTER_OCCUPATIONS

K = ReportKind
REPORTS, INSPECTIONS, CHECK_INS = 60, 40, 12
SAID = {
    K.LOCKED: ("门锁着，敲门没人应", "扫码开不了门", "牌子上写着营业，门却关着"),
    K.BROKEN: ("不通电", "按了没反应", "漏水"),
    K.DIRTY: ("地上有水", "垃圾桶满了", None),
    K.EXPIRED: ("藿香正气水过期了", "药箱里的药到期了"),
    K.OUT_OF_STOCK: ("纸杯没有了", "饮水机没水了", "一次性雨衣用完了"),
    K.UNSAFE: ("插座外壳裂了", "门口结冰很滑"),
    K.OTHER: ("希望多放两把椅子", None),
}
DONE = ("已修好", "已更换", "已补充", "已打扫干净", "已通知门店按时开门")
UNFOUNDED = ("现场查看正常", "当时临时外出，五分钟后已回")
NOTES = ("标识被树遮挡", "高德地图搜不到", "制度没有上墙", "热水器待维修")


FATES = (
    "new", "answered", "repaired", "repaired", "unfounded", "repaired", "reopened", "repaired", "late", "repaired",
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """What was made, in words, and how many visits came with it."""

    says: str
    check_ins: int


def make(seed: str, now: datetime) -> Made:
    """Reports in every state, inspections by the ready-made lists, self check-ins; answers what was made. Flushes."""
    luck = chance(f"{seed}:upkeep")
    keeper = db.session.scalar(sa.select(Account.id).where(Account.sign_in_name == Role.KEEPER.value))
    by = By("staff", keeper) if keeper else SYSTEM
    stations = _stations()
    homes = [one for one in stations if one.county_code == HOME_COUNTY]
    count = REPORTS if len(stations) > 100 else REPORTS // 3
    for number in range(count):
        _report(luck, luck.choice(homes if homes and number % 2 else stations), number, by, now)
    made = _inspections(luck, stations, homes, by, now)
    for number in range(CHECK_INS):
        station = luck.choice(homes if homes and number % 2 else stations)
        with clock.stopped_at(_open_before(station, now - timedelta(hours=luck.randint(1, 70), minutes=luck.randint(0, 59)))):
            door.check_in(station=station, occupation=luck.choice(COUNTER_OCCUPATIONS), by=VISITOR)
    db.session.flush()
    return Made(f"{count} reports, {made} inspections, {CHECK_INS} self check-ins", CHECK_INS)


def _open_before(station: Station, at: datetime) -> datetime:
    """The latest hour before a moment at which a station was open by its usual hours; the moment itself if it has none."""
    for hours in range(24 * 8):
        if is_open(station.hours, at - timedelta(hours=hours)):
            return at - timedelta(hours=hours)
    return at


def _stations() -> list[Station]:
    found = sa.select(Station).where(Station.status.in_(SERVING_STATUSES)).order_by(Station.code)
    return list(db.session.scalars(found))


def _photo(luck: Random) -> io.BytesIO:
    """A drawing, so that nobody takes it for a real door."""
    picture = Image.new("RGB", (480, 360), luck.choice(((214, 219, 222), (226, 221, 209), (205, 216, 212))))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((170, 60, 310, 330), fill=(96, 110, 120), outline=(40, 50, 58), width=6)
    pen.ellipse((280, 190, 300, 210), fill=(230, 200, 90))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=60)
    out.seek(0)
    return out


def _report(luck: Random, station: Station, number: int, by: By, now: datetime) -> None:
    """One report and what became of it: a tenth stays unanswered, most are put right in time, a few are late."""
    kind = luck.choices(list(SAID), weights=(10, 14, 8, 5, 12, 4, 4))[0]
    fate = FATES[number % 10]
    facility = luck.choice(station.facilities).facility if kind is K.BROKEN and station.facilities else None
    fresh = fate in ("new", "answered")
    moment = now - (timedelta(minutes=luck.randint(8, 400)) if fresh else timedelta(hours=luck.randint(140, 1700)))
    source = luck.choices(list(ReportSource)[:3], weights=(8, 2, 1))[0]
    said_by = VISITOR if source is ReportSource.DOOR else by
    with clock.stopped_at(moment):
        note, photo = luck.choice(SAID[kind]), _photo(luck) if number % 6 == 0 else None
        report = reports.say_fault(
            station=station, kind=kind, facility=facility, note=note, photo=photo, source=source, by=said_by
        )  # fmt: skip
    if number % 7 == 0:
        with clock.stopped_at(moment + timedelta(minutes=4)):
            reports.say_fault(station=station, kind=kind, facility=facility, source=ReportSource.DOOR, by=VISITOR)
    if fate == "new":
        return
    at = moment + timedelta(minutes=luck.randint(5, 7 if fate == "answered" else 60))
    try:
        _settle(luck, report, fate, at, by)
    except Refused:  # the same thing was open already and went its own way
        return


def _settle(luck: Random, report, fate: str, at: datetime, by: By) -> None:
    with clock.stopped_at(at):
        if fate == "unfounded":
            return reports.find_unfounded(report=report, note=luck.choice(UNFOUNDED), by=by)
        reports.answer(report=report, note="马上到现场", by=by)
    if fate == "answered":
        return None
    took = report.due_at - report.begun_at
    at = report.begun_at + (took * luck.uniform(1.1, 1.6) if fate == "late" else took * luck.uniform(0.5, 0.9))
    with clock.stopped_at(max(at, report.answered_at)):
        reports.repair(report=report, note=luck.choice(DONE), by=by)
    if fate == "reopened":
        with clock.stopped_at(max(at, report.answered_at) + timedelta(hours=20)):
            return reports.reopen(report=report, note="又出现了", by=by)
    return None


def _inspections(luck: Random, stations: list[Station], homes: list[Station], by: By, now: datetime) -> int:
    province = db.session.scalars(sa.select(Union).where(Union.code == "41")).one()
    with clock.stopped_at(now - timedelta(days=85)):
        lists = {
            key: inspections.add_checklist(union_id=province.id, title=one.title, items=one.items, by=SYSTEM)
            for key, one in READY_MADE.items()
        }
    count = INSPECTIONS if len(stations) > 100 else INSPECTIONS // 4
    for number in range(count):
        station = luck.choice(homes if homes and number % 2 else stations)
        key = "drivers-home" if station.kind is StationKind.DRIVERS_HOME else "six-a"
        with clock.stopped_at(now - timedelta(days=luck.randint(0, 80), hours=1)):
            _inspect(luck, station, lists[key], number, by)
    return count


def _inspect(luck: Random, station: Station, checklist: Checklist, number: int, by: By) -> None:
    answers = {}
    for item in checklist.items:
        outcome = luck.choices(list(Outcome), weights=(17, 3, 1))[0]
        answers[item.id] = Given(outcome, luck.choice(NOTES) if outcome is Outcome.NOT_MET else None)
    made = inspections.record_inspection(
        station=station, checklist=checklist, inspected_on=clock.today(), answers=answers, unannounced=number % 4 != 0,
        signature="演示人员" if number % 5 else None, by=by,
    )  # fmt: skip
    missed = [item for item, given in answers.items() if given.outcome is Outcome.NOT_MET]
    if missed and number % 6 == 0:
        inspections.report_finding(inspection=made, station=station, item_id=missed[0], kind=K.OTHER, by=by)
