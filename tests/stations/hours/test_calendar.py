"""Open at every minute of days that differ: holidays, make-up workdays, exceptions, the year's end, a leap day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.clock import SHANGHAI
from portal.stations.hours import rules
from portal.stations.hours.rules import DAY, Calendar, DayKind, HolidayRule, OpeningState, Stretch
from tests.stations.hours.test_rules import weekly

WORKDAYS = weekly("周一至周五 08:30-12:00,13:00-17:30")


@dataclass(frozen=True)
class Day:
    """An exception as the rules need it."""

    id: int
    first_on: date
    last_on: date
    hours: tuple = ()
    note: str | None = None

    @property
    def closed(self) -> bool:
        return not self.hours


def excepted(*days: Day, rule: HolidayRule = HolidayRule.AS_USUAL) -> Calendar:
    return Calendar(rule, days)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def says(hours, text: str, calendar: Calendar) -> str:
    return str(rules.opening(hours, moment(text), calendar).says)


# --- the public calendar -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "kind", "name"),
    [
        (date(2026, 2, 17), DayKind.HOLIDAY, "Spring Festival"),
        (date(2026, 2, 14), DayKind.MAKE_UP, "Spring Festival"),  # a Saturday that is worked
        (date(2026, 2, 21), DayKind.HOLIDAY, "Spring Festival"),  # a Saturday within the holiday
        (date(2026, 2, 24), DayKind.NORMAL, None),
        (date(2026, 11, 22), DayKind.NORMAL, None),  # a Sunday like others
        (date(2026, 12, 31), DayKind.NORMAL, None),
        (date(2027, 1, 1), DayKind.UNKNOWN, None),
        (date(2028, 2, 29), DayKind.UNKNOWN, None),
        (date(1999, 5, 1), DayKind.UNKNOWN, None),
    ],
)
def test_what_the_calendar_says(day, kind, name):
    assert rules.day_kind(day) is kind
    said = rules.holiday_name(day)
    assert (str(said) if said else None) == name


def test_the_holidays_of_a_year():
    spring = next(one for one in rules.holidays_of(2026) if one.name == "Spring Festival")
    assert (spring.days[0], spring.days[-1], len(spring.days)) == (date(2026, 2, 15), date(2026, 2, 23), 9)
    assert spring.make_up == (date(2026, 2, 14), date(2026, 2, 28))
    assert rules.holidays_of(2027) == []


# --- holidays and make-up workdays -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "when", "sentence"),
    [
        (HolidayRule.AS_USUAL, "2026-02-17 09:00", "Open until 12:00"),
        (HolidayRule.CLOSED_ON_HOLIDAYS, "2026-02-17 09:00", "Opens 2026-02-24 at 8:30"),
        (HolidayRule.CLOSED_ON_HOLIDAYS, "2026-02-14 09:00", "Opens 2026-02-24 at 8:30"),  # a Saturday stays one
        (HolidayRule.WORKDAYS, "2026-02-14 08:29", "Opens today at 8:30"),
        (HolidayRule.WORKDAYS, "2026-02-14 08:30", "Open until 12:00"),
        (HolidayRule.WORKDAYS, "2026-02-14 12:30", "Opens today at 13:00"),
        (HolidayRule.WORKDAYS, "2026-02-14 17:30", "Opens 2026-02-24 at 8:30"),
        (HolidayRule.WORKDAYS, "2026-02-23 23:59", "Opens tomorrow at 8:30"),
        (HolidayRule.WORKDAYS, "2026-09-20 17:29", "Closes in a minute"),  # a Sunday that is worked
        (HolidayRule.WORKDAYS, "2026-12-31 17:30", "Opens tomorrow at 8:30"),  # 2027 is not announced: a Friday like others
        (HolidayRule.WORKDAYS, "2027-01-01 09:00", "Open until 12:00"),
        (HolidayRule.WORKDAYS, "2028-02-29 17:15", "Closes in 15 minutes"),
        (HolidayRule.CLOSED_ON_HOLIDAYS, "2099-10-01 09:00", "Open until 12:00"),
    ],
)
def test_holidays(rule, when, sentence):
    assert says(WORKDAYS, when, excepted(rule=rule)) == sentence


def test_a_holiday_is_named_beside_the_hours():
    opening = rules.opening(WORKDAYS, moment("2026-02-17 09:00"), excepted(rule=HolidayRule.WORKDAYS))
    assert str(opening.why) == "Spring Festival"
    assert rules.opening(WORKDAYS, moment("2026-02-26 09:00"), excepted(rule=HolidayRule.WORKDAYS)).why is None
    worked = rules.opening(WORKDAYS, moment("2026-02-28 09:00"), excepted(rule=HolidayRule.WORKDAYS))
    assert str(worked.why) == "Make-up workday"


# --- exceptions --------------------------------------------------------------------------------------

NIGHTLY = weekly("22:00-次日06:00")
MAY_4 = date(2026, 5, 4)
SHUT = Day(1, MAY_4, MAY_4, note="消防检查")


@pytest.mark.parametrize(
    ("when", "open_"),
    [
        ("2026-05-03 22:00", True),
        ("2026-05-04 00:00", True),  # the night before runs out on the closed day
        ("2026-05-04 05:59", True),
        ("2026-05-04 06:00", False),
        ("2026-05-04 22:00", False),  # no night begins on the closed day
        ("2026-05-05 05:59", False),
        ("2026-05-05 22:00", True),
    ],
)
def test_a_closed_day_after_a_night(when, open_):
    assert rules.is_open(NIGHTLY, moment(when), excepted(SHUT)) is open_
    assert rules.opening(NIGHTLY, moment(when), excepted(SHUT)).is_open is open_


def test_an_exception_says_why_and_when_it_ends():
    opening = rules.opening(NIGHTLY, moment("2026-05-04 12:00"), excepted(SHUT))
    assert (str(opening.says), str(opening.why)) == ("Opens tomorrow at 22:00", "消防检查")


def test_the_exception_made_last_wins():
    other = Day(2, MAY_4, MAY_4, hours=(Stretch(0, 540, 600),))
    for order in ((SHUT, other), (other, SHUT)):
        assert rules.is_open(NIGHTLY, moment("2026-05-04 09:59"), Calendar(exceptions=order))
        assert not rules.is_open(NIGHTLY, moment("2026-05-04 10:00"), Calendar(exceptions=order))


def test_an_exception_comes_before_a_holiday():
    open_day = Day(1, date(2026, 2, 17), date(2026, 2, 17), hours=(Stretch(0, 600, 660),))
    calendar = excepted(open_day, rule=HolidayRule.CLOSED_ON_HOLIDAYS)
    assert rules.is_open(WORKDAYS, moment("2026-02-17 10:30"), calendar)
    assert not rules.is_open(WORKDAYS, moment("2026-02-18 10:30"), calendar)


def test_a_door_that_never_shuts_says_when_it_will():
    closed = excepted(Day(1, date(2026, 11, 20), date(2026, 11, 20)))
    assert says(rules.ALWAYS, "2026-11-17 12:00", closed) == "Open until Thursday 24:00"
    assert says(rules.ALWAYS, "2026-11-18 12:00", closed) == "Open until 24:00 tomorrow"
    assert says(rules.ALWAYS, "2026-11-19 23:50", closed) == "Closes in 10 minutes"
    assert says(rules.ALWAYS, "2026-11-20 00:00", closed) == "Opens tomorrow at 0:00"
    assert rules.opening(rules.ALWAYS, moment("2026-11-21 00:00"), closed).state is OpeningState.ALWAYS
    assert rules.opening(rules.ALWAYS, moment("2026-11-02 00:00"), closed).state is OpeningState.ALWAYS


def test_a_long_closure_knows_its_end_and_an_endless_one_says_so():
    long = excepted(Day(1, date(2026, 11, 1), date(2027, 3, 1)))
    assert says(WORKDAYS, "2026-11-18 12:00", long) == "Opens 2027-03-02 at 8:30"
    endless = excepted(Day(1, date(2026, 11, 1), date(2036, 11, 1)))
    opening = rules.opening(WORKDAYS, moment("2026-11-18 12:00"), endless)
    assert (opening.is_open, opening.opens_at) == (False, None)


def test_hours_that_nobody_knows_stay_unknown_but_an_exception_counts():
    today = Day(1, date(2026, 11, 18), date(2026, 11, 18), hours=(Stretch(0, 540, 600),))
    assert rules.opening((), moment("2026-11-17 09:30"), excepted(today)).state is OpeningState.UNKNOWN
    assert rules.opening((), moment("2026-11-18 09:00"), excepted(today)).is_open


# --- somebody there, or one lets oneself in ----------------------------------------------------------


def test_self_entry_is_open_but_nobody_is_there():
    hours = (*weekly("08:00-22:00"), *(Stretch(day, 1320, 1920, staffed=False) for day in range(7)))
    day, night = (rules.opening(hours, moment(f"2026-11-18 {time}")) for time in ("21:59", "22:00"))
    assert (day.is_open, day.staffed) == (True, True)
    assert (night.is_open, night.staffed) == (True, False)
    assert rules.opening(hours, moment("2026-11-19 08:00")).staffed


# --- one facility ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("2026-11-18 08:45", "Opens today at 9:00"),
        ("2026-11-18 09:00", "Open until 12:00"),
        ("2026-11-18 11:45", "Closes in 15 minutes"),  # the station's break ends it
        ("2026-11-18 12:30", "Opens today at 13:00"),
        ("2026-11-18 15:59", "Closes in a minute"),  # its own hours end it
        ("2026-11-20 16:00", "Opens Monday at 9:00"),
    ],
)
def test_a_facility_is_open_when_both_doors_are(when, sentence):
    own = weekly("09:00-16:00")
    assert str(rules.facility_opening(WORKDAYS, own, moment(when)).says) == sentence


def test_a_facility_follows_the_station_into_a_make_up_workday():
    own, calendar = weekly("周一 10:00-11:00"), excepted(rule=HolidayRule.WORKDAYS)
    assert rules.facility_opening(WORKDAYS, own, moment("2026-02-14 10:00"), calendar).is_open
    assert not rules.facility_opening(WORKDAYS, own, moment("2026-02-16 10:00"), calendar).is_open  # Monday, but a holiday


def test_a_facility_without_hours_of_its_own_is_as_the_station():
    assert str(rules.facility_opening(WORKDAYS, (), moment("2026-11-18 11:00")).says) == "Open until 12:00"


# --- against counting minutes --------------------------------------------------------------------------

stretches = st.tuples(st.integers(0, DAY - 1), st.integers(1, DAY)).map(lambda pair: (pair[0], pair[0] + pair[1]))
FIRST = date(2026, 2, 10)  # a fortnight around Spring Festival


@st.composite
def calendars(draw) -> Calendar:
    days = []
    for number in range(draw(st.integers(0, 3))):
        first = FIRST + timedelta(days=draw(st.integers(0, 20)))
        hours = tuple(Stretch(0, *one) for one in draw(st.lists(stretches, max_size=2, unique_by=lambda one: one[0])))
        days.append(Day(number, first, first + timedelta(days=draw(st.integers(0, 3))), hours))
    return Calendar(draw(st.sampled_from(HolidayRule)), tuple(days))


def counted(hours, calendar: Calendar, at: datetime) -> bool:
    """Open by the plainest reading: some stretch that begins today or began yesterday has not ended."""
    local = at.astimezone(SHANGHAI)
    for back in (0, 1):
        day, minute = local.date() - timedelta(days=back), local.hour * 60 + local.minute + back * DAY
        chosen = [one for one in calendar.exceptions if one.first_on <= day <= one.last_on]
        if chosen:
            begins = chosen[-1].hours
        else:
            kind, weekday = rules.day_kind(day), day.weekday()
            shut = kind is DayKind.HOLIDAY and calendar.rule is not HolidayRule.AS_USUAL
            if kind is DayKind.MAKE_UP and calendar.rule is HolidayRule.WORKDAYS:
                weekday = 0
            begins = [] if shut else [one for one in hours if one.weekday == weekday]
        if any(one.opens <= minute < one.closes for one in begins):
            return True
    return False


@given(
    st.lists(st.tuples(st.integers(0, 6), stretches), max_size=10, unique_by=lambda one: (one[0], one[1][0])),
    calendars(),
    st.integers(0, 20 * DAY),
)
@settings(max_examples=400, deadline=None)
def test_open_now_is_what_counting_minutes_says_on_days_that_differ(week, calendar, minute):
    hours = [Stretch(day, *times) for day, times in week]
    at = (datetime(2026, 2, 10, tzinfo=SHANGHAI) + timedelta(minutes=minute)).astimezone(UTC)
    expected = counted(hours, calendar, at)
    assert rules.is_open(hours, at, calendar) is expected
    opening = rules.opening(hours, at, calendar)
    if opening.state is OpeningState.UNKNOWN:
        return
    assert opening.is_open is expected
    for edge, opens in ((opening.until, False), (opening.opens_at, True)):
        if edge:
            assert counted(hours, calendar, edge) is opens
            assert counted(hours, calendar, edge - timedelta(minutes=1)) is not opens
    if opening.opens_at and opening.opens_at - at < timedelta(days=3):
        between = (at + timedelta(minutes=n) for n in range(0, int((opening.opens_at - at).total_seconds() // 60), 7))
        assert not any(counted(hours, calendar, one) for one in between)
