"""Station workbooks: a clean one loads whole, the same again changes nothing, what is wrong comes back with reasons."""

from __future__ import annotations

import threading
from decimal import Decimal
from io import BytesIO

import pytest
import sqlalchemy as sa
import xlsxwriter

from portal.access import SYSTEM
from portal.audit import AuditEntry
from portal.db import db as database
from portal.stations.exchange import imports
from portal.stations.exchange.models import StationImport
from portal.stations.exchange.rules import WORDS, key
from portal.stations.register import queries
from portal.stations.register.models import (
    CoordinateSystem,
    Facility,
    Station,
    StationKind,
    StationStatus,
)
from portal.stations.wording.rules import hours_as_text
from portal.tables import Unreadable
from portal.vocabulary import BasicService
from tests.factories.stations import make_station
from tests.factories.unions import make_division, small_tree

HEAD = (
    "名称", "类型", "所属工会", "区县", "地址", "经度", "纬度", "坐标系", "开放时间", "设施", "服务", "电话", "状态",
)  # fmt: skip
CLEAN = (
    ("花园路驿站", "工会驿站", "410105", "金水区", "花园路 1 号", 113.681234, 34.791234, "GCJ-02", "24小时",
     "饮水机、微波炉、卫生间", "休息、饮水", "0371-65506000", "正常"),
    ("文化路爱心驿站", "爱心驿站", "金水区新业态工会联合会", "410105", "文化路 97 号", "113.67", "34.76", "WGS-84",
     "周一至周五 08:30-12:00,13:00-17:30;周六 09:00-12:00", "饮水机,空调", "休息", 13800138000, "试运行"),
    ("北三环司机之家", "司机之家", "", "郑州市金水区", "北三环 8 号", "", "", "", "22:00-次日06:00",
     "货车车位；淋浴；洗衣", "停车休息、淋浴、洗衣", "", ""),
)  # fmt: skip


@pytest.fixture
def tree(db):
    return small_tree()


def sheet(rows=CLEAN, head=HEAD, above=()) -> bytes:
    """A workbook as a union would send it."""
    file = BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    page = book.add_worksheet()
    for number, row in enumerate([*above, head, *rows]):
        page.write_row(number, 0, row)
    book.close()
    return file.getvalue()


def load(content: bytes, union, roots=None) -> imports.Outcome:
    outcome, _kept = imports.load(content, union=union, roots=roots or [union.id], by=SYSTEM, file_name="驿站.xlsx")
    database.session.commit()
    return outcome


def why(outcome: imports.Outcome) -> list[str]:
    return [str(problem.says) for row in outcome.rows for problem in row.problems]


# --- a clean workbook --------------------------------------------------------------------------------


def test_a_clean_workbook_loads_whole(tree):
    outcome = load(sheet(), tree.county)
    assert (outcome.counts, why(outcome)) == (
        {"loaded": 3, "updated": 0, "unchanged": 0, "refused": 0},
        [],
    )
    first, second, third = Station.query.order_by(Station.code)
    assert [first.code, second.code, third.code] == ["410105-0001", "410105-0002", "410105-0003"]
    assert (first.kind, first.status, first.union_id) == (
        StationKind.UNION_STATION,
        StationStatus.OPEN,
        tree.county.id,
    )
    assert (first.lng, first.lat, first.crs) == (
        Decimal("113.681234"),
        Decimal("34.791234"),
        CoordinateSystem.GCJ02,
    )
    assert [row.facility for row in first.facilities] == [Facility.DRINKING_WATER, Facility.MICROWAVE, Facility.TOILET]
    assert first.offered == [BasicService.REST, BasicService.DRINKING_WATER]
    assert (second.union_id, second.phone, second.status) == (
        tree.federation_county.id,
        "13800138000",
        StationStatus.TRIAL,
    )
    assert hours_as_text(second.hours) == CLEAN[1][8]
    assert (third.union_id, third.phone, third.crs) == (tree.county.id, None, None)
    assert third.status is StationStatus.OPEN
    assert AuditEntry.query.filter_by(action="station.added").count() == 3


def test_the_same_file_twice_changes_nothing(tree):
    load(sheet(), tree.county)
    before = AuditEntry.query.filter(AuditEntry.action.startswith("station.")).count()
    outcome = load(sheet(), tree.county)
    assert outcome.counts == {"loaded": 0, "updated": 0, "unchanged": 3, "refused": 0}
    assert "3 rows are in the register already; nothing changed" in str(outcome)
    assert AuditEntry.query.filter(AuditEntry.action.startswith("station.")).count() == before
    assert Station.query.count() == 3


def test_columns_in_any_order_and_a_title_above(tree):
    order = [12, 3, 0, 8, 4, 1, 2, 11, 5, 9, 6, 10, 7]
    rows = [[row[place] for place in order] + ["无"] for row in CLEAN]
    content = sheet(rows, [HEAD[place] for place in order] + ["备注"], above=[["金水区驿站台账"], []])
    outcome = load(content, tree.county)
    assert outcome.loaded == 3
    assert outcome.unknown == ["备注"]
    assert [row.number for row in outcome.rows] == [4, 5, 6]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_text_files_in_every_encoding(tree, encoding):
    lines = ["\t".join(map(str, row)) for row in (HEAD, *CLEAN)]
    outcome = load("\r\n".join(lines).encode(encoding), tree.county)
    assert outcome.loaded == 3


def test_a_changed_row_changes_its_station_only(tree):
    load(sheet(), tree.county)
    rows = [list(row) for row in CLEAN]
    rows[0][8], rows[0][11] = "08:00-22:00", ""
    outcome = load(sheet(rows), tree.county)
    assert outcome.counts == {"loaded": 0, "updated": 1, "unchanged": 2, "refused": 0}
    station = queries.find_by_code("410105-0001")
    assert (hours_as_text(station.hours), station.phone) == ("08:00-22:00", None)
    entry = AuditEntry.query.filter_by(action="station.changed").one()
    assert entry.details["changes"] == {"phones": [["…6000"], []], "hours": ["24小时", "08:00-22:00"]}


def test_a_column_that_is_missing_leaves_what_is_there(tree):
    load(sheet(), tree.county)
    outcome = load(sheet([row[:5] for row in CLEAN], HEAD[:5]), tree.county)
    assert outcome.unchanged == 3
    assert queries.find_by_code("410105-0001").phone == "0371-65506000"


def test_a_code_leads_to_its_station(tree):
    load(sheet(), tree.county)
    outcome = load(sheet([("410105-0001", "花园路口驿站", "维护")], ("编码", "名称", "状态")), tree.county)
    assert outcome.updated == 1
    station = queries.find_by_code("410105-0001")
    assert (station.name, station.status) == ("花园路口驿站", StationStatus.UNDER_REPAIR)
    assert station.address == "花园路 1 号"


def test_a_code_one_brings_along_is_kept(tree):
    rows = [("410105-0007", "甲站", "金水区", "甲路"), ("", "乙站", "金水区", "乙路"), ("7", "丙站", "金水区", "丙路")]
    outcome = load(sheet(rows, ("编码", "名称", "区县", "地址")), tree.county)
    assert [row.code for row in outcome.rows] == ["410105-0007", "410105-0008", None]
    assert "is not known here" in why(outcome)[0]


# --- what is refused, and why ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("名称", "", "The station needs a name."),
        ("地址", "", "The station needs an address."),
        ("区县", "", "The station needs a county."),
        ("区县", "无名县", "无名县 is not a county we know."),
        ("类型", "加油站", "类型: “加油站” is not a word we know here."),
        ("所属工会", "410302", "410302 is no union in your part of the tree."),
        ("所属工会", "老城区总工会", "老城区总工会 is no union in your part of the tree."),
        ("经度", "东经", "经度: “东经” is not a number."),
        ("经度", "", "Longitude and latitude belong together."),
        ("经度", "13.6", "This point is not in China."),
        ("坐标系", "北京54", "坐标系: “北京54” is not a word we know here."),
        ("开放时间", "工作日开放", "开放时间: “工作日开放” does not say at what times."),
        ("设施", "饮水机、游泳池", "设施: “游泳池” is not a word we know here."),
        ("服务", "按摩", "服务: “按摩” is not a word we know here."),
        ("电话", "找老王", "“找老王” is not a phone number that can be dialled."),
        ("状态", "不详", "状态: “不详” is not a word we know here."),
    ],
)
def test_a_wrong_cell_refuses_its_row_alone(tree, column, value, reason):
    rows = [list(row) for row in CLEAN]
    rows[0][HEAD.index(column)] = value
    outcome = load(sheet(rows), tree.county)
    assert (outcome.loaded, outcome.refused) == (2, 1)
    assert why(outcome)[0].startswith(reason)
    assert Station.query.count() == 2


def test_a_point_without_its_system_is_left_out_and_said(tree):
    rows = [list(row) for row in CLEAN]
    rows[0][7] = ""
    outcome = load(sheet(rows), tree.county)
    assert (outcome.loaded, outcome.refused) == (3, 0)
    assert why(outcome)[0].startswith("The point was left out")
    assert queries.find_by_code("410105-0001").lng is None
    again = load(sheet(rows), tree.county)
    assert again.unchanged == 3


def test_the_same_station_twice_in_one_file(tree):
    outcome = load(sheet([*CLEAN, CLEAN[0]]), tree.county)
    assert (outcome.loaded, outcome.refused) == (3, 1)
    assert why(outcome) == ["Row 2 is the same station."]


def test_a_station_of_another_union_is_not_touched(tree):
    make_station(union=tree.foreign_county, county_code="410105", name="花园路驿站", address="花园路 1 号")
    other = make_station(union=tree.sibling_county, county_code="410105", name="外站")
    outcome = load(sheet(), tree.county)
    assert (outcome.loaded, outcome.refused) == (2, 1)
    assert "is in the register" in why(outcome)[0]
    outcome = load(sheet([(other.code, "改名")], ("编码", "名称")), tree.county)
    assert why(outcome) == [f"The code {other.code} belongs to another station."]
    assert other.name == "外站"


def test_two_counties_of_one_name_need_the_city(tree):
    make_division("410306", "金水区", "4103")
    rows = [("甲站", "金水区", "甲路", ""), ("乙站", "金水区", "乙路", "洛阳市"), ("丙站", "洛阳市金水区", "丙路", "")]
    outcome = load(sheet(rows, ("名称", "区县", "地址", "市")), tree.province)
    assert [row.code for row in outcome.rows] == [None, "410306-0001", "410306-0002"]
    assert why(outcome) == ["There are several counties called 金水区; add the column 市."]


def test_withdrawn_stays_withdrawn(tree):
    station = make_station(union=tree.county, status=StationStatus.WITHDRAWN)
    outcome = load(sheet([(station.code, "开放")], ("编码", "状态")), tree.county)
    assert outcome.refused == 1
    assert "cannot become" in why(outcome)[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: sheet([], ("名称", "电话")), "The column “区县” is missing."),
        (lambda: sheet([("a", "b")], ("甲", "乙")), "No row with headers was found"),
        (lambda: sheet([], ("名称", "站名", "区县", "地址")), "Two columns are both read as “名称”"),
        (lambda: b"hello", "No row with headers was found"),
    ],
)
def test_a_file_without_what_is_needed_is_refused_whole(tree, content, reason):
    with pytest.raises(Unreadable, match=reason):
        load(content(), tree.county)
    assert StationImport.query.count() == 0


def test_every_word_can_be_written_and_read(tree):
    for words, spellings in WORDS.items():
        assert set(spellings) == set(words)
        owners = {}
        for word, said in spellings.items():
            for one in said:
                assert owners.setdefault(key(one), word) is word, one


# --- command line, two at once -----------------------------------------------------------------------


def test_the_command_line_loads_and_commits(tree, tmp_path):
    path = tmp_path / "stations.xlsx"
    path.write_bytes(sheet([*CLEAN, ("坏行", "加油站", "", "金水区", "某路", "", "", "", "", "", "", "", "")]))
    outcome = imports.load_workbook(path, "410105")
    assert (outcome.loaded, outcome.refused) == (3, 1)
    assert str(outcome).splitlines()[0] == "3 added, 0 changed, 0 unchanged, 1 refused."
    assert "Row 5 (坏行): 类型" in str(outcome)
    with database.engine.connect() as other:
        assert other.scalar(sa.text("SELECT count(*) FROM stations")) == 3
    with pytest.raises(sa.exc.NoResultFound):
        imports.load_workbook(path, "no such union")


def test_two_files_at_once_give_no_code_twice(app, tree):
    union_id = tree.county.id
    trouble = []

    def one(number: int) -> None:
        with app.app_context():
            try:
                rows = [(f"驿站{number}-{n}", "金水区", f"路{number}-{n}") for n in range(20)]
                union = database.session.get(type(tree.county), union_id)
                load(sheet(rows, ("名称", "区县", "地址")), union)
            except Exception as error:
                trouble.append(error)
            finally:
                database.session.remove()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    codes = [code for (code,) in database.session.execute(sa.select(Station.code).order_by(Station.code))]
    assert codes == [f"410105-{n:04}" for n in range(1, 81)]
