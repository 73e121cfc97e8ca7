"""A session's list over HTTP: search first, add, check in, move, cancel, the sheet, the message, calling off, the export."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import openpyxl
import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, Role
from portal.audit import AuditEntry
from portal.members.workers.models import Worker
from portal.outbox import Message
from portal.web import idempotency_key
from portal.welfare.bookings import commands
from portal.welfare.bookings.models import BookedBy, Booking, BookingStatus
from tests.client import count_statements
from tests.factories.money import make_line
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_session
from tests.factories.workers import make_id_number, make_phone, make_worker

S = BookingStatus


def body(answer) -> str:
    return answer.get_data(as_text=True)


@pytest.fixture
def world(db):
    """A programme with a session tomorrow (two places) and one that runs now (two places)."""
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    programme = make_programme(tree.county, stations=(station,))
    start = clock.start_of(clock.today() + timedelta(days=1)) + timedelta(hours=10)
    tomorrow = make_session(programme, station, starts_at=start)
    other = make_session(programme, station, starts_at=start + timedelta(hours=4))
    begun = max(clock.start_of(clock.today()), clock.now() - timedelta(minutes=5))  # a session is of one day
    running = make_session(programme, station, starts_at=begun)
    return SimpleNamespace(tree=tree, station=station, programme=programme, tomorrow=tomorrow.id, other=other.id,
                           running=running.id, here=f"/sessions/{tomorrow.id}/bookings")  # fmt: skip


@pytest.fixture
def someone(app):
    """A function that gives a signed-in client of a role at a union, in English."""

    def sign_in(role: Role, *unions):
        client = app.test_client()
        sign_in_quickly(client, make_account(roles=[(role, union) for union in unions]))
        client.set_cookie("language", "en")
        return client

    return sign_in


@pytest.fixture
def officer(someone, world):
    return someone(Role.OFFICER, world.tree.county)


def book(session_id, worker_id=None, way=BookedBy.STAFF, **more) -> Booking:
    booking = commands.book_place(session_id=session_id, worker_id=worker_id or make_worker().id, way=way, by=SYSTEM, **more)
    Booking.query.session.commit()
    return booking


def state(booking_id) -> BookingStatus:
    return Booking.query.filter_by(id=booking_id).one().status


def test_search_first_and_nothing_is_made_by_looking(officer, world):
    phone = make_phone()
    known = make_worker(phone=phone, name="王小明").id
    officer.get(world.here)
    people = Worker.query.count()
    said = body(officer.send(f"{world.here}/find", {"who": phone}))
    assert "王*明" in said and "王小明" not in said
    new = make_phone()
    said = body(officer.send(f"{world.here}/find", {"who": new}))
    assert "The least is enough" in said and new in said
    said = body(officer.send(f"{world.here}/find", {"who": new, "occupation": "truck_driver", "name": "赵"}))
    assert 'value="赵"' in said, "Enter in the newcomer's form only looks again, and keeps what was typed"
    assert officer.send(f"{world.here}/find", {"who": ""}).status_code == 422
    assert "Nobody is known by this" in body(officer.send(f"{world.here}/find", {"who": "nonsense"}))
    assert (Worker.query.count(), Booking.query.count()) == (people, 0)
    answer = officer.send(world.here, {"worker": str(known), "do": "book"})
    assert answer.status_code == 303
    assert (Booking.query.one().worker_id, Booking.query.one().way) == (known, BookedBy.STAFF)
    assert "In this list already" in body(officer.send(f"{world.here}/find", {"who": phone}))


def test_a_newcomer_with_the_least(officer, world):
    """Phone and occupation; a wrong phone is told with everything typed kept; a double tap makes one person."""
    officer.get(world.here)
    answer = officer.send(
        f"{world.here}/new-person", {"who": "12345", "occupation": "truck_driver", "name": "赵六", "do": "book"}
    )
    assert answer.status_code == 422 and "赵六" in body(answer) and "12345" in body(answer)
    people, key, fields = (
        Worker.query.count(),
        idempotency_key(),
        {"who": make_phone(), "occupation": "truck_driver", "do": "book"},
    )
    assert officer.send(f"{world.here}/new-person", fields, key=key).status_code == 303
    assert officer.send(f"{world.here}/new-person", fields, key=key).status_code == 303
    assert (Worker.query.count(), Booking.query.count()) == (people + 1, 1)


def test_enter_in_the_newcomers_form_only_looks(officer, world):
    """A browser presses the first button of a form when Enter is hit: that one must not make anybody."""
    officer.get(world.here)
    said = body(officer.send(f"{world.here}/find", {"who": make_phone()}))
    form = said[said.index(f'action="{world.here}/new-person') :]
    first = re.search(r"<button[^>]*>", form).group(0)
    assert f'formaction="{world.here}/find' in first and 'type="submit"' in first


def test_a_number_that_was_silent_shows_nobody(officer, world, db):
    phone = make_phone()
    make_worker(phone=phone, name="王小明")
    long_ago = clock.now() - timedelta(days=400)
    db.session.execute(sa.text("UPDATE worker_phones SET since = :at, last_seen_at = :at"), {"at": long_ago})
    db.session.commit()
    officer.get(world.here)
    said = body(officer.send(f"{world.here}/find", {"who": phone}))
    assert "was silent for long" in said and "王" not in said and "The least is enough" not in said


def test_full_leads_to_the_waiting_list(officer, world):
    book(world.tomorrow), book(world.tomorrow)
    late = make_worker().id
    officer.get(world.here)
    answer = officer.send(world.here, {"worker": str(late), "do": "book"})
    assert answer.status_code == 422 and "All places of this time are taken" in body(answer) and "waiting list" in body(answer)
    answer = officer.send(world.here, {"worker": str(late), "do": "wait"})
    assert answer.status_code == 303 and "part=waiting" in answer.location
    assert "number 1 on the waiting list" in body(officer.get(answer.location))


def test_online_places_are_taken_only_by_saying_so(officer, world):
    session = make_session(world.programme, world.station, starts_at=clock.now() + timedelta(days=2), capacity=2, online=1).id
    book(session)
    here, who = f"/sessions/{session}/bookings", make_worker().id
    officer.get(here)
    answer = officer.send(here, {"worker": str(who), "do": "book"})
    assert answer.status_code == 422 and "Take an online place" in body(answer)
    assert officer.send(here, {"worker": str(who), "do": "any"}).status_code == 303


def test_the_list_by_state(officer, world):
    book(world.tomorrow, make_worker(name="王一").id)
    book(world.tomorrow, make_worker(name="王二").id)
    for _ in range(2):
        book(world.tomorrow, wait=True)
    gone = book(world.other)
    commands.cancel_booking(booking=gone, by=SYSTEM)
    Booking.query.session.commit()
    said = body(officer.get(world.here))
    assert "王*" in said and "王一" not in said
    waiting = body(officer.get(f"{world.here}?part=waiting"))
    assert waiting.count("<tr>") == 3
    assert "Cancelled" in body(officer.get(f"/sessions/{world.other}/bookings?part=gone"))
    assert "Nobody is checked in yet" in body(officer.get(f"{world.here}?part=came"))
    assert officer.get(f"{world.here}?part=nonsense&after=x").status_code == 200


def test_check_in_undo_and_not_come(officer, world):
    booking = book(world.running, way=BookedBy.DESK)
    here = f"/bookings/{booking.id}"
    officer.get(here)
    assert officer.send(f"{here}/check-in").status_code == 303
    assert state(booking.id) is S.ATTENDED
    answer = officer.send(f"{here}/check-in")
    assert answer.status_code == 422 and "was used at" in body(answer)
    assert officer.send(f"{here}/undo").status_code == 303
    assert state(booking.id) is S.BOOKED
    assert officer.send(f"{here}/no-show").status_code == 303
    assert state(booking.id) is S.NO_SHOW
    early = book(world.tomorrow)
    assert officer.send(f"/bookings/{early.id}/no-show").status_code == 422
    assert state(early.id) is S.BOOKED


def test_cancel_with_a_reason_and_take_it_back(officer, world):
    booking = book(world.tomorrow)
    here = f"/bookings/{booking.id}"
    officer.get(here)
    assert officer.send(f"{here}/cancel", {"reason": ""}).status_code == 422
    assert state(booking.id) is S.BOOKED
    assert officer.send(f"{here}/cancel", {"reason": "本人来电"}).status_code == 303
    assert "本人来电" in body(officer.get(here))
    assert officer.send(f"{here}/undo").status_code == 303
    assert state(booking.id) is S.BOOKED


def test_move(officer, world):
    booking = book(world.tomorrow)
    here = f"/bookings/{booking.id}/move"
    assert str(world.other) in body(officer.get(here))
    assert officer.send(here, {}).status_code == 422
    answer = officer.send(here, {"session": str(world.other)})
    assert answer.status_code == 303 and str(world.other) in answer.location
    assert Booking.query.filter_by(status=S.BOOKED).one().session_id == world.other


def test_promote_offers_what_is_free(officer, world, db):
    first = book(world.tomorrow)
    book(world.tomorrow)
    waiting = book(world.tomorrow, wait=True)
    commands.cancel_booking(booking=first, by=SYSTEM)
    db.session.commit()
    assert state(waiting.id) is S.OFFERED
    officer.get(world.here)
    assert officer.send(f"/sessions/{world.tomorrow}/promote").status_code == 303


def test_the_sheet_on_paper_and_entering_it(officer, world):
    """Ticks and rows by key are stored; whoever has no place is named with the reason, and nothing else is lost."""
    first = book(world.running, make_worker(name="王小明").id, way=BookedBy.DESK)
    walk_in, too_many = make_phone(), make_phone()
    make_worker(phone=walk_in), make_worker(phone=too_many)
    said = body(officer.get(f"/sessions/{world.running}/sheet"))
    assert "王*明" in said and "王小明" not in said and "+12" in said
    here = f"/sessions/{world.running}/sheet/enter"
    assert "王*明" in body(officer.get(here))
    answer = officer.send(here, {"extra-1": " "})
    assert answer.status_code == 422
    answer = officer.send(here, {"came": str(first.id), "extra-1": walk_in, "extra-2": too_many, "extra-3": "unknown"})
    assert answer.status_code == 303
    said = body(officer.get(answer.location))
    assert "Recorded: 2 came" in said and "Empty line +2 was not stored" in said and "Empty line +3 was not stored" in said
    assert {one.status for one in Booking.query.all()} == {S.ATTENDED} and Booking.query.count() == 2
    assert Booking.query.filter_by(way=BookedBy.PAPER).count() == 1
    again = officer.send(here, {"came": str(first.id), "extra-2": "13800000000"})
    assert "Recorded" not in body(officer.get(again.location)) and Booking.query.count() == 2


def test_a_refused_line_of_the_sheet_leaves_no_trace(officer, world):
    """Whose place went to somebody else has not come, though others of the same sheet have."""
    missed = book(world.running, way=BookedBy.DESK)
    commands.mark_no_show(booking=missed, by=SYSTEM)
    others = [book(world.running, way=BookedBy.DESK) for _ in range(2)]
    here = f"/sessions/{world.running}/sheet/enter"
    officer.get(here)
    answer = officer.send(here, {"came": [str(missed.id), str(others[0].id)]})
    said = body(officer.get(answer.location))
    assert "Recorded: 1 came" in said and "was not stored" in said
    stored = Booking.query.filter_by(id=missed.id).populate_existing().one()
    assert (stored.status, stored.attended_at, stored.late) == (S.NO_SHOW, None, False)
    assert state(others[0].id) is S.ATTENDED


def test_a_sheet_is_entered_days_later(officer, world):
    """Whoever was marked as not come is put right, on the session's own day."""
    start = clock.now() - timedelta(days=2)
    session = make_session(world.programme, world.station, starts_at=start).id
    booking = book(session, way=BookedBy.PAPER)
    commands.mark_no_show(booking=booking, by=SYSTEM)
    Booking.query.session.commit()
    here = f"/sessions/{session}/sheet/enter"
    officer.get(here)
    officer.send(here, {"came": str(booking.id)})
    assert (state(booking.id), Booking.query.one().attended_at) == (S.ATTENDED, start)


def test_a_sheet_is_entered_when_the_time_has_begun(officer, world):
    booking = book(world.tomorrow)
    here = f"/sessions/{world.tomorrow}/sheet/enter"
    officer.get(here)
    answer = officer.send(here, {"came": str(booking.id), "extra-4": "138"})
    assert answer.status_code == 422 and "has not begun" in body(answer) and 'value="138"' in body(answer)
    assert state(booking.id) is S.BOOKED


def test_a_message_to_all(officer, world, db):
    for _ in range(2):
        book(world.tomorrow)
    here = f"/sessions/{world.tomorrow}/message"
    assert "2 people" in body(officer.get(here))
    before = db.session.scalar(sa.select(sa.func.count(Message.id)))
    assert officer.send(here, {"text": " "}).status_code == 422
    long = officer.send(here, {"text": "很" * 301})
    assert long.status_code == 422 and "很" * 301 in body(long)
    words = {"text": "改在二楼，请走东门。"}
    looked = officer.send(here, words)
    assert looked.status_code == 422 and "as 1 message" in body(looked) and words["text"] in body(looked)
    assert "as 2 messages in a row" in body(officer.send(here, {"text": "改" * 70})) and "4 messages in all" in body(
        officer.send(here, {"text": "改" * 70})
    )
    assert words["text"] in body(officer.send(here, words | {"sure": "edit"}))
    assert db.session.scalar(sa.select(sa.func.count(Message.id))) == before
    assert officer.send(here, words | {"sure": "yes"}).status_code == 303
    assert db.session.scalar(sa.select(sa.func.count(Message.id))) == before + 2


def test_calling_off_frees_and_tells_all(officer, world, db):
    one = book(world.tomorrow)
    here = f"/sessions/{world.tomorrow}/call-off"
    assert "1 person loses" in body(officer.get(here))
    assert officer.send(here, {"reason": ""}).status_code == 422
    assert officer.send(here, {"reason": "设备坏了。"}).status_code == 303
    assert state(one.id) is S.CANCELLED
    assert "设备坏了" in db.session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(1)).one().body
    assert "设备坏了" in body(officer.get(world.here))


def test_the_export_masks_and_is_noted(officer, someone, world, db):
    book(world.tomorrow, make_worker(name="王小明").id)
    officer.get(world.here)
    answer = officer.send(f"{world.here}/export")
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.data)).active.values)
    assert len(rows) == 2 and rows[1][1] == "王*明" and "****" in rows[1][3]
    assert db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(1)).one() == "sessions.exported"
    keeper = someone(Role.KEEPER, world.tree.county)
    assert "Export" not in body(keeper.get(world.here))
    assert keeper.send(f"{world.here}/export").status_code == 403


def test_from_the_programmes_page_to_the_time(officer, someone, world):
    """The five-minute booking: time, exact key, one tap. A keeper of the county books for the city's programme there, too."""
    said = body(officer.get(f"/programmes/{world.programme.code}/book"))
    assert f"{world.here}#add" in said
    city = make_programme(world.tree.city, stations=(world.station,))
    here = make_session(city, world.station).id
    elsewhere = make_session(city).id
    keeper = someone(Role.KEEPER, world.tree.county)
    said = body(keeper.get(f"/programmes/{city.code}/book"))
    assert str(here) in said and str(elsewhere) not in said
    assert keeper.get(f"/programmes/{make_programme(world.tree.foreign_county).code}/book").status_code == 404
    assert keeper.get("/programmes/NOBODY/book").status_code == 404


def test_foreign_lists_are_not_there(someone, world):
    booking = book(world.tomorrow)
    foreign = someone(Role.OFFICER, world.tree.foreign_county)
    for address in (
        world.here,
        f"/bookings/{booking.id}",
        f"/sessions/{world.tomorrow}/sheet",
        f"/sessions/{world.tomorrow}/message",
    ):
        assert foreign.get(address).status_code == 404
    foreign.get("/privacy")
    for address in (
        world.here,
        f"/bookings/{booking.id}/check-in",
        f"/bookings/{booking.id}/cancel",
        f"/sessions/{world.tomorrow}/call-off",
    ):
        assert foreign.send(address, {"reason": "x"}).status_code == 404


def test_by_its_id_somebody_worth_an_id_number_is_found(officer, world):
    number = make_id_number()
    make_worker(id_number=number, name="赵大海")
    officer.get(world.here)
    assert "赵*海" in body(officer.send(f"{world.here}/find", {"who": number}))


def test_the_list_costs_the_same_for_two_and_for_many(officer, world, db):
    big = make_session(world.programme, world.station, starts_at=clock.now() + timedelta(days=3), capacity=12).id
    counts = {}
    for people in (2, 10):
        for _ in range(people):
            book(big)
        for address in (f"/sessions/{big}/bookings", f"/sessions/{big}/sheet"):
            counts.setdefault(address, []).append(count_statements(lambda to=address: officer.get(to)))
    assert all(first == second for first, second in counts.values()), counts
    assert counts[f"/sessions/{big}/bookings"][0] <= 10, counts


def test_a_ledger_entry_leads_to_the_booking_for_who_keeps_it_otherwise_to_its_session(app, db):
    with clock.stopped_at(datetime(2026, 7, 8, 4, tzinfo=UTC)):
        county = small_tree().county
        station, line = make_station(union=county), make_line(county, 1000)
        programme = make_programme(county, stations=(station,), line_id=line.id)
        session = make_session(programme, station, starts_at=clock.now() + timedelta(days=2))
        booking = commands.book_place(session_id=session.id, worker_id=make_worker().id, way=BookedBy.STAFF, by=SYSTEM)
        db.session.commit()
        addresses = {}
        for role in (Role.OFFICER, Role.FINANCE):
            client = app.test_client()
            sign_in_quickly(client, make_account(roles=[(role, county)]))
            page = body(client.get(f"/budgets/{county.code}/2026/lines/{line.code}"))
            addresses[role] = re.findall(r'href="(/(?:bookings|sessions)/[^"]+)"', page)
            assert client.get(addresses[role][0]).status_code == 200
    assert addresses == {Role.OFFICER: [f"/bookings/{booking.id}"], Role.FINANCE: [f"/sessions/{session.id}"]}
