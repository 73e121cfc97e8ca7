"""Reads about memberships: whose, which, lists within scope, the path that led to one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.access import Actor, Permission
from portal.db import db
from portal.members.memberships.models import MEMBER_STATUSES, Membership, MembershipRecord, MembershipStatus
from portal.members.memberships.rules import Milestones
from portal.members.workers.models import Worker
from portal.members.workers.rules import mask_name
from portal.paging import Slice, keyset
from portal.unions.tree.models import Union
from portal.unions.tree.queries import within
from portal.vocabulary import Industry, Occupation


@dataclass(frozen=True)
class Row:
    """A member as a list shows them."""

    id: UUID
    number: str
    name: str
    occupation: Occupation
    industry: Industry | None
    union_name: str
    status: MembershipStatus
    joined_at: datetime


# A membership stays with the record it was made for, because its number never changes hands; a person whose records were
# merged holds it all the same.
_Record = aliased(Worker)
_SURVIVOR = Worker.id == sa.func.coalesce(_Record.merged_into_id, _Record.id)


def list_memberships(worker_ids: Iterable[UUID]) -> list[Membership]:
    """The memberships of these records, ended ones too, oldest first."""
    chosen = sa.select(Membership).where(Membership.worker_id.in_(list(worker_ids)))
    return list(db.session.scalars(chosen.order_by(Membership.joined_at, Membership.id)))


def find_membership(worker_id: UUID) -> Membership | None:
    """The membership somebody holds now, or None: one that ended is none."""
    head = sa.func.coalesce(_Record.merged_into_id, _Record.id)
    same = sa.select(Worker.id).where(sa.or_(Worker.id == head, Worker.merged_into_id == head), _Record.id == worker_id)
    return db.session.scalars(
        sa.select(Membership)
        .join(MembershipRecord, MembershipRecord.membership_id == Membership.id)
        .where(
            Membership.worker_id.in_(same),
            MembershipRecord.ends_at.is_(None),
            MembershipRecord.status.in_(MEMBER_STATUSES),
        )
    ).one_or_none()


def is_member(worker_id: UUID) -> bool:
    """Whether somebody is a member now."""
    return find_membership(worker_id) is not None


def find_home(membership_id: UUID) -> Union | None:
    """The home union of a membership now."""
    return db.session.scalars(
        sa.select(Union)
        .join(MembershipRecord, MembershipRecord.union_id == Union.id)
        .where(MembershipRecord.membership_id == membership_id, MembershipRecord.ends_at.is_(None))
    ).one_or_none()


def get_membership(number: str, *, actor: Actor) -> Membership:
    """A membership by number whose open record lies within the actor's scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(Membership)
        .join(MembershipRecord, MembershipRecord.membership_id == Membership.id)
        .where(
            Membership.number == number,
            MembershipRecord.ends_at.is_(None),
            within(MembershipRecord.union_id, actor, Permission.VIEW_MEMBERS),
        )
    ).one()


def list_records(membership_id: UUID) -> list[tuple[MembershipRecord, str]]:
    """The history of a membership, newest first, each stretch with its home union's name."""
    rows = db.session.execute(
        sa.select(MembershipRecord, Union.name)
        .join(Union, Union.id == MembershipRecord.union_id)
        .where(MembershipRecord.membership_id == membership_id)
        .order_by(MembershipRecord.starts_at.desc())
    )
    return [(record, name) for record, name in rows]


def _members(actor: Actor, permission: Permission, q: str | None, status: str | None, union: str | None) -> sa.Select:
    chosen = (
        sa.select(
            Membership.id, Membership.number, Worker.name, Worker.occupation, Worker.industry,
            Union.name.label("union_name"), MembershipRecord.status, Membership.joined_at,
        )
        .join(MembershipRecord, MembershipRecord.membership_id == Membership.id)
        .join(_Record, _Record.id == Membership.worker_id)
        .join(Worker, _SURVIVOR)
        .join(Union, Union.id == MembershipRecord.union_id)
        .where(MembershipRecord.ends_at.is_(None), within(MembershipRecord.union_id, actor, permission))
    )  # fmt: skip
    if status:
        chosen = chosen.where(MembershipRecord.status == status)
    if union:
        chosen = chosen.where(Union.code == union)
    if q:
        chosen = chosen.where(Membership.number == q if q.isdigit() else Worker.name.startswith(q, autoescape=True))
    return chosen


def _row(found: sa.Row) -> Row:
    return Row(found.id, found.number, mask_name(found.name), found.occupation, found.industry, found.union_name,
               found.status, found.joined_at)  # fmt: skip


def list_members(
    *,
    actor: Actor,
    q: str | None = None,
    status: str | None = None,
    union: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> Slice:
    """Members within scope, whoever joined last first, a page at a time.

    ``q`` is a whole membership number or the beginning of a name; ``union`` is a home union's code.
    """
    found = keyset(
        _members(actor, Permission.VIEW_MEMBERS, q, status, union), (Membership.joined_at, Membership.id),
        lambda row: (row.joined_at, row.id), before=before, after=after, descending=True, scalars=False,
    )  # fmt: skip
    return Slice([_row(row) for row in found], found.before, found.after)


def stream_members(*, actor: Actor, q: str | None = None, status: str | None = None, union: str | None = None):
    """All of them, for an export: rows come from the database in batches."""
    chosen = _members(actor, Permission.EXPORT_PEOPLE, q, status, union).where(
        within(MembershipRecord.union_id, actor, Permission.VIEW_MEMBERS)
    )
    chosen = chosen.order_by(Membership.joined_at.desc(), Membership.id.desc()).execution_options(yield_per=500)
    for found in db.session.execute(chosen):
        yield _row(found)


def list_home_unions(*, actor: Actor, limit: int = 200) -> list[tuple[str, str]]:
    """(code, name) of the unions within scope that have members now, for a filter."""
    homes = (
        sa.select(Union.code, Union.name)
        .where(
            within(Union.id, actor, Permission.VIEW_MEMBERS),
            sa.exists().where(MembershipRecord.union_id == Union.id, MembershipRecord.ends_at.is_(None)),
        )
        .order_by(Union.code)
        .limit(limit)
    )
    return [(row.code, row.name) for row in db.session.execute(homes)]


# Stations, visits and applications stand above this noun, so it may not import them; their times and names are read
# here by plain SQL, because the path belongs to the membership. The first visit comes from the index on (worker, time).
_path = sa.text(
    """
    SELECT first.at AS first_served_at, first_station.name AS first_station,
           a.visit_at AS served_at, s.name AS station, i.created_at AS invited_at, i.opened_at,
           a.created_at AS applied_at, a.confirmed_at, a.decided_at, a.status
    FROM applications a
    LEFT JOIN invitations i ON i.id = a.invitation_id
    LEFT JOIN stations s ON s.id = a.station_id
    LEFT JOIN LATERAL (
        SELECT at, station_id FROM visits WHERE worker_id IN (
            SELECT w.id FROM workers w WHERE w.id = a.worker_id OR w.merged_into_id = a.worker_id)
        ORDER BY at, id LIMIT 1) first ON true
    LEFT JOIN stations first_station ON first_station.id = first.station_id
    WHERE a.id = :application
    """
)


def milestones(application_id: UUID | None) -> Milestones:
    """The steps from the first service to an application's decision."""
    row = db.session.execute(_path, {"application": application_id}).one_or_none() if application_id else None
    if row is None:
        return Milestones()
    values = row._asdict()
    decided = values.pop("status")
    return Milestones(**values, decision=decided if decided in ("approved", "rejected", "returned", "withdrawn") else "")
