"""Browsing, searching, adding, changing and closing unions over HTTP, and what stays out of sight."""

from __future__ import annotations

from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from portal.access import Role
from portal.audit import AuditEntry
from portal.unions.tree.models import Union
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import make_union, small_tree


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def administrator(client, tree):
    account = make_account([(Role.ADMINISTRATOR, tree.city)])
    sign_in_quickly(client, account)
    return account


FIELDS = {
    "name": "龙子湖高校园区工会",
    "kind": "joint_union",
    "level": "county",
    "parent_code": "4101",
    "formation_route": "",
}


def test_browse_shows_own_part_only(client, tree, administrator):
    client.set_cookie("language", "en")
    html = client.get("/unions").get_data(as_text=True)
    assert "郑州市总工会" in html and "金水区总工会" in html
    assert "洛阳市" not in html and "老城区" not in html
    assert "1 of 1 cities, 1 of 2 counties" in html


def test_search_finds_by_name_and_code_within_scope(client, tree, administrator):
    assert "花园路街道总工会" in client.get("/unions?q=花园路").get_data(as_text=True)
    assert "金水区总工会" in client.get("/unions?q=410105").get_data(as_text=True)
    for address in ("/unions?q=洛阳", "/unions?q=410302", "/unions?level=province"):
        html = client.get(address).get_data(as_text=True)
        assert "洛阳市总工会" not in html and "老城区总工会" not in html and "河南省总工会" not in html


def test_search_answers_as_fragment(client, tree, administrator):
    answer = client.get("/unions?q=金水", headers={"HX-Request": "true", "HX-Target": "unions"})
    html = answer.get_data(as_text=True)
    assert html.lstrip().startswith('<div id="unions"') and "金水区总工会" in html


def test_strange_filters_and_cursors_are_no_error(client, tree, administrator):
    for query in ("?level=moon", "?kind=%00", "?q=%25_%5C", "?after=x", "?before=W10", "?q=a&after=WyJcdTAwMDAiXQ"):
        assert client.get(f"/unions{query}").status_code == 200


def test_a_long_list_is_paged_by_key(client, db, tree, administrator):
    for number in range(60):
        make_union(f"410105-{number:02d}", f"商圈{number:02d}", "joint_union", "town", tree.county, commit=False)
    db.session.commit()
    first = client.get("/unions?q=商圈").get_data(as_text=True)
    assert "商圈49" in first and "商圈50" not in first
    after = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(after).get_data(as_text=True)
    assert "商圈50" in second and "商圈49" not in second
    before = second.split('rel="prev" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "商圈00" in client.get(before).get_data(as_text=True)


def test_page_of_a_union(client, tree, administrator):
    html = client.get("/unions/410105").get_data(as_text=True)
    assert "金水区总工会" in html and "花园路街道总工会" in html and "金水区新业态工会联合会" in html
    assert html.index("郑州市总工会") < html.index("花园路街道总工会")


@pytest.mark.parametrize("code", ["41", "4103", "410302", "nothing"])
def test_outside_of_scope_is_404(client, tree, administrator, code):
    for method, address in (("get", f"/unions/{code}"), ("get", f"/unions/{code}/change")):
        assert getattr(client, method)(address).status_code == 404
    assert client.send(f"/unions/{code}/change", FIELDS).status_code == 404
    assert client.send(f"/unions/{code}/close").status_code == 404


def test_dual_leadership_makes_the_county_federation_visible(app, client, tree):
    sign_in_quickly(client, make_account([(Role.OFFICER, tree.federation_city)]))
    assert client.get("/unions/410105-X").status_code == 200
    assert client.get("/unions/410105").status_code == 404
    html = client.get("/unions/410105-X").get_data(as_text=True)
    assert '<a href="/unions/4101-X">' in html and '<a href="/unions/410105">' not in html


def test_officers_see_but_do_not_change(client, tree):
    sign_in_quickly(client, make_account([(Role.OFFICER, tree.city)]))
    assert client.get("/unions/410105").status_code == 200
    assert client.get("/unions/new").status_code == 403
    assert client.send("/unions/new", FIELDS).status_code == 403
    assert client.send("/unions/410105/close").status_code == 403


def test_add_takes_the_next_free_code(client, db, tree, administrator):
    answer = client.send("/unions/new", FIELDS)
    assert answer.status_code == 303 and answer.location == "/unions/4101-01"
    union = db.session.query(Union).filter_by(code="4101-01").one()
    assert union.parent_id == tree.city.id and union.division_code == "4101"
    entry = db.session.query(AuditEntry).filter_by(action="union.added").one()
    assert entry.actor_id == administrator.id and entry.union_id == union.id


def test_add_twice_with_the_same_key_adds_once(client, db, tree, administrator):
    for _ in range(2):
        assert client.send("/unions/new", FIELDS, key="the-same-key").location == "/unions/4101-01"
    assert db.session.query(Union).filter_by(name=FIELDS["name"]).count() == 1
    assert client.send("/unions/new", FIELDS | {"name": "别的"}, key="the-same-key").status_code == 409


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": ""}, None),
        ({"parent_code": ""}, None),
        ({"parent_code": "4103"}, "4103"),
        ({"parent_code": "41"}, "41"),
        ({"second_parent_code": "410302"}, "410302"),
        ({"funding_code": "4103"}, "4103"),
        ({"level": "province"}, None),
        ({"kind": "general_union", "level": "city"}, None),
        ({"code": "410105"}, "410105"),
        ({"code": "no spaces!"}, None),
        ({"kind": "moon"}, None),
        ({"founded_on": "yesterday"}, None),
        ({"second_parent_code": "4101"}, None),
    ],
)
def test_what_cannot_be_added_is_said_beside_the_form(client, db, tree, administrator, changed, words):
    before = db.session.query(Union).count()
    answer = client.send("/unions/new", FIELDS | changed)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422 and 'class="wrong"' in html
    assert words is None or words in html
    if "name" not in changed:
        assert FIELDS["name"] in html  # what was typed is kept
    assert db.session.query(Union).count() == before


def test_extra_fields_are_not_taken(client, db, tree, administrator):
    extra = {"id": "0" * 32, "closed_at": "2026-01-01", "division_code": "4103", "created_at": "2000-01-01"}
    client.send("/unions/new", FIELDS | extra)
    union = db.session.query(Union).filter_by(code="4101-01").one()
    assert union.closed_at is None and union.division_code == "4101" and union.created_at.year > 2000


def change_fields(union, **changes):
    fields = {"name": union.name, "kind": union.kind.value, "level": union.level.value, "formation_route": ""}
    return fields | changes


def test_change_name_and_audit_from_to(client, db, tree, administrator):
    fields = change_fields(tree.county, name="金水区总工会（新）", parent_code="4101")
    assert client.send("/unions/410105/change", fields).status_code == 303
    db.session.expire_all()
    assert tree.county.name == "金水区总工会(新)"
    entry = db.session.query(AuditEntry).filter_by(action="union.changed").one()
    assert entry.details == {"name": ["金水区总工会", "金水区总工会(新)"]}


def test_saving_without_a_change_writes_nothing(client, db, tree, administrator):
    assert client.send("/unions/410105/change", change_fields(tree.county, parent_code="4101")).status_code == 303
    assert db.session.query(AuditEntry).count() == 0


def test_own_root_keeps_a_parent_outside_of_scope(client, db, tree, administrator):
    fields = change_fields(tree.city, name="郑州市总工会机关", parent_code="41")
    assert client.send("/unions/4101/change", fields).status_code == 303
    db.session.expire_all()
    assert tree.city.parent_id == tree.province.id
    assert client.send("/unions/4101/change", fields | {"parent_code": "4103"}).status_code == 422


def test_a_circle_is_said_in_words(client, db, tree, administrator):
    fields = change_fields(tree.county, parent_code="410105002", level="town", kind="joint_union")
    answer = client.send("/unions/410105/change", fields)
    assert answer.status_code == 422
    db.session.expire_all()
    assert tree.county.parent_id == tree.city.id


def test_moving_under_a_federation_keeps_affiliation_and_funding(client, db, tree, administrator):
    fields = change_fields(tree.town, kind="joint_union", parent_code="410105-X")
    assert client.send("/unions/410105002/change", fields).status_code == 303
    db.session.expire_all()
    assert tree.town.parent_id == tree.federation_county.id
    assert tree.town.affiliation_union_id == tree.county.id == tree.town.funding_union_id


def test_close_refused_with_children_and_staff_then_done(client, db, tree, administrator):
    answer = client.send("/unions/410105/close")
    assert answer.status_code == 422 and "2" in answer.get_data(as_text=True)
    make_account([(Role.OPERATOR, tree.town)])
    assert client.send("/unions/410105002/close").status_code == 422
    assert client.send("/unions/410102/close").status_code == 303
    db.session.expire_all()
    assert tree.sibling_county.closed_at is not None
    assert client.send("/unions/410102/close").status_code == 422
    assert client.send("/unions/new", FIELDS | {"parent_code": "410102"}).status_code == 422


def test_export_holds_own_part_only_and_formulas_stay_text(client, db, tree, administrator):
    make_union("4101-BAD", "=1+1", "joint_union", "town", tree.county)
    answer = client.get("/unions/export")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    rows = CalamineWorkbook.from_filelike(BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    names = {row[1] for row in rows[1:]}
    assert "金水区总工会" in names and "=1+1" in names
    assert not names & {"洛阳市总工会", "老城区总工会", "河南省总工会"}
    # The sheet's head is bold and stays in sight; a filter of the page holds for the export, too.
    filtered = client.get("/unions/export?kind=federation").data
    rows = CalamineWorkbook.from_filelike(BytesIO(filtered)).get_sheet_by_index(0).to_python()
    assert len(rows) == 3


def test_signed_out_goes_to_sign_in_and_back(client, tree):
    answer = client.get("/unions/410105")
    assert answer.status_code == 302 and answer.location.endswith("/staff/sign-in?next=/unions/410105")
