"""Reading a union's workbook: every row is loaded, found unchanged, or refused with the reason.

The command line and the web use the same core, and so do the preview and the loading. Columns stand in any order; a column
that is missing leaves what is on record as it is, an empty cell of a column that is there empties it. Nothing is guessed:
what is not understood is refused, and the refused rows can be put right and sent again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from portal.access import SYSTEM, By
from portal.db import transactional
from portal.i18n import say
from portal.stations.exchange import commands
from portal.stations.exchange.commands import Outcome, Parsed, RowOutcome
from portal.stations.exchange.models import StationImport
from portal.stations.exchange.rules import (
    ANOTHER,
    HEADERS,
    POINT,
    READ,
    REASON,
    SPELLINGS,
    key,
    nearest_column,
    nearest_word,
)
from portal.stations.hours.rules import HolidayRule
from portal.stations.register import rules
from portal.stations.register.models import (
    BuildMode,
    Carriageway,
    CoordinateSystem,
    Facility,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.register.rules import FacilityDetail
from portal.stations.wording.rules import parse_hours
from portal.tables import Sheet, SheetRow, Unreadable, read_sheet
from portal.types import N_, Level, Problem, Text, Word, text, tidy
from portal.unions.tree.models import Union
from portal.unions.tree.queries import get_union_by_code
from portal.vocabulary import BasicService

MAX_STATIONS = 20_000
NEEDED = ("name", "county_code", "address")
FIRST_ROWS = 8  # shown in the preview as they were understood


@transactional
def load_workbook(path: Path, union_code: str) -> Outcome:
    """Load a workbook from the command line in a union's name, in one transaction.

    Raises portal.tables.Unreadable for a file that is no table, NoResultFound for an unknown union.
    """
    union, path = get_union_by_code(union_code), Path(path)
    outcome, _kept = load(path.read_bytes(), union=union, roots=(union.id,), by=SYSTEM, file_name=path.name)
    return outcome


def load(
    content: bytes,
    *,
    union: Union,
    roots: Sequence[UUID],
    by: By,
    file_name: str,
    sheet: str | None = None,
    crs: CoordinateSystem | None = None,
    tell: Callable[[int], Any] = int,
) -> tuple[Outcome, StationImport]:
    """Load a workbook: stations belong to ``union`` unless a row names another at or beneath ``roots``.

    ``crs`` is the system of points that name none; ``tell`` hears how far it is. Answers outcome and record. Flushes.
    """
    outcome = _read(content, sheet, crs)
    outcome.rows = commands.Loading(outcome.parsed, union=union, roots=roots, by=by, tell=tell).rows()
    return outcome, commands.note_import(
        by=by, union_id=union.id, file_name=short_name(file_name), counts=outcome.counts, report=report(outcome)
    )


def preview(
    content: bytes,
    *,
    union: Union,
    roots: Sequence[UUID],
    by: By,
    sheet: str | None = None,
    crs: CoordinateSystem | None = None,
) -> Outcome:
    """What `load` would do, with nothing written and nothing locked. Raises Unreadable."""
    outcome = _read(content, sheet, crs)
    outcome.rows = commands.Loading(outcome.parsed, union=union, roots=roots, by=by, dry=True).rows()
    return outcome


def short_name(file_name: str) -> str:
    """A file's name as it is kept."""
    return (tidy(file_name) or "")[-120:]


def _read(content: bytes, wanted: str | None, crs: CoordinateSystem | None) -> Outcome:
    sheet = read_sheet(content, READ, wanted)
    if len(sheet.rows) > MAX_STATIONS:
        says = N_("A workbook may hold %(most)s stations at the most. Split it into several files.")
        raise Unreadable(text(says, most=MAX_STATIONS))
    if "code" not in sheet.names and (missing := [name for name in NEEDED if name not in sheet.names]):
        raise Unreadable(text(N_("The column “%(column)s” is missing."), column=HEADERS[missing[0]][0]))
    parsed = [_parse(row, crs) for row in sheet.rows]
    return Outcome(
        parsed=parsed,
        head=sheet.head,
        unknown=[name for name in sheet.unknown if name != REASON],
        columns=_columns(sheet),
        sheet=sheet.sheet,
        sheets=sheet.sheets,
        without_system=sum(any(problem.code == "crs_missing" for problem in one.problems) for one in parsed),
    )


def _columns(sheet: Sheet) -> list[tuple[str, str | None, str | None]]:
    """(header, what it was read as, what it might be) of every column."""
    told = zip(sheet.head, sheet.columns, strict=True)
    return [
        (head, READ[name][0] if name else None, None if name else nearest_column(head))
        for head, name in told
        if head and head != REASON
    ]


def report(outcome: Outcome) -> str:
    """What the result page and the file of refused rows need, as JSON; said in the language of who loads."""
    rows = [_said(row) for row in outcome.rows if row.problems]
    return json.dumps({"head": outcome.head, "unknown": outcome.unknown, "rows": rows}, ensure_ascii=False)


def report_ahead(outcome: Outcome) -> str:
    """What the preview shows, as JSON: counts, columns, sheets, the first rows and every row with a problem."""
    first = [
        {"number": one.number, "result": one.result, "values": [one.name or "", *_first_cells(parsed)]}
        for one, parsed in zip(outcome.rows[:FIRST_ROWS], outcome.parsed, strict=False)
    ]
    return json.dumps(
        {
            "counts": outcome.counts,
            "columns": outcome.columns,
            "sheet": outcome.sheet,
            "sheets": outcome.sheets,
            "without_system": outcome.without_system,
            "first": first,
            "rows": [_said(row) | {"cells": []} for row in outcome.rows if row.problems],
        },
        ensure_ascii=False,
    )


def _first_cells(parsed: Parsed) -> list[str]:
    return [parsed.row.values.get(name) or "" for name in ("county_code", "address", "hours")]


def _said(row: RowOutcome) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name,
        "code": row.code,
        "refused": row.result == "refused",
        "twin": any(problem.code == "looks_the_same" for problem in row.problems),
        "says": [say(problem) for problem in row.problems],
        "cells": list(row.cells),
    }


# --- one cell ------------------------------------------------------------------------------------------


class _Wrong(Exception):
    def __init__(self, says: Text) -> None:
        self.says = says


def _word_reader(words: type[Word]) -> Callable[[str], Word]:
    known = SPELLINGS[words]

    def read(value: str) -> Word:
        if word := known.get(key(value)):
            return word
        if near := nearest_word(words, value):
            raise _Wrong(text(N_("“%(value)s” is not a word we know here. Perhaps “%(near)s”?"), value=value, near=near))
        raise _Wrong(text(N_("“%(value)s” is not a word we know here."), value=value))

    return read


def _parts(value: str, known: dict[str, Word]) -> list[str]:
    """A list as people write one: with 、，; / or spaces, with numbers of pieces, with 等 at its end."""
    found: list[str] = []
    for part in re.findall(r"(?:\([^()]*\)|[^、,;/\n()])+", value):
        part = re.sub(r"(?<=.)等$", "", part.strip())
        pieces = part.split()
        together = key(part) in known or len(pieces) < 2 or not all(key(_uncounted(one)) in known for one in pieces)
        found += [part] if together else pieces
    return [one for one in found if one]


def _uncounted(part: str) -> str:
    return re.sub(r"\s*[x*×]?\s*\d+\s*[台个张把套组件部间]?$", "", part) or part


def _list_reader(words: type[Word]) -> Callable[[str], tuple[Word, ...]]:
    one, known = _word_reader(words), SPELLINGS[words]

    def read(value: str) -> tuple[Word, ...]:
        parts = _parts(value, known)
        return tuple(dict.fromkeys(known.get(key(part)) or one(_uncounted(part)) for part in parts))

    return read


def _facilities(value: str) -> dict[Facility, FacilityDetail | None]:
    """Facilities, each with what stands in brackets behind it: 淋浴(5元), 理发(免费), 床位(限货车司机)."""
    one, known = _word_reader(Facility), SPELLINGS[Facility]
    found: dict[Facility, FacilityDetail | None] = {}
    for part in _parts(value, known):
        match = re.fullmatch(r"(.+?)\((.*)\)", part)
        name, inside = (match[1].strip(), match[2].strip()) if match else (part, "")
        facility = known.get(key(part)) or known.get(key(name)) or one(_uncounted(name))
        price = _price(inside)
        note = inside if inside and price is None and not re.fullmatch(r"\d+[台个张把套组件部间]?", inside) else None
        found[facility] = FacilityDetail(facility, price, note) if price is not None or note else None
    return found


def _price(value: str) -> Decimal | None:
    match = re.fullmatch(r"[¥￥]?(\d{1,5}(?:\.\d{1,2})?)元?(?:/?[次份晚天人])?", value) if re.search(r"[¥￥元]", value) else None
    return Decimal(match[1]) if match else Decimal(0) if value in ("免费", "0元") else None


def _facility_details(value: str) -> tuple[FacilityDetail, ...]:
    """One line for each facility: 淋浴|5元|09:00-21:00|限 30 分钟; what is not stated stays empty."""
    one = _word_reader(Facility)
    found = []
    for line in filter(None, (each.strip() for each in value.split("\n"))):
        name, price, hours, note = (part.strip() for part in (line + "|||").split("|", 3))
        parsed = parse_hours(hours)
        if parsed.problems or (price and _price(price) is None):
            says = N_("“%(line)s” was not understood. Write a line like 淋浴|5元|09:00-21:00|限30分钟.")
            raise _Wrong(text(says, line=line))
        found.append(FacilityDetail(one(name), _price(price), note.removesuffix("|||").rstrip("|") or None, parsed.hours))
    return tuple(found)


def _phones(value: str) -> tuple[tuple[str, str | None], ...]:
    """Numbers as they stand in one cell: 0371-6550 6000、13800138000/13900139000转801."""
    lines = []
    for line in value.split("\n"):
        pieces = [one for one in re.split(r"[、,;/|]|(?<=\d)\s+(?=1\d{10}(?!\d))|和|或", line) if one.strip()]
        numbers = [one for one in pieces if len(re.sub(r"\D", "", one)) >= 5]
        lines += pieces if len(numbers) == len(pieces) else [line]
    return rules.parse_phones("\n".join(lines))


def _number(value: str, unit: str) -> Decimal:
    match = re.fullmatch(rf"(?:约|大约)?\s*(-?\d{{1,9}}(?:\.\d{{1,12}})?)\s*(?:{unit})?(?:左右)?", value)
    if not match:
        raise _Wrong(text(N_("“%(value)s” is not a number."), value=value))
    return Decimal(match.group(1))


def _whole(value: str, unit: str) -> int:
    number = _number(value, unit)
    if number != int(number):
        raise _Wrong(text(N_("“%(value)s” is not a whole number."), value=value))
    return int(number)


def _stars(value: str) -> int:
    if re.fullmatch(r"★{1,5}☆*", value):
        return value.count("★")
    match = re.fullmatch(r"([一二三四五])星级?", value)
    return "一二三四五".index(match[1]) + 1 if match else _whole(value, "星|星级")


def _degrees(value: str) -> Decimal:
    match = re.fullmatch(
        r"(?:东经|北纬|[EN])?\s*(\d{1,3})°\s*(\d{1,2})['′分]\s*(\d{1,2}(?:\.\d+)?)(?:''|\"|″|′′|秒)?\s*[EN]?", value
    )
    if match:
        return round(int(match[1]) + Decimal(match[2]) / 60 + Decimal(match[3]) / 3600, 6)
    return _number(re.sub(r"^(东经|北纬|[EN])\s*(?=\d)|(?<=\d)\s*[EN]$", "", value), "°|度")


def _point(value: str) -> tuple[Decimal, Decimal]:
    """Longitude and latitude from one cell; their size tells which is which: China lies beyond 73° east, within 54° north."""
    parts = [one for one in re.split(r"[,;/、\s]+(?=[\d东北EN])", value.strip("() ")) if one]
    if len(parts) != 2:
        raise _Wrong(text(N_("“%(value)s” is not a pair of longitude and latitude."), value=value))
    lat, lng = sorted(map(_degrees, parts))
    return lng, lat


def _day(value: str) -> date:
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", value)
    try:
        return date(*map(int, match.groups())) if match else date.fromisoformat(value)
    except ValueError:
        raise _Wrong(text(N_("“%(value)s” is not a day. Write it like 2026-05-01."), value=value)) from None


def _yes(value: str) -> bool:
    if key(value) in ("是", "√", "✓", "y", "yes", "1", "true", "对"):
        return True
    if key(value) in ("否", "no", "n", "0", "false", "×", "x"):
        return False
    raise _Wrong(text(N_("“%(value)s” is neither 是 nor 否."), value=value))


READERS: dict[str, Callable[[str], Any]] = {
    "kind": _word_reader(StationKind),
    "tier": _word_reader(StationTier),
    "grade": _word_reader(StationGrade),
    "status": _word_reader(StationStatus),
    "build_mode": _word_reader(BuildMode),
    "crs": _word_reader(CoordinateSystem),
    "holiday_rule": _word_reader(HolidayRule),
    "carriageway": _word_reader(Carriageway),
    "facilities": _facilities,
    "facility_details": _facility_details,
    "services": _list_reader(BasicService),
    "default_service": _word_reader(BasicService),
    "hours": parse_hours,
    "lng": _degrees,
    "lat": _degrees,
    POINT: _point,
    ANOTHER: _yes,
    "area_m2": lambda value: _number(value, "m2|㎡|平方米|平米|平方|平"),
    "capacity": lambda value: _whole(value, "人|个|座"),
    "truck_spaces": lambda value: _whole(value, "个"),
    "max_height_m": lambda value: _number(value, "m|米"),
    "max_weight_t": lambda value: _number(value, "t|吨"),
    "stars": _stars,
    "opened_on": _day,
    "agreement_from": _day,
    "agreement_until": _day,
    "phones": _phones,
    "host_phone": rules.normal_station_phone,
}
EMPTY: dict[str, Any] = {"facilities": (), "facility_details": (), "services": (), "hours": (), "phones": ()}
# An empty cell here says nothing; everywhere else it empties what is on record.
SILENT_IF_EMPTY = frozenset(
    {"kind", "tier", "grade", "status", "code", "union", "city", "holiday_rule", "carriageway", POINT, ANOTHER}
)


def _parse(row: SheetRow, crs: CoordinateSystem | None) -> Parsed:
    """Read every known cell of a row by itself."""
    parsed = Parsed(row)
    for name, value in row.values.items():
        if value is None:
            if name not in SILENT_IF_EMPTY:
                parsed.given[name] = EMPTY.get(name)
            continue
        try:
            parsed.given[name] = READERS.get(name, _line)(value)
        except _Wrong as wrong:
            parsed.refuse(name, wrong.says)
    _settle(parsed)
    _without_system(parsed, crs)
    return parsed


def _line(value: str) -> str:
    return re.sub(r"\s*\n\s*", " ", value)


def _settle(parsed: Parsed) -> None:
    """Cells that hold more than one value, or a value of another column."""
    given = parsed.given
    if hours := given.get("hours"):
        if hours.problems:
            parsed.refuse("hours", hours.problems[0].says)
            del given["hours"]
        else:
            given["hours"] = hours.hours
            rule = hours.holiday_rule
            if rule and given.setdefault("holiday_rule", rule) is not rule:
                parsed.refuse("holiday_rule", text(N_("It says something else than the opening hours.")))
    if (point := given.pop(POINT, None)) and given.get("lng") is None and given.get("lat") is None:
        given["lng"], given["lat"] = point
    if isinstance(given.get("facilities"), dict):
        found = given["facilities"]
        given["facilities"] = tuple(found)
        given["behind_facilities"] = tuple(filter(None, found.values()))


def _without_system(parsed: Parsed, crs: CoordinateSystem | None) -> None:
    """A point whose system is not stated would lie half a kilometre wrong: it is left out, and said."""
    given = parsed.given
    if given.get("lng") is None or given.get("lat") is None or given.get("crs") is not None:
        return
    unreadable = any(problem.field == "crs" for problem in parsed.problems)
    if crs and not unreadable:
        given["crs"] = crs
        return
    for name in ("lng", "lat", "crs"):
        given.pop(name, None)
    if not unreadable:
        says = text(N_("The point was left out: the column 坐标系 must say GCJ-02, WGS-84 or BD-09."))
        parsed.problems.append(Problem("crs_missing", says, Level.AMBER, field="crs"))
