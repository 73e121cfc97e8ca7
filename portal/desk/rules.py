"""What the counter decides from values alone: the light over all rooms' problems, medicine and driving, what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from portal.desk.models import FirstAidItem
from portal.stations.register.models import Facility
from portal.stations.upkeep.models import ReportKind
from portal.types import N_, Level, Problem, text, tidy
from portal.vocabulary import DRIVERS, RIDERS, TALLIED_ONLY, BasicService, Occupation

# Which facilities a service needs: a fault reported there is worth a word before somebody walks to it.
NEEDS: dict[BasicService, tuple[Facility, ...]] = {
    BasicService.DRINKING_WATER: (Facility.DRINKING_WATER, Facility.HOT_WATER),
    BasicService.HOT_MEAL: (Facility.MICROWAVE,),
    BasicService.COOLING: (Facility.AIR_CONDITIONING,),
    BasicService.WARMING: (Facility.HEATING, Facility.AIR_CONDITIONING),
    BasicService.PHONE_CHARGING: (Facility.PHONE_CHARGING,),
    BasicService.EBIKE_CHARGING: (Facility.EBIKE_CHARGING,),
    BasicService.BATTERY_SWAP: (Facility.BATTERY_SWAP,),
    BasicService.TOILET: (Facility.TOILET,),
    BasicService.SHOWER: (Facility.SHOWER,),
    BasicService.LAUNDRY: (Facility.LAUNDRY, Facility.DRYER),
    BasicService.TRUCK_PARKING: (Facility.TRUCK_PARKING,),
    BasicService.FIRST_AID: (Facility.FIRST_AID_KIT, Facility.HEAT_MEDICINE),
    BasicService.REPAIR_TOOLS: (Facility.TOOL_BOX, Facility.TYRE_PUMP),
    BasicService.RAIN_GEAR: (Facility.UMBRELLA,),
    BasicService.READING: (Facility.BOOKS,),
    BasicService.WIFI: (Facility.WIFI,),
    BasicService.HAIRCUT: (Facility.HAIRCUT,),
    BasicService.LEGAL_ADVICE: (Facility.LEGAL_CORNER,),
    BasicService.COUNSELLING: (Facility.PSYCH_CORNER,),
}
LEVELS = (Level.RED, Level.AMBER)
TAIL = re.compile(r"\d{4}")
NAME_SIGNS = 2  # a surname alone fits too many
BOOKING = re.compile(r"\d{4}[ -]?\d{4}")  # as its code is shown; some travel permits look the same and are looked for first


def light(problems: Iterable[Problem]) -> Level:
    """The light over a list of problems from whichever room: the worst of them, green when none weighs."""
    found = {problem.level for problem in problems}
    return next((level for level in LEVELS if level in found), Level.GREEN)


def problems_with_offer(service: BasicService, offered: Iterable[BasicService]) -> list[Problem]:
    """A service that this station does not have is not given here."""
    if service in offered:
        return []
    return [Problem("not_offered", text(N_("This station does not offer %(service)s."), service=service))]


SAYS_OF_REPORT = {
    ReportKind.BROKEN: N_("%(facility)s: reported broken since %(since)s"),
    ReportKind.OUT_OF_STOCK: N_("%(facility)s: reported used up since %(since)s"),
    ReportKind.EXPIRED: N_("%(facility)s: reported past its date since %(since)s"),
    ReportKind.DIRTY: N_("%(facility)s: reported dirty since %(since)s"),
    ReportKind.UNSAFE: N_("%(facility)s: reported unsafe since %(since)s"),
}


def problems_with_facilities(
    service: BasicService, reports: Iterable[tuple[ReportKind, Facility | None, datetime]]
) -> list[Problem]:
    """What was said about the facilities a service needs: it may still work, so nothing is refused, but worth a word."""
    return [
        Problem("reported", text(SAYS_OF_REPORT[kind], facility=facility, since=since), Level.AMBER)
        for kind, facility, since in reports
        if kind in SAYS_OF_REPORT and facility in NEEDS.get(service, ())
    ]


def default_of(service: BasicService | None) -> BasicService | None:
    """The service one scan may give by itself; what is only tallied needs no card and is never given by one."""
    return service if service and service not in TALLIED_ONLY else None


def may_be_given_by_scan(problems: Iterable[Problem]) -> bool:
    """Whether one scan alone may give the default service: not what was given today already, nor what is refused."""
    return not any(problem.level is Level.RED or problem.code == "again" for problem in problems)


def problems_with_item(item: FirstAidItem, occupation: Occupation) -> list[Problem]:
    """Alcohol and driving: refused to whoever drives a car or truck, said to whoever rides."""
    if not item.contains_alcohol or occupation not in (*DRIVERS, *RIDERS):
        return []
    if occupation in DRIVERS:
        says = N_("Contains alcohol: not for somebody who drives. Offer %(other)s.")
        return [Problem("alcohol", text(says, other=item.alcohol_free_form), Level.RED)]
    says = N_("Contains alcohol: not before riding on. %(other)s is better.")
    return [Problem("alcohol", text(says, other=item.alcohol_free_form), Level.AMBER)]


def may_be_booking(typed: str | None) -> bool:
    """Whether this may be the code of a booking."""
    return bool(BOOKING.fullmatch(tidy(typed) or ""))


def tail_of(typed: str | None) -> str | None:
    """The last four digits, if that is what was typed."""
    plain = re.sub(r"\s", "", tidy(typed) or "")
    return plain if TAIL.fullmatch(plain) else None


def name_of(typed: str | None) -> str | None:
    """The beginning of a name, if that may be what was typed: letters or Chinese signs, no digits."""
    plain = tidy(typed) or ""
    if not 1 <= len(plain) <= 40 or any(sign.isdigit() for sign in plain):
        return None
    return plain if any(sign.isalpha() for sign in plain) else None
