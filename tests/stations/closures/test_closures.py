"""Days that differ: for one station, and festivals for many at once."""

from __future__ import annotations

import threading
from datetime import date, datetime

import pytest

from portal import clock
from portal.access import SYSTEM
from portal.audit import AuditEntry
from portal.clock import SHANGHAI
from portal.db import db as database
from portal.stations.closures import commands, rules
from portal.stations.closures.rules import Mode, Plan, Run
from portal.stations.hours.rules import HolidayRule
from portal.stations.register.models import OpeningException, OpeningHours, Station, StationKind
from portal.stations.register.rules import opening
from portal.types import Refused
from tests.factories.staff import sign_in_quickly
from tests.factories.stations import make_station, weekly

JANUARY = datetime(2026, 1, 10, 9, 0, tzinfo=SHANGHAI)
FESTIVAL = tuple(date(2026, 2, day) for day in range(15, 24))
MANY = "/staff/stations/closures"


def body(response) -> str:
    return response.get_data(as_text=True)


@pytest.fixture(autouse=True)
def january():
    with clock.stopped_at(JANUARY):
        yield


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


# --- rules -------------------------------------------------------------------------------------------


def test_the_holidays_to_come():
    found = rules.occasions(date(2026, 2, 16))
    assert [str(one.says) for one in found[:3]] == [
        "Spring Festival, make-up workdays 2026-02-14, 2026-02-28",
        "Spring Festival, 2026-02-15 to 2026-02-23",
        "Tomb-sweeping Day, 2026-04-04 to 2026-04-06",
    ]
    assert len(rules.occasions(date(2026, 11, 22))) == 0
    assert (rules.last_announced_year(date(2026, 11, 22)), rules.last_announced_year(date(2025, 6, 1))) == (2026, None)


def station_with(hours, rule=HolidayRule.AS_USUAL) -> Station:
    rows = [OpeningHours(weekday=day, opens=opens, closes=closes) for day, opens, closes in hours]
    return Station(holiday_rule=rule, hours=rows, exceptions=[])


WORKDAYS = weekly((540, 1020), days=range(5))


def test_only_what_does_not_hold_yet_is_made():
    every_day, closed_anyway = station_with(weekly((540, 1020))), station_with(WORKDAYS, HolidayRule.CLOSED_ON_HOLIDAYS)
    shut = Plan(FESTIVAL, Mode.CLOSED)
    assert rules.runs_to_make(every_day, shut) == [Run(FESTIVAL[0], FESTIVAL[-1], ())]
    assert rules.runs_to_make(closed_anyway, shut) == []
    assert rules.runs_to_make(every_day, Plan(FESTIVAL, Mode.AS_USUAL)) == []
    usual = rules.runs_to_make(closed_anyway, Plan(FESTIVAL, Mode.AS_USUAL))
    times = ((540, 1020),)
    assert usual == [Run(date(2026, 2, 16), date(2026, 2, 20), times), Run(date(2026, 2, 23), date(2026, 2, 23), times)]
    make_up = Plan((date(2026, 2, 14), date(2026, 2, 28)), Mode.WORKDAY)
    assert [(run.first_on.day, run.times) for run in rules.runs_to_make(closed_anyway, make_up)] == [(14, times), (28, times)]
    assert rules.runs_to_make(station_with(WORKDAYS, HolidayRule.WORKDAYS), make_up) == []


def test_times_of_one_day_as_they_are_typed():
    assert rules.read_times("09:00-12:00,13:00-次日02:00") == (((540, 720), (780, 1560)), [])
    assert rules.read_times(None) == ((), [])
    assert [one.code for one in rules.read_times("周一 09:00-12:00")[1]] == ["times_with_days"]
    assert [one.code for one in rules.read_times("上午")[1]] == ["times_not_understood"]


@pytest.mark.parametrize(
    ("plan", "codes"),
    [
        (Plan((), Mode.CLOSED), ["no_days"]),
        (Plan((date(2026, 1, 9),), Mode.CLOSED), ["over"]),
        (Plan((date(2026, 1, 10),), Mode.CLOSED), []),
        (Plan((date(2026, 1, 10),), Mode.TIMES), ["no_times"]),
        (Plan(rules.days_between(date(2026, 1, 10), date(2099, 1, 1)), Mode.CLOSED), ["too_long"]),
    ],
)
def test_what_is_no_plan(plan, codes):
    assert [one.code for one in rules.problems_with_plan(plan, date(2026, 1, 10))] == codes


# --- one station -------------------------------------------------------------------------------------


def test_days_are_noted_and_ended(english, tree, keeper):
    station = make_station(union=tree.county, hours=weekly((480, 1320)))
    address = f"/staff/stations/{station.code}/exceptions"
    assert "No day differs" in body(english.get(address))
    fields = {"first_on": "2026-01-12", "last_on": "", "mode": "closed", "times": "", "note": "刷墙"}
    assert english.send(address, fields).status_code == 303
    assert str(opening(station, local("2026-01-12 10:00")).says) == "Opens tomorrow at 8:00"
    assert str(opening(station, local("2026-01-12 10:00")).why) == "刷墙"
    page = body(english.get(address))
    assert "刷墙" in page and "Closed all day" in page
    english.send(address, fields | {"mode": "times", "times": "10:00-12:00", "last_on": "2026-01-13", "note": ""})
    assert str(opening(station, local("2026-01-12 10:00")).says) == "Open until 12:00"  # the one made last wins
    again = english.send(address, fields | {"mode": "times", "times": "10:00-12:00"})
    assert "It was so already" in body(english.get(again.location))
    last = {"exception_id": str(max(one.id for one in station.exceptions))}
    assert english.send(f"{address}/end", last).status_code == 303
    assert not opening(station, local("2026-01-12 10:00")).is_open  # the one before holds again
    assert "ended already" in body(english.get(english.send(f"{address}/end", last).location))
    actions = [one.action for one in AuditEntry.query.filter_by(subject_id=str(station.id)).order_by(AuditEntry.id)]
    assert actions == ["station.days_excepted", "station.days_excepted", "station.exception_ended"]


def test_days_that_passed_stay_on_record(english, tree, keeper):
    station = make_station(union=tree.county)
    commands.except_days(stations=[station], plan=Plan(FESTIVAL, Mode.CLOSED, note="过年"), by=SYSTEM)
    database.session.commit()
    with clock.stopped_at(local("2026-02-18 09:00")):
        commands.end_exception(station=station, exception=station.exceptions[0], by=SYSTEM)
        database.session.commit()
        assert (station.exceptions[0].first_on, station.exceptions[0].last_on) == (date(2026, 2, 15), date(2026, 2, 17))
        assert opening(station, local("2026-02-18 00:00")).is_open
        sign_in_quickly(english, keeper)  # the session of January is over
        page = body(english.get(f"/staff/stations/{station.code}/exceptions"))
        assert "Days that are over" in page and "过年" in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"first_on": ""}, "say from which day"),
        ({"first_on": "2026-01-08", "last_on": "2026-01-09"}, "These days are over."),
        ({"last_on": "2026-01-11"}, "lies before the first"),
        ({"mode": "times", "times": "上午"}, "was not understood"),
        ({"mode": "times", "times": ""}, "Say the times"),
        ({"mode": "party"}, "Not a valid choice"),
        ({"note": "长" * 61}, "At most 60 characters"),
    ],
)
def test_wrong_days_stay_as_typed(english, tree, keeper, changes, sentence):
    station = make_station(union=tree.county)
    fields = {"first_on": "2026-01-12", "last_on": "2026-01-12", "mode": "closed", "times": "", "note": "电路检修"} | changes
    answer = english.send(f"/staff/stations/{station.code}/exceptions", fields)
    assert answer.status_code == 422
    assert sentence in body(answer)
    assert fields["note"] in body(answer)
    assert OpeningException.query.count() == 0


def test_anothers_exception_is_not_ended(english, tree, keeper):
    own, other = make_station(union=tree.county), make_station(union=tree.foreign_county)
    commands.except_days(stations=[other], plan=Plan(FESTIVAL, Mode.CLOSED), by=SYSTEM)
    database.session.commit()
    ident = str(other.exceptions[0].id)
    english.send(f"/staff/stations/{own.code}/exceptions/end", {"exception_id": ident})
    assert len(other.exceptions) == 1


# --- many at once ------------------------------------------------------------------------------------


def many(**changes):
    return {
        "occasion": "2026-02-15", "first_on": "", "last_on": "", "mode": "closed", "times": "", "note": "",
        "q": "", "status": "", "kind": "", "county": "", "grade": "", "needs": "",
    } | changes  # fmt: skip


def test_a_festival_for_all_that_a_filter_leaves(english, tree, keeper):
    one, two = (make_station(union=union, hours=weekly((480, 1320))) for union in (tree.county, tree.town))
    shut = make_station(union=tree.county, hours=WORKDAYS, holiday_rule=HolidayRule.CLOSED_ON_HOLIDAYS)
    home = make_station(union=tree.county, kind=StationKind.DRIVERS_HOME)
    foreign = make_station(union=tree.foreign_county)
    form = body(english.get(f"{MANY}?kind=union_station"))
    assert "For 3 stations" in form and "Spring Festival" in form and 'name="kind" type="hidden" value="union_station"' in form
    preview = body(english.send(f"{MANY}/preview", many(kind="union_station")))
    assert "2 stations will change" in preview and "at 1 it is so already" in preview
    assert OpeningException.query.count() == 0  # a preview changes nothing
    answer = english.send(MANY, many(kind="union_station"))
    assert "2 stations changed, at 1 it was so already." in body(english.get(answer.location))
    for station in (one, two):
        assert not opening(station, local("2026-02-17 12:00")).is_open
        assert opening(station, local("2026-02-24 12:00")).is_open
    assert str(opening(one, local("2026-02-17 12:00")).why) == "Spring Festival"
    assert [len(station.exceptions) for station in (one, two, shut, home, foreign)] == [1, 1, 0, 0, 0]
    again = english.send(MANY, many(kind="union_station"))
    assert "0 stations changed, at 3 it was so already." in body(english.get(again.location))
    assert OpeningException.query.count() == 2


def test_chosen_stations_open_on_a_make_up_workday(english, tree, keeper):
    one, two = (make_station(union=tree.county, hours=WORKDAYS) for _ in range(2))
    foreign = make_station(union=tree.foreign_county, hours=WORKDAYS)
    assert english.send(f"{MANY}/chosen", {"chosen": [one.code, "\0"]}, inspect=False).status_code == 200
    page = body(english.send(f"{MANY}/chosen", {"chosen": [one.code, foreign.code]}))
    assert "For 1 station" in page and f'name="chosen" value="{one.code}"' in page
    english.send(MANY, many(chosen=[one.code, foreign.code], occasion="2026-02-15-worked", mode="workday"))
    assert opening(one, local("2026-02-14 09:00")).is_open and opening(one, local("2026-02-28 16:59")).is_open
    assert not opening(two, local("2026-02-14 09:00")).is_open
    assert foreign.exceptions == []


def test_a_festival_open_from_to(english, tree, keeper):
    station = make_station(union=tree.county, hours=WORKDAYS)
    english.send(MANY, many(mode="times", times="10:00-15:00", note="春节值守"))
    assert str(opening(station, local("2026-02-17 09:00")).says) == "Opens today at 10:00"
    assert str(opening(station, local("2026-02-17 09:00")).why) == "春节值守"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"occasion": ""}, "Choose a holiday"),
        ({"occasion": "2026-12-24"}, "Not a valid choice"),
        ({"mode": "times", "times": "全天都行"}, "was not understood"),
        ({"q": "没有这样的站"}, "No station fits"),
    ],
)
def test_what_is_wrong_with_many_is_said_and_changes_nothing(english, tree, keeper, changes, sentence):
    make_station(union=tree.county)
    for address in (MANY, f"{MANY}/preview"):
        answer = english.send(address, many(note="请留着") | changes)
        assert answer.status_code == 422
        assert sentence in body(answer) and "请留着" in body(answer)
    assert OpeningException.query.count() == 0


def test_a_year_that_is_not_announced_says_so(english, tree, keeper):
    make_station(union=tree.county)
    with clock.stopped_at(local("2026-11-22 09:00")):
        sign_in_quickly(english, keeper)  # the session of January is over
        assert "Holidays after 2026 are not announced yet" in body(english.get(MANY))
        english.send(MANY, many(occasion="", first_on="2027-02-05", last_on="2027-02-12", note="春节"))
    assert OpeningException.query.one().last_on == date(2027, 2, 12)


def test_two_at_once_note_a_festival_once(app, tree):
    make_station(union=tree.county, hours=weekly((480, 1320)))
    together, made = threading.Barrier(2, timeout=20), []

    def act():
        with app.app_context(), clock.stopped_at(JANUARY):
            stations = Station.query.all()
            list(stations[0].exceptions)
            together.wait()
            made.append(commands.except_days(stations=stations, plan=Plan(FESTIVAL, Mode.CLOSED), by=SYSTEM).changed)
            database.session.commit()
            database.session.remove()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(made) == [0, 1]
    assert OpeningException.query.count() == 1


def test_a_plan_that_is_none_is_refused(db, tree):
    with pytest.raises(Refused, match="These days are over"):
        commands.except_days(stations=[], plan=Plan((date(2025, 1, 1),), Mode.CLOSED), by=SYSTEM)
