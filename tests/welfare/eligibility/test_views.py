"""The rule's page over HTTP: look first, propose, another person approves; who may not."""

from __future__ import annotations

import re

import pytest

from portal.access import Role
from portal.db import db as database
from portal.welfare.eligibility import queries
from portal.welfare.eligibility.models import Audience, Standing
from tests.factories.eligibility import birth, make_person
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_rule


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def programme(tree):
    return make_programme(tree.federation_county)


def signed_in(client, role: Role, union):
    account = make_account([(role, union)])
    sign_in_quickly(client, account)
    return account


def html(answer) -> str:
    return answer.get_data(as_text=True)


def test_look_first_then_propose_then_another_approves(client, tree, programme):
    make_person(standing=Standing.MEMBER, union=tree.federation_county, born_on=birth(30))
    make_person(standing=Standing.MEMBER, union=tree.federation_county, born_on=birth(45))
    here = f"/programmes/{programme.code}/rule"
    officer = signed_in(client, Role.OFFICER, tree.county)
    assert client.get(f"{here}/edit").status_code == 200
    looked = client.send(f"{here}/preview", {"audience": "anyone", "min_age": "40", "reason": "查体指南"})
    assert looked.status_code == 200 and queries.find_proposal(programme.id) is None
    assert figures(html(looked)) == ["0", "1", "1"]
    assert 'value="40"' in html(looked)  # what was typed stays for the button beside it
    assert client.send(here, {"audience": "anyone", "min_age": "40", "reason": "查体指南"}).status_code == 303
    rule = queries.find_proposal(programme.id)
    assert rule.min_age == 40 and rule.proposed_by_account_id == officer.id
    assert figures(html(client.get(here))) == ["0", "1", "1"]

    signed_in(client, Role.APPROVER, tree.county)
    assert client.get("/programmes/rules").status_code == 200 and programme.name in html(client.get("/programmes/rules"))
    assert client.send(f"{here}/{rule.id}/approve").status_code == 303
    database.session.expire_all()
    assert queries.find_rule(programme.id).id == rule.id
    assert programme.name not in html(client.get("/programmes/rules"))


def figures(page: str) -> list[str]:
    return re.findall(r'class="figure"><b>(\d+)</b>', page)


def test_who_proposes_is_refused_in_words(client, tree, programme):
    account = make_account([(Role.OFFICER, tree.county), (Role.APPROVER, tree.county)])
    sign_in_quickly(client, account)
    here = f"/programmes/{programme.code}/rule"
    client.send(here, {"audience": "member"})
    rule = queries.find_proposal(programme.id)
    answer = client.send(f"{here}/{rule.id}/approve")
    assert answer.status_code == 422 and queries.find_rule(programme.id).audience is Audience.ANYONE
    assert client.send(f"{here}/{rule.id}/withdraw").status_code == 303
    assert queries.find_proposal(programme.id) is None


def test_the_live_preview_is_the_fragment_alone(client, tree, programme):
    signed_in(client, Role.OFFICER, tree.county)
    asked = {"HX-Request": "true", "HX-Target": "change"}
    here = f"/programmes/{programme.code}/rule/preview"
    good = client.send(here, {"audience": "member"}, headers=asked)
    assert good.status_code == 200 and html(good).lstrip().startswith('<section id="change"')
    wrong = client.send(here, {"audience": "anyone", "min_age": "60", "max_age": "40"}, headers=asked)
    assert wrong.status_code == 422 and html(wrong).lstrip().startswith('<section id="change"')


@pytest.mark.parametrize(
    "typed",
    [
        {"audience": "anyone", "min_age": "60", "max_age": "40"},
        {"audience": "anyone", "person_limit": "1"},
        {"audience": "anyone", "first_hours": "24"},
        {"audience": "anyone", "union_code": "410302"},  # of another city
        {"audience": "nobody"},
        {"audience": "anyone"},  # the same as in force
    ],
)
def test_what_cannot_be_proposed_comes_back_as_typed(client, tree, programme, typed):
    signed_in(client, Role.OFFICER, tree.county)
    answer = client.send(f"/programmes/{programme.code}/rule", {"reason": "想好再说"} | typed)
    assert answer.status_code == 422 and "想好再说" in html(answer)
    assert queries.find_proposal(programme.id) is None


def test_a_whole_rule_is_kept_as_it_was_typed(client, tree, programme):
    signed_in(client, Role.OFFICER, tree.county)
    typed = {
        "audience": "applicant", "occupations": ["courier", "truck_driver"], "sex": "female", "min_age": "35", "max_age": "64",
        "union_code": "410105-X", "employers": "中通快递\n\n 圆通 ", "interval_months": "24", "person_limit": "1",
        "limit_period": "year", "priority_groups": ["member", "migrant_worker"], "first_hours": "48", "reason": "两癌筛查",
    }  # fmt: skip
    here = f"/programmes/{programme.code}/rule"
    assert client.send(here, typed).status_code == 303
    rule = queries.find_proposal(programme.id)
    assert rule.employers == ["中通快递", "圆通"] and rule.within_union_id == tree.federation_county.id
    assert rule.priority_groups == ["member", "migrant_worker"] and rule.occupations == ["courier", "truck_driver"]
    again = html(client.get(f"{here}/edit"))
    assert 'value="410105-X"' in again and "圆通" in again
    said = html(client.get(here))
    assert "24" in said and "410105" not in said  # the union by its name


def test_versions_side_by_side(client, tree, programme):
    make_rule(programme, min_age=35)
    signed_in(client, Role.AUDITOR, tree.county)
    said = html(client.get(f"/programmes/{programme.code}/rule"))
    assert "35" in said
    assert client.get(f"/programmes/{programme.code}/rule/edit").status_code == 403


def test_outside_is_nowhere(client, tree, programme):
    rule = make_rule(programme, approved_at=None, approved_by_account_id=None, min_age=20)
    here = f"/programmes/{programme.code}/rule"
    signed_in(client, Role.OFFICER, tree.foreign_county)
    assert [client.get(f"{here}{more}").status_code for more in ("", "/edit")] == [404, 404]
    assert [client.send(f"{here}{more}", {"audience": "member"}).status_code for more in ("", "/preview")] == [404, 404]
    signed_in(client, Role.APPROVER, tree.foreign_county)
    assert client.send(f"{here}/{rule.id}/approve").status_code == 404
    assert programme.name not in html(client.get("/programmes/rules"))
    other = make_programme(tree.foreign_county)
    assert client.send(f"/programmes/{other.code}/rule/{rule.id}/approve").status_code == 404
