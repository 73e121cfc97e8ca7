"""Loading a union's stations from a workbook: every row is loaded, found unchanged, or refused with the reason.

The command line and the web use the same core. Columns stand in any order; a column that is missing leaves what is on
record as it is, an empty cell of a column that is there empties it. Nothing is guessed: what is not understood is
refused, and the refused rows can be put right and sent again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from portal.access import SYSTEM, By
from portal.db import transactional
from portal.i18n import say
from portal.stations.exchange import queries
from portal.stations.exchange.commands import note_import
from portal.stations.exchange.exports import HEADERS, REASON, WORDS
from portal.stations.exchange.models import StationImport
from portal.stations.hours.rules import Stretch
from portal.stations.register import commands, rules
from portal.stations.register import queries as register
from portal.stations.register.models import (
    BuildMode,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.register.rules import StationValues
from portal.stations.wording.rules import parse_hours
from portal.tables import Sheet, SheetRow, Unreadable, read_sheet
from portal.types import N_, Level, Problem, Text, Word, text, tidy
from portal.unions.tree.models import Union
from portal.unions.tree.queries import get_union_by_code, list_counties
from portal.vocabulary import BasicService

MAX_STATIONS = 20_000
NEEDED = ("name", "county_code", "address")
RESULTS = ("loaded", "updated", "unchanged", "refused")


@dataclass(frozen=True)
class RowOutcome:
    """What became of one row. ``code`` is the station's; problems say why it was refused, or what was left out."""

    number: int
    result: str  # one of RESULTS
    name: str | None
    code: str | None = None
    problems: tuple[Problem, ...] = ()
    cells: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What became of a workbook; as text for the command line."""

    rows: list[RowOutcome] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def count(self, result: str) -> int:
        """How many rows ended so."""
        return sum(row.result == result for row in self.rows)

    loaded = property(lambda self: self.count("loaded"))
    updated = property(lambda self: self.count("updated"))
    unchanged = property(lambda self: self.count("unchanged"))
    refused = property(lambda self: self.count("refused"))

    @property
    def counts(self) -> dict[str, int]:
        """All four counts by name."""
        return {name: self.count(name) for name in RESULTS}

    def __str__(self) -> str:
        lines = [str(summary(**self.counts))]
        if self.unknown:
            lines.append(f"Columns not read: {', '.join(self.unknown)}")
        for row in self.rows:
            lines += [f"Row {row.number} ({row.name or '-'}): {problem.says}" for problem in row.problems]
        return "\n".join(lines)


def summary(*, loaded: int, updated: int, unchanged: int, refused: int) -> Text:
    """What became of a workbook in one sentence."""
    if unchanged and not (loaded or updated or refused):
        return text(N_("All %(count)s rows are in the register already; nothing changed."), count=unchanged)
    says = N_("%(loaded)s added, %(updated)s changed, %(unchanged)s unchanged, %(refused)s refused.")
    return text(says, loaded=loaded, updated=updated, unchanged=unchanged, refused=refused)


@transactional
def load_workbook(path: Path, union_code: str) -> Outcome:
    """Load a workbook from the command line in a union's name, in one transaction.

    Raises portal.tables.Unreadable for a file that is no table, NoResultFound for an unknown union.
    """
    union, path = get_union_by_code(union_code), Path(path)
    outcome, _kept = load(path.read_bytes(), union=union, roots=(union.id,), by=SYSTEM, file_name=path.name)
    return outcome


def load(content: bytes, *, union: Union, roots: Sequence[UUID], by: By, file_name: str) -> tuple[Outcome, StationImport]:
    """Load a workbook: stations belong to ``union`` unless a row names another at or beneath ``roots``.

    Answers what became of each row, and the record of it. Flushes; the caller commits. Raises Unreadable.
    """
    sheet = read_sheet(content, HEADERS)
    if len(sheet.rows) > MAX_STATIONS:
        says = N_("A workbook may hold %(most)s stations at the most. Split it into several files.")
        raise Unreadable(text(says, most=MAX_STATIONS))
    if "code" not in sheet.names and (missing := [name for name in NEEDED if name not in sheet.names]):
        raise Unreadable(text(N_("The column “%(column)s” is missing."), column=HEADERS[missing[0]][0]))
    outcome = Outcome(head=sheet.head, unknown=[name for name in sheet.unknown if name != REASON])
    outcome.rows = _Loading(sheet, union=union, roots=roots, by=by).rows()
    kept = note_import(
        by=by,
        union_id=union.id,
        file_name=(tidy(file_name) or "")[-120:],
        counts=outcome.counts,
        report=_report(outcome),
    )
    return outcome, kept


def _report(outcome: Outcome) -> str:
    """What the result page and the file of refused rows need, as JSON; said in the language of who loads."""
    rows = [
        {
            "number": row.number,
            "name": row.name,
            "code": row.code,
            "refused": row.result == "refused",
            "says": [say(problem) for problem in row.problems],
            "cells": list(row.cells),
        }
        for row in outcome.rows
        if row.problems
    ]
    return json.dumps({"head": outcome.head, "unknown": outcome.unknown, "rows": rows}, ensure_ascii=False)


# --- one row -------------------------------------------------------------------------------------------


class _Wrong(Exception):
    def __init__(self, says: Text) -> None:
        self.says = says


@dataclass
class _Parsed:
    """A row as far as it was understood alone: values by field, and the problems found."""

    row: SheetRow
    given: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def red(self) -> bool:
        return any(problem.level is Level.RED for problem in self.problems)


def _word_reader(words: type[Word]) -> Callable[[str], Word]:
    known = {_key(spelling): word for word, spellings in WORDS[words].items() for spelling in spellings}
    known |= {word.value: word for word in words}

    def read(value: str) -> Word:
        if word := known.get(_key(value)):
            return word
        raise _Wrong(text(N_("“%(value)s” is not a word we know here."), value=value))

    return read


def _list_reader(words: type[Word]) -> Callable[[str], tuple[Word, ...]]:
    one = _word_reader(words)

    def read(value: str) -> tuple[Word, ...]:
        parts = (part.strip() for part in re.split(r"[、,;/\n]", value))
        return tuple(dict.fromkeys(one(part) for part in parts if part))

    return read


def _key(value: str) -> str:
    return re.sub(r"[\s_-]", "", value).lower()


def _number(value: str, unit: str) -> Decimal:
    match = re.fullmatch(rf"(-?\d{{1,9}}(?:\.\d{{1,12}})?)\s*(?:{unit})?", value)
    if not match:
        raise _Wrong(text(N_("“%(value)s” is not a number."), value=value))
    return Decimal(match.group(1))


def _whole(value: str, unit: str) -> int:
    number = _number(value, unit)
    if number != int(number):
        raise _Wrong(text(N_("“%(value)s” is not a whole number."), value=value))
    return int(number)


def _day(value: str) -> date:
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", value)
    try:
        return date(*map(int, match.groups())) if match else date.fromisoformat(value)
    except ValueError:
        raise _Wrong(text(N_("“%(value)s” is not a day. Write it like 2026-05-01."), value=value)) from None


def _hours(value: str) -> tuple[Stretch, ...]:
    parsed = parse_hours(value)
    if parsed.problems:
        raise _Wrong(parsed.problems[0].says)
    return parsed.hours


READERS: dict[str, Callable[[str], Any]] = {
    "kind": _word_reader(StationKind),
    "tier": _word_reader(StationTier),
    "grade": _word_reader(StationGrade),
    "status": _word_reader(StationStatus),
    "build_mode": _word_reader(BuildMode),
    "crs": _word_reader(CoordinateSystem),
    "facilities": _list_reader(Facility),
    "services": _list_reader(BasicService),
    "hours": _hours,
    "lng": lambda value: _number(value, "°"),
    "lat": lambda value: _number(value, "°"),
    "area_m2": lambda value: _number(value, "m2|㎡|平方米|平米"),
    "capacity": lambda value: _whole(value, "人"),
    "stars": lambda value: _whole(value, "星|星级"),
    "opened_on": _day,
    "phone": rules.normal_station_phone,
}
EMPTY: dict[str, Any] = {"facilities": (), "services": (), "hours": ()}
# An empty cell here says nothing; everywhere else it empties what is on record.
SILENT_IF_EMPTY = frozenset({"kind", "tier", "grade", "status", "code", "union", "city"})


def _parse(row: SheetRow) -> _Parsed:
    """Read every known cell of a row by itself."""
    parsed = _Parsed(row)
    for name, value in row.values.items():
        if value is None:
            if name not in SILENT_IF_EMPTY:
                parsed.given[name] = EMPTY.get(name)
            continue
        try:
            parsed.given[name] = READERS.get(name, str)(value)
        except _Wrong as wrong:
            says = text(N_("%(column)s: %(problem)s"), column=HEADERS[name][0], problem=wrong.says)
            parsed.problems.append(Problem(f"{name}_unreadable", says, field=name))
    _without_system(parsed)
    return parsed


def _without_system(parsed: _Parsed) -> None:
    """A point whose system is not stated would lie half a kilometre wrong: it is left out, and said."""
    given = parsed.given
    if given.get("lng") is not None and given.get("lat") is not None and given.get("crs") is None:
        for name in ("lng", "lat", "crs"):
            given.pop(name, None)
        if not any(problem.field == "crs" for problem in parsed.problems):
            says = text(N_("The point was left out: the column 坐标系 must say GCJ-02, WGS-84 or BD-09."))
            parsed.problems.append(Problem("crs_missing", says, Level.AMBER, field="crs"))


# --- all rows ------------------------------------------------------------------------------------------


class _Loading:
    """One workbook on its way into the register: everything it needs is read once, then rows are taken in order."""

    def __init__(self, sheet: Sheet, *, union: Union, roots: Sequence[UUID], by: By) -> None:
        self.union, self.roots, self.by = union, roots, by
        self.parsed = [_parse(row) for row in sheet.rows]
        self._find_counties()
        self.unions = register.unions_by_word(self._given("union"), roots)
        register.lock_counties(self._given("county_code"))
        self.by_code = queries.stations_by_code(self._given("code"))
        counties = {*self._given("county_code"), *(one.county_code for one in self.by_code.values())}
        names = {*self._given("name"), *(one.name for one in self.by_code.values())}
        self.by_place = queries.stations_at(counties, names)
        known = [*self.by_code.values(), *self.by_place.values()]
        self.own = queries.ids_within({one.union_id for one in known}, roots)
        self.seen: dict[Any, int] = {}
        self.entries: list[commands.Entry] = []

    def _given(self, name: str) -> Iterable[str]:
        return {one.given[name] for one in self.parsed if one.given.get(name)}

    def _find_counties(self) -> None:
        counties = list_counties()
        codes = {row.code for row in counties}
        for one in self.parsed:
            word, city = one.given.get("county_code"), one.given.pop("city", None)
            if word is None or word in codes:
                continue
            fits = [
                row
                for row in counties
                if word in (row.name, f"{row.city}{row.name}", f"河南省{row.city}{row.name}")
                and (city is None or city in (row.city, f"河南省{row.city}") or row.name == row.city)
            ]
            if len(fits) == 1:
                one.given["county_code"] = fits[0].code
                continue
            del one.given["county_code"]
            says = N_("%(word)s is not a county we know.")
            if fits:
                says = N_("There are several counties called %(word)s; add the column 市.")
            one.problems.append(Problem("county_unknown", text(says, word=word), field="county_code"))

    def rows(self) -> list[RowOutcome]:
        """Take every row in order; new stations are written together at the end."""
        outcomes = [self._take(one) for one in self.parsed]
        codes = iter(commands.add_stations(entries=self.entries, by=self.by) if self.entries else ())
        return [replace(one, code=next(codes)) if one.result == "loaded" else one for one in outcomes]

    def _take(self, one: _Parsed) -> RowOutcome:
        given = dict(one.given)
        code, word, status = given.pop("code", None), given.pop("union", None), given.pop("status", None)
        union = self._union(word, one)
        station = self._station(code, given)
        values = replace(rules.values_of(station) if station else StationValues(), **given)
        if station and values.county_code != station.county_code:
            values = replace(values, town_code=None)
        if not one.red:
            one.problems += rules.problems_with_station(values)
        if not one.red:
            self._check(one, station, values, code, status)
        outcome = RowOutcome(one.row.number, "refused", values.name, problems=tuple(one.problems))
        if one.red:
            return replace(outcome, cells=tuple(one.row.cells))
        if station:
            return self._change(outcome, station, values, union if word else None, status)
        self.entries.append(commands.Entry(values, union.id, status or StationStatus.OPEN, code))
        return replace(outcome, result="loaded")

    def _union(self, word: str | None, one: _Parsed) -> Union:
        if word is None:
            return self.union
        found = self.unions.get(word, [])
        if len(found) == 1:
            return found[0]
        says = N_("%(word)s is no union in your part of the tree.")
        if found:
            says = N_("There are several unions called %(word)s; write the code.")
        one.problems.append(Problem("union_unknown", text(says, word=word), field="union"))
        return self.union

    def _station(self, code: str | None, given: dict[str, Any]) -> Station | None:
        if code:
            return self.by_code.get(code)
        return self.by_place.get((given.get("county_code"), given.get("name"), given.get("address")))

    def _check(
        self,
        one: _Parsed,
        station: Station | None,
        values: StationValues,
        code: str | None,
        status: StationStatus | None,
    ) -> None:
        """What needs the register: whose it is, whether the place is free, whether the file says it twice."""
        place = (values.county_code, values.name, values.address)
        there = self.by_place.get(place)
        if station and station.union_id not in self.own:
            taken = rules.problems_with_code(station.code, None, taken=True)
            one.problems += taken if code else [rules.twin(station.code)]
        elif there and there is not station:
            one.problems.append(rules.twin(there.code))
        elif code and not station:
            one.problems += rules.problems_with_code(code, values.county_code, taken=False)
        if station and status and status is not station.status:
            one.problems += rules.problems_with_status(station.status, status)
        for key in filter(None, (place, code)):
            if key in self.seen:
                says = text(N_("Row %(number)s is the same station."), number=self.seen[key])
                one.problems.append(Problem("said_twice", says))
                break
            if not one.red:
                self.seen[key] = one.row.number

    def _change(
        self,
        outcome: RowOutcome,
        station: Station,
        values: StationValues,
        union: Union | None,
        status: StationStatus | None,
    ) -> RowOutcome:
        moved = union.id if union else None
        changes = commands.apply_values(station=station, values=values, by=self.by, union_id=moved)
        if status and status is not station.status:
            commands.set_status(station=station, status=status, by=self.by)
            changes["status"] = [status]
        return replace(outcome, result="updated" if changes else "unchanged", code=station.code)
