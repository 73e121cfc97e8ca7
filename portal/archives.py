"""What is looked at in an uploaded workbook before anybody reads it: a small file can hold far more than it seems.

Three kinds are let through: Office Open XML (.xlsx), OpenDocument (.ods), and the older binary workbook (.xls). Each is looked
through in portions, without building anything from it, for what would fill memory, and for macros.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from portal.types import N_, Text, text

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED = 100 * 1024 * 1024
MAX_RATIO = 250  # a sheet of equal rows packs to a fiftieth; a bomb to a thousandth
MAX_MEMBERS = 2_000
MAX_ROWS = 100_000
MAX_COLUMNS = 300
MAX_CELLS = 2_000_000
LONGEST_TEXT = 1024 * 1024

_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_PLACE = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Za-z]{1,3})(\d{1,7})[\"']")
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_ODS_TAG = re.compile(rb"<table:(table|table-row|table-cell|covered-table-cell)(\s[^>]*?)?(/?)>")
_REPEATED = re.compile(rb"number-(?:rows|columns)-repeated=[\"'](\d{1,9})[\"']")


class Unreadable(Exception):
    """A file that cannot be read as a table; ``says`` tells why, and what to do."""

    def __init__(self, says: Text) -> None:
        super().__init__(str(says))
        self.says = says


def inspect(content: bytes) -> None:
    """Refuse a workbook that would hurt whoever opens it. Raises Unreadable."""
    if content.startswith(OLE):
        try:
            _inspect_binary(content)
        except (struct.error, IndexError) as error:
            raise wrong_kind() from error
    else:
        _inspect_archive(content)


def _inspect_archive(content: bytes) -> None:
    """Unpack a workbook to nothing, within limits, before anybody reads it: sizes that a directory declares may lie."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            opendocument = "xl/workbook.xml" not in names
            if opendocument and not {"mimetype", "content.xml"} <= names:
                raise wrong_kind()
            if any(name.endswith(("vbaProject.bin", ".vbs")) or name.startswith(("Basic/", "Scripts/")) for name in names):
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
                if opendocument and member.filename == "content.xml":
                    with archive.open(member) as stream:
                        _inspect_opendocument(stream)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        # zipfile's words for a compression it does not know (NotImplementedError) and a locked member (RuntimeError) too
        raise damaged() from error


def _inspect_member(stream: IO[bytes]) -> None:
    """Look through one part: no entity tricks, and no more rows, columns or lone far cells than we will hold."""
    rows, cells, last_row, last_column, rest = 0, 0, 0, 0, b""
    while chunk := stream.read(1024 * 1024):
        chunk = rest + chunk
        # A tag may be cut in two by the chunk: what follows the last ">" waits for the next one.
        end = chunk.rfind(b">") + 1
        chunk, rest = (chunk[:end], chunk[end:]) if end else (chunk, b"")
        if b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk or len(rest) > LONGEST_TEXT:
            raise damaged()
        rows += len(_ROW.findall(chunk))
        cells += len(_CELL.findall(chunk))
        for letters, number in _PLACE.findall(chunk):
            last_row = max(last_row, int(number))
            if len(letters) > 1:
                last_column = max(last_column, _column_number(letters))
        _within(max(rows, last_row), 0)
        _within(last_row, last_column, cells)


def _column_number(letters: bytes) -> int:
    number = 0
    for sign in letters.upper():
        number = number * 26 + sign - 64
    return number


def _within(rows: int, columns: int, cells: int = 0) -> None:
    if rows > MAX_ROWS:
        says = N_("The sheet goes on for more than %(most)s rows, even if they look empty. Delete what is below.")
        raise Unreadable(text(says, most=MAX_ROWS))
    if columns > MAX_COLUMNS or max(cells, rows * columns) > MAX_CELLS:
        says = N_("The sheet is wider than %(most)s columns. Delete what stands beside the table.")
        raise Unreadable(text(says, most=MAX_COLUMNS))


def _inspect_opendocument(stream: IO[bytes]) -> None:
    """One cell may say that it stands there a million times; only what follows the last cell with something in it is free."""
    row = column = height = 0
    rest = b""
    while chunk := stream.read(1024 * 1024):
        chunk = rest + chunk
        end = chunk.rfind(b">") + 1
        chunk, rest = (chunk[:end], chunk[end:]) if end else (chunk, b"")
        if len(rest) > LONGEST_TEXT:
            raise damaged()
        for kind, attributes, closed in _ODS_TAG.findall(chunk):
            times = max((int(one) for one in _REPEATED.findall(attributes)), default=1)
            if kind == b"table":
                row = column = height = 0
            elif kind == b"table-row":
                row, column, height = row + height, 0, times
            else:
                column += times
                if not closed or b"value-type" in attributes:
                    _within(row + height, column)


# --- the older binary workbook ---------------------------------------------------------------------------

_FREE = 0xFFFFFFFA  # from here on a sector number is a mark
_DIMENSIONS, _STRINGS, _SHEET, _END = 0x0200, 0x00FC, 0x0085, 0x000A
MOST_RECORDS = 2_000_000  # a workbook of 10 MB holds well under one million
_CELLS = frozenset({0x0006, 0x0201, 0x0203, 0x0204, 0x0205, 0x00BD, 0x00BE, 0x00D6, 0x00FD, 0x027E, 0x0406, 0x0206})


def _inspect_binary(content: bytes) -> None:
    """Walk the records of a binary workbook: cells give their row and column themselves, and one far cell is enough."""
    streams = _streams(content)
    if any(name.startswith(("_VBA_PROJECT", "Macros")) for name in streams):
        raise Unreadable(text(N_("The workbook holds macros. Save it as .xlsx without macros.")))
    book = streams.get("Workbook") or streams.get("Book")
    if not book:
        raise damaged() if "EncryptedPackage" in streams else wrong_kind()
    # A sheet begins where the book says, which may lie inside another record: each is walked from there as a reader would.
    places, steps = [0], 0
    for begins in places:
        steps = _walk(book, begins, places, steps)


def _walk(book: bytes, place: int, places: list[int], steps: int) -> int:
    """Look at the records from one place to its end mark; where sheets begin is added to ``places``. Answers all steps so far."""
    rows = columns = cells = 0
    while place + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, place)
        steps += 1
        if steps > MOST_RECORDS:
            raise damaged()
        if kind == _END:
            break
        if kind == _SHEET and length >= 4:
            places.append(struct.unpack_from("<I", book, place + 4)[0])
        elif kind in _CELLS and length >= 4:
            row, column = struct.unpack_from("<HH", book, place + 4)
            rows, columns, cells = max(rows, row + 1), max(columns, column + 1), cells + 1
            if kind in (0x00BD, 0x00BE) and length >= 6:  # several cells in one record: its last word is the last column
                columns = max(columns, struct.unpack_from("<H", book, place + 2 + length)[0] + 1)
            _within(rows, columns, cells)
        elif kind == _DIMENSIONS and length >= 10:
            _first, last, _left, right = struct.unpack_from("<IIHH" if length >= 14 else "<HHHH", book, place + 4)
            _within(last, right)
        elif kind == _STRINGS and length >= 8 and max(struct.unpack_from("<II", book, place + 4)) > len(book):
            raise damaged()  # more texts than bytes
        place += 4 + length
    return steps


def _streams(content: bytes) -> dict[str, bytes]:
    """The names of a compound file's streams, with the content of the workbook's alone. A chain that never ends is refused."""
    size, small = 1 << struct.unpack_from("<H", content, 30)[0], 1 << struct.unpack_from("<H", content, 32)[0]
    if size not in (512, 4096) or small != 64:
        raise wrong_kind()
    first_directory, _mark, cutoff, first_small = struct.unpack_from("<IIII", content, 48)
    table: list[int] = []
    for sector in _tables(content, size):
        table += struct.unpack_from(f"<{size // 4}I", content, (sector + 1) * size)

    def read(first: int) -> bytes:
        return b"".join(content[(one + 1) * size : (one + 2) * size] for one in _chain(first, table, len(content) // size))

    directory = read(first_directory)
    entries = [_entry(directory[place : place + 128]) for place in range(0, len(directory) - 127, 128)]
    small_table = struct.unpack(f"<{len(read(first_small)) // 4}I", read(first_small)) if first_small < _FREE else ()
    inner = next((read(first) for _name, kind, first, _length in entries if kind == 5 and first < _FREE), b"")
    found = dict.fromkeys((name for name, kind, _first, _length in entries if kind in (1, 2)), b"")
    for name, kind, first, length in entries:
        if kind != 2 or name not in ("Workbook", "Book") or found[name]:
            continue
        if length < cutoff:
            parts = _chain(first, small_table, len(inner) // small)
            found[name] = b"".join(inner[one * small : (one + 1) * small] for one in parts)[:length]
        else:
            found[name] = read(first)[:length]
    return found


def _tables(content: bytes, size: int) -> Iterator[int]:
    """The sectors in which the table of sectors stands: 109 in the header, more in a chain."""
    yield from (one for one in struct.unpack_from("<109I", content, 76) if one < _FREE)
    sector, seen = struct.unpack_from("<I", content, 68)[0], 0
    while sector < _FREE and seen <= len(content) // size:
        *listed, sector = struct.unpack_from(f"<{size // 4}I", content, (sector + 1) * size)
        yield from (one for one in listed if one < _FREE)
        seen += 1


def _chain(first: int, table: list[int] | tuple[int, ...], most: int) -> Iterator[int]:
    sector = first
    for _step in range(most + 1):
        if sector >= _FREE:
            return
        yield sector
        sector = table[sector]
    raise damaged()


def _entry(raw: bytes) -> tuple[str, int, int, int]:
    """(name, kind, first sector, length): kind 1 is a folder, 2 a stream, 5 the root."""
    length, kind = struct.unpack_from("<HB", raw, 64)
    name = raw[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
    return name, kind, *struct.unpack_from("<II", raw, 116)


def wrong_kind() -> Unreadable:
    """What to say of a file that is no table."""
    says = N_("This is neither an Excel workbook (.xlsx) nor a CSV file. Save it as .xlsx and send it again.")
    return Unreadable(text(says))


def damaged() -> Unreadable:
    """What to say of a file that cannot be opened."""
    says = N_("The file is damaged or protected. Open it in Excel, save it as .xlsx and send it again.")
    return Unreadable(text(says))
