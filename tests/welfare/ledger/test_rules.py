"""Amounts are shared to the fen: property tests on the parts, and the hard stop's words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.types import new_id
from portal.welfare.ledger import rules
from portal.welfare.ledger.models import BudgetStatus, Draw
from portal.welfare.ledger.rules import Share

money = st.decimals(min_value="0.01", max_value="99999999.99", places=2)


@given(amount=money, weights=st.lists(st.decimals(min_value="0.01", max_value="100", places=2), min_size=1, max_size=6))
def test_shares_add_up_to_the_fen(amount, weights):
    parts = rules.apportion(amount, weights)
    assert sum(parts) == amount
    assert all(part >= 0 and part == part.quantize(rules.FEN) for part in parts)
    total = sum(weights)
    assert all(abs(part - amount * weight / total) < rules.FEN for part, weight in zip(parts, weights, strict=True))


@given(weights=st.lists(money, min_size=1, max_size=6), data=st.data())
def test_no_share_exceeds_its_weight_where_the_sum_covers_it(weights, data):
    amount = data.draw(st.decimals(min_value="0.01", max_value=sum(weights), places=2))
    assert all(part <= weight for part, weight in zip(rules.apportion(amount, weights), weights, strict=True))


def test_forty_forty_twenty():
    assert rules.apportion(Decimal("100.01"), [Decimal(40), Decimal(40), Decimal(20)]) == [
        Decimal("40.01"), Decimal("40.00"), Decimal("20.00"),
    ]  # fmt: skip


@given(amount=money, most=st.lists(st.decimals(min_value="-5", max_value="1000", places=2), max_size=5))
def test_one_after_the_other_takes_no_more_than_there_is(amount, most):
    parts = rules.in_order(amount, most)
    assert sum(parts) == min(amount, sum(max(one, Decimal(0)) for one in most))
    assert all(part <= max(one, Decimal(0)) for part, one in zip(parts, most, strict=True))
    for place, part in enumerate(parts[:-1]):  # nothing is taken from the next before the one before is used up
        assert part == max(most[place], Decimal(0)) or not any(parts[place + 1 :])


def share(left, percent=None, until=date(2026, 12, 31), name="拨缴经费"):
    return Share(new_id(), name, 0, Decimal(percent) if percent else None, Decimal(left), date(2026, 1, 1), until)


def test_a_source_whose_time_is_over_gives_nothing():
    shares = [share(100, until=date(2026, 8, 31)), share(50)]
    parts, problems = rules.draw_on(shares, Draw.IN_ORDER, Decimal(40), date(2026, 8, 31), line="送清凉")
    assert (parts, problems) == ([Decimal(40), Decimal(0)], [])
    parts, problems = rules.draw_on(shares, Draw.IN_ORDER, Decimal(40), date(2026, 9, 1), line="送清凉")
    assert (parts, problems) == ([Decimal(0), Decimal(40)], [])
    parts, problems = rules.draw_on(shares, Draw.IN_ORDER, Decimal(60), date(2026, 9, 1), line="送清凉")
    assert parts == []
    assert str(problems[0].says) == "“送清凉” has 50 left; 60 was asked."


def test_a_mix_names_the_source_that_is_short():
    shares = [share(100, 40, name="财政补贴"), share(3, 40, name="工会配套"), share(100, 20, name="会员自缴")]
    parts, problems = rules.draw_on(shares, Draw.MIX, Decimal(10), date(2026, 6, 1), line="体检")
    assert parts == []
    assert "工会配套" in str(problems[0].says)
    assert "3 left" in str(problems[0].says)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (None, "amount_not_positive"), (Decimal(0), "amount_not_positive"), (Decimal("-1"), "amount_not_positive"),
        (Decimal("NaN"), "amount_not_positive"), (Decimal("0.001"), "amount_below_fen"), (Decimal(10) ** 12, "amount_too_large"),
    ],
)  # fmt: skip
def test_what_is_no_amount(amount, code):
    assert [problem.code for problem in rules.problems_with_amount(amount)] == [code]


@pytest.mark.parametrize(
    ("status", "on", "code"),
    [
        (BudgetStatus.APPROVED, date(2026, 12, 31), None),
        (BudgetStatus.ADJUSTED, date(2026, 1, 1), None),
        (BudgetStatus.DRAFT, date(2026, 1, 1), None),  # within the interim limit, which is all the authority there is
        (BudgetStatus.APPROVED, date(2027, 1, 1), "other_year"),
        (BudgetStatus.FROZEN, date(2026, 6, 1), "budget_frozen"),
        (BudgetStatus.CLOSED, date(2026, 6, 1), "budget_closed"),
    ],
)
def test_when_a_budget_takes_promises(status, on, code):
    assert [problem.code for problem in rules.problems_with_promising(status, 2026, on)] == ([code] if code else [])
