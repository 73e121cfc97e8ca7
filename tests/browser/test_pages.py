"""Every page a visitor, a worker or staff may open: no accessibility rule broken, no sideways scroll, at both widths."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from portal.access import Role
from tests.browser.conftest import sign_in
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree

pytestmark = pytest.mark.browser
AXE = Path(__file__).resolve().parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"
PUBLIC = ("/", "/stations", "/stations/{station}", "/welfare", "/privacy", "/join", "/sign-in", "/staff/sign-in", "/nothing-here")
STAFF = (
    "/staff", "/desk", "/desk/{station}", "/desk/{station}/today", "/applications", "/members", "/staff/stations",
    "/staff/stations/new", "/staff/stations/import", "/staff/stations/{station}", "/unions", "/unions/{union}", "/staff/accounts",
    "/staff/accounts/new", "/staff/password",
)  # fmt: skip


@pytest.fixture
def world(db):
    tree = small_tree()
    roles = [Role.OPERATOR, Role.OFFICER, Role.KEEPER, Role.ADMINISTRATOR]
    account = make_account(roles=[(role, tree.city) for role in roles])
    auditor = make_account(roles=[(Role.AUDITOR, tree.city)])
    station = make_station(union=tree.county, name="花园路驿站")
    db.session.commit()
    return SimpleNamespace(account=account, auditor=auditor, station=station.code, union=tree.city.code)


def faults(page) -> list[str]:
    """What axe-core finds on the open page, and whether it scrolls sideways."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        """() => axe.run({resultTypes: ['violations'], selectors: false})
            .then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ').slice(0, 300)))"""
    )
    if not page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
        found.append("scrolls sideways")
    return found


def walk(page, addresses, world) -> dict[str, list[str]]:
    wrong = {}
    for address in addresses:
        address = address.format(station=world.station, union=world.union)
        page.goto(address)
        found = faults(page)
        if found:
            wrong[address] = found
    return wrong


def test_public_pages(page, world):
    page.expected_errors = ["404"]
    assert walk(page, PUBLIC, world) == {}


def test_staff_pages(page, app, server, world):
    sign_in(page, app, server, world.account)
    assert walk(page, STAFF, world) == {}


def test_the_auditors_page(page, app, server, world):
    sign_in(page, app, server, world.auditor)
    assert walk(page, ("/audit", "/unions"), world) == {}


def test_the_check_can_fail(page, world):
    page.goto("/")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"x\"><input>')")
    page.expected_errors = ["404"]
    assert any("image-alt" in fault for fault in faults(page)) and any("label" in fault for fault in faults(page))
