"""Booking on a phone: three taps from /welfare, the last place by two people at once, an offer accepted."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from portal import clock
from portal.access import SYSTEM, Role
from portal.welfare.bookings import commands
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from tests.browser.conftest import PHONE, Watched, open_context, sign_in
from tests.browser.test_pages import faults
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_session
from tests.factories.workers import make_worker

pytestmark = pytest.mark.browser
S = BookingStatus


@pytest.fixture
def world(db):
    """A programme with one place tomorrow at 10:00 and two at 14:00."""
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    programme = make_programme(tree.county, stations=(station,), name="骑手体检")
    start = clock.start_of(clock.today() + timedelta(days=1))
    early = make_session(programme, station, starts_at=start + timedelta(hours=10), capacity=1)
    late = make_session(programme, station, starts_at=start + timedelta(hours=14), capacity=2)
    return SimpleNamespace(
        tree=tree, early=early.id, late=late.id, here=f"/welfare/{programme.code}", book=f"/welfare/{programme.code}/book"
    )


@pytest.fixture
def phone(browser, server):
    """A function that opens a phone of 360 px, signed in as a worker; closes them all afterwards, and looks for faults."""
    opened = []

    def make(app, worker):
        context = open_context(browser, server, viewport=PHONE)
        page = context.new_page()
        opened.append((context, Watched(page)))
        sign_in(page, app, server, worker, kind="worker")
        return page

    yield make
    wrong = [text for _, watched in opened for text in watched.wrong if "422" not in text]
    for context, _ in opened:
        context.close()
    assert wrong == []


def booked(db) -> list[Booking]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Booking).order_by(Booking.id)))


def test_three_taps_from_welfare_to_booked(phone, app, db, world):
    page = phone(app, make_worker())
    taps = []
    page.goto("/welfare")
    for target in (
        lambda: page.locator("#offers li", has_text="骑手体检").first,
        lambda: page.locator("#times a.time", has_text="14:00"),
        lambda: page.locator("#confirm button.primary"),
    ):
        box = target().bounding_box()
        assert box["height"] >= 44, "large enough for a thumb"
        target().click()
        taps.append(box)
    page.wait_for_url("**/me/bookings/*")
    assert len(taps) == 3
    assert [(one.status, one.session_id) for one in booked(db)] == [(S.BOOKED, world.late)]
    expect(page.locator(".onetime")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_last_place_by_two_at_once(phone, app, db, world, server):
    """Both look at “1 left” and tap: one has it, the other reads the clear words and waits with one more tap."""
    pages = [phone(app, make_worker()), phone(app, make_worker())]
    for page in pages:
        page.goto(f"{world.book}?session={world.early}")
        expect(page.locator("#confirm")).to_contain_text("1")
    # Playwright's pages belong to this thread: both requests leave by script, without waiting for each other.
    for page in pages:
        page.evaluate("setTimeout(() => document.querySelector('#confirm form').submit(), 30)")
    for page in pages:
        expect(page.locator(".onetime, #confirm [role=alert]").first).to_be_visible()
    winners = [page for page in pages if "/me/bookings/" in page.url]
    losers = [page for page in pages if page not in winners]
    assert (len(winners), len(losers)) == (1, 1)
    assert [one.status for one in booked(db)] == [S.BOOKED]
    loser = losers[0]
    expect(loser.locator("#confirm [role=alert]")).to_be_visible()
    expect(loser.locator(f"a.button[href*='{world.late}']"), "the nearest free time").to_have_count(1)
    loser.locator("#confirm button.primary").click()
    loser.wait_for_url("**/me/bookings/*")
    assert sorted(one.status for one in booked(db)) == [S.BOOKED, S.WAITING]


def test_an_offer_is_accepted_on_the_phone(phone, app, db, world):
    first, second = make_worker(), make_worker()
    held = commands.book_place(session_id=world.early, worker_id=first.id, way=BookedBy.WORKER, by=SYSTEM)
    commands.book_place(session_id=world.early, worker_id=second.id, way=BookedBy.WORKER, wait=True, by=SYSTEM)
    commands.cancel_booking(booking=held, by=SYSTEM)
    db.session.commit()
    page = phone(app, second)
    page.goto("/me")
    page.locator(".offer button.primary").click()
    page.wait_for_url("**/me/bookings/*")
    expect(page.locator(".onetime")).to_be_visible()
    assert [one.status for one in booked(db)] == [S.CANCELLED, S.BOOKED]


def test_booking_without_a_script(plain_page, app, server, db, world):
    sign_in(plain_page, app, server, make_worker(), kind="worker")
    plain_page.goto(f"{world.book}?session={world.late}")
    plain_page.locator("#confirm button.primary").click()
    plain_page.wait_for_url("**/me/bookings/*")
    assert [one.status for one in booked(db)] == [S.BOOKED]


def test_no_rule_of_access_is_broken(page, app, server, db, world):
    worker = make_worker()
    mine = commands.book_place(session_id=world.early, worker_id=worker.id, way=BookedBy.WORKER, by=SYSTEM)
    commands.book_place(session_id=world.late, worker_id=make_worker().id, way=BookedBy.WORKER, by=SYSTEM)
    db.session.commit()
    ident, account = mine.id, make_account(roles=[(Role.OFFICER, world.tree.county)])
    sign_in(page, app, server, worker, kind="worker")
    addresses = [world.here, world.book, f"{world.book}?session={world.late}", "/me", "/me/bookings", f"/me/bookings/{ident}",
                 f"/me/bookings/{ident}/move"]  # fmt: skip
    wrong = {address: faults(page) for address in addresses if page.goto(address)}
    sign_in(page, app, server, account)
    here = f"/sessions/{world.late}"
    parts = ("bookings", "bookings?part=waiting", "sheet", "sheet/enter", "message", "call-off")
    addresses = [*(f"{here}/{part}" for part in parts), f"/bookings/{ident}", f"/bookings/{ident}/move",
                 f"/programmes/{world.here.rpartition('/')[2]}/book"]  # fmt: skip
    wrong |= {address: faults(page) for address in addresses if page.goto(address)}
    assert {address: found for address, found in wrong.items() if found} == {}
