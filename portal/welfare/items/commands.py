"""Changes to the catalogue: add, change, close."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.types import N_, Problem, Refused, new_id, text
from portal.unions.tree.models import Union
from portal.welfare.items import queries, rules
from portal.welfare.items.models import WelfareItem
from portal.welfare.items.rules import ItemValues


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _look_at(union: Union, values: ItemValues, item: WelfareItem | None) -> list[Problem]:
    """What the values and what stands around them forbid; one at a time for each union."""
    db.session.execute(sa.select(Union.id).where(Union.id == union.id).with_for_update(key_share=True))
    found = rules.problems_with_item(values)
    if queries.find_name_twin(union, values.name, item.id if item else None):
        says = N_("There is an item of this name already.")
        found.append(Problem("twin", text(says), field="name"))
    new = values.supply_item_id and (item is None or item.supply_item_id != values.supply_item_id)  # a closed one may stay
    if new and values.supply_item_id not in {one.id for one in queries.list_supplies(union)}:
        says = N_("This is nothing that the union's stations stock.")
        found.append(Problem("supply", text(says), field="supply"))
    return found


def add_item(*, union: Union, values: ItemValues, by: By, code: str | None = None) -> WelfareItem:
    """Put an item into a union's catalogue. Raises `Refused`."""
    _refuse(_look_at(union, values, None))
    item = WelfareItem(
        id=new_id(), code=code or rules.new_code("X"), union_id=union.id, created_at=clock.now(), **asdict(values)
    )  # fmt: skip
    db.session.add(item)
    db.session.flush()
    audit.record("item.added", by=by, subject=item, union_id=union.id, name=item.name, code=item.code)
    return item


def change_item(*, item: WelfareItem, values: ItemValues, by: By) -> None:
    """Say anew what an item is. Programmes keep the price they were approved with. Raises `Refused`."""
    problems = _look_at(queries.union_of(item), values, item)
    _refuse(problems + rules.problems_with_changing(item, values, queries.users_of(item)))
    if item.closed_at:
        raise Refused([Problem("closed", text(N_("This item is no longer offered.")))])
    changes = {}
    for name, value in asdict(values).items():
        before = getattr(item, name)
        if before != value:
            changes[name] = [str(before or ""), str(value or "")]
            setattr(item, name, value)
    db.session.flush()
    if changes:
        audit.record("item.changed", by=by, subject=item, union_id=item.union_id, name=item.name, **_short(changes))


def _short(changes: dict[str, list[str]]) -> dict[str, list[str]]:
    """Changes as the trail keeps them: `name` is told already, long texts are cut."""
    return {("new_name" if name == "name" else name): [word[:80] for word in pair] for name, pair in changes.items()}


def close_item(*, item: WelfareItem, by: By) -> None:
    """Take an item out of the catalogue; what was given stays on record. Raises `Refused` while programmes give it."""
    if item.closed_at:
        return
    _refuse(rules.problems_with_closing(queries.users_of(item)))
    item.closed_at = clock.now()
    db.session.flush()
    audit.record("item.closed", by=by, subject=item, union_id=item.union_id, name=item.name)
