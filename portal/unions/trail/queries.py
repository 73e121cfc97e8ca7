"""Reads of the audit trail within scope, and the state of its chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import Actor, Permission
from portal.audit import AuditEntry
from portal.db import db
from portal.paging import Slice, keyset
from portal.unions.staff import queries as staff
from portal.unions.tree import queries as tree
from portal.unions.tree.models import Union

PORTION = 500


@dataclass(frozen=True)
class Line:
    """One entry as it is read: the entry, who did it (staff by name), and the name of what it was done to."""

    entry: AuditEntry
    who: str | None
    union: str | None
    subject: str | None


def _within(actor: Actor) -> sa.ColumnElement[bool]:
    """Entries of unions within scope; what concerns no union is read at the top of the tree."""
    held = actor.unions(Permission.VIEW_AUDIT)
    at_top = sa.exists().where(Union.id.in_(held), Union.parent_id.is_(None))
    return tree.within(AuditEntry.union_id, actor, Permission.VIEW_AUDIT) | (AuditEntry.union_id.is_(None) & at_top)


def _matching(actor: Actor, actions: Iterable[str] | None, day: date | None) -> sa.Select:
    found = sa.select(AuditEntry).where(_within(actor))
    if actions:
        found = found.where(AuditEntry.action.in_(list(actions)))
    if day:
        start, end = clock.day_bounds(day)
        found = found.where(AuditEntry.at >= start, AuditEntry.at < end)
    return found


def list_entries(
    actor: Actor,
    actions: Iterable[str] | None = None,
    day: date | None = None,
    *,
    before: str | None = None,
    after: str | None = None,
) -> Slice:
    """Entries within scope, newest first, a page at a time (of Line)."""
    found = keyset(
        _matching(actor, actions, day),
        (AuditEntry.id,),
        lambda entry: (entry.id,),
        before=before,
        after=after,
        descending=True,
    )
    return Slice(_lines(found.rows), found.before, found.after)


def rows_for_export(actor: Actor, actions: Iterable[str] | None = None, day: date | None = None) -> Iterator[Line]:
    """Every match, newest first, read in portions."""
    found = _matching(actor, actions, day).order_by(AuditEntry.id.desc())
    for portion in db.session.scalars(found.execution_options(yield_per=PORTION)).partitions():
        yield from _lines(portion)


def _lines(entries: Iterable[AuditEntry]) -> list[Line]:
    entries = list(entries)
    subjects = [(entry.subject_table, ident) for entry in entries if (ident := _uuid(entry.subject_id))]
    accounts = {entry.actor_id for entry in entries if entry.actor_kind == "staff" and entry.actor_id}
    accounts |= {ident for table, ident in subjects if table == "accounts"}
    people = staff.names_of_staff(accounts)
    unions = tree.names_of([*(entry.union_id for entry in entries), *(ident for table, ident in subjects if table == "unions")])
    named = {"accounts": people, "unions": unions}
    return [
        Line(
            entry,
            people.get(entry.actor_id) if entry.actor_kind == "staff" else None,
            unions.get(entry.union_id),
            named.get(entry.subject_table, {}).get(_uuid(entry.subject_id)),
        )
        for entry in entries
    ]


def _uuid(text: str) -> Any:
    try:
        return UUID(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Chain:
    """How far the chain is sealed: the last place and its time, and how many entries wait."""

    place: int
    sealed_at: datetime | None
    waiting: int


def get_chain() -> Chain:
    """The chain's state, from its head: costs the same however long it is."""
    last = audit.last_seal()
    return Chain(last.place if last else 0, last.sealed_at if last else None, audit.count_waiting())
