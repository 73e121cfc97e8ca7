"""Open at every minute, the words beside the door, and hours as people write them: values only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.clock import SHANGHAI
from portal.stations.hours import rules
from portal.stations.hours.rules import DAY, WEEK, OpeningState, Stretch
from portal.stations.wording import rules as wording
from portal.stations.wording.rules import parse_hours

MONDAY = datetime(2026, 11, 16, tzinfo=SHANGHAI)


def at(day: int, clock: str) -> datetime:
    """A moment of the week that begins on Monday, 16 November 2026, handed over in UTC."""
    hours, minutes = map(int, clock.split(":"))
    return (MONDAY + timedelta(days=day, hours=hours, minutes=minutes)).astimezone(UTC)


def weekly(words: str) -> tuple[Stretch, ...]:
    parsed = parse_hours(words)
    assert not parsed.problems, parsed.problems
    return parsed.hours


def says(words: str, moment: datetime) -> str:
    return str(rules.opening(weekly(words), moment).says)


# --- open now ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "day", "clock", "is_open"),
    [
        ("08:30-22:00", 0, "08:29", False),
        ("08:30-22:00", 0, "08:30", True),
        ("08:30-22:00", 0, "21:59", True),
        ("08:30-22:00", 0, "22:00", False),
        ("周一至周五 08:30-12:00,13:00-17:30", 2, "11:59", True),
        ("周一至周五 08:30-12:00,13:00-17:30", 2, "12:00", False),
        ("周一至周五 08:30-12:00,13:00-17:30", 2, "12:59", False),
        ("周一至周五 08:30-12:00,13:00-17:30", 2, "13:00", True),
        ("周一至周五 08:30-12:00,13:00-17:30", 5, "09:00", False),
        ("周五 20:00-次日02:00", 4, "23:59", True),
        ("周五 20:00-次日02:00", 5, "00:00", True),
        ("周五 20:00-次日02:00", 5, "01:59", True),
        ("周五 20:00-次日02:00", 5, "02:00", False),
        ("周五 20:00-次日02:00", 4, "01:00", False),
        ("周日 20:00-次日06:00", 7, "05:59", True),  # from Sunday into Monday
        ("周日 20:00-次日06:00", 0, "05:59", True),
        ("周日 20:00-次日06:00", 0, "06:00", False),
        ("周日 20:00-次日06:00", 6, "19:59", False),
        ("18:00-24:00", 3, "23:59", True),
        ("18:00-24:00", 4, "00:00", False),
        ("24小时", 6, "23:59", True),
    ],
)
def test_open_at_the_minute(words, day, clock, is_open):
    assert rules.is_open(weekly(words), at(day, clock)) is is_open
    assert rules.opening(weekly(words), at(day, clock)).is_open is is_open


def test_the_last_second_before_closing_is_open():
    assert rules.is_open(weekly("08:00-22:00"), at(0, "21:59") + timedelta(seconds=59))


@pytest.mark.parametrize(
    ("words", "day", "clock", "sentence"),
    [
        ("08:30-22:00", 0, "21:29", "Open until 22:00"),
        ("08:30-22:00", 0, "21:30", "Closes in 30 minutes"),
        ("08:30-22:00", 0, "21:40", "Closes in 20 minutes"),
        ("08:30-22:00", 0, "21:59", "Closes in a minute"),
        ("08:30-22:00", 0, "22:00", "Opens tomorrow at 8:30"),
        ("08:30-22:00", 0, "00:00", "Opens today at 8:30"),
        ("08:30-12:00,13:00-17:30", 0, "12:00", "Opens today at 13:00"),
        ("周一至周五 08:00-18:00", 4, "18:00", "Opens Monday at 8:00"),
        ("周一至周五 08:00-18:00", 6, "18:00", "Opens tomorrow at 8:00"),
        ("周一 08:00-18:00", 0, "07:00", "Opens today at 8:00"),
        ("周一 08:00-18:00", 0, "18:00", "Opens 2026-11-23 at 8:00"),  # a weekday alone would be read as today
        ("周一 08:00-18:00", 1, "07:00", "Opens Monday at 8:00"),
        ("18:00-次日02:00", 0, "20:00", "Open until 2:00 tomorrow"),
        ("18:00-次日02:00", 1, "00:00", "Open until 2:00"),
        ("18:00-24:00", 0, "20:00", "Open until 24:00"),
        ("周五 18:00-24:00;周六 00:00-24:00;周日 00:00-20:00", 4, "19:00", "Open until Sunday 20:00"),
        ("24小时", 3, "03:00", "Open around the clock"),
        ("周一至周三 00:00-24:00;周四至周日 00:00-24:00", 3, "03:00", "Open around the clock"),
    ],
)
def test_the_words_beside_the_door(words, day, clock, sentence):
    assert says(words, at(day, clock)) == sentence


def test_no_hours_are_said_to_be_unknown():
    opening = rules.opening((), at(0, "12:00"))
    assert (opening.state, opening.light, opening.is_open) == (OpeningState.UNKNOWN, "grey", False)


# --- properties --------------------------------------------------------------------------------------


@st.composite
def weeks(draw) -> tuple[Stretch, ...]:
    """Any hours a week can have: stretches that do not overlap, over midnight and over the week's end too."""
    first = draw(st.integers(0, WEEK - 1))
    cuts = draw(st.lists(st.integers(0, WEEK - 1), min_size=1, max_size=24, unique=True))
    edges = sorted((cut - first) % WEEK for cut in cuts)
    found = []
    for begins, ends in zip(edges[::2], edges[1::2], strict=False):
        begins, length = (begins + first) % WEEK, min(ends - begins, DAY)
        opens = begins % DAY
        # A night of more than twelve hours is written with 次日, which the printer does.
        found.append(Stretch(begins // DAY, opens, opens + length))
    return tuple(sorted(found))


@given(weeks())
@settings(max_examples=400, deadline=None)
def test_what_is_printed_is_read_again(hours):
    assert not wording.problems_with_hours(hours)
    parsed = parse_hours(wording.hours_as_text(hours))
    assert not parsed.problems
    assert parsed.hours == hours


@given(weeks(), st.integers(0, WEEK - 1))
@settings(max_examples=400, deadline=None)
def test_open_now_is_what_counting_minutes_says(hours, minute):
    moment = (MONDAY + timedelta(minutes=minute)).astimezone(UTC)
    counted = any((minute - (one.weekday * DAY + one.opens)) % WEEK < one.closes - one.opens for one in hours)
    assert rules.is_open(hours, moment) is counted
    opening = rules.opening(hours, moment)
    assert opening.is_open is counted
    if opening.until:
        assert rules.is_open(hours, opening.until - timedelta(minutes=1))
        assert not rules.is_open(hours, opening.until)
    if opening.opens_at:
        assert rules.is_open(hours, opening.opens_at)
        assert not rules.is_open(hours, opening.opens_at - timedelta(minutes=1))


@given(st.text(alphabet="周一二三四五六日天至每:：-~0123456789,，;；次休息 \n小时", max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_understood_or_explained(words):
    parsed = parse_hours(words)
    assert not (parsed.hours and parsed.problems)
    assert not wording.problems_with_hours(parsed.hours)
    if parsed.hours:
        assert parse_hours(wording.hours_as_text(parsed.hours)).hours == parsed.hours


# --- hours as text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        ("24小时", "24小时"),
        ("24 小时开放", "24小时"),
        ("每天24小时", "24小时"),
        ("08:30-22:00", "08:30-22:00"),
        ("０８：３０－２２：００", "08:30-22:00"),
        ("8:30 — 22:00", "08:30-22:00"),
        ("08:30至22:00", "08:30-22:00"),
        ("每天 8:30～22:00", "08:30-22:00"),
        (
            "周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00",
            "周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00",
        ),
        (
            "星期一到星期五 8:30-12:00、13:00-17:30；星期六 9:00-12:00；周日休息",
            "周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00",
        ),
        ("周一、周三 09:00-12:00", "周一、周三 09:00-12:00"),
        ("Mon-Fri 9:00-17:00", "周一至周五 09:00-17:00"),
        ("22:00-06:00", "22:00-次日06:00"),
        ("周六 20:00-次日10:00", "周六 20:00-次日10:00"),
        ("08:00-24:00", "08:00-24:00"),
    ],
)
def test_hours_as_people_write_them(words, plain):
    assert wording.hours_as_text(weekly(words)) == plain


@pytest.mark.parametrize(
    "words",
    [
        "工作日开放",
        "夏季延长至 21 点",
        "08:30-22:00(节假日除外)",
        "13:00-05:30",
        "08:30",
        "25:00-26:00",
        "08:60-09:00",
        "次日08:00-09:00",
        "周五至周一 08:00-12:00",
        "周一至周五 08:00-12:00;周五 13:00-15:00",
        "周一,周一 08:00-12:00",
        "08:00-12:00,11:00-13:00",
        "周日 20:00-次日10:00;周一 09:00-12:00",
        "周八 08:00-12:00",
        "周一至周五",
    ],
)
def test_what_is_not_certain_is_a_problem(words):
    parsed = parse_hours(words)
    assert parsed.hours == ()
    assert [problem.field for problem in parsed.problems] == ["hours"]


def test_nothing_is_no_hours_and_no_problem():
    assert parse_hours(" ") == parse_hours(None) == wording.ParsedHours()


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("24小时", ["Open around the clock"]),
        ("08:30-22:00", ["Every day 08:30–22:00"]),
        (
            "周一至周五 08:30-12:00,13:00-17:30;周六、周日 22:00-06:00",
            ["Monday to Friday 08:30–12:00, 13:00–17:30", "Saturday, Sunday 22:00 to 06:00 the next day"],
        ),
    ],
)
def test_hours_in_words(words, lines):
    assert [str(line) for line in wording.hours_in_words(weekly(words))] == lines
