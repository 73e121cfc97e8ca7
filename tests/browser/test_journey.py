"""From a first glass of water to a membership: operator's tablet, worker's phone, officer's desk."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from portal.access import Role
from portal.outbox import Message
from portal.vocabulary import BasicService
from tests.browser.conftest import PHONE as PHONE_SIZE
from tests.browser.conftest import Watched, open_context, sign_in
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_id_number

pytestmark = pytest.mark.browser
NUMBER = "13911112222"


@pytest.fixture
def world(db):
    tree = small_tree()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    officer = make_account(roles=[(Role.OFFICER, tree.federation_city)], name="陈干事")
    station = make_station(
        union=tree.county, name="花园路驿站", services=[BasicService(name) for name in ("rest", "drinking_water")]
    )
    db.session.commit()
    return SimpleNamespace(operator=operator, officer=officer, address=f"/desk/{station.code}")


def newest_code(db) -> str:
    db.session.rollback()
    message = db.session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(1)).one()
    return re.search(r"\b(\d{6})\b", message.body).group(1)


def test_from_first_service_to_membership(page, browser, app, server, db, world):
    sign_in(page, app, server, world.operator)
    page.goto(world.address)
    page.fill("#who", NUMBER)
    page.keyboard.press("Enter")
    page.fill("#newcomer-name", "李自强")
    page.locator("#counter button", has_text="外卖配送员").click()
    expect(page.locator("#undo")).to_contain_text("已记录")
    page.get_by_role("button", name="同意联系").click()  # asked first: may the union contact them
    page.get_by_role("button", name="出示入会二维码").click()
    address = page.locator("text=/join/").first.inner_text().strip()

    phone = open_context(browser, server, viewport=PHONE_SIZE)
    worker = phone.new_page()
    watched = Watched(worker)
    worker.goto(address)
    expect(worker.locator("main")).to_contain_text("自愿")
    worker.locator("main form[action$='/start'] button").click()
    worker.fill("[name=name]", "李自强")
    worker.fill("[name=id_number]", make_id_number())
    worker.fill("[name=employer_name]", "美味外卖")
    worker.locator("[name=agree]").check()
    worker.locator("main form button[type=submit]").last.click()
    expect(worker.locator("[name=code]")).to_be_visible()
    worker.fill("[name=code]", newest_code(db))
    worker.locator("main form[action='/join/confirm'] button").click()
    expect(worker.locator("#messages .said")).to_be_visible()
    assert db.session.scalar(sa.text("SELECT status FROM applications")) == "submitted"

    office = open_context(browser, server, viewport={"width": 1280, "height": 900})
    officer = office.new_page()
    sign_in(officer, app, server, world.officer)
    officer.goto("/applications")
    officer.get_by_role("link", name=re.compile("李")).first.click()
    expect(officer.locator("main")).to_contain_text("花园路驿站")
    officer.locator("input[name=decision][value=approved], input[name=decision][value=approve]").check()
    officer.locator("main form[action$='/decide'] button, main form[action*='decision'] button").click()
    expect(officer.locator("#messages .said")).to_be_visible()
    db.session.rollback()
    number = db.session.scalar(sa.text("SELECT number FROM memberships"))
    assert number and db.session.scalar(sa.text("SELECT visit_id FROM memberships")) == db.session.scalar(
        sa.text("SELECT id FROM visits")
    )
    officer.goto(f"/members/{number}")
    expect(officer.locator("main")).to_contain_text("花园路驿站")

    sign_in(worker, app, server, db.session.execute(sa.text("SELECT id FROM workers")).one(), kind="worker")
    worker.goto("/me")
    expect(worker.locator("main")).to_contain_text(number)
    page.goto(world.address)
    page.fill("#who", NUMBER)
    page.keyboard.press("Enter")
    expect(page.locator("#person")).to_contain_text(f"会员 {number}")
    page.locator("#give-drinking_water button").click()
    expect(page.locator("#undo")).to_contain_text("饮水")
    page.wait_for_timeout(900)
    expect(page.locator("#invitation")).to_have_count(0)
    phone.close()
    office.close()
    assert watched.wrong == []
