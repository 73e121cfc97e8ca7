"""Changes to memberships: admitting a person, once and under one number for life."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.members.memberships import queries, rules
from portal.members.memberships.models import (
    MEMBER_STATUSES,
    MEMBERSHIP_NUMBERS,
    Membership,
    MembershipRecord,
    MembershipStatus,
)
from portal.members.workers import queries as workers
from portal.types import new_id
from portal.unions.tree.models import Union


class AlreadyMember(Exception):
    """Somebody who is a member cannot be admitted again; carries the membership."""

    def __init__(self, membership: Membership) -> None:
        super().__init__("already a member")
        self.membership = membership


def admit(
    *,
    worker_id: UUID,
    union_id: UUID,
    county_code: str,
    application_id: UUID | None = None,
    visit: tuple[UUID, datetime] | None = None,
    by: By,
) -> Membership:
    """Make a worker a member of their home union from now on; the caller holds the lock on the worker's row.

    Somebody who was a member before gets their number back, the oldest if merged records had one each: it is for life.
    Raises AlreadyMember.
    """
    moment = clock.now()
    if held := queries.find_membership(worker_id):
        raise AlreadyMember(held)
    membership = next(iter(queries.list_memberships(workers.same_person(worker_id))), None)
    if membership is None:
        number = rules.membership_number(
            county_code, clock.business_day(moment), db.session.scalar(sa.select(MEMBERSHIP_NUMBERS.next_value()))
        )
        membership = Membership(
            id=new_id(),
            number=number,
            worker_id=worker_id,
            application_id=application_id,
            joined_at=moment,
            joined_via_union_id=union_id,
            visit_id=visit[0] if visit else None,
            visit_at=visit[1] if visit else None,
        )
        db.session.add(membership)
        db.session.flush()
    else:
        _close_ended(membership, moment)
    db.session.add(
        MembershipRecord(
            id=new_id(),
            membership_id=membership.id,
            status=MembershipStatus.ACTIVE,
            union_id=union_id,
            starts_at=moment,
        )
    )
    db.session.flush()
    audit.record("membership.admitted", by=by, subject=membership, union_id=union_id, number=membership.number)
    return membership


def _close_ended(membership: Membership, moment: datetime) -> None:
    """Close the open record of a membership that had ended; refuse if it has not."""
    last = db.session.scalars(
        sa.select(MembershipRecord)
        .where(MembershipRecord.membership_id == membership.id, MembershipRecord.ends_at.is_(None))
        .with_for_update()
    ).one_or_none()
    if last and last.status in MEMBER_STATUSES:
        raise AlreadyMember(membership)
    if last:
        last.ends_at = moment
        db.session.flush()


def note_export(*, union_id: UUID, status: str | None, searched: bool, by: By) -> None:
    """Write down that somebody took the list of members away."""
    union = db.session.get(Union, union_id)
    audit.record("members.exported", by=by, subject=union, union_id=union.id, status=status, searched=searched)
