"""Reading workbooks and text files: what is taken, and what is refused before it can do harm."""

from __future__ import annotations

import time
import tracemalloc
import zipfile
from datetime import date, datetime
from io import BytesIO

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from portal import tables
from portal.tables import Unreadable, read_rows, read_sheet

HEADERS = {"name": ("名称", "站名"), "phone": ("电话",), "area_m2": ("面积", "面积m2")}


def workbook(rows, **options) -> bytes:
    file = BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, **options})
    page = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for number, row in enumerate(rows):
        for place, value in enumerate(row):
            if isinstance(value, date):
                page.write_datetime(number, place, value, day)
            elif value is not None:
                page.write(number, place, value)
    book.close()
    return file.getvalue()


def archive(members: dict[str, bytes], base: bytes | None = None) -> bytes:
    """A workbook with parts replaced or added, well compressed."""
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(base or workbook([("名称", "电话"), ("a", "1")]))) as old:
        parts = {name: old.read(name) for name in old.namelist()} | members
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name, content in parts.items():
            new.writestr(name, content)
    return file.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(Unreadable) as trouble:
        read_rows(content)
    return str(trouble.value.says)


# --- what is read ------------------------------------------------------------------------------------


def test_cells_as_a_person_sees_them():
    days = (date(2026, 5, 1), datetime(2026, 5, 1, 8, 30))
    rows = read_rows(workbook([("文字 ", 37165506000, 113.54724, 12.0, True, 1e21, "=1+1", *days)]))
    said = ["文字", "37165506000", "113.54724", "12", "True", "1" + "0" * 21, "=1+1", "2026-05-01", "2026-05-01 08:30"]
    assert rows == [(1, said)]


def test_rows_keep_their_numbers_and_empty_ones_fall_away():
    rows = read_rows(workbook([[None], ["名称", "电话"], [None, None], ["  ", None], ["a", "1", "x"]]))
    assert rows == [(2, ["名称", "电话", ""]), (5, ["a", "1", "x"])]


def test_only_the_first_visible_sheet_with_rows_counts():
    file = BytesIO()
    book = xlsxwriter.Workbook(file)
    hidden, empty, full = (book.add_worksheet() for _ in range(3))
    hidden.write(0, 0, "hidden")
    hidden.hide()
    empty.activate()
    full.write(0, 0, "full")
    book.close()
    assert read_rows(file.getvalue()) == [(1, ["full"])]


def test_headers_in_any_order_and_spelling():
    sheet = read_sheet(
        workbook([["2026 年驿站台账"], [], ["备注", "站 名*", "面 积（㎡）", "电话："], ["x", "ＡＢ驿站", "２０", None]]),
        HEADERS,
    )
    assert sheet.names == {"name", "area_m2", "phone"}
    assert sheet.unknown == ["备注"]
    assert [(row.number, row.values) for row in sheet.rows] == [(4, {"name": "AB驿站", "area_m2": "20", "phone": None})]
    assert sheet.rows[0].cells == ["x", "ＡＢ驿站", "２０", ""]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_files(encoding, delimiter):
    content = f'名称{delimiter}电话\r\n"花园路{delimiter}一号"{delimiter}12351\r\n'.encode(encoding)
    assert read_rows(content) == [(1, ["名称", "电话"]), (2, [f"花园路{delimiter}一号", "12351"])]


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no rows"),
        (b" \n\n", "holds no rows"),
        (workbook([]), "holds no rows"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "neither an Excel workbook"),
        (b"%PDF-1.7", "neither an Excel workbook"),
        (b"\x89PNG\r\n\x1a\n\x00", "neither an Excel workbook"),
        (b"<html><table></table></html>", "neither an Excel workbook"),
        (b"\xff\xff\xff", "neither an Excel workbook"),
        (b"PK\x03\x04" + bytes(40), "damaged"),
        (workbook([("a", "b")])[:-100], "damaged"),
        (b"x" * (tables.MAX_BYTES + 1), "larger than 10 MB"),
        (("名称,电话\n" + "a,1\n" * (tables.MAX_ROWS + 1)).encode(), "more than 100000 rows"),
        (archive({"xl/vbaProject.bin": b"macro"}), "macros"),
        (archive({"xl/workbook.xml": b"<workbook"}), "damaged"),
        (
            archive({"xl/sharedStrings.xml": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><sst/>'}),
            "damaged",
        ),
    ],
)
def test_files_that_are_no_table(content, reason):
    assert reason in refused(content)


def quick(content: bytes) -> str:
    """The reason of a refusal that took little work: a tenth of a second to a bit more than one here."""
    began = time.process_time()
    reason = refused(content)
    assert time.process_time() - began < 8
    return reason


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


def test_a_bomb_is_refused_by_what_it_declares():
    assert "unpacks to far more" in quick(archive({"xl/worksheets/sheet1.xml": b" " * 110_000_000}))
    assert "unpacks to far more" in quick(archive({"xl/media/x.png": bytes(20_000_000)}))


def test_a_bomb_that_lies_about_its_size_is_refused():
    content = bytearray(archive({"xl/worksheets/sheet1.xml": b" " * 50_000_000}))
    with zipfile.ZipFile(BytesIO(bytes(content))) as book:
        entry = book.getinfo("xl/worksheets/sheet1.xml")
    true = entry.file_size.to_bytes(4, "little")
    assert content.count(true) == 2  # before the part and in the directory
    content = bytes(content).replace(true, (1000).to_bytes(4, "little"))
    assert "damaged" in quick(content)


def test_a_million_empty_rows_are_refused():
    rows = b"".join(b'<row r="%d"/>' % number for number in range(1, 1_000_001))
    assert "more than 100000 rows" in quick(archive({"xl/worksheets/sheet1.xml": SHEET % rows}))


def test_a_million_formatted_rows_are_refused():
    rows = b"".join(b'<row r="%d"><c r="A%d" s="1"/></row>' % (n, n) for n in range(1, 1_000_001))
    assert "more than 100000 rows" in quick(archive({"xl/worksheets/sheet1.xml": SHEET % rows}))


def test_looking_through_costs_little_memory():
    rows = b"".join(b'<row r="%d"><c r="A%d" s="1"/></row>' % (n, n) for n in range(1, 110_000))
    content = archive({"xl/worksheets/sheet1.xml": SHEET % rows})
    tracemalloc.start()
    refused(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 1024 * 1024


@pytest.mark.parametrize("place", ["A1048576", "XFD1", "XFD1048576"])
def test_a_lone_cell_far_away_is_refused(place):
    cell = f'<row><c s="0" r="{place}"><v>1</v></c></row>'.encode()
    reason = quick(archive({"xl/worksheets/sheet1.xml": SHEET % cell}))
    assert "more than 100000 rows" in reason or "wider than 300 columns" in reason


def test_cells_without_a_place_are_counted():
    cells = b"<row>" + b"".join(b"<c><v>%d</v></c>" % n for n in range(tables.MAX_CELLS + 1)) + b"</row>"
    assert "wider than" in quick(archive({"xl/worksheets/sheet1.xml": SHEET % cells}))


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(content):
    try:
        read_sheet(content, HEADERS)
    except Unreadable as trouble:
        assert str(trouble.says)


WHOLE = workbook([("名称", "电话"), ("花园路驿站", "12351")])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_flipped_byte_is_read_or_refused(place, change):
    content = bytearray(WHOLE)
    content[place] ^= change
    try:
        read_sheet(bytes(content), HEADERS)
    except Unreadable as trouble:
        assert str(trouble.says)
