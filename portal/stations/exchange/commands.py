"""Loading rows that were read, staging a file until somebody has looked at it, and keeping what became of it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from portal import audit, clock, geo
from portal.access import By
from portal.db import db, note
from portal.stations.exchange import queries, rules
from portal.stations.exchange.models import ImportJob, LoadStatus, StagedImport, StationImport
from portal.stations.register import commands as register_commands
from portal.stations.register import queries as register
from portal.stations.register import rules as register_rules
from portal.stations.register.models import CoordinateSystem, Station, StationStatus
from portal.stations.register.rules import FacilityDetail, StationValues
from portal.tables import SheetRow
from portal.types import N_, Level, Problem, Text, new_id, text
from portal.unions.tree.models import Union
from portal.unions.tree.queries import list_counties

RESULTS = ("loaded", "updated", "unchanged", "refused")
STAGED_AT_MOST = 5  # files that one account may leave lying
BY_WORKER = 1000  # files with more rows than this are loaded by the worker
TRIES = 3
TOGETHER = 500  # rows whose changes go to the database in one flush


@dataclass
class Parsed:
    """A row as far as it was understood alone: values by field, and the problems found."""

    row: SheetRow
    given: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def red(self) -> bool:
        """Whether the row is refused."""
        return any(problem.level is Level.RED for problem in self.problems)

    def refuse(self, name: str, says: Text) -> None:
        """A cell of the column ``name`` that was not understood."""
        says = text(N_("%(column)s: %(problem)s"), column=rules.READ[name][0], problem=says)
        self.problems.append(Problem(f"{name}_unreadable", says, field=name))


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
    """What became of a workbook; as text for the command line. ``columns``: (header, read as, might be)."""

    rows: list[RowOutcome] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    columns: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    without_system: int = 0  # points that were left out because nothing says in which system they are
    parsed: list[Parsed] = field(default_factory=list)

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
        lines = [str(rules.summary(**self.counts))]
        if self.unknown:
            lines.append(f"Columns not read: {', '.join(self.unknown)}")
        for row in self.rows:
            lines += [f"Row {row.number} ({row.name or '-'}): {problem.says}" for problem in row.problems]
        return "\n".join(lines)


# --- files that wait for a yes, files that were loaded ---------------------------------------------------


def stage(*, by: By, union_id: UUID, file_name: str, content: bytes, preview: str) -> StagedImport:
    """Keep a file for a day, for the same account alone, until it has looked at the preview. Older ones make room."""
    for old in queries.list_staged(by.id)[STAGED_AT_MOST - 1 :]:
        db.session.delete(old)
    row = StagedImport(id=new_id(), account_id=by.id, union_id=union_id, file_name=file_name, at=clock.now())
    row.content, row.preview = base64.b64encode(content).decode(), preview
    db.session.add(row)
    audit.record("stations.staged", by=by, subject=row, union_id=union_id, file_name=file_name)
    db.session.flush()
    return row


def restage(*, staged: StagedImport, sheet: str | None, crs: CoordinateSystem | None, preview: str, by: By) -> None:
    """Look at a staged file in another way; ``by`` is whoever staged it."""
    if by.id != staged.account_id:
        raise PermissionError("a staged file belongs to the account that sent it")
    staged.sheet, staged.crs, staged.preview = sheet, crs, preview
    db.session.flush()


def discard(*, staged: StagedImport, by: By) -> None:
    """Forget a staged file: it was loaded, or is not wanted."""
    if by.id != staged.account_id:
        raise PermissionError("a staged file belongs to the account that sent it")
    db.session.delete(staged)
    db.session.flush()


def ask_worker(*, staged: StagedImport, total: int, language: str, by: By) -> None:
    """Leave a large file to the worker. Asked twice it is loaded once; one that failed is tried anew."""
    if by.id != staged.account_id:
        raise PermissionError("a staged file belongs to the account that sent it")
    anew = {"status": LoadStatus.WAITING, "at": clock.now(), "done": 0, "total": total, "tries": 0}
    anew |= {"reason": None, "language": language}
    asked = insert(ImportJob).values(staged_id=staged.id, **anew)
    failed = ImportJob.status == LoadStatus.FAILED
    db.session.execute(asked.on_conflict_do_update(index_elements=["staged_id"], set_=anew, where=failed))


def note_progress(*, staged_id: UUID, by: By, **values: Any) -> None:
    """Write down how far the worker is, at once and for good, whatever becomes of the loading; ``by`` is the worker."""
    note(sa.update(ImportJob).where(ImportJob.staged_id == staged_id).values(**values))


def finish_job(*, job: ImportJob, kept: StationImport, by: By) -> None:
    """The file was loaded: its page leads on to the result. In the transaction of the loading."""
    done = {"status": LoadStatus.DONE, "done": job.total, "import_id": kept.id, "reason": None}
    db.session.execute(sa.update(ImportJob).where(ImportJob.staged_id == job.staged_id).values(**done))


def note_import(*, by: By, union_id: UUID, file_name: str, counts: dict[str, int], report: str) -> StationImport:
    """Keep what became of a workbook: counts for good, the report with its refused rows for thirty days."""
    row = StationImport(
        id=new_id(),
        union_id=union_id,
        account_id=by.id if by.kind == "staff" else None,
        file_name=file_name,
        at=clock.now(),
        **counts,
    )
    row.report = report
    db.session.add(row)
    audit.record("stations.imported", by=by, subject=row, union_id=union_id, file_name=file_name, **counts)
    db.session.flush()
    return row


# --- all rows of a file ----------------------------------------------------------------------------------


class Neighbours:
    """Stations by county and normal name, and by place: what a new row may be without saying so."""

    def __init__(self) -> None:
        self.by_name: dict[tuple[str, str], Any] = {}
        self.by_cell: dict[tuple[int, int], list[tuple[geo.Point, Any]]] = {}

    def add(self, who: Any, county_code: str, name: str, point: geo.Point | None) -> None:
        """Remember a station; ``point`` is in WGS-84."""
        self.by_name.setdefault((county_code, name), who)
        if point:
            self.by_cell.setdefault(_cell(point), []).append((point, who))

    def find(self, county_code: str, name: str, point: geo.Point | None) -> tuple[Any, bool] | None:
        """(who, whether by place) of the station that looks the same."""
        if who := self.by_name.get((county_code, name)):
            return who, False
        if point is None:
            return None
        row, column = _cell(point)
        around = [(row + a, column + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        close = (one for cell in around for one in self.by_cell.get(cell, ()))
        return next(((who, True) for there, who in close if geo.distance_m(*there, *point) <= rules.NEARBY_M), None)


def _cell(point: geo.Point) -> tuple[int, int]:
    return int(point[0] * 1000), int(point[1] * 1000)  # a thousandth of a degree is more than 50 m everywhere in China


def _wgs84(lat: Any, lng: Any, crs: CoordinateSystem | None) -> geo.Point | None:
    return None if lat is None or crs is None else geo.convert((float(lat), float(lng)), crs.value, geo.WGS84)


class Loading:
    """One workbook on its way into the register: everything it needs is read once, then rows are taken in order.

    ``dry`` only looks: nothing is locked and nothing written, and the outcome is what would have been.
    ``tell`` hears from time to time how many rows were taken.
    """

    def __init__(
        self,
        parsed: list[Parsed],
        *,
        union: Union,
        roots: Sequence[UUID],
        by: By,
        dry: bool = False,
        tell: Callable[[int], Any] = int,
    ) -> None:
        self.tell = tell
        self.parsed, self.union, self.roots, self.by, self.dry = parsed, union, roots, by, dry
        self._find_counties()
        self.unions = register.unions_by_word(self._given("union"), roots)
        if not dry:
            register.lock_counties(self._given("county_code"))
        self.by_code = queries.stations_by_code(self._given("code"))
        counties = {*self._given("county_code"), *(one.county_code for one in self.by_code.values())}
        names = {*self._given("name"), *(one.name for one in self.by_code.values())}
        self.by_place = queries.stations_at(counties, names)
        self.towns = queries.towns_of(counties) if self._given("town_code") else {}
        known = [*self.by_code.values(), *self.by_place.values()]
        self.own = queries.ids_within({one.union_id for one in known}, roots)
        self.seen: dict[Any, int] = {}
        self.in_register, self.in_file = self._neighbours(counties), Neighbours()
        self.entries: list[register_commands.Entry] = []

    def _given(self, name: str) -> Iterable[str]:
        return {one.given[name] for one in self.parsed if one.given.get(name)}

    def _find_counties(self) -> None:
        counties = list_counties()
        self.county_names = {row.code: (row.city, row.name) for row in counties}
        known: dict[tuple[str, str | None], tuple[str | None, Problem | None]] = {}
        for one in self.parsed:
            city, word = one.given.pop("city", None), one.given.get("county_code")
            if word is None:
                continue
            if (word, city) not in known:
                known[word, city] = rules.find_county(word, city, counties)
            one.given["county_code"], problem = known[word, city]
            if problem:
                one.problems.append(problem)
            if one.given["county_code"] is None:
                del one.given["county_code"]

    def _neighbours(self, counties: Iterable[str]) -> Neighbours:
        found = Neighbours()
        for row in queries.neighbours_in(counties):
            who = text(N_("%(name)s (%(code)s)"), name=row.name, code=row.code)
            found.add(who, row.county_code, self._normal(row.name, row.county_code), _wgs84(row.lat, row.lng, row.crs))
        return found

    def _normal(self, name: str, county_code: str) -> str:
        return rules.normal_name(name, *self.county_names.get(county_code, ()))

    def rows(self) -> list[RowOutcome]:
        """Take every row in order; new stations are written together at the end."""
        outcomes = []
        for one in self.parsed:
            outcomes.append(self._take(one))
            if not self.dry and len(outcomes) % TOGETHER == 0:
                db.session.flush()
                self.tell(len(outcomes))
        if self.dry:
            return outcomes
        db.session.flush()
        if not self.entries:
            return outcomes
        codes = iter(register_commands.add_stations(entries=self.entries, by=self.by))
        return [replace(one, code=next(codes)) if one.result == "loaded" else one for one in outcomes]

    def _take(self, one: Parsed) -> RowOutcome:
        given = dict(one.given)
        code, word, status = given.pop("code", None), given.pop("union", None), given.pop("status", None)
        another, behind = given.pop(rules.ANOTHER, False), given.pop("behind_facilities", ())
        union, station = self._union(word, one), self._station(code, given)
        before = register_rules.values_of(station) if station else StationValues()
        if given.get("town_code"):
            given["town_code"] = self._town(given["town_code"], given.get("county_code") or before.county_code, one)
        values = replace(before, **given)
        if behind:
            values = replace(values, facility_details=_with(values.facility_details, behind))
        if station and values.county_code != station.county_code and "town_code" not in given:
            values = replace(values, town_code=None)
        if not one.red:
            one.problems += register_rules.problems_with_station(values)
        if not one.red:
            self._check(one, station, values, code, status)
        if not one.red and not station:
            self._compare(one, values, another=another)
        outcome = RowOutcome(one.row.number, "refused", values.name, problems=tuple(one.problems))
        if one.red:
            return replace(outcome, cells=tuple(one.row.cells))
        if station:
            return self._change(outcome, station, values, union if word else None, status)
        self.entries.append(register_commands.Entry(values, union.id, status or StationStatus.OPEN, code))
        return replace(outcome, result="loaded")

    def _union(self, word: str | None, one: Parsed) -> Union:
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

    def _town(self, word: str, county_code: str | None, one: Parsed) -> str | None:
        town = rules.find_town(word, self.towns.get(county_code, ()))
        if town is None and county_code:
            county = self.county_names.get(county_code, ("", county_code))[1]
            says = text(N_("%(town)s is no town or street of %(county)s that we know."), town=word, county=county)
            one.problems.append(Problem("town_unknown", says, field="town_code"))
        return town

    def _check(
        self, one: Parsed, station: Station | None, values: StationValues, code: str | None, status: StationStatus | None
    ) -> None:
        """What needs the register: whose it is, whether the place is free, whether the file says it twice."""
        place = (values.county_code, values.name, values.address)
        there = self.by_place.get(place)
        if station and station.union_id not in self.own:
            taken = register_rules.problems_with_code(station.code, None, taken=True)
            one.problems += taken if code else [register_rules.twin(station.code)]
        elif there and there is not station:
            one.problems.append(register_rules.twin(there.code))
        elif code and not station:
            one.problems += register_rules.problems_with_code(code, values.county_code, taken=False)
        if station and status and status is not station.status:
            one.problems += register_rules.problems_with_status(station.status, status)
        for known in filter(None, (place, code)):
            if known in self.seen:
                says = text(N_("Row %(number)s is the same station."), number=self.seen[known])
                one.problems.append(Problem("said_twice", says))
                break
            if not one.red:
                self.seen[known] = one.row.number

    def _compare(self, one: Parsed, values: StationValues, *, another: bool) -> None:
        """A new station that looks like one that is there, or like an earlier row, is asked about, not added."""
        name = self._normal(values.name, values.county_code)
        where = (values.county_code, name, _wgs84(values.lat, values.lng, values.crs))
        if not another:
            if found := self.in_register.find(*where):
                one.problems.append(rules.looks_the_same(found[0], near=found[1]))
            elif found := self.in_file.find(*where):
                one.problems.append(rules.row_looks_the_same(found[0], near=found[1]))
        if not one.red:
            self.in_file.add(one.row.number, *where)

    def _change(
        self,
        outcome: RowOutcome,
        station: Station,
        values: StationValues,
        union: Union | None,
        status: StationStatus | None,
    ) -> RowOutcome:
        moved = union.id if union else None
        new_status = status if status and status is not station.status else None
        if self.dry:
            changes: Any = values != register_rules.values_of(station) or (moved and moved != station.union_id) or new_status
        else:
            changes = register_commands.apply_values(station=station, values=values, by=self.by, union_id=moved)
        if new_status and not self.dry:
            register_commands.apply_status(station=station, status=new_status, by=self.by)
            changes["status"] = [new_status]
        return replace(outcome, result="updated" if changes else "unchanged", code=station.code)


def _with(details: tuple[FacilityDetail, ...], behind: tuple[FacilityDetail, ...]) -> tuple[FacilityDetail, ...]:
    """What stands in brackets behind a facility, over what was stated before; hours of its own stay."""
    known = {one.facility: one for one in details}
    for one in behind:
        old = known.get(one.facility, one)
        price, note = old.price if one.price is None else one.price, one.note or old.note
        known[one.facility] = replace(old, price=price, note=note)
    return tuple(known.values())
