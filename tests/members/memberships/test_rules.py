"""Status, number and path, from values alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from portal.members.memberships import rules
from portal.members.memberships.models import MembershipStatus
from portal.members.memberships.rules import Milestones

M = MembershipStatus
T = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def record(status, starts, ends=None):
    return SimpleNamespace(status=status, starts_at=starts, ends_at=ends)


@pytest.mark.parametrize(
    ("at", "status"),
    [(T - DAY, None), (T, M.TRANSIT), (T + DAY, M.ACTIVE), (T + 9 * DAY, M.ACTIVE), (T + 10 * DAY, M.WITHDRAWN)],
)
def test_the_status_is_what_the_record_of_the_moment_says(at, status):
    records = [
        record(M.TRANSIT, T, T + DAY), record(M.ACTIVE, T + DAY, T + 10 * DAY), record(M.WITHDRAWN, T + 10 * DAY),
    ]  # fmt: skip
    assert rules.status(records, at) is status
    assert rules.is_member(records, at) is (status in (M.TRANSIT, M.ACTIVE))


def test_a_number_has_county_year_and_running_number():
    assert rules.membership_number("410105", date(2026, 1, 1), 7) == "41010526000007"
    assert rules.membership_number("410105", date(2026, 1, 1), 1_000_000) == "410105261000000"
    with pytest.raises(ValueError):
        rules.membership_number("410105", date(2026, 1, 1), 0)


@pytest.mark.parametrize(
    ("typed", "number"),
    [("41010526000007", True), ("4101052600000", False), ("王", False), ("１" * 14, False), ("", False)],
)
def test_what_looks_like_a_number(typed, number):
    assert rules.looks_like_number(typed) is number


def states(**seen) -> list[tuple[str, str]]:
    return [(str(step.text), step.state) for step in rules.path(Milestones(**seen))]


def test_the_path_of_a_member_is_done_from_the_first_service_on():
    steps = rules.path(
        Milestones(
            first_served_at=T, first_station="甲", served_at=T + DAY, station="乙", invited_at=T + DAY,
            opened_at=T + DAY, applied_at=T + DAY, confirmed_at=T + DAY, decided_at=T + 2 * DAY, decision="approved",
        )
    )  # fmt: skip
    assert [step.state for step in steps] == ["done"] * 7
    assert (steps[0].note, steps[1].note) == ("甲", "乙")
    assert [step.at for step in steps] == sorted(step.at for step in steps)


def test_the_path_says_what_comes_next():
    assert states(applied_at=T)[-2:] == [
        ("Confirmed by the worker", "current"),
        ("Approved by the union: a member", "todo"),
    ]
    assert states(applied_at=T, confirmed_at=T)[-2][1] == "current"
    assert states(applied_at=T, confirmed_at=T, decided_at=T, decision="returned")[-2] == (
        "Returned for correction",
        "current",
    )
    assert states(applied_at=T, confirmed_at=T, decided_at=T, decision="rejected")[-1] == ("Not approved", "done")
    assert states(applied_at=T, decision="withdrawn")[-1] == ("Withdrawn by the worker", "done")


def test_whoever_came_without_invitation_has_no_such_step():
    assert "Invited" not in dict(states(applied_at=T, confirmed_at=T))
