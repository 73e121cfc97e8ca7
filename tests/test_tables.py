"""Workbooks we write: types arrive as types, text stays text, memory stays small."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from portal.access import Role
from portal.tables import Column, workbook
from portal.types import text


def read(file):
    return CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()


def test_types_arrive_as_types(app):
    with app.test_request_context():
        rows = [
            (
                "甲",
                3,
                Decimal("1234.50"),
                date(2026, 2, 28),
                datetime(2026, 12, 31, 16, 30, tzinfo=UTC),
                None,
                True,
                Role.HOST,
            )
        ]
        columns = [Column(f"c{number}") for number in range(7)] + [Column(text("Role"), 30)]
        head, row = read(workbook(columns, rows, "名单"))
    assert head[:2] == ["c0", "c1"] and row[:3] == ["甲", 3.0, 1234.5]
    assert row[3] == date(2026, 2, 28)
    assert row[4] == datetime(2027, 1, 1, 0, 30)  # Asia/Shanghai
    assert row[5] == "" and isinstance(row[6], str) and isinstance(row[7], str)


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "http://x.example", "00123", "{=1}"],
)
def test_text_stays_text(app, value):
    with app.test_request_context():
        file = workbook([Column("a")], [(value,)])
    with ZipFile(file) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet and "<hyperlink" not in sheet
    file.seek(0)
    assert read(file)[1][0].strip() == value.strip()


def test_the_name_of_a_sheet_may_be_anything(app):
    with app.test_request_context():
        for name in ("a/b:c*d?e[f]g\\h", "x" * 99, "", "'quoted"):
            assert read(workbook([Column("a")], [("b",)], name)) == [["a"], ["b"]]


def test_rows_are_written_out_one_by_one(app):
    with app.test_request_context():
        rows = ((f"第 {number} 行", number) for number in range(20_000))
        tracemalloc.start()
        file = workbook([Column("a"), Column("b")], rows)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 20_000_000
    assert len(read(file)) == 20_001
