"""The desk with the network cut: counted on, kept over a closed tab, sent once when it is back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from tests.browser.conftest import PHONE, Watched, open_context, sign_in
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

pytestmark = pytest.mark.browser
LOST = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Failed to load resource", "Failed to fetch")


@pytest.fixture
def world(db):
    tree = small_tree()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    station = make_station(union=tree.county, name="花园路驿站")
    worker = make_worker(name="李自强", phone="13800138000")
    card = workers.issue_card(worker=worker, by=SYSTEM).code
    db.session.commit()
    here = f"/desk/{station.code}"
    return SimpleNamespace(operator=operator, here=here, offline=f"{here}/offline", card=card)


@pytest.fixture
def tablet(browser, server, app, world):
    """A tablet that was once on the desk with the network there."""
    context = open_context(browser, server, viewport=PHONE)
    page = context.new_page()
    page.watched = Watched(page)
    sign_in(page, app, server, world.operator)
    page.goto(world.offline)
    expect(page.locator("[data-kept=yes]")).to_have_count(1)
    page.evaluate(
        """() => navigator.serviceWorker.controller !== null
            || new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", () => done(true)))"""
    )
    yield page
    wrong = [text for text in page.watched.wrong if not any(part in text for part in LOST)]
    context.close()
    assert wrong == []


def rows(db, sql: str) -> list:
    db.session.rollback()
    return db.session.execute(sa.text(sql)).all()


def test_the_network_is_cut_the_tab_closed_and_nothing_is_lost(tablet, db, world):
    context = tablet.context
    context.set_offline(True)
    tablet.goto(world.here)  # the desk itself cannot be fetched: its offline page comes
    expect(tablet.locator("#offline")).to_be_visible()
    tablet.locator("[data-occupation=courier]").click()
    expect(tablet.locator("#pending")).to_have_attribute("data-count", "1")
    tablet.locator("#who").fill(world.card)
    tablet.keyboard.press("Enter")
    expect(tablet.locator("#pending")).to_have_attribute("data-count", "2")
    tablet.locator("#who").fill("13800138000")
    tablet.keyboard.press("Enter")
    expect(tablet.locator("#offline-wrong")).not_to_be_empty()
    expect(tablet.locator("#who")).to_have_value("13800138000")
    kept = tablet.evaluate("() => JSON.stringify(localStorage)")
    assert "13800138000" not in kept and "李" not in kept and "王值守" not in tablet.content()
    tablet.close()

    again = context.new_page()
    again.goto(world.offline)
    expect(again.locator("#pending")).to_have_attribute("data-count", "2")
    assert rows(db, "SELECT FROM visits") == []
    context.set_offline(False)
    again.locator("#offline-send").click()
    expect(again.locator("#pending")).to_have_attribute("data-count", "0")
    found = rows(db, "SELECT source, worker_id IS NOT NULL AS known FROM visits ORDER BY known")
    assert [(row.source, row.known) for row in found] == [("offline", False), ("offline", True)]
    again.reload()
    expect(again.locator("#pending")).to_have_attribute("data-count", "0")
    assert len(rows(db, "SELECT FROM offline_entries")) == 2


def test_a_session_that_ended_keeps_the_queue(tablet, app, server, db, world):
    tablet.context.set_offline(True)
    tablet.locator("[data-occupation=courier]").click()
    tablet.context.clear_cookies()
    tablet.context.set_offline(False)
    tablet.locator("#offline-send").click()
    expect(tablet.locator("#offline-signin")).to_be_visible()
    expect(tablet.locator("#pending")).to_have_attribute("data-count", "1")
    sign_in(tablet, app, server, world.operator)
    tablet.locator("#offline-send").click()
    expect(tablet.locator("#pending")).to_have_attribute("data-count", "0")
    assert len(rows(db, "SELECT FROM visits")) == 1


def test_an_undo_before_sending_leaves_nothing(tablet, db):
    tablet.context.set_offline(True)
    tablet.locator("[data-occupation=courier]").click()
    tablet.locator("#offline-undo").click()
    expect(tablet.locator("#pending")).to_have_attribute("data-count", "0")
    tablet.context.set_offline(False)
    assert rows(db, "SELECT FROM offline_entries") == []
