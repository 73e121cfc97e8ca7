"""Changes to the tree. The database refuses circles and open bodies beneath closed ones; here it is said in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.types import Problem, Refused, new_id
from portal.unions.tree import queries, rules
from portal.unions.tree.models import FormationRoute, Union, UnionKind, UnionLevel


@dataclass(frozen=True)
class Details:
    """Everything about a union that a person decides; parents and the three relations are unions or None."""

    name: str
    kind: UnionKind
    level: UnionLevel
    parent: Union | None
    second_parent: Union | None = None
    affiliation: Union | None = None
    funding: Union | None = None
    custodian: Union | None = None
    formation_route: FormationRoute | None = None
    founded_on: date | None = None


def _lock(*unions: Union | None) -> None:
    """One change of the tree at a time: the same lock the closure's trigger takes, but before we look (again)."""
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("union-reach"))))
    for union in unions:
        if union:
            db.session.refresh(union)


def _problems_with_place(details: Details, union: Union | None = None) -> list[Problem]:
    parent, second = details.parent, details.second_parent

    def beneath(candidate: Union | None) -> bool:
        return bool(union and candidate and queries.lies_within(candidate.id, union.id))

    return rules.problems_with_place(
        kind=details.kind,
        level=details.level,
        parent_level=parent.level if parent else None,
        parent_closed=bool(parent and parent.closed_at),
        second_level=second.level if second else None,
        second_closed=bool(second and second.closed_at),
        same_parents=bool(parent and second and parent.id == second.id),
        circle=beneath(parent),
        circle_second=beneath(second),
    )


def _free_code(parent: Union) -> str:
    """The next code beneath a parent: 410105-01, 410105-02, …"""
    taken = set(db.session.scalars(sa.select(Union.code).where(Union.code.startswith(f"{parent.code}-", autoescape=True))))
    number = 1
    while f"{parent.code}-{number:02d}" in taken:
        number += 1
    return f"{parent.code}-{number:02d}"


def add_union(*, details: Details, code: str | None = None, by: By) -> Union:
    """Add a union beneath its parent; without a code it gets the next one. Raises Refused with the problems."""
    _lock(details.parent, details.second_parent)
    code = code or _free_code(details.parent)
    problems = rules.problems_with_code(code, taken=queries.find_union_by_code(code) is not None)
    problems += _problems_with_place(details)
    if problems:
        raise Refused(problems)
    union = Union(
        id=new_id(),
        code=code,
        name=details.name,
        kind=details.kind,
        level=details.level,
        division_code=details.parent.division_code,
        formation_route=details.formation_route,
        founded_on=details.founded_on,
        created_at=clock.now(),
        **{column: _id(getattr(details, name)) for name, column in queries.RELATIONS.items()},
    )
    db.session.add(union)
    db.session.flush()
    audit.record(
        "union.added", by=by, subject=union, union_id=union.id,
        code=code, name=union.name, kind=union.kind, level=union.level, parent=details.parent.code,
    )  # fmt: skip
    return union


def change_union(*, union: Union, details: Details, by: By) -> Union:
    """Change a union; moving it beneath a federation leaves affiliation and funding where they were.

    Raises Refused with the problems; with nothing changed, nothing is written.
    """
    _lock(union, details.parent, details.second_parent)
    before = _plain(union)
    moved = _id(details.parent) != union.parent_id
    if problems := _problems_with_place(details, union):
        raise Refused(problems)
    former = union.parent_id
    for name in ("name", "kind", "level", "formation_route", "founded_on"):
        setattr(union, name, getattr(details, name))
    for name, column in queries.RELATIONS.items():
        setattr(union, column, _id(getattr(details, name)))
    if moved and details.parent and details.parent.kind is UnionKind.FEDERATION:
        union.affiliation_union_id = union.affiliation_union_id or former
        union.funding_union_id = union.funding_union_id or former
    db.session.flush()
    after = _plain(union)
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if changes:
        audit.record("union.changed", by=by, subject=union, union_id=union.id, **changes)
    return union


def close_union(*, union: Union, by: By) -> Union:
    """Close a union for good; it stays in the tree and in every record. Raises Refused with the problems."""
    _lock(union)
    held = [(one.label, one.count) for one in queries.list_standing(union) if one.holds]
    problems = rules.problems_with_closing(
        closed=union.closed_at is not None,
        open_children=queries.count_open_children(union),
        standing=held,
        is_root=union.parent_id is None,
    )
    if problems:
        raise Refused(problems)
    union.closed_at = clock.now()
    db.session.flush()
    audit.record("union.closed", by=by, subject=union, union_id=union.id, code=union.code, name=union.name)
    return union


def _id(union: Union | None) -> Any:
    return union.id if union else None


def _plain(union: Union) -> dict[str, Any]:
    """What the audit compares: plain values, other unions by name."""
    names = queries.names_of(getattr(union, column) for column in queries.RELATIONS.values())
    plain = {name: getattr(union, name) for name in ("name", "kind", "level", "formation_route", "founded_on")}
    return plain | {name: names.get(getattr(union, column)) for name, column in queries.RELATIONS.items()}
