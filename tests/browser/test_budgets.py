"""Money in a real browser: drafted by one, approved by another, overspending refused; no accessibility rule broken."""

from __future__ import annotations

import re

import pytest

from portal.access import Role
from portal.db import db as database
from portal.welfare.budgets.models import Expenditure
from tests.browser.conftest import PHONE, open_context, sign_in
from tests.browser.test_pages import faults
from tests.factories.money import line_values, make_books, make_budget, make_source
from tests.factories.staff import make_account
from tests.factories.unions import small_tree

pytestmark = pytest.mark.browser


def test_drafted_by_one_approved_by_another_overspending_refused(page, app, server, browser):
    union = small_tree().federation_county
    source = make_source(union, granted=60_000, cash=60_000)
    make_budget(union, [], approve=False)
    finance, approver = (make_account(roles=[(role, union)]) for role in (Role.FINANCE, Role.APPROVER))
    sign_in(page, app, server, finance)
    here = f"/budgets/{union.code}/2026"
    page.goto(f"{here}/versions/1/lines/new")
    page.fill("#name", "夏季送清凉")
    page.select_option("#category", "rights_protection")
    page.fill(f"#amount-{source.id}", "50,000.00")
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/versions/1$"))
    assert "¥50,000.00" in page.inner_text("main")
    page.locator("form[action$='/submit'] button").click()
    page.wait_for_selector(".said.done")
    assert not page.locator("form[action$='/approve']").count()  # who drafts has no button to approve

    other = open_context(browser, server, viewport=PHONE)
    second = other.new_page()
    sign_in(second, app, server, approver)
    second.goto(f"{here}/versions/1")
    second.locator("form[action$='/approve'] button").click()  # 50,000.00 is not below the limit: a minute is asked for
    second.wait_for_selector("#minute_number-wrong")
    second.fill("#minute_number", "会议纪要〔2026〕1号")
    second.locator("form[action$='/approve'] button").dblclick()
    second.wait_for_selector(".said.done")
    assert faults(second) == []
    other.close()

    page.goto(f"{here}/lines/001")
    page.fill("#title", "饮用水 100 箱")
    page.fill("#amount", "50000.01")
    page.locator("form[action$='/expenditures'] button[type=submit]").click()
    page.wait_for_selector("#amount-wrong")
    assert "¥50,000.00" in page.inner_text("#amount-wrong")
    assert page.input_value("#title") == "饮用水 100 箱"
    page.fill("#amount", "800")
    page.locator("form[action$='/expenditures'] button[type=submit]").dblclick()
    page.wait_for_url(re.compile("/expenditures/"))
    assert Expenditure.query.count() == 1
    page.expected_errors = ["422"]


def test_pages_of_money_keep_the_rules_of_access(page, app, server):
    union = small_tree().federation_county
    books = make_books(union, "金水")
    make_budget(union, [line_values(amounts={make_source(union, "明年", year=2027): 5})], year=2027, approve=False)
    account = make_account(roles=[(Role.FINANCE, union)])
    database.session.commit()
    sign_in(page, app, server, account)
    here = f"/budgets/{union.code}"
    for address in ("/budgets", "/budgets/new", f"{here}/2026", f"{here}/2026/lines/001", f"{here}/2027/versions/1",
                    f"{here}/2027/versions/1/lines/002", f"{here}/2027/versions/1/import", "/sources", "/sources/new",
                    f"/sources/{books['sources']['ident']}", f"/expenditures/{books['budgets']['ident']}"):  # fmt: skip
        page.goto(address)
        assert faults(page) == [], address


def test_without_javascript(plain_page, app, server):
    union = small_tree().federation_county
    books = make_books(union, "金水")
    sign_in(plain_page, app, server, make_account(roles=[(Role.FINANCE, union)]))
    plain_page.goto(f"/budgets/{union.code}/2026/lines/{books['budgets']['code']}")
    plain_page.fill("#title", "宣传折页")
    plain_page.fill("#amount", "12.50")
    plain_page.locator("form[action$='/expenditures'] button[type=submit]").click()
    plain_page.wait_for_url(re.compile("/expenditures/"))
    assert "¥12.50" in plain_page.inner_text("main")
