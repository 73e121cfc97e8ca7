"""Entering a sheet, noting what did not agree, settling it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.desk.handouts import commands as handouts
from portal.desk.handouts import queries as handout_queries
from portal.desk.paper import queries, rules
from portal.desk.paper.models import DiscrepancyKind, EntryDiscrepancy, PaperRow, PaperSheet
from portal.members.workers import queries as workers
from portal.stations.recording import commands as recording
from portal.stations.recording.commands import Entry, Recorded
from portal.stations.register import rules as station_rules
from portal.stations.register.models import Station
from portal.stations.visits.models import VisitSource
from portal.stations.visits.rules import names_the_person
from portal.types import Refused, new_id
from portal.vocabulary import BasicService, Occupation
from portal.welfare.deliveries import commands as deliveries
from portal.welfare.deliveries import queries as delivered
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.programmes import queries as programmes


@dataclass(frozen=True)
class Row:
    """A row of a sheet as it was typed; ``who`` is a card, a phone, or the last four digits of one."""

    position: int
    at: datetime
    occupation: Occupation
    service: BasicService
    heads: int = 1
    who: str | None = None


def enter_sheet(
    *, station: Station, serial: str, day: date, rows: Sequence[Row], total: int | None, handout_id: UUID | None, by: By,
    programme_id: UUID | None = None,
) -> tuple[PaperSheet, int]:  # fmt: skip
    """Store a sheet whole, and list what does not agree; answers it and how many did not. Raises Refused if it cannot be.

    With ``programme_id`` every row is a delivery of it as well, stored whatever its limits say.
    Of two who enter the same sheet at once, the second waits for the first and is told.
    """
    taken = not db.session.scalar(
        insert(PaperSheet)
        .values(id=new_id(), station_id=station.id, serial=serial, day=day, total=total, handout_id=handout_id,
                programme_id=programme_id,
                entered_at=clock.now(), by_account_id=by.id)
        .on_conflict_do_nothing(index_elements=["station_id", "serial"])
        .returning(PaperSheet.id)
    )  # fmt: skip
    if problems := rules.problems_with_sheet(serial, day, clock.today(), rows=len(rows), taken=taken):
        raise Refused(problems)
    sheet = db.session.scalars(
        sa.select(PaperSheet).where(PaperSheet.station_id == station.id, PaperSheet.serial == serial)
    ).one()
    people = [_person(station, row) for row in rows]
    entries = [
        Entry(station.id, station.union_id, row.occupation, row.service, row.at, VisitSource.PAPER, row.heads, person)
        for row, person in zip(rows, people, strict=True)
    ]
    if handout_id:
        _count_handout(sheet, rows, by)
    made = recording.record_entries(entries=entries, by=by)
    if programme_id:
        delivered.hold_many(programme_id, station.id, filter(None, people), day)
    for row, person, recorded in zip(rows, people, made, strict=True):
        given = _deliver(station, sheet, row, person, by) if programme_id else None
        db.session.add(
            PaperRow(sheet_id=sheet.id, position=row.position, at=row.at, occupation=row.occupation, service=row.service,
                     heads=row.heads, worker_id=person, visit_id=recorded[0].visit_id, visit_at=recorded[0].at,
                     delivery_id=given.id if given else None)
        )  # fmt: skip
    count = _reconcile(station, sheet, rows, made, by)
    db.session.flush()
    audit.record("paper_sheet.entered", by=by, subject=sheet, union_id=station.union_id, serial=serial,
                 rows=len(rows), heads=sum(row.heads for row in rows), discrepancies=count)  # fmt: skip
    return sheet, count


def _person(station: Station, row: Row) -> UUID | None:
    """Whom a row names; None if nobody, or if what was written does not decide."""
    if not row.who:
        return None
    if len(row.who) == 4 and row.who.isdigit():
        return queries.find_by_tail(station.id, row.who)
    found = workers.find_by_key(row.who)
    sure = len(found.workers) == 1 and found.workers[0].id not in found.doubts
    return found.workers[0].id if sure else None


def _deliver(station: Station, sheet: PaperSheet, row: Row, person: UUID | None, by: By) -> Delivery:
    """A row of a programme's sheet: given already, so it is stored; what did not fit goes to the keeper."""
    programme = programmes.find_programme(sheet.programme_id)
    given = deliveries.deliver(
        programme=programme, station=station, worker_id=person, occupation=row.occupation, quantity=row.heads, at=row.at,
        source=DeliverySource.PAPER, late=True, by=by,
    )  # fmt: skip
    for flag in given.flags:
        note_discrepancy(station_id=station.id, source=VisitSource.PAPER, kind=DiscrepancyKind.DID_NOT_FIT, sheet_id=sheet.id,
                         details={"row": row.position, "programme": programme.name, "why": flag}, by=by)  # fmt: skip
    return given


def _count_handout(sheet: PaperSheet, rows: Sequence[Row], by: By) -> None:
    """Count the rows beside a hand-out; more than there was is stored and listed."""
    handout = handout_queries.get_handout(sheet.station_id, sheet.handout_id)
    count = sum(row.heads for row in rows if row.service == handout.service)
    if not count:
        return
    handout = handouts.add_late(handout_id=handout.id, count=count, by=by)
    given = handout.given + handout.given_late
    if handout.quantity is not None and given > handout.quantity:
        details = {"given": given, "quantity": handout.quantity, "title": handout.title}
        note_discrepancy(station_id=sheet.station_id, source=VisitSource.PAPER, kind=DiscrepancyKind.OVER_QUANTITY,
                         details=details, sheet_id=sheet.id, by=by)  # fmt: skip


def _reconcile(station: Station, sheet: PaperSheet, rows: Sequence[Row], made: list[list[Recorded]], by: By) -> int:
    """Compare a sheet with what is on record; answers how many discrepancies the sheet has."""

    def note(kind: DiscrepancyKind, recorded: Recorded | None = None, **details: Any) -> None:
        note_discrepancy(station_id=station.id, source=VisitSource.PAPER, kind=kind, details=details, sheet_id=sheet.id,
                         visit=(recorded.visit_id, recorded.at) if recorded else None, by=by)  # fmt: skip

    for row, (recorded, *_) in zip(rows, made, strict=True):
        if row.who and recorded.worker_id is None and names_the_person(row.service):
            note(DiscrepancyKind.NOT_RECOGNISED, recorded, row=row.position, written=rules.masked_key(row.who))
        if recorded.repeated or not recorded.fresh:
            note(DiscrepancyKind.AGAIN_TODAY, recorded, row=row.position)
        if not station_rules.opening(station, row.at).is_open:
            note(DiscrepancyKind.STATION_CLOSED, recorded, row=row.position, time=f"{row.at.astimezone(clock.SHANGHAI):%H:%M}")
    heads = sum(row.heads for row in rows)
    if sheet.total is not None and sheet.total != heads:
        note(DiscrepancyKind.TOTAL_DIFFERS, total=sheet.total, rows=heads)
    db.session.flush()
    return db.session.scalar(sa.select(sa.func.count(EntryDiscrepancy.id)).where(EntryDiscrepancy.sheet_id == sheet.id))


def note_discrepancy(
    *, station_id: UUID, source: VisitSource, kind: DiscrepancyKind, details: dict[str, Any], by: By,
    visit: tuple[UUID, datetime] | None = None, sheet_id: UUID | None = None, ref: str | None = None,
) -> None:  # fmt: skip
    """List something for the keeper. ``details`` are plain, masked values; the same ``ref`` at a station is listed once."""
    db.session.execute(
        insert(EntryDiscrepancy)
        .values(id=new_id(), station_id=station_id, source=source, kind=kind, details=details, at=clock.now(), sheet_id=sheet_id,
                visit_id=visit[0] if visit else None, visit_at=visit[1] if visit else None, ref=ref)
        .on_conflict_do_nothing(index_elements=["station_id", "ref"], index_where=EntryDiscrepancy.ref.is_not(None))
    )  # fmt: skip


def settle(*, discrepancy: EntryDiscrepancy, note: str | None, by: By) -> None:
    """Settle a discrepancy once, with what was found. Raises Refused."""
    held = sa.select(EntryDiscrepancy).where(EntryDiscrepancy.id == discrepancy.id).with_for_update()
    row = db.session.scalars(held, execution_options={"populate_existing": True}).one()
    if problems := rules.problems_with_settling(settled=row.settled_at is not None, note=note):
        raise Refused(problems)
    row.settled_at, row.settled_by_account_id, row.note = clock.now(), by.id, note
    db.session.flush()
    audit.record("discrepancy.settled", by=by, subject=row, union_id=row.station.union_id, kind=row.kind.value, note=note)
