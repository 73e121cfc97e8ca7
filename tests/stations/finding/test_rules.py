"""How far it is."""

from __future__ import annotations

import math

import pytest

from portal.stations.finding import rules


def test_distance_along_the_earth():
    degree = rules.distance_m(34.0, 113.0, 35.0, 113.0)
    assert math.isclose(degree, 111_195, rel_tol=1e-4)
    assert rules.distance_m(34.8, 113.7, 34.8, 113.7) == 0
    assert math.isclose(rules.distance_m(34.8, 113.6, 34.9, 113.9), rules.distance_m(34.9, 113.9, 34.8, 113.6), rel_tol=1e-12)


@pytest.mark.parametrize(
    ("metres", "exact", "words"),
    [
        (3, True, "0 m · 1 min walk"),
        (318, True, "320 m · 4 min walk"),
        (994, True, "990 m · 12 min walk"),
        (995, True, "1.0 km · 12 min walk"),
        (2_100, True, "2.1 km · 9 min ride"),
        (38_400, True, "38 km"),
        (318, False, "about 0.3 km"),
    ],
)
def test_distance_in_words(metres, exact, words):
    assert str(rules.distance_in_words(metres, exact=exact)) == words
