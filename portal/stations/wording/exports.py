"""Opening hours said again: as text that `rules.parse_hours` reads, and in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from portal.stations.hours.rules import DAY, WEEKDAYS, HolidayRule, Hours, covers_the_week
from portal.types import N_, Text, text

DAY_NAMES = "一二三四五六日"
SELF_ENTRY = "(自助)"
_RULES = {
    HolidayRule.AS_USUAL: "节假日正常开放",
    HolidayRule.CLOSED_ON_HOLIDAYS: "法定节假日休息",
    HolidayRule.WORKDAYS: "法定节假日休息,调休日按周一",
}
Times = tuple[tuple[int, int, bool], ...]


def clock_of(minutes: int) -> str:
    """Minutes after midnight as a clock shows them; 1440 is 24:00, beyond it counts from zero again."""
    minutes = minutes if minutes <= DAY else minutes - DAY
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _by_days(hours: Iterable[Hours]) -> list[tuple[list[int], Times]]:
    """Days that have the same stretches, in the order of their first day."""
    ordered = sorted(hours, key=lambda one: (one.weekday, one.opens))
    groups: dict[Times, list[int]] = {}
    for day, stretches in groupby(ordered, key=lambda one: one.weekday):
        groups.setdefault(tuple((one.opens, one.closes, getattr(one, "staffed", True)) for one in stretches), []).append(day)
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


def hours_as_text(hours: Sequence[Hours], holiday_rule: HolidayRule | None = None) -> str:
    """Hours as `parse_hours` reads them again: for the form and the workbook; the rule for holidays stands at the end.

    >>> hours_as_text([Stretch(5, 540, 720), Stretch(5, 720, 1080, staffed=False)])
    '周六 09:00-12:00,12:00-18:00(自助)'
    """
    parts = []
    for days, times in _by_days(hours):
        names = [(f"周{DAY_NAMES[a]}", f"周{DAY_NAMES[b]}") for a, b in _runs(days)]
        named = "、".join(first if first == last else f"{first}至{last}" for first, last in names)
        said = ",".join(_plain(opens, closes, staffed=staffed) for opens, closes, staffed in times)
        if len(days) == 7:
            named, said = "", said.replace("00:00-24:00", "24小时")
        parts.append(f"{named} {said}".strip())
    return ";".join([*parts, *([_RULES[holiday_rule]] if holiday_rule and parts else ())])


def _plain(opens: int, closes: int, *, staffed: bool) -> str:
    return f"{clock_of(opens)}-{'次日' if closes > DAY else ''}{clock_of(closes)}{'' if staffed else SELF_ENTRY}"


def hours_in_words(hours: Sequence[Hours]) -> list[Text]:
    """Hours for people, one line for each group of days: 周一至周五 08:30–12:00、13:00–17:30 (self-entry)."""
    attended = {getattr(one, "staffed", True) for one in hours}
    if covers_the_week(hours) and len(attended) == 1:
        return [text(N_("Open around the clock")) if True in attended else text(N_("Open around the clock, self-entry"))]
    return [text(N_("%(days)s %(times)s"), days=_days_said(days), times=_times_said(times)) for days, times in _by_days(hours)]


def _days_said(days: Sequence[int]) -> Text:
    if len(days) == 7:
        return text(N_("Every day"))
    parts = []
    for first, last in ((text(WEEKDAYS[a]), text(WEEKDAYS[b])) for a, b in _runs(days)):
        parts.append(first if first == last else text(N_("%(first)s to %(last)s"), first=first, last=last))
    return _joined(parts)


def _times_said(times: Times) -> Text:
    parts = []
    for opens, closes, staffed in times:
        says = N_("%(opens)s to %(closes)s the next day") if closes > DAY else N_("%(opens)s–%(closes)s")
        said = text(says, opens=clock_of(opens), closes=clock_of(closes))
        parts.append(said if staffed else text(N_("%(times)s (self-entry)"), times=said))
    return _joined(parts)


def _joined(parts: Sequence[Text]) -> Text:
    said = parts[0]
    for part in parts[1:]:
        said = text(N_("%(before)s, %(after)s"), before=said, after=part)
    return said
