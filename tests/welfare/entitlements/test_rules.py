"""In which group a programme stands, and what is in the way besides its rule."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from portal.clock import SHANGHAI
from portal.types import Level, Problem, text
from portal.welfare.entitlements import rules
from portal.welfare.entitlements.forms import read_born
from portal.welfare.entitlements.rules import Group

TODAY = date(2026, 11, 22)
AT = datetime(2026, 12, 1, 10, tzinfo=SHANGHAI)


def red(code: str) -> Problem:
    return Problem(code, text("…"))


def amber(code: str) -> Problem:
    return Problem(code, text("…"), Level.AMBER)


@pytest.mark.parametrize(
    ("person", "other", "next_on", "group"),
    [
        ([], [], None, Group.NOW),
        ([amber("stated")], [], None, Group.NOW),
        ([amber("born_unknown")], [], None, Group.ASK),
        ([red("interval")], [], TODAY, Group.LATER),
        ([red("interval")], [red("no_money")], TODAY, Group.LATER),
        ([red("members_only")], [red("no_money")], None, Group.NO),
        ([], [red("no_money")], None, Group.BLOCKED),
        ([amber("born_unknown")], [red("paused")], None, Group.BLOCKED),
        ([], [red("before")], None, Group.LATER),
        ([], [red("first_hours")], None, Group.LATER),
        ([], [red("before"), red("no_money")], None, Group.BLOCKED),
    ],
)
def test_groups(person, other, next_on, group):
    assert rules.group_of(person, other, next_on) is group


def test_what_one_has_booked_is_no_refusal():
    for person in ([red("interval")], [red("limit")], [red("interval"), red("limit")]):
        assert rules.group_of(person, [red("no_place")], TODAY, TODAY) is Group.BOOKED
    assert rules.group_of([red("limit"), red("members_only")], [], None, TODAY) is Group.NO
    assert rules.group_of([], [], None, TODAY) is Group.NOW  # and may be booked once more


def test_what_is_used_up():
    assert not rules.problems_with_quota(None, None, TODAY) and not rules.problems_with_quota(1, None, TODAY)
    assert "day" in rules.problems_with_quota(0, date(2026, 11, 23), TODAY)[0].says.values
    assert "day" not in rules.problems_with_quota(0, TODAY, TODAY)[0].says.values
    assert not rules.problems_with_stock(None) and not rules.problems_with_stock(2, 2)
    assert rules.problems_with_stock(1, 2)[0].says.values == {"count": 1} and rules.problems_with_stock(0)
    assert not rules.problems_with_money(None, Decimal(5)) and not rules.problems_with_money(Decimal(5), Decimal(5))
    assert rules.problems_with_money(Decimal("4.99"), Decimal(5))
    assert not rules.problems_with_places(AT, AT)
    assert [one.code for one in rules.problems_with_places(None, AT)] == ["no_place"]
    assert [one.code for one in rules.problems_with_places(None, None)] == ["no_session"]


@pytest.mark.parametrize(
    ("typed", "born", "code"),
    [
        (None, None, None),
        ("1990-05", date(1990, 5, 31), None),  # the last day, so that nobody is promised too early
        ("1990年5月", date(1990, 5, 31), None),
        ("199005", date(1990, 5, 31), None),
        ("1990-05-17", date(1990, 5, 17), None),
        ("1990/5/17", date(1990, 5, 17), None),
        ("1990-11", None, "born_day"),  # the birthday's month: the age hangs on the day
        ("1990-11-22", date(1990, 11, 22), None),
        ("1990-13", None, "born"),
        ("1990-02-30", None, "born"),
        ("2026-12", None, "born"),
        ("1890-01", None, "born"),
        ("0000-01", None, "born"),
        ("soon", None, "born"),
    ],
)
def test_a_month_is_enough_but_in_the_birthdays_month(typed, born, code):
    found, problems = read_born(typed, TODAY)
    assert (found, problems[0].code if problems else None) == (born, code)
