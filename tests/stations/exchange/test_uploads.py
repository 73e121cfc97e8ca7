"""Workbooks over HTTP: loading, the result with its refused rows, the export that can be loaded again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from io import BytesIO
from zipfile import ZipFile

import pytest
import python_calamine

from portal.stations.exchange.exports import HEADERS
from portal.stations.exchange.models import StationImport
from portal.stations.register.models import Station, StationGrade
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.stations.exchange.test_imports import CLEAN, HEAD, sheet


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def keeper(tree, client):
    client.set_cookie("language", "en")
    account = make_account([("keeper", tree.county)])
    sign_in_quickly(client, account)
    client.get("/staff/stations/import")
    return account


def upload(client, content: bytes, union_code: str = "410105", name: str = "驿站.xlsx", **more):
    return client.send("/staff/stations/import", {"union_code": union_code, "workbook": (BytesIO(content), name)} | more)


def cells(response) -> list[list[str]]:
    book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(response.data))
    return book.get_sheet_by_index(0).to_python()


def test_loading_on_the_page(client, tree, keeper):
    rows = [list(row) for row in CLEAN]
    rows[1][0], rows[2][8] = "=1+1", "工作日开放"
    answer = upload(client, sheet(rows), name="任意名字.txt")
    assert answer.status_code == 303
    page = client.get(answer.location).get_data(as_text=True)
    assert "2 added, 0 changed, 0 unchanged, 1 refused." in page
    assert "was not understood" in page
    assert "北三环司机之家" in page
    refused = cells(client.get(f"{answer.location}/refused"))
    assert refused[0] == [*HEAD, "原因"]
    assert refused[1][0] == "北三环司机之家" and "was not understood" in refused[1][-1]
    kept = StationImport.query.one()
    assert (kept.account_id, kept.file_name) == (keeper.id, "任意名字.txt")
    assert "北三环".encode() not in kept.report_cipher

    refused[1][8] = "08:00-18:00"  # put right and sent again, reason column and all
    again = upload(client, sheet(refused[1:], refused[0]))
    page = client.get(again.location).get_data(as_text=True)
    assert "1 added" in page and "Columns not read" not in page
    assert "驿站.xlsx" in client.get("/staff/stations/import").get_data(as_text=True)


def test_what_is_exported_can_be_loaded_again(client, tree, keeper):
    upload(client, sheet())
    make_station(
        union=tree.county,
        grade=StationGrade.SMART_24H,
        stars=5,
        area_m2=Decimal("18.5"),
        capacity=12,
        opened_on=date(2025, 5, 1),
        phone="0371-65506000-801",
        host_name="邮政储蓄银行",
    )
    make_station(union=tree.foreign_county, name="外地驿站")
    exported = client.get("/staff/stations/export")
    rows = cells(exported)
    assert rows[0] == [words[0] for words in HEADERS.values()]
    assert len(rows) == 5
    assert "外地驿站" not in str(rows)
    answer = upload(client, exported.data)
    assert StationImport.query.order_by(StationImport.id.desc()).first().unchanged == 4, client.get(answer.location).get_data(
        as_text=True
    )


def test_the_empty_workbook_has_every_column(client, tree, keeper):
    assert cells(client.get("/staff/stations/import/template")) == [[words[0] for words in HEADERS.values()]]


def test_results_are_for_ones_own_part(app, client, tree, keeper):
    answer = upload(client, sheet())
    stranger = app.test_client()
    sign_in_quickly(stranger, make_account([("keeper", tree.foreign_county)]))
    assert stranger.get(answer.location).status_code == 404
    assert stranger.get(f"{answer.location}/refused").status_code == 404
    assert "驿站.xlsx" not in stranger.get("/staff/stations/import").get_data(as_text=True)


def test_loading_in_the_name_of_a_foreign_union_is_refused(client, tree, keeper):
    answer = upload(client, sheet(), union_code="410302")
    assert answer.status_code == 422
    assert "is no union in your part of the tree" in answer.get_data(as_text=True)
    assert Station.query.count() == 0


def test_a_double_tap_loads_once(client, tree, keeper):
    content = sheet()
    first = upload(client, content, key="the same upload twice")
    second = upload(client, content, key="the same upload twice")
    assert first.location == second.location
    assert StationImport.query.count() == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "neither an Excel workbook"),
        (b"", "The file holds no rows."),
        (b"PK\x03\x04 not a zip", "damaged or protected"),
        (b"," * (10 * 1024 * 1024 + 1), "larger than 10 MB"),
    ],
)
def test_uploads_that_are_no_table(client, tree, keeper, content, reason):
    answer = upload(client, content)
    assert answer.status_code == 422
    assert reason in answer.get_data(as_text=True)


def test_no_file_and_text_instead_of_a_file(client, tree, keeper):
    for fields in ({"union_code": "410105"}, {"union_code": "410105", "workbook": "text"}):
        answer = client.send("/staff/stations/import", fields)
        assert answer.status_code == 422
        assert "Please fill this in." in answer.get_data(as_text=True)


def test_an_archive_that_is_no_workbook(client, tree, keeper):
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "neither an Excel workbook" in upload(client, file.getvalue()).get_data(as_text=True)
