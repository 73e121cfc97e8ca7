"""Programmes at the counter in a real browser: one tap, a proof, undo, and a booking found by its code."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from portal import clock
from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from portal.vocabulary import BasicService
from portal.welfare.bookings import queries as bookings
from portal.welfare.items.models import Proof
from portal.welfare.programmes.models import Way
from tests.browser.conftest import sign_in
from tests.factories.bookings import make_booking
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.supplies import make_supply, put_in_stock
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme, make_session
from tests.factories.workers import make_worker

pytestmark = pytest.mark.browser


@pytest.fixture
def world(db):
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站", services=[BasicService.REST, BasicService.DRINKING_WATER])
    supply = make_supply(tree.county, "防暑包")
    put_in_stock(station, supply, 12)
    signed = make_item(tree.county, "防暑包", supply_item_id=supply.id, proof=Proof.SIGNATURE)
    check = make_item(tree.county, "健康体检")
    worker = make_worker(name="李自强")
    pack = make_programme(tree.county, signed, stations=(station,), name="防暑包")
    booked = make_programme(tree.county, check, stations=(station,), name="健康体检", ways=[Way.BOOK.value])
    now = clock.now()
    booking = make_booking(make_session(booked, station, starts_at=now), worker, at=now - timedelta(hours=1))
    card = workers.issue_card(worker=worker, by=SYSTEM).code
    db.session.commit()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    return SimpleNamespace(operator=operator, address=f"/desk/{station.code}", card=card, pack=f"#gift-{pack.code}",
                           booked=f"#gift-{booked.code}", code=bookings.code_of(booking))  # fmt: skip


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


def count(db, table: str) -> int:
    db.session.rollback()
    return db.session.scalar(sa.text(f"SELECT count(*) FROM {table}"))


def test_a_tap_far_down_on_a_phone_leaves_the_page_where_it_is(desk, world):
    desk.set_viewport_size({"width": 360, "height": 640})
    scan(desk, world.card)
    tile = desk.locator(world.booked).locator("button")
    expect(tile).to_be_visible()
    tile.evaluate("tile => window.scrollTo(0, window.scrollY + tile.getBoundingClientRect().top - 100)")
    stood = desk.evaluate("scrollY"), tile.bounding_box()["y"]
    tile.click()
    expect(desk.locator("#undo")).to_contain_text("健康体检")
    expect(tile).to_have_class("give done")
    assert (desk.evaluate("scrollY"), tile.bounding_box()["y"]) == stood
    # Longer cards than this one were lost from sight: the browser kept the old card in place while the new one came in above.
    assert desk.evaluate("getComputedStyle(document.documentElement).overflowAnchor") == "none"


def test_handed_out_with_proof_and_taken_back(desk, db, world):
    scan(desk, world.card)
    tile = desk.locator(world.pack)
    expect(tile.locator("summary")).to_contain_text("12")
    tile.locator("summary").click()
    desk.expected_errors.append("422")
    tile.locator("button[type=submit]").click()  # nothing ticked: it says what is missing, in place
    expect(desk.locator(f"{world.pack} .wrong").first).to_be_visible()
    assert count(db, "deliveries") == 0
    desk.locator(f"{world.pack} input[name=signature_seen]").check()
    desk.wait_for_timeout(800)  # the second half of a double tap goes unheard for 0.7 s (portal.js, data-calm)
    desk.locator(f"{world.pack} button[type=submit]").click()
    expect(desk.locator("#undo")).to_contain_text("李*强")
    expect(desk.locator(f"{world.pack} summary")).to_contain_text("11")
    expect(desk.locator("#who")).to_be_focused()
    assert count(db, "deliveries") == 1
    desk.locator("#undo button").click()
    expect(desk.locator(f"{world.pack} summary")).to_contain_text("12")
    expect(desk.locator("#undo button")).to_have_count(0)
    assert count(db, "delivery_reversals") == 1


def test_a_booked_person_is_found_by_code_and_received_with_one_tap(desk, db, world):
    scan(desk, world.code)
    button = desk.locator(f"{world.booked} button")
    expect(button).to_be_visible()
    assert button.bounding_box()["height"] >= 84
    button.click()
    expect(desk.locator("#undo")).to_contain_text("健康体检")
    expect(desk.locator("#who")).to_be_focused()
    assert count(db, "deliveries WHERE booking_id IS NOT NULL") == 1
    assert count(db, "bookings WHERE status = 'attended'") == 1
