"""Spreadsheets, both ways: workbooks written with XlsxWriter, uploads read with python-calamine."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO, StringIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import python_calamine
import xlsxwriter

from portal import archives, clock
from portal.archives import MAX_BYTES, MAX_CELLS, MAX_COLUMNS, MAX_ROWS, Unreadable, damaged, wrong_kind
from portal.i18n import say
from portal.types import N_, Text, Word, text, tidy

# --- writing -------------------------------------------------------------------------------------------------------

IN_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True)
class Column:
    """A column of an export: its title (said in the reader's language), its width in characters, the words it offers."""

    title: str | Text
    width: int = 16
    choices: tuple[str, ...] = ()


Table = tuple[Sequence[Column], Iterable[Sequence[Any]], str]
OFFERED_ROWS = 2000  # how far down an empty workbook offers its words


def workbook(
    columns: Sequence[Column], rows: Iterable[Sequence[Any]], sheet: str = "Sheet1", *, beside: Sequence[Table] = ()
) -> IO[bytes]:
    """A workbook as an open file at its beginning: head row frozen, text stays text; ``beside`` are further sheets.

    Cells are written by their type: numbers, money with two decimals, days, moments in Asia/Shanghai, words in the
    reader's language. What begins with = + - @ is text like any other. Rows may be a generator: each is written out
    before the next is asked for, so memory does not grow with them.
    """
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the answer streams from it and closes it
    book = xlsxwriter.Workbook(
        file,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    head = book.add_format({"bold": True, "bottom": 1})
    formats = {
        Decimal: book.add_format({"num_format": "#,##0.00"}),
        date: book.add_format({"num_format": "yyyy-mm-dd"}),
        datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
    }
    for titles, lines, wanted in ((columns, rows, sheet), *beside):
        name = "".join(sign for sign in wanted if sign not in "[]:*?/\\")[:31].strip("'")
        _write(book.add_worksheet(name or "Sheet1"), titles, lines, head, formats)
    book.close()
    file.seek(0)
    return file


def _write(page: Any, columns: Sequence[Column], rows: Iterable[Sequence[Any]], head: Any, formats: dict[type, Any]) -> None:
    page.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        page.set_column(place, place, column.width)
        page.write_string(0, place, say(column.title), head)
        if column.choices:  # a warning, no wall: our own spellings are offered, others are read too
            offered = {"validate": "list", "source": list(column.choices), "error_type": "warning"}
            page.data_validation(1, place, OFFERED_ROWS, place, offered)
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            _cell(page, number, place, value, formats)


def text_file(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    """A CSV file in UTF-8 with its mark, as an open file at its beginning: what could be a formula has ' before it."""
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the answer streams from it and closes it
    lines = StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow([say(column.title) for column in columns])
    file.write(b"\xef\xbb\xbf")
    for row in rows:
        writer.writerow([_in_text_file(value) for value in row])
        if lines.tell() > IN_MEMORY:
            file.write(lines.getvalue().encode())
            lines.seek(0)
            lines.truncate()
    file.write(lines.getvalue().encode())
    file.seek(0)
    return file


def _in_text_file(value: Any) -> str:
    if isinstance(value, bool | Word | Text):
        value = say(value)
    elif isinstance(value, datetime):
        value = value.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M")
    plain = "" if value is None else str(value)
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@", "\t", "\r", "'")) and isinstance(value, str) else plain


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

HEADER_WITHIN = 10  # rows above the headers: titles and remarks

_HEADER_NOISE = re.compile(r"\s|[*:：]|\([^()]*\)")


@dataclass(frozen=True)
class SheetRow:
    """One row that holds something: its number as the spreadsheet shows it, its cells, and those of known columns."""

    number: int
    cells: list[str]
    values: dict[str, str | None]


@dataclass(frozen=True)
class Sheet:
    """A table with headers: the headers as written, what each column was read as, those nobody knows, and the rows.

    ``sheet`` is the name of the sheet that was read, ``sheets`` those that could be; a text file has neither.
    """

    head: list[str]
    columns: list[str | None]
    names: frozenset[str]
    unknown: list[str]
    rows: list[SheetRow]
    sheet: str | None = None
    sheets: tuple[str, ...] = ()


Rows = list[tuple[int, list[str]]]


def read_sheet(content: bytes, headers: Mapping[str, Iterable[str]], wanted: str | None = None) -> Sheet:
    """Read a workbook or CSV whose columns stand in any order; ``headers`` gives each column's possible names.

    Of several sheets it is the one ``wanted``, otherwise the first that has a row with headers. What a cell merged over
    several rows says holds for each of them. The type is told from the content, never from the file's name. Raises Unreadable.
    """
    known = {_header(word): name for name, words in headers.items() for word in words}
    tables, sheets = _open(content)
    for sheet, rows in tables:
        if (wanted in (None, sheet) or sheet is None) and (place := _header_place(rows, known)) is not None:
            break
    else:
        examples = "、".join(next(iter(words)) for words in list(headers.values())[:4])
        raise Unreadable(text(N_("No row with headers was found, such as %(examples)s."), examples=examples))
    cells, body = rows[place][1], rows[place + 1 :]
    names = [known.get(_header(cell)) for cell in cells]
    found = [name for name in names if name]
    if twice := next((name for name in found if found.count(name) > 1), None):
        column = next(iter(headers[twice]))
        raise Unreadable(text(N_("Two columns are both read as “%(column)s”; keep one."), column=column))
    return Sheet(
        head=cells,
        columns=names,
        sheet=sheet,
        sheets=sheets,
        names=frozenset(found),
        unknown=[cell for cell, name in zip(cells, names, strict=True) if cell and not name],
        rows=[
            SheetRow(number, line, {name: tidy(value) for name, value in zip(names, line, strict=False) if name})
            for number, line in body
        ],
    )


def _header_place(rows: Rows, known: Mapping[str, str]) -> int | None:
    """Which of the first rows names the most columns, two at the least: titles and remarks stand above it."""
    counts = [len({known[word] for cell in cells if (word := _header(cell)) in known}) for _number, cells in rows[:HEADER_WITHIN]]
    return counts.index(max(counts)) if counts and max(counts) >= 2 else None


def read_rows(content: bytes) -> Rows:
    """The rows of the first sheet that hold something, with their numbers, every cell as text. Raises Unreadable."""
    return next(_open(content)[0])[1]


def _open(content: bytes) -> tuple[Iterator[tuple[str | None, Rows]], tuple[str, ...]]:
    """(sheet, rows) of every sheet that holds something, each read when it is asked for, and the names of the sheets."""
    if len(content) > MAX_BYTES:
        raise Unreadable(text(N_("The file is larger than 10 MB. Split it into several files.")))
    if content.startswith((archives.ZIP, archives.OLE)):
        archives.inspect(content)
        book = _workbook(content)
        shown = (one for one in book.sheets_metadata if one.visible is python_calamine.SheetVisibleEnum.Visible)
        sheets = tuple(one.name for one in shown)
        return _filled((name, _sheet_rows(book, name)) for name in sheets), sheets
    return _filled([(None, _text_rows(content))]), ()


def _filled(tables: Iterable[tuple[str | None, Rows]]) -> Iterator[tuple[str | None, Rows]]:
    any_rows = False
    for name, rows in tables:
        if found := [(number, cells) for number, cells in rows if any(cells)]:
            any_rows = True
            width = max(len(cells) for _number, cells in found)
            yield name, [(number, cells + [""] * (width - len(cells))) for number, cells in found]
    if not any_rows:
        raise Unreadable(text(N_("The file holds no rows.")))


def _header(value: str) -> str:
    return _HEADER_NOISE.sub("", tidy(value) or "").lower()


def _workbook(content: bytes) -> python_calamine.CalamineWorkbook:
    with _no_panic():
        return python_calamine.CalamineWorkbook.from_filelike(BytesIO(content))


def _sheet_rows(book: python_calamine.CalamineWorkbook, name: str) -> Rows:
    with _no_panic():
        sheet = book.get_sheet_by_name(name)
        rows = [[_plain(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
        merged = sheet.merged_cell_ranges or ()
    _fill_down(rows, merged)
    return list(enumerate(rows, start=1))


def _fill_down(rows: list[list[str]], merged: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """What a cell merged over several rows says, it says in each: the city that is written once for all its counties."""
    filled = 0
    for (top, left), (bottom, _right) in merged:
        if bottom == top or top >= len(rows) or left >= len(rows[top]) or not rows[top][left]:
            continue
        below = range(top + 1, min(bottom + 1, len(rows)))
        filled += len(below)
        if filled > MAX_CELLS:
            raise damaged()
        for number in below:
            if left < len(rows[number]) and any(rows[number]):
                rows[number][left] = rows[top][left]


@contextmanager
def _no_panic() -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the Rust reader is no Exception
        raise damaged() from error


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
                raise wrong_kind()
            rows.append((number, [cell.strip().removeprefix("'") for cell in row]))  # ' before a cell says: text
    except csv.Error as error:
        raise damaged() from error
    return rows


def _decode(content: bytes) -> str:
    """Text in UTF-8, in UTF-16 with its mark, or in GB 18030 as older spreadsheets write it."""
    if content.startswith((b"%PDF", b"{\\rtf", b"\x1f\x8b", b"Rar!", b"7z")):
        raise wrong_kind()
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            decoded = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(decoded) or decoded.lstrip().startswith("<"):
            raise wrong_kind()
        return decoded
    raise wrong_kind()


_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
