"""Reads of eligibility: the rule in force, the facts of a person, what they received, the judgement; and all of it as SQL.

Programmes, sessions and deliveries stand above this noun. What they know of a person's receipts comes through the registry
`histories`; a programme's union is read by its table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.members.joining.models import Application, ApplicationStatus
from portal.members.memberships.models import MEMBER_STATUSES, Membership, MembershipRecord, MembershipStatus
from portal.members.workers.models import Worker
from portal.members.workers.queries import same_person
from portal.stations.register.models import Station
from portal.stations.visits.models import RecentStay
from portal.types import N_, Level, Problem, Text, text
from portal.unions.tree.models import Union, UnionReach
from portal.unions.tree.queries import names_of, within
from portal.vocabulary import Occupation
from portal.welfare.eligibility import rules
from portal.welfare.eligibility.models import Audience, EligibilityRule, Standing
from portal.welfare.eligibility.rules import Facts, Receipt, Rule

# Rooms above add what they know: (records of one person, item, programme) → receipts of that item or that programme.
# With item and programme None: everything the person received or holds, for a page about many programmes at once.
History = Callable[[Sequence[UUID], UUID | None, UUID | None], list[Receipt]]
histories: list[History] = []


@dataclass(frozen=True)
class Judgement:
    """What a rule says of one person on a day: why not, what it leaned on, who comes first, from when otherwise."""

    problems: list[Problem]
    facts: Facts
    receipts: list[Receipt]
    priority: int
    next_on: date | None
    level: Level


def level_of(problems: Iterable[Problem]) -> Level:
    """The heaviest of several problems; green if there is none."""
    levels = {problem.level for problem in problems}
    return next((one for one in (Level.RED, Level.AMBER) if one in levels), Level.GREEN)


# --- rules ---------------------------------------------------------------------------------------------------------


def find_rule(programme_id: UUID) -> EligibilityRule | None:
    """The rule in force: the newest approved version, or None."""
    return db.session.scalars(
        sa.select(EligibilityRule)
        .where(EligibilityRule.programme_id == programme_id, EligibilityRule.approved_at.is_not(None))
        .order_by(EligibilityRule.version.desc())
        .limit(1)
    ).one_or_none()


def rules_of(programme_ids: Iterable[UUID]) -> dict[UUID, EligibilityRule]:
    """The rules in force of several programmes, in one read."""
    found = db.session.scalars(
        sa.select(EligibilityRule)
        .ext(distinct_on(EligibilityRule.programme_id))
        .where(EligibilityRule.programme_id.in_(list(programme_ids)), EligibilityRule.approved_at.is_not(None))
        .order_by(EligibilityRule.programme_id, EligibilityRule.version.desc())
    )
    return {rule.programme_id: rule for rule in found}


def get_rule(rule_id: UUID) -> EligibilityRule:
    """A version by id; raises NoResultFound (404)."""
    return db.session.get_one(EligibilityRule, rule_id)


def get_version(programme_id: UUID, rule_id: UUID) -> EligibilityRule:
    """One of a programme's own versions; raises NoResultFound (404)."""
    found = sa.select(EligibilityRule).where(EligibilityRule.programme_id == programme_id, EligibilityRule.id == rule_id)
    return db.session.scalars(found).one()


def find_proposal(programme_id: UUID) -> EligibilityRule | None:
    """The version that waits for a decision, or None."""
    return db.session.scalars(
        sa.select(EligibilityRule).where(
            EligibilityRule.programme_id == programme_id,
            EligibilityRule.approved_at.is_(None),
            EligibilityRule.rejected_at.is_(None),
        )
    ).one_or_none()


def list_versions(programme_id: UUID) -> list[EligibilityRule]:
    """All versions of a programme's rule, the newest first."""
    chosen = sa.select(EligibilityRule).where(EligibilityRule.programme_id == programme_id)
    return list(db.session.scalars(chosen.order_by(EligibilityRule.version.desc())))


def union_names(*asked: Rule | None) -> dict[UUID, str]:
    """The names of the unions that rules speak of."""
    return names_of(rule.within_union_id for rule in asked if rule)


def union_codes(*asked: Rule) -> dict[UUID, str]:
    """Their codes."""
    found = sa.select(Union.id, Union.code).where(Union.id.in_([one.within_union_id for one in asked if one.within_union_id]))
    return {row.id: row.code for row in db.session.execute(found)}


# --- programmes, read by their table -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What this noun has to know of a programme."""

    id: UUID
    code: str
    name: str
    union_id: UUID
    status: str


def _programmes() -> Any:
    return db.metadata.tables["programmes"].c


def get_place(code: str, actor: Actor, permission: Permission) -> Place:
    """A programme by code within scope; raises NoResultFound (404) outside."""
    t = _programmes()
    found = sa.select(t.id, t.code, t.name, t.union_id, t.status).where(t.code == code, within(t.union_id, actor, permission))
    return Place(*db.session.execute(found).one())


@dataclass(frozen=True)
class Waiting:
    """A proposed version and its programme."""

    rule: EligibilityRule
    code: str
    name: str


def _waiting(actor: Actor) -> sa.Select:
    t = _programmes()
    return (
        sa.select(EligibilityRule, t.code, t.name)
        .join(t.id.table, t.id == EligibilityRule.programme_id)
        .where(
            EligibilityRule.approved_at.is_(None),
            EligibilityRule.rejected_at.is_(None),
            EligibilityRule.proposed_by_account_id.is_distinct_from(actor.id),
            t.status.not_in(("draft", "submitted")),  # before that the rule is decided with its programme
            within(t.union_id, actor, Permission.APPROVE_PROGRAMMES),
        )
    )


def list_waiting(actor: Actor, limit: int = 50) -> list[Waiting]:
    """Changes of rules that wait for this person, the oldest first: not what they proposed themselves."""
    found = _waiting(actor).order_by(EligibilityRule.proposed_at, EligibilityRule.id).limit(limit)
    return [Waiting(*row) for row in db.session.execute(found)]


def awaiting(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff's home: rules that wait for this person's decision."""
    if not actor.may(Permission.APPROVE_PROGRAMMES):
        return None
    waiting = _waiting(actor).with_only_columns(sa.func.count(), maintain_column_froms=True)
    return text(N_("Rules to decide")), "eligibility.waiting", db.session.scalar(waiting)


def union_of(programme_id: UUID, *, lock: bool = False) -> UUID:
    """The union of a programme; ``lock`` makes others who change its rule wait."""
    found = sa.select(_programmes().union_id).where(_programmes().id == programme_id)
    return db.session.execute(found.with_for_update() if lock else found).scalar_one()


# --- people --------------------------------------------------------------------------------------------------------


def _people() -> sa.Subquery:
    """Everybody once (a merged record is its survivor), with what rules ask; each column as `Facts` has it."""
    w, record = Worker, sa.orm.aliased(Worker)
    records = sa.select(record.id).where(sa.or_(record.id == w.id, record.merged_into_id == w.id)).correlate(w)
    member = (
        sa.select(MembershipRecord.status, MembershipRecord.union_id)
        .join(Membership, Membership.id == MembershipRecord.membership_id)
        .where(
            Membership.worker_id.in_(records), MembershipRecord.ends_at.is_(None), MembershipRecord.status.in_(MEMBER_STATUSES)
        )
        .order_by(MembershipRecord.status == MembershipStatus.RETAINED, MembershipRecord.starts_at.desc())
        .limit(1)
        .correlate(w)
        .lateral("member")
    )
    applying = (
        sa.select(Application.union_id)
        .where(
            Application.worker_id.in_(records),
            Application.status.in_((ApplicationStatus.SUBMITTED, ApplicationStatus.RETURNED)),
        )
        .order_by(Application.created_at.desc(), Application.id.desc())
        .limit(1)
        .correlate(w)
        .lateral("applying")
    )
    written = (
        sa.select(Application.employer_name)
        .where(Application.worker_id.in_(records), Application.confirmed_at.is_not(None))
        .order_by(Application.created_at.desc(), Application.id.desc())
        .limit(1)
        .correlate(w)
        .lateral("written")
    )
    standing = sa.case(
        (member.c.status == MembershipStatus.RETAINED.value, Standing.RETAINED.value),
        (member.c.status.is_not(None), Standing.MEMBER.value),
        (applying.c.union_id.is_not(None), Standing.APPLICANT.value),
        else_=Standing.ANYONE.value,
    )
    return (
        sa.select(
            w.id, w.occupation, w.sex, w.born_on, w.born_from_document, w.is_new_form_worker, w.is_migrant_worker,
            standing.label("standing"), sa.func.coalesce(member.c.union_id, applying.c.union_id).label("home_union_id"),
            written.c.employer_name,
        )
        .select_from(w)
        .outerjoin(member, sa.true())
        .outerjoin(applying, sa.true())
        .outerjoin(written, sa.true())
        .where(w.merged_into_id.is_(None))
        .subquery("people")
    )  # fmt: skip


def facts_of(worker_id: UUID) -> Facts:
    """What is known of one person, under whichever of their records. Raises NoResultFound for nobody."""
    people = _people()
    head = sa.select(sa.func.coalesce(Worker.merged_into_id, Worker.id)).where(Worker.id == worker_id).scalar_subquery()
    above = (
        sa.select(sa.func.array_agg(UnionReach.ancestor_id))
        .where(UnionReach.union_id == people.c.home_union_id)
        .correlate(people)
        .scalar_subquery()
    )
    row = db.session.execute(sa.select(people, above.label("above")).where(people.c.id == head)).one()
    employer = rules.plain_employer(row.employer_name)
    return Facts(
        occupation=Occupation(row.occupation), sex=row.sex, born_on=row.born_on, standing=Standing(row.standing),
        home_union_ids=frozenset(row.above or ()), employers=frozenset({employer} if employer else ()),
        is_new_form_worker=row.is_new_form_worker, is_migrant_worker=row.is_migrant_worker,
        from_document=row.born_from_document,
    )  # fmt: skip


def home_and_above(union_id: UUID) -> frozenset[UUID]:
    """A union and all above it, as `Facts.home_union_ids` holds them."""
    found = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == union_id)
    return frozenset(db.session.scalars(found.order_by(UnionReach.depth)))


def receipts_of(worker_id: UUID, item_id: UUID | None = None, programme_id: UUID | None = None) -> list[Receipt]:
    """What a person received or holds of an item or a programme, under all their records; both None: everything."""
    records = same_person(worker_id)
    found = [receipt for history in histories for receipt in history(records, item_id, programme_id)]
    return sorted(found, key=lambda one: (one.on, str(one.booking_id)))


def judge(
    *,
    rule: Rule,
    worker_id: UUID | None,
    item_id: UUID,
    programme_id: UUID,
    on: date,
    without_booking: UUID | None = None,
    occupation: Occupation | None = None,
    quantity: int = 1,
) -> Judgement:
    """What a rule says of one person on a day. ``worker_id`` None: nobody on record, of whom only the occupation is known.

    ``without_booking``: the booking that is decided about does not stand against itself.
    """
    if worker_id is None:
        facts, receipts = Facts(occupation=occupation or Occupation.OTHER, known=False), []
    else:
        facts, receipts = facts_of(worker_id), receipts_of(worker_id, item_id, programme_id)
    return judge_facts(
        rule=rule, facts=facts, receipts=[one for one in receipts if not without_booking or one.booking_id != without_booking],
        item_id=item_id, programme_id=programme_id, on=on, names=union_names(rule), quantity=quantity,
    )  # fmt: skip


def judge_facts(
    *,
    rule: Rule,
    facts: Facts,
    receipts: Iterable[Receipt],
    item_id: UUID,
    programme_id: UUID,
    on: date,
    names: dict[UUID, str],
    quantity: int = 1,
) -> Judgement:
    """The same from facts and receipts that were read before: for many programmes and one person."""
    about = [one for one in receipts if item_id == one.item_id or programme_id == one.programme_id]
    problems = rules.problems_with_person(rule, facts, about, on, now=clock.now(), names=names, quantity=quantity)
    later = {"interval", "limit", "too_young"}
    # A later day is only said where nothing else stands in the way: "from August" must not be a promise that fails.
    datable = all(one.code in later or one.level is not Level.RED for one in problems)
    next_on = rules.next_on(rule, about if facts.known else (), on, facts, quantity=quantity) if datable else None
    priority = rules.priority_of(rule, facts, about, on)
    return Judgement(problems, facts, about, priority, next_on, level_of(problems))


# --- the same in SQL -----------------------------------------------------------------------------------------------


def _plain_in_sql(column: Any) -> Any:
    """`rules.plain_employer` as the database computes it."""
    tidy = sa.func.normalize(column, sa.text("NFKC"))
    return sa.func.lower(sa.func.regexp_replace(tidy, r"\s+", "", "g"))


def condition(rule: Rule, people: sa.Subquery, on: date) -> sa.ColumnElement[bool]:
    """Whether the facts of a row fit a rule: NULL where that depends on a fact that is not on record; as `rules.fits`."""
    t, asked = people.c, [sa.true()]
    if rule.audience is not Audience.ANYONE:
        allowed = [Standing.MEMBER.value] + ([Standing.APPLICANT.value] if rule.audience is Audience.APPLICANT else [])
        asked.append(t.standing.in_(allowed))
    if rule.occupations:
        asked.append(sa.cast(t.occupation, sa.Text).in_(list(rule.occupations)))
    if rule.sex:
        asked.append(t.sex == rule.sex)
    if rule.min_age is not None:
        asked.append(_birthday(t.born_on, rule.min_age) <= on)
    if rule.max_age is not None:
        asked.append(_birthday(t.born_on, rule.max_age + 1) > on)
    if rule.within_union_id:
        reach = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == rule.within_union_id)
        asked.append(sa.func.coalesce(t.home_union_id.in_(reach), sa.false()))
    if rule.employers:
        names = sorted({rules.plain_employer(one) for one in rule.employers})
        asked.append(sa.func.coalesce(_plain_in_sql(t.employer_name).in_(names), sa.false()))
    return sa.and_(*asked)


def _birthday(born_on: Any, age: int) -> Any:
    return sa.cast(born_on + sa.func.make_interval(0, 12 * age), sa.Date)


def matching(rule: Rule, on: date | None = None) -> sa.Select:
    """The people whose facts fit a rule on a day (today), as a select of worker ids; intervals and limits are not asked."""
    people = _people()
    return sa.select(people.c.id).where(condition(rule, people, on or clock.today()))


@dataclass(frozen=True)
class Change:
    """How many people would come to fit, fit no more, go on to fit, and of how many too little is known."""

    gain: int
    lose: int
    stay: int
    unknown: int
    people: int


def _known_in(union_id: UUID) -> sa.Select:
    """Whoever is a member, applied, or was served in a union's part of the tree, each once and by their survivor's id."""
    reach = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == union_id)
    members = (
        sa.select(Membership.worker_id)
        .join(MembershipRecord, MembershipRecord.membership_id == Membership.id)
        .where(MembershipRecord.union_id.in_(reach), MembershipRecord.ends_at.is_(None))
    )
    applied = sa.select(Application.worker_id).where(Application.union_id.in_(reach))
    served = sa.select(RecentStay.worker_id).join(Station, Station.id == RecentStay.station_id).where(Station.union_id.in_(reach))
    known = sa.union(members, applied, served).subquery("known")
    return sa.select(sa.func.coalesce(Worker.merged_into_id, Worker.id)).join(known, known.c.worker_id == Worker.id).distinct()


def gain_and_lose(programme_id: UUID, values: Rule, within_union_id: UUID) -> Change:
    """What a new rule would change today, among the people known to a union's part of the tree; numbers, no names."""
    people, now = _people(), find_rule(programme_id)
    today = clock.today()
    new = condition(values, people, today)
    old = condition(now, people, today) if now else sa.false()
    gains, loses = sa.and_(new.is_(True), old.is_not(True)), sa.and_(old.is_(True), new.is_(False))
    stays, unknown = sa.and_(new.is_(True), old.is_(True)), new.is_(None)
    count = sa.func.count
    row = db.session.execute(
        sa.select(count().filter(gains), count().filter(loses), count().filter(stays), count().filter(unknown), count())
        .select_from(people)
        .where(people.c.id.in_(_known_in(within_union_id)))
    ).one()
    return Change(*row)
