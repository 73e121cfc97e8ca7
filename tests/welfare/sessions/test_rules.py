"""Which days and times a series has: holidays, make-up days, breaks, closures, the year the calendar does not know."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal import clock
from portal.stations.hours.rules import Calendar, DayKind, HolidayRule, Stretch, day_kind
from portal.welfare.sessions import rules
from portal.welfare.sessions.rules import Door, SeriesValues

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
WORKDAYS = (0, 1, 2, 3, 4)


def series(first, last=None, **changes) -> SeriesValues:
    known = {"weekdays": WORKDAYS, "opens": 540, "closes": 1020, "slot_minutes": 60, "capacity": 5}
    return SeriesValues(first_on=first, last_on=last or first, **known | changes)


def plan(values, **more) -> rules.Plan:
    return rules.plan_series(values, now=more.pop("now", LONG_AGO), **more)


def local(slots) -> list[str]:
    return [f"{starts.astimezone(clock.SHANGHAI):%H:%M}-{ends.astimezone(clock.SHANGHAI):%H:%M}" for starts, ends in slots]


def skipped(found) -> dict[date, str]:
    return {day: str(why) for day, why in found.skipped}


MONDAY = date(2026, 11, 23)


def test_none_across_a_break_and_the_next_one_after_it():
    found = plan(series(MONDAY, breaks=((720, 840), (900, 930))))
    assert local(found.slots) == ["09:00-10:00", "10:00-11:00", "11:00-12:00", "14:00-15:00", "15:30-16:30"]
    # What would end within a break, or hold one whole, waits until it is over.
    assert local(plan(series(MONDAY, opens=570, closes=1020, breaks=((600, 610), (700, 705)))).slots)[0] == "10:10-11:10"


def test_the_last_one_ends_with_the_day():
    assert local(plan(series(MONDAY, opens=1380, closes=1440)).slots) == ["23:00-00:00"]
    assert plan(series(MONDAY, opens=540, closes=599)).slots == ()


def test_holidays_and_make_up_days_of_2026():
    """National Day 2026 is 1 to 7 October; the Sunday and Saturday around it are worked instead."""
    first, last = date(2026, 9, 19), date(2026, 10, 11)
    made_up = [day for day in (first + timedelta(days=n) for n in range(23)) if day_kind(day) is DayKind.MAKE_UP]
    assert made_up
    found = plan(series(first, last))
    assert not {clock.business_day(starts) for starts, _ in found.slots} & set(skipped(found))
    assert skipped(found)[date(2026, 10, 1)] == "National Day"
    assert set(made_up) <= set(found.days)
    assert not set(made_up) & set(plan(series(first, last, on_make_up_days=False)).days)
    assert date(2026, 10, 1) in plan(series(first, last, on_holidays=True)).days
    # A series of Wednesdays does not run on a Saturday that is worked instead.
    assert not set(made_up) & set(plan(series(first, last, weekdays=(2,))).days)


def test_across_new_year_2027_which_nobody_announced():
    found = plan(series(date(2026, 12, 28), date(2027, 1, 8)))
    assert day_kind(date(2027, 1, 1)) is DayKind.UNKNOWN
    assert len(found.days) == 10 and date(2027, 1, 1) in found.days and not found.skipped


def test_the_programmes_period_and_what_is_past():
    found = plan(series(MONDAY, MONDAY + timedelta(days=2)), period=(MONDAY + timedelta(days=1), MONDAY + timedelta(days=1)))
    assert found.days == [MONDAY + timedelta(days=1)]
    assert set(skipped(found).values()) == {"Outside the programme's period"}
    noon = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 12:00 in Zhengzhou: what begins at this moment is past
    found = plan(series(MONDAY, MONDAY), now=noon)
    assert local(found.slots)[0] == "13:00-14:00" and str(found.shortened[0][1]) == "Already past"


def test_the_door_must_be_open_all_the_time():
    hours = tuple(Stretch(day, 600, 960) for day in range(7))
    closed = SimpleNamespace(id=1, first_on=MONDAY, last_on=MONDAY, closed=True, note="内部装修", hours=())
    short = SimpleNamespace(
        id=2, first_on=MONDAY + timedelta(days=1), last_on=MONDAY + timedelta(days=1), closed=False, note=None,
        hours=(SimpleNamespace(opens=600, closes=690),),
    )  # fmt: skip
    found = plan(series(MONDAY, MONDAY + timedelta(days=2)), door=Door(hours, Calendar(exceptions=(closed, short))))
    assert set(skipped(found)) == {MONDAY} and "内部装修" in skipped(found)[MONDAY]
    per_day = {day: [one for one in found.slots if clock.business_day(one[0]) == day] for day in found.days}
    assert local(per_day[MONDAY + timedelta(days=1)]) == ["10:00-11:00"]
    assert local(per_day[MONDAY + timedelta(days=2)])[0] == "10:00-11:00" and len(per_day[MONDAY + timedelta(days=2)]) == 6
    assert [day for day, _ in found.shortened] == [MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)]


def test_a_door_with_unknown_hours_shuts_only_for_its_exceptions():
    closed = SimpleNamespace(id=1, first_on=MONDAY, last_on=MONDAY, closed=True, note=None, hours=())
    found = plan(series(MONDAY, MONDAY + timedelta(days=1)), door=Door((), Calendar(exceptions=(closed,))))
    assert found.days == [MONDAY + timedelta(days=1)] and set(skipped(found)) == {MONDAY}


def test_a_station_shut_on_holidays_stays_shut():
    door = Door(tuple(Stretch(day, 0, 1440) for day in range(7)), Calendar(HolidayRule.CLOSED_ON_HOLIDAYS))
    day = date(2026, 10, 1)
    assert plan(series(day, on_holidays=True), door=door).slots == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"last_on": MONDAY - timedelta(days=1)}, "days_order"),
        ({"last_on": MONDAY + timedelta(days=400)}, "days_many"),
        ({"weekdays": ()}, "no_weekday"),
        ({"closes": 540}, "times_order"),
        ({"closes": 1441}, "times_order"),
        ({"slot_minutes": 4}, "slot_wrong"),
        ({"slot_minutes": 481}, "slot_wrong"),
        ({"breaks": ((700, 700),)}, "break_wrong"),
        ({"capacity": 0}, "capacity_wrong"),
        ({"capacity": 5001}, "capacity_wrong"),
        ({"online": 6}, "online_wrong"),
        ({"online": -1}, "online_wrong"),
    ],
)
def test_what_keeps_a_series_from_being_planned(changes, code):
    values = SeriesValues(**{**series(MONDAY).__dict__, **changes})
    assert [one.code for one in rules.problems_with_series(values)] == [code]


def test_at_the_edge_a_series_is_fine():
    for changes in ({"last": MONDAY + timedelta(days=399)}, {"slot_minutes": 480}, {"slot_minutes": 5}, {"closes": 1440}):
        assert rules.problems_with_series(series(MONDAY, **changes)) == []


# --- any series ------------------------------------------------------------------------------------------------------

minutes = st.integers(0, 1440)
stretches = st.tuples(minutes, minutes).filter(lambda one: one[0] < one[1])
hour = st.integers(0, 23)


@st.composite
def any_series(draw) -> SeriesValues:
    first = draw(st.dates(date(2026, 1, 1), date(2027, 3, 1)))
    opens, closes = draw(stretches.filter(lambda one: one[0] + 5 <= one[1] and one[0] < 1440))
    return series(
        first, first + timedelta(days=draw(st.integers(0, 40))), opens=opens, closes=closes,
        weekdays=tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1)))),
        slot_minutes=draw(st.integers(5, closes - opens)), breaks=tuple(draw(st.lists(stretches, max_size=3))),
        on_holidays=draw(st.booleans()), on_make_up_days=draw(st.booleans()),
    )  # fmt: skip


@given(values=any_series(), hours=st.none() | stretches)
@settings(max_examples=150)
def test_any_series(values, hours):
    door = rules.OPEN_DOOR if hours is None else Door(tuple(Stretch(day, *hours) for day in range(7) if hours[0] < 1440))
    found = plan(values, door=door)
    days = [values.first_on + timedelta(days=n) for n in range((values.last_on - values.first_on).days + 1)]
    assert all(ends <= following for (_, ends), (following, _) in pairwise(found.slots))  # in order, no overlap
    for starts, ends in found.slots:
        day = clock.business_day(starts)
        begins = (starts - clock.start_of(day)).total_seconds() / 60
        assert ends - starts == timedelta(minutes=values.slot_minutes)
        assert values.opens <= begins and begins + values.slot_minutes <= values.closes
        assert all(begins + values.slot_minutes <= one or until <= begins for one, until in values.breaks)
        assert starts.astimezone(clock.SHANGHAI).utcoffset() == timedelta(hours=8)
        if hours and door.hours:
            assert hours[0] <= begins and begins + values.slot_minutes <= hours[1]
        assert values.on_holidays or day_kind(day) is not DayKind.HOLIDAY
    # Every chosen day is either in or left out with a reason, and no other day is.
    chosen = {day for day in days if day.weekday() in values.weekdays or (
        day_kind(day) is DayKind.MAKE_UP and values.on_make_up_days and set(values.weekdays) >= set(WORKDAYS))}  # fmt: skip
    assert set(found.days) | {day for day, _ in found.skipped} == chosen
    assert not set(found.days) & {day for day, _ in found.skipped}
    assert {day for day, _ in found.shortened} <= set(found.days)


@given(values=any_series(), there=st.sets(st.integers(0, 60), max_size=10))
@settings(max_examples=60)
def test_what_is_there_is_not_made_again(values, there):
    whole = plan(values)
    known = {starts for n, (starts, _) in enumerate(whole.slots) if n in there}
    assert set(plan(values, there=known).slots) == {one for one in whole.slots if one[0] not in known}
    # Going on from the last day makes what one long series would have made.
    more = rules.going_on(values, values.last_on + timedelta(days=7))
    both = SeriesValues(**{**values.__dict__, "last_on": values.last_on + timedelta(days=7)})
    assert plan(values).slots + plan(more).slots == plan(both).slots
