"""What a host's staff are told about a code: whether, and if not, why, in one sentence about nobody in particular."""

from __future__ import annotations

from portal.stations.register.models import Station
from portal.types import N_, Problem, text
from portal.vocabulary import BasicService


def service_of(station: Station) -> BasicService:
    """What +1 at this counter stands for: the station's default, else the first that it offers and may be counted."""
    return station.default_service or next(iter(station.offered), BasicService.REST)


def problems_with_code(*, is_card: bool, holds: bool) -> list[Problem]:
    """Why somebody with this code may not be given something on record; nobody is turned away for it."""
    if not is_card:
        says = N_("Only a service code is read here. Whoever has none is counted with +1 and served all the same.")
        return [Problem("no_code", text(says), field="card")]
    if not holds:
        says = N_("This code does not hold now. A fresh one does; or count with +1 and serve all the same.")
        return [Problem("not_now", text(says), field="card")]
    return []
