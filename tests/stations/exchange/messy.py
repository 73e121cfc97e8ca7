"""A workbook as county unions really send one: every trap in it stands beside what must become of its row.

`build()` writes it: an explanation sheet first, two title lines above the headers, city and county written once and merged
over many rows, empty rows between, a column nobody needs. `ROWS` holds, for each row, its cells and its expected end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby
from typing import Any

import xlsxwriter

HEAD = {
    "no": "序号", "city": "地市", "county": "县（市、区）", "name": "站点名称*", "kind": "站点类别", "address": "详细地址",
    "point": "经纬度", "crs": "坐标系", "hours": "服务时间", "facilities": "配备设施", "services": "服务内容",
    "phones": "联系电话", "area": "面积（㎡）", "capacity": "可容纳人数", "stars": "星级评定", "opened": "建成时间",
    "status": "运行状态", "town": "所属街道", "another": "确为另一站点", "remark": "备注",
}  # fmt: skip
HOSTS = ("建设银行", "邮政", "环卫", "移动营业厅", "工商银行", "新华书店", "社区", "电信", "农业银行", "胖东来")
ROADS = (
    "花园路", "农科路", "经三路", "文化路", "东风路", "丰产路", "红专路", "黄河路", "纬五路", "政七街", "任砦北街", "顺河路",
    "国基路", "天明路",
)  # fmt: skip
FIRST_ROW = 4  # as the spreadsheet counts: two title lines, the headers, then the rows


@dataclass
class Row:
    """Cells under the keys of `HEAD`, and what must become of them."""

    cells: dict[str, Any]
    ends: str = "loaded"
    says: str | None = None  # part of the reason
    holds: dict[str, Any] = field(default_factory=dict)  # what the station must say afterwards
    number: int = 0


def _rows() -> list[Row]:
    rows: list[Row] = []

    def add(ends: str = "loaded", says: str | None = None, holds: dict[str, Any] | None = None, **cells: Any) -> None:
        place = len(rows)
        host, road = HOSTS[place % len(HOSTS)], ROADS[place // len(HOSTS)]
        own = {
            "city": "郑州市",
            "county": "金水区",
            "name": f"{host}{road}爱心驿站",
            "address": f"{road} {place + 1} 号",
            "kind": "爱心驿站",
        }
        rows.append(Row(own | cells, ends, says, holds or {}))

    _hours(add)
    _phones(add)
    _numbers(add)
    _points(add)
    _facilities(add)
    _plain(add)
    _counties(add)
    _twins(add)
    return rows


def _hours(add: Any) -> None:
    understood = [
        ("24小时", "24小时", "as_usual"),
        ("全天", "24小时", "as_usual"),
        ("全天候24小时开放", "24小时", "as_usual"),
        ("00:00-24:00", "24小时", "as_usual"),
        ("８：３０－２２：００", "08:30-22:00", "as_usual"),
        ("8点半-22点", "08:30-22:00", "as_usual"),
        ("早8点至晚10点", "08:00-22:00", "as_usual"),
        ("早上7点半到晚上9点", "07:30-21:00", "as_usual"),
        ("上午8:30-12:00 下午13:00-17:30", "08:30-12:00,13:00-17:30", "as_usual"),
        ("上午8:30-12:00\n下午2:30-6:00", "08:30-12:00,14:30-18:00", "as_usual"),
        ("周一至周五 08:30-12:00,13:00-17:30", "周一至周五 08:30-12:00,13:00-17:30", "as_usual"),
        ("星期一至五 9：00—17：00，节假日休息", "周一至周五 09:00-17:00", "closed_on_holidays"),
        ("周一到周五8:30-17:30；周六、日9:00-16:00", "周一至周五 08:30-17:30;周六、周日 09:00-16:00", "as_usual"),
        ("Mon-Fri 8:30-17:30", "周一至周五 08:30-17:30", "as_usual"),
        ("工作日 9:00-17:00", "周一至周五 09:00-17:00", "workdays"),
        ("工作日开放 9:00–17:00", "周一至周五 09:00-17:00", "workdays"),
        ("8:30-17:30（法定节假日休息）", "08:30-17:30", "closed_on_holidays"),
        ("8:30-17:30，周末休息", "周一至周五 08:30-17:30", "as_usual"),
        ("8:00-20:00 节假日正常开放", "08:00-20:00", "as_usual"),
        ("22:00-次日06:00", "22:00-次日06:00", "as_usual"),
        ("24小时无人值守", "24小时(自助)", "as_usual"),
        ("8:30-17:30;17:30-22:00(扫码进入)", "08:30-17:30,17:30-22:00(自助)", "as_usual"),
        ("08:00-18:00 每周一闭馆", "周二至周日 08:00-18:00", "as_usual"),
    ]
    for written, kept, rule in understood:
        add(hours=written, holds={"hours": kept, "rule": rule})
    refused = [
        ("工作日开放", "does not say at what times"),
        ("周一至周五", "does not say at what times"),
        ("夏季延长至 21 点", "holds for a season only"),
        ("8:30-17:30（冬季8:30-17:00）", "holds for a season only"),
        ("以公告为准", "depends on something else"),
        ("随银行营业时间", "depends on something else"),
        ("9-5", "can be read in two ways"),
        ("8点-12点", "can be read in two ways"),
        ("8:30-12:00,11:30-17:30", "overlap"),
        ("周一至周五 8:30-17:30；周五 13:00-18:00", "Friday is named twice"),
        ("8:30-17:30，节假日休息", "may or may not mean weekends"),
        ("工作日8:30-17:30；节假日10:00-16:00", "hours of its own for holidays"),
        ("13:00-5:30", "ends before it begins"),
        ("25:00-26:00", "was not understood"),
        ("看门人在就开", "was not understood"),
        ("8:30-12:00,13:00-17:30 自助", "are meant by the mark"),
    ]
    for written, reason in refused:
        add("refused", reason, hours=written)


def _phones(add: Any) -> None:
    many = "0371-6550 6000、13800138000/13900139000转801"
    add(
        phones=many, holds={"phones": ["0371-65506000", "13800138000", "13900139000-801"]}, ends="refused", says="13900139000-801"
    )
    add(phones="0371-6550 6000、13800138000/65506001转801", holds={"phones": ["0371-65506000", "13800138000", "65506001-801"]})
    add(phones="０３７１－６５５０６０００", holds={"phones": ["0371-65506000"]})
    add(phones=13800138001, holds={"phones": ["13800138001"]})
    add(phones="13800138002 13900139002", holds={"phones": ["13800138002", "13900139002"]})
    add(phones="(0371)65506003", holds={"phones": ["037165506003"]})
    add(phones="+86 138 0013 8004", holds={"phones": ["13800138004"]})
    add(phones="12351", holds={"phones": ["12351"]})
    add(phones="400-800-1234", holds={"phones": ["400-800-1234"]})
    add(phones="0371-65506005 前台\n13800138005 王站长", holds={"phones": ["0371-65506005", "13800138005"]})
    add("refused", "not a phone number", phones="找老王")
    add("refused", "not a phone number", phones="1380013800")
    add("refused", "stands there twice", phones="13800138006、13800138006")


def _numbers(add: Any) -> None:
    add(area="约20㎡", capacity="20人", holds={"area_m2": "20.0", "capacity": 20})
    add(area="３５．５", capacity="约12", holds={"area_m2": "35.5", "capacity": 12})
    add(area=48, capacity=16, holds={"area_m2": "48.0", "capacity": 16})
    add(area="120平方米", holds={"area_m2": "120.0"})
    add("refused", "is not a number", area="20-30㎡")
    add("refused", "is not a number", area="较大")
    add("refused", "is not a whole number", capacity="12.5")
    add("refused", "must be more than 0", area="0")
    add(stars="三星", holds={"stars": 3})
    add(stars="★★★★", holds={"stars": 4})
    add(stars="5星级", holds={"stars": 5})
    add("refused", "Stars go from 1 to 5", stars="6")
    add(opened="2023.5.1", holds={"opened_on": "2023-05-01"})
    add(opened="2023年10月26日", holds={"opened_on": "2023-10-26"})
    add("refused", "is not a day", opened="2023年5月")
    add("refused", "is not a day", opened="2023-02-30")


def _points(add: Any) -> None:
    add(point="113.7001,34.7901", crs="高德", holds={"lng": "113.700100", "lat": "34.790100", "crs": "gcj02"})
    add(point="34.8002，113.7102", crs="WGS84", holds={"lng": "113.710200", "lat": "34.800200", "crs": "wgs84"})
    add(point="东经113.7203 北纬34.8103", crs="百度坐标", holds={"lng": "113.720300", "lat": "34.810300", "crs": "bd09"})
    add(point="113°43′48″, 34°49′12″", crs="GCJ-02", holds={"lng": "113.730000", "lat": "34.820000", "crs": "gcj02"})
    add("noted", "The point was left out", point="113.7405,34.8305", holds={"lng": None, "crs": None})
    add("refused", "is not a word we know here", point="113.75,34.84", crs="北京54")
    add("refused", "is not a pair of longitude and latitude", point="113.76")
    add("refused", "This point is not in China", point="13.76,34.85", crs="GCJ-02")
    add(point="", crs="GCJ-02", holds={"lng": None, "crs": None})


def _facilities(add: Any) -> None:
    add(facilities="饮水机、微波炉，空调;卫生间", holds={"facilities": ["饮水机", "微波炉", "空调", "卫生间"]})
    add(facilities="饮水机 微波炉 空调", holds={"facilities": ["饮水机", "微波炉", "空调"]})
    add(facilities="空调2台、桌椅4套、饮水机1台等", holds={"facilities": ["空调", "桌椅", "饮水机"]})
    add(facilities="直饮机/洗手间/电瓶车充电", holds={"facilities": ["饮水机", "卫生间", "电动车充电"]})
    add(facilities="Ｗｉ－Ｆｉ、ＡＥＤ、急救包", holds={"facilities": ["WiFi", "AED", "应急药箱"]})
    add(facilities="淋浴(5元)、理发(免费)、床位(限货车司机)", holds={"prices": {"淋浴": "5.00", "理发": "0.00"}})
    add(facilities="饮水机\n饮水设备\n热水", holds={"facilities": ["饮水机", "热水"]})
    add("refused", "游泳池", facilities="饮水机、游泳池")
    add("refused", "Perhaps “微波炉”?", facilities="微波护")
    add(services="休息、饮水，热饭", holds={"services": ["休息", "饮水", "饭菜加热"]})
    add("refused", "按摩", services="休息、按摩")


def _plain(add: Any) -> None:
    add("refused", "The station needs a name", name="")
    add("refused", "The station needs an address", address="  ")
    add("refused", "is not a word we know here", kind="加油站")
    add("refused", "is not a word we know here", status="不详")
    add(status="试运行", holds={"status": "试运行"})
    add(status="正常", holds={"status": "开放"})
    add(name="  农科路　１号\n爱心驿站 ", holds={"name": "农科路 1号 爱心驿站"})
    add(town="花园路街道办事处", holds={"town_code": "410105002"})
    add(town="花园路", holds={"town_code": "410105002"})
    add("refused", "is no town or street of 金水区", town="无名街道")
    add("refused", "longer than 60 characters", name="长" * 61)
    add(name="=SUM(A1:A9)驿站", holds={"name": "=SUM(A1:A9)驿站"})


def _counties(add: Any) -> None:
    add(county="中原", holds={"county_code": "410102"})
    add(county="管城区", holds={"county_code": "410104"})
    add(city="河南省郑州市", county="登封", holds={"county_code": "410185"})
    add(county="郑州航空港经济综合实验区", holds={"county_code": "410173"})
    add(county="航空港区", holds={"county_code": "410173"})
    add(county="高新区", holds={"county_code": "410172"})
    add(city="", county="郑州经开区", holds={"county_code": "410171"})
    add("refused", "several counties called 高新区", city="", county="高新区")
    add("noted", "孟津县 is 孟津区 since 2021", city="洛阳市", county="孟津县", holds={"county_code": "410308"})
    add("noted", "偃师市 is 偃师区 since 2021", city="洛阳", county="偃师市", holds={"county_code": "410307"})
    add("noted", "吉利区 is 孟津区 since 2021", city="洛阳市", county="吉利区", holds={"county_code": "410308"})
    add("refused", "新乡 may be the city or the county", city="", county="新乡")
    add(city="新乡市", county="新乡县", holds={"county_code": "410721"})
    add("refused", "新乡市 is a city; write the county", city="", county="新乡市")
    add(city="省直辖县级行政区划", county="济源市", holds={"county_code": "419001"})
    add(city="", county="410105", holds={"county_code": "410105"})
    add("refused", "is not a county we know", city="郑州市", county="老城区")
    add("refused", "河北市 is not a city we know", city="河北市", county="金水区")
    add("refused", "The station needs a county", city="", county="")


def _twins(add: Any) -> None:
    add(name="未来路户外劳动者服务站点", address="未来路 1 号", point="113.6800,34.7600", crs="GCJ-02")
    add("refused", "is the same station", name="未来路户外劳动者服务站点", address="未来路 1 号")
    add("refused", "looks the same as row", name="未来路（工会驿站）", address="未来路 1 号院内")
    add("refused", "looks the same as row", name="金水区未来路 爱心驿站", address="未来路东侧")
    add("loaded", name="未来路工会驿站", address="未来路 99 号", another="是")
    add("refused", "less than 50 metres", name="商城路驿站", address="商城路口", point="113.68010,34.76010", crs="GCJ-02")
    add("loaded", name="商城路北驿站", address="商城路北口", point="113.68100,34.76100", crs="GCJ-02")
    add("refused", "looks the same as 老站点户外劳动者服务站点", name="老站点工会驿站", address="新门牌 5 号")
    add("unchanged", name="老站点户外劳动者服务站点", address="老门牌 1 号", kind="工会驿站")
    add("refused", "neither 是 nor 否", name="未来路另一驿站", another="也许")


ROWS = _rows()


def build(rows: list[Row] | None = None) -> bytes:
    """The workbook; afterwards each row knows the number under which the spreadsheet shows it."""
    rows = ROWS if rows is None else rows
    file = BytesIO()
    book = xlsxwriter.Workbook(file, {"strings_to_formulas": False, "strings_to_urls": False})
    book.add_worksheet("填表说明").write(0, 0, "请各县（市、区）总工会于 6 月 30 日前报送")
    page = book.add_worksheet("站点台账")
    page.merge_range(0, 0, 0, len(HEAD) - 1, "河南省户外劳动者服务站点台账（2026 年）")
    page.write(1, 0, "填报单位：金水区总工会")
    page.write_row(2, 0, HEAD.values())
    line = FIRST_ROW - 1
    for (city, county), run in groupby(rows, key=lambda row: (row.cells["city"], row.cells["county"])):
        first = line
        for place, row in enumerate(run):
            if place and place % 15 == 0:
                line += 1  # an empty row, as they stand between two pages
            row.number = line + 1
            values = row.cells | {"no": line, "remark": "已核" if place % 7 == 0 else ""}
            for column, name in enumerate(HEAD):
                if name not in ("city", "county") and values.get(name, "") != "":
                    page.write(line, column, values[name])
            line += 1
        for column, said in ((1, city), (2, county)):
            if line - first > 1:
                page.merge_range(first, column, line - 1, column, said)
            elif said:
                page.write(first, column, said)
    hidden = book.add_worksheet("旧表")
    hidden.write_row(0, 0, ["站点名称", "详细地址", "县区"])
    hidden.hide()
    book.close()
    return file.getvalue()
