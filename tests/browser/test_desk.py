"""The counter in a real browser, at desktop and at phone width: what the operator with a queue of thirty does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from portal.vocabulary import BasicService
from tests.browser.conftest import sign_in
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

pytestmark = pytest.mark.browser
PHONE = "13800138000"


@pytest.fixture
def world(db):
    tree = small_tree()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    station = make_station(
        union=tree.county,
        name="花园路驿站",
        services=[BasicService(name) for name in ("rest", "drinking_water", "hot_meal", "first_aid")],
    )
    worker = make_worker(name="李自强", phone=PHONE)
    card = workers.issue_card(worker=worker, by=SYSTEM).code
    db.session.commit()
    return SimpleNamespace(operator=operator, code=station.code, address=f"/desk/{station.code}", card=card)


def lines(db, where="true") -> int:
    db.session.rollback()
    return db.session.scalar(sa.text(f"SELECT count(*) FROM visit_lines l JOIN visits v ON v.id = l.visit_id WHERE {where}"))


@pytest.fixture
def desk(page, app, server, world):
    sign_in(page, app, server, world.operator)
    page.goto(world.address)
    return page


def scan(page, text: str) -> None:
    """What a keyboard-wedge scanner does: the signs, quickly, then Enter."""
    expect(page.locator("#who")).to_be_focused()
    page.keyboard.type(text, delay=2)
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_have_value("")


def test_one_scan_and_one_tap_serve_a_known_worker(desk, db, world):
    scan(desk, world.card)
    expect(desk.locator("#person")).to_contain_text("李*强")
    desk.locator("#give-drinking_water button").click()
    expect(desk.locator("#give-drinking_water .done")).to_contain_text("已记")
    expect(desk.locator("#undo")).to_contain_text("已记录 李*强：饮水")
    expect(desk.locator("#who")).to_be_focused()
    expect(desk.locator("#aside .figure").first).to_contain_text("1")
    expect(desk.locator("#invitation")).to_be_visible()
    assert lines(db, "v.worker_id IS NOT NULL") == 1


def test_the_next_scan_needs_no_mouse(desk, db, world):
    scan(desk, world.card)
    desk.locator("#give-rest button").click()
    expect(desk.locator("#give-rest .done")).to_be_visible()
    scan(desk, PHONE)
    expect(desk.locator("#give-rest .done")).to_be_visible()
    desk.locator("#give-hot_meal button").click()
    expect(desk.locator("#give-hot_meal .done")).to_be_visible()
    assert lines(db) == 2
    assert db.session.scalar(sa.text("SELECT count(*) FROM visits")) == 1


def test_the_next_person_is_not_shown_the_last_ones_invitation(desk, world):
    scan(desk, world.card)
    desk.locator("#give-drinking_water button").click()
    expect(desk.locator("#invitation")).to_contain_text("李*强")
    scan(desk, "13911112222")
    expect(desk.locator("#invitation")).to_have_count(0)


def test_an_unknown_phone_is_served_by_one_tap_on_the_occupation(desk, db):
    scan(desk, "139 1111 2222")
    expect(desk.locator("#counter")).to_contain_text("139****2222 尚未登记")
    desk.locator("#counter button", has_text="货车司机").click()
    expect(desk.locator("#person")).to_contain_text("139****2222")
    expect(desk.locator("#undo")).to_contain_text("休息")
    assert lines(db, "v.occupation = 'truck_driver' AND v.worker_id IS NOT NULL") == 1


def test_enter_never_creates(desk, db):
    scan(desk, "13911112222")
    expect(desk.locator("#counter")).to_contain_text("尚未登记")
    desk.keyboard.press("Enter")
    desk.wait_for_timeout(300)
    assert db.session.scalar(sa.text("SELECT count(*) FROM workers")) == 1


def test_an_anonymous_rider_is_one_tap(desk, db):
    desk.locator("#tally-food_delivery_rider button").click()
    expect(desk.locator("#undo")).to_contain_text("外卖配送员")
    assert lines(db, "v.worker_id IS NULL AND v.occupation = 'food_delivery_rider'") == 1


def test_two_couriers_are_two_taps(desk, db):
    for _ in range(2):
        with desk.expect_response("**/visits"):  # the words under the button are the same after both
            desk.locator("#tally-courier button").click()
        expect(desk.locator("#undo")).to_contain_text("快递员")
        desk.wait_for_timeout(800)
    assert lines(db) == 2


@pytest.mark.parametrize("gap", [0, 60, 250])
def test_a_double_click_is_one_line(desk, db, gap):
    # Both taps inside the page: sent from here, a busy machine would draw them apart until they are two.
    desk.evaluate(
        """(gap) => new Promise((done) => {
            const tap = () => document.querySelector('#tally-courier button').click();
            tap();
            setTimeout(() => { tap(); done(); }, gap);
        })""",
        gap,
    )
    expect(desk.locator("#undo")).to_contain_text("快递员")
    desk.wait_for_timeout(400)
    assert lines(db) == 1


def test_undo(desk, db, world):
    scan(desk, world.card)
    desk.locator("#give-drinking_water button").click()
    desk.locator("#undo button").click()
    expect(desk.locator("#undo")).to_contain_text("已撤销 李*强：饮水")
    expect(desk.locator("#give-drinking_water .done")).to_have_count(0)
    assert db.session.scalar(sa.text("SELECT count(*) FROM visit_reversals")) == 1


def test_back_and_reload_repeat_nothing(desk, db):
    scan(desk, "13911112222")
    desk.locator("#counter button", has_text="快递员").first.click()
    expect(desk.locator("#person")).to_be_visible()
    desk.reload()
    desk.goto("/privacy")
    desk.go_back()
    expect(desk.locator("#who")).to_be_visible()
    assert lines(db) == 1


def test_english(desk):
    desk.get_by_role("button", name="English").click()
    expect(desk.locator("h1")).to_contain_text("Scan a service code")
    desk.reload()
    expect(desk.locator("h1")).to_contain_text("Scan a service code")


def test_a_lost_network_is_said_and_nothing_is_lost(desk, db, world):
    desk.expected_errors = [
        "ERR_INTERNET_DISCONNECTED",
        "ERR_FAILED",
        "Failed to load resource",
        "Failed to fetch",
        "htmx:sendError",
        "htmx:afterRequest",
    ]
    desk.context.set_offline(True)
    desk.locator("#tally-courier button").click()
    expect(desk.locator("#notice")).to_contain_text("网络断开了")
    desk.context.set_offline(False)
    desk.wait_for_timeout(800)
    desk.locator("#tally-courier button").click()
    expect(desk.locator("#undo")).to_contain_text("快递员")
    assert lines(db) == 1


def test_without_javascript(plain_page, app, server, db, world):
    page = plain_page
    sign_in(page, app, server, world.operator)
    page.goto(world.address)
    page.fill("#who", PHONE)
    page.press("#who", "Enter")
    page.locator("#give-drinking_water button").click()
    expect(page.locator("#undo")).to_contain_text("已记录 李*强：饮水")
    page.reload()
    assert lines(db) == 1
    page.locator("#undo button").click()
    expect(page.locator("#undo")).to_contain_text("已撤销")
    page.locator("#tally-courier button").click()
    expect(page.locator("#undo")).to_contain_text("快递员")
    assert lines(db) == 2


def test_buttons_are_large_enough_for_thumbs(desk, world):
    scan(desk, world.card)
    expect(desk.locator("#person")).to_be_visible()
    heights = desk.evaluate(
        """() => [...document.querySelectorAll('main button, aside button')].filter(b => b.offsetParent)
                 .map(b => [b.textContent.trim(), b.getBoundingClientRect().height])"""
    )
    assert [pair for pair in heights if pair[1] < 44] == []
    gives = desk.evaluate("() => [...document.querySelectorAll('.give')].map(b => b.getBoundingClientRect().height)")
    assert min(gives) >= 84
    assert desk.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
