"""Workbooks over HTTP: loading, the result with its refused rows, the export that can be loaded again."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from zipfile import ZipFile

import pytest
import python_calamine
import xlsxwriter

from portal import clock, retention
from portal.db import db as database
from portal.stations.exchange import imports
from portal.stations.exchange.exports import COLUMNS
from portal.stations.exchange.models import StagedImport, StationImport
from portal.stations.exchange.rules import ANOTHER, HEADERS, READ
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


def stage(client, content: bytes, union_code: str = "410105", name: str = "驿站.xlsx", **more):
    """Send a file: it is looked at, and nothing is loaded."""
    fields = {"union_code": union_code, "workbook": (BytesIO(content), name)}
    return client.send("/staff/stations/import", fields, **more)


def upload(client, content: bytes, **more):
    """Send a file, look at it, and load what is right."""
    staged = stage(client, content, **more)
    if staged.status_code != 303:
        return staged
    client.get(staged.location)
    return client.send(f"{staged.location}/load")


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
    assert "does not say at what times" in page
    assert "北三环司机之家" in page
    refused = cells(client.get(f"{answer.location}/refused"))
    assert refused[0] == [*HEAD, "原因"]
    assert refused[1][0] == "北三环司机之家" and "does not say at what times" in refused[1][-1]
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
    assert rows[0] == [column.title for column in COLUMNS]
    assert len(rows) == 5
    assert "外地驿站" not in str(rows)
    answer = upload(client, exported.data)
    assert StationImport.query.order_by(StationImport.id.desc()).first().unchanged == 4, client.get(answer.location).get_data(
        as_text=True
    )


def test_the_empty_workbook_has_every_column(client, tree, keeper):
    answer = client.get("/staff/stations/import/template")
    assert cells(answer) == [[*(words[0] for words in HEADERS.values()), READ[ANOTHER][0]]]
    book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(answer.data))
    explained = {row[0]: row for row in book.get_sheet_by_index(1).to_python()}
    assert set(explained) == {"Column", *(words[0] for words in READ.values())}
    assert "淋浴" in explained["设施"][2] and "营业时间" in explained["开放时间"][3]
    with ZipFile(BytesIO(answer.data)) as archive:
        assert b'<dataValidation type="list"' in archive.read("xl/worksheets/sheet1.xml")


def test_results_are_for_ones_own_part(app, client, tree, keeper):
    answer = upload(client, sheet())
    stranger = app.test_client()
    sign_in_quickly(stranger, make_account([("keeper", tree.foreign_county)]))
    assert stranger.get(answer.location).status_code == 404
    assert stranger.get(f"{answer.location}/refused").status_code == 404
    assert "驿站.xlsx" not in stranger.get("/staff/stations/import").get_data(as_text=True)


def test_loading_in_the_name_of_a_foreign_union_is_refused(client, tree, keeper):
    answer = stage(client, sheet(), union_code="410302")
    assert answer.status_code == 422
    assert "is no union in your part of the tree" in answer.get_data(as_text=True)
    assert Station.query.count() == 0


def test_a_double_tap_loads_once(client, tree, keeper):
    content = sheet()
    first = stage(client, content, key="the same upload twice")
    second = stage(client, content, key="the same upload twice")
    assert first.location == second.location
    assert StagedImport.query.count() == 1
    loads = [client.send(f"{first.location}/load", key="the same yes twice") for _tap in range(2)]
    assert loads[0].location == loads[1].location
    assert (StationImport.query.count(), Station.query.count()) == (1, 3)


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


# --- the look before ---------------------------------------------------------------------------------


def test_nothing_is_loaded_before_somebody_says_so(client, tree, keeper):
    rows = [list(row) for row in CLEAN]
    rows[2][8] = "9-5"
    staged = stage(client, sheet(rows, [*HEAD[:4], "站点详细地址", *HEAD[5:]], above=[["台账"]]))
    assert staged.status_code == 422  # without an address nothing can be loaded
    staged = stage(client, sheet([[*row, "x"] for row in rows], [*HEAD, "开放时间备注"]))
    page = client.get(staged.location).get_data(as_text=True)
    assert "Nothing is loaded yet." in page
    for figure in ("<b>2</b><span>would be added</span>", "<b>1</b><span>need a correction</span>"):
        assert figure in page
    assert "can be read in two ways" in page and "花园路驿站" in page
    assert "If you mean 开放时间, rename the column." in page
    assert (Station.query.count(), StationImport.query.count()) == (0, 0)
    kept = StagedImport.query.one()
    assert "花园路".encode() not in kept.content_cipher and "花园路".encode() not in kept.preview_cipher
    assert "驿站.xlsx" in client.get("/staff/stations/import").get_data(as_text=True)

    loaded = client.send(f"{staged.location}/load")
    assert "2 added, 0 changed, 0 unchanged, 1 refused." in client.get(loaded.location).get_data(as_text=True)
    assert StagedImport.query.count() == 0
    assert client.get(staged.location).status_code == 404


def test_the_preview_says_what_loading_then_does(client, tree, keeper):
    upload(client, sheet())
    rows = [list(row) for row in CLEAN]
    rows[0][8] = "08:00-22:00"
    rows += [[*CLEAN[0][:4], "花园路 2 号", *CLEAN[0][5:]], ["新站", *CLEAN[1][1:4], "文化路 9 号", *[""] * 8]]
    content = sheet(rows)
    seen = imports.preview(content, union=tree.county, roots=[tree.county.id], by=None)
    assert seen.counts == {"loaded": 1, "updated": 1, "unchanged": 2, "refused": 1}
    upload(client, content)
    done = StationImport.query.order_by(StationImport.id.desc()).first()
    assert {name: getattr(done, name) for name in seen.counts} == seen.counts


def test_a_waiting_file_is_for_one_account_and_one_day(app, client, tree, keeper):
    staged = stage(client, sheet())
    colleague = app.test_client()
    sign_in_quickly(colleague, make_account([("keeper", tree.county)]))
    assert colleague.get(staged.location).status_code == 404
    for act in ("look", "load", "discard"):
        assert colleague.send(f"{staged.location}/{act}", {"crs": ""}).status_code == 404
    assert "驿站.xlsx" not in colleague.get("/staff/stations/import").get_data(as_text=True)
    StagedImport.query.one().at = clock.now() - timedelta(hours=24, minutes=1)
    database.session.commit()
    assert client.get(staged.location).status_code == 404
    assert client.send(f"{staged.location}/load").status_code == 404
    assert retention.apply()["staged_imports"] == 1


def test_a_file_that_is_not_wanted_is_forgotten(client, tree, keeper):
    staged = stage(client, sheet())
    client.get(staged.location)
    answer = client.send(f"{staged.location}/discard")
    assert "nothing was loaded" in client.get(answer.location).get_data(as_text=True)
    assert (StagedImport.query.count(), Station.query.count()) == (0, 0)


def test_the_system_of_points_is_said_once_for_the_file(client, tree, keeper):
    rows = [list(row) for row in CLEAN]
    rows[0][7] = ""
    staged = stage(client, sheet(rows))
    assert "One point names no coordinate system" in client.get(staged.location).get_data(as_text=True)
    wrong = client.send(f"{staged.location}/look", {"sheet": "Sheet1", "crs": "mercator"})
    assert wrong.status_code == 422
    again = client.send(f"{staged.location}/look", {"sheet": "Sheet1", "crs": "bd09"})
    assert "names no coordinate system" not in client.get(again.location).get_data(as_text=True)
    client.send(f"{staged.location}/load")
    first, second, _third = Station.query.order_by(Station.code)
    assert (first.crs.value, second.crs.value) == ("bd09", "wgs84")


def test_one_of_several_sheets_is_chosen(client, tree, keeper):
    file = BytesIO()
    book = xlsxwriter.Workbook(file)
    for name, lines in (("说明", [["本表由各县区填报"]]), ("市区", [HEAD, CLEAN[0]]), ("郊区", [HEAD, *CLEAN[1:]])):
        page = book.add_worksheet(name)
        for number, line in enumerate(lines):
            page.write_row(number, 0, line)
    book.close()
    staged = stage(client, file.getvalue())
    page = client.get(staged.location).get_data(as_text=True)
    assert '<option selected value="市区">' in page and "<b>1</b><span>would be added</span>" in page
    assert client.send(f"{staged.location}/look", {"sheet": "说明", "crs": ""}).status_code == 422
    again = client.send(f"{staged.location}/look", {"sheet": "郊区", "crs": ""})
    page = client.get(again.location).get_data(as_text=True)
    assert '<option selected value="郊区">' in page and "<b>2</b><span>would be added</span>" in page
    client.send(f"{staged.location}/load")
    assert sorted(one.name for one in Station.query) == ["北三环司机之家", "文化路爱心驿站"]


def test_an_account_leaves_five_files_at_the_most(client, tree, keeper):
    for number in range(7):
        stage(client, sheet(), name=f"{number}.xlsx")
    assert [one.file_name for one in StagedImport.query.order_by(StagedImport.id)] == [f"{n}.xlsx" for n in range(2, 7)]


# --- both ways ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["", "csv"])
def test_what_looks_like_a_formula_stays_text_both_ways(client, tree, keeper, kind):
    names = ["=1+1", "+86", "-甲", "@乙", "'丙", "''=丁"]
    for number, name in enumerate(names):
        make_station(union=tree.county, name=name, point=(34.5 + number / 100, 113.5))
    exported = client.get(f"/staff/stations/export?as={kind}")
    if kind:
        assert exported.data.startswith(b"\xef\xbb\xbf")
        assert all(not line.split(",")[1].startswith(("=", "+", "-", "@")) for line in exported.data.decode().splitlines())
    upload(client, exported.data)
    assert StationImport.query.one().unchanged == len(names)


def test_the_list_s_filters_hold_for_the_export(client, tree, keeper):
    make_station(union=tree.county, name="东站")
    make_station(union=tree.county, name="西站", point=(34.9, 113.1))
    answer = client.get("/staff/stations/export", query_string={"q": "西", "as": "csv"})
    assert [line.split(",")[1] for line in answer.data.decode("utf-8-sig").splitlines()] == ["名称", "西站"]


def test_rows_that_look_like_another_station_come_back_with_both_answers(client, tree, keeper):
    upload(client, sheet())
    rows = [["花园路爱心驿站", "金水区", "花园路 3 号"], ["花园路工会驿站", "金水区", "花园路 4 号"]]
    head = ["名称", "区县", "地址"]
    answer = upload(client, sheet(rows, head))
    refused = cells(client.get(f"{answer.location}/refused"))
    assert refused[0] == [*head, "编码", "确为另一站点", "原因"]
    assert all("looks the same as 花园路驿站 (410105-0001)" in row[-1] for row in refused[1:])
    refused[1][3], refused[2][4] = "410105-0001", "是"
    upload(client, sheet(refused[1:], refused[0]))
    last = StationImport.query.order_by(StationImport.id.desc()).first()
    assert (last.updated, last.loaded, last.refused) == (1, 1, 0)
    assert [(one.code, one.name) for one in Station.query.order_by(Station.code)][::3] == [
        ("410105-0001", "花园路爱心驿站"),
        ("410105-0004", "花园路工会驿站"),
    ]
