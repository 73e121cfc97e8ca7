"""A rule in a real browser: an officer sees who gains and who loses before anything changes; a worker asks what is theirs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from portal.access import Role
from portal.db import db as database
from portal.welfare.eligibility import queries
from portal.welfare.eligibility.models import Standing
from tests.browser.conftest import sign_in
from tests.browser.test_pages import faults
from tests.factories.eligibility import birth, make_person
from tests.factories.staff import make_account
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme

pytestmark = pytest.mark.browser


@pytest.fixture
def union(db):
    return small_tree().federation_county


def people(union, *ages: int) -> None:
    for years in ages:
        make_person(standing=Standing.MEMBER, union=union, sex="female", born_on=birth(years))


def figures(page) -> list[str]:
    return page.locator("#change .figure b").all_inner_texts()


def test_who_gains_and_who_loses_is_seen_while_one_types(page, app, server, union):
    people(union, 30, 36, 45, 50)
    programme = make_programme(union, rule={"min_age": 40})
    sign_in(page, app, server, make_account(roles=[(Role.OFFICER, union)]))
    page.goto(f"/programmes/{programme.code}/rule")
    page.locator("a[href$='/rule/edit']").click()
    assert page.input_value("#min_age") == "40"
    page.fill("#min_age", "35")
    page.locator("#min_age").blur()
    expect(page.locator("#change .figure b")).to_have_count(3)
    assert figures(page) == ["1", "0", "2"]
    page.fill("#max_age", "45")
    page.locator("#max_age").blur()
    expect(page.locator("#change .figure b").nth(1)).to_have_text("1")
    assert figures(page) == ["1", "1", "1"]
    assert faults(page) == []
    database.session.rollback()
    assert queries.find_proposal(programme.id) is None  # looking changed nothing
    page.locator("main form.stack > p.actions button").first.click()
    page.wait_for_url(re.compile(r"/rule$"))
    assert page.locator(".figure b").all_inner_texts() == ["1", "1", "1"] and faults(page) == []


def test_without_javascript_one_looks_first_and_then_proposes(plain_page, app, server, union):
    people(union, 30, 45)
    programme = make_programme(union)
    sign_in(plain_page, app, server, make_account(roles=[(Role.OFFICER, union)]))
    plain_page.goto(f"/programmes/{programme.code}/rule/edit")
    plain_page.fill("#min_age", "40")
    plain_page.locator("button[formaction$='/preview']").click()
    assert figures(plain_page) == ["0", "1", "1"] and plain_page.input_value("#min_age") == "40"
    plain_page.locator("main form.stack > p.actions button").first.click()
    plain_page.wait_for_url(re.compile(r"/rule$"))
    assert queries.find_proposal(programme.id).min_age == 40


def test_five_questions_on_a_phone_stand_in_no_address(page, app, server, union):
    programme = make_programme(union, rule={"min_age": 35})
    page.goto("/welfare/for-me")
    assert faults(page) == []
    page.select_option("#occupation", "courier")
    page.select_option("#county", "410105")
    page.fill("#born", "1980-05-17")
    page.locator("main form button[type=submit]").click()
    expect(page.locator("#group-now")).to_be_visible()
    assert programme.name in page.inner_text("main") and page.url.endswith("/welfare/for-me")
    assert faults(page) == []
