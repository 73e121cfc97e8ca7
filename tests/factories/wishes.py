"""Builders of wishes for a station."""

from __future__ import annotations

from portal.access import VISITOR
from portal.db import db
from portal.stations.wishes import commands
from portal.stations.wishes.models import Wish
from portal.stations.wishes.rules import WishValues


def make_wish(place: str = "花园路与农业路口", county_code: str = "410105", **more) -> Wish:
    """One voice for a place; ``more`` are fields of `WishValues`."""
    wish = commands.wish(values=WishValues(county_code, place, **more), by=VISITOR)
    db.session.commit()
    return wish
