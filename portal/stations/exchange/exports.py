"""The register as a file that can be loaded again, the template, and the rows that were refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from portal.stations.exchange.rules import ANOTHER, EXPORTED, HEADERS, READ, READ_ALSO, REASON, WORDS, in_workbook
from portal.stations.hours.rules import HolidayRule
from portal.stations.register import rules
from portal.stations.register.models import (
    BuildMode,
    Carriageway,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.register.rules import FacilityDetail
from portal.stations.wording.rules import hours_as_text
from portal.tables import Column
from portal.types import N_, Word, text
from portal.vocabulary import BasicService

WIDE = {
    "name": 28, "address": 40, "hours": 40, "facilities": 50, "facility_details": 40, "services": 50, "union": 24, "phones": 24,
}  # fmt: skip
# Columns whose cells hold one word of a list: the template offers the list.
_CHOICES: dict[str, type[Word]] = {
    "kind": StationKind,
    "status": StationStatus,
    "tier": StationTier,
    "grade": StationGrade,
    "build_mode": BuildMode,
    "crs": CoordinateSystem,
    "holiday_rule": HolidayRule,
    "carriageway": Carriageway,
    "default_service": BasicService,
}
_LISTS: dict[str, type[Word]] = {"facilities": Facility, "services": BasicService}
_AS_TEXT = ("lng", "lat", "area_m2", "max_height_m", "max_weight_t")

COLUMNS = tuple(Column(HEADERS[name][0], WIDE.get(name, 14)) for name in EXPORTED)


def station_rows(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """The cells under `COLUMNS` of each (station, union code, county name, city name)."""
    return (_cells(*row) for row in rows)


def _cells(station: Station, union_code: str, county: str, city: str) -> list[Any]:
    values = rules.values_of(station)
    written: dict[str, Any] = {
        "code": station.code,
        "union": union_code,
        "city": city,
        "county_code": county,
        "hours": hours_as_text(values.hours),
        "facilities": "、".join(in_workbook(one) for one in values.facilities),
        "facility_details": "\n".join(map(_detail, values.facility_details)),
        "services": "、".join(in_workbook(one) for one in values.services),
        "phones": rules.phones_as_text(values.phones),
        "status": in_workbook(station.status),
    }
    cells = []
    for name in EXPORTED:
        value = written[name] if name in written else getattr(values, name)
        if isinstance(value, Word):
            value = in_workbook(value)
        # Degrees and square metres are no money: text keeps every digit, and the import reads text.
        cells.append(str(value) if name in _AS_TEXT and value is not None else value)
    return cells


def _detail(one: FacilityDetail) -> str:
    price = "" if one.price is None else f"{_plain(one.price)}元" if one.price else "免费"
    return "|".join((in_workbook(one.facility), price, hours_as_text(one.hours), one.note or "")).rstrip("|")


def _plain(price: Decimal) -> str:
    return format(price, "f").rstrip("0").rstrip(".") if "." in format(price, "f") else format(price, "f")


# --- the template ----------------------------------------------------------------------------------------

_NEEDED = N_("Needed for a new station.")
_EXPLAINED: dict[str, str] = {
    "code": N_("Leave it empty for a new station; with the code of one that is there, that one is changed."),
    "name": _NEEDED,
    "union": N_("Code or whole name; empty: the union that is chosen when loading."),
    "city": N_("Only where two counties bear the same name."),
    "county_code": N_("Name or code of the county, district or functional zone. Needed for a new station."),
    "address": _NEEDED,
    "lng": N_("In degrees; the next column gives the other half, 坐标系 the system."),
    "crs": N_("Without it the point is left out. It can also be chosen once for the whole file when loading."),
    "hours": N_(
        "24小时; 08:30-22:00; 工作日 9:00-17:00; 周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00; 22:00-次日06:00(自助)."
    ),
    "facilities": N_("Several with 、 between them; a price or note in brackets: 淋浴(5元)."),
    "facility_details": N_("One line for each facility: name|price|hours|note, such as 淋浴|5元|09:00-21:00|限30分钟."),
    "services": N_("Several with 、 between them."),
    "phones": N_("Several one below the other or with 、 between them; whose number it is may stand behind it."),
    ANOTHER: N_("是 when a row looks like a station that is there and is another one all the same."),
}


def template_columns() -> list[Column]:
    """The columns of an empty workbook, with the words that may be chosen."""
    columns = []
    for name in (*HEADERS, ANOTHER):
        words = _CHOICES.get(name)
        choices = tuple(in_workbook(one) for one in WORDS[words]) if words else ("是",) if name == ANOTHER else ()
        columns.append(Column(READ[name][0], WIDE.get(name, 14), choices))
    return columns


def explanation() -> tuple[list[Column], list[Sequence[Any]]]:
    """Columns and rows of the sheet that explains the template."""
    rows: list[Sequence[Any]] = []
    for name, said in (HEADERS | READ_ALSO).items():
        words = (_CHOICES | _LISTS).get(name)
        spelled = "、".join(in_workbook(one) for one in WORDS[words]) if words else ""
        rows.append([said[0], text(_EXPLAINED[name]) if name in _EXPLAINED else "", spelled, "、".join(said[1:])])
    titles = ((N_("Column"), 18), (N_("What to write"), 70), (N_("Words"), 70), (N_("Also read as"), 50))
    return [Column(text(title), width) for title, width in titles], rows


# --- what was refused --------------------------------------------------------------------------------------


def refused_table(report: dict[str, Any]) -> tuple[list[Column], list[list[str]]]:
    """Columns and rows of what was refused, as it came, each row with the reason: to be put right and sent again.

    Where a row looked like another station, the columns that answer stand ready beside it.
    """
    kept = [place for place, title in enumerate(report["head"]) if title and title != REASON]
    columns = [Column(report["head"][place], 18) for place in kept]
    refused = [row for row in report["rows"] if row["refused"]]
    titles = {report["head"][place] for place in kept}
    added = []
    if any(row.get("twin") for row in refused):
        added = [READ[name][0] for name in ("code", ANOTHER) if not titles & set(READ[name])]
    rows = [[*(row["cells"][place] for place in kept), *("" for _ in added), "；".join(row["says"])] for row in refused]
    return [*columns, *(Column(title, 14) for title in added), Column(REASON, 60)], rows
