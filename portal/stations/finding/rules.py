"""How far it is, and how one says so."""

from __future__ import annotations

import math

from portal.types import N_, Text, text

EARTH_M = 6_371_008.8
WALK_M_PER_MINUTE = 80
RIDE_M_PER_MINUTE = 240
FARTHEST_WALK_M = 1_500
FARTHEST_RIDE_M = 15_000


def distance_m(lat1: float, lng1: float, lat2: float, lng2: float) -> float:
    """Metres between two points in degrees, along the earth's surface (haversine)."""
    a, b = math.radians(lat1), math.radians(lat2)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(lng2 - lng1) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, half)))


def distance_in_words(metres: float, *, exact: bool = True) -> Text:
    """A distance as one would say it on the way.

    ``exact=False`` when the two points are in different systems: they may be half a kilometre off, so neither
    metres nor minutes are claimed.
    """
    kilometres = f"{metres / 1000:.1f}" if metres < 10_000 else f"{metres / 1000:.0f}"
    if not exact:
        return text(N_("about %(kilometres)s km"), kilometres=kilometres)
    if metres <= FARTHEST_WALK_M:
        minutes = max(1, round(metres / WALK_M_PER_MINUTE))
        if metres < 995:
            return text(N_("%(metres)s m · %(minutes)s min walk"), metres=round(metres, -1), minutes=minutes)
        return text(N_("%(kilometres)s km · %(minutes)s min walk"), kilometres=kilometres, minutes=minutes)
    if metres <= FARTHEST_RIDE_M:
        minutes = round(metres / RIDE_M_PER_MINUTE)
        return text(N_("%(kilometres)s km · %(minutes)s min ride"), kilometres=kilometres, minutes=minutes)
    return text(N_("%(kilometres)s km"), kilometres=kilometres)
