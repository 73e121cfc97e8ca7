"""The pages of programmes, places, deliveries and supplies: no accessibility rule broken, no sideways scroll, at both widths."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from portal.access import SYSTEM, Role
from portal.db import db
from portal.welfare.bookings.commands import book_place
from portal.welfare.bookings.models import BookedBy
from portal.welfare.programmes.models import Programme
from tests.browser.conftest import DESKTOP, PHONE, Watched, open_context, sign_in
from tests.browser.test_pages import faults
from tests.factories.deliveries import give, make_shelf
from tests.factories.staff import make_account
from tests.factories.unions import small_tree
from tests.factories.welfare import make_session

pytestmark = pytest.mark.browser
WORKER = ("/welfare", "/welfare/for-me", "/welfare/{programme}", "/welfare/{programme}/book", "/me/bookings",
          "/me/bookings/{booking}", "/me/received")  # fmt: skip
STAFF = ("/programmes", "/programmes/new", "/programmes/{programme}", "/programmes/{programme}/quota", "/items",
         "/programmes/{programme}/sessions/new", "/sessions", "/sessions/{session}/bookings", "/sessions/{session}/sheet",
         "/bookings/{booking}", "/deliveries", "/deliveries/{delivery}", "/deliveries/exceptions", "/purchases/new", "/supplies",
         "/staff/supplies", "/staff/stations/{station}/supplies", "/staff/stations/{station}/supplies/book")  # fmt: skip


@pytest.fixture
def world(app):
    """A shelf with goods, a programme that gives them, a place booked and a thing handed over; who looks at it."""
    union = small_tree().county
    shelf = make_shelf(union)
    delivery = give(shelf.programme, shelf.station, shelf.worker)
    place = make_session(db.session.get_one(Programme, shelf.programme.id), shelf.station)
    booking = book_place(session_id=place.id, worker_id=shelf.worker.id, way=BookedBy.STAFF, by=SYSTEM)
    db.session.commit()
    roles = (Role.KEEPER, Role.OFFICER, Role.FINANCE)
    names = {"programme": shelf.programme.code, "station": shelf.station.code, "delivery": delivery.id,
             "session": place.id, "booking": booking.id}  # fmt: skip
    return SimpleNamespace(worker=shelf.worker, staff=make_account(roles=[(role, union) for role in roles]), names=names)


@pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("kind", ["worker", "staff"])
def test_welfare_pages(browser, server, app, world, width, kind):
    context = open_context(browser, server, viewport=width)
    page = context.new_page()
    watched = Watched(page)
    sign_in(page, app, server, getattr(world, kind), kind=kind)
    wrong = {}
    for address in WORKER if kind == "worker" else STAFF:
        answer = page.goto(address.format(**world.names))
        found = faults(page) + ([] if answer.status == 200 else [f"answers {answer.status}"])
        if found:
            wrong[address] = found
    context.close()
    assert wrong == {}
    assert watched.wrong == []
