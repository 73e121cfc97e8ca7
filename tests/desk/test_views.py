"""The counter as an operator without JavaScript meets it, and as htmx asks for its fragments."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from portal.vocabulary import BasicService
from portal.web import idempotency_key
from tests.factories.joining import agree_to_contact
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

PHONE = "13800138000"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def world(db):
    tree = small_tree()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)])
    station = make_station(
        union=tree.county, name="花园路驿站", services=[BasicService.REST, BasicService.DRINKING_WATER, BasicService.FIRST_AID]
    )
    elsewhere = make_station(union=tree.foreign_county, name="外地驿站")
    worker = make_worker(name="李自强", phone=PHONE)
    agree_to_contact(worker)
    return SimpleNamespace(tree=tree, operator=operator, code=station.code, elsewhere=elsewhere.code, worker=worker.id,
                           address=f"/desk/{station.code}")  # fmt: skip


@pytest.fixture
def desk(client, world):
    """A client signed in as the operator, with the desk open."""
    sign_in_quickly(client, world.operator)
    assert client.get(world.address).status_code == 200
    return client


def count(db, table="visit_lines"):
    return db.session.scalar(sa.text(f"SELECT count(*) FROM {table}"))


def tap(desk, world, **fields):
    headers = fields.pop("headers", {})
    key = fields.pop("key", None)
    data = {"service": "drinking_water", "worker": str(world.worker)} | fields
    return desk.send(f"{world.address}/visits", data, key=key, headers=headers)


def test_the_station_is_in_sight_and_the_field_is_ready_before_any_script(desk, world):
    page = desk.get(world.address).get_data(as_text=True)
    acting = page.partition('class="acting"')[2].partition("</p>")[0]
    assert "花园路驿站 · " in acting and re.search(r'<input id="who"[^>]* autofocus', page)
    booked = desk.get(f"{world.address}/bookings").get_data(as_text=True)  # of another room, and still at the desk
    assert re.search(r'href="/desk" aria-current="page"', booked)


def test_one_station_opens_at_once(desk, world):
    assert desk.get("/desk").location == world.address


def test_a_foreign_station_is_not_there(desk, world):
    assert desk.get(f"/desk/{world.elsewhere}").status_code == 404
    answer = desk.send(f"/desk/{world.elsewhere}/visits", {"service": "rest", "occupation": "courier"})
    assert answer.status_code == 404


@pytest.mark.parametrize("typed", [PHONE, "138 0013 8000", "１３８００１３８０００", "+86 13800138000"])
def test_a_known_phone_opens_the_card(desk, world, typed):
    page = desk.send(f"{world.address}/look-up", {"who": typed}).text
    assert "李*强" in page and "138****8000" in page
    assert PHONE not in page


def test_a_card_code_opens_the_card(db, desk, world):
    card = workers.issue_card(worker=db.session.get(workers.Worker, world.worker), by=SYSTEM)
    code = card.code
    db.session.commit()
    assert "李*强" in desk.send(f"{world.address}/look-up", {"who": code.lower()}).text


def test_looking_up_creates_nobody(db, desk, world):
    before = count(db, "workers")
    page = desk.send(f"{world.address}/look-up", {"who": "13911112222"}).text
    assert "139****2222" in page and "尚未登记" in page
    assert count(db, "workers") == before


def test_what_is_no_key_says_what_to_do(desk, world):
    page = desk.send(f"{world.address}/look-up", {"who": "???"}).text
    assert 'id="matches"' in page and "照常服务" in page


def test_a_shared_phone_asks_which_one(db, desk, world):
    make_worker(name="王小明", phone=PHONE)
    db.session.commit()
    page = desk.send(f"{world.address}/look-up", {"who": PHONE}).text
    assert "李*强" in page and "王*明" in page
    person = re.search(r'name="person" value="([^"]+)"', page).group(1)
    assert "正在服务" in desk.send(f"{world.address}/look-up", {"who": PHONE, "person": person}).text


def test_a_tap_without_javascript_leads_back_to_the_card(db, desk, world):
    answer = tap(desk, world)
    assert answer.status_code == 303 and f"{world.address}?line=" in answer.location
    page = desk.get(answer.location).text
    assert "已记录 李*强：饮水" in page and "撤销" in page
    assert count(db) == 1


def test_a_tap_by_htmx_answers_the_tile_and_the_undo_bar(desk, world):
    page = tap(desk, world, headers=HTMX | {"HX-Target": "give-drinking_water"}).text
    assert 'id="give-drinking_water"' in page and 'class="give done"' in page
    assert 'id="undo"' in page and 'data-hx-swap-oob="true"' in page
    assert len(page.encode()) < 3000


def test_the_first_answer_given_again_names_the_same_person(desk, world):
    headers = HTMX | {"HX-Target": "give-drinking_water"}
    pages = [tap(desk, world, headers=headers).text for _ in range(2)]  # two tablets: two keys
    assert all("已记录 李*强：饮水" in page for page in pages)


def test_a_double_tap_is_one_line(db, desk, world):
    key = idempotency_key()
    first, second = tap(desk, world, key=key), tap(desk, world, key=key)
    assert first.location == second.location and count(db) == 1


def test_same_key_other_service_is_409(db, desk, world):
    key = idempotency_key()
    tap(desk, world, key=key)
    assert tap(desk, world, key=key, service="rest").status_code == 409
    assert count(db) == 1


@pytest.mark.parametrize("fields", [{"service": "gold"}, {"worker": "x"}, {"occupation": "king", "worker": ""}, {"service": ""}])
def test_a_broken_tap_is_told_so(db, desk, world, fields):
    answer = tap(desk, world, **fields)
    assert answer.status_code == 400 and "刷新" in answer.text
    assert count(db) == 0


def test_extra_fields_are_not_taken(db, desk, world):
    tap(desk, world, union_id=str(world.tree.foreign_county.id), station_id="x", at="2020-01-01", first_ever="1", repeated="1")
    row = db.session.execute(sa.text("SELECT union_id, repeated FROM visits JOIN visit_lines l ON l.visit_id = visits.id")).one()
    assert (row.union_id, row.repeated) == (world.tree.county.id, False)


def test_an_unknown_is_counted_by_occupation(db, desk, world):
    page = desk.get(tap(desk, world, worker="", occupation="courier").location).text
    assert "快递员" in page
    assert db.session.scalar(sa.text("SELECT occupation FROM visits WHERE worker_id IS NULL")) == "courier"


def test_a_newcomer_is_remembered_and_served_in_one_go(db, desk, world):
    form = {"phone": "13911112222", "occupation": "truck_driver", "service": "rest", "name": ""}
    answer = desk.send(f"{world.address}/workers", form)
    assert answer.status_code == 303
    assert "139****2222" in desk.get(answer.location).text
    assert count(db) == 1
    again = desk.send(f"{world.address}/look-up", {"who": "13911112222"}).text
    assert "货车司机" in again


def test_a_newcomer_with_a_wrong_phone_keeps_what_was_typed(db, desk, world):
    form = {"phone": "1391111", "occupation": "courier", "service": "rest", "name": "张三"}
    answer = desk.send(f"{world.address}/workers", form)
    assert answer.status_code == 422 and "11 位" in answer.text and 'value="张三"' in answer.text
    assert count(db) == 0


def test_undo_takes_back_and_says_so(db, desk, world):
    line = tap(desk, world).location.rpartition("=")[2]
    answer = desk.send(f"{world.address}/undo", {"line": line})
    assert "已撤销 李*强：饮水" in desk.get(answer.location).text
    assert count(db, "visit_reversals") == 1


def test_undo_twice_by_the_same_form_is_one(db, desk, world):
    line, key = tap(desk, world).location.rpartition("=")[2], idempotency_key()
    for _ in range(2):
        assert desk.send(f"{world.address}/undo", {"line": line}, key=key).status_code == 303
    assert count(db, "visit_reversals") == 1


def test_the_invitation_comes_only_after_the_service(desk, world):
    card = desk.send(f"{world.address}/look-up", {"who": PHONE}).text
    assert "邀请入会" not in card
    served = desk.get(tap(desk, world).location).text
    assert "服务之后：邀请入会" in served


def test_invitation_not_now_is_left_alone_for_a_month(db, desk, world):
    line = tap(desk, world).location.rpartition("=")[2]
    desk.send(f"{world.address}/invitations", {"line": line, "answer": "not_now"})
    again = desk.get(f"{world.address}?line={line}").text
    assert "邀请入会" not in again


def test_invitation_shows_a_qr_code(db, desk, world):
    line = tap(desk, world).location.rpartition("=")[2]
    answer = desk.send(f"{world.address}/invitations", {"line": line, "answer": "show"})
    page = desk.get(answer.location).text
    assert "<svg" in page and "/join/" in page
    assert count(db, "invitations") == 1


def test_the_day_keeps_visits_and_people_apart(desk, world):
    tap(desk, world)
    tap(desk, world, worker="", occupation="courier")
    page = desk.get(f"{world.address}/today").text
    figures = re.findall(r"<b>(\d+)</b>\s*<span>([^<]+)", page)
    assert ("2", "人次") in figures and ("1", "已识别人数") in figures


def test_without_the_role_the_desk_is_closed(client, db, world):
    sign_in_quickly(client, make_account(roles=[(Role.FINANCE, world.tree.county)]))
    assert client.get(world.address).status_code == 403
    assert client.send(f"{world.address}/visits", {"service": "rest", "occupation": "courier"}).status_code == 403


def test_unsigned_is_sent_to_sign_in(client, world):
    answer = client.get(world.address)
    assert answer.status_code == 302 and answer.location.startswith("/staff/sign-in?next=")


def test_english_desk(desk, world):
    desk.send("/language/en")
    assert "No name needed, one tap" in desk.get(world.address).text
