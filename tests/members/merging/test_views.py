"""The pages of merging: list, comparison, merge, two people, undo; only within scope and only for who may."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.access import Role
from portal.members.merging.models import WorkerMerge
from portal.members.workers import queries as workers
from portal.members.workers.models import Worker
from portal.vocabulary import IdType, Occupation
from tests.factories.merging import make_pair
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_id_number


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def pair(tree):
    return make_pair(make_station(union=tree.county), name="李志强", other_name="李小明")


@pytest.fixture
def address(pair):
    return f"/workers/duplicates/{pair[0].id}/{pair[1].id}"


def staff(app, role, union):
    client = app.test_client()
    sign_in_quickly(client, make_account([(role, union)]))
    return client


@pytest.fixture
def keeper(app, tree):
    return staff(app, Role.KEEPER, tree.county)


def test_list_and_comparison_show_masks_and_the_reason(db, keeper, pair, address):
    number = make_id_number()
    with db.session.no_autoflush:
        pair[1].id_type, pair[1].id_number = IdType.RESIDENT_ID, number
    db.session.commit()
    phone = workers.current_phone(pair[0]).phone
    keeper.set_cookie("language", "en")
    listed, compared = keeper.get("/workers/duplicates").text, keeper.get(address).text
    assert address in listed and "The same phone and the same family name" in listed
    for page in (listed, compared):
        assert "李*强" in page and "李*明" in page
        assert not any(secret in page for secret in (phone, number, "李志强", "李小明"))
    assert number[-4:] in compared and 'name="name"' in compared and 'name="document"' not in compared
    assert keeper.get("/workers/duplicates?why=birth").status_code == 200
    assert keeper.get("/workers/duplicates?why=nonsense").text.count(address) == 1


def test_merging_and_undoing(db, keeper, pair, address):
    one, other = pair
    assert keeper.send(f"{address}/merge", {"stays": "left", "name": "right"}).status_code == 422  # why is it one person?
    assert keeper.send(f"{address}/merge", {"reason": "seen"}).status_code == 422  # which one stays?
    sent = {"stays": "left", "name": "right", "reason": "证件已看"}
    for _twice in range(2):
        assert keeper.send(f"{address}/merge", sent, key="the-same-key").location == "/workers/merges"
    db.session.expire_all()
    assert (db.session.get(Worker, other.id).merged_into_id, db.session.get(Worker, one.id).name) == (one.id, "李小明")
    page = keeper.get("/workers/merges").text
    merge = db.session.scalars(sa.select(WorkerMerge)).one().id
    assert "证件已看" in page and f"/workers/merges/{merge}/undo" in page
    assert keeper.get(address).status_code == 200  # an old tab says that it is one record
    assert keeper.send(f"{address}/merge", sent).status_code == 422
    assert keeper.send(f"{address}/apart").location == "/workers/duplicates"
    assert keeper.send(f"/workers/merges/{merge}/undo").location == "/workers/merges"
    db.session.expire_all()
    assert (db.session.get(Worker, other.id).merged_into_id, db.session.get(Worker, one.id).name) == (None, "李志强")
    assert keeper.send(f"/workers/merges/{merge}/undo").location == "/workers/merges"
    assert f"/workers/merges/{merge}/undo" not in keeper.get("/workers/merges").text


def test_values_may_be_taken_from_the_one_that_goes(db, keeper, pair, address):
    pair[0].occupation = Occupation.COURIER
    db.session.commit()
    keeper.send(f"{address}/merge", {"stays": "right", "name": "right", "occupation": "left", "reason": "x"})
    db.session.expire_all()
    person = workers.get_worker(pair[0].id)
    assert (person.id, person.name, person.occupation) == (pair[1].id, "李小明", Occupation.COURIER)


def test_not_the_same_person_is_remembered_and_can_be_taken_back(keeper, address):
    assert keeper.send(f"{address}/apart").location == "/workers/duplicates"
    assert address not in keeper.get("/workers/duplicates").text
    page = keeper.get(address).text
    assert "/merge" not in page.replace("/workers/merges", "") and 'value="take_back"' in page
    assert keeper.send(f"{address}/merge", {"stays": "left", "reason": "x"}).status_code == 422
    assert keeper.send(f"{address}/apart", {"do": "take_back"}).location == address
    assert address in keeper.get("/workers/duplicates").text


def test_outside_the_scope_nothing_is_there(db, app, tree, pair, address, keeper):
    keeper.send(f"{address}/merge", {"stays": "left", "reason": "x"})
    merge = db.session.scalars(sa.select(WorkerMerge)).one().id
    foreign = staff(app, Role.OFFICER, tree.foreign_county)
    for ask in (foreign.get(address), foreign.send(f"{address}/merge"), foreign.send(f"{address}/apart"),
                foreign.send(f"/workers/merges/{merge}/undo")):  # fmt: skip
        assert ask.status_code == 404
    assert str(merge) not in foreign.get("/workers/merges").text
    for role in (Role.OPERATOR, Role.HOST, Role.APPROVER, Role.ADMINISTRATOR):
        assert staff(app, role, tree.county).get("/workers/duplicates").status_code == 403


def test_empty_lists_say_what_to_do(app, tree, keeper):
    for page in ("/workers/duplicates", "/workers/duplicates?why=document", "/workers/merges"):
        assert 'class="card empty"' in keeper.get(page).text
