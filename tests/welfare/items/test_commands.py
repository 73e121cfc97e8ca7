"""The catalogue as it changes: whose items may be used, names, what is in use, each constraint by name."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import SYSTEM
from portal.audit import AuditEntry
from portal.db import db
from portal.stations.supplies.models import SupplyItem
from portal.types import Refused, new_id
from portal.welfare.items import commands, queries
from portal.welfare.items.models import WelfareCategory, WelfareItem
from portal.welfare.items.rules import ItemValues
from portal.welfare.programmes import commands as programmes
from portal.welfare.programmes.models import ProgrammeStatus
from tests.factories.money import staff
from tests.factories.programmes import brought_to, drafted
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item


@pytest.fixture
def tree(db):
    return small_tree()


def values(name: str = "体检", **more) -> ItemValues:
    known = {"category": WelfareCategory.HEALTH_CHECK, "procedure": "空腹来。", "unit": "人次", "unit_cost": Decimal(500)}
    return ItemValues(name, **known | more)


def make_supply(union, name: str = "保暖包") -> SupplyItem:
    supply = SupplyItem(
        id=new_id(), code=f"S{new_id().hex[-8:]}", union_id=union.id, name=name, unit="份", created_at=clock.now()
    )
    db.session.add(supply)
    db.session.commit()
    return supply


def refused(code: str, command, **more) -> None:
    with pytest.raises(Refused) as found:
        command(**more)
    assert [problem.code for problem in found.value.problems] == [code]
    db.session.rollback()


def test_a_name_stands_once_in_a_unions_catalogue_until_it_is_closed(tree):
    """Another union may have the same; a closed one makes room."""
    first = commands.add_item(union=tree.county, values=values(), by=SYSTEM)
    db.session.commit()
    refused("twin", commands.add_item, union=tree.county, values=values(), by=SYSTEM)
    commands.add_item(union=tree.city, values=values(), by=SYSTEM)
    commands.close_item(item=first, by=SYSTEM)
    again = commands.add_item(union=tree.county, values=values(), by=SYSTEM)
    assert again.code != first.code
    db.session.commit()
    refused("closed", commands.change_item, item=first, values=values("体检二"), by=SYSTEM)


def test_what_changes_is_written_down(tree):
    """From and to, and nothing where nothing changed."""
    item = commands.add_item(union=tree.county, values=values(), by=SYSTEM)
    commands.change_item(item=item, values=values(), by=SYSTEM)
    commands.change_item(item=item, values=values("新名", unit_cost=Decimal("12.30")), by=SYSTEM)
    said = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "item.changed")).all()
    assert [one.details for one in said] == [{"name": "新名", "new_name": ["体检", "新名"], "unit_cost": ["500", "12.30"]}]


def test_it_takes_what_the_unions_stations_stock(tree):
    """The union's own things and those of the unions above; not those of a sister, nor what is closed."""
    own, above, beside = make_supply(tree.county), make_supply(tree.city), make_supply(tree.sibling_county)
    for supply in (own, above):
        made = commands.add_item(union=tree.county, values=values(f"包{supply.code}", supply_item_id=supply.id), by=SYSTEM)
        assert queries.find_supply(made).id == supply.id
    db.session.commit()
    refused("supply", commands.add_item, union=tree.county, values=values(supply_item_id=beside.id), by=SYSTEM)
    above.closed_at = clock.now()
    db.session.commit()
    assert [one.id for one in queries.list_supplies(tree.county)] == [own.id]
    commands.change_item(item=made, values=values("仍用", supply_item_id=above.id), by=SYSTEM)  # what it has may stay


def test_a_union_uses_its_own_items_and_those_above(tree):
    """Not those of a sister or from below."""
    for union, name in (
        (tree.province, "省"),
        (tree.city, "市"),
        (tree.county, "区"),
        (tree.town, "街"),
        (tree.sibling_county, "邻"),
    ):
        make_item(union, name=name)
    assert {one.name for one in queries.list_usable(tree.county)} == {"省", "市", "区"}


def test_it_stays_while_a_programme_gives_it(tree):
    """Closing and the question of a name wait until the programme is settled."""
    item = make_item(tree.county, name="体检")
    one = brought_to(ProgrammeStatus.CLOSED, tree.county, item, name="免费体检")
    refused("in_use", commands.close_item, item=item, by=SYSTEM)
    refused("named_in_use", commands.change_item, item=item, values=values(named=False), by=SYSTEM)
    programmes.set_status(programme=one, status=ProgrammeStatus.SETTLED, by=staff())
    commands.close_item(item=item, by=SYSTEM)
    db.session.commit()
    refused("item", drafted, union=tree.county, item=item)


BROKEN = {
    "ck_welfare_items_unit_cost_not_negative": "unit_cost = -0.01",
    "ck_welfare_items_unnamed_needs_no_code": "named = false, proof = 'signature'",
    "ck_welfare_items_welfare_category": "category = 'gold'",
    "ck_welfare_items_service_class": "service_class = 'first'",
    "ck_welfare_items_proof": "proof = 'word'",
    "uq_welfare_items_code": "code = 'TAKEN'",
    "uq_welfare_items_union_id_name": "name = '占用'",
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_constraint_of_items_by_name(tree, name):
    """A row that breaks it is refused by exactly this constraint."""
    make_item(tree.county, name="占用", code="TAKEN")
    item = make_item(tree.county)
    with pytest.raises(IntegrityError) as found:
        db.session.execute(sa.text(f"UPDATE welfare_items SET {BROKEN[name]} WHERE id = :id"), {"id": item.id})
    assert found.value.orig.diag.constraint_name == name
    db.session.rollback()
    assert WelfareItem.query.count() == 2
