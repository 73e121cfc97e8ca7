"""Programmes at the counter, as an operator without JavaScript meets them and as htmx asks for the fragment."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from PIL import Image

from portal import clock
from portal.access import SYSTEM, Role
from portal.db import db as database
from portal.members.workers import commands as workers
from portal.vocabulary import Occupation
from portal.web import idempotency_key
from portal.welfare.bookings.models import Booking
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.eligibility.models import LimitPeriod
from portal.welfare.items.models import Proof
from portal.welfare.programmes.models import Way
from tests.desk.giving.conftest import COUNTER, PHONE, give, tile_of, today_at
from tests.factories.bookings import make_booking
from tests.factories.shifts import make_device, stand_at
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.supplies import make_kit, make_supply, put_in_stock
from tests.factories.welfare import make_item, make_programme, make_session
from tests.factories.workers import make_worker

pytestmark = pytest.mark.usefixtures("noon")
ONE_A_DAY = {"person_limit": 1, "limit_period": LimitPeriod.DAY}


def deliveries() -> list[Delivery]:
    return Delivery.query.order_by(Delivery.id).all()


def book(programme, place, *, hour=12, worker=None) -> Booking:
    """A place at noon at this station, booked the day before."""
    session = make_session(programme, place.station, starts_at=today_at(hour))
    return make_booking(session, worker or place.worker, at=today_at(-20))


# --- the light -----------------------------------------------------------------------------------------------------


def test_one_tap_gives_and_shows_what_is_left(desk, place, card):
    programme = place.offer(rule=ONE_A_DAY)
    tile = tile_of(card(), programme)
    assert "1 a day" in tile and "12 left" in tile and 'class="give"' in tile
    answer = give(desk, place, programme)
    [row] = deliveries()
    assert answer.status_code == 303 and answer.location.endswith(f"?delivery={row.id}")
    page = desk.get(answer.location).text
    assert re.search(r"handed over: 李\*强, 防暑包", page) and 'action="' + place.address + '/giving/undo"' in page
    assert (row.worker_id, row.source, row.station_id) == (place.worker.id, DeliverySource.DESK, place.station.id)
    tile = tile_of(page, programme)
    assert "disabled" in tile and "11 left" not in tile  # had today: red, with the next day


def test_a_fragment_answers_the_counter_and_fetches_what_stands_beside(desk, place):
    programme = place.offer()
    answer = give(desk, place, programme, headers=COUNTER)
    page = desk.get(answer.location, headers=COUNTER).text
    assert page.startswith('<div id="counter"') or 'id="counter"' in page[:200]
    assert 'data-hx-target="#aside"' in page and "<html" not in page


def test_red_says_why_and_gives_nothing(desk, place, card):
    programme = place.offer(rule={"occupations": [Occupation.TRUCK_DRIVER.value]})
    tile = tile_of(card(), programme)
    assert "disabled" in tile and "<form" not in tile
    answer = give(desk, place, programme)
    assert answer.status_code == 422 and deliveries() == []


def test_nothing_left_is_red_before_the_tap_and_after_it(desk, place, card):
    programme = place.offer(stock=0)
    assert "none is left" in tile_of(card(), programme)
    answer = give(desk, place, programme)
    assert answer.status_code == 422 and "is used up here" in answer.text


def test_what_is_not_given_here_is_not_there(desk, place):
    other = place.offer()
    elsewhere = make_station(union=place.tree.county)
    answer = desk.send(f"/desk/{elsewhere.code}/programmes/{other.code}/give", {"worker": str(place.worker.id)})
    assert answer.status_code == 404
    assert desk.send(f"{place.address}/programmes/none/give", {"worker": str(place.worker.id)}).status_code == 404


@pytest.mark.parametrize(("fields", "status"), [({"worker": "x"}, 400), ({"booking": "x"}, 400),
                                                 ({"worker": "01a20506-f847-7180-9f31-03bb7c69c92a"}, 404)])  # fmt: skip
def test_a_button_out_of_date(desk, place, fields, status):
    assert give(desk, place, place.offer(), **fields).status_code == status


def test_a_double_tap_is_one_delivery(desk, place):
    programme, key = place.offer(), idempotency_key()
    first, second = give(desk, place, programme, key=key), give(desk, place, programme, key=key)
    assert first.location == second.location and len(deliveries()) == 1


# --- amber: what has to be shown ------------------------------------------------------------------------------------


def test_a_document_is_looked_at_first(db, desk, place, card):
    programme = place.offer(rule={"sex": "female"})  # nothing is on record: the document says
    tile = tile_of(card(), programme)
    assert "<summary" in tile and "heed" in tile and 'name="document_seen"' in tile
    answer = give(desk, place, programme)
    assert answer.status_code == 422 and "Look at the document first" in answer.text and 'class="ask" open' in answer.text
    assert give(desk, place, programme, document_seen="y").status_code == 303
    seen = db.session.execute(sa.text("SELECT details FROM audit_entries WHERE action = 'delivery.document_seen'")).scalar_one()
    assert seen["looked_at"] == ["sex_unknown"]


def test_a_photo_as_proof(desk, place, card):
    programme = place.offer(item={"proof": Proof.PHOTO})
    assert 'type="file"' in tile_of(card(), programme)
    assert give(desk, place, programme).status_code == 422
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    answer = give(desk, place, programme, photo=(io.BytesIO(picture.getvalue()), "proof.png"))
    assert answer.status_code == 303 and deliveries()[0].proof_picture_id
    answer = give(desk, place, programme, photo=(io.BytesIO(b"no picture"), "proof.png"))
    assert answer.status_code == 422 and "no photo that can be read" in answer.text


def test_a_signature_seen(desk, place, card):
    programme = place.offer(item={"proof": Proof.SIGNATURE})
    assert 'name="signature_seen"' in tile_of(card(), programme)
    assert "Have the sheet signed" in give(desk, place, programme).text
    assert give(desk, place, programme, signature_seen="y").status_code == 303


def test_the_receivers_own_code(db, desk, place, card):
    programme = place.offer(item={"proof": Proof.CODE})
    own = workers.issue_card(worker=place.worker, by=SYSTEM).code
    other = workers.issue_card(worker=make_worker(), by=SYSTEM).code
    db.session.commit()
    assert 'name="proof_code"' in tile_of(card(), programme)
    assert give(desk, place, programme, proof_code=other).status_code == 422
    assert give(desk, place, programme, proof_code=own).status_code == 303
    assert deliveries()[0].proof_confirmed_at


def test_a_programme_by_code_asks_for_it(db, desk, place, card):
    programme = place.offer(ways=[Way.CODE.value])
    assert 'name="proof_code"' in tile_of(card(), programme)
    assert give(desk, place, programme).status_code == 422 and deliveries() == []


def test_somebody_else_picks_it_up(desk, place, card):
    programme = place.offer()
    assert 'name="proxy_name"' in card()
    assert give(desk, place, programme, proxy_name="王小明").status_code == 422
    assert give(desk, place, programme, proxy_name="王小明", proxy_relation="同事").status_code == 303
    [row] = deliveries()
    assert (row.proxy_name, row.proxy_relation) == ("王小明", "同事")


def test_what_is_costly_asks_why_it_has_to_be_you(db, desk, place):
    programme = place.offer(item={"needs_two": True}, decided_by_account_id=place.operator.id)
    answer = give(desk, place, programme)
    assert answer.status_code == 422 and 'name="exception_reason"' in answer.text
    assert give(desk, place, programme, exception_reason="今天只有我一人").status_code == 303
    assert deliveries()[0].exception_reason == "今天只有我一人"


# --- without a name ------------------------------------------------------------------------------------------------


def test_given_without_a_name_by_occupation(desk, place):
    programme = place.offer("心理疏导", stock=None, item={"named": False})
    page = desk.get(place.address).text
    assert f'id="unnamed-{programme.code}"' in page
    answer = give(desk, place, programme, worker="", occupation="courier")
    [row] = deliveries()
    assert answer.status_code == 303 and row.worker_id is None and row.occupation is Occupation.COURIER
    assert "Courier, 心理疏导" in desk.get(answer.location).text


def test_what_needs_a_receiver_says_so(desk, place):
    programme = place.offer(rule=ONE_A_DAY)
    assert f'id="unnamed-{programme.code}"' not in desk.get(place.address).text
    answer = give(desk, place, programme, worker="", occupation="courier")
    assert answer.status_code == 422 and "Scan the card first" in answer.text and deliveries() == []


# --- taking back ---------------------------------------------------------------------------------------------------


def test_the_last_one_is_taken_back_within_ten_minutes(db, desk, place):
    programme = place.offer()
    with clock.stopped_at(clock.now()) as begun:
        give(desk, place, programme)
        [row] = deliveries()
        assert f'value="{row.id}"' in desk.get(place.address).text  # always there, whoever stands there now
    with clock.stopped_at(begun + timedelta(minutes=10, seconds=1)):
        assert f'value="{row.id}"' not in desk.get(place.address).text
        answer = desk.send(f"{place.address}/giving/undo", {"delivery": str(row.id)})
        assert "more than ten minutes ago" in desk.get(answer.location).text
    with clock.stopped_at(begun + timedelta(minutes=10)):
        answer = desk.send(f"{place.address}/giving/undo", {"delivery": str(row.id)})
        assert "Taken back: 李*强, 防暑包" in desk.get(answer.location).text
    assert db.session.scalar(sa.text("SELECT sum(on_hand) FROM lots")) == 12


def test_nobody_elses_and_nowhere_elses_is_taken_back(app, db, desk, place):
    give(desk, place, place.offer())
    [row] = deliveries()
    other = app.test_client()
    sign_in_quickly(other, make_account(roles=[(Role.OPERATOR, place.tree.county)]))
    other.send(f"{place.address}/giving/undo", {"delivery": str(row.id)})
    elsewhere = make_station(union=place.tree.county)
    desk.send(f"/desk/{elsewhere.code}/giving/undo", {"delivery": str(row.id)})
    assert db.session.scalar(sa.text("SELECT count(*) FROM delivery_reversals")) == 0
    assert desk.send(f"{place.address}/giving/undo", {}).status_code == 400


def test_the_bar_shows_whichever_was_last(desk, place):
    programme = place.offer()
    with clock.stopped_at(clock.now()) as begun:
        give(desk, place, programme)
    with clock.stopped_at(begun + timedelta(minutes=1)):
        desk.send(f"{place.address}/visits", {"service": "rest", "worker": str(place.worker.id)})
        page = desk.get(place.address).text
        assert "logged: 李*强" in page and page.count('id="undo"') == 1
    with clock.stopped_at(begun + timedelta(minutes=2)):
        give(desk, place, programme)
        assert "handed over: 李*强" in desk.get(place.address).text


# --- the day, the tablet, the cost ---------------------------------------------------------------------------------


def test_the_day_counts_what_was_handed_out_and_warns(desk, place):
    programme = place.offer(stock=None)
    give(desk, place, programme)
    put_in_stock(place.station, make_supply(place.tree.county, "藿香正气水"), 4, days=3)
    page = desk.get(f"{place.address}/today").text
    assert "Handed out from programmes" in page and "防暑包" in page
    assert "藿香正气水: 4 盒 expire soon" in page and "Nothing is noted today" not in page
    assert "藿香正气水: 4 盒 expire soon" in desk.get(f"{place.address}/end-of-day").text


def test_a_paired_tablet_gives_as_well(app, place):
    programme = place.offer()
    keeper = make_account(roles=[(Role.KEEPER, place.tree.county)])
    screen = app.test_client()
    stand_at(screen, make_device(place.station, keeper), place.operator)
    assert give(screen, place, programme).status_code == 303
    assert screen.get(f"{place.address}/bookings").status_code == 200


def test_a_station_without_programmes_pays_one_statement(app, desk, place, card):
    statements = []

    def note(_conn, _cursor, statement, *_more) -> None:
        statements.append(statement)

    def counted() -> tuple[int, list[str]]:
        statements.clear()
        card()
        return len(statements), [one for one in statements if "programmes" in one]

    engine = database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        bare, of_programmes = counted()
        assert len(of_programmes) == 1
        place.offer()
        place.offer("健康包", rule=ONE_A_DAY)
        two, _ = counted()
        for number in range(4):
            place.offer(f"礼包{number}", rule=ONE_A_DAY)
        six, _ = counted()
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert two - bare <= 26  # judged together, whatever their number
    assert six == two


def test_the_tap_of_a_basic_service_asks_nothing_of_programmes(desk, place):
    place.offer()
    statements = []

    def note(_conn, _cursor, statement, *_more) -> None:
        statements.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        headers = {"HX-Request": "true", "HX-Target": "give-rest"}
        desk.send(f"{place.address}/visits", {"service": "rest", "worker": str(place.worker.id)}, headers=headers)
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    assert not [one for one in statements if "programmes" in one or "deliveries" in one]


# --- alcohol and driving -------------------------------------------------------------------------------------------


def tincture(place, *, kit=False, **values):
    """A programme that gives something with alcohol, by itself or in a pack."""
    supply = make_supply(place.tree.county, "藿香正气水", contains_alcohol=True)
    put_in_stock(place.station, supply, 12)
    if kit:
        supply = make_kit(place.tree.county, {supply: 1}, "防暑包")
    item = make_item(place.tree.county, supply.name, supply_item_id=supply.id, **values)
    return make_programme(place.tree.county, item, stations=(place.station,), name=supply.name)


@pytest.mark.parametrize("kit", [False, True])
def test_alcohol_is_red_for_drivers_and_amber_for_riders(db, desk, place, card, kit):
    programme = tincture(place, kit=kit)
    tile = tile_of(card(), programme)  # a rider: told first, then given with a second tap, no document asked for
    assert "not before riding on" in tile and "heed" in tile and "document_seen" not in tile
    place.worker.occupation = Occupation.TAXI_DRIVER
    db.session.commit()
    tile = tile_of(card(), programme)
    assert "nothing for somebody who drives" in tile and "disabled" in tile and "<form" not in tile
    answer = give(desk, place, programme)
    assert answer.status_code == 422 and "nothing for somebody who drives" in answer.text and deliveries() == []
    place.worker.occupation = Occupation.COURIER
    db.session.commit()
    assert give(desk, place, programme).status_code == 303


def test_alcohol_without_a_name_is_not_offered_to_drivers(desk, place):
    programme = tincture(place, named=False)
    part = re.search(rf'id="unnamed-{programme.code}".*?</details>', desk.get(place.address).text, re.DOTALL).group(0)
    assert 'value="truck_driver"' not in part and "nothing for somebody who drives" in part
    assert 'value="courier"' in part and "not before riding on" in part
    assert give(desk, place, programme, worker="", occupation="truck_driver").status_code == 422 and deliveries() == []
    assert give(desk, place, programme, worker="", occupation="sanitation_worker").status_code == 303


def test_alcohol_booked_is_said_on_the_card_before_it_is_given(desk, place):
    programme = tincture(place)
    booking = book(programme, place)
    answer = desk.send(f"{place.address}/check-in", {"booking": str(booking.id), "back": "list"})
    assert answer.status_code == 303 and deliveries() == []
    assert "not before riding on" in tile_of(desk.get(answer.location).text, programme)


# --- what the document says ----------------------------------------------------------------------------------------


def test_what_the_document_says_is_kept_where_it_was_unknown(db, desk, place, card):
    programme = place.offer(rule={"sex": "female", "min_age": 35})
    tile = tile_of(card(), programme)
    assert 'name="born_on"' in tile and 'name="sex"' in tile
    answer = give(desk, place, programme, document_seen="y", born_on="2020-01-01", sex="female")
    assert answer.status_code == 422 and "Possible from" in answer.text and 'value="2020-01-01"' in answer.text
    db.session.refresh(place.worker)
    assert place.worker.born_on is None and deliveries() == []  # refused: nothing was kept
    assert give(desk, place, programme, born_on="1980-01-01", sex="female").status_code == 422  # not looked at
    assert give(desk, place, programme, document_seen="y", born_on="1980-01-01", sex="female").status_code == 303
    db.session.refresh(place.worker)
    assert (str(place.worker.born_on), place.worker.sex, place.worker.born_from_document) == ("1980-01-01", "female", False)
    assert deliveries()[0].facts["age"] >= 46


def test_two_forms_on_a_card_have_ids_of_their_own(desk, place, card):
    for name in ("甲", "乙"):
        place.offer(name, item={"proof": Proof.SIGNATURE})
    ids = re.findall(r'id="([^"]+)"', card())
    assert len([one for one in ids if one.startswith("signature_seen")]) == 2 and len(ids) == len(set(ids))


def test_just_now_lists_hand_overs_too(desk, place):
    programme = place.offer()
    give(desk, place, programme)
    page = desk.get(place.address).text
    part = page[page.index("<h2>Just now</h2>") :]
    assert "防暑包" in part[:600] and "李*强" in part[:600]


def test_a_hand_out_to_many_offers_without_a_card_only_what_it_would_give(desk, place):
    def tally(programme) -> str:
        begun = desk.send(f"{place.address}/handouts", {"programme": programme.code, "service": "other", "one_per_person": "y"})
        return desk.get(begun.location).text

    page = tally(tincture(place, named=False))
    assert 'id="one-courier"' in page and 'id="one-truck_driver"' not in page and "nothing for drivers" in page
    assert 'id="one-' not in tally(place.offer("慰问包", rule=ONE_A_DAY))  # its rule asks who receives it


def test_the_forms_of_a_hand_out_and_of_the_list_go_where_they_are_heard(desk, place):
    """The frame's own address once took the place of theirs: after the first gift, or a language chosen, all was 405 or 404."""
    programme = place.offer()
    begun = desk.send(f"{place.address}/handouts", {"programme": programme.code, "service": "other", "one_per_person": "y"})
    given = desk.send(f"{begun.location}/gifts", {"who": PHONE})
    page = desk.get(given.location).text
    assert f'action="{begun.location}/gifts"' in page and "?gift=" not in "".join(re.findall(r'action="([^"]*)"', page))
    book(programme, place)
    listed = desk.get(f"{place.address}/bookings").text
    assert f'action="{place.address}/check-in"' in listed
