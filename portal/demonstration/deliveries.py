"""Who received what in the last sixty days: thousands of rows of the open programmes, and a few that somebody has to look at.

Call `make` after the people, the supplies and the programmes (demonstration/programmes.py). What is bulk is free or of no
stock, so that rows alone keep every promise; packs go through the command, which moves their stock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db
from portal.members.memberships.models import MEMBER_STATUSES, Membership, MembershipRecord
from portal.members.workers.models import Worker
from portal.members.workers.queries import get_worker
from portal.stations.register.models import SERVING_STATUSES, Station
from portal.types import Refused, new_id
from portal.unions.staff.queries import find_account_by_name
from portal.unions.tree.models import UnionReach
from portal.vocabulary import Occupation
from portal.welfare.checks import commands as checks
from portal.welfare.checks import queries as check_queries
from portal.welfare.checks.models import CheckOutcome
from portal.welfare.deliveries import commands, queries
from portal.welfare.deliveries.models import Delivery, DeliveryReversal, DeliverySource, Flag
from portal.welfare.eligibility.models import EligibilityRule, LimitPeriod
from portal.welfare.eligibility.queries import find_rule
from portal.welfare.eligibility.rules import Facts
from portal.welfare.items.models import WelfareItem
from portal.welfare.programmes.models import Programme, ProgrammePlace

DAYS = 60
# Programme and about how many a day, all its stations together.
BULK = (("DEMO-XINLI", 18), ("DEMO-FAYUAN", 30), ("DEMO-DONGNUAN", 110), ("DEMO-QINGLIANG", 60))
PACKS = 8
LATE, BACK = 0.04, 0.015
REASONS = ("登记时选错了人", "多登记了一份", "当时没有领走")


@dataclass
class _Given:
    """Rows to be written, and who had what in which month."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    back: list[dict[str, Any]] = field(default_factory=list)
    had: set[tuple[UUID, UUID, date]] = field(default_factory=set)


def make(seed: str, now: datetime) -> str:
    """Fill the last sixty days; answers what was made. Does nothing where deliveries stand already. Flushes."""
    if db.session.scalar(sa.select(sa.exists().where(Delivery.id.is_not(None)))):
        return "there already"
    random, given = Random(f"{seed}|deliveries"), _Given()  # noqa: S311 - invented data
    giver = find_account_by_name("operator").id
    people = list(
        db.session.execute(sa.select(Worker.id, Worker.occupation).where(Worker.merged_into_id.is_(None)).order_by(Worker.id))
    )
    for code, a_day in BULK:
        programme = db.session.scalars(sa.select(Programme).where(Programme.code == code)).one_or_none()
        item = db.session.get(WelfareItem, programme.item_id) if programme else None
        if item and item.supply_item_id is None:
            _bulk(given, random, programme, item, a_day, people, giver, now)
    if given.rows:
        db.session.execute(sa.insert(Delivery), given.rows)
    if given.back:
        db.session.execute(sa.insert(DeliveryReversal), given.back)
    packs = _packs(random, now)
    looked = _look_at(random, now)
    return f"{len(given.rows) + packs:,} deliveries, {len(given.back)} taken back, {looked}"


def _bulk(
    given: _Given, random: Random, programme: Programme, item: WelfareItem, a_day: int, people: list, giver: UUID, now: datetime
) -> None:
    rule, stations = find_rule(programme.id), _stations(programme)
    if not rule or not stations or not people:
        return
    today = clock.business_day(now)
    first = max(programme.starts_on, today - timedelta(days=DAYS))
    for number in range((min(today, programme.ends_on) - first).days + 1):
        day = first + timedelta(days=number)
        for at in _moments(random, day, a_day, now):
            worker_id, occupation = random.choice(people)
            row = _row(programme, item, rule, random.choice(stations), at, worker_id, Occupation(occupation), giver)
            if _mark(given, row, rule, random, day, now):
                given.rows.append(row)


def _stations(programme: Programme) -> list[Station]:
    here = sa.select(ProgrammePlace.station_id).where(ProgrammePlace.programme_id == programme.id)
    beneath = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == programme.union_id)
    chosen = Station.union_id.in_(beneath) if programme.everywhere else Station.id.in_(here)
    return list(db.session.scalars(sa.select(Station).where(chosen, Station.status.in_(SERVING_STATUSES)).order_by(Station.code)))


def _moments(random: Random, day: date, count: int, now: datetime) -> Iterator[datetime]:
    begins = datetime.combine(day, time(9), clock.SHANGHAI)
    for _ in range(random.randint(count * 3 // 4, count * 5 // 4)):
        at = begins + timedelta(seconds=random.randrange(9 * 3600))
        if at < now - timedelta(minutes=30):
            yield at


def _row(
    programme: Programme, item: WelfareItem, rule: EligibilityRule, station: Station, at: datetime, worker_id: UUID,
    occupation: Occupation, giver: UUID,
) -> dict[str, Any]:  # fmt: skip
    named = item.named
    return {
        "id": new_id(), "at": at, "recorded_at": at, "programme_id": programme.id, "item_id": item.id,
        "union_id": station.union_id, "station_id": station.id, "place_name": station.name,
        "worker_id": worker_id if named else None, "occupation": occupation, "quantity": 1, "unit_cost": Decimal(0),
        "cost": Decimal(0), "budget_line_id": programme.budget_line_id, "rule_id": rule.id,
        "facts": Facts(occupation).frozen() if named else {}, "source": DeliverySource.DESK, "late": False,
        "over_limit": False, "flags": [], "needs_two": False, "by_account_id": giver,
        "registered_by_account_id": programme.decided_by_account_id, "proof": item.proof,
    }  # fmt: skip


def _mark(given: _Given, row: dict[str, Any], rule: EligibilityRule, random: Random, day: date, now: datetime) -> bool:
    """Make some of them late or taken back; whoever had theirs gets another one only from paper, and it is flagged."""
    late = random.random() < LATE and day < clock.business_day(now)
    if late:
        entered = datetime.combine(day + timedelta(days=1), time(8, 30), clock.SHANGHAI)
        row |= {"late": True, "source": DeliverySource.PAPER, "recorded_at": min(entered, now)}
    if rule.person_limit and row["worker_id"]:
        period = {LimitPeriod.DAY: day, LimitPeriod.MONTH: day.replace(day=1)}.get(rule.limit_period, date.min)
        key = (row["programme_id"], row["worker_id"], period)
        if key in given.had:
            if not late or random.random() < 0.6:
                return False
            row |= {"over_limit": True, "flags": [Flag.LIMIT.value]}
        given.had.add(key)
    if random.random() < BACK:
        at = row["recorded_at"] + timedelta(minutes=random.randrange(2, 25))
        given.back.append(
            {"delivery_id": row["id"], "at": at, "by_account_id": row["by_account_id"], "reason": random.choice(REASONS)}
        )
    return True


def _packs(random: Random, now: datetime) -> int:
    """Welcome packs for members: two people, a signature, goods off the shelf; one was handed over by one person alone."""
    programme = db.session.scalars(sa.select(Programme).where(Programme.code == "DEMO-LIBAO")).one_or_none()
    stations = _stations(programme) if programme else []
    giver, made = By("staff", find_account_by_name("operator").id), 0
    for number, worker_id in enumerate(_members() if stations else []):
        at = max(clock.start_of(programme.starts_on), now - timedelta(days=2 * number)) + timedelta(hours=1)
        alone = number == 2
        values = {
            "programme": programme, "station": random.choice(stations), "worker_id": worker_id, "signature_seen": True,
            "occupation": get_worker(worker_id).occupation,
            "by": By("staff", programme.decided_by_account_id) if alone else giver,
            "exception_reason": "周末只有我一人值守，会员专程赶来领取" if alone else None,
        }  # fmt: skip
        made += _give(values, min(at, now - timedelta(hours=1)))
    return made


def _give(values: dict[str, Any], at: datetime) -> int:
    """At the desk; where the shelf was empty, from paper."""
    for more in ({"source": DeliverySource.DESK}, {"source": DeliverySource.PAPER, "late": True, "at": at}):
        try:
            with db.session.begin_nested(), clock.stopped_at(at):
                commands.deliver(**values, **more)
            return 1
        except Refused:
            continue
    return 0


def _members() -> list[UUID]:
    found = (
        sa.select(Membership.worker_id)
        .join(MembershipRecord, MembershipRecord.membership_id == Membership.id)
        .where(MembershipRecord.ends_at.is_(None), MembershipRecord.status.in_(MEMBER_STATUSES))
    )
    return list(db.session.scalars(found.order_by(Membership.worker_id).limit(PACKS)))


def _look_at(random: Random, now: datetime) -> str:
    """One worker says it was not them, one sample is half called."""
    officer = By("staff", find_account_by_name("officer").id)
    last = db.session.scalars(
        sa.select(Delivery)
        .where(Delivery.worker_id.is_not(None), queries.STANDS, Delivery.at < now - timedelta(days=3))
        .order_by(Delivery.at.desc(), Delivery.id)
        .limit(1)
    ).one_or_none()
    if last is None:
        return "nothing to look at"
    with clock.stopped_at(now - timedelta(days=2)):
        worker = get_worker(last.worker_id)
        checks.dispute(delivery=last, worker=worker, note="这天我在外地跑车，没有去过这个驿站。", by=By("worker", worker.id))
    today, programme = clock.business_day(now), db.session.get_one(Programme, last.programme_id)
    with clock.stopped_at(now - timedelta(hours=2)):
        sample = checks.draw_sample(
            programme=programme, union_id=programme.union_id, first=today - timedelta(days=DAYS), last=today - timedelta(days=1),
            size=16, by=officer, seed="20261120-demo",
        )  # fmt: skip
        calls = check_queries.list_calls(sample)
    with clock.stopped_at(now - timedelta(hours=1)):
        for number, row in enumerate(calls[: len(calls) // 2]):
            outcome = CheckOutcome.DENIED if number == 3 else CheckOutcome.UNREACHED if number == 5 else CheckOutcome.CONFIRMED
            note = "说没有去过这个驿站，请核对登记" if outcome is CheckOutcome.DENIED else None
            call = check_queries.get_call(sample, row.call.delivery_id)
            checks.record_call(sample=sample, call=call, outcome=outcome, note=note, by=officer)
    return f"1 dispute, 1 sample of {len(calls)} half called"
