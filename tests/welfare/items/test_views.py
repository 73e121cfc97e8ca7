"""The catalogue over HTTP: from a template to an item, what stands above, search, export, close."""

from __future__ import annotations

import io

import openpyxl
import pytest

from portal.access import Role
from portal.welfare.items.models import Proof, WelfareCategory, WelfareItem
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme


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


def body(answer) -> str:
    return answer.get_data(as_text=True)


TYPED = {
    "name": "免费体检", "category": "health_check", "service_class": "universal", "procedure": "空腹来，带身份证。",
    "unit": "人次", "unit_cost": "500", "provider_name": "市一院", "supply": "", "named": "y", "proof": "code",
}  # fmt: skip


def test_from_a_template_to_an_item(tree, someone):
    """The template brings its words and what is known elsewhere; the cost is asked for; full-width commas stay."""
    officer = someone(Role.OFFICER, tree.county)
    assert "Add from a template" in body(officer.get("/items"))
    page = body(officer.get("/items/new?template=check_up"))
    assert "Free health check-up" in page and "Yunnan paid 500 yuan" in page
    answer = officer.send("/items/new", TYPED | {"unit_cost": ""})
    assert answer.status_code == 422 and "空腹来，带身份证。" in body(answer)
    assert officer.send("/items/new", TYPED).status_code == 303
    item = WelfareItem.query.one()
    assert (item.union_id, item.proof, item.procedure) == (tree.county.id, Proof.CODE, "空腹来，带身份证。")
    assert "Plan a programme with it" in body(officer.get(f"/items/{item.code}"))
    answer = officer.send(f"/items/{item.code}/edit", {name: value for name, value in TYPED.items() if name != "named"})
    assert answer.status_code == 422 and "Given without a name" in body(answer)
    assert officer.send(f"/items/{item.code}/edit", TYPED | {"unit_cost": "480.50"}).status_code == 303
    assert str(WelfareItem.query.one().unit_cost) == "480.50"


def test_one_chooses_for_which_union(tree, someone):
    """Whoever has several unions says which; another's is not taken."""
    officer = someone(Role.OFFICER, tree.county)
    assert "For which union?" in body(officer.get("/items/new"))
    officer.send(f"/items/new?union={tree.town.code}", TYPED)
    officer.send(f"/items/new?union={tree.sibling_county.code}", TYPED)
    assert {one.union_id for one in WelfareItem.query.all()} == {tree.town.id, tree.county.id}


def test_what_stands_above_is_used_and_not_opened(tree, someone):
    """It stands in the list with how it goes; its page and its form belong to the union above."""
    item = make_item(tree.city, name="市级体检", procedure="到市里来")
    make_item(tree.sibling_county, name="邻区体检")
    officer = someone(Role.OFFICER, tree.county)
    page = body(officer.get("/items"))
    assert "市级体检" in page and "到市里来" in page and "邻区体检" not in page and f"/items/{item.code}" not in page
    assert officer.get(f"/items/{item.code}").status_code == 404
    assert officer.send(f"/items/{item.code}/close").status_code == 404


def test_search_filter_export_and_an_empty_list(tree, someone):
    """The workbook holds what the list shows."""
    officer = someone(Role.OFFICER, tree.county)
    assert "The catalogue is empty" in body(officer.get("/items"))
    make_item(tree.county, name="体检甲")
    make_item(tree.county, name="法援乙", category=WelfareCategory.LEGAL_AID, provider_name="律师所")
    assert "法援乙" in body(officer.get("/items?q=律师")) and "体检甲" not in body(officer.get("/items?q=律师"))
    assert "No item matches" in body(officer.get("/items?category=vaccination"))
    book = openpyxl.load_workbook(io.BytesIO(officer.get("/items/export?category=legal_aid").data))
    assert [row[1].value for row in book.active.iter_rows(min_row=2)] == ["法援乙"]
    fragment = body(officer.get("/items", headers={"HX-Request": "true", "HX-Target": "items"}))
    assert fragment.lstrip().startswith('<div id="items"')


def test_it_is_offered_no_more_once_nothing_gives_it(tree, someone):
    """In use it says what uses it; closed it stands under its filter."""
    officer, item = someone(Role.OFFICER, tree.county), make_item(tree.county, name="体检甲")
    free = make_item(tree.county, name="闲置乙")
    make_programme(tree.county, item, name="春季体检")
    officer.send(f"/items/{item.code}/close")
    assert "春季体检 still gives it" in body(officer.get(f"/items/{item.code}"))
    officer.send(f"/items/{free.code}/close")
    officer.get("/items")  # which says what was done, with the name
    assert "闲置乙" not in body(officer.get("/programmes/new")) and "闲置乙" in body(officer.get("/items?closed=1"))


def test_a_keeper_reads_and_does_not_write(tree, someone):
    """Seeing the catalogue is not planning."""
    keeper, item = someone(Role.KEEPER, tree.county), make_item(tree.county)
    assert keeper.get(f"/items/{item.code}").status_code == 200
    assert keeper.get("/items/new").status_code == 403
    assert keeper.send("/items/new", TYPED).status_code == 403
