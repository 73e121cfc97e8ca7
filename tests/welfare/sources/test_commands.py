"""Sources: what they demand, cash in and back, advances that are repaid when the grant comes, carry-over."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from portal.access import SYSTEM
from portal.db import db as database
from portal.types import Level, Refused
from portal.welfare.budgets import commands as budgets
from portal.welfare.budgets.queries import find_budget
from portal.welfare.ledger import commands as ledger
from portal.welfare.ledger.models import BudgetStatus, RestRule
from portal.welfare.sources import commands, queries, rules
from portal.welfare.sources.rules import SourceValues
from tests.factories.money import cause, line_values, make_budget, make_source, staff
from tests.factories.unions import small_tree

DAY = date(2026, 6, 1)


@pytest.fixture
def union(db):
    return small_tree().federation_county


def code(call, **values) -> str:
    with pytest.raises(Refused) as refused:
        call(**values)
    return refused.value.problems[0].code


GOOD = {"year": 2026, "kind": "levied_funds", "name": "拨缴", "granted": Decimal(1), "from_on": DAY, "until_on": DAY}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"granted": Decimal("-0.01")}, ["granted_implausible"]),
        ({"granted": Decimal("0.001")}, ["granted_implausible"]),
        ({"kind": "superior_grant"}, ["no_document"]),
        ({"kind": "government_grant", "document_number": "豫财〔2026〕1号"}, []),
        ({"kind": "dues"}, ["dues_for_members"]),
        ({"until_on": date(2026, 5, 31)}, ["period"]),
        ({"rest_rule": RestRule.RETURN}, ["no_rest_day"]),
    ],
)
def test_what_keeps_a_source_out(change, found):
    from portal.welfare.ledger.models import SourceKind

    values = GOOD | change
    values["kind"] = SourceKind(values["kind"])
    assert [problem.code for problem in rules.problems_with_source(SourceValues(**values))] == found


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("kind = 'superior_grant', document_number = NULL", "ck_sources_grant_by_document"),
        ("kind = 'dues', only_members = false", "ck_sources_dues_for_members"),
        ("until_on = '2025-01-01'", "ck_sources_period_whole"),
        ("rest_rule = 'return', rest_due_on = NULL", "ck_sources_rest_has_a_day"),
        ("custodian_union_id = union_id", "ck_sources_custodian_is_another"),
        ("granted = -1", "ck_sources_allocated_within_granted"),
        ("year = 1999", "ck_sources_year_plausible"),
    ],
)
def test_the_database_holds_it(union, change, constraint):
    make_source(union)
    with pytest.raises(sa.exc.IntegrityError) as refused:
        database.session.execute(sa.text(f"UPDATE sources SET {change}"))
    assert refused.value.orig.diag.constraint_name == constraint


def test_what_lines_hold_binds_the_source(union):
    source = make_source(union, granted=100)
    make_budget(union, [line_values(amounts={source: 60})])
    values = {"source": source, "by": SYSTEM}
    known = {name: getattr(source, name) for name in ("year", "kind", "name", "granted", "from_on", "until_on")}
    assert (
        code(commands.change_source, values=SourceValues(**(known | {"granted": Decimal("59.99")})), **values)
        == "granted_below_allocated"
    )
    assert code(commands.change_source, values=SourceValues(**known, only_members=True), **values) == "bound"
    assert set(commands.change_source(values=SourceValues(**(known | {"granted": Decimal(60)})), **values)) == {"granted"}


# --- cash and advances ---------------------------------------------------------------------------------------------


def test_cash_comes_in_and_goes_back_only_if_it_is_there(union):
    source = make_source(union, granted=100, cash=50)
    assert (
        code(commands.return_cash, source=source, amount=Decimal("50.01"), on=DAY, voucher_number=None, by=SYSTEM) == "not_enough"
    )
    commands.return_cash(source=source, amount=Decimal(20), on=DAY, voucher_number="R1", by=SYSTEM)
    assert (source.cash, source.at_hand) == (30, 30)


def test_an_advance_runs_ahead_of_a_late_grant_and_is_repaid_visibly(union):
    own, grant = make_source(union, granted=1000, cash=1000), make_source(union, "上级补助", 300, kind="superior_grant")
    line = make_budget(union, [line_values(amounts={grant: 300})]).lines["夏季送清凉"]
    bill, proposer = cause("饮用水"), staff()
    ledger.reserve(line_id=line.id, amount=Decimal(200), cause=bill, falls_on=DAY, by=SYSTEM)
    ledger.spend(cause=bill, by=SYSTEM)
    assert code(ledger.pay, cause=bill, by=SYSTEM) == "no_cash"
    asked = {"lender": own, "borrower": grant, "reason": "补助资金未到账", "by": proposer}
    assert code(commands.propose_advance, amount=Decimal("300.01"), **asked) == "advance_beyond_grant"
    advance = commands.propose_advance(amount=Decimal(200), **asked)
    assert code(ledger.pay, cause=bill, by=SYSTEM) == "no_cash"  # asked for is not given
    assert code(commands.decide_advance, advance=advance, approve=True, by=proposer) == "own_proposal"
    commands.decide_advance(advance=advance, approve=True, by=staff())
    assert ledger.pay(cause=bill, by=SYSTEM) == 200
    assert (own.at_hand, grant.at_hand) == (800, 0)
    assert commands.receive_cash(source=grant, amount=Decimal(150), on=DAY, voucher_number="J1", by=SYSTEM) == 150
    assert (own.at_hand, grant.at_hand, advance.repaid) == (950, 0, 150)
    assert commands.receive_cash(source=grant, amount=Decimal(150), on=DAY, voucher_number="J2", by=SYSTEM) == 50
    assert (own.at_hand, grant.at_hand, advance.repaid) == (1000, 100, 200)
    assert code(commands.decide_advance, advance=advance, approve=True, by=staff()) == "decided"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("repaid = amount + 1, approved_at = now()", "ck_advances_repaid_within_amount"),
        ("repaid = 1", "ck_advances_repaid_after_approval"),
        ("approved_by_id = proposed_by_id", "ck_advances_proposer_does_not_approve"),
        ("to_source_id = from_source_id", "ck_advances_two_sources"),
        ("amount = 0", "ck_advances_amount_positive"),
    ],
)
def test_the_database_holds_advances(union, change, constraint):
    own, grant = make_source(union, granted=1000, cash=1000), make_source(union, "上级补助", 300, kind="superior_grant")
    commands.propose_advance(lender=own, borrower=grant, amount=Decimal(10), reason="未到账", by=staff())
    with pytest.raises(sa.exc.IntegrityError) as refused:
        database.session.execute(sa.text(f"UPDATE advances SET {change}"))
    assert refused.value.orig.diag.constraint_name == constraint


# --- the end of a year ---------------------------------------------------------------------------------------------


def test_what_is_left_is_carried_over_once_the_year_is_closed(union):
    source = make_source(union, granted=1000, cash=1000)
    made = make_budget(union, [line_values(amounts={source: 800})])
    bill = cause()
    ledger.reserve(line_id=made.lines["夏季送清凉"].id, amount=Decimal(300), cause=bill, falls_on=DAY, by=SYSTEM)
    ledger.spend(cause=bill, by=SYSTEM)
    ledger.pay(cause=bill, by=SYSTEM)
    assert code(commands.carry_over, source=source, by=SYSTEM) == "year_open"
    budgets.set_status(budget=find_budget(union.id, 2026), status=BudgetStatus.CLOSED, by=SYSTEM)
    fresh = commands.carry_over(source=source, by=SYSTEM)
    assert (fresh.year, fresh.granted, fresh.cash, fresh.carried_from_id) == (2027, 700, 700, source.id)
    assert (source.cash, source.paid, source.at_hand) == (300, 300, 0)
    assert code(commands.carry_over, source=source, by=SYSTEM) == "carried_already"


def test_money_that_goes_back_is_not_carried_over_and_is_warned_of(union):
    source = make_source(
        union, "财政补贴", 100, kind="government_grant", rest_rule=RestRule.RETURN, rest_due_on=date(2026, 12, 31)
    )
    assert code(commands.carry_over, source=source, by=SYSTEM) == "not_carried"
    said = rules.attention(source, promised=Decimal(16), today=date(2026, 11, 22))
    assert [(one.code, one.level) for one in said] == [("rest_due", Level.AMBER), ("grant_late", Level.AMBER)]
    assert "84.00" in str(said[0].says)
    assert [one.code for one in rules.attention(source, promised=Decimal(100), today=date(2026, 12, 31))] == ["grant_late"]
    assert [one.code for one in rules.attention(source, promised=Decimal(16), today=date(2026, 11, 15))] == ["grant_late"]
    assert queries.list_sources_of(union.id, 2026) == [source]
