"""The state table, the clock at every minute, what the public reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.stations.register.models import Facility
from portal.stations.upkeep import rules
from portal.stations.upkeep.models import DEADLINES, OPEN_STATUSES, TRANSITIONS, ReportKind, ReportStatus
from portal.stations.upkeep.rules import Warning
from portal.types import Level

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_every_kind_has_a_deadline_and_every_state_a_way():
    assert set(DEADLINES) == set(ReportKind) and set(TRANSITIONS) == set(ReportStatus)
    assert DEADLINES[ReportKind.LOCKED] == DEADLINES[ReportKind.UNSAFE] == 2 * HOUR
    assert DEADLINES[ReportKind.BROKEN] == 72 * HOUR and DEADLINES[ReportKind.OUT_OF_STOCK] == 48 * HOUR
    assert DEADLINES[ReportKind.DIRTY] == DEADLINES[ReportKind.EXPIRED] == 24 * HOUR
    for state in OPEN_STATUSES:  # whatever is open can be settled, and only that
        assert {ReportStatus.REPAIRED, ReportStatus.UNFOUNDED} <= TRANSITIONS[state]
    for state in set(ReportStatus) - set(OPEN_STATUSES):
        assert TRANSITIONS[state] == {ReportStatus.REOPENED}


@pytest.mark.parametrize(
    ("left", "says", "light"),
    [
        (40 * MINUTE, "due in 40 minutes", Level.AMBER),
        (39 * MINUTE + timedelta(seconds=1), "due in 40 minutes", Level.AMBER),
        (timedelta(seconds=1), "due in 1 minute", Level.AMBER),
        (timedelta(), "due now", Level.AMBER),
        (HOUR, "due in 60 minutes", Level.AMBER),
        (HOUR + MINUTE, "due in 61 minutes", Level.GREEN),
        (2 * HOUR, "due in 2 hours", Level.GREEN),
        (47 * HOUR + 59 * MINUTE, "due in 47 hours", Level.GREEN),
        (48 * HOUR, "due in 2 days", Level.GREEN),
        (-timedelta(seconds=1), "1 minute overdue", Level.RED),
        (-119 * MINUTE, "119 minutes overdue", Level.RED),
        (-3 * HOUR, "3 hours overdue", Level.RED),
        (-5 * DAY, "5 days overdue", Level.RED),
    ],
)
def test_the_clock_in_words(left, says, light):
    assert _flat(rules.clock_says(NOW + left, NOW)) == says
    assert rules.clock_light(NOW + left, NOW) is light


def _flat(said) -> str:
    return str(said)


@pytest.mark.parametrize("kind", list(ReportKind))
def test_within_the_deadline_includes_its_last_moment(kind):
    due = rules.deadline(kind, NOW)
    assert not rules.is_overdue(due, NOW + DEADLINES[kind])
    assert rules.is_overdue(due, NOW + DEADLINES[kind] + timedelta(microseconds=1))


def test_what_the_public_reads():
    said = Warning(ReportKind.LOCKED, None, NOW - 22 * MINUTE, ReportStatus.REPORTED)
    assert str(said.says(NOW)) == "22 minutes ago someone said it is locked"
    assert str(Warning(ReportKind.LOCKED, None, NOW, ReportStatus.REOPENED).says(NOW)) == "A moment ago someone said it is locked"
    answered = Warning(ReportKind.BROKEN, Facility.MICROWAVE, NOW, ReportStatus.ANSWERED)
    assert "the keeper is on it" in str(answered.says(NOW)) and answered.says(NOW).values["facility"] is Facility.MICROWAVE
    assert rules.is_public(ReportKind.UNSAFE) and not rules.is_public(ReportKind.OTHER)


@pytest.mark.parametrize("now", list(ReportStatus))
@pytest.mark.parametrize("new", list(ReportStatus))
def test_steps(now, new):
    problems = rules.problems_with_step(now, new, "因为")
    assert (problems == []) is (new in TRANSITIONS[now])
    if new in TRANSITIONS[now]:
        needs = new in (ReportStatus.UNFOUNDED, ReportStatus.REOPENED)
        assert [one.code for one in rules.problems_with_step(now, new, None)] == (["note_missing"] if needs else [])
        assert [one.code for one in rules.problems_with_step(now, new, "长" * 301)] == ["note_too_long"]
        assert rules.problems_with_step(now, new, "长" * 300) == []


def test_median_and_amounts():
    assert rules.median([]) is None
    assert rules.median([HOUR, 3 * HOUR, 26 * HOUR]) == 3 * HOUR and rules.median([HOUR, 3 * HOUR]) == 2 * HOUR
    assert str(rules.amount(timedelta())) == "1 minute" and str(rules.amount(DAY + HOUR)) == "25 hours"


def test_a_facility_must_stand_here():
    assert rules.problems_with_report(None, [], None) == []
    assert rules.problems_with_report(Facility.MICROWAVE, [Facility.MICROWAVE], "x") == []
    wrong = rules.problems_with_report(Facility.SHOWER, [Facility.MICROWAVE], "长" * 301)
    assert [one.field for one in wrong] == ["facility", "note"]
