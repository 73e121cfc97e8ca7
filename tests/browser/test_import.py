"""A keeper sends a workbook with errors, looks before loading, corrects what was refused and sends it again."""

from __future__ import annotations

from io import BytesIO

import python_calamine
import xlsxwriter

from portal.stations.register.models import Station
from portal.stations.wording.rules import hours_as_text
from tests.browser.conftest import sign_in
from tests.factories.staff import make_account
from tests.factories.unions import small_tree

HEAD = ("名称", "区县", "地址", "开放时间", "电话")
ROWS = (
    ("花园路驿站", "金水区", "花园路 1 号", "24小时", "0371-65506000"),
    ("文化路驿站", "金水区", "文化路 9 号", "工作日开放", ""),
    ("东风路驿站", "金水区", "东风路 3 号", "8:30-22:00", "找老王"),
)


def workbook(rows, head=HEAD) -> dict:
    """A file as a browser sends it."""
    file = BytesIO()
    book = xlsxwriter.Workbook(file)
    page = book.add_worksheet()
    for number, row in enumerate([head, *rows]):
        page.write_row(number, 0, row)
    book.close()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return {"name": "驿站台账.xlsx", "mimeType": kind, "buffer": file.getvalue()}


def send(page, file: dict) -> None:
    """Choose a file and ask to look at it."""
    page.goto("/staff/stations/import")
    page.set_input_files("input[name=workbook]", file)
    page.locator("form:has(input[name=workbook]) button[type=submit]").click()
    page.wait_for_url("**/import/preview/*")


def test_sending_looking_correcting_and_sending_again(page, app, server):
    tree = small_tree()
    page.context.add_cookies([{"name": "language", "value": "en", "url": server}])
    sign_in(page, app, server, make_account([("keeper", tree.county)]))
    send(page, workbook(ROWS))
    assert page.get_by_text("Nothing is loaded yet.").is_visible()
    assert page.get_by_text("does not say at what times").is_visible()
    assert page.get_by_text("is not a phone number that can be dialled").is_visible()
    assert Station.query.count() == 0

    page.get_by_role("button", name="Load what is right").click()
    page.wait_for_url(lambda address: "/import/" in address and "/preview/" not in address)
    assert [one.name for one in Station.query] == ["花园路驿站"]
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Refused rows as a workbook").click()
    with waiting.value.path().open("rb") as file:
        head, *refused = python_calamine.CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()
    assert [row[0] for row in refused] == ["文化路驿站", "东风路驿站"]
    assert head[-1] == "原因" and all(row[-1] for row in refused)

    refused[0][3], refused[1][4] = "工作日 9:00-17:00", "13800138000"
    send(page, workbook(refused, head))
    page.get_by_role("button", name="Load", exact=True).click()
    page.wait_for_url(lambda address: "/import/" in address and "/preview/" not in address)
    told = {one.name: (hours_as_text(one.hours), one.phone) for one in Station.query}
    assert told["文化路驿站"] == ("周一至周五 09:00-17:00", None)
    assert told["东风路驿站"] == ("08:30-22:00", "13800138000")
