"""The cascade: never above the parent, taken by one guarded statement, taken back on its day."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.db import db as database
from portal.types import Refused, new_id
from portal.welfare.quotas import commands, queries
from portal.welfare.quotas.models import MoveKind, QuotaMove, QuotaShare
from tests.factories.stations import make_station
from tests.factories.welfare import make_programme
from tests.welfare.quotas.conftest import BACK, NOW


def refusal(call, **values) -> str:
    with pytest.raises(Refused) as refused:
        call(by=SYSTEM, **values)
    database.session.rollback()
    return refused.value.problems[0].code


def numbers(share) -> tuple[int, int, int, int]:
    database.session.refresh(share)
    return share.amount, share.given, share.used, share.left


def take(tree, station=None, union=None, quantity=1):
    return commands.take(
        programme_id=tree.programme.id, station_id=station.id if station else None,
        union_id=(station.union_id if station else union.id), quantity=quantity, by=SYSTEM,
    )  # fmt: skip


def test_it_goes_down_and_adds_up(cascade):
    assert numbers(cascade.root) == (100, 60, 0, 40)
    assert numbers(cascade.of_city) == (60, 30, 0, 30)
    assert numbers(cascade.of_county) == (30, 5, 0, 25)
    commands.hand_down(share=cascade.of_county, station=cascade.station, amount=3, by=SYSTEM)  # what it has grows
    assert numbers(cascade.of_station) == (8, 0, 0, 8) and numbers(cascade.of_county) == (30, 8, 0, 22)
    kinds = [one.move.kind for one in queries.list_moves([cascade.of_station])]
    assert kinds == [MoveKind.HANDED_DOWN, MoveKind.HANDED_DOWN]


def test_whose_share_somebody_draws_on(cascade):
    other = make_station(union=cascade.county)
    foreign = make_station(union=cascade.foreign_county)
    assert take(cascade, cascade.station) == cascade.of_station.id
    assert take(cascade, other) == cascade.of_county.id  # the nearest union above
    assert take(cascade, union=cascade.sibling_county) == cascade.of_city.id
    assert take(cascade, foreign) == cascade.root.id
    free = make_programme(cascade.province)
    assert commands.take(programme_id=free.id, station_id=None, union_id=cascade.city.id, by=SYSTEM) is None


def test_a_full_share_says_who_holds_it_and_what_is_left(cascade):
    take(cascade, cascade.station, quantity=4)
    database.session.commit()
    with pytest.raises(Refused) as refused:
        take(cascade, cascade.station, quantity=2)
    [problem] = refused.value.problems
    assert problem.code == "quota_full"
    assert str(problem.says) == f"“{cascade.station.name}” has 1 of its quota left; 2 were asked."
    take(cascade, cascade.station)
    with pytest.raises(Refused, match="used up"):
        take(cascade, cascade.station)
    commands.put_back(share_id=cascade.of_station.id, quantity=2, by=SYSTEM)
    assert numbers(cascade.of_station) == (5, 0, 3, 2)


def test_handing_down_is_refused_in_words(cascade):
    hand = {"share": cascade.of_county, "amount": 1}
    assert refusal(commands.hand_down, share=cascade.of_county, union=cascade.town, amount=26) == "above_parent"
    assert refusal(commands.hand_down, share=cascade.of_county, union=cascade.town, amount=0) == "amount_wrong"
    assert refusal(commands.hand_down, union=cascade.sibling_county, **hand) == "not_beneath"
    assert refusal(commands.hand_down, union=cascade.county, **hand) == "not_beneath"
    assert refusal(commands.hand_down, station=make_station(union=cascade.city), **hand) == "not_beneath"
    assert refusal(commands.hand_down, union=cascade.town, take_back_on=clock.today(), **hand) == "day_past"
    assert refusal(commands.hand_down, share=cascade.root, station=cascade.station, amount=1) == "holds_already"


def test_changing_between_what_is_used_and_what_the_parent_has(cascade):
    change = {"share": cascade.of_county, "take_back_on": None}
    take(cascade, make_station(union=cascade.county), quantity=2)
    database.session.commit()
    assert refusal(commands.change_share, amount=6, **change) == "below_used"
    assert refusal(commands.change_share, amount=61, **change) == "above_parent"
    commands.change_share(amount=60, by=SYSTEM, **change)
    assert numbers(cascade.of_county) == (60, 5, 2, 53) and numbers(cascade.of_city) == (60, 60, 0, 0)
    commands.change_share(amount=7, by=SYSTEM, **change)
    assert numbers(cascade.of_city) == (60, 7, 0, 53)


def test_the_root_follows_the_programme(cascade):
    take(cascade, union=cascade.foreign_city, quantity=3)
    database.session.commit()
    with pytest.raises(Refused) as refused:
        commands.set_root(programme=cascade.programme, amount=62, by=SYSTEM)
    assert str(refused.value.problems[0].says) == "At least 63: 3 are used and 60 were handed down."
    database.session.rollback()
    commands.set_root(programme=cascade.programme, amount=63, by=SYSTEM)
    assert numbers(cascade.root) == (63, 60, 3, 0)
    assert refusal(commands.set_root, programme=cascade.programme, amount=None) == "below_used"
    free = make_programme(cascade.city)
    commands.set_root(programme=free, amount=5, by=SYSTEM)
    commands.set_root(programme=free, amount=None, by=SYSTEM)
    assert queries.find_share(programme_id=free.id, union_id=cascade.city.id) is None


def test_on_the_day_itself_what_is_unused_goes_up_and_not_before(cascade):
    take(cascade, cascade.station, quantity=2)
    database.session.commit()
    first = clock.start_of(BACK)  # 00:00 at +08:00
    with clock.stopped_at(first - timedelta(microseconds=1)):
        assert commands.take_back_due(by=SYSTEM) == 0
    with clock.stopped_at(first):
        assert commands.take_back_due(by=SYSTEM) == 3 + 28  # the station's three go to the county, whose day it is too
        database.session.commit()
        assert numbers(cascade.of_station) == (2, 0, 2, 0)
        assert numbers(cascade.of_county) == (2, 2, 0, 0)
        assert numbers(cascade.of_city) == (60, 2, 0, 58)
        assert commands.take_back_due(by=SYSTEM) == 0
        # From then on the station draws on what is above, and what is put back follows with the next round.
        assert take(cascade, cascade.station) == cascade.of_city.id
        commands.put_back(share_id=cascade.of_station.id, by=SYSTEM)
        assert commands.take_back_due(by=SYSTEM) == 2
        assert numbers(cascade.of_city) == (60, 1, 1, 58)
    kinds = [one.move.kind for one in queries.list_moves([cascade.of_station])]
    assert kinds == [MoveKind.FELL_BACK, MoveKind.FELL_BACK, MoveKind.HANDED_DOWN]
    first_said = sa.text("SELECT details->>'holder' FROM audit_entries WHERE action = 'quota.fell_back' ORDER BY id LIMIT 1")
    assert database.session.scalar(first_said) == cascade.station.name


def test_taking_back_by_hand_and_handing_down_anew(cascade):
    take(cascade, cascade.station, quantity=1)
    assert commands.take_back(share=cascade.of_station, by=SYSTEM) == 4
    assert numbers(cascade.of_county) == (30, 1, 0, 29)
    assert take(cascade, cascade.station) == cascade.of_county.id
    commands.put_back(share_id=cascade.of_station.id, by=SYSTEM)  # a booking cancelled afterwards: nobody draws on it here
    assert commands.take_back_due(by=SYSTEM) == 1
    assert numbers(cascade.of_station) == (0, 0, 0, 0) and numbers(cascade.of_county) == (30, 0, 1, 29)
    assert refusal(commands.take_back, share=cascade.of_station) == "nothing_left"
    commands.hand_down(share=cascade.of_county, station=cascade.station, amount=2, by=SYSTEM)
    assert take(cascade, cascade.station) == cascade.of_station.id


# --- the database holds it too -----------------------------------------------------------------------------------------


def broken(statement) -> str:
    """The constraint or guard that refuses a statement past the commands."""
    with pytest.raises(sa.exc.DBAPIError) as refused:
        database.session.execute(statement)
        database.session.commit()
    database.session.rollback()
    return refused.value.orig.diag.constraint_name


@pytest.mark.parametrize(
    ("label", "values", "constraint"),
    [
        ("of_county", {"amount": 4}, "ck_quota_shares_within_amount"),
        ("of_county", {"amount": 61}, "ck_quota_shares_within_amount"),  # the parent's
        ("of_county", {"used": 26}, "ck_quota_shares_within_amount"),
        ("of_county", {"used": -1}, "ck_quota_shares_not_negative"),
        ("of_county", {"given": 4}, "tr_quota_shares_given_is_sum"),
        ("root", {"take_back_on": BACK}, "ck_quota_shares_root_of_a_union"),
        ("of_county", {"parent_id": "root"}, "tr_quota_shares_stays"),
        ("of_county", {"union_id": "town"}, "tr_quota_shares_stays"),
        ("of_county", {"programme_id": "other"}, "tr_quota_shares_stays"),
    ],
)
def test_a_share_is_guarded(cascade, label, values, constraint):
    others = {"root": cascade.root.id, "town": cascade.town.id, "other": make_programme(cascade.province).id}
    values = {name: others.get(value, value) if isinstance(value, str) else value for name, value in values.items()}
    share_id = getattr(cascade, label).id
    assert broken(sa.update(QuotaShare).where(QuotaShare.id == share_id).values(**values)) == constraint


def test_who_may_stand_where(cascade):
    def new(**values):
        known = {"id": new_id(), "programme_id": cascade.programme.id, "amount": 1, "given": 0, "used": 0, "created_at": NOW}
        return sa.insert(QuotaShare).values(**known | values)

    county, city = cascade.of_county.id, cascade.of_city.id
    other, foreign = make_programme(cascade.province), make_station(union=cascade.foreign_county)
    station, county_id, root_of = cascade.station.id, cascade.county.id, cascade.province.id
    cases = [
        (new(parent_id=county, union_id=cascade.sibling_county.id), "tr_quota_shares_beneath_parent"),
        (new(parent_id=county, station_id=foreign.id), "tr_quota_shares_beneath_parent"),
        (new(parent_id=county, union_id=cascade.town.id, programme_id=other.id), "tr_quota_shares_same_programme"),
        (
            new(parent_id=cascade.of_station.id, station_id=make_station(union=cascade.county).id),
            "tr_quota_shares_beneath_parent",
        ),
        (new(parent_id=city, union_id=county_id), "uq_quota_shares_union"),
        (new(parent_id=city, station_id=station), "uq_quota_shares_station"),
        (new(union_id=cascade.town.id), "uq_quota_shares_root"),
        (new(station_id=station, programme_id=other.id), "ck_quota_shares_root_of_a_union"),
        (new(parent_id=county, union_id=cascade.town.id, station_id=station), "ck_quota_shares_one_holder"),
        (new(union_id=root_of, programme_id=other.id, given=1, amount=2), "tr_quota_shares_given_is_sum"),
        (new(parent_id=county, union_id=cascade.town.id, amount=26), "ck_quota_shares_within_amount"),
    ]
    for statement, constraint in cases:
        assert broken(statement) == constraint


def test_moves_are_append_only(cascade):
    assert broken(sa.update(QuotaMove).values(after=1)) == "tr_quota_moves_append_only"
    assert broken(sa.text("TRUNCATE quota_moves")) == "tr_quota_moves_no_truncate"
    move = {"id": new_id(), "share_id": cascade.root.id, "at": NOW, "kind": MoveKind.SET, "before": -1, "after": 0}
    assert broken(sa.insert(QuotaMove).values(**move)) == "ck_quota_moves_not_negative"
