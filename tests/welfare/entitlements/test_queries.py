"""One person and many programmes: what is judged, what blocks, and that twenty cost no more reads than two."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from portal import clock
from portal.db import db as database
from portal.types import new_id
from portal.vocabulary import Occupation
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.eligibility.models import Audience, Receipt, Standing
from portal.welfare.eligibility.rules import Facts, add_months
from portal.welfare.entitlements import queries
from portal.welfare.entitlements.rules import Group
from portal.welfare.programmes.models import ProgrammeStatus, Way
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions.models import SessionPlace
from tests.factories.eligibility import birth, make_person
from tests.factories.money import make_line
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_item, make_programme, make_session

BOOK = [Way.BOOK.value]


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def member(tree):
    return make_person(standing=Standing.MEMBER, union=tree.federation_county, sex="female", born_on=birth(40))


def for_person(worker, **values) -> dict[str, queries.Entitlement]:
    return {one.programme.code: one for one in queries.list_for(worker_id=worker.id, at=clock.now(), **values)}


def codes(one: queries.Entitlement) -> list[str]:
    return [problem.code for problem in one.problems]


def use_up(programme, amount: int = 1) -> None:
    root = QuotaShare(id=new_id(), programme_id=programme.id, union_id=programme.union_id, amount=amount, used=amount,
                      given=0, created_at=clock.now())  # fmt: skip
    database.session.add(root)
    database.session.commit()


def test_groups_of_a_person(tree, member, monkeypatch):
    union = tree.federation_county
    open_one = make_programme(union)
    men = make_programme(union, rule={"sex": "male"})
    had = make_programme(union, rule={"interval_months": 12})
    full = make_programme(union)
    use_up(full)
    soon = make_programme(union, starts_on=clock.today() + timedelta(days=3))
    paused = make_programme(union, status=ProgrammeStatus.PAUSED)
    hidden = make_programme(union, status=ProgrammeStatus.DRAFT)
    told = [Receipt(clock.today(), had.item_id, had.id)]
    monkeypatch.setattr(eligibility, "histories", [lambda records, item_id, programme_id: told])
    found = for_person(member)
    groups = {one.code: found[one.code].group for one in (open_one, men, had, full, soon, paused)}
    assert list(groups.values()) == [Group.NOW, Group.NO, Group.LATER, Group.BLOCKED, Group.LATER, Group.BLOCKED]
    assert found[had.code].next_on == add_months(clock.today(), 12) and "before" in codes(found[soon.code])
    assert codes(found[full.code]) == ["stated", "quota_full"] or codes(found[full.code]) == ["quota_full"]
    assert hidden.code not in found


def test_what_is_missing_is_said(tree):
    programme = make_programme(tree.federation_county, rule={"sex": "female", "min_age": 35})
    one = for_person(make_person(standing=Standing.MEMBER, union=tree.federation_county))[programme.code]
    assert one.group is Group.ASK and one.missing == ("sex", "born_on")


def test_only_what_is_near(tree, member):
    near = [make_programme(union) for union in (tree.province, tree.city, tree.federation_county)]
    far = make_programme(tree.foreign_county)
    assert set(for_person(member)) == {one.code for one in near}
    assert far.code in for_person(make_person())  # of somebody nobody knows anything about, everything


def test_who_was_served_at_a_station_is_near_it_and_its_federations(tree):
    served, station = make_person(), make_station(union=tree.county)
    database.session.execute(
        sa.text("INSERT INTO recent_stays VALUES (:worker, :station, :visit, now(), now())"),
        {"worker": served.id, "station": station.id, "visit": new_id()},
    )
    near = [make_programme(union) for union in (tree.city, tree.county, tree.federation_city, tree.federation_county)]
    make_programme(tree.foreign_county)
    assert set(for_person(served)) == {one.code for one in near}


def test_places_of_what_can_only_be_booked(tree, member):
    union = tree.federation_county
    free, taken, none = (make_programme(union, ways=BOOK) for _ in range(3))
    session = make_session(free)
    full = make_session(taken)
    database.session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # only bookings take places otherwise
    database.session.execute(sa.update(SessionPlace).where(SessionPlace.session_id == full.id).values(taken=True))
    database.session.commit()
    found = for_person(member)
    assert found[free.code].group is Group.NOW and found[free.code].next_session_at == session.starts_at
    assert codes(found[taken.code]) == ["no_place"] and codes(found[none.code]) == ["no_session"]
    assert found[taken.code].group is found[none.code].group is Group.BLOCKED


def test_the_first_hours_come_later_for_others(tree, member):
    rule = {"priority_groups": ["member"], "first_hours": 48}
    programme = make_programme(tree.federation_county, ways=BOOK, rule=rule, booking_opens_at=clock.now())
    make_session(programme)
    assert for_person(member)[programme.code].group is Group.NOW
    applicant = make_person(standing=Standing.APPLICANT, union=tree.federation_county)
    one = for_person(applicant)[programme.code]
    assert one.group is Group.LATER and codes(one) == ["first_hours"]


def test_money_that_is_used_up(tree, member):
    line = make_line(tree.federation_county, Decimal(499))
    programme = make_programme(tree.federation_county, line_id=line.id)
    assert codes(for_person(member)[programme.code]) == ["no_money"]


def test_by_what_somebody_says(tree):
    programme = make_programme(tree.federation_county, rule={"audience": Audience.MEMBER, "min_age": 35})
    home = eligibility.home_and_above(tree.federation_county.id)
    said = {"occupation": Occupation.COURIER, "home_union_ids": home, "known": False}
    for values, group in (
        ({"standing": Standing.MEMBER, "born_on": birth(35)}, Group.NOW),
        ({"standing": Standing.MEMBER, "born_on": birth(34)}, Group.LATER),
        ({"standing": Standing.MEMBER}, Group.ASK),
        ({"standing": Standing.RETAINED, "born_on": birth(35)}, Group.NO),
        ({"born_on": birth(35)}, Group.NO),
    ):
        (one,) = queries.list_for(facts=Facts(**said | values), at=clock.now())
        assert (one.programme.id, one.group) == (programme.id, group), values


# --- here and now --------------------------------------------------------------------------------------------------


def here(programme, station, worker=None, occupation=Occupation.COURIER, **values) -> list[str]:
    found = queries.judge_at(programme=programme, worker_id=worker.id if worker else None, occupation=occupation, station=station,
                             at=clock.now(), **values)  # fmt: skip
    return [one.code for one in found]


def test_here_and_now(tree, member):
    station = make_station(union=tree.county)
    elsewhere = make_station(union=tree.foreign_county)
    programme = make_programme(tree.county, rule={"occupations": ["courier"]})
    assert here(programme, station, member) == []
    assert here(programme, elsewhere, member) == ["not_here"]
    assert here(programme, station, None, Occupation.TAXI_DRIVER) == ["occupation"]
    use_up(programme)
    assert here(programme, station, member) == ["quota_full"]
    assert here(make_programme(tree.county, status=ProgrammeStatus.PAUSED), station, member) == ["paused"]


def test_stock_here(tree, member):
    station = make_station(union=tree.county)
    supply = new_id()
    database.session.execute(sa.text(
        "INSERT INTO supply_items (id, code, union_id, name, unit, kind, expires, contains_alcohol, warn_days, created_at) "
        "VALUES (:id, 'S1', :union, '藿香正气水', '盒', 'goods', false, false, 30, now())"
    ), {"id": supply, "union": tree.county.id})  # fmt: skip
    programme = make_programme(tree.county, make_item(tree.county, supply_item_id=supply))
    assert here(programme, station, member) == ["out_of_stock"]
    assert codes(for_person(member, station=station)[programme.code]) == ["out_of_stock"]
    assert codes(for_person(member)[programme.code]) == []  # somewhere else there may be some


def test_no_rule_in_force(tree, member):
    programme = make_programme(tree.county)
    database.session.execute(sa.text("SET LOCAL session_replication_role = replica"))
    database.session.execute(sa.text("DELETE FROM eligibility_rules"))
    database.session.commit()
    assert codes(for_person(member)[programme.code]) == ["no_rule"]
    assert here(programme, make_station(union=tree.county), member) == ["no_rule"]


# --- cost ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_station", [False, True])
def test_twenty_programmes_cost_as_many_reads_as_two(tree, member, at_station):
    station = make_station(union=tree.county) if at_station else None
    line = make_line(tree.county, Decimal(100000))

    def more(count: int) -> None:
        for _ in range(count):
            make_session(
                make_programme(tree.county, line_id=line.id, rule={"within_union_id": tree.county.id, "interval_months": 3})
            )

    def reads() -> int:
        sent: list[str] = []

        def note(connection, cursor, statement, *more) -> None:
            sent.append(statement)

        database.session.expire_all()
        worker_id = member.id
        sa.event.listen(database.engine, "before_cursor_execute", note)
        try:
            assert len(queries.list_for(worker_id=worker_id, station=station, at=clock.now()))
        finally:
            sa.event.remove(database.engine, "before_cursor_execute", note)
        return len(sent)

    if station:
        assert station.union_id
    more(2)
    first = reads()
    more(18)
    assert reads() == first <= 16
