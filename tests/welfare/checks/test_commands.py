"""Looked at afterwards: reviews by somebody else, late entries, doubles across records, disputes, samples anybody repeats."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import By, Permission
from portal.audit import AuditEntry
from portal.types import Refused, new_id
from portal.welfare.checks import commands, queries, rules
from portal.welfare.checks.models import CheckOutcome, DeliveryDispute, ExceptionReview, SampleCall
from portal.welfare.deliveries.commands import reverse_delivery
from portal.welfare.deliveries.models import DeliverySource
from portal.welfare.eligibility.models import LimitPeriod
from tests.factories.deliveries import give, giver, make_shelf
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def union(tree):
    return tree.federation_county


class Somebody:
    """An actor of the staff with everything in one union's part of the tree."""

    kind, id = "staff", None

    def __init__(self, *unions) -> None:
        self.id, self._unions = new_id(), tuple(union.id for union in unions)

    def may(self, permission: Permission) -> bool:
        return True

    def unions(self, permission: Permission) -> tuple[UUID, ...]:
        return self._unions


def refusal(command, **values) -> str:
    with pytest.raises(Refused) as refused:
        command(**values)
    return refused.value.problems[0].code


def alone(union):
    shelf = make_shelf(union, item={"needs_two": True})
    decider = By("staff", shelf.programme.decided_by_account_id)
    return give(shelf.programme, shelf.station, shelf.worker, decider, exception_reason="同事去医院了"), decider


# --- exceptions and late entries -----------------------------------------------------------------------------------


def test_an_exception_is_reviewed_once_and_by_somebody_else(tree, union, db):
    row, decider = alone(union)
    actor = Somebody(tree.city)
    assert (queries.count_to_review(actor), queries.count_to_review(Somebody(tree.foreign_city))) == (1, 0)
    assert refusal(commands.review_exception, delivery=row, accepted=True, by=decider) == "own_exception"
    assert refusal(commands.review_exception, delivery=row, accepted=False, by=giver()) == "note_missing"
    commands.review_exception(delivery=row, accepted=False, note="应等第二人", by=giver())
    db.session.commit()
    assert queries.count_to_review(actor) == 0
    assert refusal(commands.review_exception, delivery=row, accepted=True, by=giver()) == "reviewed_already"


def test_the_database_refuses_the_giver_as_reviewer(union, db):
    row, decider = alone(union)
    db.session.add(ExceptionReview(delivery_id=row.id, at=clock.now(), by_account_id=decider.id, accepted=True))
    with pytest.raises(IntegrityError) as error:
        db.session.flush()
    db.session.rollback()
    assert error.value.orig.diag.constraint_name == "tr_exception_reviews_by_another"


def test_a_late_entry_that_did_not_fit_waits_for_a_look(tree, union, db):
    shelf = make_shelf(union, 1, rule={"person_limit": 1, "limit_period": LimitPeriod.PROGRAMME})
    late = {"late": True, "source": DeliverySource.PAPER}
    fine, unfit = (give(shelf.programme, shelf.station, shelf.worker, **late) for _ in range(2))
    actor = Somebody(tree.city)
    assert [one.delivery.id for one in queries.list_flagged(actor, done=False)] == [unfit.id]
    assert refusal(commands.look_at, delivery=fine, note="好", by=giver()) == "nothing_to_look_at"
    assert refusal(commands.look_at, delivery=unfit, note=" ", by=giver()) == "note_missing"
    commands.look_at(delivery=unfit, note="确有发放，下次减一份", by=giver())
    db.session.commit()
    assert queries.count_to_look_at(actor) == 0 and len(queries.list_flagged(actor, done=True)) == 1
    assert refusal(commands.look_at, delivery=unfit, note="好", by=giver()) == "looked_already"


def test_doubles_are_found_across_merged_records(tree, union, db):
    shelf = make_shelf(union, rule={"interval_months": 12})
    other, somebody = make_worker(), make_worker()
    first = give(shelf.programme, shelf.station, shelf.worker)
    second = give(shelf.programme, shelf.station, other)
    give(shelf.programme, shelf.station, somebody)
    actor, today = Somebody(tree.city), clock.today()
    assert queries.list_doubles(actor, today, today) == []
    other.merged_into_id = shelf.worker.id
    db.session.commit()
    [double] = queries.list_doubles(actor, today, today)
    assert (double.listed.delivery.id, double.earlier_id) == (second.id, first.id)
    assert double.says.values["next"].year == today.year + 1
    assert queries.list_doubles(Somebody(tree.foreign_city), today, today) == []
    reverse_delivery(delivery=first, reason="误发", by=giver())
    assert queries.list_doubles(actor, today, today) == []


def test_too_many_in_a_period_are_doubles_too(tree, union):
    shelf = make_shelf(union, rule={"person_limit": 2, "limit_period": LimitPeriod.DAY})
    give(shelf.programme, shelf.station, shelf.worker, quantity=2)
    give(shelf.programme, shelf.station, shelf.worker, late=True, source=DeliverySource.PAPER)
    [double] = queries.list_doubles(Somebody(tree.city), clock.today(), clock.today())
    assert double.says.values["taken"] == 3


# --- this was not me -----------------------------------------------------------------------------------------------


def test_this_was_not_me_is_said_answered_and_shown(tree, union, db):
    shelf = make_shelf(union)
    row, me = give(shelf.programme, shelf.station, shelf.worker), By("worker", shelf.worker.id)
    said = commands.dispute(delivery=row, worker=shelf.worker, note="我当天休息", by=me)
    assert refusal(commands.dispute, delivery=row, worker=shelf.worker, by=me) == "disputed_already"
    db.session.commit()
    actor = Somebody(tree.city)
    [waiting] = queries.list_disputes(actor, done=False)
    assert (waiting.dispute.id, waiting.days, queries.count_disputes(actor)) == (said.id, 0, 1)
    assert refusal(commands.answer, dispute=said, answer=" ", by=giver()) == "answer_missing"
    commands.answer(dispute=said, answer="已核实并撤回。", by=giver())
    db.session.commit()
    assert queries.count_disputes(actor) == 0
    [mine] = queries.list_received(shelf.worker.id)
    assert mine.dispute.answer == "已核实并撤回。"
    reverse_delivery(delivery=row, reason="登记有误", by=giver())
    assert refusal(commands.dispute, delivery=row, worker=shelf.worker, by=me) == "reversed_already"


def test_one_open_dispute_holds_in_the_database(union, db):
    shelf = make_shelf(union)
    row = give(shelf.programme, shelf.station, shelf.worker)
    for _ in range(2):
        db.session.add(DeliveryDispute(id=new_id(), delivery_id=row.id, worker_id=shelf.worker.id, at=clock.now()))
    with pytest.raises(IntegrityError) as error:
        db.session.flush()
    db.session.rollback()
    assert error.value.orig.diag.constraint_name == "uq_delivery_disputes_open"


# --- samples -------------------------------------------------------------------------------------------------------


def drawn(union, people: int = 4, size: int = 3, **values):
    shelf, today = make_shelf(union, 50), clock.today()
    rows = [give(shelf.programme, shelf.station, make_worker()) for _ in range(people)]
    known = {"programme": shelf.programme, "union_id": union.id, "first": today, "last": today, "size": size, "by": giver()}
    return shelf, rows, commands.draw_sample(**known | values)


def test_a_sample_is_drawn_by_its_seed_and_anybody_repeats_it(union, db):
    shelf, rows, sample = drawn(union, seed="2026-11")
    give(shelf.programme, shelf.station)  # nobody to call
    db.session.commit()
    calls = db.session.scalars(sa.select(SampleCall.delivery_id).order_by(SampleCall.delivery_id)).all()
    assert (sample.drawn_from, len(calls)) == (4, 3)
    assert sorted(calls) == sorted(rules.draw("2026-11", [row.id for row in reversed(rows)], 3))
    assert queries.is_reproduced(sample)
    with clock.stopped_at(clock.now() + timedelta(seconds=1)):  # later entries and reversals change nothing
        give(shelf.programme, shelf.station, make_worker())
        reverse_delivery(delivery=rows[0], reason="误发", by=giver())
        assert queries.is_reproduced(sample)


def test_the_draw_is_the_published_one():
    ids = [UUID(int=number) for number in range(6)]
    assert [one.int for one in rules.draw("seed", ids, 3)] == [one.int for one in rules.draw("seed", ids[::-1], 6)][:3]
    import hashlib

    expected = sorted(ids, key=lambda one: hashlib.sha256(f"seed|{one}".encode()).hexdigest())
    assert rules.draw("seed", ids, 6) == expected
    assert rules.draw("another", ids, 6) != expected


def test_what_cannot_be_drawn(union, db):
    tomorrow = clock.today() + timedelta(days=1)
    assert refusal(drawn, union=union, people=1, last=tomorrow) == "days"
    assert refusal(drawn, union=union, people=1, first=date.min) == "days"  # which no clock of ours can count from
    assert refusal(drawn, union=union, people=1, size=501) == "size"
    assert refusal(drawn, union=union, people=0) == "nothing_there"


def test_calls_are_recorded_and_rates_are_of_those_reached(union, db):
    _shelf, _rows, sample = drawn(union, size=4)
    calls = [queries.get_call(sample, row.call.delivery_id) for row in queries.list_calls(sample)]
    assert refusal(commands.record_call, sample=sample, call=calls[0], outcome=CheckOutcome.DENIED, by=giver()) == "note_missing"
    commands.record_call(sample=sample, call=calls[0], outcome=CheckOutcome.DENIED, note="没收到", by=giver())
    commands.record_call(sample=sample, call=calls[1], outcome=CheckOutcome.CONFIRMED, by=giver())
    commands.record_call(sample=sample, call=calls[2], outcome=CheckOutcome.UNREACHED, by=giver())
    found = queries.rates_of(queries.list_calls(sample))
    assert (found.called, found.reached, found.percent, found.unreached) == (3, 2, 50, 1)
    commands.record_call(sample=sample, call=calls[2], outcome=CheckOutcome.CONFIRMED, by=giver())
    assert queries.rates_of(queries.list_calls(sample)).percent == 67


def test_the_number_is_uncovered_with_a_reason_on_record(union, db):
    _shelf, _rows, sample = drawn(union)
    call = queries.get_call(sample, queries.list_calls(sample)[0].call.delivery_id)
    phone = commands.reveal_phone(sample=sample, call=call, reason="电话回访", by=giver())
    db.session.commit()
    entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "worker.revealed")).one()
    assert entry.details["reason"] == "电话回访" and phone not in str(entry.details) and len(phone) >= 11


def test_sample_constraints_by_name(union, db):
    _shelf, _rows, sample = drawn(union)
    ident = sample.id
    db.session.commit()
    for change, name in (("size = 0", "size_plausible"), ("last_on = first_on - 1", "days_whole")):
        with pytest.raises(IntegrityError) as error:
            db.session.execute(sa.text(f"UPDATE delivery_samples SET {change} WHERE id = :id"), {"id": ident})
        db.session.rollback()
        assert error.value.orig.diag.constraint_name == f"ck_delivery_samples_{name}"
    for table, change, name in (
        ("sample_calls", "called_at = now()", "call_whole"),
        ("delivery_disputes", "answer = 'x'", "answer_whole"),
    ):
        if table == "delivery_disputes":
            commands.dispute(delivery=_rows[0], worker=make_worker(), by=By("worker", None))
            db.session.commit()
        with pytest.raises(IntegrityError) as error:
            db.session.execute(sa.text(f"UPDATE {table} SET {change}"))
        db.session.rollback()
        assert error.value.orig.diag.constraint_name == f"ck_{table}_{name}"
