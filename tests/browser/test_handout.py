"""Mass hand-out in a real browser: scan after scan without waiting, big colour, what is left, undo."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from portal.access import SYSTEM, By, Role
from portal.members.workers import commands as workers
from tests.browser.conftest import sign_in
from tests.factories.handouts import make_handout
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

pytestmark = pytest.mark.browser


@pytest.fixture
def world(db):
    tree = small_tree()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    station = make_station(union=tree.county, name="花园路驿站")
    cards = [workers.issue_card(worker=make_worker(), by=SYSTEM).code for _ in range(4)]
    handout = make_handout(station, By("staff", operator.id), quantity=5)
    db.session.commit()
    return SimpleNamespace(operator=operator, cards=cards, here=f"/desk/{station.code}/handouts/{handout.id}")


def test_scans_as_fast_as_they_come(page, app, server, db, world):
    page.expected_errors = ["422"]
    sign_in(page, app, server, world.operator)
    page.goto(world.here)
    expect(page.locator("#who")).to_be_focused()
    for card in [*world.cards, world.cards[0]]:  # nobody waits for an answer
        page.keyboard.type(card)
        page.keyboard.press("Enter")
    expect(page.locator("#given.amber")).to_be_visible()
    expect(page.locator("#left .figure").nth(1)).to_contain_text("1")
    page.locator(".tally button").first.click()
    expect(page.locator("#given.green")).to_be_visible()
    expect(page.locator("#who")).to_be_focused()
    page.locator(".tally button").nth(1).click()
    expect(page.locator("#given.red")).to_be_visible()
    db.session.rollback()
    assert db.session.scalar(sa.text("SELECT count(*) FROM handout_gifts")) == 5


def test_undo_and_sound_after_a_tap(page, app, server, db, world):
    sign_in(page, app, server, world.operator)
    page.goto(world.here)
    sound = page.locator("[data-sound]")
    expect(sound).to_have_attribute("aria-pressed", "false")
    sound.click()
    expect(sound).to_have_attribute("aria-pressed", "true")
    page.keyboard.type(world.cards[0])
    page.keyboard.press("Enter")
    expect(page.locator("#given.green")).to_be_visible()
    page.locator("#given button").click()
    expect(page.locator("#given.grey")).to_be_visible()
    expect(page.locator("#left .figure").nth(1)).to_contain_text("5")
