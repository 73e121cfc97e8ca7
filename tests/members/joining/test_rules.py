"""Rules of joining: when to invite, from what age, who decides."""

from __future__ import annotations

from datetime import date

import pytest

from portal.members.joining import rules
from portal.members.joining.models import OPEN_STATUSES, TRANSITIONS, ApplicationStatus
from portal.types import Level
from portal.vocabulary import IdType
from tests.factories.workers import make_id_number

S = ApplicationStatus
TODAY = date(2026, 11, 22)


def codes(problems) -> list[str]:
    return [problem.code for problem in problems]


def inviting(**known) -> list[str]:
    return codes(rules.problems_with_inviting(rules.Standing(**({"may_be_contacted": True} | known)), today=TODAY))


@pytest.mark.parametrize(
    ("asked", "problems"),
    [
        (None, []),
        (date(2026, 11, 22), ["asked_lately"]),
        (date(2026, 10, 24), ["asked_lately"]),
        (date(2026, 10, 23), []),
    ],
)
def test_thirty_days_between_two_invitations(asked, problems):
    assert inviting(last_asked_on=asked) == problems


@pytest.mark.parametrize(
    ("status", "problems"),
    [(S.UNCONFIRMED, []), (S.SUBMITTED, ["application_open"]), (S.RETURNED, ["application_open"])],
)
def test_an_open_application_is_enough(status, problems):
    assert inviting(open_status=status) == problems


def test_without_consent_to_be_contacted_nobody_is_invited():
    assert inviting(may_be_contacted=False) == ["no_consent"]
    assert inviting(may_be_contacted=False, last_asked_on=TODAY) == ["asked_lately"]


def test_never_means_never_and_members_are_told():
    assert inviting(never_invite_at=object()) == ["never_invite"]
    told = rules.problems_with_inviting(
        rules.Standing(membership_number="41010526000007", home_union="金水区联合会", never_invite_at=object()),
        today=TODAY,
    )
    assert codes(told) == ["already_member"] and told[0].level is Level.GREEN
    assert "41010526000007" in str(told[0].says) and "金水区联合会" in str(told[0].says)


@pytest.mark.parametrize(
    ("born", "young"),
    [(date(2010, 11, 22), False), (date(2010, 11, 23), True), (date(2012, 2, 29), True), (date(1949, 12, 31), False)],
)
def test_joining_begins_at_sixteen(born, young):
    problems = rules.problems_with_age(IdType.RESIDENT_ID, make_id_number(born=born), today=TODAY)
    assert codes(problems) == (["too_young"] if young else [])


def test_a_document_without_a_birth_date_says_nothing_about_age():
    assert rules.problems_with_age(IdType.PASSPORT, "E12345678", today=TODAY) == []


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2008, 2, 29), date(2024, 2, 28), 15),
        (date(2008, 2, 29), date(2024, 2, 29), 16),
        (date(2008, 2, 29), date(2025, 2, 28), 16),
        (date(2008, 2, 29), date(2025, 3, 1), 17),
    ],
)
def test_full_years_and_leap_days(born, day, age):
    assert rules.age_on(born, day) == age


def deciding(status=S.SUBMITTED, decision=S.APPROVED, applicant="李志强", decider="周审核", opinion=None):
    return codes(rules.problems_with_deciding(status, decision, applicant=applicant, decider=decider, opinion=opinion))


@pytest.mark.parametrize("decision", [S.RETURNED, S.REJECTED])
def test_a_refusal_needs_words(decision):
    assert deciding(decision=decision) == ["reason_missing"]
    assert deciding(decision=decision, opinion="证件不清") == []


def test_nobody_decides_for_their_own_name():
    assert deciding(applicant="周 审核") == ["own_application"]


@pytest.mark.parametrize("status", [status for status in S if status is not S.SUBMITTED])
def test_only_what_waits_is_decided(status):
    assert deciding(status=status) == ["decided"]


def test_the_table_of_transitions_is_whole():
    assert set(TRANSITIONS) == set(S)
    assert {status for status in S if TRANSITIONS[status]} == set(OPEN_STATUSES)
    assert all(S.APPROVED not in TRANSITIONS[status] for status in S if status is not S.SUBMITTED)
