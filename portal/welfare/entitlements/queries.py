"""What somebody may have: every programme judged for one person at once, with a fixed number of reads however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.db import db
from portal.members.workers.queries import same_person
from portal.stations.register.models import Station
from portal.stations.supplies import queries as supplies
from portal.stations.supplies.rules import problems_with_alcohol
from portal.stations.visits.models import RecentStay
from portal.types import Level, Problem
from portal.unions.tree.models import Union, UnionKind, UnionReach
from portal.vocabulary import Occupation
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.eligibility import rules as eligibility_rules
from portal.welfare.eligibility.models import EligibilityRule, Receipt
from portal.welfare.eligibility.queries import level_of
from portal.welfare.eligibility.rules import Facts
from portal.welfare.entitlements import rules
from portal.welfare.entitlements.rules import Group
from portal.welfare.items.models import WelfareItem
from portal.welfare.ledger.models import Allocation, Source
from portal.welfare.programmes import queries as programmes
from portal.welfare.programmes.models import PUBLIC_STATUSES, Charge, Programme, Way
from portal.welfare.programmes.queries import Offer
from portal.welfare.programmes.rules import problems_with_booking, problems_with_giving
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.quotas.queries import nearest
from portal.welfare.sessions.models import ServiceSession, SessionPlace, SessionStatus

MOST = 60  # programmes judged for one page


@dataclass(frozen=True)
class Entitlement:
    """One programme for one person. ``missing``: facts that would decide it (sex, born_on); ``group``: where it stands.

    ``problems`` begin with what the rule says of the person; what else is in the way comes after.
    """

    programme: Programme
    item: WelfareItem
    rule: EligibilityRule | None
    problems: list[Problem]
    level: Level
    next_on: date | None
    ways: tuple[Way, ...]
    missing: tuple[str, ...]
    group: Group
    next_session_at: datetime | None = None
    booked_on: date | None = None


@dataclass
class Surroundings:
    """What was read once for all programmes of a page, by programme id (stock and money by what they belong to)."""

    rules: dict[UUID, EligibilityRule]
    names: dict[UUID, str]
    quotas: dict[UUID, tuple[int, date | None]]
    money: dict[UUID, Decimal]
    stock: dict[UUID, int] = field(default_factory=dict)
    alcohol: frozenset[UUID] = frozenset()  # goods that contain it
    sessions: dict[UUID, tuple[datetime | None, datetime]] = field(default_factory=dict)


# --- one person, many programmes -----------------------------------------------------------------------------------


def list_for(
    *, worker_id: UUID | None = None, facts: Facts | None = None, station: Station | None = None, at: datetime
) -> list[Entitlement]:
    """Everything that is open, judged for a person on record or for what somebody says of themselves.

    With ``station`` what is given there that day, otherwise what is near: of the unions above and beneath the person's home
    union and the stations where they were served; of somebody unknown everything, up to a page.
    """
    on = clock.business_day(at)
    receipts: list[Receipt] = []
    if worker_id:
        facts, receipts = eligibility.facts_of(worker_id), eligibility.receipts_of(worker_id)
    facts = facts or Facts(occupation=Occupation.OTHER, known=False)
    offers = programmes.list_at_station(station, on) if station else _list_near(_near(worker_id, facts), on)
    return _judge(offers, facts, receipts, station, at)


def find_for(*, programme: Programme, worker_id: UUID, at: datetime) -> Entitlement | None:
    """One programme for one person, wherever it is given; None for a heading."""
    item = programmes.item_of(programme)
    if item is None:
        return None
    facts, receipts = eligibility.facts_of(worker_id), eligibility.receipts_of(worker_id, item.id, programme.id)
    return _judge([Offer(programme, item)], facts, receipts, None, at)[0]


def judge_at(
    *,
    programme: Programme,
    worker_id: UUID | None,
    occupation: Occupation,
    station: Station,
    at: datetime,
    quantity: int = 1,
) -> list[Problem]:
    """Whether one programme may be given to somebody here and now: status, place, rule, quota, stock, money; all at once."""
    item, on = programmes.item_of(programme), clock.business_day(at)
    if item is None:
        return [rules.NOTHING]
    found = problems_with_giving(programme, on)
    if not programmes.is_given_at(programme, station):
        found.append(rules.NOT_HERE)
    around = _surroundings([Offer(programme, item)], station, at)
    rule = around.rules.get(programme.id)
    if rule is None:
        return [*found, rules.NO_RULE]
    judged = eligibility.judge(rule=rule, worker_id=worker_id, item_id=item.id, programme_id=programme.id, on=on,
                               occupation=occupation, quantity=quantity)  # fmt: skip
    does = judged.facts.occupation if worker_id else occupation
    alcohol = problems_with_alcohol(does, contains_alcohol=item.supply_item_id in around.alcohol)
    return [*found, *judged.problems, *alcohol, *_scarce(programme, item, around, on, quantity)]


def _judge(
    offers: Sequence[Offer], facts: Facts, receipts: Iterable[Receipt], station: Station | None, at: datetime
) -> list[Entitlement]:
    around = _surroundings(offers, station, at)
    return [_entitlement(offer, facts, receipts, around, station, at) for offer in offers]


def _entitlement(
    offer: Offer, facts: Facts, receipts: Iterable[Receipt], around: Surroundings, station: Station | None, at: datetime
) -> Entitlement:
    programme, item, on = offer.programme, offer.item, clock.business_day(at)
    rule, free_at, next_on, booked_on, person = around.rules.get(programme.id), None, None, None, []
    other = problems_with_giving(programme, max(on, programme.starts_on) if station is None else on)
    if on < programme.starts_on and station is None:
        other += problems_with_giving(programme, on)
    other += _scarce(programme, item, around, on) if rule else [rules.NO_RULE]
    if rule:
        judged = eligibility.judge_facts(
            rule=rule, facts=facts, receipts=receipts, item_id=item.id, programme_id=programme.id, on=on, names=around.names
        )
        person, next_on = judged.problems, judged.next_on
        mine = (one.on for one in judged.receipts if one.booking_id and one.programme_id == programme.id and one.on >= on)
        booked_on = min(mine, default=None)
        if station is None and Way.WALK_IN.value not in programme.ways and not other:
            free_at, planned_at = around.sessions.get(programme.id, (None, None))
            other += rules.problems_with_places(free_at, planned_at)
            window = eligibility_rules.problems_with_window(rule, facts, programme.booking_opens_at, at, judged.receipts, on)
            opens = problems_with_booking(programme, clock.business_day(free_at), at) if free_at else []
            other += [*window, *(one for one in opens if one.code == "opens_later")]
        person = [*person, *problems_with_alcohol(facts.occupation, contains_alcohol=item.supply_item_id in around.alcohol)]
    problems = [*person, *other]
    missing = tuple(one.field for one in person if one.field and one.code.endswith("_unknown"))
    return Entitlement(
        programme, item, rule, problems, level_of(problems), next_on, tuple(way for way in Way if way.value in programme.ways),
        missing, rules.group_of(person, other, next_on, booked_on), around.sessions.get(programme.id, (None,))[0], booked_on,
    )  # fmt: skip


def _scarce(programme: Programme, item: WelfareItem, around: Surroundings, on: date, quantity: int = 1) -> list[Problem]:
    """What is used up: places of the quota, stock, money."""
    left, take_back_on = around.quotas.get(programme.id, (None, None))
    line = programme.budget_line_id if programme.charge is Charge.PER_PLACE else None
    money = around.money.get(line, Decimal(0)) if line else None
    return [
        *rules.problems_with_quota(left, take_back_on, on),
        *rules.problems_with_stock(around.stock.get(item.supply_item_id) if item.supply_item_id else None, quantity),
        *rules.problems_with_money(money, programme.price * quantity),
    ]


# --- what is near --------------------------------------------------------------------------------------------------


def _near(worker_id: UUID | None, facts: Facts) -> set[UUID]:
    """The unions whose neighbourhood counts: the home union with all above it, and those of stations visited lately."""
    near = set(facts.home_union_ids)
    if worker_id:
        visited = (
            sa.select(Station.union_id)
            .join(RecentStay, RecentStay.station_id == Station.id)
            .where(RecentStay.worker_id.in_(same_person(worker_id)))
            .order_by(RecentStay.last_at.desc(), Station.id)
            .limit(5)
        )
        above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id.in_(visited.subquery().select()))
        # The new-economy federation of a place stands beside the way up from its stations; it gives to the same people.
        beside = sa.select(Union.id).where(Union.parent_id.in_(above), Union.kind == UnionKind.FEDERATION)
        near |= set(db.session.scalars(sa.union(above, beside)))
    return near


def _list_near(unions: set[UUID], on: date) -> list[Offer]:
    """What is open to be had, what ends first on top."""
    found = (
        sa.select(Programme, WelfareItem)
        .join(WelfareItem, WelfareItem.id == Programme.item_id)
        .where(Programme.status.in_(PUBLIC_STATUSES), Programme.ends_on >= on)
        .order_by(Programme.ends_on, Programme.id)
        .limit(MOST)
    )
    if unions:
        found = found.where(Programme.union_id.in_(unions))
    return [Offer(*row) for row in db.session.execute(found)]


# --- read once for all ---------------------------------------------------------------------------------------------


def _surroundings(offers: Sequence[Offer], station: Station | None, at: datetime) -> Surroundings:
    found, on = [one.programme for one in offers], clock.business_day(at)
    if not found:
        return Surroundings({}, {}, {}, {})
    in_force = eligibility.rules_of([one.id for one in found])
    lines = {one.budget_line_id for one in found if one.charge is Charge.PER_PLACE}
    goods = {one.item.supply_item_id for one in offers} - {None}
    booked = [one.id for one in found if Way.BOOK.value in one.ways or Way.ENROL.value in one.ways]
    stock = supplies.stock_of(station.id, goods) if station and goods else {}
    return Surroundings(
        rules=in_force,
        names=eligibility.union_names(*in_force.values()),
        quotas=_quotas([one.id for one in found], station),
        money=_money(lines, on) if lines else {},
        alcohol=supplies.list_with_alcohol(goods),
        stock={ident: stock[ident].usable if ident in stock else 0 for ident in goods} if station else {},
        sessions=_sessions(booked, at) if booked and station is None else {},
    )


def _quotas(ids: list[UUID], station: Station | None) -> dict[UUID, tuple[int, date | None]]:
    """What is left by programme, and when unused places come back: of the share a station draws on, or of all shares."""
    left = QuotaShare.amount - QuotaShare.given - QuotaShare.used
    if station is None:
        rows = db.session.execute(
            sa.select(QuotaShare.programme_id, sa.func.sum(left), sa.null()).where(QuotaShare.programme_id.in_(ids))
            .group_by(QuotaShare.programme_id).having(sa.func.max(QuotaShare.amount) > 0)
        )  # fmt: skip
        return {ident: (int(rest), None) for ident, rest, _day in rows}
    share = sa.orm.aliased(QuotaShare)
    back = sa.select(sa.func.min(QuotaShare.take_back_on)).where(QuotaShare.programme_id == Programme.id, left > 0)
    drawn = nearest(Programme.id, station.id, station.union_id).correlate(Programme).scalar_subquery()
    rows = db.session.execute(
        sa.select(Programme.id, share.amount - share.given - share.used, back.correlate(Programme).scalar_subquery())
        .join(share, share.id == drawn)
        .where(Programme.id.in_(ids))
    )
    return {ident: (rest, day) for ident, rest, day in rows}


def _money(lines: set[UUID], on: date) -> dict[UUID, Decimal]:
    """What budget lines may still promise on a day, by line."""
    left = sa.func.sum(Allocation.authority - Allocation.reserved - Allocation.spent)
    rows = db.session.execute(
        sa.select(Allocation.line_id, left)
        .join(Source, Source.id == Allocation.source_id)
        .where(Allocation.line_id.in_(lines), Source.from_on <= on, Source.until_on >= on)
        .group_by(Allocation.line_id)
    )
    return dict(rows.all())


def _sessions(ids: list[UUID], at: datetime) -> dict[UUID, tuple[datetime | None, datetime]]:
    """The first session to come with a free place, and the first at all, by programme."""
    free = sa.exists().where(SessionPlace.session_id == ServiceSession.id, ~SessionPlace.taken).correlate(ServiceSession)
    rows = db.session.execute(
        sa.select(
            ServiceSession.programme_id,
            sa.func.min(ServiceSession.starts_at).filter(free),
            sa.func.min(ServiceSession.starts_at),
        )
        .where(
            ServiceSession.programme_id.in_(ids), ServiceSession.status == SessionStatus.OPEN, ServiceSession.starts_at > at
        )
        .group_by(ServiceSession.programme_id)
    )  # fmt: skip
    return {ident: (free_at, planned_at) for ident, free_at, planned_at in rows}
