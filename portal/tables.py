"""Spreadsheets, both ways: workbooks written with XlsxWriter, uploads read with python-calamine."""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO, StringIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import python_calamine
import xlsxwriter

from portal import clock
from portal.i18n import say
from portal.types import N_, Text, Word, text, tidy

# --- writing -------------------------------------------------------------------------------------------------------

IN_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True)
class Column:
    """A column of an export: its title (said in the reader's language) and its width in characters."""

    title: str | Text
    width: int = 16


def workbook(columns: Sequence[Column], rows: Iterable[Sequence[Any]], sheet: str = "Sheet1") -> IO[bytes]:
    """A workbook of one sheet as an open file at its beginning: head row frozen, text stays text.

    Cells are written by their type: numbers, money with two decimals, days, moments in Asia/Shanghai, words in the
    reader's language. What begins with = + - @ is text like any other. Rows may be a generator: each is written out
    before the next is asked for, so memory does not grow with them.
    """
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the answer streams from it and closes it
    book = xlsxwriter.Workbook(
        file,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    name = "".join(sign for sign in sheet if sign not in "[]:*?/\\")[:31].strip("'")
    page = book.add_worksheet(name or "Sheet1")
    head = book.add_format({"bold": True, "bottom": 1})
    formats = {
        Decimal: book.add_format({"num_format": "#,##0.00"}),
        date: book.add_format({"num_format": "yyyy-mm-dd"}),
        datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
    }
    page.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        page.set_column(place, place, column.width)
        page.write_string(0, place, say(column.title), head)
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            _cell(page, number, place, value, formats)
    book.close()
    file.seek(0)
    return file


def _cell(page: Any, row: int, place: int, value: Any, formats: dict[type, Any]) -> None:
    if value is None or value == "":
        return
    if isinstance(value, bool | Word | Text):
        page.write_string(row, place, say(value))
    elif isinstance(value, Decimal):
        page.write_number(row, place, value, formats[Decimal])
    elif isinstance(value, int | float):
        page.write_number(row, place, value)
    elif isinstance(value, datetime):
        page.write_datetime(row, place, value.astimezone(clock.SHANGHAI).replace(tzinfo=None), formats[datetime])
    elif isinstance(value, date):
        page.write_datetime(row, place, value, formats[date])
    else:
        page.write_string(row, place, str(value))


# --- reading -------------------------------------------------------------------------------------------------------

MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED = 100 * 1024 * 1024
MAX_RATIO = 250  # a sheet of equal rows packs to a fiftieth; a bomb to a thousandth
MAX_MEMBERS = 2_000
MAX_ROWS = 100_000
MAX_COLUMNS = 300
MAX_CELLS = 2_000_000
LONGEST_TEXT = 1024 * 1024
HEADER_WITHIN = 10  # rows above the headers: titles and remarks

_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_PLACE = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Za-z]{1,3})(\d{1,7})[\"']")
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_HEADER_NOISE = re.compile(r"\s|[*:：]|\([^()]*\)")


class Unreadable(Exception):
    """A file that cannot be read as a table; ``says`` tells why, and what to do."""

    def __init__(self, says: Text) -> None:
        super().__init__(str(says))
        self.says = says


@dataclass(frozen=True)
class SheetRow:
    """One row that holds something: its number as the spreadsheet shows it, its cells, and those of known columns."""

    number: int
    cells: list[str]
    values: dict[str, str | None]


@dataclass(frozen=True)
class Sheet:
    """A table with headers: the headers as written, the column names found, those nobody knows, and the rows."""

    head: list[str]
    names: frozenset[str]
    unknown: list[str]
    rows: list[SheetRow]


def read_sheet(content: bytes, headers: Mapping[str, Iterable[str]]) -> Sheet:
    """Read a workbook or CSV whose columns stand in any order; ``headers`` gives each column's possible names.

    The type is told from the content, never from the file's name. Raises Unreadable.
    """
    known = {_header(word): name for name, words in headers.items() for word in words}
    rows = read_rows(content)
    for above, (_number, cells) in enumerate(rows[:HEADER_WITHIN], start=1):
        names = [known.get(_header(cell)) for cell in cells]
        if sum(name is not None for name in names) >= 2:
            body = rows[above:]
            break
    else:
        examples = "、".join(next(iter(words)) for words in list(headers.values())[:4])
        raise Unreadable(text(N_("No row with headers was found, such as %(examples)s."), examples=examples))
    found = [name for name in names if name]
    if twice := next((name for name in found if found.count(name) > 1), None):
        column = next(iter(headers[twice]))
        raise Unreadable(text(N_("Two columns are both read as “%(column)s”; keep one."), column=column))
    return Sheet(
        head=cells,
        names=frozenset(found),
        unknown=[cell for cell, name in zip(cells, names, strict=True) if cell and not name],
        rows=[
            SheetRow(number, line, {name: tidy(value) for name, value in zip(names, line, strict=False) if name})
            for number, line in body
        ],
    )


def read_rows(content: bytes) -> list[tuple[int, list[str]]]:
    """The rows of the first sheet that hold something, with their numbers, every cell as text. Raises Unreadable."""
    if len(content) > MAX_BYTES:
        raise Unreadable(text(N_("The file is larger than 10 MB. Split it into several files.")))
    if content.startswith(b"PK\x03\x04"):
        _inspect_archive(content)
        rows = _workbook_rows(content)
    else:
        rows = _text_rows(content)
    found = [(number, cells) for number, cells in rows if any(cells)]
    if not found:
        raise Unreadable(text(N_("The file holds no rows.")))
    width = max(len(cells) for _number, cells in found)
    return [(number, cells + [""] * (width - len(cells))) for number, cells in found]


def _header(value: str) -> str:
    return _HEADER_NOISE.sub("", tidy(value) or "").lower()


def _inspect_archive(content: bytes) -> None:
    """Unpack a workbook to nothing, within limits, before anybody reads it: sizes that a directory declares may lie."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            if "xl/workbook.xml" not in names:
                raise _wrong_kind()
            if any(name.endswith(("vbaProject.bin", ".vbs")) for name in names):
                raise Unreadable(text(N_("The workbook holds macros. Save it as .xlsx without macros.")))
            sizes = [(member.file_size, member.compress_size) for member in members]
            if (
                len(members) > MAX_MEMBERS
                or sum(size for size, _packed in sizes) > MAX_UNPACKED
                or any(size > 1024 * 1024 and size > MAX_RATIO * packed for size, packed in sizes)
            ):
                raise Unreadable(text(N_("The workbook unpacks to far more than a table needs.")))
            for member in members:
                with archive.open(member) as stream:
                    _inspect_member(stream)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise _damaged() from error


def _inspect_member(stream: IO[bytes]) -> None:
    """Look through one part: no entity tricks, and no more rows, columns or lone far cells than we will hold."""
    rows, cells, last_row, last_column, rest = 0, 0, 0, 0, b""
    while chunk := stream.read(1024 * 1024):
        chunk = rest + chunk
        # A tag may be cut in two by the chunk: what follows the last ">" waits for the next one.
        end = chunk.rfind(b">") + 1
        chunk, rest = (chunk[:end], chunk[end:]) if end else (chunk, b"")
        if b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk or len(rest) > LONGEST_TEXT:
            raise _damaged()
        rows += len(_ROW.findall(chunk))
        cells += len(_CELL.findall(chunk))
        for letters, number in _PLACE.findall(chunk):
            last_row = max(last_row, int(number))
            if len(letters) > 1:
                last_column = max(last_column, _column_number(letters))
        if max(rows, last_row) > MAX_ROWS:
            says = N_("The sheet goes on for more than %(most)s rows, even if they look empty. Delete what is below.")
            raise Unreadable(text(says, most=MAX_ROWS))
        if last_column > MAX_COLUMNS or max(cells, last_row * last_column) > MAX_CELLS:
            says = N_("The sheet is wider than %(most)s columns. Delete what stands beside the table.")
            raise Unreadable(text(says, most=MAX_COLUMNS))


def _column_number(letters: bytes) -> int:
    number = 0
    for sign in letters.upper():
        number = number * 26 + sign - 64
    return number


def _workbook_rows(content: bytes) -> list[tuple[int, list[str]]]:
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(content))
        for sheet in book.sheets_metadata:
            if sheet.visible is not python_calamine.SheetVisibleEnum.Visible:
                continue
            rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            if rows:
                return [(number, [_plain(cell) for cell in row]) for number, row in enumerate(rows, start=1)]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the Rust reader is no Exception
        raise _damaged() from error
    return []


def _plain(cell: Any) -> str:
    """A cell as a person sees it: 37165506000.0 is 37165506000, a day is 2026-11-20."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float):
        return format(Decimal(repr(cell)), "f").removesuffix(".0")
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "minutes")
    if isinstance(cell, time):
        return cell.isoformat("minutes")
    return str(cell)


def _text_rows(content: bytes) -> list[tuple[int, list[str]]]:
    decoded = _decode(content)
    first = decoded.lstrip().split("\n", 1)[0]
    delimiter = max(",\t;", key=first.count)
    rows = []
    try:
        reader = csv.reader(StringIO(decoded, newline=""), delimiter=delimiter)
        for number, row in enumerate(reader, start=1):
            if number > MAX_ROWS:
                says = N_("The file has more than %(most)s rows. Split it into several files.")
                raise Unreadable(text(says, most=MAX_ROWS))
            if len(row) > MAX_COLUMNS:
                raise _wrong_kind()
            rows.append((number, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise _damaged() from error
    return rows


def _decode(content: bytes) -> str:
    """Text in UTF-8, in UTF-16 with its mark, or in GB 18030 as older spreadsheets write it."""
    if content.startswith((b"\xd0\xcf\x11\xe0", b"%PDF", b"{\\rtf", b"\x1f\x8b", b"Rar!", b"7z")):
        raise _wrong_kind()
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            decoded = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(decoded) or decoded.lstrip().startswith("<"):
            raise _wrong_kind()
        return decoded
    raise _wrong_kind()


_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")


def _wrong_kind() -> Unreadable:
    says = N_("This is neither an Excel workbook (.xlsx) nor a CSV file. Save it as .xlsx and send it again.")
    return Unreadable(text(says))


def _damaged() -> Unreadable:
    says = N_("The file is damaged or protected. Open it in Excel, save it as .xlsx and send it again.")
    return Unreadable(text(says))
