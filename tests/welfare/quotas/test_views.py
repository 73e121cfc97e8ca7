"""The pages of a quota: a county sees its own branch, upper unions see all; forms say what is wrong and keep what was typed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal import clock
from portal.access import SYSTEM, Role
from portal.db import db as database
from portal.welfare.programmes import commands as programmes
from portal.welfare.quotas import commands, queries
from tests.client import count_statements
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme


@pytest.fixture
def cascade(db):
    tree = small_tree()
    tree.programme = make_programme(tree.city, quota=100)
    tree.station = make_station(union=tree.county, name="花园路驿站")
    tree.root = commands.set_root(programme=tree.programme, amount=100, by=SYSTEM)
    tree.of_county = commands.hand_down(share=tree.root, union=tree.county, amount=30, by=SYSTEM)
    tree.of_sibling = commands.hand_down(share=tree.root, union=tree.sibling_county, amount=20, by=SYSTEM)
    tree.of_station = commands.hand_down(share=tree.of_county, station=tree.station, amount=5, by=SYSTEM)
    database.session.commit()
    return tree


def officer(client, union, role=Role.OFFICER):
    sign_in_quickly(client, make_account(roles=[(role, union)]))
    return client


def said(answer) -> str:
    return answer.get_data(as_text=True)


def test_a_county_sees_its_own_branch(client, cascade):
    code = cascade.programme.code
    page = said(officer(client, cascade.county).get(f"/programmes/{code}/quota"))
    assert "金水区总工会" in page and "花园路驿站" in page
    assert "中原区总工会" not in page and f"/quota-shares/{cascade.root.id}" not in page
    assert client.get(f"/quota-shares/{cascade.root.id}").status_code == 404
    assert client.get(f"/quota-shares/{cascade.of_sibling.id}").status_code == 404
    book = client.get(f"/programmes/{code}/quota/export")
    assert book.status_code == 200 and book.mimetype.endswith("sheet")


def test_the_city_sees_all(client, cascade):
    page = said(officer(client, cascade.city).get(f"/programmes/{cascade.programme.code}/quota"))
    for name in ("郑州市总工会", "金水区总工会", "中原区总工会", "花园路驿站"):
        assert name in page


def test_whoever_was_handed_nothing_finds_nothing(client, cascade):
    assert officer(client, cascade.foreign_county).get(f"/programmes/{cascade.programme.code}/quota").status_code == 404


def test_handing_down_through_the_form(client, cascade):
    officer(client, cascade.county)
    here = f"/quota-shares/{cascade.of_county.id}"
    wrong = client.send(f"{here}/hand-down", {"holder": "中原区总工会", "amount": "3"})
    assert wrong.status_code == 422 and 'value="3"' in said(wrong)
    much = client.send(f"{here}/hand-down", {"holder": cascade.town.code, "amount": "26"})
    assert much.status_code == 422
    day = clock.today() + timedelta(days=9)
    assert (
        client.send(f"{here}/hand-down", {"holder": cascade.town.name, "amount": "4", "take_back_on": str(day)}).location == here
    )
    own = queries.find_holder(cascade.programme.id, union_id=cascade.town.id)
    assert (own.amount, own.take_back_on) == (4, day)


def test_changing_and_taking_back_belong_to_whoever_gave(client, cascade):
    officer(client, cascade.county)
    assert client.send(f"/quota-shares/{cascade.of_county.id}/change", {"new_amount": "40"}).status_code == 404
    assert client.send(f"/quota-shares/{cascade.of_county.id}/take-back").status_code == 404
    below = f"/quota-shares/{cascade.of_station.id}"
    assert client.send(f"{below}/change", {"new_amount": "31"}).status_code == 422
    assert client.send(f"{below}/change", {"new_amount": "6"}).status_code == 303
    assert client.send(f"{below}/take-back").status_code == 303
    database.session.expire_all()
    assert cascade.of_station.amount == 0 and cascade.of_county.given == 0


def test_a_keeper_looks_and_changes_nothing(client, cascade):
    officer(client, cascade.county, Role.KEEPER)
    assert client.get(f"/quota-shares/{cascade.of_county.id}").status_code == 200
    assert client.send(f"/quota-shares/{cascade.of_county.id}/hand-down", {"holder": "x", "amount": "1"}).status_code == 403


def test_a_programme_without_quota_says_so(client, cascade):
    free = make_programme(cascade.city)
    assert officer(client, cascade.city).get(f"/programmes/{free.code}/quota").status_code == 200


def test_an_approved_programme_has_its_root(cascade):
    for tell in programmes.on_approved:
        tell(make_programme(cascade.city, quota=7), SYSTEM)
    newest = make_programme(cascade.city, quota=8)
    for tell in programmes.on_approved:
        tell(newest, SYSTEM)
    assert queries.find_root(newest.id).amount == 8


def test_who_holds_a_share_hears_that_it_goes_back_and_that_it_went(client, cascade):
    """On the overview of the union that holds it: a week ahead and a week after, with how many; others hear nothing."""
    officer(client, cascade.county)
    going = "/quota-shares"
    assert f'href="{going}"' not in said(client.get("/staff"))
    today = clock.today()
    commands.change_share(share=cascade.of_county, amount=30, take_back_on=today + timedelta(days=3), by=SYSTEM)
    database.session.commit()
    assert f'href="{going}"' in said(client.get("/staff"))
    assert f"/quota-shares/{cascade.of_county.id}" in said(client.get(going))
    with clock.stopped_at(clock.start_of(today + timedelta(days=3))):
        commands.take_back_due(by=SYSTEM)
        database.session.commit()
        assert f'href="{going}"' in said(officer(client, cascade.county).get("/staff"))
        page = said(client.get(going))
        assert ">25<" in page and "花园路驿站" not in page, "how many went back; the station's own share did not"
        officer(client, cascade.sibling_county)
        assert f'href="{going}"' not in said(client.get("/staff"))
        assert str(cascade.of_county.id) not in said(client.get(going))
    with clock.stopped_at(clock.start_of(today + timedelta(days=11))):
        assert f'href="{going}"' not in said(officer(client, cascade.county).get("/staff"))


def test_whoever_took_it_back_is_not_told_what_they_did(client, cascade):
    officer(client, cascade.county)
    client.send(f"/quota-shares/{cascade.of_station.id}/take-back")
    assert 'href="/quota-shares"' not in said(client.get("/staff"))
    assert 'href="/quota-shares"' in said(officer(client, cascade.county).get("/staff"))


def test_a_large_cascade_is_read_a_level_and_a_page_at_a_time(client, cascade):
    """However many hold a share, a page sends as many statements and shows one page of them."""
    officer(client, cascade.city)
    here = f"/programmes/{cascade.programme.code}/quota"
    small = count_statements(lambda: client.get(here))
    for number in range(60):
        station = make_station(union=cascade.county, name=f"第{number}站", address=f"花园路{number}号")
        commands.hand_down(share=cascade.root if number % 6 else cascade.of_county, station=station, amount=1, by=SYSTEM)
    database.session.commit()
    page = said(client.get(here))
    assert "花园路驿站" not in page, "folded: it stands beneath its county"
    assert page.count("data-open") == 51 and "after=" in page
    assert count_statements(lambda: client.get(here)) <= small + 3
    following = said(client.get(re.search(r'href="([^"]+after=[^"]+)"', page).group(1)))
    assert following.count("data-open") == 3, "the top, and the two that were left: 2 counties and 50 stations in all"
    below = f"/quota-shares/{cascade.of_county.id}"
    before = count_statements(lambda: client.get(below))
    assert "第0站" in said(client.get(below)) and before < 40
