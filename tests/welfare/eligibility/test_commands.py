"""Proposing and deciding a rule; the constraints broken by name; a version that stays as it was."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import By
from portal.audit import AuditEntry
from portal.db import db as database
from portal.types import Refused, new_id
from portal.welfare.eligibility import commands, queries
from portal.welfare.eligibility.models import Audience, EligibilityRule, RuleValues
from tests.factories.staff import make_account
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme

MEMBERS = RuleValues(audience=Audience.MEMBER, reason="经费来自会费")


@pytest.fixture
def programme(db):
    return make_programme(small_tree().federation_county)


@pytest.fixture
def officer(programme):
    return By("staff", make_account().id)


@pytest.fixture
def approver(programme):
    return By("staff", make_account(name="李审批").id)


def propose(programme, by, values=MEMBERS) -> EligibilityRule:
    rule = commands.propose_rule(programme_id=programme.id, values=values, by=by)
    database.session.commit()
    return rule


def test_a_rule_holds_from_its_approval_on(programme, officer, approver):
    before = queries.find_rule(programme.id)
    rule = propose(programme, officer)
    assert rule.version == before.version + 1 and queries.find_rule(programme.id).id == before.id
    commands.approve_rule(rule=rule, by=approver)
    database.session.commit()
    assert queries.find_rule(programme.id).id == rule.id == queries.rules_of([programme.id])[programme.id].id
    actions = database.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.subject_id == str(rule.id)))
    assert set(actions) == {"rule.proposed", "rule.approved"}


def test_who_proposes_does_not_approve(programme, officer):
    with pytest.raises(Refused) as refused:
        commands.approve_rule(rule=propose(programme, officer), by=officer)
    assert [one.code for one in refused.value.problems] == ["own_proposal"]


def test_a_new_proposal_takes_the_place_of_the_one_that_waited(programme, officer, approver):
    first = propose(programme, officer)
    second = propose(programme, officer, RuleValues(min_age=18))
    assert first.rejected_at and queries.find_proposal(programme.id).id == second.id
    for late in (commands.approve_rule, commands.reject_rule):
        with pytest.raises(Refused) as refused:
            late(rule=first, by=approver)
        assert refused.value.problems[0].code == "decided"
    commands.reject_rule(rule=second, by=officer)  # withdrawn by who proposed it
    database.session.commit()
    assert queries.find_proposal(programme.id) is None


def test_the_rule_in_force_cannot_be_proposed_again(programme, officer):
    with pytest.raises(Refused) as refused:
        propose(programme, officer, RuleValues(reason="同上"))
    assert refused.value.problems[0].code == "same"


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("ck_eligibility_rules_version_counts", {"version": 0}),
        ("ck_eligibility_rules_ages_plausible", {"min_age": 61, "max_age": 60}),
        ("ck_eligibility_rules_ages_plausible", {"min_age": 121}),
        ("ck_eligibility_rules_interval_plausible", {"interval_months": 0}),
        ("ck_eligibility_rules_limit_counts", {"person_limit": 0, "limit_period": "day"}),
        ("ck_eligibility_rules_limit_whole", {"person_limit": 1}),
        ("ck_eligibility_rules_sex_known", {"sex": "woman"}),
        ("ck_eligibility_rules_first_hours_plausible", {"first_hours": 721, "priority_groups": ["member"]}),
        ("ck_eligibility_rules_first_hours_for_somebody", {"first_hours": 1}),
        ("ck_eligibility_rules_approval_whole", {"approved_at": clock.now()}),
        ("uq_eligibility_rules_programme_id_version", {"version": 1}),
    ],
)
def test_constraints(programme, constraint, values):
    known = {"version": 2, "proposed_at": clock.now()} | values
    assert constraint in broken(EligibilityRule(id=new_id(), programme_id=programme.id, **known))


def broken(*rows) -> str:
    database.session.add_all(rows)
    with pytest.raises(IntegrityError) as error:
        database.session.flush()
    database.session.rollback()
    return str(error.value.orig)


def test_constraints_of_the_decision(programme, officer, approver):
    known = {"programme_id": programme.id, "proposed_at": clock.now(), "proposed_by_account_id": officer.id}
    own = EligibilityRule(id=new_id(), version=2, approved_at=clock.now(), approved_by_account_id=officer.id, **known)
    assert "ck_eligibility_rules_approved_by_another" in broken(own)
    both = EligibilityRule(id=new_id(), version=2, approved_at=clock.now(), approved_by_account_id=approver.id,
                           rejected_at=clock.now(), **known)  # fmt: skip
    assert "ck_eligibility_rules_decided_one_way" in broken(both)
    waiting = [EligibilityRule(id=new_id(), version=version, **known) for version in (2, 3)]
    assert "uq_eligibility_rules_proposal" in broken(*waiting)


def test_a_version_stays_as_it_was_proposed(programme, officer, approver):
    rule = propose(programme, officer)
    table = EligibilityRule.__table__
    commands.approve_rule(rule=rule, by=approver)
    database.session.commit()
    waiting = propose(programme, officer, RuleValues(min_age=18))
    one = table.c.id == waiting.id
    for change in (
        sa.update(table).where(one).values(min_age=16),
        sa.update(table).where(one).values(reason="anders"),
        sa.update(table).where(table.c.id == rule.id).values(approved_at=clock.now()),
        sa.update(table)
        .where(table.c.id == rule.id)
        .values(rejected_at=clock.now(), approved_at=None, approved_by_account_id=None),
        sa.delete(table).where(one),
        sa.text("TRUNCATE eligibility_rules CASCADE"),
    ):
        with pytest.raises(IntegrityError, match=r"does not change|append-only"):
            database.session.execute(change)
        database.session.rollback()
