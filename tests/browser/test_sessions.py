"""A series in a real browser: filled in, looked at, made with a double tap; no accessibility rule broken."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from portal import clock
from portal.access import Role
from portal.db import db as database
from portal.welfare.sessions.models import ServiceSession
from tests.browser.conftest import sign_in
from tests.browser.test_pages import faults
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme

pytestmark = pytest.mark.browser


def test_an_officer_makes_a_series_after_looking_at_it(page, app, server):
    page.expected_errors = ["422"]
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    programme = make_programme(tree.county, stations=(station,))
    officer = make_account(roles=[(Role.OFFICER, tree.county)])
    sign_in(page, app, server, officer)
    first = clock.today() + timedelta(days=1)
    page.goto(f"/programmes/{programme.code}/sessions/new")
    page.select_option("#place", station.code)
    page.fill("#first_on", str(first))
    page.fill("#last_on", str(first + timedelta(days=6)))
    for box in page.locator("#weekdays input").all():
        box.check()
    page.check("#on_holidays")
    page.fill("#opens", "09:00")
    page.fill("#closes", "16:00")
    page.fill("#slot_minutes", "60")
    page.fill("#breaks", "lunch")
    page.fill("#capacity", "4")
    page.locator("main form button[type=submit]").click()
    page.wait_for_selector("#breaks-wrong")
    assert page.input_value("#capacity") == "4"  # what was typed is still there
    assert faults(page) == []
    page.fill("#breaks", "12:00-13:00")
    page.locator("main form button[type=submit]").click()
    page.wait_for_selector("form[action$='/sessions/new'] button.primary")
    assert "42" in page.inner_text("main h2 >> nth=0")  # seven days of six sessions
    assert database.session.query(ServiceSession).count() == 0
    assert faults(page) == []
    page.locator("form[action$='/sessions/new'] button.primary").dblclick()
    page.wait_for_url(re.compile(r"/sessions\?programme="))
    page.wait_for_selector(".said.done")
    database.session.rollback()
    assert database.session.query(ServiceSession).count() == 42
    expect(page.locator("#sessions tbody tr")).to_have_count(42)
    page.locator("#sessions tbody a").first.click()
    page.wait_for_selector("form[action$='/capacity']")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert faults(page) == []
