"""Reads of programmes: within scope for staff, what everyone sees, what is given at a station, the tree, the lines that pay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from portal.access import Actor, Permission
from portal.audit import AuditEntry
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import PUBLIC_STATUSES as PUBLIC_STATIONS
from portal.stations.register.models import Station
from portal.stations.register.queries import matching as station_matching
from portal.types import N_, Text, text
from portal.unions.staff.queries import names_of_staff
from portal.unions.tree.models import Union, UnionKind, UnionReach
from portal.unions.tree.queries import home_union_for_county, within
from portal.welfare.eligibility.models import EligibilityRule
from portal.welfare.items.models import WelfareCategory, WelfareItem
from portal.welfare.ledger.models import Allocation, Budget, BudgetLine
from portal.welfare.programmes.models import PUBLIC_STATUSES, Programme, ProgrammePlace, ProgrammeStatus, Way
from portal.welfare.programmes.rules import Filters, LineChoice, Node, PlaceRow, arrange

VIEW, APPROVE = Permission.VIEW_PROGRAMMES, Permission.APPROVE_PROGRAMMES
S = ProgrammeStatus
UNFINISHED = (S.DRAFT, S.SUBMITTED, S.APPROVED, S.OPEN, S.PAUSED, S.CLOSED)


@dataclass(frozen=True)
class Offer:
    """A programme with its item (None: a heading)."""

    programme: Programme
    item: WelfareItem | None


@dataclass(frozen=True)
class Listed(Offer):
    """The same in a list, with whose it is."""

    union: str


# --- within scope --------------------------------------------------------------------------------------------------


ALL = Filters()


def _matching(actor: Actor, filters: Filters) -> sa.Select:
    found = (
        sa.select(Programme, WelfareItem, Union.name)
        .join(Union, Union.id == Programme.union_id)
        .outerjoin(WelfareItem, WelfareItem.id == Programme.item_id)
        .where(within(Programme.union_id, actor, VIEW))
    )
    if filters.q:
        like = (column.icontains(filters.q, autoescape=True) for column in (Programme.name, WelfareItem.name, Union.name))
        found = found.where(sa.or_(*like, Programme.code == filters.q.upper()))
    if filters.category:
        found = found.where(WelfareItem.category == filters.category)
    if filters.status:
        waits = Programme.pending.is_not(None) if filters.status is S.SUBMITTED else sa.false()
        found = found.where(sa.or_(Programme.status == filters.status, waits))
    if filters.department:
        found = found.where(Programme.owner_department == filters.department)
    return found


def list_programmes(actor: Actor, filters: Filters = ALL, *, before: str | None = None, after: str | None = None) -> Slice:
    """Programmes within scope as `Listed`, the newest first, a page at a time."""
    rows = keyset(_matching(actor, filters), (Programme.id,), lambda row: (row[0].id,), before=before, after=after,
                  descending=True, scalars=False)  # fmt: skip
    return Slice([Listed(*row) for row in rows], rows.before, rows.after)


def stream_programmes(actor: Actor, filters: Filters) -> Iterable[Listed]:
    """Every programme that matches, for the export."""
    found = _matching(actor, filters).order_by(Programme.id.desc())
    return (Listed(*row) for row in db.session.execute(found.execution_options(yield_per=500)))


def list_departments(actor: Actor) -> list[str]:
    """The departments that own programmes within scope."""
    found = sa.select(Programme.owner_department).where(
        within(Programme.union_id, actor, VIEW), Programme.owner_department.is_not(None)
    )
    return list(db.session.scalars(found.distinct().order_by(Programme.owner_department)))


def get_programme(code: str, actor: Actor, permission: Permission = VIEW) -> Programme:
    """A programme by code within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(
        sa.select(Programme).where(Programme.code == code, within(Programme.union_id, actor, permission))
    ).one()


def awaiting(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff's home: programmes, and changes of them, that wait for this person: not what they proposed themselves."""
    if not actor.may(APPROVE):
        return None
    waits = sa.or_(
        sa.and_(Programme.status == S.SUBMITTED, Programme.proposed_by_account_id.is_distinct_from(actor.id)),
        sa.and_(Programme.pending.is_not(None), Programme.pending_by_account_id.is_distinct_from(actor.id)),
    )
    found = sa.select(sa.func.count()).select_from(Programme).where(waits, within(Programme.union_id, actor, APPROVE))
    return text(N_("Programmes to decide")), "/programmes?status=submitted", db.session.scalar(found)


# --- one programme and what stands around it -----------------------------------------------------------------------


def find_programme(ident: UUID) -> Programme | None:
    """A programme by id, without scope: what names it was found by its own."""
    return db.session.get(Programme, ident)


def lock(programme: Programme) -> Programme:
    """The programme as it stands now, held until the transaction ends."""
    found = sa.select(Programme).where(Programme.id == programme.id).with_for_update()
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


def names_of(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Programmes' names by id."""
    wanted = {ident for ident in ids if ident}
    if not wanted:
        return {}
    rows = db.session.execute(sa.select(Programme.id, Programme.name).where(Programme.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def name_of(ident: UUID) -> str | None:
    """A programme's name by id, or None."""
    return names_of([ident]).get(ident)


def item_of(programme: Programme) -> WelfareItem | None:
    """What a programme gives; None for a heading."""
    return db.session.get(WelfareItem, programme.item_id) if programme.item_id else None


def union_of(programme: Programme) -> Union:
    """Whose programme it is."""
    return db.session.get_one(Union, programme.union_id)


def names_using(item_id: UUID) -> list[str]:
    """The programmes that are not settled and give an item, by name."""
    found = sa.select(Programme.name).where(Programme.item_id == item_id, Programme.status.in_(UNFINISHED))
    return list(db.session.scalars(found.order_by(Programme.name, Programme.id).limit(4)))


def places_of(programme: Programme) -> list[PlaceRow]:
    """Where a programme is given when not everywhere: stations by name, then providers."""
    rows = db.session.execute(
        sa.select(ProgrammePlace, Station)
        .outerjoin(Station, Station.id == ProgrammePlace.station_id)
        .where(ProgrammePlace.programme_id == programme.id)
        .order_by(ProgrammePlace.station_id.is_(None), Station.name, ProgrammePlace.provider_name, ProgrammePlace.id)
    )
    return [PlaceRow(*row) for row in rows]


def count_places(programme: Programme) -> int:
    """How many places are named; a handful."""
    return db.session.scalar(sa.select(sa.func.count()).where(ProgrammePlace.programme_id == programme.id))


def find_place(programme: Programme, ident: UUID) -> ProgrammePlace | None:
    """One of a programme's own places, or None."""
    found = sa.select(ProgrammePlace).where(ProgrammePlace.programme_id == programme.id, ProgrammePlace.id == ident)
    return db.session.scalars(found).one_or_none()


def ground_of(union: Union) -> UUID:
    """The union whose part of the tree holds the stations: a federation has none of its own and serves at its parent's."""
    return union.parent_id if union.kind is UnionKind.FEDERATION and union.parent_id else union.id


def _federations(above: sa.Select) -> sa.Select:
    return sa.select(Union.id).where(Union.kind == UnionKind.FEDERATION, Union.parent_id.in_(above))


def _beneath(programme: Programme) -> sa.Select:
    return sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == ground_of(union_of(programme)))


def list_stations_to_add(programme: Programme, q: str | None, limit: int = 20) -> list[Station]:
    """Stations of a programme's part of the tree that are not among its places yet."""
    taken = sa.select(ProgrammePlace.station_id).where(
        ProgrammePlace.programme_id == programme.id, ProgrammePlace.station_id.is_not(None)
    )
    found = sa.select(Station).where(
        Station.union_id.in_(_beneath(programme)), Station.status.in_(PUBLIC_STATIONS), Station.id.not_in(taken)
    )
    return list(db.session.scalars((found.where(station_matching(q)) if q else found).order_by(Station.code).limit(limit)))


def find_station_beneath(programme: Programme, code: str | None) -> Station | None:
    """A station of the programme's part of the tree by code, or None."""
    found = sa.select(Station).where(Station.code == code, Station.union_id.in_(_beneath(programme)))
    return db.session.scalars(found).one_or_none()


def list_lines(union_id: UUID, years: Iterable[int]) -> list[LineChoice]:
    """The lines of a union's own budgets of these years, with what is left, by year and code."""
    left = sa.func.coalesce(sa.func.sum(Allocation.authority - Allocation.reserved - Allocation.spent), 0)
    rows = db.session.execute(
        sa.select(BudgetLine, Budget.year, left)
        .join(Budget, Budget.id == BudgetLine.budget_id)
        .outerjoin(Allocation, Allocation.line_id == BudgetLine.id)
        .where(Budget.union_id == union_id, Budget.year.in_(list(years)))
        .group_by(BudgetLine.id, Budget.year)
        .order_by(Budget.year, BudgetLine.code)
    )
    return [LineChoice(*row) for row in rows]


def find_line(programme_or_line_id: UUID | None) -> LineChoice | None:
    """A line by id with its year and what is left, or None."""
    if programme_or_line_id is None:
        return None
    place = db.session.execute(
        sa.select(Budget.union_id, Budget.year).join(BudgetLine, BudgetLine.budget_id == Budget.id)
        .where(BudgetLine.id == programme_or_line_id)
    ).one()  # fmt: skip
    return next(one for one in list_lines(place.union_id, [place.year]) if one.line.id == programme_or_line_id)


def people_of(programme: Programme) -> dict[UUID, str]:
    """The names of those who proposed and decided."""
    ids = {programme.proposed_by_account_id, programme.decided_by_account_id, programme.pending_by_account_id}
    return names_of_staff({one for one in ids if one})


def list_history(programme: Programme, limit: int = 30) -> list[tuple[AuditEntry, str | None]]:
    """What happened to a programme, the latest first: (entry, who of the staff)."""
    found = sa.select(AuditEntry).where(AuditEntry.subject_table == "programmes", AuditEntry.subject_id == str(programme.id))
    entries = list(db.session.scalars(found.order_by(AuditEntry.id.desc()).limit(limit)))
    names = names_of_staff({one.actor_id for one in entries if one.actor_kind == "staff" and one.actor_id})
    return [(one, names.get(one.actor_id)) for one in entries]


# --- the tree ------------------------------------------------------------------------------------------------------


def list_headings(union: Union, other_than: UUID | None = None) -> list[Programme]:
    """The headings that a union's programmes may stand beneath: its own and those of the unions above."""
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == union.id)
    found = sa.select(Programme).where(
        Programme.item_id.is_(None), Programme.union_id.in_(above), Programme.status.not_in((S.CLOSED, S.SETTLED))
    )
    if other_than:
        found = found.where(Programme.id != other_than)
    return list(db.session.scalars(found.order_by(Programme.name, Programme.id)))


def list_tree(actor: Actor, department: str | None = None) -> list[Node]:
    """The tree within scope from the top down, with the headings of upper unions that it hangs on.

    With a department: its programmes and the headings above them.
    """
    own = sa.select(Programme.id, Programme.parent_id).where(
        within(Programme.union_id, actor, VIEW), sa.or_(Programme.item_id.is_(None), Programme.parent_id.is_not(None))
    )
    if department:
        own = own.where(Programme.owner_department == department)
    up = own.cte("up", recursive=True)
    up = up.union(sa.select(Programme.id, Programme.parent_id).join(up, up.c.parent_id == Programme.id))
    rows = db.session.execute(
        sa.select(Programme, Union.name, within(Programme.union_id, actor, VIEW))
        .join(Union, Union.id == Programme.union_id)
        .where(Programme.id.in_(sa.select(up.c.id)))
        .order_by(Programme.code)
    )
    nodes = [Node(programme, union, own=mine) for programme, union, mine in rows]
    return arrange(nodes)


def way_down(programme: Programme) -> list[Programme]:
    """The headings above a programme, from the top."""
    way: list[Programme] = []
    here = programme
    while here.parent_id and len(way) < 10:
        here = db.session.get_one(Programme, here.parent_id)
        way.append(here)
    return way[::-1]


def count_children(programme: Programme) -> int:
    """How many programmes stand directly beneath one."""
    return db.session.scalar(sa.select(sa.func.count()).where(Programme.parent_id == programme.id))


def list_children(programme: Programme, actor: Actor) -> list[Programme]:
    """What stands directly beneath a heading, within scope."""
    found = sa.select(Programme).where(Programme.parent_id == programme.id, within(Programme.union_id, actor, VIEW))
    return list(db.session.scalars(found.order_by(Programme.code)))


# --- what everyone sees --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PublicRow(Listed):
    """A programme as the public finds it, with the rule in force."""

    rule: EligibilityRule | None


def _public() -> sa.Select:
    return (
        sa.select(Programme, WelfareItem, Union.name)
        .join(WelfareItem, WelfareItem.id == Programme.item_id)
        .join(Union, Union.id == Programme.union_id)
        .where(Programme.status.in_(PUBLIC_STATUSES))
    )


def find_public(code: str) -> PublicRow:
    """A programme that the public may see; raises NoResultFound (404) for any other."""
    row = db.session.execute(_public().where(Programme.code == code)).one()
    return PublicRow(*row, rules_of([row[0].id]).get(row[0].id))


def list_public(
    *, today: date, q: str | None = None, category: WelfareCategory | None = None, county_code: str | None = None,
    before: str | None = None, after: str | None = None,
) -> Slice:  # fmt: skip
    """What is open to be had, as `PublicRow`, what ends first on top.

    ``county_code``: what the unions above and in this county give.
    """
    found = _public().where(Programme.ends_on >= today)
    if q:
        columns = (Programme.name, Programme.summary, WelfareItem.name)
        found = found.where(sa.or_(*(column.icontains(q, autoescape=True) for column in columns)))
    if category:
        found = found.where(WelfareItem.category == category)
    if county_code:
        found = found.where(_near(county_code))
    rows = keyset(found, (Programme.ends_on, Programme.id), lambda row: (row[0].ends_on, row[0].id), before=before, after=after,
                  scalars=False)  # fmt: skip
    rules = rules_of([row[0].id for row in rows])
    return Slice([PublicRow(*row, rules.get(row[0].id)) for row in rows], rows.before, rows.after)


def _near(county_code: str) -> sa.ColumnElement[bool]:
    home, reach = home_union_for_county(county_code), UnionReach
    if home is None:
        return sa.false()
    ids = (home.id, ground_of(home))  # a county's federation and the general union whose stations it serves at
    above = sa.select(reach.ancestor_id).where(reach.union_id.in_(ids))
    beneath = sa.select(reach.union_id).where(reach.ancestor_id.in_(ids))
    return sa.or_(Programme.union_id.in_(above), Programme.union_id.in_(beneath), Programme.union_id.in_(_federations(above)))


def list_public_categories(today: date) -> list[tuple[WelfareCategory, int]]:
    """The kinds of welfare that are open to be had, with how many programmes, in the order of the vocabulary."""
    rows = db.session.execute(
        sa.select(WelfareItem.category, sa.func.count())
        .join(Programme, Programme.item_id == WelfareItem.id)
        .where(Programme.status.in_(PUBLIC_STATUSES), Programme.ends_on >= today)
        .group_by(WelfareItem.category)
    )
    known = dict(rows.all())
    return [(one, known[one]) for one in WelfareCategory if one in known]


def rules_of(ids: Iterable[UUID]) -> dict[UUID, EligibilityRule]:
    """The rule in force of each programme: its newest approved version."""
    newest = (
        sa.select(EligibilityRule)
        .where(EligibilityRule.programme_id.in_(list(ids)), EligibilityRule.approved_at.is_not(None))
        .ext(distinct_on(EligibilityRule.programme_id))
        .order_by(EligibilityRule.programme_id, EligibilityRule.version.desc())
    )
    return {one.programme_id: one for one in db.session.scalars(newest)}


def _given_at(station: Station) -> sa.ColumnElement[bool]:
    above = sa.select(UnionReach.ancestor_id).where(UnionReach.union_id == station.union_id)
    named = sa.exists().where(ProgrammePlace.programme_id == Programme.id, ProgrammePlace.station_id == station.id)
    here = sa.or_(Programme.union_id.in_(above), Programme.union_id.in_(_federations(above)))
    return sa.or_(sa.and_(Programme.everywhere, here), named)


def list_at_station(station: Station, on: date, way: Way | None = None) -> list[Offer]:
    """What is open on a day and given at a station, by category and name; ``way`` narrows it to how people come."""
    found = (
        sa.select(Programme, WelfareItem)
        .join(WelfareItem, WelfareItem.id == Programme.item_id)
        .where(Programme.status == S.OPEN, Programme.starts_on <= on, Programme.ends_on >= on, _given_at(station))
    )
    if way:
        found = found.where(sa.literal(way.value) == sa.any_(Programme.ways))
    rows = db.session.execute(found.order_by(WelfareItem.category, Programme.name, Programme.id))
    return [Offer(*row) for row in rows]


def is_given_at(programme: Programme, station: Station) -> bool:
    """Whether a programme is given at a station at all, whatever the day."""
    return bool(db.session.scalar(sa.select(sa.exists().where(Programme.id == programme.id, _given_at(station)))))
