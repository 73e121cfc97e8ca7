"""Changes to checklists, inspections put on record, and the reports that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock, pictures
from portal.access import By
from portal.db import db
from portal.stations.inspections import queries, rules
from portal.stations.inspections.models import (
    Checklist,
    ChecklistItem,
    Finding,
    Inspection,
    InspectionAnswer,
    Outcome,
)
from portal.stations.register.models import Station
from portal.stations.upkeep import commands as upkeep
from portal.stations.upkeep.models import NOTE_LENGTH, Report, ReportKind, ReportSource
from portal.types import N_, Problem, Refused, new_id, text

# --- checklists -----------------------------------------------------------------------------------------------------


def add_checklist(*, union_id: UUID, title: str, items: Sequence[str], by: By) -> Checklist:
    """A new list of a union, in its first version. Raises Refused."""
    if problems := rules.problems_with_checklist(title, items):
        raise Refused(problems)
    checklist = _version(union_id, title, 1, None, by)
    _write_items(checklist, items)
    audit.record("checklist.added", by=by, subject=checklist, union_id=union_id, name=title)
    return checklist


def _version(union_id: UUID, title: str, version: int, previous_id: UUID | None, by: By) -> Checklist:
    checklist = Checklist(
        id=new_id(), union_id=union_id, title=title, version=version, previous_id=previous_id, created_at=clock.now(),
        by_account_id=by.id if by.kind == "staff" else None,
    )  # fmt: skip
    db.session.add(checklist)
    db.session.flush()
    return checklist


def _write_items(checklist: Checklist, items: Sequence[str]) -> None:
    db.session.execute(
        sa.delete(ChecklistItem).where(ChecklistItem.checklist_id == checklist.id),
        execution_options={"synchronize_session": False},
    )
    db.session.execute(
        sa.insert(ChecklistItem),
        [{"id": new_id(), "checklist_id": checklist.id, "position": n, "says": says} for n, says in enumerate(items, start=1)],
    )
    db.session.expire(checklist, ["items"])


def change_checklist(*, checklist: Checklist, title: str, items: Sequence[str], by: By) -> Checklist:
    """Change a list; answers what counts from now on. One that was used stays, and its next version takes its place.

    ``checklist`` was read with a lock, so that nobody inspects by it meanwhile. Raises Refused.
    """
    problems = rules.problems_with_checklist(title, items)
    if checklist.closed_at is not None:
        problems.append(Problem("closed", text(N_("There is a newer version of this list. Open that one."))))
    if problems:
        raise Refused(problems)
    if title == checklist.title and list(items) == [item.says for item in checklist.items]:
        return checklist
    if queries.is_used(checklist.id):
        checklist.closed_at = clock.now()
        newest = _version(checklist.union_id, title, checklist.version + 1, checklist.id, by)
    else:
        newest, checklist.title = checklist, title
    _write_items(newest, items)
    audit.record("checklist.changed", by=by, subject=newest, union_id=newest.union_id, name=title, version=newest.version)
    return newest


def close_checklist(*, checklist: Checklist, by: By) -> None:
    """Offer a list no more; inspections by it stay."""
    if checklist.closed_at is None:
        checklist.closed_at = clock.now()
        db.session.flush()
        audit.record("checklist.closed", by=by, subject=checklist, union_id=checklist.union_id, name=checklist.title)


# --- inspections ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """What was found of one item."""

    outcome: Outcome
    note: str | None = None
    photo: BinaryIO | None = None


def record_inspection(
    *,
    station: Station,
    checklist: Checklist,
    inspected_on: date,
    answers: Mapping[UUID, Given],
    unannounced: bool = False,
    signature: str | None = None,
    note: str | None = None,
    by: By,
) -> Inspection:
    """Put a filled-in sheet on record, for good. ``answers`` are by item. Raises Refused."""
    # Whoever changes the list waits until this sheet is in, and then makes a new version.
    items = list(
        db.session.scalars(
            sa.select(ChecklistItem.id)
            .join(Checklist, Checklist.id == ChecklistItem.checklist_id)
            .where(Checklist.id == checklist.id)
            .with_for_update(read=True, of=Checklist)
        )
    )
    problems = rules.problems_with_inspection(inspected_on, clock.today(), items, answers)
    problems += rules.problems_with_words("note", note)
    for item_id, given in answers.items():
        problems += rules.problems_with_words(f"note_{item_id.hex}", given.note)
    if problems:
        raise Refused(problems)
    inspection = Inspection(
        id=new_id(), station_id=station.id, checklist_id=checklist.id, inspected_on=inspected_on, unannounced=unannounced,
        note=note, at=clock.now(), by_account_id=by.id if by.kind == "staff" else None,
    )  # fmt: skip
    inspection.signature = signature
    db.session.add(inspection)
    db.session.flush()
    for item_id, given in answers.items():
        db.session.add(_answer(inspection, item_id, given, by))
    db.session.flush()
    audit.record("inspection.made", by=by, subject=inspection, union_id=station.union_id, code=station.code)
    return inspection


def _answer(inspection: Inspection, item_id: UUID, given: Given, by: By) -> InspectionAnswer:
    picture = pictures.keep(given.photo, by=by, field=f"photo_{item_id.hex}") if given.photo else None
    return InspectionAnswer(
        inspection_id=inspection.id, item_id=item_id, outcome=given.outcome, note=given.note,
        picture_id=picture.id if picture else None,
    )  # fmt: skip


def report_finding(*, inspection: Inspection, station: Station, item_id: UUID, kind: ReportKind, by: By) -> Report:
    """Open a report of an item that was not met; one at the most. Raises Refused, NoResultFound."""
    answer = queries.get_answer(inspection.id, item_id)
    known = queries.find_finding(inspection.id, item_id)
    if problems := rules.problems_with_finding(answer.outcome, reported=known is not None):
        raise Refused(problems)
    item = db.session.get_one(ChecklistItem, item_id)
    words = f"{item.says}：{answer.note}" if answer.note else item.says
    report = upkeep.say_fault(station=station, kind=kind, note=words[:NOTE_LENGTH], source=ReportSource.INSPECTION, by=by)
    db.session.add(Finding(inspection_id=inspection.id, item_id=item_id, report_id=report.id))
    db.session.flush()
    return report
