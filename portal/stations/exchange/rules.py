"""The station workbook's own words: its columns, how it writes our vocabularies, counties and names as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from portal.stations.hours.rules import HolidayRule
from portal.stations.register.models import (
    BuildMode,
    Carriageway,
    CoordinateSystem,
    Facility,
    StationGrade,
    StationKind,
    StationStatus,
    StationTier,
)
from portal.types import N_, Level, Problem, Text, Word, text
from portal.vocabulary import BasicService

# Column → the headers under which it comes; the first is the one we write ourselves.
HEADERS: dict[str, tuple[str, ...]] = {
    "code": ("编码", "站点编码", "驿站编码", "编号", "站点编号", "code"),
    "name": ("名称", "站点名称", "驿站名称", "站名", "服务站点名称", "name"),
    "kind": ("类型", "站点类型", "类别", "站点类别", "kind"),
    "union": ("所属工会", "工会", "主管工会", "建设工会", "工会编码", "工会名称", "union"),
    "city": ("市", "地市", "所在市", "城市", "省辖市", "地级市", "city"),
    "county_code": ("区县", "所在区县", "县区", "县", "区", "县市区", "县(市、区)", "所属区县", "行政区划", "county"),
    "town_code": ("乡镇街道", "乡镇", "街道", "所属街道", "所在街道", "乡镇办事处", "town"),
    "address": ("地址", "详细地址", "站点地址", "具体地址", "位置", "address"),
    "lng": ("经度", "东经", "lng", "longitude"),
    "lat": ("纬度", "北纬", "lat", "latitude"),
    "crs": ("坐标系", "坐标系统", "坐标类型", "crs"),
    "hours": ("开放时间", "营业时间", "服务时间", "开放时段", "hours"),
    "holiday_rule": ("节假日", "节假日安排", "节假日开放", "节假日是否开放"),
    "entry_method": ("进入方式", "进门方式", "入内方式"),
    "facilities": ("设施", "服务设施", "设施设备", "配备设施", "设施配置", "facilities"),
    "facility_details": ("设施说明", "设施收费", "设施价格"),
    "services": ("服务", "服务项目", "服务内容", "services"),
    "default_service": ("首选服务", "默认服务"),
    "phones": ("电话", "联系电话", "站点电话", "服务电话", "联系方式", "phone"),
    "status": ("状态", "站点状态", "运行状态", "status"),
    "tier": ("层级", "站点层级", "tier"),
    "grade": ("等级", "建设等级", "grade"),
    "stars": ("星级", "星级评定", "stars"),
    "build_mode": ("建设方式", "建设模式", "buildmode"),
    "host_name": ("依托单位", "共建单位", "承建单位", "合作单位", "host"),
    "host_contact": ("依托单位联系人", "共建单位联系人"),
    "host_phone": ("依托单位电话", "共建单位电话"),
    "agreement_from": ("协议开始日期", "协议起始", "协议开始"),
    "agreement_until": ("协议到期日期", "协议截止", "协议到期"),
    "area_m2": ("面积", "面积m2", "面积平方米", "建筑面积", "使用面积", "area"),
    "capacity": ("容纳人数", "可容纳人数", "座位数", "capacity"),
    "opened_on": ("启用日期", "建成日期", "启用时间", "建成时间", "建站时间", "openedon"),
    "road": ("所在道路", "道路", "路线"),
    "carriageway": ("行车方向", "上下行"),
    "truck_spaces": ("货车车位数", "货车泊位", "货车泊位数"),
    "max_height_m": ("限高", "限高米"),
    "max_weight_t": ("限重", "限重吨"),
    "access_note": ("通行说明", "进出说明"),
    "source": ("数据来源", "来源", "source"),
}
# Columns that help a file in and are no part of the register.
POINT, ANOTHER = "point", "another"
READ_ALSO: dict[str, tuple[str, ...]] = {
    POINT: ("经纬度", "坐标", "地理坐标", "坐标位置", "经度纬度", "经度,纬度"),
    ANOTHER: ("确为另一站点", "另一站点", "确认不重复"),
}
READ = HEADERS | READ_ALSO
REASON = "原因"
# Names of people and their numbers stay in the register: files are passed on.
NOT_EXPORTED = ("host_contact", "host_phone")
EXPORTED = tuple(name for name in HEADERS if name not in NOT_EXPORTED)

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
    HolidayRule: {
        HolidayRule.AS_USUAL: ("照常开放", "正常开放", "节假日正常开放"),
        HolidayRule.CLOSED_ON_HOLIDAYS: ("法定节假日休息", "法定节假日不开放", "休息"),
        HolidayRule.WORKDAYS: ("仅工作日开放", "工作日开放", "工作日"),
    },
    Carriageway: {
        Carriageway.UP: ("上行",),
        Carriageway.DOWN: ("下行",),
        Carriageway.BOTH: ("双向", "上下行", "双侧"),
        Carriageway.OFF_ROAD: ("路外", "出口外", "不在路侧"),
    },
    Facility: {
        Facility.DRINKING_WATER: ("饮水机", "饮水", "饮水设备", "直饮机", "桶装水"),
        Facility.HOT_WATER: ("热水", "热水器", "开水", "开水器"),
        Facility.MICROWAVE: ("微波炉", "微波加热"),
        Facility.REFRIGERATOR: ("冰箱", "冰柜", "电冰箱"),
        Facility.AIR_CONDITIONING: ("空调", "冷暖空调", "空调机"),
        Facility.HEATING: ("取暖", "暖气", "取暖设备", "取暖器", "电暖器"),
        Facility.SEATING: ("桌椅", "沙发", "桌椅沙发", "休息座椅", "座椅", "休息桌椅"),
        Facility.PHONE_CHARGING: ("手机充电", "手机充电器", "充电插座", "手机充电站", "充电设备"),
        Facility.EBIKE_CHARGING: ("电动车充电", "电动车充电桩", "电瓶车充电", "电动自行车充电"),
        Facility.BATTERY_SWAP: ("换电", "换电柜"),
        Facility.WIFI: ("WiFi", "Wi-Fi", "无线网络", "无线网"),
        Facility.TOILET: ("卫生间", "厕所", "洗手间", "公厕"),
        Facility.FIRST_AID_KIT: ("应急药箱", "药箱", "急救箱", "医药箱", "急救包", "小药箱"),
        Facility.HEAT_MEDICINE: ("防暑药品", "防暑降温药品", "藿香正气水"),
        Facility.AED: ("AED",),
        Facility.BLOOD_PRESSURE_METER: ("血压仪", "血压计"),
        Facility.THERMOMETER: ("体温计",),
        Facility.UMBRELLA: ("雨伞雨衣", "雨伞", "雨衣", "雨具", "爱心雨伞"),
        Facility.TOOL_BOX: ("工具箱",),
        Facility.TYRE_PUMP: ("充气筒", "打气筒"),
        Facility.BOOKS: ("图书报刊", "图书", "书报", "书籍", "职工书屋"),
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


def key(value: str) -> str:
    """A word as it is compared: without spaces, dashes and case."""
    return re.sub(r"[\s_-]", "", value).lower()


SPELLINGS: dict[type[Word], dict[str, Word]] = {
    words: {key(one): word for word, said in spellings.items() for one in said} | {word.value: word for word in words}
    for words, spellings in WORDS.items()
}


def nearest_word(words: type[Word], value: str) -> str | None:
    """The spelling that looks most like a value that is none."""
    known = [one for said in WORDS[words].values() for one in said]
    return _nearest(value, known)


def nearest_column(header: str) -> str | None:
    """Which column a header that nobody knows might be."""
    plain = re.sub(r"\s|[*:：]", "", header)
    inside = [(len(word), said[0]) for said in READ.values() for word in said if len(word) > 1 and word in plain]
    if inside:
        return max(inside)[1]
    word = _nearest(plain, [word for said in READ.values() for word in said])
    return next((said[0] for said in READ.values() if word in said), None)


def _nearest(value: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(value, list(known), 1, 0.6)), None)


# --- counties and towns ----------------------------------------------------------------------------------

# Names that maps and old files still carry → what it is now, since when.
RENAMED = {
    "孟津县": ("孟津区", 2021), "偃师市": ("偃师区", 2021), "吉利区": ("孟津区", 2021), "淮阳县": ("淮阳区", 2019),
    "许昌县": ("建安区", 2016), "陕县": ("陕州区", 2015), "开封县": ("祥符区", 2014), "金明区": ("龙亭区", 2014),
}  # fmt: skip
_ZONES = {
    "航空港": ("航空港区", "航空港", "港区", "航空港经济区", "航空港实验区"),
    "高新技术": ("高新区", "高新技术开发区", "高新技术产业开发区", "高新开发区"),
    "经济": ("经开区", "经济开发区", "经济技术开发区"),
    "城乡一体化示范区": ("示范区", "城乡一体化示范区", "一体化示范区"),
}


def _bare(name: str) -> str:
    return re.sub(r"(?<=..)(回族区|地区|市|区|县)$", "", name)


def find_county(word: str, city: str | None, counties: Iterable[Any]) -> tuple[str | None, Problem | None]:
    """The code of a county by what a row says; the problem is red without a code, amber beside one.

    ``counties`` are rows of (code, name, city). A functional zone is taken as it stands in the list.
    """
    rows = list(counties)
    plain = re.sub(r"^河南省?(?=.*[市县区])|\s", "", word)
    if any(row.code == plain for row in rows):
        return plain, None
    town = re.sub(r"^河南省|\s", "", city or "")
    if town:
        # A county run by the province has no city above it, whatever the column says there.
        rows = [row for row in rows if _bare(row.city) == _bare(town) or (row.city == row.name == plain)]
        if not rows:
            return None, _county_problem(N_("%(word)s is not a city we know."), city)
    elif led := [row.city for row in rows if plain.startswith(row.city) and plain != row.city]:
        town, plain = led[0], plain.removeprefix(led[0])
        rows = [row for row in rows if row.city == town]
    old = RENAMED.get(plain) if not any(row.name == plain for row in rows) else None
    fits = _fitting(old[0] if old else plain, rows)
    cities = {_bare(row.city) for row in counties if row.name != row.city}
    if len(fits) == 1 and not (not town and plain in cities and fits[0].name != plain):
        note = (
            text(N_("%(old)s is %(new)s since %(year)s; it was taken so."), old=plain, new=old[0], year=str(old[1]))
            if old
            else None
        )
        return fits[0].code, Problem("county_renamed", note, Level.AMBER, field="county_code") if note else None
    if fits and plain in cities:
        return None, _county_problem(N_("%(word)s may be the city or the county; write the whole name."), word)
    if fits:
        return None, _county_problem(N_("There are several counties called %(word)s; add the column 市."), word)
    if _bare(plain) in cities and not town:
        return None, _county_problem(N_("%(word)s is a city; write the county or district."), word)
    return None, _county_problem(N_("%(word)s is not a county we know."), word)


def _county_problem(says: str, word: str | None) -> Problem:
    return Problem("county_unknown", text(says, word=word), field="county_code")


def _fitting(plain: str, rows: list[Any]) -> list[Any]:
    exact = [row for row in rows if plain in (row.name, f"{row.city}{row.name}")]
    if exact:
        return exact
    without_end = [row for row in rows if plain == _bare(row.name) or (plain[-1:] == "区" and _bare(plain) == _bare(row.name))]
    return without_end or [row for row in rows if _is_zone(plain, row)]


def _is_zone(plain: str, row: Any) -> bool:
    """Whether a short form means a functional zone: 郑州高新区 is 郑州高新技术产业开发区."""
    if row.code[4:] < "71":
        return False
    short = plain.removeprefix(row.city).removeprefix(_bare(row.city))
    name = row.name.removeprefix("河南").removeprefix(row.city).removeprefix(_bare(row.city))
    return short == name or any(name.startswith(begins) and short in forms for begins, forms in _ZONES.items())


def find_town(word: str, towns: Iterable[tuple[str, str]]) -> str | None:
    """The code of a town or street by its name, with or without 镇, 乡, 街道."""

    def bare(name: str) -> str:
        return re.sub(r"(?<=..)(街道办事处|街道办|办事处|街道|镇|乡)$", "", name)

    listed = list(towns)
    fits = [code for code, name in listed if word in (code, name)] or [code for code, name in listed if bare(name) == bare(word)]
    return fits[0] if len(fits) == 1 else None


# --- the same station twice ------------------------------------------------------------------------------

_SUFFIX = re.compile(
    r"((户外)?(劳动者|职工)?(服务站点?|服务点|爱心驿站|工会驿站|驿站|爱心站|歇脚点|休息站|服务驿站)|司机之家|小哥之家|职工之家|站点)+$"
)
NEARBY_M = 50


def normal_name(name: str, *places: str) -> str:
    """A station's name as it is compared: without place, brackets, spaces, and what every station is called."""
    plain = re.sub(r"[\s()（）\[\]【】“”\"'·.,、-]", "", name).lower()
    for place in filter(None, places):
        plain = plain.removeprefix(place)
    return _SUFFIX.sub("", plain) or plain


def looks_the_same(station: str, *, near: bool) -> Problem:
    """Two stations that may be one; both ways on are named."""
    says = N_("This looks the same as %(station)s: the names agree.")
    if near:
        says = N_("This looks the same as %(station)s: less than 50 metres lie between them.")
    return Problem(
        "looks_the_same", text(N_("%(why)s %(ways)s"), why=text(says, station=station), ways=text(_WAYS)), field="name"
    )


def row_looks_the_same(number: int, *, near: bool) -> Problem:
    """Two rows of one file that may be one station."""
    says = N_("This looks the same as row %(number)s: the names agree.")
    if near:
        says = N_("This looks the same as row %(number)s: less than 50 metres lie between them.")
    why: Text = text(says, number=number)
    return Problem("looks_the_same", text(N_("%(why)s %(ways)s"), why=why, ways=text(_WAYS_IN_FILE)), field="name")


_WAYS = N_("To change that one, write its code into 编码; if it is another one, write 是 into 确为另一站点.")
_WAYS_IN_FILE = N_("Leave one of the rows out; if they are two, write 是 into 确为另一站点.")


def summary(*, loaded: int, updated: int, unchanged: int, refused: int) -> Text:
    """What became of a workbook in one sentence."""
    if unchanged and not (loaded or updated or refused):
        return text(N_("All %(count)s rows are in the register already; nothing changed."), count=unchanged)
    says = N_("%(loaded)s added, %(updated)s changed, %(unchanged)s unchanged, %(refused)s refused.")
    return text(says, loaded=loaded, updated=updated, unchanged=unchanged, refused=refused)
