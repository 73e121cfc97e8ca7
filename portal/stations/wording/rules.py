"""Opening hours in words: how people's writing of them is read, and how they are said again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from portal.stations.hours.rules import ALWAYS, DAY, WEEK, WEEKDAYS, Hours, Stretch, covers_the_week
from portal.types import N_, Problem, Text, text, tidy

_DAY_NAMES = "一二三四五六日"
_ENGLISH_DAYS = {name[:3].lower(): number for number, name in enumerate(WEEKDAYS)}
_ROUND_THE_CLOCK = re.compile(r"(全天)?(24|二十四)(小时|h|hours)(开放|营业|服务)?", re.IGNORECASE)
_DAY = r"(?:周|星期)?([一二三四五六日天])|(mon|tue|wed|thu|fri|sat|sun)[a-z]*"
_CLOCK = r"(次日)?(\d{1,2}):([0-5]\d)"
_RANGE = r"\s*(?:-{1,2}|—{1,2}|–|−|~|至|到)\s*"
_TIMES = re.compile(rf"{_CLOCK}{_RANGE}{_CLOCK}")
_DAYS_AND_REST = re.compile(r"((?:周|星期|每天|每日|mon|tue|wed|thu|fri|sat|sun)[^\d]*?)\s*(?=\d|休|关|不|$)", re.IGNORECASE)
_REST = re.compile(r"休息|关闭|不开放")
LONGEST_UNSAID_NIGHT = 12 * 60  # "22:00-06:00" means the next day; "13:00-05:30" is more likely a slip


@dataclass(frozen=True)
class ParsedHours:
    """Hours that were understood, or the problems that kept them from it."""

    hours: tuple[Stretch, ...] = ()
    problems: list[Problem] = field(default_factory=list)


class _NotUnderstood(Exception):
    def __init__(self, says: Text) -> None:
        self.says = says


def parse_hours(value: str | None) -> ParsedHours:
    """Read hours as a workbook or a form holds them; what is not certain is a problem, never a guess.

    >>> parse_hours("周六 09:00-12:00").hours
    (Stretch(weekday=5, opens=540, closes=720),)

    Understood: ``24小时``, ``08:30-22:00`` (every day), ``22:00-次日06:00`` and
    ``周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00``. Nothing at all is no hours and no problem.
    """
    plain = tidy(value)
    if not plain:
        return ParsedHours()
    if _ROUND_THE_CLOCK.fullmatch(plain.replace(" ", "")):
        return ParsedHours(ALWAYS)
    try:
        hours: list[Stretch] = []
        named: set[int] = set()
        for part in filter(None, (one.strip() for one in re.split(r"[;\n。]", plain))):
            days, times = _group(part)
            if again := named & set(days):
                raise _NotUnderstood(text(N_("%(day)s is named twice."), day=text(WEEKDAYS[min(again)])))
            named |= set(days)
            hours += [Stretch(day, *times_of_day) for day in days for times_of_day in times]
    except _NotUnderstood as trouble:
        return ParsedHours(problems=[Problem("hours_not_understood", trouble.says, field="hours")])
    found = tuple(sorted(hours))
    problems = problems_with_hours(found)
    return ParsedHours((), problems) if problems else ParsedHours(found)


def _group(part: str) -> tuple[list[int], list[tuple[int, int]]]:
    match = _DAYS_AND_REST.match(part)
    days = _days(match.group(1), part) if match else list(range(7))
    rest = part[match.end() :].strip(" :,、") if match else part
    if match and _REST.fullmatch(rest):
        return days, []
    if _ROUND_THE_CLOCK.fullmatch(rest.replace(" ", "")):
        return days, [(0, DAY)]
    pieces = re.split(r"[,、/]|\s+(?=\d)", re.sub(_RANGE, "-", rest))
    times = [_stretch(one.strip(), part) for one in pieces if one.strip()]
    if not times:
        raise _not_understood(part)
    return days, times


def _days(words: str, part: str) -> list[int]:
    words = words.strip().rstrip(":").strip()
    if words in ("每天", "每日"):
        return list(range(7))
    days: list[int] = []
    for one in re.split(r"[,、/和]", words):
        ends = [re.fullmatch(_DAY, end.strip(), re.IGNORECASE) for end in re.split(_RANGE, one)]
        if not all(ends) or len(ends) > 2:
            raise _not_understood(part)
        first, last = _day_number(ends[0]), _day_number(ends[-1])
        if last < first:
            raise _not_understood(part)
        days += range(first, last + 1)
    if len(set(days)) < len(days):
        raise _not_understood(part)
    return days


def _day_number(match: re.Match[str]) -> int:
    if match.group(2):
        return _ENGLISH_DAYS[match.group(2).lower()]
    return _DAY_NAMES.index(match.group(1).replace("天", "日"))


def _stretch(words: str, part: str) -> tuple[int, int]:
    match = _TIMES.fullmatch(words)
    if not match or match.group(1):
        raise _not_understood(part)
    opens, closes = (int(match.group(n)) * 60 + int(match.group(n + 1)) for n in (2, 5))
    if opens >= DAY or closes > DAY:
        raise _not_understood(part)
    if match.group(4):
        closes += DAY
    elif closes <= opens:
        closes += DAY
        if closes - opens > LONGEST_UNSAID_NIGHT:
            says = N_("“%(words)s” ends before it begins. If it runs past midnight, write it like 22:00-次日06:00.")
            raise _NotUnderstood(text(says, words=words))
    return opens, closes


def _not_understood(part: str) -> _NotUnderstood:
    says = N_("“%(words)s” was not understood. Write it like 24小时, 08:30-22:00 or 周一至周五 08:30-12:00,13:00-17:30.")
    return _NotUnderstood(text(says, words=part))


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
    words = f"{_minutes(stretch.opens)}–{_minutes(stretch.closes)}"
    return text(N_("%(day)s %(times)s"), day=text(WEEKDAYS[stretch.weekday]), times=words)


def _minutes(minutes: int) -> str:
    """Minutes after midnight as a clock shows them; 1440 is 24:00, beyond it counts from zero again."""
    minutes = minutes if minutes <= DAY else minutes - DAY
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _by_days(hours: Iterable[Hours]) -> list[tuple[list[int], tuple[tuple[int, int], ...]]]:
    """Days that have the same stretches, in the order of their first day."""
    ordered = sorted(hours, key=lambda one: (one.weekday, one.opens))
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for day, stretches in groupby(ordered, key=lambda one: one.weekday):
        groups.setdefault(tuple((one.opens, one.closes) for one in stretches), []).append(day)
    return [(days, times) for times, days in groups.items()]


def _runs(days: Sequence[int]) -> list[tuple[int, int]]:
    """Days as runs of neighbours; two neighbours are named one by one."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    pieces: list[tuple[int, int]] = []
    for run in runs:
        pieces += [(run[0], run[-1])] if len(run) != 2 else [(run[0], run[0]), (run[1], run[1])]
    return pieces


def hours_as_text(hours: Sequence[Hours]) -> str:
    """Hours as `parse_hours` reads them again: for the form and the workbook.

    >>> hours_as_text([Stretch(5, 540, 720)])
    '周六 09:00-12:00'
    """
    if sorted((one.weekday, one.opens, one.closes) for one in hours) == [(d, 0, DAY) for d in range(7)]:
        return "24小时"
    parts = []
    for days, times in _by_days(hours):
        names = [(f"周{_DAY_NAMES[a]}", f"周{_DAY_NAMES[b]}") for a, b in _runs(days)]
        named = "、".join(first if first == last else f"{first}至{last}" for first, last in names)
        said = ",".join(f"{_minutes(opens)}-{'次日' if closes > DAY else ''}{_minutes(closes)}" for opens, closes in times)
        parts.append(said if days == list(range(7)) else f"{named} {said}")
    return ";".join(parts)


def hours_in_words(hours: Sequence[Hours]) -> list[Text]:
    """Hours for people, one line for each group of days: 周一至周五 08:30–12:00、13:00–17:30."""
    if covers_the_week(hours):
        return [text(N_("Open around the clock"))]
    return [text(N_("%(days)s %(times)s"), days=_days_said(days), times=_times_said(times)) for days, times in _by_days(hours)]


def _days_said(days: Sequence[int]) -> Text:
    if len(days) == 7:
        return text(N_("Every day"))
    parts = []
    for first, last in ((text(WEEKDAYS[a]), text(WEEKDAYS[b])) for a, b in _runs(days)):
        parts.append(first if first == last else text(N_("%(first)s to %(last)s"), first=first, last=last))
    return _joined(parts)


def _times_said(times: Sequence[tuple[int, int]]) -> Text:
    parts = []
    for opens, closes in times:
        says = N_("%(opens)s to %(closes)s the next day") if closes > DAY else N_("%(opens)s–%(closes)s")
        parts.append(text(says, opens=_minutes(opens), closes=_minutes(closes)))
    return _joined(parts)


def _joined(parts: Sequence[Text]) -> Text:
    said = parts[0]
    for part in parts[1:]:
        said = text(N_("%(before)s, %(after)s"), before=said, after=part)
    return said
