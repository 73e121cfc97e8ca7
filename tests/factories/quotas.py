"""Builders of shares of a quota and of a series of sessions, through their commands."""

from __future__ import annotations

from datetime import timedelta

from portal import clock
from portal.access import SYSTEM
from portal.db import db
from portal.stations.register.models import Station
from portal.welfare.programmes.models import Programme
from portal.welfare.quotas import commands as quotas
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions import commands as sessions
from portal.welfare.sessions.models import SessionSeries
from portal.welfare.sessions.rules import SeriesValues


def make_share(programme: Programme, station: Station, amount: int = 5, whole: int = 50) -> QuotaShare:
    """A station's share of a programme's quota, handed down by the programme's union."""
    root = quotas.set_root(programme=programme, amount=whole, by=SYSTEM)
    share = quotas.hand_down(share=root, station=station, amount=amount, by=SYSTEM)
    db.session.commit()
    return share


def make_series(programme: Programme, station: Station, days: int = 1) -> SessionSeries:
    """A series of one hour a day, at 20:00 from the day after tomorrow on."""
    first = clock.today() + timedelta(days=2)
    values = SeriesValues(first, first + timedelta(days=days - 1), tuple(range(7)), 1200, 1260, 60, 2, on_holidays=True)
    made = sessions.make_series(programme=programme, station=station, values=values, by=SYSTEM)
    db.session.commit()
    return made.series
