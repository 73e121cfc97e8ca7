"""Who opens the demonstration's doors, when, and what stands behind them. All of them are invented."""

from __future__ import annotations

from dataclasses import dataclass

from portal.stations.hours.rules import Stretch
from portal.stations.register.models import BuildMode, Facility

F = Facility
WEEK = range(7)


def _daily(*stretches: tuple[int, int], days=WEEK) -> tuple[Stretch, ...]:
    return tuple(Stretch(day, opens * 60 // 100, closes * 60 // 100) for day in days for opens, closes in stretches)


# Hundredths of an hour, so that 8.5 h is 850: (850, 2200) is 08:30–22:00; past 2400 it runs into the next day.
ALWAYS = _daily((0, 2400))
LONG = _daily((700, 2200))
EVERY_DAY = _daily((850, 2100))
EARLY = _daily((450, 1100), (1400, 2000))
NIGHT = _daily((1000, 2600))
OFFICE = _daily((850, 1200), (1300, 1750), days=range(5)) + _daily((900, 1200), days=(5,))
BANK = _daily((900, 1700), days=range(5)) + _daily((950, 1600), days=(5, 6))

BASIC = (F.DRINKING_WATER, F.HOT_WATER, F.SEATING, F.PHONE_CHARGING, F.FIRST_AID_KIT)
INDOOR = (*BASIC, F.MICROWAVE, F.AIR_CONDITIONING, F.HEATING, F.WIFI, F.BOOKS, F.UMBRELLA)
EXTRA = (F.TOILET, F.REFRIGERATOR, F.TOOL_BOX, F.TYRE_PUMP, F.BLOOD_PRESSURE_METER, F.AED, F.TV, F.ACCESSIBLE_ENTRY,
         F.EBIKE_CHARGING, F.DONATION_SHELF, F.NURSING_ROOM, F.SOS_BUTTON, F.HEAT_MEDICINE)  # fmt: skip
TRUCKERS = (*INDOOR, F.TOILET, F.SHOWER, F.LAUNDRY, F.DRYER, F.BED, F.TRUCK_PARKING, F.CANTEEN, F.CONVENIENCE_STORE)


@dataclass(frozen=True)
class Host:
    """Who opens the door: a word for the name, the whole name, where it stands, and when it is open."""

    word: str
    full: str
    spots: tuple[str, ...]
    hours: tuple[tuple[Stretch, ...], ...]
    mode: BuildMode = BuildMode.JOINTLY_BUILT


UNION, GOVERNMENT, SPONSORED = BuildMode.UNION_BUILT, BuildMode.GOVERNMENT_BUILT, BuildMode.SOCIALLY_SPONSORED
HOSTS = (
    Host("邮政", "{town}邮政营业厅", ("中心街邮政营业厅一楼", "农贸市场东侧邮政营业厅"), (EVERY_DAY, LONG)),
    Host("银行", "{town}农商银行网点", ("便民服务中心对面银行网点", "汽车站旁银行网点"), (BANK,)),
    Host("加油站", "{town}加油站", ("国道旁加油站", "环路入口加油站"), (ALWAYS, LONG), SPONSORED),
    Host("社区", "{town}党群服务中心", ("党群服务中心一楼", "综合服务楼西门"), (OFFICE, EVERY_DAY), GOVERNMENT),
    Host("环卫", "{town}环卫所", ("公园西门环卫休息点", "广场南侧环卫休息点"), (EARLY,), GOVERNMENT),
    Host("便利店", "{town}便利店", ("商业街北口便利店", "学校对面便利店"), (NIGHT, LONG), SPONSORED),
    Host("供电", "{town}供电服务站", ("供电营业厅一楼", "供电服务站院内"), (OFFICE, EVERY_DAY)),
    Host("工会", "{county}总工会", ("职工服务中心一楼", "工人文化宫南门"), (EVERY_DAY, LONG, ALWAYS), UNION),
)  # fmt: skip
SERVICE_VAN = Host("", "{county}总工会服务车", ("人民广场服务车", "劳动力市场门前服务车"), (OFFICE, EVERY_DAY), UNION)
EXPRESS = Host("快递", "{town}快递网点", ("快递园区二号门", "商圈停车场东侧"), (NIGHT, LONG))
FREIGHT = (
    Host("物流园", "{town}物流园", ("物流园司机服务区", "货运市场北门"), (ALWAYS,), SPONSORED),
    Host("服务区", "{town}服务区", ("国道服务区东侧", "高速出口服务区"), (ALWAYS,), SPONSORED),
)
