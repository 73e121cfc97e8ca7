"""The database's own promises about the tree and about appointments, each broken by name."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import Role
from portal.unions.staff.models import Account, Appointment
from portal.unions.tree.models import Union, UnionReach
from tests.factories.staff import appoint, make_account
from tests.factories.unions import make_union, small_tree


@pytest.fixture
def tree(app):
    return small_tree()


def broken(db, change) -> str:
    """The name of the constraint that a change breaks."""
    with pytest.raises(IntegrityError) as refused:
        change()
        db.session.flush()
    db.session.rollback()
    return refused.value.orig.diag.constraint_name


def setting(row, **values):
    return lambda: [setattr(row, name, value) for name, value in values.items()]


def test_constraints_of_unions(db, tree):
    assert broken(db, setting(tree.county, parent_id=tree.county.id)) == "ck_unions_not_own_parent"
    assert broken(db, setting(tree.county, second_parent_id=tree.county.id)) == "ck_unions_not_own_parent"
    assert broken(db, setting(tree.county, second_parent_id=tree.city.id)) == "ck_unions_two_different_parents"
    assert broken(db, setting(tree.province, second_parent_id=tree.city.id)) == "ck_unions_second_needs_first"
    early = tree.town.created_at - timedelta(days=1)
    assert broken(db, setting(tree.town, closed_at=early)) == "ck_unions_closed_after_creation"
    assert broken(db, setting(tree.town, code="41")) == "uq_unions_code"
    assert broken(db, setting(tree.town, division_code="x")) == "fk_unions_division_code"
    change = sa.update(Union).where(Union.id == tree.town.id).values(kind=sa.literal_column("'moon'"))
    assert broken(db, lambda: db.session.execute(change)) == "ck_unions_union_kind"
    change = sa.update(Union).where(Union.id == tree.town.id).values(level=sa.literal_column("'moon'"))
    assert broken(db, lambda: db.session.execute(change)) == "ck_unions_union_level"


@pytest.mark.parametrize("line", ["parent_id", "second_parent_id"])
def test_a_circle_is_refused_by_name(db, tree, line):
    for beneath in (tree.town, tree.county, tree.federation_county):
        values = {line: beneath.id, "parent_id": tree.province.id} | {line: beneath.id}
        assert broken(db, setting(tree.city, **values)) == "tr_unions_no_circle"


def test_nothing_open_beneath_what_is_closed(db, tree):
    closed = "tr_unions_open_under_open"
    assert broken(db, setting(tree.county, closed_at=clock.now())) == closed
    tree.sibling_county.closed_at = clock.now()
    db.session.commit()
    assert broken(db, setting(tree.town, parent_id=tree.sibling_county.id)) == closed
    assert broken(db, lambda: make_union(parent=tree.sibling_county, commit=False)) == closed
    assert broken(db, setting(tree.federation_county, second_parent_id=tree.sibling_county.id)) == closed


def test_constraints_of_accounts_and_appointments(db, tree):
    account = make_account([(Role.OFFICER, tree.city)])
    one = db.session.query(Appointment).one()
    assert broken(db, setting(one, ends_on=one.starts_on - timedelta(days=1))) == "ck_appointments_ends_after_start"
    assert broken(db, setting(one, ended_at=clock.now())) == "ck_appointments_ended_has_last_day"
    again = lambda: appoint(account, Role.OFFICER, tree.city, commit=False)  # noqa: E731
    assert broken(db, again) == "uq_appointments_open"
    assert broken(db, setting(account, sign_in_name="Capital")) == "ck_accounts_sign_in_name_lower"
    assert broken(db, setting(account, invitation_digest=b"x")) == "ck_accounts_invitation_whole"
    other = make_account()
    assert broken(db, setting(other, sign_in_name=account.sign_in_name)) == "uq_accounts_sign_in_name"
    until = clock.now()
    for row in (account, other):
        row.invitation_digest, row.invited_until = row.id.bytes, until
    db.session.flush()
    assert broken(db, setting(other, invitation_digest=account.id.bytes, invited_until=until)) == (
        "uq_accounts_invitation_digest"
    )
    assert db.session.query(Account).count() == 2


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (Role.ADMINISTRATOR, Role.AUDITOR, "ex_appointments_administrator_not_auditor"),
        (Role.FINANCE, Role.APPROVER, "ex_appointments_finance_not_approver"),
    ],
)
def test_roles_that_must_not_meet_do_not(db, tree, one, other, name):
    account = make_account([(one, tree.city), (one, tree.county)])
    assert broken(db, lambda: appoint(account, other, tree.foreign_city, commit=False)) == name
    later = clock.today() + timedelta(days=400)
    assert broken(db, lambda: appoint(account, other, tree.city, starts_on=later, commit=False)) == name
    for held in db.session.query(Appointment):
        held.ends_on = clock.today()
    db.session.commit()
    assert broken(db, lambda: appoint(account, other, tree.city, commit=False)) == name  # the last day still counts
    appoint(account, other, tree.city, starts_on=clock.today() + timedelta(days=1))


def test_the_closure_equals_an_independent_computation(db, tree):
    """Every pair and its shortest way, against a search that knows nothing of the trigger."""

    def check() -> None:
        db.session.expire_all()
        parents = {u.id: {p for p in (u.parent_id, u.second_parent_id) if p} for u in db.session.query(Union)}
        wanted = {}
        for start in parents:
            depth, here, seen = 0, {start}, set()
            while here:
                wanted |= {(ancestor, start): depth for ancestor in here - seen}
                seen |= here
                here = {parent for ancestor in here for parent in parents[ancestor]} - seen
                depth += 1
        held = {(row.ancestor_id, row.union_id): row.depth for row in db.session.query(UnionReach)}
        assert held == wanted

    check()
    tree.federation_county.second_parent_id = tree.foreign_city.id
    tree.town.parent_id = tree.federation_county.id
    db.session.commit()
    check()
    tree.county.parent_id = tree.foreign_city.id
    db.session.commit()
    check()
    tree.federation_county.second_parent_id = None
    db.session.commit()
    check()
    make_union(parent=tree.town, second_parent=tree.sibling_county)
    check()
