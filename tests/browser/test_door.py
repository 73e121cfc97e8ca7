"""At the door with a phone: check in with two taps, say what is wrong with a photo; without JavaScript too."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.access import Role
from portal.stations.upkeep.models import Report, ReportKind, ReportPhoto
from portal.stations.visits.models import Visit
from tests.browser.conftest import sign_in
from tests.browser.test_pages import faults
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_checklist, make_inspection, make_report, photo_file

pytestmark = pytest.mark.browser


@pytest.fixture
def station(db):
    return make_station(union=small_tree().county, name="花园路驿站").code


def check_in_and_report(page, code: str) -> None:
    page.goto(f"/s/{code}")
    page.get_by_role("button", name="快递员").click()
    page.wait_for_url(f"**/s/{code}/checked-in")
    page.goto(f"/s/{code}/report")
    page.locator("#kind-1").check()
    page.locator("#facility").select_option("microwave")
    page.locator("#note").fill("微波炉不热")
    page.locator("#photo").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo_file().getvalue()})
    page.locator("main form button[type=submit]").click()
    page.wait_for_url(f"**/s/{code}/reported")


def recorded(db) -> tuple[int, int, int]:
    db.session.rollback()
    return tuple(db.session.scalar(sa.select(sa.func.count()).select_from(model)) for model in (Visit, Report, ReportPhoto))


def test_check_in_and_report(page, db, station):
    check_in_and_report(page, station)
    assert recorded(db) == (1, 1, 1)
    page.goto(f"/s/{station}")
    assert page.locator("p.said").count() == 1


def test_the_same_without_javascript(plain_page, db, station):
    check_in_and_report(plain_page, station)
    assert recorded(db) == (1, 1, 1)


def test_no_rule_of_access_is_broken(page, app, server, db):
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    report = make_report(station, photo=True, note="门锁着")
    make_report(station, ReportKind.BROKEN)
    inspection = make_inspection(station, make_checklist(tree.county), not_met=(1,), photo=True)
    code, ids = station.code, (report.id, inspection.id)
    account = make_account(roles=[(Role.KEEPER, tree.county)])
    page.goto(f"/s/{code}")
    page.get_by_role("button", name="快递员").click()
    page.wait_for_url("**/checked-in")
    addresses = [page.url, f"/s/{code}", f"/s/{code}/report"]
    wrong = {address: faults(page) for address in addresses if page.goto(address)}
    sign_in(page, app, server, account)
    addresses = [
        "/staff/reports", f"/staff/reports/{ids[0]}", f"/staff/stations/{code}/reports", f"/staff/stations/{code}/reports/new",
        "/staff/inspections", f"/staff/inspections/{ids[1]}", f"/staff/stations/{code}/inspections/new",
        f"/staff/stations/{code}/inspections/sheet", "/staff/checklists", "/staff/checklists/new",
    ]  # fmt: skip
    wrong |= {address: faults(page) for address in addresses if page.goto(address)}
    assert {address: found for address, found in wrong.items() if found} == {}
