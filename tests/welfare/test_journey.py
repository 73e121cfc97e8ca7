"""One programme from the catalogue to a disputed delivery, over HTTP and without a script, as five people live it.

Reckoned by hand: a line of 2,000.00, a check-up at 500.00, ten in all of which the station holds three, four times with one
place each. After every step the figures are read from the database and, where somebody looks at them, from the page.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from portal import clock
from portal.access import Role
from portal.outbox import Message
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.deliveries.models import Delivery
from portal.welfare.eligibility.queries import find_rule
from portal.welfare.items.models import WelfareItem
from portal.welfare.ledger.queries import totals_of_line
from portal.welfare.programmes.models import Programme, ProgrammeStatus
from portal.welfare.quotas.queries import find_holder, find_root
from portal.welfare.sessions.models import ServiceSession
from portal.welfare.sessions.queries import count_coming, row_of
from tests.factories.money import make_line
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker, sign_in_worker

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
THE_DAY = datetime(2026, 11, 30, 1, 55, tzinfo=UTC)  # five minutes before the first time, a week later
B = BookingStatus

ITEM = {
    "name": "免费体检", "category": "health_check", "service_class": "universal", "procedure": "空腹来，带身份证。",
    "unit": "人次", "unit_cost": "500", "provider_name": "", "supply": "", "named": "y", "proof": "code",
}  # fmt: skip
PROGRAMME = {
    "name": "骑手体检", "summary": "一次体检，当天出结果。", "starts_on": "2026-11-23", "ends_on": "2026-12-31", "quota": "10",
    "price": "500", "charge": "per_place", "parent": "", "ways": ["book"], "where": "places", "booking_days": "ahead",
    "days_ahead": "30", "cancel_hours": "2", "grace_minutes": "10", "offer_minutes": "60",
}  # fmt: skip
RULE = {"audience": "anyone", "occupations": ["food_delivery_rider"], "interval_months": "12", "reason": "先给骑手"}
SERIES = {
    "first_on": "2026-11-30", "last_on": "2026-12-01", "weekdays": ["0", "1", "2", "3", "4"], "opens": "10:00", "closes": "12:00",
    "slot_minutes": "60", "breaks": "", "capacity": "1", "online": "1", "on_make_up_days": "y",
}  # fmt: skip


def money_of(line_id) -> tuple[int, int, int]:
    """What is left, promised and spent on the line."""
    found = totals_of_line(line_id)
    return int(found.left), int(found.reserved), int(found.spent)


@pytest.fixture
def world(db, app):
    """A county with money and a station, and who works there; each person has a browser of their own, in English."""
    with clock.stopped_at(MONDAY):
        tree = small_tree()
        made = SimpleNamespace(tree=tree, station=make_station(union=tree.county, name="花园路驿站"), times=[])
        made.line_id = make_line(tree.county, 2000).id

        staff = {role.value: make_account(roles=[(role, tree.county)]) for role in (Role.OFFICER, Role.APPROVER, Role.OPERATOR)}
        workers = {"first": make_worker(confirmed=True, name="李自强"), "second": make_worker(confirmed=True, name="王小满")}

        def sign_in():
            """Everybody on a day of its own, as in life."""
            for name, who in (staff | workers).items():
                client = app.test_client()
                (sign_in_quickly if name in staff else sign_in_worker)(client, who)
                client.set_cookie("language", "en")
                setattr(made, name, client)

        made.sign_in = sign_in
        sign_in()
        yield made


def page(answer, status: int = 200) -> str:
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def sent(client, address: str, data: dict | None = None) -> str:
    """A form that was taken; answers where it leads."""
    answer = client.send(address, data)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.location


def seats(world) -> list[tuple[int, int]]:
    """Of each time in order: free places, and how many wait."""
    rows = [row_of(one) for one in world.times]
    return [(row.free, row.waiting) for row in rows]


def figures(world) -> tuple:
    """(left, promised, spent), quota used at the station, free places at each time."""
    held = find_holder(Programme.query.one().id, station_id=world.station.id)
    return money_of(world.line_id), held.used, [free for free, _waiting in seats(world)]


def plan(world) -> str:
    """From an empty catalogue to an open programme with four times; answers the programme's code."""
    officer, approver = world.officer, world.approver
    sent(officer, "/items/new", ITEM)
    item = WelfareItem.query.one()
    typed = PROGRAMME | {"item": str(item.id), "budget_line": str(world.line_id)}
    places = sent(officer, f"/programmes/new?union={world.tree.county.code}", typed)
    programme = Programme.query.one()
    code, here = programme.code, f"/programmes/{programme.code}"
    sent(officer, places, {"code": world.station.code})
    assert "Nothing is changed yet" in page(officer.send(f"{here}/rule/preview", RULE))  # first whom it gains and loses
    sent(officer, f"{here}/rule", RULE)
    sent(officer, f"{here}/submit")
    assert officer.send(f"{here}/decide", {"decision": "approve"}).status_code == 403
    assert programme.name in page(approver.get("/programmes"))
    sent(approver, f"{here}/decide", {"decision": "approve"})
    assert find_rule(programme.id).occupations == ["food_delivery_rider"]
    sent(officer, f"{here}/status", {"status": "open"})
    assert Programme.query.one().status is ProgrammeStatus.OPEN and money_of(world.line_id) == (2000, 0, 0)
    return code


def hand_down_and_make(world, code: str) -> None:
    """Three of ten to the station, and a series of four times after a look."""
    officer, programme = world.officer, Programme.query.one()
    root = find_root(programme.id)
    sent(officer, f"/quota-shares/{root.id}/hand-down", {"holder": world.station.code, "amount": "3", "take_back_on": ""})
    root, held = find_root(programme.id), find_holder(programme.id, station_id=world.station.id)
    assert (root.amount, root.left, held.amount, held.left) == (10, 7, 3, 3)
    typed = SERIES | {"place": world.station.code}
    assert "4" in page(officer.send(f"/programmes/{code}/sessions/preview", typed)) and ServiceSession.query.count() == 0
    sent(officer, f"/programmes/{code}/sessions/new", typed)
    world.times = [one.id for one in ServiceSession.query.order_by(ServiceSession.starts_at).all()]
    assert count_coming(programme.id) == (4, 4)
    assert "4 coming up, 4 places free" in page(officer.get(f"/programmes/{code}"))


def book(client, code: str, session_id, **more) -> str:
    """Three taps: the programme with its times, the time, the button. Answers the booking's address."""
    link = re.search(rf'href="([^"]*session={session_id})"', page(client.get(f"/welfare/{code}"))).group(1)
    assert str(session_id) in page(client.get(link))
    return sent(client, f"/welfare/{code}/book", {"session": str(session_id)} | more)


def test_from_the_catalogue_to_an_answered_dispute(world):
    code = plan(world)
    hand_down_and_make(world, code)
    first, times = world.first, world.times
    assert figures(world) == ((2000, 0, 0), 0, [1, 1, 1, 1])

    mine = book(first, code, times[0])
    assert figures(world) == ((1500, 500, 0), 1, [0, 1, 1, 1])
    mine = sent(first, f"{mine}/move", {"session": str(times[2])})
    assert figures(world) == ((1500, 500, 0), 1, [1, 1, 0, 1])
    assert "Given up" in page(first.get(sent(first, f"{mine}/cancel", {"reason": "要上班"})))
    assert figures(world) == ((2000, 0, 0), 0, [1, 1, 1, 1])
    mine = book(first, code, times[0])
    assert figures(world) == ((1500, 500, 0), 1, [0, 1, 1, 1])

    wait_and_get_the_offer(world, code, mine)
    receive_and_dispute(world, code)


def wait_and_get_the_offer(world, code: str, mine: str) -> None:
    """The second one waits for the first time; the first one moves away and back is no way; the offer is taken."""
    first, second, times = world.first, world.second, world.times
    waits = book(second, code, times[0], wait="1")
    assert "number 1 on the waiting list" in page(second.get(waits))
    assert figures(world) == ((1500, 500, 0), 1, [0, 1, 1, 1]) and seats(world)[0] == (0, 1)  # waiting costs nothing
    world.mine = sent(first, f"{mine}/move", {"session": str(times[1])})
    offered = Booking.query.filter_by(status=B.OFFERED).one()
    assert waits.endswith(str(offered.id)) and offered.offer_expires_at == MONDAY + timedelta(minutes=60)
    assert figures(world) == ((1500, 500, 0), 1, [0, 0, 1, 1])  # an offer holds the place alone
    told = [one.body for one in Message.query.order_by(Message.id).all()]
    assert any("花园路驿站" in one and "骑手体检" in one for one in told[-2:])
    sent(second, f"{waits}/accept")
    assert figures(world) == ((1000, 1000, 0), 2, [0, 0, 1, 1]) and seats(world)[0] == (0, 0)
    world.theirs = waits
    bookings = {one.status for one in Booking.query.filter(Booking.status.in_((B.BOOKED, B.WAITING, B.OFFERED))).all()}
    assert bookings == {B.BOOKED}


def code_on(client, address: str) -> str:
    """The digits on the worker's phone."""
    return re.sub(r"\s", "", re.search(r'class="onetime"[^>]*>([\d\s]+)<', page(client.get(address))).group(1))


def receive_and_dispute(world, code: str) -> None:
    """A week later the second one comes, shows the code, gets it, says it was not them; it is taken back and answered."""
    with clock.stopped_at(THE_DAY):
        world.sign_in()
        desk, second, officer = world.operator, world.second, world.officer
        counter, digits = f"/desk/{world.station.code}", code_on(second, world.theirs)
        booking = world.theirs.rsplit("/", 1)[-1]
        assert "王*满" in page(desk.send(f"{counter}/look-up", {"who": digits}))
        sent(desk, f"{counter}/check-in", {"booking": booking})
        assert figures(world) == ((1000, 1000, 0), 2, [0, 0, 1, 1])  # who came has not had it yet
        person = str(Booking.query.filter_by(id=booking).one().worker_id)
        wrong = {"worker": person, "booking": booking, "proof_code": "000000"}
        assert desk.send(f"{counter}/programmes/{code}/give", wrong).status_code == 422
        sent(desk, f"{counter}/programmes/{code}/give", wrong | {"proof_code": digits})
        assert figures(world) == ((1000, 500, 500), 2, [0, 0, 1, 1])
        given = Delivery.query.one()
        assert (str(given.booking_id), int(given.cost)) == (booking, 500)
        assert "骑手体检" in page(second.get("/me/received"))
        here = f"/deliveries/{given.id}"
        assert here in page(officer.get(f"/deliveries?programme={code}")) and "¥500.00" in page(officer.get(here))

        sent(second, f"/me/deliveries/{given.id}/dispute", {"note": "我没有来"})
        listed = page(officer.get("/deliveries/disputes"))
        assert "我没有来" in listed
        sent(officer, f"{here}/reverse", {"reason": "当天是别人"})
        # Five minutes before its time the booking stands again, with its place, its quota and its promise.
        assert figures(world) == ((1000, 1000, 0), 2, [0, 0, 1, 1])
        assert Booking.query.filter_by(id=booking).one().status is B.BOOKED
        answer = re.search(r'action="(/deliveries/disputes/[^"]+/answer)"', listed).group(1)
        sent(officer, answer, {"answer": "已经撤销，您可以再约。"})
        said = page(second.get("/me/received"))
        assert "已经撤销，您可以再约。" in said
