"""What is decided afterwards: reviews, looks, disputes and their answers, samples and their calls."""

from __future__ import annotations

import secrets
from datetime import date

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.types import N_, Problem, Refused, new_id, prose, text, tidy
from portal.unions.tree.queries import lies_within
from portal.welfare.checks import queries, rules
from portal.welfare.checks.models import CheckOutcome, DeliveryDispute, DeliveryLook, DeliverySample, ExceptionReview, SampleCall
from portal.welfare.deliveries.models import Delivery
from portal.welfare.deliveries.queries import find_reversal
from portal.welfare.programmes.models import Programme


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _hold(delivery: Delivery) -> None:
    """One decision about a delivery at a time."""
    db.session.execute(sa.select(Delivery.id).where(Delivery.id == delivery.id).with_for_update())


def review_exception(*, delivery: Delivery, accepted: bool, note: str | None = None, by: By) -> ExceptionReview:
    """Say whether a hand-over by one person alone was right. Raises `Refused` for whoever handed over."""
    _hold(delivery)
    before = queries.find_review(delivery.id)
    alone = delivery.needs_two and delivery.by_account_id == delivery.registered_by_account_id
    _refuse(
        rules.problems_with_review(
            alone=alone, giver=delivery.by_account_id, reviewer=by.id if by.kind == "staff" else None,
            reviewed_at=before and before.at, accepted=accepted, note=note,
        )
    )  # fmt: skip
    row = ExceptionReview(delivery_id=delivery.id, at=clock.now(), by_account_id=by.id, accepted=accepted, note=tidy(note))
    db.session.add(row)
    db.session.flush()
    audit.record("delivery.reviewed", by=by, subject=delivery, union_id=delivery.union_id, accepted=accepted, note=row.note)
    return row


def look_at(*, delivery: Delivery, note: str, by: By) -> DeliveryLook:
    """Say what became of a late entry that did not fit."""
    _hold(delivery)
    before = queries.find_look(delivery.id)
    _refuse(rules.problems_with_look(flagged=bool(delivery.flags), looked_at=before and before.at, note=note))
    row = DeliveryLook(delivery_id=delivery.id, at=clock.now(), by_account_id=by.id, note=tidy(note))
    db.session.add(row)
    db.session.flush()
    audit.record("delivery.looked_at", by=by, subject=delivery, union_id=delivery.union_id, note=row.note)
    return row


def dispute(*, delivery: Delivery, worker: Worker, note: str | None = None, by: By) -> DeliveryDispute:
    """“This was not me”, said by the person on whose page it stands."""
    _hold(delivery)
    said = queries.disputes_of([delivery.id]).get(delivery.id, [])
    _refuse(
        rules.problems_with_disputing(
            reversed_already=find_reversal(delivery.id) is not None, times=len(said),
            is_open=any(one.answered_at is None for one in said),
        )
    )  # fmt: skip
    row = DeliveryDispute(id=new_id(), delivery_id=delivery.id, worker_id=worker.id, note=prose(note), at=clock.now())
    db.session.add(row)
    db.session.flush()
    audit.record("delivery.disputed", by=by, subject=delivery, union_id=delivery.union_id)
    return row


def answer(*, dispute: DeliveryDispute, answer: str, by: By) -> DeliveryDispute:
    """The union answers; the worker reads it where they said it."""
    db.session.refresh(dispute, with_for_update=True)
    _refuse(rules.problems_with_answer(answered_at=dispute.answered_at, answer=answer))
    dispute.answered_at, dispute.answered_by_account_id, dispute.answer = clock.now(), by.id, prose(answer)
    db.session.flush()
    delivery = db.session.get_one(Delivery, dispute.delivery_id)
    audit.record("delivery.dispute_answered", by=by, subject=delivery, union_id=delivery.union_id)
    return dispute


def draw_sample(
    *, programme: Programme, union_id, first: date, last: date, size: int, by: By, seed: str | None = None
) -> DeliverySample:
    """Draw a random sample of what a programme gave in these days in a part of the tree. The seed is drawn first and kept."""
    seed, moment = seed or secrets.token_hex(16), clock.now()
    _refuse(rules.problems_with_days(first, last, today=clock.today()))  # before anybody counts in the year 1
    ids = queries.population(programme.id, union_id, first, last, moment)
    _refuse(rules.problems_with_drawing(first, last, size, there=len(ids), today=clock.today()))
    row = DeliverySample(
        id=new_id(), programme_id=programme.id, union_id=union_id, first_on=first, last_on=last, size=size, seed=seed,
        drawn_from=len(ids), population_digest=rules.digest_of(ids), drawn_at=moment,
        by_account_id=by.id if by.kind == "staff" else None,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    db.session.add_all(SampleCall(sample_id=row.id, delivery_id=ident) for ident in rules.draw(seed, ids, size))
    audit.record("sample.drawn", by=by, subject=row, union_id=union_id, programme=programme.code, size=size, drawn_from=len(ids))
    return row


def record_call(
    *, sample: DeliverySample, call: SampleCall, outcome: CheckOutcome, note: str | None = None, by: By
) -> SampleCall:
    """What a call found; a later call to somebody who was not reached says it anew."""
    db.session.refresh(call, with_for_update=True)
    _refuse(rules.problems_with_call(outcome, note))
    before, call.outcome, call.note = call.outcome, outcome, tidy(note)
    call.called_at, call.called_by_account_id = clock.now(), by.id if by.kind == "staff" else None
    db.session.flush()
    audit.record("sample.called", by=by, subject=sample, union_id=sample.union_id, delivery=str(call.delivery_id),
                 outcome=[before.value, outcome.value] if before else outcome.value)  # fmt: skip
    return call


def reveal_phone(*, sample: DeliverySample, call: SampleCall, reason: str, by: By) -> str:
    """The whole number to call, this once; the look is written down with its reason. Raises `Refused` without a number."""
    delivery = db.session.get_one(Delivery, call.delivery_id)
    worker = workers.find_worker(delivery.worker_id)
    contact = worker and workers.current_phone(worker)
    if not contact:
        raise Refused([Problem("no_phone", text(N_("There is no phone on record for this person.")))])
    if not lies_within(delivery.union_id, sample.union_id):
        raise Refused([Problem("not_of_sample", text(N_("This delivery does not belong to the sample.")))])
    audit.record("worker.revealed", by=by, subject=worker, union_id=sample.union_id, field="phone", reason=tidy(reason),
                 sample=str(sample.id))  # fmt: skip
    return contact.phone
