"""Reads for merging: likely duplicates within scope, two records side by side, merges and what they moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import aliased

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.members.joining import queries as joining
from portal.members.memberships import queries as memberships
from portal.members.merging import rules
from portal.members.merging.models import NotSamePeople, WorkerMerge
from portal.members.merging.rules import Likeness, Standing
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker, WorkerPhone
from portal.members.workers.queries import Masked
from portal.members.workers.rules import birth_date, mask_id_number, mask_phone
from portal.paging import Slice, keyset

LOOKED_BACK = timedelta(days=90)
READ_AT_MOST = 50_000  # visits that one page looks at, shared by the stations within scope
SHOWN = 100

# Stations and visits stand above this noun, so it may not import them; who was met where is read here by plain SQL. Its cost
# is bounded by the stations in scope, not by their history. Only indexes and names are compared, nothing is decrypted.
_PAIRS = sa.text(
    """
    WITH here AS MATERIALIZED (
        SELECT s.id, s.county_code FROM stations s WHERE EXISTS (
            SELECT FROM union_reach r WHERE r.union_id = s.union_id AND r.ancestor_id = ANY(CAST(:unions AS uuid[])))
    ), met AS MATERIALIZED (
        SELECT DISTINCT coalesce(k.merged_into_id, k.id) AS id, here.county_code FROM here CROSS JOIN LATERAL (
            SELECT v.worker_id FROM visits v WHERE v.station_id = here.id AND v.at >= :since
            ORDER BY v.at DESC, v.id DESC LIMIT greatest(20, :most / (SELECT count(*) + 1 FROM here))) v
        JOIN workers k ON k.id = v.worker_id
    ), people AS MATERIALIZED (
        SELECT w.id, w.name, w.occupation, w.id_type, w.id_number_index FROM workers w
        WHERE w.id IN (SELECT id FROM met) OR w.id IN (
            SELECT a.worker_id FROM applications a JOIN union_reach r ON r.union_id = a.union_id
            WHERE r.ancestor_id = ANY(CAST(:unions AS uuid[])) AND a.created_at >= :since)
    ), contacts AS MATERIALIZED (
        SELECT p.worker_id, p.phone_index, p.tail_index, p.until FROM worker_phones p JOIN people ON people.id = p.worker_id
    )
    SELECT DISTINCT a_id, b_id, why FROM (
        SELECT a.id AS a_id, b.id AS b_id,
               CASE WHEN left(a.name, 1) = left(b.name, 1) THEN 'phone_surname' ELSE 'phone_nameless' END AS why
        FROM contacts x JOIN contacts y ON y.phone_index = x.phone_index AND x.worker_id < y.worker_id
        JOIN people a ON a.id = x.worker_id JOIN people b ON b.id = y.worker_id
        WHERE x.until IS NULL AND y.until IS NULL AND (left(a.name, 1) = left(b.name, 1)
            OR ((a.name IS NULL OR b.name IS NULL) AND a.occupation = b.occupation))
        UNION ALL
        SELECT a.id, b.id, 'document' FROM people a JOIN people b ON b.id_number_index = a.id_number_index AND a.id < b.id
        UNION ALL
        SELECT a.id, b.id, 'application' FROM people a JOIN applications x ON x.worker_id = a.id
        JOIN applications y ON y.id_number_index = x.id_number_index AND y.worker_id > a.id JOIN people b ON b.id = y.worker_id
        UNION ALL
        SELECT a.id, b.id, 'name_tail' FROM people a JOIN people b ON b.name = a.name AND a.id < b.id
        WHERE EXISTS (SELECT FROM contacts x JOIN contacts y ON y.tail_index = x.tail_index
                      WHERE x.worker_id = a.id AND y.worker_id = b.id)
          AND EXISTS (SELECT FROM met m JOIN met n ON n.county_code = m.county_code WHERE m.id = a.id AND n.id = b.id)
        UNION ALL
        SELECT a.id, b.id, 'birth' FROM people a JOIN people b ON b.name = a.name AND a.id < b.id
        WHERE a.id_type IN ('resident_id', 'hmt_residence') AND b.id_type IN ('resident_id', 'hmt_residence')
    ) found ORDER BY a_id, b_id, why LIMIT 2000
    """
)


@dataclass(frozen=True)
class Likely:
    """Two records that may be one person, and why."""

    one: Masked
    other: Masked
    score: int
    reasons: tuple[Likeness, ...]


def list_likely(actor: Actor, *, why: Likeness | None = None) -> list[Likely]:
    """The likeliest pairs among people met within scope in the last 90 days; never one of which was said “two people”."""
    values = {"unions": list(actor.unions(Permission.MERGE_WORKERS)), "since": clock.now() - LOOKED_BACK, "most": READ_AT_MOST}
    reasons: dict[tuple[UUID, UUID], set[Likeness]] = defaultdict(set)
    for row in db.session.execute(_PAIRS, values):
        reasons[row.a_id, row.b_id].add(Likeness(row.why))
    people = {one.id: one for one in db.session.scalars(sa.select(Worker).where(Worker.id.in_({i for p in reasons for i in p})))}
    for pair, found in list(reasons.items()):
        if Likeness.BIRTH in found and len({_born(people[ident]) for ident in pair}) > 1:
            found.discard(Likeness.BIRTH)
    for pair in said_apart(people) | {pair for pair, found in reasons.items() if not found or (why and why not in found)}:
        reasons.pop(pair, None)
    best = sorted(reasons.items(), key=lambda entry: (-rules.score(entry[1]), entry[0]))[:SHOWN]
    shown = {one.id: one for one in workers.list_masked(people[ident] for ident in {i for pair, _ in best for i in pair})}
    order = list(Likeness)
    return [Likely(shown[a], shown[b], rules.score(found), tuple(sorted(found, key=order.index))) for (a, b), found in best]


def _born(worker: Worker) -> Any:
    return birth_date(worker.id_type, worker.id_number) if worker.id_type else None


def said_apart(ids: Iterable[UUID]) -> set[tuple[UUID, UUID]]:
    """Pairs among these people of which somebody said that they are two, under whichever of their records."""
    a, b = aliased(Worker), aliased(Worker)
    first, second = (sa.func.coalesce(one.merged_into_id, one.id) for one in (a, b))
    wanted = list(ids)
    rows = db.session.execute(
        sa.select(first, second)
        .select_from(NotSamePeople)
        .join(a, a.id == NotSamePeople.a_id)
        .join(b, b.id == NotSamePeople.b_id)
        .where(first.in_(wanted), second.in_(wanted))
    )
    return {rules.ordered(one, other) for one, other in rows if one != other}


# --- scope ---------------------------------------------------------------------------------------------------------

_met = sa.text(
    """
    SELECT EXISTS (SELECT FROM visits v JOIN stations s ON s.id = v.station_id JOIN union_reach r ON r.union_id = s.union_id
                   WHERE v.worker_id = ANY(CAST(:ids AS uuid[])) AND r.ancestor_id = ANY(CAST(:unions AS uuid[])))
        OR EXISTS (SELECT FROM applications a JOIN union_reach r ON r.union_id = a.union_id
                   WHERE a.worker_id = ANY(CAST(:ids AS uuid[])) AND r.ancestor_id = ANY(CAST(:unions AS uuid[])))
    """
)


def is_met(worker_id: UUID, actor: Actor) -> bool:
    """Whether a person was served at, or applied to, the actor's part of the tree."""
    values = {"ids": workers.same_person(worker_id), "unions": list(actor.unions(Permission.MERGE_WORKERS))}
    return db.session.scalar(_met, values)


def get_met(worker_id: UUID, actor: Actor) -> Worker:
    """A person within scope; raises NoResultFound (404) outside."""
    if not is_met(worker_id, actor):
        raise NoResultFound
    return workers.get_worker(worker_id)


# --- side by side --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """One record as it is compared: everything masked."""

    masked: Masked
    phones: list[tuple[str, datetime, datetime | None]]
    document: str
    created_at: datetime
    membership_number: str | None
    open_application: bool
    cards: int
    never_invite: bool


def side(worker: Worker) -> Side:
    """One of the two."""
    contacts = db.session.scalars(sa.select(WorkerPhone).where(WorkerPhone.worker_id == worker.id).order_by(WorkerPhone.since))
    held = memberships.find_membership(worker.id)
    return Side(
        masked=workers.masked(worker),
        phones=[(mask_phone(one.phone), one.since, one.until) for one in contacts],
        document=mask_id_number(worker.id_number) if worker.id_type else "",
        created_at=worker.created_at,
        membership_number=held.number if held else None,
        open_application=joining.find_open(worker.id) is not None,
        cards=sum(card.revoked_at is None for card in workers.list_cards(worker.id)),
        never_invite=worker.never_invite_at is not None,
    )


def standing(one: Worker, other: Worker) -> Standing:
    """What is known of two records when somebody wants to put them together."""
    active = [held.number for held in (memberships.find_membership(person.id) for person in (one, other)) if held]
    documents = {person.id_number_index for person in (one, other) if person.id_type}
    return Standing(
        same_record=one.id == other.id,
        merged_already=bool(one.merged_into_id or other.merged_into_id),
        said_apart=bool(said_apart([one.id, other.id])),
        active_numbers=tuple(active),
        open_applications=sum(joining.find_open(person.id) is not None for person in (one, other)),
        two_documents=len(documents) > 1 and one.id_type is other.id_type,
    )


def stays(one: Worker, other: Worker) -> UUID:
    """Which of the two should stay, unless somebody says otherwise."""
    return rules.first_to_stay(
        *((memberships.is_member(person.id), person.id_type is not None, person.id) for person in (one, other))
    )


# --- merges --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A merge as the list shows it."""

    merge: WorkerMerge
    survivor: Masked
    merged: Masked


_OF_SCOPE = sa.text(
    """
    (EXISTS (SELECT FROM visits v JOIN stations s ON s.id = v.station_id JOIN union_reach r ON r.union_id = s.union_id
             WHERE v.worker_id IN (worker_merges.survivor_id, worker_merges.merged_id) AND r.ancestor_id = ANY(:unions))
     OR EXISTS (SELECT FROM applications a JOIN union_reach r ON r.union_id = a.union_id
                WHERE a.worker_id IN (worker_merges.survivor_id, worker_merges.merged_id) AND r.ancestor_id = ANY(:unions)))
    """
)


def list_merges(actor: Actor, *, before: str | None = None, after: str | None = None) -> Slice:
    """Merges of people within scope, newest first, a page at a time."""
    unions = sa.bindparam("unions", list(actor.unions(Permission.MERGE_WORKERS)), type_=sa.ARRAY(sa.Uuid()))
    found = keyset(
        sa.select(WorkerMerge).where(_OF_SCOPE.bindparams(unions)), (WorkerMerge.at, WorkerMerge.id),
        lambda row: (row.at, row.id), before=before, after=after, descending=True,
    )  # fmt: skip
    ids = {ident for merge in found.rows for ident in (merge.survivor_id, merge.merged_id)}
    people = workers.list_masked(db.session.scalars(sa.select(Worker).where(Worker.id.in_(ids)))) if ids else []
    shown = {one.id: one for one in people}
    return Slice([Done(row, shown[row.survivor_id], shown[row.merged_id]) for row in found.rows], found.before, found.after)


def get_merge(merge_id: UUID, actor: Actor) -> WorkerMerge:
    """A merge of people within scope; raises NoResultFound (404) outside."""
    merge = db.session.scalars(sa.select(WorkerMerge).where(WorkerMerge.id == merge_id)).one()
    if not (is_met(merge.survivor_id, actor) or is_met(merge.merged_id, actor)):
        raise NoResultFound
    return merge
