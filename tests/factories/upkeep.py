"""Builders of reports, checklists, inspections and photographs. Each commits, so that other connections see it."""

from __future__ import annotations

import io
from uuid import UUID

from PIL import Image

from portal import clock
from portal.access import SYSTEM, By
from portal.db import db
from portal.stations.inspections import commands as inspections
from portal.stations.inspections.commands import Given
from portal.stations.inspections.models import Checklist, Inspection, Outcome
from portal.stations.register.models import Station
from portal.stations.upkeep import commands
from portal.stations.upkeep.models import Report, ReportKind, ReportSource
from portal.unions.tree.models import Union


def photo_file(size: tuple[int, int] = (640, 480), kind: str = "JPEG") -> io.BytesIO:
    """A photograph as a phone would send it."""
    out = io.BytesIO()
    Image.new("RGB", size, (60, 120, 90)).save(out, kind)
    out.seek(0)
    return out


def make_report(
    station: Station, kind: ReportKind = ReportKind.LOCKED, *, photo: bool = False, by: By = SYSTEM, **values
) -> Report:
    """Something that is wrong at a station."""
    values.setdefault("source", ReportSource.DOOR)
    report = commands.say_fault(station=station, kind=kind, photo=photo_file() if photo else None, by=by, **values)
    db.session.commit()
    return report


def photo_of(report: Report) -> UUID:
    """The first photograph of a report."""
    from portal.stations.upkeep.queries import list_steps

    return next(step.picture_id for step in list_steps(report.id) if step.picture_id)


def make_checklist(union: Union, title: str = "六有", items: tuple[str, ...] = ("统一标识", "固定场所", "地图可查")) -> Checklist:
    """A list of a union."""
    checklist = inspections.add_checklist(union_id=union.id, title=title, items=items, by=SYSTEM)
    db.session.commit()
    return checklist


def make_inspection(
    station: Station, checklist: Checklist, *, not_met: tuple[int, ...] = (), photo: bool = False, **values
) -> Inspection:
    """A filled-in sheet; ``not_met`` are places of items (from 1), the first of them with a photograph if wished."""
    answers = {
        item.id: Given(
            Outcome.NOT_MET if item.position in not_met else Outcome.MET,
            photo=photo_file() if photo and item.position in not_met[:1] else None,
        )
        for item in checklist.items
    }
    values = {"inspected_on": clock.today(), "unannounced": True, "signature": "王站长", "by": SYSTEM} | values
    inspection = inspections.record_inspection(station=station, checklist=checklist, answers=answers, **values)
    db.session.commit()
    return inspection
