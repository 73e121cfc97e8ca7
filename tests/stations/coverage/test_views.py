"""Coverage within scope, by kind, as page, fragment and workbook."""

from __future__ import annotations

import re
from datetime import date, datetime

import pytest

from portal import clock
from portal.access import Role
from portal.clock import SHANGHAI
from portal.stations.register.models import StationKind, StationStatus
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station, weekly
from tests.factories.unions import small_tree

EVENING = datetime(2026, 11, 16, 20, tzinfo=SHANGHAI)


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def officer(client, tree):
    client.set_cookie("language", "en")
    account = make_account([(Role.OFFICER, tree.city)], starts_on=date(2026, 11, 1))
    with clock.stopped_at(EVENING):
        sign_in_quickly(client, account)
    return client


def numbers(client, query: str = "") -> dict[str, list[str]]:
    """The table by county: in service, around the clock, open now, drivers' homes."""
    page = client.get(f"/staff/stations/coverage{query}").get_data(as_text=True)
    found = {}
    for row in re.findall(r"<tr data-open>.*?</tr>", page, flags=re.DOTALL):
        county, *cells = (re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row))
        found[county] = cells[1:5]
    return found


def test_numbers_by_county_within_scope(officer, tree):
    make_station(union=tree.county)
    make_station(union=tree.town, hours=weekly((480, 1080)), kind=StationKind.DRIVERS_HOME)
    make_station(union=tree.county, status=StationStatus.SUSPENDED)
    make_station(union=tree.foreign_county)
    with clock.stopped_at(EVENING):
        assert numbers(officer) == {"中原区": ["0", "0", "0", "0"], "金水区": ["2", "1", "1", "1"]}
        assert numbers(officer, "?kind=drivers_home")["金水区"] == ["1", "0", "0", "1"]
        assert list(numbers(officer, "?gaps=1")) == ["中原区"]
        page = officer.get("/staff/stations/coverage").get_data(as_text=True)
    assert "1 county has no station in service" in page and "<svg" in page and "老城区" not in page


def test_fragment_and_workbook(officer, tree):
    with clock.stopped_at(EVENING):
        fragment = officer.get("/staff/stations/coverage", headers={"HX-Request": "true", "HX-Target": "counties"})
        assert fragment.get_data(as_text=True).lstrip().startswith('<div id="counties"')
        assert officer.get("/staff/stations/coverage/export?kind=care_station").mimetype.endswith("sheet")
