"""What is decided about inspections from values alone: the ready-made lists, the share that is met, what a sheet needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from portal.stations.inspections.models import ITEM_LENGTH, NOTE_LENGTH, Outcome
from portal.types import N_, Problem, Text, text

TITLE_LENGTH, MOST_ITEMS = 60, 60


@dataclass(frozen=True)
class ReadyMade:
    """A list that a union may take over and then make its own."""

    title: str
    items: tuple[str, ...]
    about: Text


# As they stand in the papers they come from, in their language: a list is what a union writes down, no wording of ours.
READY_MADE: dict[str, ReadyMade] = {
    "six-a": ReadyMade(
        "户外劳动者服务站点“六有”（一）",
        ("统一标识", "固定场所", "服务设备、设施完备", "管理制度", "人员管理", "地图可查"),
        text(N_("The “six haves” of a station, first wording")),
    ),
    "six-b": ReadyMade(
        "户外劳动者服务站点“六有”（二）",
        ("统一标识名称", "合理站点布局", "健全服务设施", "完善服务功能", "规范制度管理", "地图查询"),
        text(N_("The “six haves” of a station, second wording")),
    ),
    "drivers-home": ReadyMade(
        "司机之家五项免费基础服务",
        ("停车休息", "热水供应", "饭菜加热", "淋浴", "洗衣"),
        text(N_("The five free basics of a drivers' home")),
    ),
}


def share_met(met: int, not_met: int) -> int | None:
    """How much of what applies is met, in whole per cent, rounded down: 100 means everything. None if nothing applies."""
    asked = met + not_met
    return met * 100 // asked if asked else None


def problems_with_checklist(title: str | None, items: Sequence[str]) -> list[Problem]:
    """Whether a list can be used."""
    problems = []
    if not title:
        problems.append(Problem("title_missing", text(N_("The list needs a title.")), field="title"))
    elif len(title) > TITLE_LENGTH:
        says = text(N_("This is longer than %(most)s characters."), most=TITLE_LENGTH)
        problems.append(Problem("title_too_long", says, field="title"))
    if not items:
        problems.append(Problem("items_missing", text(N_("Write at least one item, each on a line of its own.")), field="items"))
    if len(items) > MOST_ITEMS:
        says = text(N_("A list has %(most)s items at most; this has %(now)s."), most=MOST_ITEMS, now=len(items))
        problems.append(Problem("too_many", says, field="items"))
    if long := next((item for item in items if len(item) > ITEM_LENGTH), None):
        says = text(N_("“%(item)s…” is longer than %(most)s characters."), item=long[:20], most=ITEM_LENGTH)
        problems.append(Problem("item_too_long", says, field="items"))
    if twice := next((item for item in items if items.count(item) > 1), None):
        problems.append(Problem("twice", text(N_("“%(item)s” stands there twice."), item=twice[:20]), field="items"))
    return problems


def problems_with_inspection(on: date, today: date, items: Collection[UUID], answered: Collection[UUID]) -> list[Problem]:
    """Whether a filled-in sheet can be put on record."""
    problems = []
    if on > today:
        problems.append(Problem("future", text(N_("This day is still to come.")), field="inspected_on"))
    if set(items) != set(answered):
        says = text(N_("The list was changed meanwhile. Here it is as it stands now; please go through it once more."))
        problems.append(Problem("list_changed", says))
    return problems


def problems_with_finding(outcome: Outcome, *, reported: bool) -> list[Problem]:
    """Whether a report can follow from an item."""
    if outcome is not Outcome.NOT_MET:
        return [Problem("met", text(N_("A report follows only from what was not met.")))]
    if reported:
        return [Problem("reported", text(N_("A report of this was opened already.")))]
    return []


def problems_with_words(field: str, note: str | None) -> list[Problem]:
    """A note is short."""
    if len(note or "") <= NOTE_LENGTH:
        return []
    says = text(N_("At most %(most)s characters; this has %(now)s."), most=NOTE_LENGTH, now=len(note))
    return [Problem("note_too_long", says, field=field)]
