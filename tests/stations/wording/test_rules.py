"""Hours as people write them: understood, or a problem with its reason; printed so that they are read again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.stations.hours.rules import DAY, HolidayRule, Stretch
from portal.stations.wording.rules import ParsedHours, hours_as_text, hours_in_words, parse_hours, problems_with_hours

FIVE = "周一至周五"


@pytest.mark.parametrize(
    ("words", "plain", "rule"),
    [
        ("24小时", "24小时", None),
        ("全天", "24小时", None),
        ("全年24小时开放", "24小时", None),
        ("7×24小时", "24小时", None),
        ("00:00-24:00", "24小时", None),
        ("8:30-22:00", "08:30-22:00", None),
        ("8点半-22点", "08:30-22:00", None),
        ("早8点至晚10点", "08:00-22:00", None),
        ("晚上10点至次日早上6点", "22:00-次日06:00", None),
        ("中午12点-下午2点", "12:00-14:00", None),
        ("下午2点-6点", "14:00-18:00", None),
        ("8:30am-5:30pm", "08:30-17:30", None),
        ("08.30-17.30", "08:30-17:30", None),
        ("9-17", "09:00-17:00", None),
        ("上午8:30-12:00 下午13:00-17:30", "08:30-12:00,13:00-17:30", None),
        (f"{FIVE} 上午8:30-12:00\n下午1:00-5:30", f"{FIVE} 08:30-12:00,13:00-17:30", None),
        ("周一至周五 08:30-12:00,13:00-17:30", f"{FIVE} 08:30-12:00,13:00-17:30", None),
        ("周一到周五 8:30-17:30", f"{FIVE} 08:30-17:30", None),
        ("星期一至五 8:30-17:30", f"{FIVE} 08:30-17:30", None),
        ("Mon-Fri 8:30-17:30", f"{FIVE} 08:30-17:30", None),
        ("周一三五 9:00-17:00", "周一、周三、周五 09:00-17:00", None),
        ("周六、日9:00-16:00", "周六、周日 09:00-16:00", None),
        ("8:30-17:30(周一至周五)", f"{FIVE} 08:30-17:30", None),
        ("工作日 9:00-17:00", f"{FIVE} 09:00-17:00", HolidayRule.WORKDAYS),
        ("工作日开放 9:00–17:00", f"{FIVE} 09:00-17:00", HolidayRule.WORKDAYS),
        ("08:30-17:30，工作日开放", f"{FIVE} 08:30-17:30", HolidayRule.WORKDAYS),
        ("8:30-17:30 法定节假日休息", "08:30-17:30", HolidayRule.CLOSED_ON_HOLIDAYS),
        (f"{FIVE} 8:30-17:30,节假日休息", f"{FIVE} 08:30-17:30", HolidayRule.CLOSED_ON_HOLIDAYS),
        ("8:00-20:00,周末及法定节假日休息", f"{FIVE} 08:00-20:00", HolidayRule.CLOSED_ON_HOLIDAYS),
        ("8:30-17:30,周末休息", f"{FIVE} 08:30-17:30", None),
        ("8:30-17:30（节假日正常开放）", "08:30-17:30", HolidayRule.AS_USUAL),
        ("８：３０－２２：００", "08:30-22:00", None),
        ("24小时无人值守", "24小时(自助)", None),
        ("24小时;自助", "24小时(自助)", None),
        ("08:30-17:30有人值守,17:30-22:00自助", "08:30-17:30,17:30-22:00(自助)", None),
        ("08:30-17:30;22:00-次日06:00扫码进入", "08:30-17:30,22:00-次日06:00(自助)", None),
        ("8:00-20:00,周三休息", "周一、周二、周四至周日 08:00-20:00", None),
    ],
)
def test_what_people_write_is_understood(words, plain, rule):
    parsed = parse_hours(words)
    assert parsed.problems == []
    assert (hours_as_text(parsed.hours), parsed.holiday_rule) == (plain, rule)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("工作日开放", "does not say at what times"),
        ("周末休息", "does not say at what times"),
        ("夏季延长至 21 点", "holds for a season only"),
        ("8:30-17:30，春节期间休息", "holds for a season only"),
        ("5月1日-10月1日 8:00-21:00", "add an exception with its days"),
        ("以公告为准", "depends on something else"),
        ("随银行营业时间", "depends on something else"),
        ("与网点营业时间一致", "depends on something else"),
        ("9-5", "can be read in two ways"),
        ("8点-12点", "can be read in two ways"),
        ("晚上2点-5点", "was not understood"),
        ("8:30-5:30", "ends before it begins"),
        ("08:30-12:00,11:00-13:00", "overlap"),
        ("周一至周五 8:30-17:30;周五 13:00-18:00", "Friday is named twice"),
        ("8:30-17:30,节假日休息", "may or may not mean weekends"),
        ("工作日 9:00-17:00;节假日正常开放", "says two things about holidays"),
        ("工作日8:30-17:30；周末及节假日9:00-16:00", "hours of its own for holidays"),
        ("每天 8:00-20:00，周末休息", "says two things about the weekend"),
        ("08:30-12:00,13:00-17:30 自助", "are meant by the mark"),
        ("周一至周五 08:30-12:00;13:00-17:30", "On which days"),
        ("8:30-17:30，其余时间看情况", "was not understood"),
    ],
)
def test_what_is_not_certain_is_a_problem_as_a_whole(words, reason):
    parsed = parse_hours(words)
    assert (parsed.hours, parsed.holiday_rule) == ((), None)
    assert [problem.field for problem in parsed.problems] == ["hours"]
    assert reason in str(parsed.problems[0].says)


def test_nothing_is_no_hours_no_rule_and_no_problem():
    assert parse_hours(" ") == parse_hours(None) == ParsedHours()


stretches = st.tuples(st.integers(0, 6), st.integers(0, DAY - 1), st.integers(1, DAY), st.booleans()).map(
    lambda one: Stretch(one[0], one[1], one[1] + one[2], one[3])
)


@st.composite
def weeks(draw) -> tuple[Stretch, ...]:
    """Whole hours of a week that do not overlap, staffed or not."""
    kept: list[Stretch] = []
    for one in draw(st.lists(stretches, min_size=1, max_size=12)):
        if not problems_with_hours([*kept, one]):
            kept.append(one)
    return tuple(sorted(kept))


@given(weeks(), st.sampled_from([None, *HolidayRule]))
@settings(max_examples=200, deadline=None)
def test_what_is_printed_is_read_again(hours, rule):
    parsed = parse_hours(hours_as_text(hours, rule))
    assert (parsed.problems, parsed.hours, parsed.holiday_rule) == ([], hours, rule)


PIECES = st.sampled_from(
    ["周一", "至", "周五", "周末", "工作日", "08:30", "-", "12:00", "22点", "次日06:00", "早8点", "晚10点", ",", ";", "、", "(",
     ")", "自助", "休息", "开放", "法定节假日", "24小时", "全天", " ", "9", "每天", "有人值守"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_is_understood_or_explained_never_half(words):
    parsed = parse_hours(words)
    assert bool(words.strip()) == bool(parsed.hours or parsed.problems)
    assert not (parsed.hours and parsed.problems)
    assert not problems_with_hours(parsed.hours)
    if parsed.hours:
        again = parse_hours(hours_as_text(parsed.hours, parsed.holiday_rule))
        assert (again.hours, again.holiday_rule) == (parsed.hours, parsed.holiday_rule)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("24小时", ["Open around the clock"]),
        ("24小时(自助)", ["Open around the clock, self-entry"]),
        ("08:30-17:30,17:30-22:00(自助)", ["Every day 08:30–17:30, 17:30–22:00 (self-entry)"]),
        (
            "00:00-08:00(自助),08:00-20:00,20:00-24:00(自助)",
            ["Every day 00:00–08:00 (self-entry), 08:00–20:00, 20:00–24:00 (self-entry)"],
        ),
    ],
)
def test_hours_in_words_say_when_nobody_is_there(words, lines):
    assert [str(line) for line in hours_in_words(parse_hours(words).hours)] == lines
