"""How likely two records are one person, and what stands against merging, from values alone."""

from __future__ import annotations

from itertools import combinations
from uuid import UUID

import pytest

from portal.members.merging import rules
from portal.members.merging.rules import Likeness, Standing

A, B = UUID(int=1), UUID(int=2)


def test_a_document_weighs_most_and_reasons_add_up_without_passing_a_hundred():
    assert rules.score([]) == 0
    assert max(Likeness, key=rules.WEIGHTS.get) is Likeness.DOCUMENT
    for one, other in combinations(Likeness, 2):
        both = rules.score([one, other])
        assert max(rules.score([one]), rules.score([other])) < both <= 100 and rules.score([one, one]) == rules.score([one])
    assert rules.score(Likeness) == 100


@pytest.mark.parametrize(("points", "said"), [(95, "Almost"), (60, "Very"), (59, "Perhaps"), (40, "Perhaps")])
def test_a_score_in_words(points, said):
    assert str(rules.in_words(points)).startswith(said)


def test_pairs_are_ordered():
    assert rules.ordered(B, A) == rules.ordered(A, B) == (A, B)


def standing(**changes) -> Standing:
    return Standing(**({"same_record": False, "merged_already": False, "said_apart": False, "active_numbers": (),
                        "open_applications": 0} | changes))  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"same_record": True, "said_apart": True}, ["same_record"]),
        ({"merged_already": True, "said_apart": True}, ["merged_already"]),
        ({"said_apart": True}, ["said_apart"]),
        ({"active_numbers": ("1",)}, []),
        ({"active_numbers": ("1", "2"), "open_applications": 2}, ["two_memberships", "two_applications"]),
        ({"open_applications": 1}, []),
        ({"two_documents": True}, ["two_documents"]),
    ],
)
def test_what_stands_against_it(changes, codes):
    assert [problem.code for problem in rules.problems_with_merging(standing(**changes))] == codes


def test_who_stays():
    assert rules.first_to_stay((True, False, B), (False, True, A)) == B
    assert rules.first_to_stay((False, True, B), (False, False, A)) == B
    assert rules.first_to_stay((False, False, B), (False, False, A)) == A
