"""The station workbook: its columns, how it writes our words, and writing it so that it can be loaded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from portal.stations.register import rules
from portal.stations.register.models import (
    BuildMode,
    CoordinateSystem,
    Facility,
    Station,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.stations.wording.rules import hours_as_text
from portal.tables import Column
from portal.types import Word
from portal.vocabulary import BasicService

# Column → the headers under which it comes; the first is the one we write ourselves.
HEADERS: dict[str, tuple[str, ...]] = {
    "code": ("编码", "站点编码", "驿站编码", "编号", "code"),
    "name": ("名称", "站点名称", "驿站名称", "站名", "name"),
    "kind": ("类型", "站点类型", "类别", "kind"),
    "union": ("所属工会", "工会", "主管工会", "建设工会", "工会编码", "union"),
    "city": ("市", "地市", "所在市", "城市", "省辖市", "city"),
    "county_code": ("区县", "所在区县", "县区", "县", "区", "县市区", "行政区划", "county"),
    "address": ("地址", "详细地址", "站点地址", "address"),
    "lng": ("经度", "lng", "longitude"),
    "lat": ("纬度", "lat", "latitude"),
    "crs": ("坐标系", "坐标系统", "crs"),
    "hours": ("开放时间", "营业时间", "服务时间", "hours"),
    "facilities": ("设施", "服务设施", "设施设备", "facilities"),
    "services": ("服务", "服务项目", "services"),
    "phone": ("电话", "联系电话", "站点电话", "phone"),
    "status": ("状态", "站点状态", "status"),
    "tier": ("层级", "站点层级", "tier"),
    "grade": ("等级", "建设等级", "grade"),
    "stars": ("星级", "stars"),
    "build_mode": ("建设方式", "建设模式", "buildmode"),
    "host_name": ("依托单位", "共建单位", "承建单位", "host"),
    "area_m2": ("面积", "面积m2", "面积平方米", "area"),
    "capacity": ("容纳人数", "可容纳人数", "capacity"),
    "opened_on": ("启用日期", "建成日期", "启用时间", "openedon"),
    "source": ("数据来源", "来源", "source"),
}
REASON = "原因"
WIDE = {"name": 28, "address": 40, "hours": 40, "facilities": 50, "services": 50, "union": 24}

# How a workbook writes the words of our vocabularies; the first is the one we write ourselves. It is Chinese in every
# language of the portal, so that what one office exports another can load.
WORDS: dict[type[Word], dict[Word, tuple[str, ...]]] = {
    StationKind: {
        StationKind.OUTDOOR_WORKER_STATION: ("户外劳动者服务站点", "户外劳动者服务站", "户外劳动者驿站"),
        StationKind.CARE_STATION: ("爱心驿站",),
        StationKind.UNION_STATION: ("工会驿站",),
        StationKind.DRIVERS_HOME: ("司机之家", "货车司机之家"),
        StationKind.COURIERS_HOME: ("小哥之家", "快递小哥之家"),
        StationKind.SHARED_WORKERS_HOME: ("共享职工之家",),
        StationKind.WORKPLACE_REST: ("工间驿站",),
        StationKind.MOBILE: ("流动站点", "流动驿站"),
    },
    StationTier: {
        StationTier.STATION: ("服务站", "站"),
        StationTier.POINT: ("服务点", "点"),
    },
    StationGrade: {
        StationGrade.BASIC: ("基础型", "普通型"),
        StationGrade.BENCHMARK: ("标杆型",),
        StationGrade.SMART_24H: ("24小时智能化", "24小时智能型"),
    },
    StationStatus: {
        StationStatus.PLANNED: ("规划", "筹建", "规划中", "筹建中"),
        StationStatus.TRIAL: ("试运行",),
        StationStatus.OPEN: ("开放", "正常", "运行", "启用", "正常开放", "正常运行"),
        StationStatus.SUSPENDED: ("暂停", "暂停服务"),
        StationStatus.UNDER_REPAIR: ("维护", "维修", "维修中", "维护中"),
        StationStatus.WITHDRAWN: ("撤销",),
    },
    BuildMode: {
        BuildMode.UNION_BUILT: ("工会自建", "自建"),
        BuildMode.GOVERNMENT_BUILT: ("政府兴建",),
        BuildMode.SOCIALLY_SPONSORED: ("社会助建",),
        BuildMode.JOINTLY_BUILT: ("集成共建", "共建"),
    },
    CoordinateSystem: {
        CoordinateSystem.GCJ02: ("GCJ-02", "GCJ02", "火星坐标", "高德", "高德坐标"),
        CoordinateSystem.WGS84: ("WGS-84", "WGS84"),
        CoordinateSystem.BD09: ("BD-09", "BD09", "百度", "百度坐标"),
    },
    Facility: {
        Facility.DRINKING_WATER: ("饮水机", "饮水", "饮水设备"),
        Facility.HOT_WATER: ("热水",),
        Facility.MICROWAVE: ("微波炉",),
        Facility.REFRIGERATOR: ("冰箱",),
        Facility.AIR_CONDITIONING: ("空调",),
        Facility.HEATING: ("取暖", "暖气", "取暖设备"),
        Facility.SEATING: ("桌椅", "沙发", "桌椅沙发", "休息座椅"),
        Facility.PHONE_CHARGING: ("手机充电", "手机充电器", "充电插座"),
        Facility.EBIKE_CHARGING: ("电动车充电", "电动车充电桩"),
        Facility.BATTERY_SWAP: ("换电", "换电柜"),
        Facility.WIFI: ("WiFi", "Wi-Fi", "无线网络", "无线网"),
        Facility.TOILET: ("卫生间", "厕所"),
        Facility.FIRST_AID_KIT: ("应急药箱", "药箱", "急救箱", "医药箱"),
        Facility.HEAT_MEDICINE: ("防暑药品",),
        Facility.AED: ("AED",),
        Facility.BLOOD_PRESSURE_METER: ("血压仪", "血压计"),
        Facility.THERMOMETER: ("体温计",),
        Facility.UMBRELLA: ("雨伞雨衣", "雨伞", "雨衣", "雨具"),
        Facility.TOOL_BOX: ("工具箱",),
        Facility.TYRE_PUMP: ("充气筒", "打气筒"),
        Facility.BOOKS: ("图书报刊", "图书", "书报"),
        Facility.TV: ("电视", "电视机"),
        Facility.NURSING_ROOM: ("母婴室",),
        Facility.WHEELCHAIR: ("轮椅",),
        Facility.ACCESSIBLE_ENTRY: ("无障碍", "无障碍通道"),
        Facility.LOCKER: ("储物柜",),
        Facility.HAIRCUT: ("理发",),
        Facility.SHOWER: ("淋浴", "淋浴间"),
        Facility.LAUNDRY: ("洗衣", "洗衣机"),
        Facility.DRYER: ("烘干", "烘干机"),
        Facility.BED: ("床位",),
        Facility.TRUCK_PARKING: ("货车车位", "货车停车位"),
        Facility.VEHICLE_REPAIR: ("维修", "车辆维修", "汽修"),
        Facility.CONVENIENCE_STORE: ("便利店",),
        Facility.CANTEEN: ("餐饮", "优惠餐", "食堂"),
        Facility.LEGAL_CORNER: ("法律服务",),
        Facility.PSYCH_CORNER: ("心理驿站",),
        Facility.DONATION_SHELF: ("爱心互献",),
        Facility.SOS_BUTTON: ("紧急报警",),
    },
    BasicService: {
        BasicService.REST: ("休息", "歇脚"),
        BasicService.DRINKING_WATER: ("饮水", "喝水"),
        BasicService.HOT_MEAL: ("饭菜加热", "热饭"),
        BasicService.COOLING: ("纳凉",),
        BasicService.WARMING: ("取暖",),
        BasicService.PHONE_CHARGING: ("手机充电",),
        BasicService.EBIKE_CHARGING: ("电动车充电",),
        BasicService.BATTERY_SWAP: ("换电",),
        BasicService.TOILET: ("如厕",),
        BasicService.WASH_HANDS: ("洗手",),
        BasicService.SHOWER: ("淋浴",),
        BasicService.LAUNDRY: ("洗衣",),
        BasicService.TRUCK_PARKING: ("停车休息", "停车"),
        BasicService.FIRST_AID: ("应急药箱",),
        BasicService.REPAIR_TOOLS: ("工具借用",),
        BasicService.RAIN_GEAR: ("雨具借用",),
        BasicService.READING: ("阅读",),
        BasicService.WIFI: ("WiFi", "Wi-Fi", "无线网络"),
        BasicService.HAIRCUT: ("理发",),
        BasicService.LEGAL_ADVICE: ("法律咨询",),
        BasicService.COUNSELLING: ("心理咨询",),
        BasicService.OTHER: ("其他",),
    },
}


def in_workbook(word: Word | None) -> str | None:
    """How we write a word of a vocabulary into a workbook."""
    return None if word is None else WORDS[type(word)][word][0]


COLUMNS = tuple(Column(words[0], WIDE.get(name, 14)) for name, words in HEADERS.items())


def station_rows(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """The cells under `COLUMNS` of each (station, union code, county name, city name)."""
    return (_cells(*row) for row in rows)


def _cells(station: Station, union_code: str, county: str, city: str) -> list[Any]:
    values = rules.values_of(station)
    written: dict[str, Any] = {
        "code": station.code,
        "union": union_code,
        "city": city,
        "county_code": county,
        "hours": hours_as_text(values.hours),
        "facilities": "、".join(in_workbook(one) for one in values.facilities),
        "services": "、".join(in_workbook(one) for one in values.services),
        "status": in_workbook(station.status),
    }
    cells = []
    for name in HEADERS:
        value = written[name] if name in written else getattr(values, name)
        if isinstance(value, Word):
            value = in_workbook(value)
        # Degrees and square metres are no money: text keeps every digit, and the import reads text.
        cells.append(str(value) if name in ("lng", "lat", "area_m2") and value is not None else value)
    return cells


def refused_table(report: dict[str, Any]) -> tuple[list[Column], list[list[str]]]:
    """Columns and rows of what was refused, as it came, each row with the reason: to be put right and sent again."""
    kept = [place for place, title in enumerate(report["head"]) if title != REASON]
    columns = [Column(report["head"][place], 18) for place in kept]
    rows = [[*(row["cells"][place] for place in kept), "；".join(row["says"])] for row in report["rows"] if row["refused"]]
    return [*columns, Column(REASON, 60)], rows
