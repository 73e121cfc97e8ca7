"""From draft to decision: who may, how big, what stands in the way; freezing, closing, interim limits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from portal.access import SYSTEM
from portal.db import db as database
from portal.types import Refused
from portal.welfare.budgets import commands, queries, rules
from portal.welfare.budgets.models import BudgetVersion, VersionKind, VersionStatus
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger.models import BudgetStatus, Category
from portal.welfare.ledger.queries import totals_of_line
from tests.factories.money import cause, line_values, make_budget, make_source, mix, staff
from tests.factories.unions import small_tree

DAY = date(2026, 6, 1)


@pytest.fixture
def union(db):
    return small_tree().federation_county


def problem(call, **values):
    with pytest.raises(Refused) as refused:
        call(**values)
    return refused.value.problems[0]


def adjust(made, values, reason="追加") -> BudgetVersion:
    """A submitted adjustment of the first line."""
    version = commands.open_version(budget=made.budget, kind=VersionKind.ADJUSTMENT, reason=reason, by=SYSTEM)
    commands.put_line(version=version, values=values, by=SYSTEM, line=made.lines[values.name])
    commands.submit(version=version, by=SYSTEM)
    return version


# --- who decides ---------------------------------------------------------------------------------------------------


def test_who_proposes_does_not_approve(union):
    source, proposer = make_source(union, granted=100), staff()
    made = make_budget(union, [line_values(amounts={source: 100})], approve=False, proposer=proposer)
    commands.submit(version=made.version, by=proposer)
    assert problem(commands.approve, version=made.version, minute_number="1", by=proposer).code == "own_proposal"
    commands.approve(version=made.version, minute_number=None, by=staff())
    assert made.budget.status is BudgetStatus.APPROVED
    assert totals_of_line(made.lines["夏季送清凉"].id).authority == 100


@pytest.mark.parametrize(
    ("amount", "tier"),
    [("49999.99", 1), ("50000.00", 2), ("499999.99", 2), ("500000.00", 3)],
)
def test_tiers_by_amount_include_the_limit(amount, tier):
    assert rules.tier_of([Decimal(amount)], rules.Limits()) == tier
    assert rules.tier_of([-Decimal(amount), Decimal(1)], rules.Limits()) == tier  # taking back much is as grave as giving much


def test_a_union_sets_its_own_limits_for_what_is_handed_in_from_then_on(union):
    made = make_budget(union, [line_values(amounts={make_source(union, granted=600): 600})], approve=False)
    assert commands.submit(version=made.version, by=SYSTEM) == 1
    by = staff()
    commands.set_limits(union=union, minute_from=Decimal(200), review_from=Decimal(600), decided_in="会议纪要〔2026〕2号", by=by)
    assert made.version.tier == 1, "what waits for a decision stays as it was"
    commands.work_again(version=made.version, by=SYSTEM)
    assert commands.submit(version=made.version, by=SYSTEM) == 3
    entry = database.session.execute(
        sa.text("SELECT union_id, details FROM audit_entries WHERE action = 'budget.limits_set'")
    ).one()
    assert entry.union_id == union.id and entry.details["minute_from"] == ["50000.00", "200"]
    assert queries.limits_of(union.parent_id) == rules.Limits(), "another union keeps its own"


def test_limits_stand_in_their_order_and_are_never_rewritten(union):
    ask = {"union": union, "decided_in": "1", "by": SYSTEM}
    assert problem(commands.set_limits, minute_from=Decimal(3), review_from=Decimal(2), **ask).code == "limits_in_order"
    commands.set_limits(minute_from=Decimal(2), review_from=Decimal(2), **ask)
    with pytest.raises(sa.exc.DBAPIError, match="append"), database.session.begin_nested():
        database.session.execute(sa.text("UPDATE approval_limits SET minute_from = 1"))
    with pytest.raises(sa.exc.IntegrityError) as refused:
        database.session.execute(
            sa.text(
                "INSERT INTO approval_limits (id, union_id, minute_from, review_from, decided_in, set_at) "
                "SELECT gen_random_uuid(), union_id, 3, 2, '1', now() FROM approval_limits"
            )
        )
    assert refused.value.orig.diag.constraint_name == "ck_approval_limits_in_order"


def test_a_meeting_and_the_audit_committee(union):
    source = make_source(union, granted=600_000)
    made = make_budget(union, [line_values(amounts={source: 600_000})], approve=False)
    assert commands.submit(version=made.version, by=SYSTEM) == 3
    assert problem(commands.approve, version=made.version, minute_number=None, by=staff()).code == "no_minute"
    assert problem(commands.approve, version=made.version, minute_number="1", by=staff()).code == "no_review"
    reviewer = staff()
    commands.review(version=made.version, note="无异议", by=reviewer)
    assert problem(commands.approve, version=made.version, minute_number="1", by=reviewer).code == "own_review"
    commands.approve(version=made.version, minute_number="会议纪要〔2026〕1号", by=staff())
    assert made.version.status is VersionStatus.APPROVED


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("approved_by_id = proposed_by_id", "ck_budget_versions_proposer_does_not_approve"),
        ("reviewed_by_id = proposed_by_id", "ck_budget_versions_reviewer_is_a_third"),
        ("tier = 0", "ck_budget_versions_tier"),
        ("tier = NULL", "ck_budget_versions_submitted_has_tier"),
        ("tier = 2", "ck_budget_versions_minute_from_tier_two"),
        ("tier = 3, minute_number = '1'", "ck_budget_versions_review_from_tier_three"),
        ("approved_by_id = NULL", "ck_budget_versions_approved_by_somebody"),
        ("decided_at = NULL", "ck_budget_versions_approved_by_somebody"),
        ("status = 'rejected'", "ck_budget_versions_returned_with_a_reason"),
    ],
)
def test_the_database_holds_the_decision(union, change, constraint):
    made = make_budget(union, [line_values(amounts={make_source(union): 100})], proposer=staff())
    database.session.execute(sa.text("UPDATE budget_versions SET minute_number = NULL"))
    with pytest.raises(sa.exc.IntegrityError) as refused:
        database.session.execute(sa.text(f"UPDATE budget_versions SET {change} WHERE id = :id"), {"id": made.version.id})
    assert refused.value.orig.diag.constraint_name == constraint


def test_one_version_at_a_time(union):
    made = make_budget(union, [line_values(amounts={make_source(union): 100})], approve=False)
    again = {"budget": made.budget, "kind": VersionKind.OPENING, "reason": None, "by": SYSTEM}
    assert problem(commands.open_version, **again).code == "open_version"
    with pytest.raises(sa.exc.IntegrityError, match="uq_budget_versions_open"):
        database.session.execute(
            sa.text(
                "INSERT INTO budget_versions (id, budget_id, number, kind, status, created_at) "
                "SELECT gen_random_uuid(), budget_id, 2, 'opening', 'draft', now() FROM budget_versions"
            )
        )


def test_returned_put_right_and_handed_in_again(union):
    proposer, source = staff(), make_source(union, granted=100)
    made = make_budget(union, [line_values(amounts={source: 90})], approve=False, proposer=proposer)
    commands.submit(version=made.version, by=proposer)
    assert (
        problem(commands.put_line, version=made.version, values=line_values(amounts={source: 80}), by=proposer).code
        == "not_draft"
    )
    commands.send_back(version=made.version, answer="请说明依据", by=staff())
    assert made.budget.status is BudgetStatus.DRAFT
    commands.work_again(version=made.version, by=proposer)
    commands.put_line(version=made.version, values=line_values(amounts={source: 80}), by=proposer, line=made.lines["夏季送清凉"])
    commands.submit(version=made.version, by=proposer)
    assert problem(commands.work_again, version=made.version, by=staff()).code == "not_own"
    commands.approve(version=made.version, minute_number=None, by=staff())
    assert totals_of_line(made.lines["夏季送清凉"].id).authority == 80


# --- what stands in the way ----------------------------------------------------------------------------------------


def test_never_below_what_is_promised_and_it_says_which(union):
    source = make_source(union, granted=1000)
    made = make_budget(union, [line_values(amounts={source: 1000})])
    ledger.reserve(
        line_id=made.lines["夏季送清凉"].id, amount=Decimal(300), cause=cause("7 月采购 饮用水"), falls_on=DAY, by=SYSTEM
    )
    version = commands.open_version(budget=made.budget, kind=VersionKind.ADJUSTMENT, reason="压减", by=SYSTEM)
    line = made.lines["夏季送清凉"]
    commands.put_line(version=version, values=line_values(amounts={source: "299.99"}), by=SYSTEM, line=line)
    refused = problem(commands.submit, version=version, by=SYSTEM)
    assert refused.code == "below_promises"
    assert "7 月采购 饮用水" in str(refused.says)
    assert "300.00" in str(refused.says)
    commands.put_line(version=version, values=line_values(amounts={source: 300}), by=SYSTEM, line=line)
    commands.submit(version=version, by=SYSTEM)
    commands.approve(version=version, minute_number=None, by=staff())
    assert (totals_of_line(line.id).authority, totals_of_line(line.id).left) == (300, 0)
    assert made.budget.status is BudgetStatus.ADJUSTED


def test_promises_made_while_it_waited_are_seen_at_approval(union):
    source = make_source(union, granted=1000)
    made = make_budget(union, [line_values(amounts={source: 1000})])
    version = adjust(made, line_values(amounts={source: 100}))
    ledger.reserve(line_id=made.lines["夏季送清凉"].id, amount=Decimal(300), cause=cause(), falls_on=DAY, by=SYSTEM)
    assert problem(commands.approve, version=version, minute_number=None, by=staff()).code == "below_promises"


def test_a_source_is_shared_out_once(union):
    source = make_source(union, granted=100)
    made = make_budget(union, [line_values(amounts={source: 60})], approve=False)
    commands.put_line(version=made.version, values=line_values("站点运行", {source: "40.01"}), by=SYSTEM)
    assert problem(commands.submit, version=made.version, by=SYSTEM).code == "source_short"


@pytest.mark.parametrize(
    ("kind", "more", "values", "code"),
    [
        ("dues", {}, {}, "members_only"),
        ("superior_grant", {"only_category": Category.RIGHTS_PROTECTION}, {}, "other_category"),
        ("dues", {}, {"for_members": True}, None),
        ("superior_grant", {"only_category": Category.RIGHTS_PROTECTION}, {"category": Category.RIGHTS_PROTECTION}, None),
    ],
)
def test_restrictions_of_sources(union, kind, more, values, code):
    source = make_source(union, granted=100, kind=kind, **more)
    made = make_budget(union, [], approve=False)
    put = {"version": made.version, "values": line_values(amounts={source: 50}, **values), "by": SYSTEM}
    if code:
        assert problem(commands.put_line, **put).code == code
    else:
        assert commands.put_line(**put)


def test_shares_have_to_make_a_hundred(union):
    first, second = make_source(union, "甲"), make_source(union, "乙")
    made = make_budget(union, [], approve=False)
    assert (
        problem(commands.put_line, version=made.version, values=mix("体检", 100, {first: 40, second: 40}), by=SYSTEM).code
        == "shares"
    )


def test_a_source_of_another_union_or_year(union, db):
    made = make_budget(union, [], approve=False)
    other = make_source(small_tree_sibling(union), granted=100)
    assert problem(commands.put_line, version=made.version, values=line_values(amounts={other: 1}), by=SYSTEM).code == "source"


def small_tree_sibling(union):
    from portal.unions.tree.models import Union

    return database.session.scalars(sa.select(Union).where(Union.id != union.id).limit(1)).one()


# --- limits and ends -----------------------------------------------------------------------------------------------


def test_an_interim_limit_before_the_budget_passes(union):
    source = make_source(union, granted=1200, year=2027)
    budget = commands.open_budget(union=union, year=2027, kind=VersionKind.INTERIM, by=SYSTEM)
    [version] = queries.list_versions(budget)
    line = commands.put_line(version=version, values=line_values(amounts={source: 300}), by=SYSTEM)
    commands.submit(version=version, by=SYSTEM)
    commands.approve(version=version, minute_number=None, by=staff())
    assert (budget.status, budget.interim_limit) == (BudgetStatus.DRAFT, 300)
    ledger.reserve(line_id=line.id, amount=Decimal(250), cause=cause(), falls_on=date(2027, 1, 4), by=SYSTEM)
    late = {"line_id": line.id, "amount": Decimal(51), "cause": cause(), "falls_on": date(2027, 1, 4), "by": SYSTEM}
    assert problem(ledger.reserve, **late).code == "not_enough"
    whole = commands.open_version(budget=budget, kind=VersionKind.OPENING, reason=None, by=SYSTEM)
    commands.put_line(version=whole, values=line_values(amounts={source: 1200}), by=SYSTEM, line=line)
    commands.submit(version=whole, by=SYSTEM)
    commands.approve(version=whole, minute_number=None, by=staff())
    assert (budget.status, totals_of_line(line.id).authority, totals_of_line(line.id).left) == (BudgetStatus.APPROVED, 1200, 950)


def test_frozen_thawed_closed(union):
    source = make_source(union, granted=100)
    made = make_budget(union, [line_values(amounts={source: 100})])
    line, booking = made.lines["夏季送清凉"], cause()
    ledger.reserve(line_id=line.id, amount=Decimal(40), cause=booking, falls_on=DAY, by=SYSTEM)
    commands.set_status(budget=made.budget, status=BudgetStatus.FROZEN, by=SYSTEM)
    assert problem(commands.set_status, budget=made.budget, status=BudgetStatus.CLOSED, by=SYSTEM).code == "promises"
    commands.set_status(budget=made.budget, status=BudgetStatus.APPROVED, by=SYSTEM)
    assert made.budget.status is BudgetStatus.APPROVED
    ledger.spend(cause=booking, by=SYSTEM)
    commands.set_status(budget=made.budget, status=BudgetStatus.CLOSED, by=SYSTEM)
    database.session.refresh(source)
    assert (totals_of_line(line.id).authority, totals_of_line(line.id).left, source.allocated) == (40, 0, 40)
    assert problem(commands.set_status, budget=made.budget, status=BudgetStatus.APPROVED, by=SYSTEM).code == "status"
    assert (
        problem(ledger.reserve, line_id=line.id, amount=Decimal(1), cause=cause(), falls_on=DAY, by=SYSTEM).code
        == "budget_closed"
    )


# --- bills ---------------------------------------------------------------------------------------------------------


def test_a_bill_is_spent_at_once_and_a_voucher_counts_once(union):
    made = make_budget(union, [line_values(amounts={make_source(union, granted=100): 100})])
    line = made.lines["夏季送清凉"]
    values = {
        "line": line,
        "title": "饮用水 40 箱",
        "amount": Decimal(60),
        "falls_on": DAY,
        "voucher_number": "V-1",
        "by": SYSTEM,
    }
    commands.record_expenditure(**values)
    assert totals_of_line(line.id).spent == 60
    assert problem(commands.record_expenditure, **values).code == "voucher_twin"
    assert problem(commands.record_expenditure, **(values | {"voucher_number": "V-2"})).code == "not_enough"
    assert totals_of_line(line.id).spent == 60
    with pytest.raises(sa.exc.IntegrityError, match="uq_expenditures_line_voucher"):
        database.session.execute(
            sa.text(
                "INSERT INTO expenditures (id, line_id, title, voucher_number, falls_on, amount, at) "
                "SELECT gen_random_uuid(), line_id, title, voucher_number, falls_on, amount, at FROM expenditures"
            )
        )


def test_a_budget_a_union_and_year(union):
    make_budget(union, [], approve=False)
    again = {"union": union, "year": 2026, "kind": VersionKind.OPENING, "by": SYSTEM}
    assert problem(commands.open_budget, **again).code == "there_is_one"
    with pytest.raises(sa.exc.IntegrityError, match="uq_budgets_union_id_year"):
        database.session.execute(
            sa.text(
                "INSERT INTO budgets (id, union_id, year, status, authority, interim_limit, created_at) "
                "SELECT gen_random_uuid(), union_id, year, 'draft', 0, 0, now() FROM budgets"
            )
        )


def test_money_is_moved_from_line_to_line_in_one_version(union):
    """A transfer: what one line gives back another gets, though the source is shared out whole."""
    source = make_source(union, granted=100)
    made = make_budget(union, [line_values("送清凉", {source: 60}), line_values("站点运行", {source: 40})])
    version = commands.open_version(budget=made.budget, kind=VersionKind.ADJUSTMENT, reason="调剂", by=SYSTEM)
    for name, amount in (("站点运行", 55), ("送清凉", 45)):
        commands.put_line(version=version, values=line_values(name, {source: amount}), by=SYSTEM, line=made.lines[name])
    commands.submit(version=version, by=SYSTEM)
    commands.approve(version=version, minute_number=None, by=staff())
    assert {name: totals_of_line(line.id).authority for name, line in made.lines.items()} == {"送清凉": 45, "站点运行": 55}
    database.session.refresh(source)
    assert source.allocated == 100


def test_a_category_keeps_its_account_number(union):
    """Typed once, a new line of the category has it, in the next year too; another category and another union have not."""
    own, other = Category.WORKER_SERVICES, next(one for one in Category if one is not Category.WORKER_SERVICES)
    source, later = make_source(union, granted=100), make_source(union, granted=100, year=2027)
    make_budget(union, [line_values(amounts={source: 10}, account_number="5206-02")])
    lines = [
        line_values("体检", {later: 10}),
        line_values("宣传", {later: 10}, category=other),
        line_values("法律", {later: 1}, account_number="9"),
    ]
    made = make_budget(union, lines, year=2027).lines
    assert [made[name].account_number for name in ("体检", "宣传", "法律")] == ["5206-02", None, "9"]
    assert made["体检"].category is own
    assert queries.find_account_number(union.parent_id, own) is None
