"""What a wish must hold, which wishes are the same, and what may become of one."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from portal import geo
from portal.stations.wishes.models import NEXT_STATES, WishState
from portal.types import N_, Problem, text
from portal.vocabulary import BasicService, Occupation

NEAR_M = 300  # two wishes this close together are for one station
PLACE_LENGTH, WORDS_LENGTH, REASON_LENGTH = 60, 200, 200
# What may be missing at a place; the counter's other services need a station first.
MISSING = (
    BasicService.REST,
    BasicService.DRINKING_WATER,
    BasicService.HOT_MEAL,
    BasicService.COOLING,
    BasicService.WARMING,
    BasicService.PHONE_CHARGING,
    BasicService.EBIKE_CHARGING,
    BasicService.BATTERY_SWAP,
    BasicService.TOILET,
    BasicService.SHOWER,
    BasicService.TRUCK_PARKING,
)


@dataclass(frozen=True)
class WishValues:
    """What somebody wishes for. ``point`` is (lat, lng) in WGS-84 as the phone gave it."""

    county_code: str | None
    place: str | None
    occupation: Occupation | None = None
    missing: tuple[BasicService, ...] = ()
    words: str | None = None
    point: tuple[float, float] | None = None


def rounded(point: tuple[float, float] | None) -> tuple[Decimal, Decimal] | None:
    """A point to a hundred metres: nobody needs to know better where somebody stood."""
    return None if point is None else (round(Decimal(point[0]), 3), round(Decimal(point[1]), 3))


def place_key(place: str) -> str:
    """A place as one compares it: signs, blanks and letter case fall away, and words that only say "near"."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKC", place).casefold() if sign.isalnum())
    return re.sub(r"(附近|旁边|旁|边上|门口|周边|一带)+$", "", plain) or plain


def are_near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two points are so close that one station serves both."""
    return geo.distance_m(*one, *other) <= NEAR_M


def _holds_a_number_of_a_person(words: str | None) -> bool:
    """Whether a phone or document number may stand in the words: seven digits and more, however they are spaced."""
    return bool(re.search(r"(\d[\s-]*){7,}", unicodedata.normalize("NFKC", words or "")))


def problems_with_wish(values: WishValues) -> list[Problem]:
    """What a wish still needs, in words."""
    problems = []
    if not values.county_code:
        problems.append(Problem("county_missing", text(N_("Say in which county the place is.")), field="county_code"))
    if not values.place:
        problems.append(Problem("place_missing", text(N_("Say where: a crossing, a market, a street.")), field="place"))
    elif len(values.place) > PLACE_LENGTH:
        says = text(N_("At most %(count)s characters; this has %(now)s."), count=PLACE_LENGTH, now=len(values.place))
        problems.append(Problem("place_long", says, field="place"))
    elif not place_key(values.place):
        problems.append(Problem("place_missing", text(N_("Say where: a crossing, a market, a street.")), field="place"))
    if values.words and len(values.words) > WORDS_LENGTH:
        says = text(N_("At most %(count)s characters; this has %(now)s."), count=WORDS_LENGTH, now=len(values.words))
        problems.append(Problem("words_long", says, field="words"))
    for name in ("place", "words"):
        if _holds_a_number_of_a_person(getattr(values, name)):
            says = text(N_("Please leave phone and document numbers out; a wish needs none."))
            problems.append(Problem("number", says, field=name))
    if values.point and not geo.in_china(*values.point):
        problems.append(Problem("point_outside", text(N_("This point is not in China.")), field="place"))
    return problems


def problems_with_state(now: WishState, new: WishState, reason: str | None, *, has_station: bool) -> list[Problem]:
    """Whether a wish may go from one state to another, and whether what belongs to it is there."""
    if new not in NEXT_STATES[now]:
        says = text(N_("A wish that is “%(now)s” cannot become “%(new)s”."), now=now, new=new)
        return [Problem("state_wrong", says, field="state")]
    if new is WishState.DECLINED and not reason:
        says = text(N_("Say why not; whoever wished for it reads the reason."))
        return [Problem("reason_missing", says, field="reason")]
    if new is WishState.BUILT and not has_station:
        says = text(N_("Say which station it is: its code, within your part of the union tree."))
        return [Problem("station_missing", says, field="station")]
    return []
