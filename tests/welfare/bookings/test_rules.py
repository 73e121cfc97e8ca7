"""What is decided from values alone: codes, places by way, times with their boundaries, why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from portal.crypto import Keyring
from portal.types import new_id
from portal.welfare.bookings import rules
from portal.welfare.bookings.models import BookedBy, BookingStatus
from portal.welfare.sessions.models import Channel, SessionStatus

S, ON_SITE, ONLINE = BookingStatus, Channel.ON_SITE, Channel.ONLINE
START = datetime(2026, 6, 11, 2, tzinfo=UTC)  # 10:00 in Shanghai
SECOND = timedelta(seconds=1)


def session(**values):
    known = {"starts_at": START, "ends_at": START + timedelta(hours=1), "capacity": 4, "online": 3, "status": SessionStatus.OPEN,
             "station_id": new_id(), "place_name": "花园路驿站", "programme_id": 1, "id": new_id()}  # fmt: skip
    return SimpleNamespace(**known | values)


def codes(problems) -> list[str]:
    return [one.code for one in problems]


def test_codes_follow_from_the_id_and_the_key():
    ring, other = (Keyring.from_text(Keyring.new_text()) for _ in range(2))
    ident = new_id()
    assert rules.code_of(ring, ident) == rules.code_of(ring, ident) != rules.code_of(ring, new_id())
    assert rules.code_of(ring, ident) != rules.code_of(other, ident)
    assert len(rules.code_of(ring, ident)) == 8 and rules.code_of(ring, ident).isdecimal()
    assert rules.normal_code(" 1234-5678 ") == "12345678"
    assert rules.normal_code("1234567") is rules.normal_code(None) is rules.normal_code("٣٤٥٦٧٨٩٠") is None


@pytest.mark.parametrize(
    ("way", "now", "online", "any_place", "channels"),
    [
        (BookedBy.WORKER, START - timedelta(days=3), 3, False, (ONLINE,)),
        (BookedBy.STAFF, START - timedelta(days=3), 3, False, (ON_SITE,)),
        (BookedBy.STAFF, START - timedelta(days=3), 3, True, (ON_SITE, ONLINE)),
        (BookedBy.STAFF, START - timedelta(days=3), 4, False, (ON_SITE, ONLINE)),  # none is kept on site
        (BookedBy.STAFF, START - timedelta(hours=10, seconds=1), 3, False, (ON_SITE,)),  # 23:59:59 of the day before
        (BookedBy.DESK, START - timedelta(hours=10), 3, False, (ON_SITE, ONLINE)),  # the day itself, from its first moment
        (BookedBy.PAPER, START - timedelta(days=3), 3, False, (ON_SITE, ONLINE)),
        (BookedBy.IMPORT, START - timedelta(days=3), 3, False, (ON_SITE,)),
    ],
)
def test_which_places_a_way_may_take(way, now, online, any_place, channels):
    assert rules.channels_for(way, session(online=online), now, any_place=any_place) == channels


def test_the_line_stands_for_online_places():
    both = (ON_SITE, ONLINE)
    assert rules.past_the_line(both, session(), waiting=False) == both
    assert rules.past_the_line(both, session(), waiting=True) == (ON_SITE,)
    assert rules.past_the_line(both, session(online=0), waiting=True) == (ONLINE,)


def test_last_moments_count_in():
    assert rules.on_time_until(START, 10) == START + timedelta(minutes=10)
    until = rules.cancel_until(START, 2)
    for by_worker, now, found in ((True, until, []), (True, until + SECOND, ["too_late_to_cancel"]), (False, START, [])):
        assert codes(rules.problems_with_cancelling(S.BOOKED, START, 2, now, by_worker=by_worker)) == found
    assert rules.problems_with_cancelling(S.WAITING, START, 2, START, by_worker=True) == []
    assert codes(rules.problems_with_cancelling(S.ATTENDED, START, 2, until, by_worker=False)) == ["is_attended"]
    assert rules.problems_with_accepting(S.OFFERED, START, START) == []
    assert codes(rules.problems_with_accepting(S.OFFERED, START, START + SECOND)) == ["offer_over"]
    assert codes(rules.problems_with_accepting(S.EXPIRED, None, START)) == ["is_expired"]


def test_an_offer_ends_with_its_minutes_or_the_beginning():
    assert rules.offer_until(START - timedelta(hours=5), 120, START) == START - timedelta(hours=3)
    assert rules.offer_until(START - timedelta(hours=1), 120, START) == START
    assert rules.offer_until(START, 120, START) is None


def test_reminded_at_six_in_the_evening_before():
    assert rules.remind_from(START) == datetime(2026, 6, 10, 10, tzinfo=UTC)
    assert rules.remind_from(datetime(2026, 6, 10, 16, tzinfo=UTC)) == datetime(2026, 6, 10, 10, tzinfo=UTC)  # 00:00 of the 11th


@pytest.mark.parametrize(
    ("way", "now", "problem"),
    [
        (BookedBy.WORKER, START - SECOND, []),
        (BookedBy.WORKER, START, ["begun"]),
        (BookedBy.STAFF, START, ["begun"]),
        (BookedBy.DESK, START + timedelta(minutes=59), []),
        (BookedBy.DESK, START + timedelta(hours=1), ["begun"]),
        (BookedBy.PAPER, START, []),
        (BookedBy.PAPER, START - SECOND, ["not_begun"]),
    ],
)
def test_when_a_session_takes_whom(way, now, problem):
    assert codes(rules.problems_with_session(session(), way, now)) == problem
    assert codes(rules.problems_with_session(session(status=SessionStatus.CANCELLED), way, now)) == ["session_cancelled"]


def test_moving_stays_in_the_programme():
    old, now = session(), START - timedelta(days=1)
    assert rules.problems_with_moving(S.BOOKED, old, session(), 2, now, by_worker=True) == []
    for other in (old, session(programme_id=2)):
        assert codes(rules.problems_with_moving(S.BOOKED, old, other, 2, now, by_worker=True)) == ["other_programme"]
    assert codes(rules.problems_with_moving(S.WAITING, old, session(), 2, now, by_worker=True)) == ["is_waiting"]
    assert codes(rules.problems_with_moving(S.BOOKED, old, session(), 2, START, by_worker=True)) == ["too_late_to_cancel"]


def test_checking_in():
    here = session()

    def found(status=S.BOOKED, at=START, **more):
        return codes(rules.problems_with_check_in(status, here, at, **more))

    assert found() == found(station_id=here.station_id) == found(S.NO_SHOW) == []
    assert found(station_id=new_id()) == ["wrong_station"]
    assert found(at=START + timedelta(days=1)) == ["wrong_day"]
    assert found(at=START + timedelta(days=1), station_id=new_id()) == ["wrong_day", "wrong_station"]
    assert found(at=here.ends_at) == ["session_over"] and found(at=here.ends_at, late=True) == []
    assert found(S.ATTENDED, attended_at=START) == ["used"]
    assert found(S.OFFERED) == ["is_offered"] and found(S.CANCELLED) == ["is_cancelled"]
    assert codes(rules.problems_with_no_show(S.BOOKED, here, START - SECOND)) == ["not_begun"]
    assert rules.problems_with_no_show(S.BOOKED, here, START) == []


def test_full_says_what_helps():
    assert "waiting list" in str(rules.full((ONLINE,), 3).says)
    assert "others wait" in str(rules.full((ONLINE,), 3, waiting=True).says)
    assert "door" in str(rules.full((ONLINE,), 0).says)
    assert "kept" in str(rules.full((ON_SITE,), 3).says)
