"""Reads of days that differ."""

from __future__ import annotations

from uuid import UUID

from portal import clock
from portal.db import db
from portal.stations.register.models import OpeningException, Station
from portal.unions.staff.queries import names_of_staff

PAST_SHOWN = 20


def list_exceptions(station: Station) -> tuple[list[tuple[OpeningException, str | None]], list[OpeningException]]:
    """Those that hold or are to come, with the name of who made them, and the last ones that are over."""
    today = clock.today()
    coming = sorted((one for one in station.exceptions if one.last_on >= today), key=lambda one: (one.first_on, one.id))
    past = sorted((one for one in station.exceptions if one.last_on < today), key=lambda one: one.first_on, reverse=True)
    names = names_of_staff({one.by_account_id for one in coming if one.by_account_id})
    return [(one, names.get(one.by_account_id)) for one in coming], past[:PAST_SHOWN]


def find_exception(station: Station, ident: UUID | None) -> OpeningException | None:
    """An exception of this station, or None."""
    found = db.session.get(OpeningException, ident) if ident else None
    return found if found and found.station_id == station.id else None
