"""A membership: once, under one number for life, without overlap — held by the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.members.memberships import commands, queries
from portal.members.memberships.models import Membership, MembershipRecord, MembershipStatus
from portal.types import new_id
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker


@pytest.fixture
def member(db):
    tree = small_tree()
    worker = make_worker()
    membership = commands.admit(worker_id=worker.id, union_id=tree.federation_county.id, county_code="410105", by=SYSTEM)
    db.session.commit()
    membership.tree, membership.worker = tree, worker
    return membership


def add_record(db, membership, status, starts_at, ends_at=None):
    db.session.add(
        MembershipRecord(id=new_id(), membership_id=membership.id, status=status, union_id=membership.tree.county.id,
                         starts_at=starts_at, ends_at=ends_at)
    )  # fmt: skip
    db.session.flush()


def test_a_member_is_a_member_of_one_home(db, member):
    assert queries.is_member(member.worker.id)
    assert queries.find_membership(member.worker.id) is member
    assert queries.find_home(member.id).id == member.tree.federation_county.id
    assert not queries.is_member(make_worker().id)


def test_nobody_is_admitted_twice(db, member):
    with pytest.raises(commands.AlreadyMember):
        commands.admit(worker_id=member.worker.id, union_id=member.tree.county.id, county_code="410105", by=SYSTEM)
    db.session.rollback()
    with pytest.raises(sa.exc.IntegrityError, match="uq_memberships_worker_id"):
        db.session.execute(
            sa.insert(Membership).values(
                id=new_id(), number="1", worker_id=member.worker.id, joined_at=clock.now(),
                joined_via_union_id=member.tree.county.id,
            )
        )  # fmt: skip
    db.session.rollback()


def test_the_number_is_for_life(db, member):
    with pytest.raises(sa.exc.IntegrityError, match="never changes"):
        db.session.execute(sa.update(Membership).values(number="2"))
    db.session.rollback()
    with pytest.raises(sa.exc.IntegrityError, match="never changes"):
        db.session.execute(sa.update(Membership).values(worker_id=make_worker().id))
    db.session.rollback()
    number = member.number
    db.session.execute(sa.update(MembershipRecord).values(ends_at=clock.now() + timedelta(days=1)))
    with clock.stopped_at(clock.now() + timedelta(days=1)):
        add_record(db, member, MembershipStatus.WITHDRAWN, clock.now())
        db.session.commit()
        assert queries.find_membership(member.worker.id) is None
    with clock.stopped_at(clock.now() + timedelta(days=400)):
        again = commands.admit(worker_id=member.worker.id, union_id=member.tree.county.id, county_code="410302", by=SYSTEM)
    assert again.number == number


def test_the_same_number_twice_breaks_a_constraint(db, member):
    with pytest.raises(sa.exc.IntegrityError, match="uq_memberships_number"):
        db.session.execute(
            sa.insert(Membership).values(
                id=new_id(), number=member.number, worker_id=make_worker().id, joined_at=clock.now(),
                joined_via_union_id=member.tree.county.id,
            )
        )  # fmt: skip
    db.session.rollback()


def test_one_open_record(db, member):
    with pytest.raises(sa.exc.IntegrityError, match="uq_membership_records_open"):
        # no time in common with the first, so that only the second open end is wrong
        db.session.execute(sa.update(MembershipRecord).values(starts_at=clock.now() + timedelta(days=9)))
        db.session.execute(sa.text("ALTER TABLE membership_records DROP CONSTRAINT ex_membership_records_no_overlap"))
        add_record(db, member, MembershipStatus.RETAINED, clock.now())
    db.session.rollback()


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(days=-1), timedelta(days=1)])
def test_records_never_overlap(db, member, shift):
    start = db.session.scalar(sa.select(MembershipRecord.starts_at))
    with pytest.raises(sa.exc.IntegrityError, match="ex_membership_records_no_overlap"):
        add_record(db, member, MembershipStatus.RETAINED, start + shift, start + shift + timedelta(days=2))
    db.session.rollback()


def test_a_record_ends_after_it_starts(db, member):
    with pytest.raises(sa.exc.DBAPIError, match="ck_membership_records_ends_after_start"):
        db.session.execute(sa.update(MembershipRecord).values(ends_at=MembershipRecord.starts_at))
    db.session.rollback()
