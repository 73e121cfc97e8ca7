"""The demonstration's plans, without a database: the same for the same day, and true to Henan and the season."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from uuid import UUID

from portal import clock, demonstration
from portal.demonstration import days, people, places, visits
from portal.demonstration.days import Spell
from portal.members.workers.rules import is_phone, problems_with_id
from portal.stations.register.models import StationKind, StationStatus
from portal.stations.register.rules import problems_with_station
from portal.vocabulary import BasicService, IdType

STATIONS, WORKERS = 24, 80


def test_the_same_day_is_planned_the_same_way():
    doors = places.plan(STATIONS, "seed", date(2026, 11, 20))
    first = date(2026, 11, 9)
    plans = []
    for _ in range(2):
        crowd = people.plan(WORKERS, "seed", doors, first, date(2026, 11, 20))
        day = days.plan(first, crowd, "seed")
        plans.append(sorted(str((one.at, one.person and one.person.id, one.place.code, one.lines)) for one in day))
    assert plans[0] == plans[1] and len(plans[0]) > 20


def test_whoever_is_no_longer_on_record_stays_out():
    doors = places.plan(STATIONS, "seed", date(2026, 11, 20))
    for door in doors:
        door.id = door.union_id = UUID(int=int(door.code.replace("-", "")))
    crowd = people.plan(WORKERS, "seed", doors, date(2026, 11, 9), date(2026, 11, 20))
    kept = {crowd[0].id}
    begins = clock.start_of(date(2026, 11, 9))
    ledger = visits.Ledger()
    assert visits.plan_and_enter(ledger, crowd, begins, begins + timedelta(days=3), "seed", kept) > 20
    assert {row.split("\t")[4] for row in ledger.visits} == {crowd[0].key, r"\N"}


# --- the plans, at full size ---------------------------------------------------------------------------------------


def test_four_hundred_stations_in_every_county():
    full = places.plan(400, demonstration.SEED, date(2026, 11, 22))
    assert len(full) == 400
    by_county = Counter(place.county for place in full)
    assert len(by_county) == 157 and min(by_county.values()) >= 2 and by_county["410105"] >= 12
    assert len({(place.county, place.values.name, place.values.address) for place in full}) == 400
    assert {place.values.kind for place in full} == set(StationKind)
    assert {place.status for place in full} == set(StationStatus)
    for place in full:
        assert problems_with_station(place.values) == [], place
        assert place.values.source == "演示数据" and place.values.services
    hours = {place.values.hours for place in full}
    assert any(one.closes > 1440 for each in hours for one in each), "some close after midnight"
    assert any(len({one.weekday for one in each}) < len(each) for each in hours), "some close at noon"


def test_three_thousand_people_whom_nobody_knows():
    doors = places.plan(400, demonstration.SEED, date(2026, 11, 22))
    crowd = people.plan(3000, demonstration.SEED, doors, date(2026, 8, 25), date(2026, 11, 22))
    assert len({person.id_number for person in crowd}) == len({person.id for person in crowd}) == 3000
    phones = Counter(person.phone for person in crowd if person.phone)
    assert any(many == 2 for many in phones.values()), "a phone is not a person"
    for person in crowd[::7]:
        assert person.phone is None or is_phone(person.phone)
        assert problems_with_id(IdType.RESIDENT_ID, person.id_number, today=date(2026, 11, 22)) == []
        assert person.id_number[14:17] in ("996", "997", "998", "999"), "kept for people past a hundred"
    assert min(Counter(person.occupation for person in crowd).values()) >= 10


def test_each_occupation_comes_at_its_own_hours():
    rng = places.chance("hours")
    today, peaks = days.Day(date(2026, 11, 20), rng), defaultdict(Counter)
    for occupation in days.HOURS:
        for _ in range(4000):
            peaks[occupation.value][today.minute(occupation) // 60] += 1
    top = {name: {hour for hour, _ in counter.most_common(2)} for name, counter in peaks.items()}
    assert top["food_delivery_rider"] == {14, 15} and top["courier"] == {12, 13}
    assert top["truck_driver"] <= {19, 20, 21, 22} and top["sanitation_worker"] == {5, 6}
    assert {hour for hour, _ in peaks["food_delivery_rider"].most_common(4)} == {14, 15, 20, 21}


def spells(first: date, length: int = 90) -> list[Spell]:
    found, before = [], None
    for day in days.between(first, first + timedelta(days=length - 1)):
        now = days.spell(day)
        if now and not before:
            found.append(now)
        before = now
    return found


def test_the_weather_is_true_to_the_season():
    assert spells(date(2026, 6, 1)) == [Spell.HEAT] * 3
    assert spells(date(2026, 12, 1)) == [Spell.COLD] * 3
    assert Spell.HEAT not in spells(date(2026, 10, 1)) and Spell.COLD in spells(date(2026, 10, 1))
    heat = next(day for day in days.between(date(2026, 7, 1), date(2026, 7, 31)) if days.spell(day))
    services, weights = days._choices(tuple(BasicService), days.O.COURIER, days.spell(heat), 7, meal=False, named=True)
    warming = services.index(BasicService.WARMING)
    assert weights[warming] == weights[warming - 1], "nobody warms up in a heat wave"
