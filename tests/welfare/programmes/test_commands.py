"""Programmes as they change: the table of moves by random walks, who decides, money after approval, constraints by name."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.access import SYSTEM, Role
from portal.audit import AuditEntry
from portal.db import db
from portal.types import Refused, new_id
from portal.welfare.eligibility.models import Audience, RuleValues
from portal.welfare.eligibility.queries import find_proposal, find_rule
from portal.welfare.programmes import commands, queries, rules
from portal.welfare.programmes.models import NEXT_STATUSES, Charge, Programme, ProgrammePlace, ProgrammeStatus, Way
from tests.factories.money import make_line, staff
from tests.factories.programmes import brought_to, drafted, programme_values
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme

S = ProgrammeStatus


@pytest.fixture
def tree(db):
    return small_tree()


def refused(code: str, command, **values) -> None:
    """The command is refused for exactly this reason and leaves nothing behind."""
    with pytest.raises(Refused) as found:
        command(**values)
    assert [problem.code for problem in found.value.problems] == [code]
    db.session.rollback()


# --- the one table of moves ----------------------------------------------------------------------------------------


def test_the_database_holds_the_same_table_of_moves(tree):
    """Of all pairs the database lets pass exactly those of NEXT_STATUSES; the others break tr_programmes_status_moves."""
    one = make_programme(tree.county)
    move = sa.text("UPDATE programmes SET status = :status WHERE id = :id")
    for before, after in itertools.product(S, S):
        db.session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # to put it there, past the trigger
        db.session.execute(move, {"status": before.value, "id": one.id})
        db.session.execute(sa.text("SET LOCAL session_replication_role = origin"))
        if before is after or after in NEXT_STATUSES[before]:
            db.session.execute(move, {"status": after.value, "id": one.id})
        else:
            with pytest.raises(IntegrityError) as found, db.session.begin_nested():
                db.session.execute(move, {"status": after.value, "id": one.id})
            assert found.value.orig.diag.constraint_name == "tr_programmes_status_moves"
        db.session.rollback()


MOVES = ("submit", "take_back", "approve", "return", "open", "pause", "close", "settle", "revise", "quota")


def act(move: str, one: Programme, by) -> None:
    """Try one step on a programme."""
    if move == "submit":
        commands.submit_programme(programme=one, by=by)
    elif move == "take_back":
        commands.take_back(programme=one, by=by)
    elif move in ("approve", "return"):
        commands.decide_programme(programme=one, approve=move == "approve", opinion="看过", by=by)
    elif move in ("revise", "quota"):
        item = queries.item_of(one)
        more = {"name": f"{one.name}改"[:60]} if move == "revise" else {"quota": (one.quota or 1) + 1}
        same = {"starts_on": one.starts_on, "ends_on": one.ends_on, "quota": one.quota}
        commands.revise_programme(programme=one, values=programme_values(item, **same | more), by=by)
    else:
        status = {"open": S.OPEN, "pause": S.PAUSED, "close": S.CLOSED, "settle": S.SETTLED}[move]
        commands.set_status(programme=one, status=status, by=by)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(walk=st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 2)), min_size=1, max_size=20))
def test_whatever_is_tried_only_allowed_moves_happen_and_nobody_decides_their_own(walked, walk):
    """Three people try steps at random: each change is in the table, and no proposal is decided by its proposer."""
    one, people = walked()
    for move, who in walk:
        before, waited, quota = one.status, one.pending, one.quota
        proposer = one.pending_by_account_id if waited else one.proposed_by_account_id
        try:
            with db.session.begin_nested():
                act(move, one, people[who])
        except Refused:
            db.session.refresh(one)
            assert (one.status, one.pending, one.quota) == (before, waited, quota)
            continue
        assert one.status is before or one.status in NEXT_STATUSES[before]
        if move in ("approve", "return"):
            assert people[who].id != proposer
        if before is not S.DRAFT and one.quota != quota:
            assert move == "approve" and waited  # money and quota move by another's approval alone
        if one.status is S.OPEN:
            assert find_rule(one.id) is not None
        if one.status in (S.CLOSED, S.SETTLED):
            assert one.pending is None
    db.session.rollback()


@pytest.fixture
def walked(tree):
    """A function that begins a walk: a draft, and three people."""
    item, people = make_item(tree.county), [staff() for _ in range(3)]

    def begin():
        return drafted(tree.county, item, proposer=people[0], quota=5), people

    return begin


# --- who decides ---------------------------------------------------------------------------------------------------


def test_a_draft_brings_its_rule_and_both_are_approved_by_another(tree):
    """Anyone by default; the rule is in force from the decision on, and those who listen are told."""
    me, told = staff(), []
    one = drafted(tree.county, make_item(tree.county), proposer=me, quota=9)
    assert find_proposal(one.id).audience is Audience.ANYONE and find_rule(one.id) is None
    commands.submit_programme(programme=one, by=me)
    refused("own_proposal", commands.decide_programme, programme=one, approve=True, by=me)
    commands.submit_programme(programme=one, by=me)
    commands.on_approved.append(lambda programme, by: told.append((programme.id, programme.quota)))
    try:
        commands.decide_programme(programme=one, approve=True, by=staff())
    finally:
        commands.on_approved.pop()
    assert one.status is S.APPROVED and find_rule(one.id).version == 1 and find_proposal(one.id) is None
    assert told == [(one.id, 9)]


def test_returned_it_is_a_draft_again_with_what_has_to_change(tree):
    """The opinion stays, the rule's proposal too; handed in again it waits without a decider."""
    one = brought_to(S.SUBMITTED, tree.county, make_item(tree.county))
    refused("no_opinion", commands.decide_programme, programme=one, approve=False, by=staff())
    commands.decide_programme(programme=one, approve=False, opinion="名额太少", by=staff())
    assert (one.status, one.opinion) == (S.DRAFT, "名额太少") and find_proposal(one.id)
    commands.submit_programme(programme=one, by=staff())
    assert one.status is S.SUBMITTED and one.decided_by_account_id is None


def test_opening_needs_the_rule_in_force_and_a_day_of_the_period(tree):
    """Before its first day it stays shut; with its rule dropped, too; objections of other rooms are heard."""
    today = clock.today()
    later = {"starts_on": today + timedelta(days=2), "ways": (Way.WALK_IN.value,)}
    one = brought_to(S.APPROVED, tree.county, make_item(tree.county), **later)
    refused("before", commands.set_status, programme=one, status=S.OPEN, by=staff())
    with clock.stopped_at(clock.start_of(today + timedelta(days=2))):
        commands.set_status(programme=one, status=S.OPEN, by=staff())
    db.session.commit()
    bare = make_programme(tree.county, status=S.APPROVED)
    db.session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # rules are kept; here there was none
    db.session.execute(sa.text("DELETE FROM eligibility_rules WHERE programme_id = :id"), {"id": bare.id})
    db.session.commit()
    refused("no_rule", commands.set_status, programme=bare, status=S.OPEN, by=staff())
    commands.objections.append(lambda programme, status: rules.problems_with_status(programme, S.DRAFT))
    try:
        refused("status", commands.set_status, programme=one, status=S.CLOSED, by=staff())
    finally:
        commands.objections.pop()


def test_deciding_and_handing_in_are_no_plain_steps(tree):
    """`set_status` opens, pauses, ends and settles; it cannot approve."""
    one = brought_to(S.SUBMITTED, tree.county, make_item(tree.county))
    refused("own_command", commands.set_status, programme=one, status=S.APPROVED, by=staff())
    refused("own_command", commands.set_status, programme=one, status=S.DRAFT, by=staff())


# --- after the approval --------------------------------------------------------------------------------------------


def test_money_period_and_quota_wait_while_words_change_at_once(tree):
    """What was approved holds until another person decides; returned it stays, taken back it is gone."""
    item, line = make_item(tree.county), make_line(tree.county, 1000)
    paid = {"charge": Charge.PER_PLACE, "price": Decimal(10), "budget_line_id": line.id}
    with clock.stopped_at(clock.start_of(programme_values().starts_on.replace(year=2026, month=6, day=1))):
        one, me = brought_to(S.OPEN, tree.county, item, quota=10, **paid), staff()
        same = {"starts_on": one.starts_on, "ends_on": one.ends_on, **paid}
        new = programme_values(item, "改名", quota=20, **same | {"price": Decimal(12)})
        assert commands.revise_programme(programme=one, values=new, by=me) is True
        assert (one.name, one.quota, one.price, one.pending) == ("改名", 10, Decimal(10), {"quota": 20, "price": "12"})
        db.session.commit()
        refused("own_proposal", commands.decide_programme, programme=one, approve=True, by=me)
        commands.decide_programme(programme=one, approve=False, opinion="不加", by=staff())
        assert (one.pending, one.quota) == (None, 10)
        commands.revise_programme(programme=one, values=new, by=me)
        commands.take_back(programme=one, by=me)
        assert one.pending is None
        commands.revise_programme(programme=one, values=new, by=me)
        commands.decide_programme(programme=one, approve=True, by=staff())
        assert (one.quota, one.price, one.pending, one.status) == (20, Decimal(12), None, S.OPEN)
        other = make_item(tree.county)
        refused("item_fixed", commands.revise_programme, programme=one, values=programme_values(other, **same), by=me)
    said = db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.subject_id == str(one.id))).all()
    assert "programme.change_approved" in said and "programme.change_returned" in said


@pytest.mark.parametrize("status", [S.SUBMITTED, S.CLOSED, S.SETTLED])
def test_what_waits_or_is_over_is_not_changed(tree, status):
    """Neither its words nor its places."""
    item = make_item(tree.county)
    one = brought_to(status, tree.county, item)
    code = "submitted" if status is S.SUBMITTED else "over"
    refused(code, commands.revise_programme, programme=one, values=programme_values(item), by=staff())
    refused(code, commands.add_place, programme=one, provider_name="市一院", address="东大街", by=staff())


def test_only_what_the_union_has_can_be_chosen(tree):
    """Items of the union and above, lines of its own budgets in the years covered, headings of its own or above, its stations."""
    above, beside = make_item(tree.city), make_item(tree.sibling_county)
    drafted(tree.county, above)
    refused("item", commands.draft_programme, union=tree.county, values=programme_values(beside), by=staff())
    line, own = make_line(tree.city, 100), make_item(tree.county)
    paid = {"charge": Charge.PER_PLACE, "price": Decimal(1), "budget_line_id": line.id}
    refused("line", commands.draft_programme, union=tree.county, values=programme_values(own, **paid), by=staff())
    giving = make_programme(tree.county)
    refused("parent", commands.draft_programme, union=tree.county, values=programme_values(own, parent_id=giving.id), by=staff())
    one, station = drafted(tree.county, own, everywhere=False), make_station(union=tree.sibling_county)
    refused("station", commands.add_place, programme=one, station=station, by=staff())
    here = make_station(union=tree.town)
    commands.add_place(programme=one, station=here, by=staff())
    db.session.commit()
    refused("there", commands.add_place, programme=one, station=here, by=staff())


def test_a_federation_serves_at_the_stations_of_its_general_union(tree):
    """It has no stations of its own: everywhere is where its parent serves, and those may be chosen."""
    station, other = make_station(union=tree.town), make_station(union=tree.sibling_county)
    county = brought_to(S.OPEN, tree.federation_county, make_item(tree.city), name="区联合会")
    city = brought_to(S.OPEN, tree.federation_city, make_item(tree.city), name="市联合会")
    names = [offer.programme.name for offer in queries.list_at_station(station, clock.today())]
    assert names == ["区联合会", "市联合会"]
    assert [offer.programme.name for offer in queries.list_at_station(other, clock.today())] == ["市联合会"]
    assert queries.is_given_at(county, station) and not queries.is_given_at(county, other) and queries.is_given_at(city, other)
    assert queries.find_station_beneath(county, station.code) and not queries.find_station_beneath(county, other.code)


def test_a_station_offers_what_is_open_that_day_by_the_way_people_come(tree):
    """Named places and everywhere; first and last day included; paused and drafts not."""
    station, today = make_station(union=tree.town), clock.today()
    make_programme(tree.county, name="走进来", ways=["walk_in"], ends_on=today)
    make_programme(tree.county, name="要预约", stations=(station,), ways=["book"], starts_on=today)
    make_programme(tree.county, name="别处", stations=(make_station(union=tree.town),))
    make_programme(tree.county, name="暂停", status=S.PAUSED)

    def names(on, way=None):
        return {offer.programme.name for offer in queries.list_at_station(station, on, way)}

    assert names(today) == {"走进来", "要预约"} and names(today, Way.WALK_IN) == {"走进来"}
    assert names(today + timedelta(days=1)) == {"要预约"} and names(today - timedelta(days=1)) == {"走进来"}


def test_an_item_stays_while_a_programme_gives_it(tree):
    """The catalogue asks the programmes by its registry."""
    item = make_item(tree.county)
    one = brought_to(S.CLOSED, tree.county, item, name="正在结算")
    assert queries.names_using(item.id) == ["正在结算"]
    commands.set_status(programme=one, status=S.SETTLED, by=staff())
    assert queries.names_using(item.id) == []


def test_the_approver_is_told_on_the_staff_home_but_not_of_their_own(tree, app):
    """Drafts handed in and changes that wait, within scope, by others."""
    from portal.unions.staff.queries import StaffActor

    account = make_account(roles=[(Role.APPROVER, tree.county)])
    actor = StaffActor(id=account.id, name="审批", session_id=new_id(), appointments=((Role.APPROVER, tree.county.id, "区"),))
    brought_to(S.SUBMITTED, tree.county, make_item(tree.county))
    brought_to(S.SUBMITTED, tree.foreign_county, make_item(tree.foreign_county))
    mine = brought_to(S.SUBMITTED, tree.county, make_item(tree.county))
    mine.proposed_by_account_id = account.id
    db.session.commit()
    assert queries.awaiting(actor)[2] == 1
    assert sign_in_quickly  # the page itself is looked at in test_views


# --- the database says no ------------------------------------------------------------------------------------------


BROKEN = {
    "ck_programmes_period_whole": {"ends_on": "starts_on - 1"},
    "ck_programmes_quota_counts": {"quota": "0"},
    "ck_programmes_price_not_negative": {"price": "-0.01"},
    "ck_programmes_line_where_charged": {"charge": "'per_place'"},
    "ck_programmes_a_way_to_receive": {"ways": "'{}'"},
    "ck_programmes_parent_is_another": {"parent_id": "id"},
    "ck_programmes_decided_by_another": {"proposed_by_account_id": "decided_by_account_id"},
    "ck_programmes_decided_before_it_opens": {"decided_by_account_id": "NULL"},
    "ck_programmes_days_ahead_plausible": {"days_ahead": "0"},
    "ck_programmes_grace_plausible": {"grace_minutes": "241"},
    "ck_programmes_offer_plausible": {"offer_minutes": "4"},
    "ck_programmes_cancel_hours_plausible": {"cancel_hours": "721"},
    "ck_programmes_change_whole": {"pending": "'{}'"},
    "ck_programmes_programme_status": {"status": "'gone'"},
    "ck_programmes_charge": {"charge": "'later'"},
    "ck_programmes_booking_days": {"booking_days": "'never'"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_constraint_of_programmes_by_name(tree, name):
    """A row that breaks it is refused by exactly this constraint."""
    one = make_programme(tree.county)
    column, value = next(iter(BROKEN[name].items()))
    if name == "ck_programmes_parent_is_another" or name == "ck_programmes_programme_status":
        db.session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # a trigger would be first to refuse
    with pytest.raises(IntegrityError) as found:
        db.session.execute(sa.text(f"UPDATE programmes SET {column} = {value} WHERE id = :id"), {"id": one.id})
    assert found.value.orig.diag.constraint_name == name


def broken(constraint: str, **values) -> None:
    """Adding this row breaks exactly this constraint."""
    with pytest.raises(IntegrityError) as found, db.session.begin_nested():
        db.session.add(values.pop("kind")(id=new_id(), **values))
        db.session.flush()
    assert found.value.orig.diag.constraint_name == constraint


def test_the_rest_of_the_constraints_by_name(tree):
    """Headings, changes of drafts, codes, places, parents and circles."""
    one, station = make_programme(tree.county), make_station(union=tree.county)
    heading, below = drafted(tree.county, name="标题"), drafted(tree.county, name="下级")
    same = {name: getattr(one, name) for name in ("union_id", "name", "summary", "starts_on", "ends_on", "created_at")}
    broken("ck_programmes_heading_gives_nothing", kind=Programme, code="H1", ways=["book"], **same)
    broken("uq_programmes_code", kind=Programme, code=one.code, **same)
    broken("tr_programmes_beneath_headings", kind=Programme, code="H2", parent_id=one.id, **same)
    waiting = {"pending": {"quota": 1}, "pending_at": clock.now()}
    broken("ck_programmes_change_of_what_was_approved", kind=Programme, code="H3", **waiting, **same)
    place = {"kind": ProgrammePlace, "programme_id": one.id}
    broken("ck_programme_places_station_or_provider", **place)
    broken("ck_programme_places_station_or_provider", station_id=station.id, provider_name="医院", **place)
    db.session.add(ProgrammePlace(id=new_id(), programme_id=one.id, station_id=station.id))
    db.session.flush()
    broken("uq_programme_places_station", station_id=station.id, **place)
    below.parent_id = heading.id
    db.session.flush()
    with pytest.raises(IntegrityError) as found, db.session.begin_nested():
        heading.parent_id = below.id
        db.session.flush()
    assert found.value.orig.diag.constraint_name == "tr_programmes_no_circle"


def test_a_heading_neither_stands_beneath_itself_nor_gives_something(tree):
    """The command says it before the database does."""
    top = drafted(tree.county, name="上")
    low = drafted(tree.county, name="下", parent_id=top.id)
    refused("circle", commands.revise_programme, programme=top, values=programme_values(name="上", parent_id=low.id), by=staff())
    item = make_item(tree.county)
    refused("has_children", commands.revise_programme, programme=top, values=programme_values(item), by=staff())
    low = commands.revise_programme(programme=low, values=programme_values(item, parent_id=top.id), by=SYSTEM)
    assert low is False and find_proposal(Programme.query.filter_by(parent_id=top.id).one().id)
    given = drafted(tree.county, item, rule=RuleValues(audience=Audience.MEMBER))
    assert find_proposal(given.id).audience is Audience.MEMBER
