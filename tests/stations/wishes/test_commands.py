"""Wishes join, also in parallel; what the database itself refuses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal import clock
from portal.access import SYSTEM, VISITOR
from portal.audit import AuditEntry
from portal.stations.wishes import commands, queries
from portal.stations.wishes.models import Wish, WishState, WishVoice
from portal.stations.wishes.rules import WishValues
from portal.types import Refused, new_id
from portal.vocabulary import BasicService, Occupation
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.wishes import make_wish


@pytest.fixture
def tree(db):
    return small_tree()


def count(model) -> int:
    from portal.db import db

    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def test_similar_wishes_join_and_others_do_not(tree):
    first = make_wish("花园路口", point=(34.8004, 113.7001), occupation=Occupation.COURIER, missing=(BasicService.TOILET,))
    assert make_wish("花园路口（附近）").id == first.id  # the same words
    assert make_wish("邮局对面", point=(34.8020, 113.7010)).id == first.id  # a short walk away
    assert make_wish("别的路口", point=(34.9000, 113.7000)).id != first.id
    assert make_wish("花园路口", county_code="410102").id != first.id
    assert first.voices == 3 and count(WishVoice) == 5 and count(Wish) == 3
    assert str(first.lat) == "34.800000"  # to a hundred metres, no nearer
    said = queries.said(first.id)
    assert said.occupations == [(Occupation.COURIER, 1)] and said.missing == [(BasicService.TOILET, 1)]


def test_wishes_at_once_are_one_wish(app, db, tree):
    """Six phones at the same moment, some by words and some by point: one wish, six voices."""
    barrier = threading.Barrier(6)

    def send(number: int):
        with app.app_context():
            barrier.wait(timeout=20)
            point = (34.8001 + number / 10_000, 113.7) if number % 2 else None
            wish = commands.wish(values=WishValues("410105", "新区市场", point=point), by=VISITOR)
            ident = wish.id
            db.session.commit()
            db.session.remove()
            return ident

    with ThreadPoolExecutor(6) as pool:
        idents = set(pool.map(send, range(6)))
    assert len(idents) == 1 and count(Wish) == 1 and count(WishVoice) == 6
    assert db.session.get(Wish, idents.pop()).voices == 6


def test_a_wish_belongs_to_the_general_union_of_its_county(tree):
    assert make_wish().union_id == tree.county.id
    assert make_wish(county_code="410302").union_id == tree.foreign_county.id
    with pytest.raises(Refused):
        commands.wish(values=WishValues("999999", "某处"), by=VISITOR)


def test_what_becomes_of_a_wish(tree, db):
    wish = make_wish()
    station = make_station(union=tree.county)
    commands.set_state(wish=wish, state=WishState.DECLINED, reason="两百米外已有一处", by=SYSTEM)
    db.session.commit()
    assert (wish.state, wish.reason) == (WishState.DECLINED, "两百米外已有一处")
    again = make_wish()
    assert again.id != wish.id  # the answered one is not counted any further
    with pytest.raises(Refused, match="Another wish"):
        commands.set_state(wish=wish, state=WishState.CONSIDERED, by=SYSTEM)
    commands.set_state(wish=again, state=WishState.PLANNED, by=SYSTEM)
    commands.set_state(wish=again, state=WishState.BUILT, station=station, by=SYSTEM)
    db.session.commit()
    assert again.station_id == station.id
    with pytest.raises(Refused):
        commands.set_state(wish=again, state=WishState.NEW, by=SYSTEM)
    entries = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "wish.state_set").order_by(AuditEntry.id)).all()
    assert [one.details["state"] for one in entries] == [["new", "declined"], ["new", "planned"], ["planned", "built"]]
    assert {one.union_id for one in entries} == {tree.county.id}


def test_a_wish_that_was_declined_can_be_taken_up_again(tree, db):
    wish = make_wish()
    commands.set_state(wish=wish, state=WishState.DECLINED, reason="没有合适的房子", by=SYSTEM)
    commands.set_state(wish=wish, state=WishState.CONSIDERED, by=SYSTEM)
    db.session.commit()
    assert (wish.state, wish.reason) == (WishState.CONSIDERED, None)


def test_the_county_is_locked_before_the_wish(tree, db):
    """As a new voice does it: the other way round the two would wait for each other."""
    wish, locked = make_wish(), []
    db.session.commit()

    def note(_connection, _cursor, statement, *_rest):
        if " FOR " in statement:
            locked.append("divisions" if "FROM divisions" in statement else "wishes")

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        commands.set_state(wish=wish, state=WishState.CONSIDERED, by=SYSTEM)
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    assert locked == ["divisions", "wishes"]


# --- what the database refuses by itself -------------------------------------------------------------------

BROKEN = {
    "uq_wishes_open_place": {},
    "ck_wishes_point_whole": {"place_key": "b", "lat": 34.8},
    "ck_wishes_voices_positive": {"place_key": "b", "voices": 0},
    "ck_wishes_declined_has_reason": {"place_key": "b", "state": WishState.DECLINED},
    "ck_wishes_built_has_station": {"place_key": "b", "state": WishState.BUILT},
}


@pytest.mark.parametrize("name", BROKEN)
def test_constraints(tree, db, name):
    def row(**changes) -> Wish:
        known = {"union_id": tree.county.id, "county_code": "410105", "place": "某处", "place_key": "a", "voices": 1,
                 "state": WishState.NEW, "first_at": clock.now(), "last_at": clock.now(), "is_demo": False}  # fmt: skip
        return Wish(id=new_id(), **(known | changes))

    db.session.add(row())
    db.session.flush()
    db.session.add(row(**BROKEN[name]))
    with pytest.raises(IntegrityError, match=name):
        db.session.flush()


@pytest.mark.parametrize("statement", ["UPDATE wish_voices SET words = 'x'", "DELETE FROM wish_voices", "TRUNCATE wish_voices"])
def test_voices_stay_as_they_were_said(tree, db, statement):
    make_wish()
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(sa.text(statement))
