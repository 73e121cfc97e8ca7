"""How a day of the demonstration goes: who comes when and for what. Plans only; `visits` writes them down.

A day depends on the seed, its date, the planned people and stations alone, so it is the same however often it is
planned; a station that was shut since keeps its planned visits here, and they are left out when they are written.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from portal.demonstration.people import MIX, Person
from portal.demonstration.places import Place, chance
from portal.stations.visits.models import VisitSource
from portal.stations.visits.rules import names_the_person
from portal.types import Word
from portal.vocabulary import BasicService, Occupation

S, O = BasicService, Occupation  # noqa: E741 - one letter for a column of words

# When each occupation comes, by hour from midnight. Riders rest between meals, couriers at noon, sweepers at dawn.
HOURS = {
    O.FOOD_DELIVERY_RIDER: (4, 2, 1, 0, 0, 0, 1, 3, 5, 8, 10, 5, 4, 12, 34, 33, 14, 6, 5, 9, 30, 28, 12, 7),
    O.COURIER: (0, 0, 0, 0, 0, 1, 4, 7, 6, 6, 8, 14, 33, 31, 13, 7, 8, 9, 10, 7, 4, 2, 1, 0),
    O.SANITATION_WORKER: (1, 1, 2, 5, 16, 30, 26, 12, 14, 12, 7, 5, 3, 5, 9, 10, 7, 4, 3, 2, 1, 1, 1, 1),
    O.TRUCK_DRIVER: (12, 10, 8, 6, 5, 5, 5, 4, 4, 4, 4, 6, 7, 6, 4, 4, 5, 8, 13, 18, 20, 22, 20, 16),
    O.RIDE_HAILING_DRIVER: (3, 2, 1, 1, 1, 2, 3, 2, 3, 7, 10, 14, 14, 12, 10, 10, 7, 3, 3, 8, 9, 8, 7, 5),
}
ORDINARY_HOURS = (0, 0, 0, 0, 0, 1, 3, 6, 8, 10, 10, 10, 14, 13, 10, 10, 9, 8, 6, 4, 3, 2, 1, 0)
WEEKDAYS = (1.0, 1.0, 1.0, 1.02, 1.05, 0.95, 0.8)
TAKEN_BACK = 0.003  # of visits, their last line
UNKNOWN_TO_KNOWN = 0.43  # for seven visits of known people, three of people nobody asked


class Spell(Word):
    """Weather that brings people in."""

    HEAT = "heat", "Heat wave"
    COLD = "cold", "Cold snap"
    RAIN = "rain", "Days of rain"


def spell(day: date) -> Spell | None:
    """The weather of a day: one spell of five to seven days in each month, true to the season.

    Any ninety days hold three: in summer three heat waves, in November a cold snap.
    """
    rng = chance(f"weather:{day:%Y-%m}")
    begins = rng.randint(6, 18)
    if not begins <= day.day < begins + rng.randint(5, 7):
        return None
    if day.month in (6, 7, 8) or (day.month == 9 and day.day <= 12):
        return Spell.HEAT
    return Spell.COLD if day.month in (11, 12, 1, 2) or (day.month == 3 and day.day <= 12) else Spell.RAIN


def crowd(day: date) -> float:
    """How many come on a day, against an ordinary one."""
    return WEEKDAYS[day.weekday()] * {None: 1.0, Spell.HEAT: 1.45, Spell.COLD: 1.3, Spell.RAIN: 1.15}[spell(day)]


class Planned(NamedTuple):
    """A visit to come: moments in milliseconds of the day; lines are (moment, service, key bits)."""

    ends: int
    at: int
    person: Person | None
    occupation: Occupation
    place: Place
    source: VisitSource
    bits: int
    lines: tuple[tuple[int, BasicService, int], ...]
    taken_back: int | None  # when the last line was taken back


WEIGHTS = {
    S.REST: 30, S.DRINKING_WATER: 40, S.HOT_MEAL: 5, S.PHONE_CHARGING: 16, S.EBIKE_CHARGING: 3, S.BATTERY_SWAP: 3,
    S.TOILET: 12, S.WIFI: 5, S.READING: 2, S.RAIN_GEAR: 1, S.REPAIR_TOOLS: 2, S.SHOWER: 2, S.LAUNDRY: 1,
    S.TRUCK_PARKING: 1, S.LEGAL_ADVICE: 0.3, S.COOLING: 1, S.WARMING: 1, S.FIRST_AID: 1.2, S.COUNSELLING: 0.3,
}  # fmt: skip


@cache
def _choices(
    offered: tuple[BasicService, ...],
    occupation: Occupation,
    weather: Spell | None,
    month: int,
    *,
    meal: bool,
    named: bool,
) -> tuple[list[BasicService], list[float]]:
    """What is asked for at a station: services and their accumulated weights."""
    services = [one for one in offered if names_the_person(one) or not named]
    weights = dict(WEIGHTS)
    if month in (6, 7, 8, 9):
        weights |= {S.COOLING: 18, S.WARMING: 0}
    elif month in (11, 12, 1, 2, 3):
        weights |= {S.WARMING: 14, S.COOLING: 0}
    if weather is Spell.HEAT:
        weights |= {S.COOLING: 60, S.DRINKING_WATER: 80}
    elif weather is Spell.COLD:
        weights |= {S.WARMING: 55, S.HOT_MEAL: 10}
    elif weather is Spell.RAIN:
        weights |= {S.RAIN_GEAR: 25}
    if meal:
        weights[S.HOT_MEAL] = 28
    if occupation is O.TRUCK_DRIVER:
        weights |= {S.TRUCK_PARKING: 40, S.SHOWER: 22, S.LAUNDRY: 9}
    elif occupation is O.FOOD_DELIVERY_RIDER:
        weights |= {S.EBIKE_CHARGING: 14, S.BATTERY_SWAP: 16, S.PHONE_CHARGING: 26}
    return services, list(accumulate(weights.get(one, 1) for one in services))


@cache
def _hours_of(occupation: Occupation) -> list[float]:
    return list(accumulate(HOURS.get(occupation, ORDINARY_HOURS)))


@dataclass
class Day:
    """One day being planned."""

    date: date
    rng: random.Random

    def minute(self, occupation: Occupation, shift: int = 0) -> int:
        """A minute of the day by the habit of an occupation; the last half hour is left to stays to end in."""
        hours = _hours_of(occupation)
        hour = bisect(hours, self.rng.random() * hours[-1])
        return min(max(hour * 60 + int(self.rng.random() * 60) + shift, 0), 1409)

    def arrivals(self, person: Person) -> list[tuple[int, Place]]:
        """When and where a person comes today, never twice within three hours."""
        random_ = self.rng.random
        times = 1 if (many := random_()) < 0.8 else 2 if many < 0.97 else 3
        found: list[tuple[int, Place]] = []
        for _ in range(times):
            for _ in range(4):
                place = person.haunts[bisect(person.haunt_weights, random_() * person.haunt_weights[-1])]
                minute = self.minute(person.occupation, person.shift)
                if place.is_open(self.date.weekday(), minute) and all(abs(minute - other) >= 180 for other, _ in found):
                    found.append((minute, place))
                    break
        return found

    def services(self, place: Place, occupation: Occupation, minute: int, *, named: bool) -> list[BasicService]:
        """What is asked for: one to three services, the same one again now and then."""
        meal = minute // 60 in (11, 12, 13, 17, 18)
        offered, weights = _choices(
            place.values.services, occupation, spell_of(self.date), self.date.month, meal=meal, named=named
        )
        random_ = self.rng.random

        def draw() -> BasicService:
            return offered[bisect(weights, random_() * weights[-1])]

        if not named:
            return [draw()]
        wanted = 1 if (many := random_()) < 0.38 else 2 if many < 0.8 else 3
        chosen = list(dict.fromkeys(draw() for _ in range(wanted)))
        return [*chosen, chosen[0]] if random_() < 0.02 else chosen


spell_of = cache(spell)


def plan(day: date, people: list[Person], seed: str) -> Iterator[Planned]:
    """All visits of one day, in no particular order; whoever starts on this day comes for sure."""
    rng = chance(f"{seed}:{day}")
    today, factor, known = Day(day, rng), crowd(day), 0
    nearby: list[Person] = []
    for person in people:
        likely = rng.random() < person.habit * factor * 1.04
        if day >= person.starts_on and person.haunts and (likely or day == person.starts_on):
            nearby.append(person)
            for minute, place in today.arrivals(person):
                known += 1
                yield _visit(today, minute, place, person, person.occupation)
    if not nearby:
        return
    # People nobody asked come where known people come, and are counted by occupation only: one line, no name.
    occupations = rng.choices(list(MIX), list(MIX.values()), k=int(known * UNKNOWN_TO_KNOWN * 1.25))
    for occupation in occupations:
        neighbour = nearby[int(rng.random() * len(nearby))]
        place = neighbour.haunts[int(rng.random() * len(neighbour.haunts))]
        minute = today.minute(occupation)
        if place.is_open(day.weekday(), minute):
            yield _visit(today, minute, place, None, occupation)


def _visit(today: Day, minute: int, place: Place, person: Person | None, occupation: Occupation) -> Planned:
    rng = today.rng
    begins = minute * 60_000 + int(rng.random() * 60_000)
    at, lines = begins, []
    chosen = today.services(place, occupation, minute, named=person is not None)
    for nth, service in enumerate(chosen):
        if nth:  # the same service again comes minutes later, other ones with the next taps
            at += 420_000 + int(rng.random() * 600_000) if service in chosen[:nth] else 1500 + int(rng.random() * 4000)
        lines.append((at, service, rng.getrandbits(74)))
    alone = minute < 360 or minute >= 1380  # at night nobody stands behind the counter
    taken_back = at + 20_000 + int(rng.random() * 200_000) if rng.random() < TAKEN_BACK and not alone else None
    source = VisitSource.SELF if alone and person else VisitSource.DESK
    return Planned(taken_back or at, begins, person, occupation, place, source, rng.getrandbits(74), tuple(lines), taken_back)


def between(first: date, last: date) -> Iterator[date]:
    """Each day from one to another, both included."""
    while first <= last:
        yield first
        first += timedelta(days=1)
