"""Reads about paper sheets, and the keeper's list of what did not agree."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.desk.handouts.models import Handout
from portal.desk.paper.models import DiscrepancyKind, EntryDiscrepancy, PaperSheet
from portal.members.workers.models import WorkerPhone
from portal.paging import Slice, keyset
from portal.stations.register.models import Station
from portal.stations.visits.models import Visit
from portal.types import N_, Text, text
from portal.unions.tree.queries import within

KEEP = Permission.KEEP_STATIONS
MET_WITHIN = timedelta(days=60)
COUNTED_UP_TO = 100


def has_serial(station_id: UUID, serial: str) -> bool:
    """Whether a sheet with this serial was entered at this station."""
    return db.session.scalar(sa.select(sa.exists().where(PaperSheet.station_id == station_id, PaperSheet.serial == serial)))


def get_sheet(station_id: UUID, sheet_id: UUID) -> PaperSheet:
    """A sheet entered at this station; raises NoResultFound (404)."""
    return db.session.scalars(sa.select(PaperSheet).where(PaperSheet.id == sheet_id, PaperSheet.station_id == station_id)).one()


def list_sheets(station_id: UUID, *, before: str | None = None, after: str | None = None) -> Slice:
    """The sheets of a station, newest first."""
    query = sa.select(PaperSheet).where(PaperSheet.station_id == station_id)
    return keyset(query, (PaperSheet.id,), lambda row: (row.id,), before=before, after=after, descending=True, limit=30)


def list_handouts_of(station_id: UUID, limit: int = 20) -> list[Handout]:
    """The hand-outs a sheet may belong to."""
    return list(
        db.session.scalars(sa.select(Handout).where(Handout.station_id == station_id).order_by(Handout.id.desc()).limit(limit))
    )


def find_by_tail(station_id: UUID, tail: str) -> UUID | None:
    """The one person met at this station lately whose phone ends so; None if nobody or several."""
    ids = db.session.scalars(
        sa.select(WorkerPhone.worker_id)
        .where(
            WorkerPhone.tail_index == WorkerPhone.tail_lookup(tail),
            WorkerPhone.until.is_(None),
            sa.exists().where(
                Visit.worker_id == WorkerPhone.worker_id,
                Visit.station_id == station_id,
                Visit.at > clock.now() - MET_WITHIN,
            ),
        )
        .distinct()
        .limit(2)
    ).all()
    return ids[0] if len(ids) == 1 else None


# --- what did not agree --------------------------------------------------------------------------------------------


def _within(actor: Actor) -> sa.Select:
    return (
        sa.select(EntryDiscrepancy, Station)
        .join(Station, Station.id == EntryDiscrepancy.station_id)
        .where(within(Station.union_id, actor, KEEP))
    )


def list_discrepancies(
    actor: Actor, *, q: str | None = None, kind: DiscrepancyKind | None = None, settled: bool = False,
    before: str | None = None, after: str | None = None,
) -> Slice:  # fmt: skip
    """What did not agree within one's stations, newest first: open ones, or those that were settled."""
    query = _within(actor).where(EntryDiscrepancy.settled_at.is_not(None) if settled else EntryDiscrepancy.settled_at.is_(None))
    if q:
        query = query.where(sa.or_(Station.name.icontains(q, autoescape=True), Station.code.startswith(q, autoescape=True)))
    if kind:
        query = query.where(EntryDiscrepancy.kind == kind)
    columns = (EntryDiscrepancy.id,)
    return keyset(query, columns, lambda row: (row[0].id,), before=before, after=after, descending=True, scalars=False)


def get_discrepancy(discrepancy_id: UUID, actor: Actor) -> tuple[EntryDiscrepancy, Station]:
    """One discrepancy within scope; raises NoResultFound (404)."""
    found, station = db.session.execute(_within(actor).where(EntryDiscrepancy.id == discrepancy_id)).one()
    return found, station


def awaiting(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff home: how many discrepancies wait for this keeper, counted up to a hundred."""
    if not actor.may(KEEP):
        return None
    some = _within(actor).with_only_columns(EntryDiscrepancy.id).where(EntryDiscrepancy.settled_at.is_(None)).limit(COUNTED_UP_TO)
    count = db.session.scalar(sa.select(sa.func.count()).select_from(some.subquery()))
    return text(N_("Entries that did not agree")), "/staff/discrepancies", count
