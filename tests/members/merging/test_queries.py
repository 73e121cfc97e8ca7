"""Likely duplicates: each rule finds its pair and no other, within scope only, and never one that was said to be two."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from portal import clock
from portal.access import SYSTEM, Permission
from portal.members.joining.models import ApplicationStatus
from portal.members.merging import commands, queries
from portal.members.merging.rules import Likeness
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.vocabulary import IdType, Occupation
from tests.factories.joining import make_application
from tests.factories.merging import make_pair, serve
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_id_number, make_phone, make_worker


class Someone:
    """An actor with one permission at some unions."""

    def __init__(self, *unions):
        self.held = tuple(union.id for union in unions)

    def unions(self, permission):
        return self.held if permission is Permission.MERGE_WORKERS else ()


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def station(tree):
    return make_station(union=tree.county)


@pytest.fixture
def keeper(tree):
    return Someone(tree.county)


def found(actor, **why):
    return [({pair.one.id, pair.other.id}, list(pair.reasons)) for pair in queries.list_likely(actor, **why)]


def met(station, **values):
    worker = make_worker(**values)
    serve(worker, station)
    return worker


def test_one_phone_and_one_family_name(db, station, keeper):
    one, other = make_pair(station, name="李志强", other_name="李小强")
    met(station, phone=workers.current_phone(one).phone, name="王芳")  # shares the phone, is somebody else
    assert found(keeper) == [({one.id, other.id}, [Likeness.PHONE_SURNAME])]


def test_one_phone_and_one_without_name(db, station, keeper):
    phone = make_phone()
    one = met(station, phone=phone, name="李志强", occupation=Occupation.COURIER)
    other = met(station, phone=phone, name=None, occupation=Occupation.COURIER)
    met(station, phone=phone, name=None, occupation=Occupation.TRUCK_DRIVER)
    assert found(keeper) == [({one.id, other.id}, [Likeness.PHONE_NAMELESS])]


def test_one_number_on_two_kinds_of_document(db, station, keeper):
    one = met(station, id_number="H12345678", id_type=IdType.HMT_TRAVEL, name="陈大文")
    other = met(station, id_number="h1234 5678", id_type=IdType.PASSPORT, name="陳大文")
    assert found(keeper) == [({one.id, other.id}, [Likeness.DOCUMENT])]


def test_one_document_in_two_applications(db, station, keeper):
    number = make_id_number()
    one, other = met(station, name="李志强"), met(station, name="李大强")
    make_application(one, id_number=number)
    make_application(other, id_number=number, status=ApplicationStatus.UNCONFIRMED)
    assert found(keeper) == [({one.id, other.id}, [Likeness.APPLICATION])]


def test_one_name_and_one_birth_date(db, station, keeper):
    born = date(1991, 3, 4)
    one = met(station, id_number=make_id_number(born=born, order=1))
    other = met(station, id_number=make_id_number(born=born, order=2, county="410102"))
    met(station, id_number=make_id_number(born=date(1992, 3, 4)))
    met(station, id_number=make_id_number(born=born, order=4), name="王芳")
    assert found(keeper) == [({one.id, other.id}, [Likeness.BIRTH])]


def test_one_name_one_tail_one_county(db, tree, station, keeper):
    elsewhere = make_station(union=tree.county, county_code="410102")
    one, other = met(station, phone="13800001234"), met(station, phone="13911111234")
    met(elsewhere, phone="13722221234")  # the same, but served in another county
    met(station, phone="13733331235")
    assert found(keeper) == [({one.id, other.id}, [Likeness.NAME_TAIL])]


def test_the_likeliest_comes_first_and_one_reason_may_be_asked_for(db, station, keeper):
    tail = {met(station, phone="13800001234", name="赵一").id, met(station, phone="13911111234", name="赵一").id}
    phone = {worker.id for worker in make_pair(station, name="李志强", other_name="李小强")}
    assert [pair for pair, _why in found(keeper)] == [phone, tail]
    assert [pair for pair, _why in found(keeper, why=Likeness.NAME_TAIL)] == [tail]
    assert found(keeper, why=Likeness.DOCUMENT) == []


def test_both_must_have_been_met_within_scope(db, tree, station, keeper):
    foreign = make_station(union=tree.foreign_county, county_code="410302")
    phone = make_phone()
    met(station, phone=phone), met(foreign, phone=phone)
    assert found(keeper) == []
    assert found(Someone(tree.foreign_county)) == []
    assert len(found(Someone(tree.province))) == 1
    make_pair(foreign)
    assert found(keeper) == [] and len(found(Someone(tree.foreign_county))) == 1
    assert found(Someone()) == []


def test_whoever_was_not_there_for_long_is_not_offered(db, station, keeper):
    phone = make_phone()
    for ago in (1, 95):
        serve(make_worker(phone=phone), station, at=clock.now() - timedelta(days=ago))
    assert found(keeper) == []


def test_two_people_are_never_offered_again_whoever_they_become(db, station, keeper):
    one, other = make_pair(station)
    commands.say_apart(one=one, other=other, by=SYSTEM)
    db.session.commit()
    assert found(keeper) == []
    third = met(station, phone=make_phone(), name="李志强")
    commands.merge(survivor=third, merged=one, keep={}, reason="x", by=SYSTEM)
    db.session.commit()
    assert found(keeper) == []  # third has one's phone now, and is still not other
    commands.take_back_apart(one=third, other=other, by=SYSTEM)
    db.session.commit()
    assert [pair for pair, _why in found(keeper)] == [{third.id, other.id}]


def test_who_was_merged_is_offered_no_more(db, station, keeper):
    one, other = make_pair(station)
    merge = commands.merge(survivor=one, merged=other, keep={}, reason="x", by=SYSTEM)
    db.session.commit()
    assert found(keeper) == []
    assert [done.survivor.id for done in queries.list_merges(keeper).rows] == [one.id]
    assert queries.get_merge(merge.id, keeper).id == merge.id
    assert queries.is_met(other.id, keeper)


def test_merges_outside_the_scope_are_not_there(db, tree, station, keeper):
    one, other = make_pair(make_station(union=tree.foreign_county, county_code="410302"))
    merge = commands.merge(survivor=one, merged=other, keep={}, reason="x", by=SYSTEM)
    db.session.commit()
    assert queries.list_merges(keeper).rows == []
    for ask in (lambda: queries.get_merge(merge.id, keeper), lambda: queries.get_met(one.id, keeper)):
        with pytest.raises(queries.NoResultFound):
            ask()


def test_a_side_shows_masks_only(db, station):
    phone, number = make_phone(), make_id_number()
    worker = met(station, phone=phone, name="李志强", id_number=number)
    worker_commands.detach_phone(worker=worker, phone=phone, by=SYSTEM)
    side = queries.side(worker)
    said = repr(side)
    assert phone not in said and number not in said and "李志强" not in said
    assert side.phones[0][2] is not None and side.document.endswith(number[-4:])
