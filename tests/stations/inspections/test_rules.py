"""The share that is met, what a list and a sheet need."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from portal.stations.inspections import rules
from portal.stations.inspections.models import Outcome

DAY = date(2026, 11, 22)


@pytest.mark.parametrize(("met", "not_met", "share"), [(0, 0, None), (6, 0, 100), (5, 1, 83), (0, 6, 0), (199, 1, 99)])
def test_share(met, not_met, share):
    assert rules.share_met(met, not_met) == share


def test_ready_made_lists_are_fit_to_use():
    assert len(rules.READY_MADE) == 3 and len(rules.READY_MADE["drivers-home"].items) == 5
    assert len(rules.READY_MADE["six-a"].items) == len(rules.READY_MADE["six-b"].items) == 6
    for one in rules.READY_MADE.values():
        assert rules.problems_with_checklist(one.title, one.items) == []


@pytest.mark.parametrize(
    ("title", "items", "codes"),
    [
        (None, ["一"], ["title_missing"]),
        ("长" * 61, ["一"], ["title_too_long"]),
        ("题", [], ["items_missing"]),
        ("题", ["一", "二", "一"], ["twice"]),
        ("题", ["长" * 201], ["item_too_long"]),
        ("题", [str(n) for n in range(61)], ["too_many"]),
        ("题", ["长" * 200], []),
    ],
)
def test_lists(title, items, codes):
    assert [one.code for one in rules.problems_with_checklist(title, items)] == codes


def test_sheets():
    one, other = uuid4(), uuid4()
    assert rules.problems_with_inspection(DAY, DAY, [one, other], {other, one}) == []
    assert [p.code for p in rules.problems_with_inspection(date(2026, 11, 23), DAY, [one], [one])] == ["future"]
    assert [p.code for p in rules.problems_with_inspection(DAY, DAY, [one, other], [one])] == ["list_changed"]


def test_only_what_is_not_met_leads_to_a_report():
    assert rules.problems_with_finding(Outcome.NOT_MET, reported=False) == []
    assert [p.code for p in rules.problems_with_finding(Outcome.NOT_MET, reported=True)] == ["reported"]
    for outcome in (Outcome.MET, Outcome.NOT_APPLICABLE):
        assert [p.code for p in rules.problems_with_finding(outcome, reported=False)] == ["met"]
