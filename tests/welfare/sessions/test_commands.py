"""Sessions and their places: made singly and in series, changed, never below what is taken; the database counts along."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.db import db as database
from portal.types import Refused
from portal.welfare.programmes.models import ProgrammeStatus, Way
from portal.welfare.sessions import commands, queries
from portal.welfare.sessions.commands import Provider
from portal.welfare.sessions.models import Channel, ServiceSession, SessionPlace, SessionSeries, SessionStatus
from portal.welfare.sessions.rules import SeriesValues
from tests.factories.stations import make_station, weekly
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme, make_session

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # a Monday, 08:00 in Zhengzhou
MONDAY = date(2026, 11, 23)
WEEK = {"first_on": MONDAY, "last_on": date(2026, 11, 29), "weekdays": (0, 1, 2, 3, 4)}
HOSPITAL = Provider("市第一人民医院", "东大街56号")


@pytest.fixture(autouse=True)
def standing_clock():
    with clock.stopped_at(NOW):
        yield


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def programme(tree):
    return make_programme(tree.city)


def series(**changes) -> SeriesValues:
    known = {**WEEK, "opens": 540, "closes": 720, "slot_minutes": 60, "capacity": 3, "online": 2}
    return SeriesValues(**known | changes)


def refusal(call, **values) -> str:
    with pytest.raises(Refused) as refused:
        call(**values)
    database.session.rollback()
    return refused.value.problems[0].code


def take(session, *numbers) -> None:
    """Hold places by hand, past the guard of bookings, to whom they belong."""
    database.session.execute(sa.text("SET LOCAL session_replication_role = replica"))
    known = [SessionPlace.session_id == session.id, SessionPlace.number.in_(numbers)]
    database.session.execute(sa.update(SessionPlace).where(*known).values(taken=True))
    database.session.commit()


def test_a_series_makes_sessions_with_their_places(programme, tree):
    station = make_station(union=tree.county)
    made = commands.make_series(programme=programme, station=station, values=series(), by=SYSTEM)
    database.session.commit()
    assert len(made.sessions) == 15 and not made.skipped and not made.shortened
    first = made.sessions[0]
    assert (first.starts_at, first.ends_at) == (datetime(2026, 11, 23, 1, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC))
    assert (first.union_id, first.place_name, first.series_id) == (tree.county.id, station.name, made.series.id)
    assert [(one.number, one.channel) for one in queries.list_places(first.id)] == [
        (1, Channel.ONLINE), (2, Channel.ONLINE), (3, Channel.ON_SITE),
    ]  # fmt: skip
    assert queries.count_free(first.id) == (2, 1)


def test_a_hospital_belongs_to_the_programmes_union(programme):
    made = commands.make_series(programme=programme, provider=HOSPITAL, values=series(), by=SYSTEM)
    database.session.commit()
    assert {(one.union_id, one.station_id, one.address) for one in made.sessions} == {(programme.union_id, None, "东大街56号")}


def test_list_bookable_counts_in_one_statement(programme, tree):
    station = make_station(union=tree.county)
    made = commands.make_series(programme=programme, station=station, values=series(), by=SYSTEM)
    database.session.commit()
    take(made.sessions[0], 1, 3)
    cancelled = made.sessions[1]
    commands.mark_cancelled(session=cancelled, reason="停电", by=SYSTEM)
    database.session.commit()
    programme_id, statements = programme.id, []
    listen = (database.engine, "before_cursor_execute", lambda *asked: statements.append(asked[2]))
    sa.event.listen(*listen)
    rows = queries.list_bookable(programme_id, now=NOW)
    sa.event.remove(*listen)
    assert len(statements) == 1
    assert [(one.session.id, one.free_online, one.free_on_site, one.taken) for one in rows][:2] == [
        (made.sessions[0].id, 1, 0, 2), (made.sessions[2].id, 2, 1, 0),
    ]  # fmt: skip
    tuesday = queries.list_bookable(programme.id, now=NOW, first=date(2026, 11, 24), last=date(2026, 11, 24))
    assert {clock.business_day(one.session.starts_at) for one in tuesday} == {date(2026, 11, 24)} and len(tuesday) == 3


def test_what_has_begun_cannot_be_booked(programme):
    make_session(programme, starts_at=NOW)
    assert queries.list_bookable(programme.id, now=NOW) == []
    assert len(queries.list_bookable(programme.id, now=NOW - timedelta(seconds=1))) == 1


def test_made_twice_it_is_there_once(programme, tree):
    station = make_station(union=tree.county)
    commands.make_series(programme=programme, station=station, values=series(), by=SYSTEM)
    database.session.commit()
    assert refusal(commands.make_series, programme=programme, station=station, values=series(), by=SYSTEM) == "no_session"
    again = commands.make_series(programme=programme, station=station, values=series(closes=780), by=SYSTEM)
    assert len(again.sessions) == 5 and len(again.shortened) == 5
    assert str(again.shortened[0][1]) == "There is a session already"


def test_a_series_goes_on_and_says_what_it_left_out(programme):
    made = commands.make_series(programme=programme, provider=HOSPITAL, values=series(), by=SYSTEM)
    more = commands.continue_series(series=made.series, last_on=date(2027, 1, 4), by=SYSTEM)
    database.session.commit()
    assert more.series.last_on == date(2027, 1, 4) and more.sessions[0].starts_at == datetime(2026, 11, 30, 1, tzinfo=UTC)
    # The calendar of 2027 is not announced yet, so New Year's Day counts by its weekday and nothing fails.
    assert clock.business_day(more.sessions[-1].starts_at) == date(2027, 1, 4)
    assert {one.capacity for one in more.sessions} == {3}
    assert refusal(commands.continue_series, series=made.series, last_on=date(2026, 12, 1), by=SYSTEM) == "days_order"


def test_where_and_when_a_programme_is_not_given(programme, tree):
    foreign = make_station(union=tree.foreign_county)
    assert refusal(commands.make_series, programme=programme, station=foreign, values=series(), by=SYSTEM) == "not_given_there"
    assert refusal(commands.make_series, programme=programme, values=series(), by=SYSTEM) == "no_place"
    here = make_station(union=tree.county)
    listed = make_programme(tree.city, stations=(here,))
    other = make_station(union=tree.county)
    assert refusal(commands.make_series, programme=listed, station=other, values=series(), by=SYSTEM) == "not_given_there"
    draft = make_programme(tree.city, status=ProgrammeStatus.SUBMITTED)
    assert refusal(commands.make_series, programme=draft, station=here, values=series(), by=SYSTEM) == "not_approved"
    walk_in = make_programme(tree.city, ways=[Way.WALK_IN.value])
    assert refusal(commands.make_series, programme=walk_in, station=here, values=series(), by=SYSTEM) == "not_booked"


def test_at_most_five_hundred_in_one_go(programme):
    most = series(last_on=MONDAY + timedelta(days=139), opens=540, closes=790, slot_minutes=50, capacity=1, online=1)
    made = commands.make_series(programme=programme, provider=HOSPITAL, values=most, by=SYSTEM)
    assert len(made.sessions) == 500
    database.session.rollback()
    over = series(last_on=MONDAY + timedelta(days=140), opens=540, closes=790, slot_minutes=50, capacity=1, online=1)
    with pytest.raises(Refused) as refused:
        commands.make_series(programme=programme, provider=HOSPITAL, values=over, by=SYSTEM)
    assert str(refused.value.problems[0].says).startswith("This makes 505 sessions; at most 500")
    database.session.rollback()
    many = series(capacity=2000, online=0)
    assert refusal(commands.make_series, programme=programme, provider=HOSPITAL, values=many, by=SYSTEM) == "too_many_places"


def test_a_single_session(programme, tree):
    station = make_station(union=tree.county, hours=weekly((480, 1080)))
    at = {"starts_at": NOW + timedelta(hours=1), "ends_at": NOW + timedelta(hours=3), "capacity": 4, "by": SYSTEM}
    session = commands.add_session(programme=programme, station=station, **at)
    database.session.commit()
    assert queries.count_free(session.id) == (4, 0)
    assert refusal(commands.add_session, programme=programme, station=station, **at) == "there_already"
    late = at | {"starts_at": NOW + timedelta(hours=9), "ends_at": NOW + timedelta(hours=11)}
    assert refusal(commands.add_session, programme=programme, station=station, **late) == "station_closed"
    far = at | {"starts_at": NOW + timedelta(days=300), "ends_at": NOW + timedelta(days=300, hours=1)}
    assert refusal(commands.add_session, programme=programme, station=station, **far) == "outside_period"


# --- changing --------------------------------------------------------------------------------------------------------


def test_capacity_never_below_what_is_taken(programme):
    session = make_session(programme, capacity=6, online=4)
    take(session, 1, 2, 3, 5)
    change = {"session": session, "by": SYSTEM}
    assert refusal(commands.set_capacity, capacity=6, online=2, **change) == "online_taken"
    assert refusal(commands.set_capacity, capacity=3, online=3, **change) == "on_site_taken"
    assert refusal(commands.set_capacity, capacity=0, online=0, **change) == "capacity_wrong"
    assert refusal(commands.set_capacity, capacity=5, online=6, **change) == "online_wrong"
    commands.set_capacity(capacity=4, online=3, **change)
    database.session.commit()
    assert queries.count_free(session.id) == (0, 0)
    assert [one.number for one in queries.list_places(session.id)] == [1, 2, 3, 5]  # whoever has a place keeps its number
    commands.set_capacity(capacity=7, online=4, **change)
    database.session.commit()
    assert queries.count_free(session.id) == (1, 2)
    assert [one.number for one in queries.list_places(session.id)] == [1, 2, 3, 4, 5, 6, 7]


def test_more_places_are_told_to_whoever_keeps_the_waiting_list(programme, monkeypatch):
    told = []
    monkeypatch.setattr(commands, "on_places_added", [lambda session_id, by: told.append(session_id)])
    session = make_session(programme, capacity=2, online=2)
    commands.set_capacity(session=session, capacity=3, online=3, by=SYSTEM)
    commands.release_online(session=session, by=SYSTEM)
    assert told == [session.id, session.id]


def test_unsold_online_places_go_to_the_door(programme):
    session = make_session(programme, capacity=5, online=4)
    take(session, 1)
    assert commands.release_online(session=session, by=SYSTEM) == 3
    database.session.commit()
    assert (session.online, queries.count_free(session.id)) == (1, (0, 4))
    assert refusal(commands.release_online, session=session, by=SYSTEM) == "nothing_free"


def test_a_cancelled_one_stays_as_it_is(programme):
    session = make_session(programme)
    assert refusal(commands.mark_cancelled, session=session, reason="", by=SYSTEM) == "reason_missing"
    commands.mark_cancelled(session=session, reason="设备检修", by=SYSTEM)
    database.session.commit()
    assert (session.status, session.cancelled_at, session.cancel_reason) == (SessionStatus.CANCELLED, NOW, "设备检修")
    assert refusal(commands.mark_cancelled, session=session, reason="再次", by=SYSTEM) == "cancelled"
    assert refusal(commands.set_capacity, session=session, capacity=5, online=5, by=SYSTEM) == "cancelled"
    with clock.stopped_at(NOW + timedelta(days=2)):
        over = make_session(programme, starts_at=NOW)
        assert refusal(commands.release_online, session=over, by=SYSTEM) == "over"


# --- the database holds it too -----------------------------------------------------------------------------------------


def broken(statement) -> str:
    """The constraint or guard that refuses a statement past the commands."""
    with pytest.raises(sa.exc.DBAPIError) as refused:
        database.session.execute(statement)
        database.session.commit()
    database.session.rollback()
    return refused.value.orig.diag.constraint_name


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"ends_at": NOW - timedelta(days=9)}, "ck_service_sessions_ends_after_start"),
        ({"capacity": 5001, "online": 0}, "ck_service_sessions_capacity_plausible"),
        ({"online": 9}, "ck_service_sessions_online_within_capacity"),
        ({"online": 1}, "tr_service_sessions_places"),
        ({"capacity": 3}, "tr_service_sessions_places"),
        ({"status": "held"}, "ck_service_sessions_session_status"),
    ],
)
def test_a_session_is_plausible(programme, values, constraint):
    session = make_session(programme, capacity=2)
    table = ServiceSession.__table__
    plain = {name: sa.literal_column(f"'{value}'") if name == "status" else value for name, value in values.items()}
    assert broken(sa.update(table).where(table.c.id == session.id).values(**plain)) == constraint


def test_places_are_counted(programme):
    session = make_session(programme, capacity=2, online=1)
    mine = SessionPlace.session_id == session.id
    assert broken(sa.delete(SessionPlace).where(mine, SessionPlace.number == 2)) == "tr_session_places_counted"
    assert broken(sa.update(SessionPlace).where(mine).values(channel=Channel.ONLINE)) == "tr_session_places_counted"
    new = {"id": sa.func.gen_random_uuid(), "session_id": session.id, "channel": Channel.ONLINE, "taken": False}
    assert broken(sa.insert(SessionPlace).values(number=3, **new)) == "tr_session_places_counted"
    assert broken(sa.insert(SessionPlace).values(number=2, **new)) == "uq_session_places_session_id_number"


def test_one_session_at_a_time_and_place(programme, tree):
    station = make_station(union=tree.county)
    for place, constraint in ((station, "uq_service_sessions_station"), (None, "uq_service_sessions_provider")):
        first = make_session(programme, place, starts_at=NOW)
        with pytest.raises(sa.exc.IntegrityError) as refused:
            make_session(programme, place, starts_at=NOW)
        assert refused.value.orig.diag.constraint_name == constraint
        database.session.rollback()
        commands.mark_cancelled(session=first, reason="改期", by=SYSTEM)
        database.session.commit()
        make_session(programme, place, starts_at=NOW)  # what was cancelled stands in nobody's way


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"last_on": MONDAY - timedelta(days=1)}, "ck_session_series_days_whole"),
        ({"slot_minutes": 4}, "ck_session_series_slot_plausible"),
        ({"opens": 800}, "ck_session_series_stretch"),
        ({"weekdays": [7]}, "ck_session_series_weekdays_known"),
        ({"weekdays": []}, "ck_session_series_weekdays_known"),
        ({"capacity": 0, "online": 0}, "ck_session_series_capacity_plausible"),
        ({"online": 4}, "ck_session_series_online_within_capacity"),
    ],
)
def test_a_series_is_plausible(programme, values, constraint):
    made = commands.make_series(programme=programme, provider=HOSPITAL, values=series(), by=SYSTEM)
    database.session.commit()
    assert broken(sa.update(SessionSeries).where(SessionSeries.id == made.series.id).values(**values)) == constraint
