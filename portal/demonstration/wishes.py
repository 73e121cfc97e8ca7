"""The demonstration's wishes: places in real counties where somebody asked for a station. Invented, marked 演示数据."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal import clock
from portal.access import SYSTEM, VISITOR
from portal.demonstration.places import HOME_COUNTY, Place, chance
from portal.stations.wishes import commands, rules
from portal.stations.wishes.models import WishState
from portal.stations.wishes.rules import WishValues
from portal.vocabulary import COUNTER_OCCUPATIONS, NEW_FORM_OCCUPATIONS, BasicService

PLACES = 40
SPOTS = ("批发市场东门", "高铁站南广场", "快递分拨中心门口", "产业园三号门", "大学城美食街", "医院东侧路口",
         "汽车南站", "物流港停车场", "商业街北口", "会展中心西门", "地铁口外卖等候区", "农贸市场旁")  # fmt: skip
WORDS = (
    "中午没有地方热饭。",
    "晚上十点以后找不到卫生间。",
    "夏天等单的时候没有阴凉。",
    "冬天想有个暖和的地方。",
    "希望能给电动车充电。",
)
WAITING = {WishState.DECLINED: "两百米内已有驿站，已延长其开放时间。"}


def make(doors: list[Place], seed: str, now: datetime) -> int:
    """About forty places, some wished for by many; answers how many voices. What became of some is on record too."""
    rng = chance(f"{seed}:wishes")
    counties = sorted({door.county for door in doors}, key=lambda code: (code != HOME_COUNTY, code[:4] != HOME_COUNTY[:4], code))
    states = (WishState.NEW,) * 5 + (WishState.CONSIDERED, WishState.PLANNED, WishState.DECLINED)
    voices = 0
    for number in range(PLACES):
        # Twelve in the county where the demonstration's staff work, the others around it.
        county = counties[0] if number < len(SPOTS) else counties[1 + (number - len(SPOTS)) % max(1, min(20, len(counties) - 1))]
        state, wish = states[number % len(states)], None
        times = [
            timedelta(days=rng.randrange(2, 60), minutes=rng.randrange(1440)) for _ in range(1 + int(rng.paretovariate(1.1)) % 9)
        ]
        for turn, ago in enumerate(sorted(times, reverse=True)):
            with clock.stopped_at(now - ago):
                wish = commands.wish(values=_values(county, SPOTS[number % len(SPOTS)], turn, rng), by=VISITOR, is_demo=True)
            voices += 1
        if state is not WishState.NEW and wish.state is WishState.NEW:
            with clock.stopped_at(now - timedelta(days=1)):
                commands.set_state(wish=wish, state=state, reason=WAITING.get(state), by=SYSTEM)
    return voices


def _values(county: str, spot: str, turn: int, rng) -> WishValues:
    return WishValues(
        county_code=county,
        place=spot,
        occupation=rng.choice([*COUNTER_OCCUPATIONS, *NEW_FORM_OCCUPATIONS]) if rng.random() < 0.8 else None,
        missing=tuple(rng.sample(rules.MISSING, rng.randrange(1, 4))) if rng.random() < 0.9 else (BasicService.REST,),
        words=rng.choice(WORDS) if turn == 0 else None,
    )
