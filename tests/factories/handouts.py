"""Builders of hand-outs, group visits, paper sheets and discrepancies. Each commits."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from itertools import count

import sqlalchemy as sa
from PIL import Image

from portal import clock
from portal.access import By
from portal.db import db
from portal.desk.handouts import commands as handouts
from portal.desk.handouts.models import GroupVisit, Handout
from portal.desk.paper import commands as paper
from portal.desk.paper.commands import Row
from portal.desk.paper.models import DiscrepancyKind, EntryDiscrepancy, PaperSheet
from portal.stations.register.models import Station
from portal.stations.visits.models import VisitSource
from portal.vocabulary import BasicService, Occupation

_number = count(1)


def make_photo() -> io.BytesIO:
    """A small photograph."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(out, "PNG")
    out.seek(0)
    return out


def make_handout(
    station: Station, by: By, *, title: str = "防暑包", quantity: int | None = 80, one_per_person: bool = True
) -> Handout:
    """An open hand-out."""
    row = handouts.open_handout(
        station=station, title=title, service=BasicService.OTHER, quantity=quantity, one_per_person=one_per_person, by=by
    )
    db.session.commit()
    return row


def make_group(station: Station, by: By, *, place: str | None = None, heads: int = 3, at: datetime | None = None) -> GroupVisit:
    """A group visit with a photograph of its sheet."""
    row = handouts.add_group(
        station=station, place=place, at=at or clock.now() - timedelta(minutes=2), service=BasicService.OTHER, given="饮用水",
        note=None, heads={Occupation.COURIER: heads}, photo=make_photo(), by=by,
    )  # fmt: skip
    db.session.commit()
    return row


def make_sheet(station: Station, by: By, *, serial: str | None = None) -> PaperSheet:
    """A sheet of one row."""
    now = clock.now()
    row, _ = paper.enter_sheet(
        station=station, serial=serial or f"{station.code}-{next(_number):04}", day=clock.today(),
        rows=[Row(1, now, Occupation.COURIER, BasicService.OTHER)], total=1, handout_id=None, by=by,
    )  # fmt: skip
    db.session.commit()
    return row


def make_discrepancy(station: Station, by: By, *, kind: DiscrepancyKind = DiscrepancyKind.UNKNOWN_CARD) -> EntryDiscrepancy:
    """One that is open."""
    paper.note_discrepancy(station_id=station.id, source=VisitSource.OFFLINE, kind=kind, details={}, by=by)
    db.session.commit()
    newest = sa.select(EntryDiscrepancy).where(EntryDiscrepancy.station_id == station.id).order_by(EntryDiscrepancy.id.desc())
    return db.session.scalars(newest.limit(1)).one()
