"""Where a service that was given earlier belongs among what stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from portal.stations.visits.rules import SAME_STAY, SAME_TAP
from portal.vocabulary import BasicService

# What is written down within this time of the stay was written down at once.
AT_ONCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Standing:
    """A line that stands for a person on a business day."""

    line_id: UUID
    at: datetime
    service: BasicService
    station_id: UUID
    visit_id: UUID
    visit_at: datetime


@dataclass(frozen=True)
class Place:
    """Where a service belongs: to the line that is the same tap, or to a stay; ``repeated`` if given that day already."""

    same: Standing | None = None
    stay: Standing | None = None
    repeated: bool = False


def place_of(service: BasicService, station_id: UUID, at: datetime, standing: list[Standing]) -> Place:
    """Where a service given at ``at`` belongs among what stands for that person on that day.

    The rules of a tap, for a moment that may lie in the past: within minutes at the same station it is the same one,
    otherwise a repeat; it joins the stay whose last service was not long before. A stay never begins before its visit.
    """
    alike = [line for line in standing if line.service == service]
    for line in alike:
        if line.station_id == station_id and abs(line.at - at) <= SAME_TAP:
            return Place(same=line)
    stays = [
        line for line in standing if line.station_id == station_id and line.visit_at <= at and at - SAME_STAY <= line.at <= at
    ]
    return Place(stay=max(stays, key=lambda line: line.at, default=None), repeated=bool(alike))
