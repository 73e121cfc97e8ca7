"""Who is booked is received with one tap, here and today; and what is given by a code."""

from __future__ import annotations

import re

import pytest

from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from portal.throttle import PAIR_LIMIT
from portal.welfare.bookings import queries as bookings
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.items.models import Proof
from portal.welfare.programmes.models import ProgrammeStatus, Way
from tests.desk.giving.conftest import PHONE, give, tile_of, today_at
from tests.factories.bookings import make_booking
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.welfare import make_session
from tests.factories.workers import make_worker

pytestmark = pytest.mark.usefixtures("noon")


def deliveries() -> list[Delivery]:
    return Delivery.query.order_by(Delivery.id).all()


def book(programme, place, *, hour=12, worker=None) -> Booking:
    """A place at noon at this station, booked the day before."""
    session = make_session(programme, place.station, starts_at=today_at(hour))
    return make_booking(session, worker or place.worker, at=today_at(-20))


def test_book_first_with_the_next_free_time(desk, place, card):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    assert "Book first. No free time" in tile_of(card(), programme)
    make_session(programme, place.station, starts_at=today_at(34))
    tile = tile_of(card(), programme)
    assert re.search(r"next free time: .*10:00", tile) and "disabled" in tile
    assert "Book first" in give(desk, place, programme).text and deliveries() == []


def test_booked_for_today_is_one_tap(desk, place, card):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    booking = book(programme, place)
    tile = tile_of(card(), programme)
    assert "booked for 12:00" in tile and f'action="{place.address}/check-in"' in tile
    answer = desk.send(f"{place.address}/check-in", {"booking": str(booking.id)})
    [row] = deliveries()
    assert answer.location.endswith(f"?delivery={row.id}")
    assert (row.booking_id, row.source) == (booking.id, DeliverySource.BOOKING)
    assert Booking.query.one().status is BookingStatus.ATTENDED


def test_the_code_finds_the_booking_here_and_today(desk, place):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    code = bookings.code_of(book(programme, place))
    page = desk.send(f"{place.address}/scans", {"who": f"{code[:4]} {code[4:]}"}).text
    assert "李*强" in page and "booked for 12:00" in page
    assert "This code belongs to no booking" in desk.send(f"{place.address}/scans", {"who": "00000000"}).text


def test_elsewhere_or_on_another_day_the_code_says_where_to_go(desk, place):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    tomorrow = make_booking(make_session(programme, place.station, starts_at=today_at(36)), place.worker)
    page = desk.send(f"{place.address}/look-up", {"who": bookings.code_of(tomorrow)}).text
    assert "not for today" in page and "李*强" not in page
    elsewhere = make_station(union=place.tree.county, name="别处驿站")
    page = desk.send(f"/desk/{elsewhere.code}/look-up", {"who": bookings.code_of(tomorrow)}).text
    assert "花园路驿站" in page and "李*强" not in page


def test_booked_with_proof_is_checked_in_and_then_asked(desk, place):
    programme = place.offer("大礼包", stock=3, item={"proof": Proof.SIGNATURE}, ways=[Way.BOOK.value])
    booking = book(programme, place)
    answer = desk.send(f"{place.address}/check-in", {"booking": str(booking.id)})
    page = desk.get(answer.location).text
    assert "checked in: 李*强, 大礼包" in page and 'name="signature_seen"' in tile_of(page, programme)
    assert deliveries() == []
    answer = give(desk, place, programme, booking=str(booking.id), signature_seen="y")
    assert answer.status_code == 303 and deliveries()[0].booking_id == booking.id


def test_a_check_in_is_taken_back(desk, place):
    programme = place.offer("大礼包", stock=3, item={"proof": Proof.SIGNATURE}, ways=[Way.BOOK.value])
    booking = book(programme, place)
    desk.send(f"{place.address}/check-in", {"booking": str(booking.id)})
    desk.send(f"{place.address}/giving/undo", {"booking": str(booking.id)})
    assert Booking.query.one().status is BookingStatus.BOOKED


def test_the_list_of_today(desk, place):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    assert "Nobody is booked here today" in desk.get(f"{place.address}/bookings").text
    booking = book(programme, place)
    page = desk.get(f"{place.address}/bookings").text
    assert "12:00" in page and "李*强" in page and "李自强" not in page and PHONE not in page
    answer = desk.send(f"{place.address}/check-in", {"booking": str(booking.id), "back": "list"})
    assert answer.location.endswith(f"{place.address}/bookings")
    assert "handed over" in desk.get(answer.location).text and len(deliveries()) == 1
    again = desk.send(f"{place.address}/check-in", {"booking": str(booking.id), "back": "list"})
    assert again.status_code == 422 and len(deliveries()) == 1


def test_a_booking_of_another_station_is_not_received_here(desk, place):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    elsewhere = make_station(union=place.tree.county)
    booking = make_booking(make_session(programme, elsewhere, starts_at=today_at(12)), place.worker, at=today_at(-20))
    assert desk.send(f"{place.address}/check-in", {"booking": str(booking.id)}).status_code == 404


def test_a_booking_of_another_day_is_not_received_today(desk, place):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    booking = make_booking(make_session(programme, place.station, starts_at=today_at(36)), place.worker)
    assert "李*强" not in desk.get(f"{place.address}/bookings").text
    assert desk.send(f"{place.address}/check-in", {"booking": str(booking.id)}).status_code == 404
    answer = give(desk, place, programme, booking=str(booking.id))
    assert answer.status_code == 422 and "Book first" in answer.text and deliveries() == []


def test_paused_keeps_what_was_booked(db, desk, place, card):
    programme = place.offer("健康体检", stock=None, ways=[Way.BOOK.value])
    book(programme, place)
    place.offer("防暑包")
    programme.status = ProgrammeStatus.PAUSED
    db.session.commit()
    assert "booked for 12:00" in tile_of(card(), programme)


def test_a_programme_by_code_takes_no_other_code(db, desk, place, card):
    programme = place.offer(ways=[Way.CODE.value])
    own = workers.issue_card(worker=place.worker, by=SYSTEM).code
    other = workers.issue_card(worker=make_worker(), by=SYSTEM).code
    db.session.commit()
    for code in (other, "12345678", "no such code"):
        answer = give(desk, place, programme, proof_code=code)
        assert answer.status_code == 422 and "does not belong to this person" in answer.text, code
    assert give(desk, place, programme, worker="", proof_code=own).status_code == 422 and deliveries() == []
    assert give(desk, place, programme, proof_code=own).status_code == 303 and len(deliveries()) == 1


@pytest.mark.parametrize("by_code", [{"item": {"proof": Proof.CODE}}, {"ways": [Way.CODE.value]}])
def test_codes_are_not_guessed_at_the_counter(app, db, desk, place, by_code):
    """Five wrong codes for one person, then nobody who tried them gets further; others, and other people, go on."""
    programme, other = place.offer(**by_code), make_worker()
    own, others = (workers.issue_card(worker=one, by=SYSTEM).code for one in (place.worker, other))
    db.session.commit()
    for number in range(PAIR_LIMIT):
        assert "does not belong to this person" in give(desk, place, programme, proof_code=f"1234567{number}").text
    answer = give(desk, place, programme, proof_code=own)
    assert answer.status_code == 422 and "Try again in 15 minutes" in answer.text and deliveries() == []
    assert give(desk, place, programme, worker=str(other.id), proof_code=others).status_code == 303
    colleague = app.test_client()
    sign_in_quickly(colleague, make_account(roles=[(Role.OPERATOR, place.tree.county)]))
    colleague.get(place.address)
    assert give(colleague, place, programme, proof_code=own).status_code == 303 and len(deliveries()) == 2
