"""The demonstration's people: names of nobody, numbers that pass every check and yet belong to nobody.

Phones lie in one invented range (199 0371 ….); the running number of each document is one of 996 to 999, which are kept
for people past a hundred, on birth dates of people of working age.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from uuid import UUID

from faker import Faker

from portal import clock
from portal.db import db
from portal.demonstration.places import HOME_CITY, HOME_COUNTY, Place, chance
from portal.front.views import NOTICE_VERSION
from portal.members.workers.models import CardKind, Consent, Purpose, Worker, WorkerCard, WorkerPhone
from portal.members.workers.rules import CARD_ALPHABET, HANDLE, check_digit
from portal.stations.register.models import StationKind
from portal.types import new_id
from portal.vocabulary import INDUSTRY_OF, NEW_FORM_OCCUPATIONS, IdType, Industry, Occupation

O = Occupation  # noqa: E741 - one letter for a column of words
MIX = {
    O.FOOD_DELIVERY_RIDER: 27, O.COURIER: 22, O.TRUCK_DRIVER: 15, O.SANITATION_WORKER: 14, O.RIDE_HAILING_DRIVER: 11,
    O.TAXI_DRIVER: 3, O.SECURITY_GUARD: 2, O.DOMESTIC_WORKER: 2, O.CARE_WORKER: 1, O.TRAFFIC_POLICE: 1, O.OTHER: 2,
}  # fmt: skip
EMPLOYERS = {
    O.FOOD_DELIVERY_RIDER: ("演示外卖平台", "演示同城配送"),
    O.COURIER: ("演示快递一公司", "演示快递二公司", "演示速运"),
    O.TRUCK_DRIVER: ("演示货运平台", None),
    O.RIDE_HAILING_DRIVER: ("演示出行平台", None),
    O.SANITATION_WORKER: ("演示环卫公司",),
}
MEMBER, GUEST = 0, 1  # the two people of demo-accounts.json: one who joined, one who did not


@dataclass
class Person:
    """Somebody who comes to stations; a row of `workers` under ``id``, found again by it when days are added."""

    number: int
    id: UUID
    name: str | None
    occupation: Occupation
    county: str
    phone: str | None
    id_number: str
    shows_document: bool
    card: str
    starts_on: date
    habit: float  # how likely they come on an ordinary day
    shift: int  # minutes earlier or later than others of the occupation
    is_migrant: bool
    haunts: list[Place] = field(default_factory=list)
    haunt_weights: list[float] = field(default_factory=list)
    created_at: datetime | None = None

    @cached_property
    def key(self) -> str:
        """The id as text."""
        return self.id.hex

    @property
    def employer(self) -> str | None:
        """An invented platform or company, or none."""
        names = EMPLOYERS.get(self.occupation, (None,))
        return names[self.number % len(names)]

    @property
    def industry(self) -> Industry:
        """The industry the occupation belongs to."""
        return INDUSTRY_OF.get(self.occupation, Industry.OTHER)


def id_at(milliseconds: int, rng: random.Random) -> UUID:
    """A time-ordered key (UUIDv7) of a moment of the past, from the seed."""
    return UUID(int=milliseconds << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 | rng.getrandbits(62))


def plan(total: int, seed: str, places: list[Place], first_day: date, begun_on: date) -> list[Person]:
    """The people of the demonstration, always the same for the same seed, numbers and day."""
    rng = chance(f"{seed}:people:{begun_on}")
    fake = Faker("zh_CN")
    fake.seed_instance(f"{seed}:names")
    by_county: dict[str, list[Place]] = {}
    for place in places:
        by_county.setdefault(place.county, []).append(place)
    counties = list(by_county)
    weights = [_weight(code, len(counties)) for code in counties]
    lived = [HOME_COUNTY] * 2 + rng.choices(counties, weights, k=total - 2)
    occupations = [O.FOOD_DELIVERY_RIDER, O.COURIER, *rng.choices(list(MIX), list(MIX.values()), k=total - 2)]
    tails = rng.sample(range(10_000), total)
    days = (begun_on - first_day).days + 1
    people = []
    for number in range(total):
        person = _person(rng, number, lived[number], occupations[number], tails[number], fake.name())
        # The stations have long been there: most of those who come regularly do so from the first week on.
        person.starts_on = first_day + timedelta(days=min(days - 1, int(days * rng.random() ** 4.5)))
        _choose_haunts(rng, person, by_county)
        people.append(person)
    _show_pieces(people, places, first_day)
    _share_phones(rng, people)
    for person in people:
        person.id = id_at((int(clock.start_of(person.starts_on).timestamp()) + person.number) * 1000, rng)
    return people


def _weight(code: str, counties: int) -> float:
    """A tenth of the people in the demo's own county, two tenths in its city, the rest everywhere."""
    if code == HOME_COUNTY:
        return counties * 0.115
    return 2.6 if code.startswith(HOME_CITY) else 0.72


def _person(rng: random.Random, number: int, county: str, occupation: Occupation, tail: int, name: str) -> Person:
    regular = rng.random()
    return Person(
        number=number,
        id=UUID(int=0),
        name=name if rng.random() < 0.86 else None,
        occupation=occupation,
        county=county,
        phone=f"1990371{tail:04d}" if rng.random() < 0.94 else None,
        id_number=_id_number(number, county),
        shows_document=rng.random() < 0.12,
        card="".join(rng.choices(CARD_ALPHABET, k=20))[:HANDLE],  # all twenty are drawn, so that the rest of the seed stays
        starts_on=date.min,
        habit=0.12 if regular < 0.35 else 0.42 if regular < 0.8 else 0.85,
        shift=rng.randint(-35, 35),
        is_migrant=rng.random() < 0.4,
    )


def _id_number(number: int, county: str) -> str:
    """Different for every number below 50,000: four people to a birth date, the dates spread over 35 years."""
    born = date(1968, 1, 1) + timedelta(days=number // 4 * 7919 % 12983)
    first = f"{county}{born:%Y%m%d}{(999, 997, 998, 996)[number % 4]}"  # odd for men: the first two, who are greeted by name
    return first + check_digit(first)


def _choose_haunts(rng: random.Random, person: Person, by_county: dict[str, list[Place]]) -> None:
    near = by_county[person.county]
    fits = [1.0] * len(near)
    for index, place in enumerate(near):
        kind = place.values.kind
        if kind is StationKind.DRIVERS_HOME:
            fits[index] = 9.0 if person.occupation is O.TRUCK_DRIVER else 0.15
        elif kind is StationKind.COURIERS_HOME and person.occupation in (O.COURIER, O.FOOD_DELIVERY_RIDER):
            fits[index] = 3.0
    weights = [place.pull * fit for place, fit in zip(near, fits, strict=True)]
    for place in rng.choices(near, weights, k=rng.randint(2, 4)):
        if place not in person.haunts:
            person.haunts.append(place)
    if rng.random() < 0.15:  # some are served far from home as well
        person.haunts.append(rng.choice(by_county[rng.choice(list(by_county))]))
    person.haunt_weights = list(accumulate(1 / (1 + index) for index in range(len(person.haunts))))


def _show_pieces(people: list[Person], places: list[Place], first_day: date) -> None:
    """The two of demo-accounts.json: regulars of the first station, each with a phone of their own."""
    for number, name in ((MEMBER, "李志强"), (GUEST, "王晓燕")):
        person = people[number]
        person.name, person.phone, person.habit, person.is_migrant = name, f"1990372{number:04d}", 0.8, False
        person.haunts, person.haunt_weights = [places[0]], [1.0]
        person.starts_on = first_day


def _share_phones(rng: random.Random, people: list[Person]) -> None:
    """A phone is not a person: one in a hundred shares it with somebody of the same county."""
    by_county: dict[str, list[Person]] = {}
    for person in people[2:]:
        if person.phone and person.name:
            by_county.setdefault(person.county, []).append(person)
    for neighbours in by_county.values():
        if len(neighbours) > 8:
            for _ in range(len(neighbours) // 100 + (rng.random() < 0.1)):
                one, other = rng.sample(neighbours, 2)
                other.phone = one.phone


def write(people: list[Person], joins: set[int], now: datetime) -> None:
    """Insert workers with phones, cards and consents; ``joins`` are the numbers of those who once apply. Flushes."""
    held: list[WorkerCard | WorkerPhone | Consent] = []
    for person in people:
        came, known = person.created_at or now, person.number in joins or person.shows_document
        worker = Worker(
            id=person.id,
            name=person.name,
            occupation=person.occupation,
            is_new_form_worker=person.occupation in NEW_FORM_OCCUPATIONS,
            is_migrant_worker=person.is_migrant and known,
            created_at=came,
        )
        if person.shows_document:
            worker.id_type, worker.id_number = IdType.RESIDENT_ID, person.id_number
        card = WorkerCard(id=new_id(), worker_id=person.id, kind=CardKind.SCREEN, handle=person.card, issued_at=came)
        db.session.add(worker)
        held.append(card)
        if person.phone:
            confirmed = came if person.number % 3 == 0 or person.number in joins else None
            phone = WorkerPhone(
                id=new_id(), worker_id=person.id, tail_index=WorkerPhone.tail_lookup(person.phone), since=came,
                confirmed_at=confirmed,
            )  # fmt: skip
            phone.phone = person.phone
            held.append(phone)
        held += _consents(person, came, now)
    db.session.flush()  # workers first: what they hold refers to them
    db.session.add_all(held)
    db.session.flush()
    db.session.expunge_all()


def _consents(person: Person, came: datetime, now: datetime) -> list[Consent]:
    """About half keep a record knowingly, a third may be contacted; a few took that back."""
    given = []
    for purpose, every in ((Purpose.SERVICE_RECORD, 2), (Purpose.CONTACT, 3)):
        if person.number % every == 0 and person.phone:
            withdrawn = came + timedelta(days=1) if person.number % 97 == 96 else None
            given.append(
                Consent(id=new_id(), worker_id=person.id, purpose=purpose, notice_version=NOTICE_VERSION,
                        channel="desk", given_at=came,
                        withdrawn_at=withdrawn if withdrawn and withdrawn < now else None)
            )  # fmt: skip
    return given
