"""Who stands at the counter, in a real browser: a shift changes by PIN, the screen locks itself, a host counts by thumb."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from tests.browser.conftest import PHONE, open_context, sign_in
from tests.factories.shifts import PIN, give_pin, make_device
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

pytestmark = pytest.mark.browser


@pytest.fixture
def world(db):
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    keeper = make_account([(Role.KEEPER, tree.county)], name="孙管理")
    for name in ("周敏", "吴值守"):
        give_pin(make_account([(Role.OPERATOR, tree.county)], name=name))
    host = make_account([(Role.HOST, tree.county)], name="何丽")
    card = workers.issue_card(worker=make_worker(name="李自强"), by=SYSTEM).code
    db.session.commit()
    return SimpleNamespace(
        station=station, code=station.code, keeper=keeper, host=host, card=card, device=make_device(station, keeper)
    )


def unlock(page, name: str, *, tapping: bool) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("#pad h1")).to_have_text(name)
    expect(page.locator("#pin")).to_be_focused()
    if tapping:
        expect(page.locator(".pad")).to_be_visible()
        for digit in PIN:
            page.locator(f'[data-digit="{digit}"]').click()
        page.locator(".pad [type=submit]").click()
    else:
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")


def test_a_shift_changes_by_pin(page, db, server, world):
    page.context.add_cookies([{"name": "device", "value": world.device.token, "url": server}])
    page.goto(f"/desk/{world.code}/lock")
    unlock(page, "周敏", tapping=True)
    expect(page).to_have_url(re.compile(rf"/desk/{world.code}$"))
    page.goto(f"/desk/{world.code}/shift")
    page.fill("#left", "水 40 瓶\n馒头 12 个")
    page.locator('form[action$="hand-over"] [type=submit]').click()
    expect(page).to_have_url(re.compile("/lock$"))
    unlock(page, "吴值守", tapping=False)
    expect(page.locator("main")).to_contain_text("水 40 瓶")
    page.locator('form[action$="acknowledge"] [type=submit]').click()
    expect(page).to_have_url(re.compile(rf"/desk/{world.code}$"))
    assert db.session.scalar(sa.text("SELECT count(*) FROM shifts WHERE acknowledged_at IS NOT NULL")) == 1


def test_the_screen_locks_itself_and_keeps_what_waits(page, app, db, server, world):
    page.context.add_cookies([{"name": "device", "value": world.device.token, "url": server}])
    page.goto(f"/desk/{world.code}/lock")
    unlock(page, "周敏", tapping=False)
    expect(page).to_have_url(re.compile(rf"/desk/{world.code}$"))
    page.goto(f"/desk/{world.code}/shift")
    page.evaluate("() => localStorage.setItem('queue-of-the-test', '3')")
    page.evaluate("() => { document.querySelector('[data-locks-after]').dataset.locksAfter = '1'; }")
    expect(page).to_have_url(re.compile("/lock$"))
    expect(page.locator("main")).not_to_contain_text("李")
    assert page.evaluate("() => localStorage.getItem('queue-of-the-test')") == "3"
    assert db.session.scalar(sa.text("SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND device_id IS NOT NULL")) == 0


def test_without_network_it_locks_behind_a_curtain(page, server, world):
    page.expected_errors = ["ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Failed to load resource", "Failed to fetch"]
    page.context.add_cookies([{"name": "device", "value": world.device.token, "url": server}])
    page.goto(f"/desk/{world.code}/lock")
    unlock(page, "周敏", tapping=False)
    expect(page).to_have_url(re.compile(rf"/desk/{world.code}$"))
    page.goto(f"/desk/{world.code}/shift")
    page.context.set_offline(True)
    page.evaluate("() => { document.querySelector('[data-locks-after]').dataset.locksAfter = '1'; }")
    expect(page.locator(".curtain")).to_be_visible()
    page.evaluate("() => { document.querySelector('[data-locks-after]').dataset.locksAfter = '600'; }")
    page.locator(".curtain button").click()
    expect(page.locator(".curtain")).to_be_hidden()
    page.context.set_offline(False)


def test_a_host_counts_with_one_thumb(browser, app, db, server, world):
    context = open_context(browser, server, viewport=PHONE)
    page = context.new_page()
    sign_in(page, app, server, world.host, kind="host")
    page.goto(f"/host/{world.code}")
    page.locator('button[value="courier"]').click()
    expect(page.locator(".undo")).to_contain_text("快递员")
    page.fill("#who", world.card)
    page.press("#who", "Enter")
    expect(page.locator("#verdict")).to_have_class(re.compile("may"))
    page.locator("#verdict button").click()
    expect(page.locator(".undo")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("李")
    small = page.evaluate(
        """() => [...document.querySelectorAll('main button')].filter(b => b.offsetParent)
                 .map(b => [b.textContent.trim(), b.getBoundingClientRect().height]).filter(pair => pair[1] < 44)"""
    )
    assert small == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
    assert db.session.scalar(sa.text("SELECT count(*) FROM visits WHERE source = 'host'")) == 2
