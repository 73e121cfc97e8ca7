"""Programmes over HTTP: from the catalogue to an open programme by two people, what everyone sees, places, export."""

from __future__ import annotations

import io
from datetime import timedelta

import openpyxl
import pytest

from portal import clock
from portal.access import Role
from portal.welfare.eligibility.models import Audience
from portal.welfare.eligibility.queries import find_rule
from portal.welfare.items.models import WelfareCategory, WelfareItem
from portal.welfare.programmes import queries, views
from portal.welfare.programmes.models import Programme, ProgrammeStatus
from tests.factories.money import make_line
from tests.factories.programmes import brought_to, drafted
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme

S = ProgrammeStatus


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def someone(app):
    """A function that gives a signed-in client of a role at a union, in English."""

    def sign_in(role: Role, *unions):
        client = app.test_client()
        sign_in_quickly(client, make_account(roles=[(role, union) for union in unions]))
        client.set_cookie("language", "en")
        return client

    return sign_in


@pytest.fixture
def visitor(app):
    """Somebody who is not signed in, in English."""
    client = app.test_client()
    client.set_cookie("language", "en")
    return client


def body(answer) -> str:
    return answer.get_data(as_text=True)


def typed(item: WelfareItem, **more) -> dict[str, str]:
    """What an officer types."""
    today = clock.today()
    known = {
        "name": "夏季免费体检", "item": str(item.id), "summary": "空腹来，当天出结果。", "starts_on": str(today),
        "ends_on": str(today + timedelta(days=60)), "charge": "nothing", "budget_line": "", "parent": "",
        "ways": ["walk_in", "book"], "where": "everywhere", "booking_days": "next_day", "days_ahead": "7", "cancel_hours": "0",
        "grace_minutes": "10", "offer_minutes": "60",
    }  # fmt: skip
    return known | more


def test_from_the_catalogue_to_an_open_programme_by_two_people(tree, someone, visitor):
    """An officer drafts and hands in, cannot decide; an approver decides; opened, everyone finds it with its rule in words."""
    officer, approver = someone(Role.OFFICER, tree.county), someone(Role.APPROVER, tree.county)
    item = make_item(tree.county, name="健康体检")
    answer = officer.send(f"/programmes/new?union={tree.county.code}", typed(item))
    assert answer.status_code == 303, body(answer)
    programme = Programme.query.one()
    here = f"/programmes/{programme.code}"
    assert "Hand it in" in body(officer.get(here))
    assert officer.send(f"{here}/submit").status_code == 303
    assert officer.send(f"{here}/decide", {"decision": "approve"}).status_code == 403
    assert visitor.get(f"/welfare/{programme.code}").status_code == 404
    assert "Programmes to decide" in body(approver.get("/staff"))
    assert "Your decision" in body(approver.get(here))
    assert approver.send(f"{here}/decide", {"decision": "return"}).status_code == 422  # what has to change must be said
    assert approver.send(f"{here}/decide", {"decision": "approve"}).status_code == 303
    assert find_rule(programme.id).audience is Audience.ANYONE
    assert officer.send(f"{here}/status", {"status": "open"}).status_code == 303
    assert programme.name in body(visitor.get("/welfare"))
    page = body(visitor.get(f"/welfare/{programme.code}"))
    for words in ("Free of charge", "Open to anyone", "You can book the next day only", item.procedure, "At every station of"):
        assert words in page
    assert "Programme approved" in body(officer.get(here))


def test_what_was_typed_comes_back_with_what_is_wrong(tree, someone):
    """A form that does not hold answers 422, keeps every word, and says what is wrong beside its field."""
    officer, item = someone(Role.OFFICER, tree.county), make_item(tree.county)
    answer = officer.send("/programmes/new", typed(item, charge="per_place", ends_on="2000-01-01", ways=[]))
    assert answer.status_code == 422
    for words in ("夏季免费体检", "The last day lies before the first", "Choose the budget line", "Say how people come to it"):
        assert words in body(answer)
    assert officer.send("/programmes/new", {"name": "x"}).status_code == 422
    assert Programme.query.count() == 0


def test_the_form_offers_what_the_union_may_use(tree, someone):
    """Items of the union and above, its own budget lines with what is left; nothing of a sister union."""
    make_item(tree.city, name="市级体检")
    make_item(tree.sibling_county, name="邻区体检")
    line = make_line(tree.county, 1000)
    officer = someone(Role.OFFICER, tree.county)
    page = body(officer.get("/programmes/new"))
    assert "市级体检" in page and "邻区体检" not in page
    if clock.today().year == 2026:
        assert f"{line.name} · ¥1,000.00" in page


def test_an_approved_quota_changes_only_by_another_person(tree, someone):
    """Words change at once; the quota waits and then holds."""
    programme = brought_to(S.OPEN, tree.county, make_item(tree.county), quota=10)
    officer, approver = someone(Role.OFFICER, tree.county), someone(Role.APPROVER, tree.county)
    here, item = f"/programmes/{programme.code}", queries.item_of(programme)
    same = {"starts_on": str(programme.starts_on), "ends_on": str(programme.ends_on)}
    assert officer.send(f"{here}/edit", typed(item, quota="25", **same)).status_code == 303
    found = Programme.query.one()
    assert (found.name, found.quota, found.pending) == ("夏季免费体检", 10, {"quota": 25})
    assert "A change waits for an approver" in body(approver.get(here))
    assert 'value="25"' in body(officer.get(f"{here}/edit"))
    approver.send(f"{here}/decide", {"decision": "approve"})
    assert (Programme.query.one().quota, Programme.query.one().status) == (25, S.OPEN)


def test_places_are_chosen_and_shown(tree, someone, visitor):
    """Stations of the programme's part of the tree and a provider with its address; the public page links the station."""
    here, elsewhere = make_station(union=tree.town, name="花园驿站"), make_station(union=tree.sibling_county, name="邻区驿站")
    programme = drafted(tree.county, make_item(tree.county), everywhere=False)
    officer, address = someone(Role.OFFICER, tree.county), f"/programmes/{programme.code}/places"
    page = body(officer.get(address))
    assert "花园驿站" in page and "邻区驿站" not in page
    officer.send(address, {"code": here.code})
    officer.send(address, {"code": elsewhere.code})
    assert officer.send(f"/programmes/{programme.code}/providers", {"provider_name": "市一院"}).status_code == 422
    officer.send(f"/programmes/{programme.code}/providers", {"provider_name": "市一院", "address": "东大街1号"})
    assert [one.name for one in queries.places_of(programme)] == ["花园驿站", "市一院"]
    assert officer.send(f"/programmes/{programme.code}/submit").status_code == 303
    someone(Role.APPROVER, tree.county).send(f"/programmes/{programme.code}/decide", {"decision": "approve"})
    officer.send(f"/programmes/{programme.code}/status", {"status": "open"})
    page = body(visitor.get(f"/welfare/{programme.code}"))
    assert f"/stations/{here.code}" in page and "东大街1号" in page
    first = queries.places_of(programme)[0].place
    assert officer.send(f"{address}/{first.id}/remove").status_code == 303
    last = queries.places_of(programme)[0].place
    officer.send(f"{address}/{last.id}/remove")
    assert len(queries.places_of(programme)) == 1  # the last one stays


def test_everyone_finds_what_is_open_by_kind_and_county(tree, visitor):
    """Filters narrow; drafts, ended ones and headings never show; an empty list says what to do."""
    page = body(visitor.get("/welfare"))
    assert page.index("At every station, for everyone") < page.index("No programme is open just now")
    make_programme(tree.city, make_item(tree.city, name="市体检"), name="市里体检")
    make_programme(tree.county, make_item(tree.county, category=WelfareCategory.LEGAL_AID), name="区里法援")
    make_programme(tree.foreign_county, name="洛阳体检")
    make_programme(tree.county, name="过去的", starts_on=clock.today() - timedelta(days=9),
                   ends_on=clock.today() - timedelta(days=1))  # fmt: skip
    drafted(tree.county, make_item(tree.county), name="草稿")
    page = body(visitor.get("/welfare"))
    assert all(name in page for name in ("市里体检", "区里法援", "洛阳体检")) and "过去的" not in page and "草稿" not in page
    page = body(visitor.get("/welfare?category=legal_aid"))
    assert "区里法援" in page and "市里体检" not in page
    page = body(visitor.get("/welfare?county=410105"))
    assert "市里体检" in page and "区里法援" in page and "洛阳体检" not in page
    assert "Nothing of this kind" in body(visitor.get("/welfare?q=没有的"))
    fragment = visitor.get("/welfare", headers={"HX-Request": "true", "HX-Target": "offers"})
    assert body(fragment).lstrip().startswith('<div id="offers"')


def test_members_only_is_said_before_anybody_comes(tree, visitor):
    """The list and the page say for whom."""
    programme = make_programme(tree.county, name="会员观影", rule={"audience": Audience.MEMBER, "min_age": 18})
    assert "for members" in body(visitor.get("/welfare"))
    assert "For union members." in body(visitor.get(f"/welfare/{programme.code}"))


def test_other_rooms_hang_their_parts_on_the_pages(tree, someone, visitor, monkeypatch):
    """A section on the staff's page, a part on the public one."""
    programme = make_programme(tree.county)
    monkeypatch.setattr(
        views, "sections", [lambda one: {"title": "场次", "url": f"/x/{one.code}", "text": "三场"}, lambda one: None]
    )
    monkeypatch.setattr(views, "public_parts", [lambda one: ("welfare/programmes/status.html", {}), lambda one: None])
    assert "三场" in body(someone(Role.KEEPER, tree.county).get(f"/programmes/{programme.code}"))
    assert visitor.get(f"/welfare/{programme.code}").status_code == 200


def test_the_tree_shows_levels_and_counts(tree, someone):
    """Headings, what stands beneath and how much of it is open; the department's filter keeps the way up."""
    home = drafted(tree.city, name="网上职工之家")
    action = drafted(tree.county, name="关爱行动", parent_id=home.id, owner_department="保障部")
    make_programme(tree.county, name="体检", parent_id=action.id, owner_department="保障部")
    drafted(tree.county, make_item(tree.county), name="观影", parent_id=action.id, owner_department="宣教部")
    officer = someone(Role.OFFICER, tree.county)
    page = body(officer.get("/programmes/tree"))
    assert "网上职工之家" in page and "Level 3" in page and "2 programmes beneath, 1 open" in page
    assert f"/programmes/{home.code}" not in page  # it is the city's: seen as a heading, opened by the city
    page = body(officer.get("/programmes/tree?department=保障部"))
    assert "体检" in page and "关爱行动" in page and "观影" not in page


def test_the_list_is_exported_as_it_is_filtered(tree, someone):
    """The workbook holds what the list shows."""
    make_programme(tree.county, name="体检甲")
    drafted(tree.county, make_item(tree.county), name="草稿乙")
    officer = someone(Role.OFFICER, tree.county)
    assert "体检甲" in body(officer.get("/programmes?q=甲")) and "草稿乙" not in body(officer.get("/programmes?q=甲"))
    assert "No programme matches" in body(officer.get("/programmes?q=无"))
    book = openpyxl.load_workbook(io.BytesIO(officer.get("/programmes/export?status=draft").data))
    names = [row[1].value for row in book.active.iter_rows(min_row=2)]
    assert names == ["草稿乙"]


def test_a_heading_has_no_deliveries_of_its_own(tree, someone):
    """It gives nothing itself, so its page leads to no list of what it gave; a programme's page does."""
    officer = someone(Role.OFFICER, tree.county)
    heading = make_programme(tree.county, item_id=None, ways=[], everywhere=False)
    assert "/deliveries?programme" not in body(officer.get(f"/programmes/{heading.code}"))
    given = make_programme(tree.county)
    assert f"/deliveries?programme={given.code}" in body(officer.get(f"/programmes/{given.code}"))
