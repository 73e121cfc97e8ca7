"""Booking over HTTP without a script: choose, sign in between, book, wait, accept, move, give up; everything typed is kept."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from babel.dates import format_skeleton

from portal import clock
from portal.access import SYSTEM
from portal.outbox import Message
from portal.web import idempotency_key
from portal.welfare.bookings import commands, queries
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from portal.welfare.programmes.models import BookingDays, ProgrammeStatus
from tests.client import count_statements
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_session
from tests.factories.workers import make_phone, make_worker, sign_in_worker

S = BookingStatus


def body(answer) -> str:
    return answer.get_data(as_text=True)


@pytest.fixture
def world(db):
    """A programme at a station with a time tomorrow at 10:00 (one place) and one at 14:00 (three places)."""
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    programme = make_programme(tree.county, stations=(station,))
    start = clock.start_of(clock.today() + timedelta(days=1))
    early = make_session(programme, station, starts_at=start + timedelta(hours=10), capacity=1)
    late = make_session(programme, station, starts_at=start + timedelta(hours=14), capacity=3)
    return SimpleNamespace(tree=tree, station=station, programme=programme, early=early.id, late=late.id, code=programme.code,
                           here=f"/welfare/{programme.code}/book")  # fmt: skip


@pytest.fixture
def worker(client, world):
    """A signed-in worker, in English."""
    who = make_worker(confirmed=True)
    sign_in_worker(client, who)
    client.set_cookie("language", "en")
    return who.id


def book(session_id, worker_id=None, **more) -> Booking:
    booking = commands.book_place(
        session_id=session_id, worker_id=worker_id or make_worker().id, way=BookedBy.WORKER, by=SYSTEM, **more
    )
    Booking.query.session.commit()
    return booking


def newest_code(db) -> str:
    return re.search(
        r"\b(\d{6})\b", db.session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(1)).one().body
    ).group(1)


def test_days_and_times_say_what_is_free(client, world):
    client.set_cookie("language", "en")
    book(world.early)
    said = body(client.get(world.here))
    assert "3 left" in said and "Full · waiting list" in said and "Tomorrow" in said
    assert f"?session={world.late}" in said


def test_who_is_not_signed_in_comes_back_to_the_very_time(client, db, world):
    """Confirm → phone → code → the same time again → one tap books it."""
    chosen = f"{world.here}?session={world.late}"
    page = body(client.get(chosen))
    link = re.search(r'href="(/sign-in\?next=[^"]+)"', page).group(1)
    client.get(link.replace("&amp;", "&"))
    phone = make_phone()
    target = re.findall(r'name="next" value="([^"]*)"', body(client.get(link)))[-1]
    assert target == chosen
    client.send("/sign-in", {"phone": phone, "next": target})
    answer = client.send("/sign-in/code", {"code": newest_code(db)})
    if "/person" in answer.location:
        answer = client.send("/sign-in/person", {"occupation": "courier"})
    assert answer.status_code == 303 and answer.location == chosen
    client.token = None
    assert str(world.late) in body(client.get(chosen))
    answer = client.send(world.here, {"session": str(world.late)})
    assert answer.status_code == 303 and answer.location.startswith("/me/bookings/")
    assert Booking.query.one().status is S.BOOKED


def test_a_session_that_ended_meanwhile_loses_nothing(client, world):
    """Posting without being signed in leads to the sign-in and back to the chosen time; nothing is booked."""
    client.get(f"{world.here}?session={world.late}")
    answer = client.send(world.here, {"session": str(world.late)})
    assert answer.status_code == 303 and str(world.late) in answer.location and answer.location.startswith("/sign-in?next=")
    assert Booking.query.count() == 0


def test_a_programme_shows_ones_own_booking_above_its_times(client, world, worker):
    booking = book(world.late, worker)
    page = body(client.get(f"/welfare/{world.code}"))
    assert page.index(f"/me/bookings/{booking.id}") < page.index(f"session={world.early}")
    assert f"/me/bookings/{booking.id}" not in body(client.application.test_client().get(f"/welfare/{world.code}"))


def test_ones_bookings_stand_under_me(client, world, worker):
    """Another room draws them; the bar at the bottom marks where they stand."""
    booking = book(world.late, worker)
    for address, marked in (("/me/bookings", "/me"), (f"/me/bookings/{booking.id}", "/me"), (world.here, "/welfare")):
        assert set(re.findall(r'<a href="([^"]+)" aria-current="page"', body(client.get(address)))) == {marked}


def test_what_cannot_be_cancelled_is_said_before_it_is_booked(client, world, worker):
    chosen = f"{world.here}?session={world.late}"
    assert "cannot be cancelled here" not in body(client.get(chosen))
    world.programme.cancel_hours = 72
    Booking.query.session.commit()
    said = body(client.get(chosen))
    assert "cannot be cancelled here" in said and "You can cancel until" not in said


def test_a_booking_of_today_is_listed_with_its_day(client, world, worker):
    booking = book(world.late, worker)
    at = clock.start_of(clock.today()) + timedelta(days=1, hours=13)
    with clock.stopped_at(at):
        day = format_skeleton("MMMd", at, tzinfo=clock.SHANGHAI, locale="en")
        for address in ("/me", "/me/bookings", f"/welfare/{world.code}"):
            said = body(client.get(address))
            assert f"{day} 14:00" in said[said.index(f"/me/bookings/{booking.id}") :][:300], address


def test_a_double_tap_books_once(client, world, worker):
    client.get(f"{world.here}?session={world.late}")
    key = idempotency_key()
    first = client.send(world.here, {"session": str(world.late)}, key=key)
    second = client.send(world.here, {"session": str(world.late)}, key=key)
    third = client.send(world.here, {"session": str(world.late)})
    assert first.location == second.location == third.location
    assert Booking.query.count() == 1


def test_full_is_said_with_the_nearest_times_and_the_waiting_list(client, world, worker):
    """The last place went between look and tap: 422 on the same page, honest, one tap from the waiting list."""
    client.get(f"{world.here}?session={world.early}")
    book(world.early)
    answer = client.send(world.here, {"session": str(world.early)})
    said = body(answer)
    assert answer.status_code == 422 and "All places of this time are taken" in said
    assert "Join the waiting list" in said and f"?session={world.late}" in said and "Nearest free times" in said
    answer = client.send(world.here, {"session": str(world.early), "wait": "1"})
    assert answer.status_code == 303
    assert "number 1 on the waiting list" in body(client.get(answer.location))
    assert "number 1 on the waiting list" in body(client.get("/me"))
    assert "number 1 on the waiting list" in body(client.get("/me/bookings"))


def test_a_refusal_says_why_and_from_when(client, world, worker, db):
    """Had it already in this interval: the reason and the next day, before and after the tap; no button that would fail."""
    programme = make_programme(world.tree.county, stations=(world.station,), rule={"interval_months": 12})
    start = clock.start_of(clock.today() + timedelta(days=1))
    first = make_session(programme, world.station, starts_at=start + timedelta(hours=9))
    second = make_session(programme, world.station, starts_at=start + timedelta(days=1, hours=9))
    first_id, second_id, here = first.id, second.id, f"/welfare/{programme.code}/book"
    book(first_id, worker)
    said = body(client.get(f"{here}?session={second_id}"))
    assert "ossible again from" in said and "Book this time" not in said and "Nearest free times" not in said
    answer = client.send(here, {"session": str(second_id)})
    assert answer.status_code == 422 and "ossible again from" in body(answer)
    assert Booking.query.count() == 1


def test_only_the_next_day_is_offered(client, world):
    programme = make_programme(world.tree.county, stations=(world.station,), booking_days=BookingDays.NEXT_DAY)
    start = clock.start_of(clock.today() + timedelta(days=1))
    tomorrow = make_session(programme, world.station, starts_at=start + timedelta(hours=9)).id
    after = make_session(programme, world.station, starts_at=start + timedelta(days=1, hours=9)).id
    said = body(client.get(f"/welfare/{programme.code}/book"))
    assert str(tomorrow) in said and str(after) not in said


def test_booking_opens_later(client, world, worker):
    """Before the hour the times show without links, with the hour in words; a tap by hand is refused."""
    programme = make_programme(world.tree.county, stations=(world.station,), booking_opens_at=clock.now() + timedelta(hours=3))
    session = make_session(programme, world.station).id
    here = f"/welfare/{programme.code}/book"
    said = body(client.get(here))
    assert "Booking opens on" in said and f"?session={session}" not in said
    answer = client.send(here, {"session": str(session)})
    assert answer.status_code == 422 and "Booking opens on" in body(answer)


def test_nothing_chosen_and_foreign_times(client, world, worker):
    client.get(world.here)
    assert client.send(world.here, {"session": "nonsense"}).status_code == 422
    other = make_session(make_programme(world.tree.county)).id
    assert client.get(f"{world.here}?session={other}").status_code == 404
    assert client.send(world.here, {"session": str(other)}).status_code == 422
    assert client.get("/welfare/NOBODY/book").status_code == 404
    assert client.get(f"{world.here}?from=9999-12-31&place=%00").status_code in (200, 404)


def test_a_paused_programme_takes_no_new_booking(client, world, worker, db):
    world.programme.status = ProgrammeStatus.PAUSED
    db.session.commit()
    assert f"?session={world.late}" not in body(client.get(world.here))
    assert client.send(world.here, {"session": str(world.late)}).status_code == 422


def test_the_booking_shows_code_place_and_what_to_bring(client, world, worker):
    booking = book(world.late, worker)
    code = queries.code_of(booking)
    said = body(client.get(f"/me/bookings/{booking.id}"))
    assert f"{code[:4]} {code[4:]}" in said and "<svg" in said and "空腹" in said and f"/stations/{world.station.code}" in said
    assert "花园路驿站" in body(client.get("/me"))


def test_the_calendar_entry_names_nobody(client, world, worker, db):
    booking = book(world.late, worker)
    session = booking.session_id
    db.session.execute(sa.text("UPDATE service_sessions SET address = '一路, 2号; 院\\内' WHERE id = :s"), {"s": session})
    db.session.commit()
    answer = client.get(f"/me/bookings/{booking.id}/calendar")
    said = body(answer)
    assert answer.mimetype == "text/calendar"
    assert all(len(line.encode()) <= 75 for line in said.split("\r\n"))
    whole = said.replace("\r\n ", "")
    assert r"一路\, 2号\; 院\\内" in whole and "李" not in whole and queries.code_of(booking) not in whole
    assert whole.startswith("BEGIN:VCALENDAR\r\n") and whole.endswith("END:VCALENDAR\r\n")


def test_another_persons_booking_is_not_there(client, world, worker):
    other = book(world.late).id
    for address in ("", "/calendar", "/move"):
        assert client.get(f"/me/bookings/{other}{address}").status_code == 404
    for do in ("cancel", "accept", "decline", "move"):
        assert client.send(f"/me/bookings/{other}/{do}", {"session": str(world.early)}).status_code == 404


def test_an_offer_is_big_and_taken_with_one_tap(client, world, worker):
    first = book(world.early)
    mine = book(world.early, worker, wait=True)
    assert mine.status is S.WAITING
    commands.cancel_booking(booking=first, by=SYSTEM)
    Booking.query.session.commit()
    said = body(client.get("/me"))
    assert "A place is free for you" in said and "Take the place" in said
    answer = client.send(f"/me/bookings/{mine.id}/accept")
    assert answer.status_code == 303
    assert Booking.query.filter_by(id=mine.id).one().status is S.BOOKED
    answer = client.send(f"/me/bookings/{mine.id}/accept")
    assert answer.status_code == 422 and "This booking holds already" in body(answer)


def test_an_offer_is_left_to_the_next(client, world, worker):
    first = book(world.early)
    mine, next_one = book(world.early, worker, wait=True), book(world.early, wait=True)
    commands.cancel_booking(booking=first, by=SYSTEM)
    Booking.query.session.commit()
    assert client.send(f"/me/bookings/{mine.id}/decline").status_code == 303
    assert Booking.query.filter_by(id=next_one.id).one().status is S.OFFERED


def test_giving_up_in_time_and_too_late(client, world, worker, db):
    booking = book(world.late, worker)
    assert "You can cancel until" in body(client.get(f"/me/bookings/{booking.id}"))
    answer = client.send(f"/me/bookings/{booking.id}/cancel", {"reason": "有急单"})
    assert answer.status_code == 303
    assert (Booking.query.one().status, Booking.query.one().reason) == (S.CANCELLED, "有急单")
    assert "Cancelled" in body(client.get("/me/bookings"))
    near = make_session(world.programme, world.station, starts_at=clock.now() + timedelta(minutes=50)).id
    again = book(near, worker)
    said = body(client.get(f"/me/bookings/{again.id}"))
    assert "too late to cancel here" in said and "Give up the place" not in said
    answer = client.send(f"/me/bookings/{again.id}/cancel")
    assert answer.status_code == 422 and "It could be cancelled until" in body(answer)


def test_moving_keeps_the_old_place_until_the_new_one_is_had(client, world, worker):
    booking = book(world.late, worker)
    full = book(world.early)
    here = f"/me/bookings/{booking.id}/move"
    assert client.send(here, {"session": str(world.early)}).status_code == 422
    assert Booking.query.filter_by(id=booking.id).one().status is S.BOOKED
    commands.cancel_booking(booking=full, by=SYSTEM)
    Booking.query.session.commit()
    assert "Move here" in body(client.get(f"{here}?session={world.early}"))
    answer = client.send(here, {"session": str(world.early)})
    assert answer.status_code == 303
    assert Booking.query.filter_by(status=S.BOOKED).one().session_id == world.early
    assert client.send(here, {}).status_code == 422


def test_the_programmes_page_leads_to_a_time_with_one_tap(client, world):
    """/welfare → programme → time → confirm: the time stands on the programme's own page."""
    said = body(client.get(f"/welfare/{world.code}"))
    assert f"{world.here}?session={world.late}" in said


def test_my_bookings_page_by_page_and_empty(client, world, worker):
    client.set_cookie("language", "en")
    assert "You have not booked anything yet" in body(client.get("/me/bookings"))
    start = clock.start_of(clock.today() + timedelta(days=2))
    for hours in range(21):
        book(make_session(world.programme, world.station, starts_at=start + timedelta(hours=hours)).id, worker)
    first = body(client.get("/me/bookings"))
    after = re.search(r'href="(/me/bookings\?after=[^"]+)"', first).group(1)
    assert first.count('class="cover"') == 20
    assert body(client.get(after)).count('class="cover"') == 1


def test_the_list_costs_the_same_for_one_and_for_many(client, world, worker, db):
    """No statement per row: my bookings, and the times of a programme."""
    counts = {}
    start = clock.start_of(clock.today() + timedelta(days=2))
    for round_ in (1, 2):
        for hours in range(1 if round_ == 1 else 4):
            session = make_session(world.programme, world.station, starts_at=start + timedelta(hours=hours, minutes=round_)).id
            full = make_session(
                world.programme, world.station, starts_at=start + timedelta(hours=hours, minutes=30 + round_), capacity=1
            ).id
            book(session, worker)
            book(full)
            book(full, worker, wait=True)
        for address in ("/me/bookings", world.here, f"/welfare/{world.code}", "/me"):
            counts.setdefault(address, []).append(count_statements(lambda to=address: client.get(to)))
    assert all(first == second for first, second in counts.values()), counts
    assert counts["/me/bookings"][0] <= 8 and counts[world.here][0] <= 8, counts
