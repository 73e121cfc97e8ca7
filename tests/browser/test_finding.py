"""On a phone: find the nearest station and the way to it, see it on the map; and all of it without JavaScript."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from portal.access import Role
from tests.browser.conftest import DESKTOP, PHONE, Watched, open_context, sign_in
from tests.browser.test_pages import faults
from tests.factories.staff import make_account
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.wishes import make_wish

pytestmark = pytest.mark.browser

HERE = {"latitude": 34.8, "longitude": 113.67}


@pytest.fixture
def tree(db):
    tree = small_tree()
    for step, name in enumerate(("近处驿站", "中间驿站", "远处驿站")):
        make_station(union=tree.county, name=name, point=(34.802 + step / 100, 113.67))
    db.session.commit()
    return tree


@pytest.fixture
def phone(browser, server, tree):
    """A phone that gives its position; the test fails if the page complained about anything."""
    context = open_context(browser, server, viewport=PHONE, geolocation=HERE, permissions=["geolocation"])
    opened = context.new_page()
    watched = Watched(opened)
    yield opened
    context.close()
    assert watched.wrong == []


def test_find_the_nearest_and_the_way(phone: Page):
    phone.goto("/stations")
    phone.get_by_role("button", name="附近").click()
    first = phone.locator("li.station").first
    expect(first).to_contain_text("近处驿站")
    expect(first).to_contain_text("220 米")
    expect(phone).to_have_url(re.compile(r"lat=34\.80*&lng=113\.670*"))
    first.get_by_role("link", name="近处驿站", exact=True).click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("近处驿站")
    for host in ("uri.amap.com", "api.map.baidu.com", "apis.map.qq.com"):
        expect(phone.locator(f'a[href*="{host}"]')).to_be_visible()
    assert faults(phone) == []


def test_the_map_without_tiles(phone: Page):
    phone.goto("/stations?view=map&lat=34.8&lng=113.67")
    ground = phone.locator("#map[data-ready]")
    expect(ground).to_have_attribute("data-ready", "3")
    assert {one[0] for one in json.loads(ground.get_attribute("data-map"))["markers"]} == {"近处驿站", "中间驿站", "远处驿站"}
    expect(phone.locator(".map-station")).to_have_count(3)
    expect(phone.locator(".map-here")).to_be_visible()
    expect(phone.locator(".map-station .name", has_text="近处驿站")).to_be_visible()
    expect(phone.locator(".leaflet-control-scale")).to_contain_text("m")
    phone.locator(".map-station .pin").first.click()
    expect(phone.locator(".leaflet-popup a")).to_have_attribute("href", re.compile(r"^/stations/\d"))
    expect(phone.locator("li.station")).to_have_count(3)  # the list beside it says the same
    assert faults(phone) == []


def test_without_a_position_one_finds_by_name(browser, server, tree):
    context = open_context(browser, server, viewport=PHONE)  # asked, the phone says no
    page = context.new_page()
    page.goto("/stations")
    page.get_by_role("button", name="附近").click()
    expect(page.locator("#notice")).not_to_be_empty()
    page.get_by_role("searchbox").fill("金水 中间")
    page.keyboard.press("Enter")
    expect(page.locator("li.station")).to_have_count(1)
    expect(page.locator("li.station")).to_contain_text("中间驿站")
    context.close()


def test_without_javascript_the_list_and_the_wish_work(plain_page: Page, tree):
    plain_page.goto("/stations?view=map")
    expect(plain_page.locator("li.station")).to_have_count(3)
    plain_page.locator("#county").select_option("410105")
    plain_page.locator("form[role=search] .in [type=submit]").click()
    expect(plain_page.locator("li.station")).to_have_count(3)
    plain_page.goto("/stations/wish")
    plain_page.locator("#county_code").select_option("410105")
    plain_page.locator("#place").fill("花园路口")
    plain_page.locator("main form[method=post] [type=submit]").click()
    expect(plain_page).to_have_url(re.compile("/stations/wishes/"))


@pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_staff_pages_and_paper(browser, server, app, tree, width):
    wish, station = make_wish(), make_station(union=tree.county)
    context = open_context(browser, server, viewport=width)
    page = context.new_page()
    watched = Watched(page)
    sign_in(page, app, server, make_account(roles=[(Role.KEEPER, tree.county)]))
    for address in ("coverage", "wishes", f"wishes/{wish.id}", f"{station.code}/poster", f"{station.code}/sheet"):
        page.goto(f"/staff/stations/{address}")
        assert faults(page) == [], address
    for paper in ("poster", "sheet"):
        page.goto(f"/staff/stations/{station.code}/{paper}")
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1, paper
        assert re.search(rb"/MediaBox\s*\[0 0 59[45]\.?\d* 84[12]", pdf), paper
    context.close()
    assert watched.wrong == []
