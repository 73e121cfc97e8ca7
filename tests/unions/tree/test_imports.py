"""Henan from the division files: counted, complete, in the right place, and once."""

from __future__ import annotations

from collections import Counter

import pytest

from portal import audit
from portal.db import transactional
from portal.unions.tree import queries
from portal.unions.tree.imports import load_henan, plan, read_places
from portal.unions.tree.models import Division, Union, UnionKind, UnionLevel, UnionReach
from tests.factories.unions import make_union

SAYS = """\
Divisions: 2,786 ({0} new).
General unions: province 1, cities 17 + 济源, statutory counties 157 (with 济源), functional zones 24, \
towns and streets 2,586.
New-economy federations: 18 at cities + 156 at counties = 174.
Unions added now: {1}."""


def test_load_twice(db):
    load = transactional(load_henan)
    assert load() == SAYS.format("2,786", "2,959")
    unions = {union.code: union for union in db.session.query(Union)}
    by_id = {union.id: union for union in unions.values()}
    count = Counter((union.kind, union.level) for union in unions.values())
    assert count == {
        (UnionKind.GENERAL_UNION, UnionLevel.PROVINCE): 1,
        (UnionKind.GENERAL_UNION, UnionLevel.CITY): 18,
        (UnionKind.GENERAL_UNION, UnionLevel.COUNTY): 156,
        (UnionKind.GENERAL_UNION, UnionLevel.ZONE): 24,
        (UnionKind.GENERAL_UNION, UnionLevel.TOWN): 2586,
        (UnionKind.FEDERATION, UnionLevel.CITY): 18,
        (UnionKind.FEDERATION, UnionLevel.COUNTY): 156,
    }
    place = lambda code: [by_id[i].code if i else None for i in (unions[code].parent_id, unions[code].second_parent_id)]  # noqa: E731
    assert unions["410105"].name == "金水区总工会" and place("410105") == ["4101", None]
    assert unions["410105-X"].name == "金水区新业态工会联合会" and place("410105-X") == ["410105", "4101-X"]
    assert unions["410105002"].name == "花园路街道总工会" and place("410105002") == ["410105", None]
    assert unions["419001"].level is UnionLevel.CITY and place("419001") == ["41", None]
    assert place("419001-X") == ["419001", None] and place("419001001") == ["419001", None]
    assert "4190" not in unions and "410171-X" not in unions and place("410171") == ["4101", None]
    assert unions["410171"].level is UnionLevel.ZONE
    assert db.session.query(Division).filter(Division.level == "county", Division.statutory).count() == 157
    assert db.session.query(Division).filter(Division.lng.is_not(None)).count() == 157
    everything = db.session.query(UnionReach).filter_by(ancestor_id=unions["41"].id).count()
    assert everything == len(unions) == 2959
    assert queries.home_union_for_county("419001").code == "419001-X"
    assert len(queries.list_counties()) == 181 and len(queries.county_choices()) == 18

    unions["410105"].name = "改过的名字"
    db.session.commit()
    assert load() == SAYS.format("0", "0")
    db.session.expire_all()
    assert queries.get_union_by_code("410105").name == "改过的名字"
    assert db.session.query(Union).count() == 2959
    entry = db.session.query(audit.AuditEntry).one()  # nothing was done the second time, so nothing is written
    assert entry.action == "unions.loaded" and entry.details == {"divisions": 2786, "unions": 2959}


def test_a_failing_load_leaves_nothing(db, monkeypatch):
    monkeypatch.setattr(audit, "record", lambda *args, **values: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        transactional(load_henan)()
    assert db.session.query(Union).count() == 0 == db.session.query(Division).count()


def test_what_is_there_already_is_kept(db):
    make_union("41", "我们省的总工会", level="province")
    transactional(load_henan)()
    assert queries.get_union_by_code("41").name == "我们省的总工会"
    assert queries.get_union_by_code("4101").parent_id == queries.get_union_by_code("41").id


def test_every_parent_stands_in_an_earlier_list():
    known: set[str] = set()
    for level in plan(read_places()):
        for union in level:
            assert {union.parent_code, union.second_parent_code} - {None} <= known
        known |= {union.code for union in level}
