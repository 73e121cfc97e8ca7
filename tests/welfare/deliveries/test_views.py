"""The pages of deliveries and of what is looked at afterwards, as each role meets them."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
import sqlalchemy as sa
from PIL import Image
from python_calamine import CalamineWorkbook

from portal import clock, pictures
from portal.access import SYSTEM, By
from portal.types import new_id
from portal.welfare.checks.models import DeliveryDispute, DeliverySample
from portal.welfare.deliveries import queries
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.eligibility.models import LimitPeriod
from portal.welfare.items.models import Proof
from tests.factories.deliveries import give, make_shelf
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker, sign_in_worker


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def shelf(tree):
    return make_shelf(tree.federation_county, 50)


@pytest.fixture
def row(shelf):
    return give(shelf.programme, shelf.station, shelf.worker)


def make_many(shelf, count: int) -> None:
    """So many rows at the same moment, written at once."""
    first = give(shelf.programme, shelf.station)
    known = {column.name: getattr(first, column.name) for column in Delivery.__table__.columns}
    queries.db.session.execute(sa.insert(Delivery), [known | {"id": new_id()} for _ in range(count - 1)])
    queries.db.session.commit()


def enter(client, role: str, union):
    account = make_account([(role, union)])
    sign_in_quickly(client, account)
    return account


def test_the_list_shows_what_was_given_with_masked_names(client, tree, shelf, row):
    enter(client, "officer", tree.city)
    html = client.get("/deliveries").get_data(as_text=True)
    assert shelf.programme.name in html and "李*强" in html and shelf.worker.name not in html
    assert "李*强" not in client.get("/deliveries?state=reversed").get_data(as_text=True)
    for query in (f"programme={shelf.programme.code}", f"station={shelf.station.code}", f"first={clock.today()}", "source=desk"):
        assert "李*强" in client.get(f"/deliveries?{query}").get_data(as_text=True), query
    tomorrow = clock.today() + timedelta(days=1)
    assert "李*强" not in client.get(f"/deliveries?first={tomorrow}").get_data(as_text=True)
    fragment = client.get("/deliveries?source=desk", headers={"HX-Request": "true", "HX-Target": "deliveries"})
    assert fragment.get_data(as_text=True).lstrip().startswith('<div id="deliveries"')


def test_pages_follow_each_other_without_a_gap(client, tree, shelf, db):
    make_many(shelf, 53)
    enter(client, "officer", tree.city)
    first = client.get("/deliveries").get_data(as_text=True)
    assert first.count("<tr data-open>") == 50
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert client.get(following).get_data(as_text=True).count("<tr data-open>") == 3


def test_outside_the_part_of_the_tree_is_404(client, tree, shelf, row):
    enter(client, "officer", tree.foreign_city)
    assert "李*强" not in client.get("/deliveries").get_data(as_text=True)
    person = f"/deliveries/people/{shelf.worker.id}"
    for address in (f"/deliveries/{row.id}", f"/deliveries/{row.id}/photo", person, f"{person}?page=2"):
        assert client.get(address).status_code == 404, address
    for address in ("reverse", "review", "look"):
        assert (
            client.send(f"/deliveries/{row.id}/{address}", {"reason": "x", "accepted": "yes", "look_note": "x"}).status_code
            == 404
        )


def test_one_with_its_story_is_taken_back(client, tree, shelf, row, db):
    enter(client, "keeper", tree.city)
    html = client.get(f"/deliveries/{row.id}").get_data(as_text=True)
    assert shelf.supply.name in html and "盒" in html
    refused = client.send(f"/deliveries/{row.id}/reverse", {"reason": " "})
    assert refused.status_code == 422
    assert client.send(f"/deliveries/{row.id}/reverse", {"reason": "误发"}).status_code == 303
    assert queries.find_reversal(row.id).reason == "误发"
    assert client.send(f"/deliveries/{row.id}/reverse", {"reason": "误发"}).status_code == 422
    assert "误发" in client.get(f"/deliveries/{row.id}").get_data(as_text=True)


def test_finance_sees_it_but_takes_nothing_back(client, tree, row):
    enter(client, "finance", tree.city)
    assert "/reverse" not in client.get(f"/deliveries/{row.id}").get_data(as_text=True)
    assert client.send(f"/deliveries/{row.id}/reverse", {"reason": "误发"}).status_code == 403
    assert client.get("/deliveries/exceptions").status_code == 403


def test_the_photo_shows_only_to_whoever_checks_or_keeps(client, tree, db):
    shelf = make_shelf(tree.federation_county, item={"proof": Proof.PHOTO})
    file = BytesIO()
    Image.new("RGB", (40, 40), "teal").save(file, "PNG")
    picture = pictures.keep(BytesIO(file.getvalue()), by=SYSTEM)
    row = give(shelf.programme, shelf.station, shelf.worker, proof_picture_id=picture.id)
    enter(client, "finance", tree.city)
    assert client.get(f"/deliveries/{row.id}/photo").status_code == 404
    assert "/photo" not in client.get(f"/deliveries/{row.id}").get_data(as_text=True)
    enter(client, "officer", tree.city)
    assert client.get(f"/deliveries/{row.id}/photo?small=1").mimetype == "image/jpeg"


def test_a_persons_history_for_who_may_see_members(client, tree, shelf, row):
    enter(client, "officer", tree.city)
    html = client.get(f"/deliveries/people/{shelf.worker.id}").get_data(as_text=True)
    assert shelf.programme.name in html and shelf.worker.name not in html
    enter(client, "keeper", tree.city)
    assert client.get(f"/deliveries/people/{shelf.worker.id}").status_code == 403


def test_the_export_is_masked_and_in_the_trail(client, tree, shelf, row, db):
    account = enter(client, "officer", tree.city)
    answer = client.send("/deliveries/export", {"programme": shelf.programme.code})
    rows = CalamineWorkbook.from_filelike(BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert rows[1][1] == shelf.programme.name and rows[1][4] == "李*强" and len(rows) == 2
    entry = db.session.execute(sa.text("SELECT details FROM audit_entries WHERE actor_id = :id ORDER BY id DESC LIMIT 1"),
                               {"id": account.id}).scalar_one()  # fmt: skip
    assert entry["programme"] == shelf.programme.code
    enter(client, "keeper", tree.city)
    assert client.send("/deliveries/export").status_code == 403


def test_the_worker_says_this_was_not_me(client, tree, shelf, row, db):
    sign_in_worker(client, shelf.worker)
    assert shelf.programme.name in client.get("/me").get_data(as_text=True)
    assert shelf.programme.name in client.get("/me/received").get_data(as_text=True)
    assert client.send(f"/me/deliveries/{row.id}/dispute", {"note": "当天没去"}).status_code == 303
    said = db.session.scalars(sa.select(DeliveryDispute)).one()
    assert said.note == "当天没去"
    client.send(f"/me/deliveries/{row.id}/dispute", {"note": "再说一次"})
    assert db.session.scalar(sa.select(sa.func.count()).select_from(DeliveryDispute)) == 1
    other = make_worker()
    sign_in_worker(client, other)
    assert client.send(f"/me/deliveries/{row.id}/dispute").status_code == 404
    enter(client, "officer", tree.city)
    html = client.get("/deliveries/disputes").get_data(as_text=True)
    assert "当天没去" in html and "“" in client.get("/staff").get_data(as_text=True)
    assert client.send(f"/deliveries/disputes/{said.id}/answer", {"answer": ""}).status_code == 422
    assert client.send(f"/deliveries/disputes/{said.id}/answer", {"answer": "登记有误"}).status_code == 303
    sign_in_worker(client, shelf.worker)
    assert "登记有误" in client.get("/me/received").get_data(as_text=True)


def test_exceptions_late_entries_and_doubles_have_their_lists(client, tree, db):
    shelf = make_shelf(tree.federation_county, 1, item={"needs_two": True},
                       rule={"person_limit": 1, "limit_period": LimitPeriod.DAY})  # fmt: skip
    decider = By("staff", shelf.programme.decided_by_account_id)
    alone = give(shelf.programme, shelf.station, shelf.worker, decider, exception_reason="只有我在")
    late = give(shelf.programme, shelf.station, shelf.worker, late=True, source=DeliverySource.PAPER)
    enter(client, "officer", tree.city)
    assert "只有我在" in client.get("/deliveries/exceptions").get_data(as_text=True)
    assert str(late.id) in client.get("/deliveries/late").get_data(as_text=True)
    assert str(late.id) in client.get("/deliveries/doubles").get_data(as_text=True)
    assert client.send(f"/deliveries/{alone.id}/review", {}).status_code == 422
    assert client.send(f"/deliveries/{alone.id}/review", {"accepted": "yes"}).status_code == 303
    assert client.send(f"/deliveries/{late.id}/look", {"look_note": ""}).status_code == 422
    assert client.send(f"/deliveries/{late.id}/look", {"look_note": "确有发放"}).status_code == 303
    assert str(late.id) not in client.get("/deliveries/late").get_data(as_text=True)
    assert str(late.id) in client.get("/deliveries/late?all=1").get_data(as_text=True)
    assert "确有发放" in client.get(f"/deliveries/{late.id}").get_data(as_text=True)


def test_a_sample_is_drawn_called_and_its_number_uncovered(client, tree, shelf, row, db):
    enter(client, "officer", tree.city)
    today = clock.today().isoformat()
    wanted = {"programme": shelf.programme.code, "first_on": today, "last_on": today, "size": "5"}
    assert client.get("/deliveries/samples/new").status_code == 200
    assert client.send("/deliveries/samples/new", wanted | {"size": "0"}).status_code == 422
    answer = client.send("/deliveries/samples/new", wanted)
    assert answer.status_code == 303
    sample = db.session.scalars(sa.select(DeliverySample)).one()
    here = f"/deliveries/samples/{sample.id}"
    html = client.get(here).get_data(as_text=True)
    assert sample.seed in html and "138****" in html
    call = f"{here}/calls/{row.id}"
    assert client.send(f"{call}/reveal", {"reason": ""}).status_code == 422
    uncovered = client.send(f"{call}/reveal", {"reason": "电话回访"})
    assert uncovered.status_code == 200 and "138****" not in uncovered.get_data(as_text=True)
    assert client.send(call, {"outcome": "denied"}).status_code == 422
    assert client.send(call, {"outcome": "confirmed"}).status_code == 303
    assert "1 / 1" in client.get("/deliveries/samples").get_data(as_text=True)
    enter(client, "auditor", tree.city)
    assert "/reveal" not in client.get(here).get_data(as_text=True)
    assert client.send(f"{call}/reveal", {"reason": "电话回访"}).status_code == 403
    enter(client, "officer", tree.foreign_city)
    assert (client.get(here).status_code, client.send(call, {"outcome": "confirmed"}).status_code) == (404, 404)
    assert client.send("/deliveries/samples/new", wanted).status_code == 422


def test_empty_pages_say_what_to_do(client, tree):
    enter(client, "officer", tree.city)
    for address in ("", "/exceptions", "/late", "/doubles", "/disputes", "/samples", "/samples/new"):
        answer = client.get(f"/deliveries{address}")
        assert answer.status_code == 200 and 'class="card empty"' in answer.get_data(as_text=True), address
