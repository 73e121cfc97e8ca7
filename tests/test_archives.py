"""Uploaded OpenDocument and older binary workbooks: read where they are tables, refused where they would do harm."""

from __future__ import annotations

import contextlib
import struct
import time
import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.tables import Unreadable, read_rows

OPEN = (
    '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
    "<office:body><office:spreadsheet>%s</office:spreadsheet></office:body></office:document-content>"
)


def ods_cell(value: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string"{more}><text:p>{value}</text:p></table:table-cell>'


def ods(table: str, members: dict[str, str] | None = None) -> bytes:
    """An OpenDocument workbook of one sheet."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr("content.xml", OPEN % f'<table:table table:name="台账">{table}</table:table>')
        manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
        archive.writestr("META-INF/manifest.xml", manifest)
        for name, content in (members or {}).items():
            archive.writestr(name, content)
    return file.getvalue()


def record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def label(row: int, column: int, value: str) -> bytes:
    return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(value), 1) + value.encode("utf-16-le"))


def xls(cells: bytes, *, globals_: bytes = b"", also: str | None = None, sheet_at: int = 0) -> bytes:
    """An older binary workbook of one sheet: a header, the table of sectors, the directory, the stream."""
    begin = struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6)
    sheet = record(0x0809, begin[:2] + struct.pack("<H", 0x0010) + begin[4:]) + cells + record(0x000A, b"")
    name = "台账"
    bound = struct.pack("<IHBB", 0, 0, len(name), 1) + name.encode("utf-16-le")
    before = record(0x0809, begin) + record(0x0042, struct.pack("<H", 1200)) + globals_
    offset = len(before) + 4 + len(bound) + 4
    stream = before + record(0x0085, struct.pack("<I", offset + sheet_at) + bound[4:]) + record(0x000A, b"") + sheet
    length = max(4096, len(stream))
    sectors = -(-length // 512)
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, sectors + 2), 0xFFFFFFFE]
    assert len(table) <= 128, "one sector of the table is enough for these tests"
    header = OLE_HEAD + struct.pack("<IIIIIIII", 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)
    header += b"\xff" * (512 - len(header))
    entries = [("Root Entry", 5, 0xFFFFFFFE, 0), ("Workbook", 2, 2, length), *([(also, 1, 0, 0)] if also else ())]
    directory = b"".join(entry(number, *one) for number, one in enumerate(entries)).ljust(512, b"\0")
    sectors_table = struct.pack(f"<{len(table)}I", *table).ljust(512, b"\xff")
    return header + sectors_table + directory + stream.ljust(sectors * 512, b"\0")


SHEET_BEGINS = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 6))
HIDDEN = record(0x00FF, SHEET_BEGINS + label(0, 0, "x") + label(1, 60000, "y") + record(0x000A, b""))
OLE_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHHHIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0, 1)
NO = 0xFFFFFFFF


def entry(number: int, name: str, kind: int, first: int, length: int) -> bytes:
    said = (name + "\0").encode("utf-16-le")
    child = 1 if number == 0 else NO
    head = said.ljust(64, b"\0") + struct.pack("<HBBIII", len(said), kind, 1, NO, NO, child) + bytes(36)
    return head + struct.pack("<III", first, length, 0)


def refused(content: bytes) -> str:
    began = time.process_time()
    with pytest.raises(Unreadable) as trouble:
        read_rows(content)
    assert time.process_time() - began < 5
    return str(trouble.value.says)


ROW = f"<table:table-row>{ods_cell('名称')}{ods_cell('电话')}</table:table-row>"
FREE = '<table:table-cell table:number-columns-repeated="16384"/>'
END = f'<table:table-row table:number-rows-repeated="1048570">{FREE}</table:table-row>'
OFTEN = ' table:number-columns-repeated="%s"'


def test_an_opendocument_workbook_is_read():
    second = (
        f'<table:table-row>{ods_cell("花园路驿站")}<table:table-cell table:number-columns-repeated="16383"/></table:table-row>'
    )
    assert read_rows(ods(ROW + second + END)) == [(1, ["名称", "电话"]), (2, ["花园路驿站", ""])]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (ROW + END + ROW, "goes on for more than"),
        (f'<table:table-row table:number-rows-repeated="1000000">{ods_cell("x")}</table:table-row>', "goes on for more than"),
        (f"<table:table-row>{ods_cell('x', OFTEN % 16000)}</table:table-row>", "wider than"),
        (f'<table:table-row table:number-rows-repeated="90000">{ods_cell("x", OFTEN % 250)}</table:table-row>', "wider than"),
    ],
)
def test_an_opendocument_cell_that_says_it_stands_there_a_million_times(table, reason):
    assert reason in refused(ods(table))


def test_opendocument_macros_are_refused():
    assert "macros" in refused(ods(ROW, {"Basic/Standard/Module1.xml": "<x/>"}))


def test_an_older_binary_workbook_is_read():
    content = xls(label(0, 0, "名称") + label(0, 1, "电话") + label(2, 0, "花园路驿站"))
    assert read_rows(content) == [(1, ["名称", "电话"]), (3, ["花园路驿站", ""])]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (xls(label(0, 0, "x") + label(65535, 250, "y")), "wider than"),
        (xls(label(0, 0, "x") + label(1, 60000, "y")), "wider than"),
        (xls(record(0x0200, struct.pack("<IIHHH", 0, 2**31, 0, 256, 0)) + label(0, 0, "x")), "goes on for more than"),
        (xls(record(0x00BE, struct.pack("<HHHH", 0, 0, 0, 60000))), "wider than"),
        (xls(label(0, 0, "x"), globals_=record(0x00FC, struct.pack("<II", 1, 2**31 - 1))), "damaged"),
        (xls(label(0, 0, "x"), also="_VBA_PROJECT_CUR"), "macros"),
        (xls(HIDDEN, sheet_at=24), "wider than"),  # the sheet begins inside a record that means nothing
        (b"\xd0\xcf\x11\xe0" + bytes(600), "neither an Excel workbook"),
        (xls(label(0, 0, "x"))[:700], "neither an Excel workbook"),
    ],
)
def test_binary_workbooks_that_would_do_harm(content, reason):
    assert reason in refused(content)


def test_a_chain_of_sectors_that_bites_its_tail():
    content = bytearray(xls(label(0, 0, "x")))
    struct.pack_into("<I", content, 512 + 4 * 9, 2)  # the last sector leads back to the first
    assert "damaged" in refused(bytes(content))


@given(st.integers(0, 5000), st.binary(min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_changed_bytes_are_read_or_refused(place, change):
    content = bytearray(xls(label(0, 0, "名称") + label(1, 0, "x")))
    content[place : place + len(change)] = change
    with contextlib.suppress(Unreadable):
        read_rows(bytes(content))
