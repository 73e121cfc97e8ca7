"""Opening hours in words: how people's writing of them is read, and how they are said again.

Reading goes from left to right: days, times, marks of self-entry and remarks about holidays are recognised; whatever is
not recognised, or has two meanings, makes the whole text a problem. Half of a text is never taken for all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from portal.stations.hours.rules import DAY, WEEK, WEEKDAYS, HolidayRule, Hours, Stretch
from portal.stations.wording.exports import clock_of, hours_as_text, hours_in_words  # noqa: F401 - one address for both ways
from portal.types import N_, Problem, Text, text, tidy

_DAY_NAMES = "一二三四五六日"
_ENGLISH_DAYS = {name[:3].lower(): number for number, name in enumerate(WEEKDAYS)}
LONGEST_UNSAID_NIGHT = 12 * 60  # "22:00-06:00" means the next day; "13:00-05:30" is more likely a slip

_TO = r"\s*(?:-{1,2}|—{1,2}|–|−|~|〜|至|到|to)\s*"
_PERIOD = r"凌晨|清晨|早晨|早上|早间|早|上午|中午|下午|傍晚|晚上|晚间|夜间|夜里|晚"
_MINUTES = r"[:.](?P<m{n}>[0-5]\d)|(?:点|时)(?:(?P<k{n}>[0-5]?\d)分?|(?P<h{n}>半)|整)?|(?P<b{n}>(?!\d|[:.点时]))"
_CLOCK = (
    rf"(?P<next{{n}}>次日|第二天|翌日)?\s*(?P<p{{n}}>{_PERIOD})?\s*(?P<c{{n}}>\d{{{{1,2}}}})(?:{_MINUTES})\s*(?P<e{{n}}>am|pm)?"
)


def _clock(number: int) -> str:
    return _CLOCK.replace("{n}", str(number)).replace("{{", "{").replace("}}", "}")


_OF_WEEK = r"(?:周|星期|礼拜)"
_ONE_DAY = rf"{_OF_WEEK}[一二三四五六日天1-7]"
_ENGLISH = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?"
_ANY_HOLIDAY = r"(?:法定|国家法定|国定)?(?:节假日|节日|假日|公共假日)"
# Kind of a piece → how it looks; the first that fits is taken.
_PIECES = (
    ("always", r"(?:全年|全天候?)?\s*(?:24|二十四)\s*(?:小时|h(?:ours?)?\b)|(?:全天候|全天)(?!\d)|7\s*[x*×]\s*24(?:小时)?"),
    ("times", _clock(1) + _TO + _clock(2)),
    (
        "holidays_closed",
        rf"(?:周末|双休日|周六日)(?:及|和|、|与)(?P<both>{_ANY_HOLIDAY})(?:休息|除外|不开放|关闭|不营业)"
        rf"|(?P<holiday>{_ANY_HOLIDAY})(?:期间)?(?:休息|除外|不开放|关闭|不营业|不对外开放|放假|闭馆)",
    ),
    (
        "holidays_open",
        rf"(?:含|包括){_ANY_HOLIDAY}|{_ANY_HOLIDAY}(?:期间)?(?:正常|照常|也|均)?(?:开放|营业|不休息|不休|无休)|全年无休",
    ),
    ("make_up", r"调休(?:上班)?日(?:按周一|正常|照常)?(?:开放|上班)?"),
    ("weekend_closed", r"(?:周末|双休日|周六日)(?:休息|除外|不开放|关闭|不营业)"),
    ("workdays", r"工作日|上班日"),
    ("weekend", r"周末|双休日"),
    ("daily", r"每天|每日|天天|every\s?day|daily"),
    (
        "days",
        rf"每?{_ONE_DAY}(?:(?:{_TO}|\s*[、,和及/]\s*)?(?:{_ONE_DAY}|[一二三四五六日天]))*|{_ENGLISH}(?:(?:{_TO}|\s*[,、/&]\s*){_ENGLISH})*",
    ),
    ("self_entry", r"无人值守|无人服务|自助(?:服务|开放|进入)?|扫码(?:进入|开门|进门|入内)?|刷卡(?:进入|开门)?|self-entry"),
    ("staffed", r"有人值守|专人值守|人工服务|有专人|staffed"),
    ("closed", r"休息|关闭|不开放|闭馆|不营业|closed"),
    ("bracket_open", r"[(\[【]"),
    ("bracket_close", r"[)\]】]"),
    ("strong", r"\s*[;\n。|]\s*"),
    ("weak", r"[\s,、:/和及]+"),
    ("noise", r"(?:正常|对外|可)?(?:开放|营业|开门|服务)(?:时间)?|时间|为|均|open"),
)
_PIECE = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PIECES), re.IGNORECASE)
_SEASON = re.compile(
    r"[春夏秋冬]季|[夏冬]天|[夏冬]令|暑期|寒假|暑假|供暖|高温|延长|\d{1,2}月|春节|除夕|元旦|清明|端午|中秋|国庆|五一|十一"
)
_DEPENDS = re.compile(
    r"为准|另行|公告|通知|视情|不定|弹性|随.{0,8}(?:营业|开门|时间|银行|上班)|(?:与|同).{0,10}(?:同步|一致|相同)|同.{0,8}时间|按.{0,8}(?:营业|银行)|左右|约|大概"
)
_HOLIDAY_TIMES = re.compile(rf"{_ANY_HOLIDAY}\s*[:,]?\s*(?:\d|上午|下午|早|24|全天)")


@dataclass(frozen=True)
class ParsedHours:
    """Hours that were understood, or the problems that kept them from it. ``holiday_rule`` None: nothing was said."""

    hours: tuple[Stretch, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    holiday_rule: HolidayRule | None = None


class _NotUnderstood(Exception):
    def __init__(self, says: Text) -> None:
        self.says = says


@dataclass
class _Time:
    """One stretch as it was read, and who is there: None while nothing was said."""

    opens: int
    closes: int
    words: str
    period: str | None = None
    staffed: bool | None = None
    sure: bool = True  # the mark stands in brackets behind this one


@dataclass
class _Group:
    """Days that share their times. ``days`` None: none were named, so every day is meant."""

    days: list[int] | None = None
    times: list[_Time] = field(default_factory=list)
    words: str = ""
    closed: bool = False
    staffed: bool | None = None  # a mark before the times
    aside: bool = False  # the days stand in brackets
    ended: bool = False
    segment: int = 0  # how many times stood before the last semicolon or line


def parse_hours(value: str | None) -> ParsedHours:
    """Read hours as a workbook or a form holds them; what is not certain is a problem, never a guess.

    >>> parse_hours("周六 09:00-12:00").hours
    (Stretch(weekday=5, opens=540, closes=720, staffed=True),)

    Understood are, among others, ``24小时``, ``早8点半至晚10点``, ``22:00-次日06:00(自助)``, ``工作日 9:00-17:00`` and
    ``周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00;法定节假日休息``. Nothing at all is no hours and no problem.
    """
    plain = tidy(value)
    if not plain:
        return ParsedHours()
    try:
        reading = _Reading(plain)
        hours, rule = reading.hours(), reading.rule
    except _NotUnderstood as trouble:
        return ParsedHours(problems=[Problem("hours_not_understood", trouble.says, field="hours")])
    problems = problems_with_hours(hours)
    return ParsedHours((), problems) if problems else ParsedHours(hours, holiday_rule=rule)


class _Reading:
    """One text on its way: the groups found so far, and what was said about weekends and holidays."""

    def __init__(self, plain: str) -> None:
        self.plain = plain
        self.groups: list[_Group] = []
        self.rule: HolidayRule | None = None
        self.without: set[int] = set()  # days that "周末休息" takes from every day
        self.workdays_only = self.some_holidays = self.in_bracket = False
        self._refuse_what_depends()
        place = 0
        while place < len(plain):
            match = _PIECE.match(plain, place)
            if not match:
                raise _not_understood(re.split(r"[;\n。]", plain[place:])[0][:40])
            place = match.end()
            self._take(match.lastgroup, match)

    def _refuse_what_depends(self) -> None:
        if _SEASON.search(self.plain):
            says = N_("“%(words)s” holds for a season only. Write the usual hours here; add an exception with its days.")
            raise _NotUnderstood(text(says, words=self.plain))
        if _DEPENDS.search(self.plain):
            says = N_("“%(words)s” depends on something else. Write the hours that hold now, such as 08:30-17:30.")
            raise _NotUnderstood(text(says, words=self.plain))
        if _HOLIDAY_TIMES.search(self.plain):
            says = N_("“%(words)s” has hours of its own for holidays. Leave them out here; add an exception with its days.")
            raise _NotUnderstood(text(says, words=self.plain))

    # --- pieces ---

    def _take(self, kind: str, match: re.Match[str]) -> None:
        words = match.group().strip()
        if kind == "always":
            self._add_time(_Time(0, DAY, words))
        elif kind == "times":
            self._add_time(_read_times(match))
        elif kind in ("workdays", "weekend", "daily", "days"):
            self._add_days(_days(kind, words), words)
            if kind == "workdays":
                self.workdays_only = True
        elif kind in ("self_entry", "staffed"):
            self._mark(staffed=kind == "staffed")
        elif kind == "closed":
            if not self.groups or self.groups[-1].days is None or self.groups[-1].times:
                raise _not_understood(self.plain)
            self.groups[-1].closed = self.groups[-1].ended = True
        elif kind in ("bracket_open", "bracket_close"):
            self.in_bracket = kind == "bracket_open"
        elif kind == "strong" and self.groups:
            self.groups[-1].ended, self.groups[-1].segment = True, len(self.groups[-1].times)
        else:
            self._remark(kind, match)

    def _remark(self, kind: str, match: re.Match[str]) -> None:
        if kind == "weekend_closed" or match.groupdict().get("both"):
            self.without |= {5, 6}
        if kind == "holidays_closed":
            self._say(HolidayRule.CLOSED_ON_HOLIDAYS)
            said = match.group("holiday") or ""
            self.some_holidays |= bool(said) and "法定" not in said
        elif kind == "holidays_open":
            self._say(HolidayRule.AS_USUAL)
        elif kind == "make_up":
            self.workdays_only = True

    def _say(self, rule: HolidayRule) -> None:
        if self.rule not in (None, rule):
            raise _NotUnderstood(text(N_("“%(words)s” says two things about holidays."), words=self.plain))
        self.rule = rule

    def _add_days(self, days: list[int], words: str) -> None:
        last = self.groups[-1] if self.groups else None
        if last and last.days is not None and not (last.times or last.ended):
            last.days, last.words = last.days + days, f"{last.words}、{words}"
        else:
            carried = None
            if last and last.days is None and not last.times and not last.ended:
                carried = self.groups.pop().staffed  # "自助 周六 …"
            self.groups.append(_Group(days, words=words, staffed=carried, aside=self.in_bracket))

    def _add_time(self, time: _Time) -> None:
        group = self.groups[-1] if self.groups else None
        if group is None or group.closed:
            group = _Group()
            self.groups.append(group)
        elif group.ended and group.times and group.days is not None and not _continues(group.times[-1], time):
            raise _NotUnderstood(text(N_("On which days is “%(words)s”? Write the days before it."), words=time.words))
        group.ended = False
        if group.staffed is not None:
            time.staffed, group.staffed = group.staffed, None
            time.sure = False
        group.times.append(time)

    def _mark(self, *, staffed: bool) -> None:
        group = self.groups[-1] if self.groups else None
        if group is None or not group.times or group.ended:
            if group is None or group.ended:
                group = _Group()
                self.groups.append(group)
            group.staffed = staffed
            return
        last = group.times[-1]
        if last.staffed not in (None, staffed):
            raise _not_understood(last.words)
        last.staffed, last.sure = staffed, self.in_bracket or len(group.times) == group.segment + 1

    # --- the whole ---

    def hours(self) -> tuple[Stretch, ...]:
        """Every stretch, once all was read and nothing contradicts itself."""
        found: list[Stretch] = []
        named: set[int] = set()
        groups = [group for group in self.groups if group.times or group.days is not None or group.staffed is not None]
        if self.workdays_only:
            if self.rule is HolidayRule.AS_USUAL:
                raise _NotUnderstood(text(N_("“%(words)s” says two things about holidays."), words=self.plain))
            self.rule = HolidayRule.WORKDAYS
        groups = _joined_behind(groups, workdays_only=self.workdays_only)
        self._refuse_halves(groups)
        for group in groups:
            days = group.days if group.days is not None else self._other_days(groups)
            if again := {one for one in days if days.count(one) > 1} | (named & set(days)):
                raise _NotUnderstood(text(N_("%(day)s is named twice."), day=text(WEEKDAYS[min(again)])))
            named |= set(days)
            found += [Stretch(day, one.opens, one.closes, one.staffed is not False) for day in days for one in group.times]
        return tuple(sorted(found))

    def _refuse_halves(self, groups: list[_Group]) -> None:
        if not any(group.times for group in groups) or any(not (group.times or group.closed) for group in groups):
            says = N_("“%(words)s” does not say at what times. Add them, such as 工作日 08:30-17:30.")
            raise _NotUnderstood(text(says, words=self.plain))
        for group in groups:
            marked = [one for one in group.times if one.staffed is not None]
            if len(marked) < len(group.times) and not all(one.sure for one in marked):
                says = N_(
                    "Which times of “%(words)s” are meant by the mark? Write it in brackets behind each, like 22:00-24:00(自助)."
                )
                raise _NotUnderstood(text(says, words=self.plain))
            if self.without & set(group.days or ()) and group.times:
                raise _NotUnderstood(text(N_("“%(words)s” says two things about the weekend."), words=self.plain))
        if self.some_holidays and any(group.days is None for group in groups) and not self.without:
            says = N_("“%(words)s” may or may not mean weekends. Write 法定节假日休息, or name the days.")
            raise _NotUnderstood(text(says, words=self.plain))

    def _other_days(self, groups: list[_Group]) -> list[int]:
        """Every day but those that are said to be closed."""
        closed = {day for group in groups if group.closed for day in group.days or ()} | self.without
        return [day for day in range(7) if day not in closed]


def _joined_behind(groups: list[_Group], *, workdays_only: bool) -> list[_Group]:
    """What stands behind the times and belongs to all of them: "08:30-17:30(周一至周五)", "24小时;无人值守"."""
    if len(groups) != 2 or groups[0].days is not None or groups[1].times or groups[1].closed:
        return groups
    first, behind = groups
    if behind.days is not None and (behind.aside or workdays_only):
        return [_Group(behind.days, first.times, first.words)]
    if behind.days is None and len(first.times) == 1 and first.times[0].staffed is None:
        first.times[0].staffed = behind.staffed
        return [first]
    return groups


def _continues(before: _Time, after: _Time) -> bool:
    """After named days and a new line, only "下午" behind "上午" says for certain that the same days are meant."""
    return before.period in ("上午", "早上", "早") and after.period in ("下午", "晚上", "晚")


def _days(kind: str, words: str) -> list[int]:
    if kind != "days":
        return {"workdays": list(range(5)), "weekend": [5, 6], "daily": list(range(7))}[kind]
    days: list[int] = []
    towards = False
    for match in re.finditer(rf"(?P<to>{_TO})|(?P<day>[一二三四五六日天1-7])|(?P<english>{_ENGLISH})", words, re.IGNORECASE):
        if match["to"]:
            towards = True
            continue
        number = _ENGLISH_DAYS[match["english"][:3].lower()] if match["english"] else _number_of(match["day"])
        if towards and number <= days[-1]:
            raise _not_understood(words)
        days += range(days[-1] + 1, number + 1) if towards else [number]
        towards = False
    return days


def _number_of(sign: str) -> int:
    return int(sign) - 1 if sign.isdigit() else _DAY_NAMES.index(sign.replace("天", "日"))


def _read_times(match: re.Match[str]) -> _Time:
    words = match.group().strip()
    if match["next1"]:
        raise _not_understood(words)
    period = match["p1"]
    opens = _minutes_of(match, "1", period)
    closes = _minutes_of(match, "2", match["p2"] or (period if not match["next2"] else None))
    vague = not (period or match["p2"] or match["next2"] or match["e1"] or match["e2"] or (match["m1"] and match["m2"]))
    if opens >= DAY or closes > DAY:
        raise _not_understood(words)
    if vague and int(match["c2"]) <= 12:
        raise _NotUnderstood(text(N_("“%(words)s” can be read in two ways. Write it like 09:00-17:00."), words=words))
    if match["next2"]:
        closes += DAY
    elif closes <= opens:
        closes += DAY
        if closes - opens > LONGEST_UNSAID_NIGHT:
            says = N_("“%(words)s” ends before it begins. If it runs past midnight, write it like 22:00-次日06:00.")
            raise _NotUnderstood(text(says, words=words))
    return _Time(opens, closes, words, period)


def _minutes_of(match: re.Match[str], n: str, period: str | None) -> int:
    hour, minute = int(match[f"c{n}"]), int(match[f"m{n}"] or match[f"k{n}"] or (30 if match[f"h{n}"] else 0))
    half = (match[f"e{n}"] or "").lower()
    wrong = (half and not 1 <= hour <= 12) or (half and period)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif period in ("凌晨", "清晨", "早晨", "早上", "早间", "早", "上午"):
        wrong = hour > 12
    elif period == "中午":
        wrong, hour = hour not in (1, 2, 11, 12, 13, 14), hour + 12 if hour in (1, 2) else hour
    elif period in ("下午", "傍晚"):
        wrong, hour = hour in (0, 24), hour + 12 if hour < 12 else hour
    elif period:  # 晚上12点 is the end of the day; 晚上2点 may be either day
        wrong = hour < 5 or 13 <= hour < 17
        hour = hour + 12 if hour <= 12 else hour
    if wrong:
        raise _not_understood(match.group().strip())
    return hour * 60 + minute


def _not_understood(part: str) -> _NotUnderstood:
    says = N_("“%(words)s” was not understood. Write it like 24小时, 08:30-22:00 or 周一至周五 08:30-12:00,13:00-17:30.")
    return _NotUnderstood(text(says, words=part.strip()))


def problems_with_hours(hours: Iterable[Hours]) -> list[Problem]:
    """Stretches must be whole and must not overlap, over midnight and from Sunday into Monday included."""
    ordered = sorted(hours, key=lambda one: (one.weekday, one.opens))
    for one in ordered:
        if not (0 <= one.weekday <= 6 and 0 <= one.opens < DAY and one.opens < one.closes <= one.opens + DAY):
            says = text(N_("A stretch of opening hours is longer than a day."))
            return [Problem("hours_not_whole", says, field="hours")]
    starts = [(one.weekday * DAY + one.opens, one.weekday * DAY + one.closes, one) for one in ordered]
    if starts:
        first = starts[0]
        starts.append((first[0] + WEEK, first[1] + WEEK, first[2]))
    for (_begins, ends, before), (begins, _ends, after) in pairwise(starts):
        if begins < ends:
            says = N_("Opening hours overlap: %(first)s and %(second)s.")
            pair = {"first": _said(before), "second": _said(after)}
            return [Problem("hours_overlap", text(says, **pair), field="hours")]
    return []


def _said(stretch: Hours) -> Text:
    words = f"{clock_of(stretch.opens)}–{clock_of(stretch.closes)}"
    return text(N_("%(day)s %(times)s"), day=text(WEEKDAYS[stretch.weekday]), times=words)
