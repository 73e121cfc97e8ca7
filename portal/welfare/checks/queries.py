"""Reads of what is looked at afterwards: exceptions, late entries, doubles, disputes, samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.members.workers.queries import Masked
from portal.paging import Slice, keyset
from portal.types import N_, Text, text
from portal.unions.staff.queries import names_of_staff
from portal.unions.tree.models import UnionReach
from portal.unions.tree.queries import names_of, reaches, within
from portal.welfare.checks import rules
from portal.welfare.checks.models import CheckOutcome, DeliveryDispute, DeliveryLook, DeliverySample, ExceptionReview, SampleCall
from portal.welfare.deliveries import queries as deliveries
from portal.welfare.deliveries.models import Delivery, DeliveryReversal
from portal.welfare.deliveries.queries import ALONE, FLAGGED, STANDS, Listed
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.eligibility.rules import add_months, says_limit
from portal.welfare.programmes.models import Programme

CHECK, KEEP = Permission.CHECK_DELIVERIES, Permission.MANAGE_BOOKINGS
COUNTED_UP_TO = 100

# What waits for somebody: handed over by one person and not reviewed; late, did not fit, and nobody looked.
TO_REVIEW = ALONE & STANDS & ~sa.exists().where(ExceptionReview.delivery_id == Delivery.id).correlate(Delivery)
TO_LOOK_AT = FLAGGED & STANDS & ~sa.exists().where(DeliveryLook.delivery_id == Delivery.id).correlate(Delivery)


def _count(found: sa.Select) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(found.limit(COUNTED_UP_TO).subquery()))


def _deliveries(condition: sa.ColumnElement[bool], actor: Actor, permission: Permission) -> sa.Select:
    return sa.select(Delivery.id).where(condition, within(Delivery.union_id, actor, permission))


# --- exceptions and late entries -----------------------------------------------------------------------------------


def list_exceptions(actor: Actor, *, done: bool, before: str | None = None, after: str | None = None) -> Slice:
    """What one person handed over alone: what waits for a review, or everything."""
    return deliveries.list_chosen(ALONE if done else TO_REVIEW, actor, CHECK, before=before, after=after)


def list_flagged(actor: Actor, *, done: bool, before: str | None = None, after: str | None = None) -> Slice:
    """Late entries that did not fit: what nobody looked at yet, or everything."""
    return deliveries.list_chosen(FLAGGED if done else TO_LOOK_AT, actor, KEEP, before=before, after=after)


def count_to_review(actor: Actor) -> int:
    """How many exceptions wait for this person, who does not look at their own."""
    return _count(_deliveries(TO_REVIEW & (Delivery.by_account_id != actor.id), actor, CHECK))


def count_to_look_at(actor: Actor) -> int:
    """How many late entries wait for a look."""
    return _count(_deliveries(TO_LOOK_AT, actor, KEEP))


def find_review(delivery_id: UUID) -> ExceptionReview | None:
    """What somebody else said about a hand-over by one person, or None."""
    return db.session.get(ExceptionReview, delivery_id)


def find_look(delivery_id: UUID) -> DeliveryLook | None:
    """What became of a late entry that did not fit, or None."""
    return db.session.get(DeliveryLook, delivery_id)


# --- doubles -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Double:
    """A delivery that came too soon after another one to the same person, and why it counts as double."""

    listed: Listed
    earlier_id: UUID
    says: Text


# The later one of two within the interval of its rule, or the one that made the limit of a period full twice; whoever has
# several records is one person. Only standing deliveries count.
_doubles = sa.text(
    """
    SELECT d.id, d.at, p.id AS earlier_id, p.at AS earlier_at, r.id AS rule_id, t.taken,
           coalesce(mine.day < (p.day + make_interval(months => r.interval_months))::date, false) AS near
    FROM deliveries d
    JOIN workers w ON w.id = d.worker_id
    JOIN eligibility_rules r ON r.id = d.rule_id
    CROSS JOIN LATERAL (SELECT (d.at AT TIME ZONE 'Asia/Shanghai')::date AS day) mine
    CROSS JOIN LATERAL (
        SELECT array_agg(x.id) AS ids FROM workers x
        WHERE x.id = coalesce(w.merged_into_id, w.id) OR x.merged_into_id = coalesce(w.merged_into_id, w.id)) person
    JOIN LATERAL (
        SELECT e.id, e.at, (e.at AT TIME ZONE 'Asia/Shanghai')::date AS day FROM deliveries e
        WHERE e.item_id = d.item_id AND e.worker_id = ANY(person.ids) AND (e.at, e.id) < (d.at, d.id)
          AND NOT EXISTS (SELECT FROM delivery_reversals v WHERE v.delivery_id = e.id)
        ORDER BY e.at DESC, e.id DESC LIMIT 1) p ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.quantity), 0) AS taken FROM deliveries e
        WHERE r.person_limit IS NOT NULL AND e.item_id = d.item_id AND e.programme_id = d.programme_id
          AND e.worker_id = ANY(person.ids) AND (e.at, e.id) <= (d.at, d.id)
          AND (r.limit_period = 'programme' OR date_trunc(r.limit_period, e.at AT TIME ZONE 'Asia/Shanghai')
                                               = date_trunc(r.limit_period, d.at AT TIME ZONE 'Asia/Shanghai'))
          AND NOT EXISTS (SELECT FROM delivery_reversals v WHERE v.delivery_id = e.id)) t
    WHERE d.union_id IN (SELECT union_id FROM union_reach WHERE ancestor_id = ANY(CAST(:unions AS uuid[])))
      AND d.at >= :begins AND d.at < :ends
      AND (CAST(:at AS timestamptz) IS NULL OR (d.at, d.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)))
      AND NOT EXISTS (SELECT FROM delivery_reversals v WHERE v.delivery_id = d.id)
      AND (mine.day < (p.day + make_interval(months => r.interval_months))::date OR t.taken > r.person_limit)
    ORDER BY d.at DESC, d.id DESC LIMIT :limit
    """
)


def list_doubles(
    actor: Actor, first: date, last: date, *, before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[Double]:
    """Deliveries of these days that came too soon or made too many, the latest first; keyset by (at, id)."""
    at, ident = before or (None, None)
    values = {"unions": list(actor.unions(CHECK)), "begins": clock.start_of(first), "ends": clock.day_bounds(last)[1]}
    rows = db.session.execute(_doubles, values | {"at": at, "id": ident, "limit": limit}).all()
    shown = deliveries.list_by_ids([row.id for row in rows])
    asked = {row.rule_id for row in rows}
    known = {one.id: one for one in db.session.scalars(
        sa.select(EligibilityRule).where(EligibilityRule.id.in_(asked)).order_by(EligibilityRule.id))}  # fmt: skip
    found = []
    for row in rows:
        rule, earlier_on = known[row.rule_id], clock.business_day(row.earlier_at)
        next_on = add_months(earlier_on, rule.interval_months) if row.near else None
        limit_words = says_limit(rule) if rule.person_limit else None
        found.append(Double(shown[row.id], row.earlier_id, rules.says_double(earlier_on, next_on, limit_words, int(row.taken))))
    return found


# --- disputes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dispute:
    """Somebody said that a delivery was not theirs."""

    dispute: DeliveryDispute
    listed: Listed
    days: int


def _disputes(actor: Actor) -> sa.Select:
    return (
        sa.select(DeliveryDispute)
        .join(Delivery, Delivery.id == DeliveryDispute.delivery_id)
        .where(within(Delivery.union_id, actor, CHECK))
    )


def list_disputes(actor: Actor, *, done: bool, before: str | None = None, after: str | None = None) -> Slice:
    """What waits for an answer (whoever has waited longest first), or everything."""
    found = _disputes(actor) if done else _disputes(actor).where(DeliveryDispute.answered_at.is_(None))
    rows = keyset(found, (DeliveryDispute.at, DeliveryDispute.id), lambda one: (one.at, one.id), before=before, after=after)
    shown, today = deliveries.list_by_ids([one.delivery_id for one in rows]), clock.today()
    return Slice(
        [Dispute(one, shown[one.delivery_id], (today - clock.business_day(one.at)).days) for one in rows], rows.before, rows.after
    )


def count_disputes(actor: Actor) -> int:
    """How many wait for an answer."""
    return _count(_disputes(actor).where(DeliveryDispute.answered_at.is_(None)).with_only_columns(DeliveryDispute.id))


def get_dispute(dispute_id: UUID, actor: Actor) -> DeliveryDispute:
    """One within scope; raises NoResultFound (404)."""
    return db.session.scalars(_disputes(actor).where(DeliveryDispute.id == dispute_id)).one()


def disputes_of(delivery_ids: Sequence[UUID]) -> dict[UUID, list[DeliveryDispute]]:
    """What was said about several deliveries, the latest last."""
    found: dict[UUID, list[DeliveryDispute]] = {}
    chosen = sa.select(DeliveryDispute).where(DeliveryDispute.delivery_id.in_(delivery_ids))
    for one in db.session.scalars(chosen.order_by(DeliveryDispute.at, DeliveryDispute.id)):
        found.setdefault(one.delivery_id, []).append(one)
    return found


@dataclass(frozen=True)
class Received:
    """A delivery as its receiver sees it, with what they said about it last."""

    listed: Listed
    dispute: DeliveryDispute | None


def list_received(worker_id: UUID, *, before: tuple[datetime, UUID] | None = None, limit: int = 20) -> list[Received]:
    """What a worker received, for their own page, the newest first; what is unnamed is on nobody's page."""
    rows = deliveries.list_of_worker(worker_id, before=before, limit=limit)
    said = disputes_of([one.delivery.id for one in rows])
    return [Received(one, said.get(one.delivery.id, [None])[-1]) for one in rows]


def names_of_reviewers(
    review: ExceptionReview | None, look: DeliveryLook | None, disputes: Sequence[DeliveryDispute]
) -> dict[UUID, str]:
    """The names of the staff who said something about a delivery."""
    spoke = {one.by_account_id for one in (review, look) if one} | {one.answered_by_account_id for one in disputes}
    return names_of_staff(spoke - {None})


# --- samples -------------------------------------------------------------------------------------------------------


def population(programme_id: UUID, union_id: UUID, first: date, last: date, drawn_at: datetime) -> list[UUID]:
    """What a sample is drawn from: given to somebody with a name in these days, entered by then and not taken back by then."""
    beneath = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == union_id)
    back = sa.exists().where(DeliveryReversal.delivery_id == Delivery.id, DeliveryReversal.at <= drawn_at).correlate(Delivery)
    return list(
        db.session.scalars(
            sa.select(Delivery.id)
            .where(
                Delivery.programme_id == programme_id, Delivery.union_id.in_(beneath), Delivery.worker_id.is_not(None), ~back,
                Delivery.at >= clock.start_of(first), Delivery.at < clock.day_bounds(last)[1], Delivery.recorded_at <= drawn_at,
            )
            .order_by(Delivery.id)
        )
    )  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A sample in a list, with what its calls found."""

    sample: DeliverySample
    programme: str
    union: str
    rates: rules.Rates


def list_samples(actor: Actor, *, before: str | None = None, after: str | None = None) -> Slice:
    """The samples within scope, the latest first."""
    found = (
        sa.select(DeliverySample, Programme.name)
        .join(Programme, Programme.id == DeliverySample.programme_id)
        .where(within(DeliverySample.union_id, actor, CHECK))
    )
    rows = keyset(found, (DeliverySample.id,), lambda row: (row[0].id,), before=before, after=after, descending=True,
                  scalars=False)  # fmt: skip
    outcomes: dict[UUID, list[CheckOutcome | None]] = {}
    calls = sa.select(SampleCall.sample_id, SampleCall.outcome).where(SampleCall.sample_id.in_([row[0].id for row in rows]))
    for sample_id, outcome in db.session.execute(calls.order_by(SampleCall.sample_id, SampleCall.delivery_id)):
        outcomes.setdefault(sample_id, []).append(outcome)
    unions = names_of(row[0].union_id for row in rows)
    shown = [Drawn(one, name, unions[one.union_id], rules.rates(outcomes.get(one.id, []))) for one, name in rows]
    return Slice(shown, rows.before, rows.after)


def get_sample(sample_id: UUID, actor: Actor, permission: Permission = CHECK) -> DeliverySample:
    """One within scope; raises NoResultFound (404)."""
    return db.session.scalars(
        sa.select(DeliverySample).where(DeliverySample.id == sample_id, within(DeliverySample.union_id, actor, permission))
    ).one()


@dataclass(frozen=True)
class Call:
    """One delivery of a sample: whom to call, and what the call found."""

    call: SampleCall
    listed: Listed
    person: Masked


def list_calls(sample: DeliverySample) -> list[Call]:
    """The call list in the order of the draw, those not called yet first."""
    rows = {one.delivery_id: one for one in db.session.scalars(
        sa.select(SampleCall).where(SampleCall.sample_id == sample.id).order_by(SampleCall.delivery_id))}  # fmt: skip
    shown = deliveries.list_by_ids(list(rows))
    ids = {one.delivery.worker_id for one in shown.values()}
    known = {one.id: one for one in db.session.scalars(sa.select(Worker).where(Worker.id.in_(ids)).order_by(Worker.id))}
    heads = {ident: (known[ident].merged_into_id and workers.find_worker(ident)) or known[ident] for ident in ids}
    people = {one.id: one for one in workers.list_masked({head.id: head for head in heads.values()}.values())}
    order = rules.draw(sample.seed, rows, len(rows))
    order.sort(key=lambda ident: rows[ident].called_at is not None)
    return [Call(rows[one], shown[one], people[heads[shown[one].delivery.worker_id].id]) for one in order]


def rates_of(calls: Sequence[Call]) -> rules.Rates:
    """What the calls of a list found."""
    return rules.rates([one.call.outcome for one in calls])


def get_call(sample: DeliverySample, delivery_id: UUID, *, lock: bool = False) -> SampleCall:
    """One call of a sample; raises NoResultFound (404)."""
    found = sa.select(SampleCall).where(SampleCall.sample_id == sample.id, SampleCall.delivery_id == delivery_id)
    return db.session.scalars(found.with_for_update() if lock else found).one()


def is_reproduced(sample: DeliverySample) -> bool:
    """Whether the same draw from the same deliveries gives the same sample today."""
    ids = population(sample.programme_id, sample.union_id, sample.first_on, sample.last_on, sample.drawn_at)
    calls = db.session.scalars(
        sa.select(SampleCall.delivery_id).where(SampleCall.sample_id == sample.id).order_by(SampleCall.delivery_id)
    )
    same = rules.digest_of(ids) == sample.population_digest
    return same and sorted(rules.draw(sample.seed, ids, sample.size)) == sorted(calls)


def list_programmes(actor: Actor) -> list[tuple[str, str]]:
    """Of which programmes a sample can be drawn: (code, name) of those with deliveries within scope."""
    given = sa.exists().where(Delivery.programme_id == Programme.id, within(Delivery.union_id, actor, CHECK))
    found = sa.select(Programme.code, Programme.name).where(given).order_by(Programme.name, Programme.code).limit(200)
    return [tuple(row) for row in db.session.execute(found)]


def find_programme(code: str | None, actor: Actor) -> tuple[Programme, UUID] | None:
    """A programme and the union within whose part of the tree this person checks it; None if there is nothing of it."""
    given = sa.exists().where(Delivery.programme_id == Programme.id, within(Delivery.union_id, actor, CHECK))
    programme = db.session.scalars(sa.select(Programme).where(Programme.code == code, given)).one_or_none()
    if programme is None:
        return None
    if reaches(actor, CHECK, programme.union_id):
        return programme, programme.union_id
    held = sa.select(UnionReach.union_id).where(
        UnionReach.ancestor_id == programme.union_id, UnionReach.union_id.in_(actor.unions(CHECK))
    )
    beneath = db.session.scalar(held.order_by(UnionReach.depth, UnionReach.union_id).limit(1))
    return (programme, beneath) if beneath else None


# --- the staff home ------------------------------------------------------------------------------------------------


def awaiting_reviews(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff home: exceptions to review."""
    return (text(N_("Exceptions to review")), "/deliveries/exceptions", count_to_review(actor)) if actor.may(CHECK) else None


def awaiting_looks(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff home: late entries that did not fit."""
    return (text(N_("Late entries to look at")), "/deliveries/late", count_to_look_at(actor)) if actor.may(KEEP) else None


def awaiting_answers(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff home: workers who said that something was not theirs."""
    return (text(N_("“This was not me”")), "/deliveries/disputes", count_disputes(actor)) if actor.may(CHECK) else None
