"""Reads about checklists and inspections, within scope; a list counts at its union and all beneath it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.pictures import Picture
from portal.stations.inspections.models import (
    Checklist,
    ChecklistItem,
    Finding,
    Inspection,
    InspectionAnswer,
    Outcome,
)
from portal.stations.inspections.rules import share_met
from portal.stations.register import queries as register
from portal.stations.register.models import Station
from portal.unions.staff.queries import names_of_staff
from portal.unions.tree.models import Division, Union, UnionReach
from portal.unions.tree.queries import within

KEEP = Permission.KEEP_STATIONS

# --- checklists -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A checklist with its union's name."""

    checklist: Checklist
    union: str


def _listed(*conditions: Any) -> list[Listed]:
    rows = db.session.execute(
        sa.select(Checklist, Union.name)
        .join(Union, Union.id == Checklist.union_id)
        .where(Checklist.closed_at.is_(None), *conditions)
        .order_by(Checklist.title, Checklist.id)
    )
    return [Listed(*row) for row in rows]


def list_own(actor: Actor) -> list[Listed]:
    """The lists one may change: those within one's part of the tree."""
    return _listed(within(Checklist.union_id, actor, KEEP))


def list_inherited(actor: Actor) -> list[Listed]:
    """The lists from above that count here too, to be used but not changed."""
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id.in_(actor.unions(KEEP)))
    return _listed(Checklist.union_id.in_(above), ~within(Checklist.union_id, actor, KEEP))


def _counts_at(station: Station) -> sa.ColumnElement[bool]:
    return Checklist.union_id.in_(sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == station.union_id))


def list_usable(station: Station) -> list[Listed]:
    """The lists that count at a station: its union's own and those from above."""
    return _listed(_counts_at(station))


def get_usable(checklist_id: UUID, station: Station) -> Checklist:
    """A list that counts at a station, closed ones too: a sheet that was printed may still be entered."""
    return db.session.scalars(sa.select(Checklist).where(Checklist.id == checklist_id, _counts_at(station))).one()


def get_own(checklist_id: UUID, actor: Actor, *, lock: bool = False) -> Checklist:
    """A list one may change; raises NoResultFound (404) outside."""
    query = sa.select(Checklist).where(Checklist.id == checklist_id, within(Checklist.union_id, actor, KEEP))
    return db.session.scalars(query.with_for_update() if lock else query).one()


def is_used(checklist_id: UUID) -> bool:
    """Whether somebody inspected by this version."""
    return db.session.scalar(sa.select(sa.exists().where(Inspection.checklist_id == checklist_id)))


def own_unions(actor: Actor) -> list[tuple[str, str]]:
    """The unions where one keeps stations by appointment, as (id, name)."""
    rows = db.session.execute(
        sa.select(Union.id, Union.name).where(Union.id.in_(actor.unions(KEEP)), Union.closed_at.is_(None)).order_by(Union.code)
    )
    return [(str(row.id), row.name) for row in rows]


# --- inspections ----------------------------------------------------------------------------------------------------


def _how_many(outcome: Outcome) -> sa.ScalarSelect:
    return (
        sa.select(sa.func.count())
        .where(InspectionAnswer.inspection_id == Inspection.id, InspectionAnswer.outcome == outcome)
        .correlate(Inspection)
        .scalar_subquery()
    )


@dataclass(frozen=True)
class Row:
    """An inspection in a list; ``share`` is what is met of what applies, in per cent."""

    inspection: Inspection
    station: Station
    county: str
    title: str
    version: int
    met: int
    not_met: int

    @property
    def share(self) -> int | None:
        return share_met(self.met, self.not_met)


def _rows(actor: Actor, filters: Mapping[str, Any]) -> sa.Select:
    query = (
        sa.select(
            Inspection, Station, Division.name, Checklist.title, Checklist.version,
            _how_many(Outcome.MET), _how_many(Outcome.NOT_MET),
        )
        .join(Station, Station.id == Inspection.station_id)
        .join(Division, Division.code == Station.county_code)
        .join(Checklist, Checklist.id == Inspection.checklist_id)
        .where(within(Station.union_id, actor, KEEP))
    )  # fmt: skip
    if filters.get("q"):
        query = query.where(register.matching(filters["q"]))
    if filters.get("county"):
        query = query.where(Station.county_code == filters["county"])
    if filters.get("way") is not None:
        query = query.where(Inspection.unannounced == filters["way"])
    if filters.get("findings"):
        not_met = sa.exists().where(InspectionAnswer.inspection_id == Inspection.id, InspectionAnswer.outcome == Outcome.NOT_MET)
        query = query.where(not_met)
    if filters.get("station_id"):
        query = query.where(Inspection.station_id == filters["station_id"])
    return query


def list_inspections(actor: Actor, filters: Mapping[str, Any], *, before: str | None = None, after: str | None = None) -> Slice:
    """Inspections within scope as `Row`, the newest first, a page at a time."""
    found = keyset(
        _rows(actor, filters),
        (Inspection.inspected_on, Inspection.id),
        lambda row: (row.Inspection.inspected_on, row.Inspection.id),
        before=before,
        after=after,
        descending=True,
        scalars=False,
    )
    return Slice([Row(*row) for row in found.rows], found.before, found.after)


def rows_for_export(actor: Actor, filters: Mapping[str, Any]) -> Iterable[Row]:
    """Every match within scope, the newest first, read in portions."""
    query = _rows(actor, filters).order_by(Inspection.inspected_on.desc(), Inspection.id.desc())
    for row in db.session.execute(query.execution_options(yield_per=500)):
        yield Row(*row)


def get_inspection(inspection_id: UUID, actor: Actor) -> Row:
    """One inspection within scope; raises NoResultFound (404) outside."""
    return Row(*db.session.execute(_rows(actor, {}).where(Inspection.id == inspection_id)).one())


@dataclass(frozen=True)
class Answered:
    """An item with its answer, and the report that followed from it if one did."""

    item: ChecklistItem
    outcome: Outcome
    note: str | None
    picture_id: UUID | None
    report_id: UUID | None


def list_answers(inspection_id: UUID) -> list[Answered]:
    """Every item of an inspection in the order of the list."""
    rows = db.session.execute(
        sa.select(ChecklistItem, InspectionAnswer.outcome, InspectionAnswer.note, InspectionAnswer.picture_id, Finding.report_id)
        .join(InspectionAnswer, InspectionAnswer.item_id == ChecklistItem.id)
        .join(
            Finding,
            sa.and_(Finding.inspection_id == InspectionAnswer.inspection_id, Finding.item_id == InspectionAnswer.item_id),
            isouter=True,
        )
        .where(InspectionAnswer.inspection_id == inspection_id)
        .order_by(ChecklistItem.position)
    )
    return [Answered(*row) for row in rows]


def get_answer(inspection_id: UUID, item_id: UUID) -> InspectionAnswer:
    """One answer, locked so that one report follows from it; raises NoResultFound."""
    return db.session.scalars(
        sa.select(InspectionAnswer)
        .where(InspectionAnswer.inspection_id == inspection_id, InspectionAnswer.item_id == item_id)
        .with_for_update()
    ).one()


def find_finding(inspection_id: UUID, item_id: UUID) -> Finding | None:
    """The report that followed from an item, or None."""
    return db.session.get(Finding, (inspection_id, item_id))


def get_photo(inspection_id: UUID, picture_id: UUID, actor: Actor) -> Picture:
    """A photograph of an inspection within scope; raises NoResultFound (404) for everybody else."""
    return db.session.scalars(
        sa.select(Picture)
        .join(InspectionAnswer, InspectionAnswer.picture_id == Picture.id)
        .join(Inspection, Inspection.id == InspectionAnswer.inspection_id)
        .join(Station, Station.id == Inspection.station_id)
        .where(Picture.id == picture_id, Inspection.id == inspection_id, within(Station.union_id, actor, KEEP))
    ).one()


def name_of_inspector(inspection: Inspection) -> str | None:
    """Who inspected."""
    return names_of_staff({inspection.by_account_id}).get(inspection.by_account_id) if inspection.by_account_id else None


@dataclass(frozen=True)
class Last:
    """A station's latest inspection."""

    on: date
    inspection_id: UUID
    share: int | None


def last_inspected(station_ids: Collection[UUID]) -> dict[UUID, Last]:
    """The latest inspection of each station; stations nobody inspected are absent."""
    if not station_ids:
        return {}
    rows = db.session.execute(
        sa.select(Inspection, _how_many(Outcome.MET), _how_many(Outcome.NOT_MET))
        .where(Inspection.station_id.in_(list(station_ids)))
        .ext(distinct_on(Inspection.station_id))
        .order_by(Inspection.station_id, Inspection.inspected_on.desc(), Inspection.id.desc())
    )
    return {one.station_id: Last(one.inspected_on, one.id, share_met(met, not_met)) for one, met, not_met in rows}
