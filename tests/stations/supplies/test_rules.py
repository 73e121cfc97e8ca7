"""Decided from values: which lot leaves first, when it runs out and how that is said, what a count does to the book."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from portal.stations.stocktaking.rules import compare, shares_of
from portal.stations.supplies import rules
from portal.stations.supplies.rules import OnShelf, RunsOut
from portal.types import Level, new_id

TODAY = date(2026, 7, 13)  # a Monday


def lot(on_hand: int, days: int | None) -> OnShelf:
    return OnShelf(new_id(), None if days is None else TODAY + timedelta(days=days), on_hand)


def days_ago(*uses: int) -> dict[date, int]:
    """Pieces by day, yesterday first."""
    return {TODAY - timedelta(days=back): pieces for back, pieces in enumerate(uses, start=1)}


def test_the_earliest_date_first_what_never_expires_last_nothing_past_its_date():
    never, late, soon, gone = lot(5, None), lot(5, 30), lot(2, 0), lot(9, -1)
    assert rules.draw([never, late, soon, gone], 8, TODAY) == ([(soon, 2), (late, 5), (never, 1)], 0)
    assert rules.draw([soon, gone], 8, TODAY) == ([(soon, 2)], 6)


@pytest.mark.parametrize(
    ("lots", "uses", "since", "on"),
    [
        ([(20, 90)], [2] * 28, 40, 10),
        ([(20, 90)], [2] * 10, 10, 10),  # in stock for ten days only: those count, not 28
        ([(20, 90)], [2] * 6, 40, None),  # six days of use are too few
        ([(20, 90)], [2] * 6, 6, None),
        ([(20, 90)], [0] * 28, 40, None),
        ([(10, 1), (10, 90)], [2] * 28, 40, 7),  # 2 days of the first, then its rest is past its date; 5 of the second
        ([(100, -1), (4, 90)], [2] * 28, 40, 2),
        ([(0, 90)], [2] * 28, 40, 0),
        ([(20, None)], [4, 0] * 14, 40, 10),  # closed days are in it
        ([(20, 90)], [7] * 8 + [-56], 40, None),  # everything came back
    ],
)
def test_when_it_runs_out(lots, uses, since, on):
    found = rules.runs_out([lot(*one) for one in lots], days_ago(*uses), TODAY - timedelta(days=since), TODAY)
    assert (found.on if found else None) == (None if on is None else TODAY + timedelta(days=on))


@pytest.mark.parametrize(
    ("away", "says"),
    [(0, "Runs out today"), (1, "Runs out tomorrow"), (3, "Runs out on Thursday"), (60, "Lasts until about 2026-09-11"),
     (61, "Lasts for more than two months")],
)  # fmt: skip
def test_how_it_is_said(away, says):
    runs_out = RunsOut(TODAY + timedelta(days=away), Decimal("2.0"), 28)
    assert str(runs_out.says(TODAY)) == says
    assert "28 days: 2 a calendar day" in str(runs_out.reckoned())


def test_what_the_keeper_is_warned_of():
    soon = RunsOut(TODAY + timedelta(days=3), Decimal(2), 28)
    state = rules.State("水", "瓶", 6, 2, 4, TODAY + timedelta(days=9), 3, 56, soon)
    found = rules.warnings(state, TODAY)
    assert [(one.code, one.level) for one in found] == [
        ("expired", Level.RED), ("runs_out", Level.AMBER), ("expires", Level.AMBER), ("shortage", Level.AMBER),
    ]  # fmt: skip
    used_up = rules.State("水", "瓶", 0, 0, 0, None, 0, 56, None)
    assert [one.code for one in rules.warnings(used_up, TODAY)] == ["used_up"]
    assert rules.warnings(rules.State("水", "瓶", 0, 0, 0, None, 0, 0, None), TODAY) == []


@pytest.mark.parametrize("booked", range(6))
@pytest.mark.parametrize("shortage", range(4))
@pytest.mark.parametrize("counted", range(6))
def test_a_count_always_comes_out(booked, shortage, counted):
    says = compare(booked, shortage, counted)
    assert booked - says.explained + says.found - says.missing == counted
    assert says.explained <= shortage and not (says.found and says.missing) and min(says.explained, says.found, says.missing) >= 0


def test_what_arrived_of_each_lot():
    first, second = new_id(), new_id()
    assert shares_of([(first, 3), (second, 2)], 4) == [(first, 3, 0), (second, 1, 1)]
