"""Reads about the tree: scope by both lines, the way up, coverage, and where a joiner belongs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy.exc import NoResultFound

from portal import clock
from portal.access import Permission
from portal.unions.tree import queries
from portal.unions.tree.models import Union
from tests.factories.unions import make_division, make_union, small_tree


@pytest.fixture
def tree(app):
    return small_tree()


def actor(*unions):
    return SimpleNamespace(unions=lambda permission: tuple(union.id for union in unions))


def codes(unions):
    return [union.code for union in unions]


SEE = Permission.VIEW_UNIONS


def test_scope_is_the_subtree_by_either_parent(db, tree):
    seen = queries.list_unions(actor(tree.county))
    assert codes(seen) == ["410105", "410105-X", "410105002"]
    assert codes(queries.list_unions(actor(tree.federation_city))) == ["4101-X", "410105-X"]
    assert codes(queries.list_unions(actor())) == []
    assert queries.reaches(actor(tree.federation_city), SEE, tree.federation_county.id)
    assert not queries.reaches(actor(tree.federation_city), SEE, tree.county.id)


def test_affiliation_funding_and_custody_open_nothing(db, tree):
    for column in ("affiliation_union_id", "funding_union_id", "custodian_union_id"):
        setattr(tree.foreign_county, column, tree.county.id)
    db.session.commit()
    assert not queries.reaches(actor(tree.county), SEE, tree.foreign_county.id)


def test_outside_of_scope_raises(tree):
    with pytest.raises(NoResultFound):
        queries.get_union("4103", actor(tree.city), SEE)
    assert queries.find_union("4103", actor(tree.city), SEE) is None
    assert queries.find_union(None, actor(tree.city), SEE) is None
    assert queries.get_union("410105", actor(tree.city), SEE).id == tree.county.id


def test_the_way_up_is_cut_at_the_scope(tree):
    way = lambda *unions: codes(queries.ancestors_of(tree.federation_county, actor(*unions)))  # noqa: E731
    assert way(tree.province) == ["41", "4101", "410105", "410105-X"]
    assert way(tree.county) == ["410105", "410105-X"]
    assert way(tree.federation_city) == ["4101-X", "410105-X"]
    assert way(tree.foreign_city) == []


def test_roots_leave_out_what_lies_beneath_another(tree):
    assert codes(queries.list_roots(actor(tree.county, tree.city, tree.foreign_county))) == ["4101", "410302"]


def test_search_takes_signs_literally(tree):
    make_union("410105-01", "100%_工会", "joint_union", "town", tree.county)
    everywhere = actor(tree.province)
    assert codes(queries.list_unions(everywhere, "%")) == ["410105-01"] == codes(queries.list_unions(everywhere, "_"))
    assert codes(queries.list_unions(everywhere, "410105-x")) == ["410105-X"]


def test_counts_beneath_are_of_open_bodies(db, tree):
    counts = queries.count_beneath([tree.province, tree.town])
    assert counts == {tree.province.id: {"city": 2, "county": 3, "town": 1, "federation": 2}}
    tree.town.closed_at = clock.now()
    db.session.commit()
    assert "town" not in queries.count_beneath([tree.province])[tree.province.id]


def test_coverage_is_computed(db, tree):
    assert queries.count_coverage(actor(tree.province)) == queries.Coverage(2, 1, 3, 1)
    assert queries.count_coverage(actor(tree.county)) == queries.Coverage(0, 0, 1, 1)
    tree.federation_county.closed_at = clock.now()
    db.session.commit()
    assert queries.count_coverage(actor(tree.province)) == queries.Coverage(2, 1, 3, 0)


def test_city_federation_of(db, tree):
    for union in (tree.town, tree.county, tree.city, tree.federation_county, tree.sibling_county):
        assert queries.city_federation_of(union).code == "4101-X"
    assert queries.city_federation_of(tree.foreign_county) is None
    tree.federation_county.second_parent_id = None
    db.session.commit()
    tree.federation_city.closed_at = clock.now()
    db.session.commit()
    assert queries.city_federation_of(tree.town) is None


def test_home_union_for_a_county(db, tree):
    home = queries.home_union_for_county
    assert home("410105").code == "410105-X"
    assert home("410102").code == "4101-X"  # no federation of its own: the city's
    assert home("410302").code == "410302"  # no federation anywhere: the nearest general union
    assert home("nothing") is None
    make_division("410171", "郑州经开区", "4101", statutory=False)
    assert home("410171").code == "4101-X"
    tree.federation_county.closed_at = clock.now()
    db.session.commit()
    assert home("410105").code == "4101-X"


def test_home_union_for_a_county_run_by_the_province(tree):
    make_division("4190", "省直辖县级行政区划", "41", "city", statutory=False)
    make_division("419001", "济源市", "4190")
    jiyuan = make_union("419001", "济源市总工会", level="city", parent=tree.province, division_code="419001")
    make_union("419001-X", "济源市新业态工会联合会", "federation", "city", jiyuan, division_code="419001")
    assert queries.home_union_for_county("419001").code == "419001-X"
    choices = queries.county_choices()
    assert choices["济源市"] == [("419001", "济源市")]
    assert choices["郑州市"] == [("410102", "中原区"), ("410105", "金水区")]


def test_children_by_either_line(tree):
    assert codes(queries.list_children(tree.city, actor(tree.city))) == ["4101-X", "410102", "410105"]
    assert codes(queries.list_children(tree.federation_city, actor(tree.city))) == ["410105-X"]


def test_export_rows(db, tree):
    rows = list(queries.rows_for_export(actor(tree.county)))
    assert [(row[0].code, row[1], row[2]) for row in rows] == [
        ("410105", "郑州市总工会", None),
        ("410105-X", "金水区总工会", "郑州市新业态工会联合会"),
        ("410105002", "金水区总工会", None),
    ]
    assert db.session.query(Union).count() == 9
