"""Items and programmes of the home city and county: in every state, with rules, places, lines, and a small 1–5–20 tree.

Codes of what stands open, for the rooms that build on it:

- ``DEMO-TIJIAN`` health check, booked up to 60 days ahead, at two providers, 500.00 a place from the federation's line, quota 300
- ``DEMO-LIANGAI`` screening for women of 30 to 60, booked, at one provider, 520.00 a place, quota 100, members-first window over
- ``DEMO-DONGNUAN`` winter warmth or, from June to September, ``DEMO-QINGLIANG`` heat relief: goods, walk in, at every station
- ``DEMO-PEIXUN`` training, enrolled in, at a school, quota 40, costs the union nothing
- ``DEMO-XINLI`` counselling without a name, walk in, at two stations of the home county
- ``DEMO-FAYUAN`` legal advice, walk in or booked on the day itself, at two stations of the home county
- ``DEMO-LIBAO`` welcome pack for members, once, at two stations of the home county

Others: ``DEMO-GUANYING`` (paused), ``DEMO-HUZHU`` (waits for a decision), ``DEMO-YIMIAO`` (approved, begins next month),
``DEMO-EBIKE`` (draft), ``DEMO-TIJIAN-0`` (last year's, settled), the other season's (ended). Headings: ``DEMO-1520``,
``DEMO-1520-1``, ``DEMO-1520-2``, ``DEMO-1520-11``. Call `make` after the budgets (demonstration/money.py).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import By
from portal.db import db
from portal.demonstration.places import HOME_CITY, HOME_COUNTY
from portal.stations.register.models import PUBLIC_STATUSES, Station
from portal.stations.supplies.models import SupplyItem
from portal.unions.staff.queries import find_account_by_name
from portal.unions.tree.models import Union
from portal.vocabulary import NEW_FORM_OCCUPATIONS
from portal.welfare.eligibility.models import Audience, LimitPeriod, PriorityGroup, RuleValues
from portal.welfare.items import commands as items
from portal.welfare.items.models import Proof, ServiceClass, WelfareCategory, WelfareItem
from portal.welfare.items.rules import ItemValues
from portal.welfare.programmes import commands
from portal.welfare.programmes.models import BookingDays, Charge, Programme, ProgrammeStatus, Way
from portal.welfare.programmes.queries import list_lines
from portal.welfare.programmes.rules import ProgrammeValues

C, S, W = WelfareCategory, ProgrammeStatus, Way
STEPS = {S.OPEN: (S.OPEN,), S.PAUSED: (S.OPEN, S.PAUSED), S.CLOSED: (S.OPEN, S.CLOSED), S.SETTLED: (S.OPEN, S.CLOSED, S.SETTLED)}
CITY, COUNTY, FEDERATION, COUNTY_FEDERATION = HOME_CITY, HOME_COUNTY, f"{HOME_CITY}-X", f"{HOME_COUNTY}-X"
HOSPITAL = ("市职工体检中心（演示）", "金水区经三路演示1号")
BUS = ("流动体检车（演示）", "每周三停在花园路物流园")
WOMEN = ("市妇幼保健院（演示）", "金水区纬五路演示8号")
SCHOOL = ("市职工技术学校（演示）", "中原区建设路演示20号")
BY_CODE, BY_SIGNATURE = {"proof": Proof.CODE}, {"proof": Proof.SIGNATURE}

# code, union, name, category, how it goes, unit, yuan, provider, more
ITEMS = (
    ("DEMO-I-TIJIAN", CITY, "职工健康体检", C.HEALTH_CHECK,
     "早上空腹，带身份证到体检点，出示预约码；约一个小时，结果只交给本人。", "人次",
     500, HOSPITAL[0], BY_CODE),
    ("DEMO-I-LIANGAI", CITY, "女职工“两癌”筛查", C.CANCER_SCREENING,
     "带身份证按预约时间到医院，避开生理期；七项检查，结果只交给本人。",
     "人次", 520, WOMEN[0], BY_CODE),
    ("DEMO-I-QINGLIANG", CITY, "送清凉防暑包", C.HEAT_RELIEF, "到驿站向值守人员说一声即可领取，每人每天一份。", "份", 18,
     None, {}),
    ("DEMO-I-DONGNUAN", CITY, "送温暖保暖包", C.WINTER_WARMTH, "到驿站向值守人员说一声即可领取，内有手套、围脖、暖贴。",
     "份", 35, None, {}),
    ("DEMO-I-PEIXUN", CITY, "电商与物流技能培训", C.SKILLS_TRAINING, "报名后按课表上课，每次签到；结业由学校发证。", "人次",
     0, SCHOOL[0],
     BY_SIGNATURE),
    ("DEMO-I-XINLI", CITY, "心理咨询", C.PSYCH_SUPPORT, "直接来，或请值守人员约时间；不问姓名，不留谈话记录。", "人次", 0,
     None, {"named": False}),
    ("DEMO-I-FAYUAN", CITY, "法律咨询", C.LEGAL_AID, "带上合同、工资记录等材料；律师当面解答，需要援助的转入一对一服务。",
     "人次", 0,
     "市职工法律援助中心（演示）", {"service_class": ServiceClass.ONE_TO_ONE}),
    ("DEMO-I-LIBAO", CITY, "入会礼包", C.WELCOME_PACK, "入会后带会员证到驿站领取，签字确认。", "份", 60, None,
     BY_SIGNATURE | {"needs_two": True}),
    ("DEMO-I-GUANYING", CITY, "会员观影", C.CULTURE_SPORT, "按预约的场次到影院，出示预约码入场。", "人次", 30, "演示影城",
     BY_CODE),
    ("DEMO-I-HUZHU", CITY, "赠送互助保障计划", C.MUTUAL_AID, "本人同意后由工会统一参保一年，参保后告知编号与申领办法。",
     "人", 120, None, BY_CODE),
    ("DEMO-I-YIMIAO", CITY, "疫苗接种绿色通道", C.VACCINATION, "带身份证，在为户外劳动者预留的时段到接种点。", "人次", 0,
     None, {}),
    ("DEMO-I-EBIKE", COUNTY, "电动车手续上门办", C.EBIKE_PAPERWORK, "带车、购车发票和身份证，到驿站现场办理。", "辆", 0, None,
     {"service_class": ServiceClass.OCCUPATION_SPECIFIC}),
)  # fmt: skip
STOCKED = {"DEMO-I-QINGLIANG": ("防暑", "清凉"), "DEMO-I-DONGNUAN": ("保暖", "温暖"), "DEMO-I-LIBAO": ("礼包",)}


def make(seed: str, now: datetime) -> str:
    """Fill the catalogue and plan the programmes; answers what was made. Flushes."""
    today = clock.business_day(now)
    made = _Maker(today)
    with clock.stopped_at(clock.start_of(today - timedelta(days=200)) + timedelta(hours=9)):
        for row in ITEMS:
            made.item(*row)
    _headings(made)
    _booked(made)
    _seasons(made)
    _at_stations(made)
    _on_their_way(made)
    return f"{len(made.items)} items, {made.count} programmes"


class _Maker:
    """Who proposes and decides, and what is there already."""

    def __init__(self, today: date) -> None:
        self.today, self.count = today, 0
        self.officer, self.approver, self.county_approver = (
            By("staff", find_account_by_name(name).id) for name in ("officer", "approver", f"approver-{HOME_COUNTY}")
        )
        codes = (CITY, COUNTY, FEDERATION, COUNTY_FEDERATION)
        self.unions = {one.code: one for one in db.session.scalars(sa.select(Union).where(Union.code.in_(codes)))}
        self.items: dict[str, WelfareItem] = {}
        self.made: dict[str, Programme] = {}
        here = sa.select(Station).where(Station.county_code == HOME_COUNTY, Station.status.in_(PUBLIC_STATUSES))
        self.stations = list(db.session.scalars(here.order_by(Station.code).limit(2)))

    def item(self, code: str, union: str, name: str, category: C, procedure: str, unit: str, cost: int, provider: str | None,
             more: dict) -> None:  # fmt: skip
        values = ItemValues(name, category, procedure, unit, unit_cost=Decimal(cost), provider_name=provider,
                            supply_item_id=self._stocked(code), **more)  # fmt: skip
        self.items[code] = items.add_item(union=self.unions[union], values=values, by=self.officer, code=code)

    def _stocked(self, code: str) -> UUID | None:
        """A thing in the city's stock that this is, if the demonstration made one."""
        for word in STOCKED.get(code, ()):
            found = sa.select(SupplyItem.id).where(SupplyItem.union_id == self.unions[CITY].id, SupplyItem.name.contains(word))
            if ident := db.session.scalar(found.order_by(SupplyItem.code).limit(1)):
                return ident
        return None

    def line(self, union: str, name: str, day: date) -> UUID:
        """The budget line of a name in the year of a day."""
        return next(one.line.id for one in list_lines(self.unions[union].id, [day.year]) if one.line.name == name)

    def programme(
        self, code: str, union: str, name: str, summary: str, starts_on: date, ends_on: date, status: S, *,
        item: str | None = None,
        beneath: str | None = None, rule: RuleValues | None = None, places: tuple = (), **more,
    ) -> None:  # fmt: skip
        """A programme on its way through the commands, at days of its own."""
        parent = self.made[beneath].id if beneath else None
        given = self.items[item] if item else None
        more = {"price": given.unit_cost} | more if given else more
        values = ProgrammeValues(name, summary, starts_on, ends_on, given.id if given else None, parent, **more)
        begun = min(starts_on, self.today) - timedelta(days=14)
        decider = self.county_approver if union.startswith(HOME_COUNTY) else self.approver
        with _at(begun):
            one = commands.draft_programme(
                union=self.unions[union], values=values, by=self.officer, rule=rule, code=code, is_demo=True
            )
            for place in places:
                where = {"station": place} if isinstance(place, Station) else {"provider_name": place[0], "address": place[1]}
                commands.add_place(programme=one, by=self.officer, **where)
            if status is not S.DRAFT:
                commands.submit_programme(programme=one, by=self.officer)
        if status not in (S.DRAFT, S.SUBMITTED):
            with _at(begun + timedelta(days=3)):
                commands.decide_programme(programme=one, approve=True, opinion="同意。", by=decider)
        for step in STEPS.get(status, ()):
            day = {S.OPEN: starts_on, S.PAUSED: self.today}.get(step, min(ends_on + timedelta(days=5), self.today))
            with _at(day):
                commands.set_status(programme=one, status=step, by=self.officer)
        self.made[code], self.count = one, self.count + 1


def _at(day: date):
    return clock.stopped_at(clock.start_of(day) + timedelta(hours=9))


def _until(today: date) -> date:
    """The end of the year, or thirty days on if that is near."""
    return max(date(today.year, 12, 31), today + timedelta(days=30))


def _headings(made: _Maker) -> None:
    """One home, two of its five actions, one of the tasks."""
    first, last, rights = date(made.today.year, 1, 1), date(made.today.year + 1, 12, 31), "权益保障部"
    for code, name, beneath, summary, department in (
        ("DEMO-1520", "网上职工之家", None, "1520 工程：一个网上职工之家，五项专项行动，二十项具体任务。", "办公室"),
        ("DEMO-1520-1", "关爱服务专项行动", "DEMO-1520", "把体检、慰问、培训送到户外劳动者身边。", rights),
        ("DEMO-1520-2", "权益维护专项行动", "DEMO-1520", "法律、心理、保障，遇事有人管。", "法律工作部"),
        ("DEMO-1520-11", "健康服务任务", "DEMO-1520-1", "体检与“两癌”筛查。", rights),
    ):
        made.programme(code, CITY, name, summary, first, last, S.OPEN, beneath=beneath, owner_department=department)


def _booked(made: _Maker) -> None:
    """Booked at providers, each place reserved from the federation's line."""
    today, last = made.today, _until(made.today)
    begun = today - timedelta(days=45)
    opened = datetime.combine(today - timedelta(days=20), time(10), clock.SHANGHAI)
    money = {"charge": Charge.PER_PLACE, "budget_line_id": made.line(FEDERATION, "免费健康体检", today)}
    health = {"beneath": "DEMO-1520-11", "owner_department": "权益保障部", "ways": (W.BOOK.value, W.CODE.value)}
    made.programme(
        "DEMO-TIJIAN", FEDERATION, "户外劳动者免费体检", "免费做一次全套体检，手机上约好时间就能去。", begun, last, S.OPEN,
        item="DEMO-I-TIJIAN", rule=RuleValues(interval_months=12, person_limit=1, limit_period=LimitPeriod.PROGRAMME),
        places=(HOSPITAL, BUS), quota=300, days_ahead=60, **health, **money,
    )  # fmt: skip
    made.programme(
        "DEMO-LIANGAI", FEDERATION, "女职工“两癌”免费筛查", "30 至 60 周岁的女性户外劳动者免费筛查，两年没查过的优先。",
        begun, last, S.OPEN,
        item="DEMO-I-LIANGAI", places=(WOMEN,), quota=100, days_ahead=60, booking_opens_at=opened, **health, **money,
        rule=RuleValues(sex="female", min_age=30, max_age=60, interval_months=24, first_hours=24,
                        priority_groups=(PriorityGroup.NOT_HAD_FOR_LONG.value,)),
    )  # fmt: skip
    year = today.year - 1
    made.programme(
        "DEMO-TIJIAN-0", FEDERATION, f"{year} 年免费体检", "上一年的免费体检，已结清。", date(year, 4, 1), date(year, 11,
        30), S.SETTLED,
        item="DEMO-I-TIJIAN", places=(HOSPITAL,), quota=200, beneath="DEMO-1520-11", ways=(W.BOOK.value,),
        charge=Charge.PER_PLACE, budget_line_id=made.line(FEDERATION, "免费健康体检", date(year, 4, 1)),
    )  # fmt: skip
    made.programme(
        "DEMO-PEIXUN", FEDERATION, "骑手与快递员技能提升班", "周末上课，学完发证，费用由学校承担。", begun, last, S.OPEN,
        item="DEMO-I-PEIXUN",
        rule=RuleValues(occupations=tuple(sorted(one.value for one in NEW_FORM_OCCUPATIONS))), places=(SCHOOL,), quota=40,
        beneath="DEMO-1520-1", ways=(W.ENROL.value, W.BOOK.value), days_ahead=60, owner_department="权益保障部",
    )  # fmt: skip
    made.programme(
        "DEMO-GUANYING", FEDERATION, "会员观影", "会员凭预约码免费观影，影院检修期间暂停。", begun, last, S.PAUSED,
        item="DEMO-I-GUANYING",
        rule=RuleValues(audience=Audience.MEMBER, person_limit=1, limit_period=LimitPeriod.MONTH),
        places=(("演示影城", "金水区花园路演示66号"),), quota=200, ways=(W.BOOK.value, W.CODE.value), charge=Charge.PER_PLACE,
        booking_days=BookingDays.NEXT_DAY, budget_line_id=made.line(FEDERATION, "会员文体活动", today),
    )  # fmt: skip


def _season(today: date, first: tuple[int, int], last: tuple[int, int]) -> tuple[date, date]:
    """The running season, or the last one that is over."""
    for year in (today.year, today.year - 1, today.year - 2):
        starts = date(year, *first)
        ends = date(year + (last < first), *last)
        if starts <= today - timedelta(days=1):
            return starts, ends
    raise AssertionError("a season began within two years")


def _seasons(made: _Maker) -> None:
    """What is handed out at every station in the hot and in the cold months."""
    daily = RuleValues(person_limit=1, limit_period=LimitPeriod.DAY)
    monthly = RuleValues(person_limit=1, limit_period=LimitPeriod.MONTH)
    same = {"everywhere": True, "charge": Charge.GOODS, "beneath": "DEMO-1520-1", "owner_department": "权益保障部"}
    for code, name, summary, first, last, rule in (
        ("QINGLIANG", "夏季送清凉", "高温天到驿站领一份防暑包，每天一份。", (6, 1), (9, 30), daily),
        ("DONGNUAN", "冬季送温暖", "天冷了，到驿站领一份保暖包，每月一份。", (11, 15), (3, 15), monthly),
    ):
        starts, ends = _season(made.today, first, last)
        status = S.OPEN if ends >= made.today else S.CLOSED
        made.programme(f"DEMO-{code}", CITY, name, summary, starts, ends, status, item=f"DEMO-I-{code}", rule=rule,
                       ways=(W.WALK_IN.value,), **same)  # fmt: skip


def _at_stations(made: _Maker) -> None:
    """Given at chosen stations of the home county."""
    begun, last, doors = made.today - timedelta(days=45), _until(made.today), tuple(made.stations)
    made.programme(
        "DEMO-XINLI", CITY, "心理咨询进驿站", "咨询师每周到驿站，想说就来坐坐，不问姓名。", begun, last, S.OPEN,
        item="DEMO-I-XINLI", places=doors,
        ways=(W.WALK_IN.value,), beneath="DEMO-1520-2", owner_department="法律工作部",
    )  # fmt: skip
    made.programme(
        "DEMO-FAYUAN", COUNTY, "律师驻站法律咨询", "欠薪、工伤、合同，律师在驿站当面解答。", begun, last, S.OPEN,
        item="DEMO-I-FAYUAN", places=doors,
        ways=(W.WALK_IN.value, W.BOOK.value), booking_days=BookingDays.SAME_DAY, beneath="DEMO-1520-2",
        owner_department="法律工作部",
    )  # fmt: skip
    made.programme(
        "DEMO-LIBAO", COUNTY_FEDERATION, "新会员入会礼包", "新入会的会员每人一份，到驿站领取。", begun, last, S.OPEN,
        item="DEMO-I-LIBAO",
        rule=RuleValues(audience=Audience.MEMBER, person_limit=1, limit_period=LimitPeriod.PROGRAMME), places=doors,
        ways=(W.WALK_IN.value,), charge=Charge.GOODS,
    )  # fmt: skip


def _on_their_way(made: _Maker) -> None:
    """What waits, what begins next month, what is only begun."""
    today = made.today
    made.programme(
        "DEMO-HUZHU", FEDERATION, "赠送互助保障计划", "为户外劳动者赠送一年期互助保障。", today + timedelta(days=10),
        _until(today), S.SUBMITTED,
        item="DEMO-I-HUZHU", rule=RuleValues(min_age=16, max_age=60), places=(HOSPITAL,), quota=500, ways=(W.ENROL.value,),
        beneath="DEMO-1520-2", charge=Charge.PER_PLACE, budget_line_id=made.line(FEDERATION, "互助保障赠送", today),
    )  # fmt: skip
    begins = clock.next_month(today)
    made.programme(
        "DEMO-YIMIAO", CITY, "疫苗接种绿色通道", "为户外劳动者预留接种时段，随到随种。", begins,
        begins + timedelta(days=60), S.APPROVED,
        item="DEMO-I-YIMIAO", places=(("社区卫生服务中心（演示）", "金水区文化路演示12号"),), ways=(W.WALK_IN.value,),
        beneath="DEMO-1520-11",
    )  # fmt: skip
    made.programme(
        "DEMO-EBIKE", COUNTY, "电动车手续进驿站", "车管所到驿站现场办理上牌手续。", begins, begins + timedelta(days=30), S.DRAFT,
        item="DEMO-I-EBIKE", places=tuple(made.stations), ways=(W.BOOK.value,),
    )  # fmt: skip
