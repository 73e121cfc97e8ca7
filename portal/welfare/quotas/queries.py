"""Reads about shares of a quota: whose share a taker draws on, who holds what beneath whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import PUBLIC_STATUSES, Station, StationStatus
from portal.types import N_, Text, text
from portal.unions.staff.models import Account
from portal.unions.tree.models import Union, UnionReach
from portal.unions.tree.queries import reaches, within
from portal.welfare.programmes.models import Programme, ProgrammePlace, ProgrammeStatus
from portal.welfare.quotas.models import MoveKind, QuotaMove, QuotaShare

MOVES_SHOWN = 30
SUGGESTED = 100
WHOLE = 50
NEAR = timedelta(days=7)
BACK_KINDS = (MoveKind.TAKEN_BACK, MoveKind.FELL_BACK)
_below = aliased(QuotaShare)
_code = sa.func.coalesce(Union.code, Station.code)
ORDER = (sa.case((QuotaShare.station_id.is_(None), 0), else_=1), _code, QuotaShare.id)

# --- whose share -----------------------------------------------------------------------------------------------------


def nearest(programme_id: UUID, station_id: UUID | None, union_id: UUID) -> sa.Select:
    """The id of the share that somebody draws on: the station's own, otherwise that of the nearest union above, otherwise
    the programme's. One that was taken back, or holds nothing, is passed over."""
    reach = sa.and_(UnionReach.ancestor_id == QuotaShare.union_id, UnionReach.union_id == union_id)
    is_station = QuotaShare.station_id == station_id if station_id else sa.false()
    is_root = QuotaShare.parent_id.is_(None)
    return (
        sa.select(QuotaShare.id)
        .outerjoin(UnionReach, reach)
        .where(
            QuotaShare.programme_id == programme_id,
            sa.or_(is_station, UnionReach.depth.is_not(None), is_root),
            QuotaShare.amount > 0,  # a root of nothing: the programme has no quota any more
            sa.or_(is_root, QuotaShare.taken_back_at.is_(None)),
        )
        .order_by(sa.case((is_station, 0), else_=1), sa.func.coalesce(UnionReach.depth, 10_000), QuotaShare.id)
        .limit(1)
    )


def find_share(*, programme_id: UUID, station_id: UUID | None = None, union_id: UUID) -> QuotaShare | None:
    """The share that a station, or a union, draws on; None: the programme has no quota."""
    ident = nearest(programme_id, station_id, union_id).scalar_subquery()
    found = sa.select(QuotaShare).where(QuotaShare.id == ident)
    return db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def find_root(programme_id: UUID, *, lock: bool = False) -> QuotaShare | None:
    """The programme's own quota, or None. ``lock`` holds it, and with it every change of the cascade, until the end of the
    transaction; taking from shares beneath goes on."""
    found = sa.select(QuotaShare).where(QuotaShare.programme_id == programme_id, QuotaShare.parent_id.is_(None))
    found = found.execution_options(populate_existing=True)
    return db.session.scalars(found.with_for_update(key_share=True) if lock else found).one_or_none()


def read_again(share: QuotaShare) -> QuotaShare:
    """A share as it stands now, held until the end of the transaction."""
    db.session.refresh(share, with_for_update={"key_share": True})
    return share


def find_holder(programme_id: UUID, *, union_id: UUID | None = None, station_id: UUID | None = None) -> QuotaShare | None:
    """The share that one union or station holds itself, or None."""
    own = QuotaShare.union_id == union_id if union_id else QuotaShare.station_id == station_id
    return db.session.scalars(sa.select(QuotaShare).where(QuotaShare.programme_id == programme_id, own)).one_or_none()


def stands_beneath(share: QuotaShare, *, union: Union | None = None, station: Station | None = None) -> bool:
    """Whether a union lies below a share's holder, or a station belongs to the holder's part of the tree."""
    below = UnionReach.union_id == (union.id if union else station.union_id)
    deep = UnionReach.depth > 0 if union else sa.true()
    return bool(db.session.scalar(sa.select(sa.exists().where(UnionReach.ancestor_id == share.union_id, below, deep))))


def holder_name(share: QuotaShare) -> str:
    """Who holds a share."""
    if share.union_id:
        return db.session.get_one(Union, share.union_id).name
    return db.session.get_one(Station, share.station_id).name


def holding_union_id(share: QuotaShare) -> UUID:
    """The union whose officers answer for a share: the holder, or the union of the station that holds it."""
    return share.union_id or db.session.get_one(Station, share.station_id).union_id


def list_due(on: date) -> list[QuotaShare]:
    """Shares whose take-back day has come, deepest first, with anything unused."""
    # A station hands nothing on and a union's reach narrows downwards, so: stations, then unions, the lowest first.
    depth = sa.select(sa.func.max(UnionReach.depth)).where(UnionReach.union_id == QuotaShare.union_id).scalar_subquery()
    found = sa.select(QuotaShare).where(
        QuotaShare.take_back_on <= on,
        sa.or_(QuotaShare.amount > QuotaShare.given + QuotaShare.used, QuotaShare.taken_back_at.is_(None)),
    )
    order = (QuotaShare.programme_id, QuotaShare.union_id.is_not(None), depth.desc(), QuotaShare.id)
    return list(db.session.scalars(found.order_by(*order)))


# --- who sees what -------------------------------------------------------------------------------------------------------


def _holding() -> sa.ColumnElement[UUID]:
    """The union that answers for the share of the row."""
    own = aliased(Station)
    station_union = sa.select(own.union_id).where(own.id == QuotaShare.station_id).correlate(QuotaShare).scalar_subquery()
    return sa.func.coalesce(QuotaShare.union_id, station_union)


def get_programme(code: str, actor: Actor, permission: Permission = Permission.VIEW_PROGRAMMES) -> Programme:
    """A programme of one's own part of the tree, or one of a union above that handed quota down to it or names a station in
    it; raises NoResultFound (404) otherwise."""
    handed = sa.exists().where(QuotaShare.programme_id == Programme.id, within(_holding(), actor, permission))
    named = (
        sa.exists()
        .where(ProgrammePlace.programme_id == Programme.id, ProgrammePlace.station_id == Station.id)
        .where(within(Station.union_id, actor, permission))
    )
    decided = Programme.status.not_in((ProgrammeStatus.DRAFT, ProgrammeStatus.SUBMITTED))
    own = within(Programme.union_id, actor, permission)
    found = sa.select(Programme).where(Programme.code == code, sa.or_(own, sa.and_(decided, sa.or_(handed, named))))
    return db.session.scalars(found).one()


def get_share(share_id: UUID, actor: Actor, permission: Permission = Permission.VIEW_PROGRAMMES) -> QuotaShare:
    """A share within scope; raises NoResultFound (404) outside."""
    return db.session.scalars(sa.select(QuotaShare).where(QuotaShare.id == share_id, within(_holding(), actor, permission))).one()


def may_change(share: QuotaShare, actor: Actor) -> bool:
    """Whether somebody may change or take back a share: who plans for the union that handed it down."""
    if share.parent_id is None:
        return False
    above = db.session.get_one(QuotaShare, share.parent_id)
    return reaches(actor, Permission.PLAN_PROGRAMMES, above.union_id)


def may_hand_down(share: QuotaShare, actor: Actor) -> bool:
    """Whether somebody may hand a share on: who plans for its holder."""
    return share.union_id is not None and reaches(actor, Permission.PLAN_PROGRAMMES, share.union_id)


@dataclass
class Node:
    """A share in the tree, who holds it, how deep it stands beneath the first one shown, and how many stand beneath it."""

    share: QuotaShare
    holder: str
    depth: int = 0
    beneath: int = 0


def _listed() -> sa.Select:
    """Shares as (share, holder, how many stand beneath it)."""
    beneath = sa.select(sa.func.count()).select_from(_below).where(_below.parent_id == QuotaShare.id).scalar_subquery()
    return (
        sa.select(QuotaShare, sa.func.coalesce(Union.name, Station.name), beneath, _code)
        .outerjoin(Union, Union.id == QuotaShare.union_id)
        .outerjoin(Station, Station.id == QuotaShare.station_id)
    )


def list_tree(programme: Programme, actor: Actor, limit: int | None = None) -> list[Node]:
    """The shares within scope from the top down, holders of one parent by code. A county sees its own branch."""
    found = _listed().where(QuotaShare.programme_id == programme.id, within(_holding(), actor, Permission.VIEW_PROGRAMMES))
    rows = db.session.execute(found.order_by(*ORDER).limit(limit))
    nodes = [Node(share, holder, beneath=count) for share, holder, count, _ in rows]
    seen = {node.share.id for node in nodes}
    children: dict[UUID | None, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.share.parent_id if node.share.parent_id in seen else None, []).append(node)
    ordered: list[Node] = []
    for top in children.get(None, []):
        _walk(top, 0, children, ordered)
    return ordered


def _walk(node: Node, depth: int, children: dict[UUID | None, list[Node]], ordered: list[Node]) -> None:
    node.depth = depth
    ordered.append(node)
    for child in children.get(node.share.id, []):
        _walk(child, depth + 1, children, ordered)


def list_tops(programme: Programme, actor: Actor, *, before: str | None = None, after: str | None = None) -> Slice:
    """A page of the shares within scope whose parent lies outside of it, or that have none."""
    above = sa.exists().where(_below.id == QuotaShare.parent_id, within(_below.union_id, actor, Permission.VIEW_PROGRAMMES))
    own = within(_holding(), actor, Permission.VIEW_PROGRAMMES)
    return _page(_listed().where(QuotaShare.programme_id == programme.id, own, ~above), before, after)


def list_beneath(share: QuotaShare, *, depth: int = 0, before: str | None = None, after: str | None = None) -> Slice:
    """A page of the shares handed down from one, unions before stations, by code."""
    return _page(_listed().where(QuotaShare.parent_id == share.id), before, after, depth)


def _page(found: sa.Select, before: str | None, after: str | None, depth: int = 0) -> Slice:
    rows = keyset(
        found, ORDER, lambda row: (int(row[0].station_id is not None), row[3], row[0].id), before=before, after=after,
        scalars=False,
    )  # fmt: skip
    return Slice([Node(share, holder, depth, count) for share, holder, count, _ in rows], rows.before, rows.after)


# --- what goes back ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GoingBack:
    """A share whose take-back day is near: ahead, or come. ``back``: how many places went back."""

    share: QuotaShare
    holder: str
    programme: Programme
    back: int


def _near(actor: Actor, permission: Permission, today: date) -> sa.ColumnElement[bool]:
    """Shares whose unused places go back within a week, or were taken back within one by somebody else."""
    told = QuotaMove.by_account_id.is_distinct_from(actor.id)
    taken = sa.exists().where(QuotaMove.share_id == QuotaShare.id, QuotaMove.kind.in_(BACK_KINDS), told)
    return sa.and_(
        QuotaShare.take_back_on.between(today - NEAR, today + NEAR),
        sa.case(
            (QuotaShare.taken_back_at.is_(None), QuotaShare.amount > QuotaShare.given + QuotaShare.used), else_=taken
        ),
        within(_holding(), actor, permission),
    )  # fmt: skip


def list_going_back(actor: Actor, today: date, *, before: str | None = None, after: str | None = None) -> Slice:
    """A page of `GoingBack` within scope, by day."""
    back = sa.select(sa.func.coalesce(sa.func.sum(QuotaMove.before - QuotaMove.after), 0))
    back = back.where(QuotaMove.share_id == QuotaShare.id, QuotaMove.kind.in_(BACK_KINDS)).scalar_subquery()
    found = (
        sa.select(QuotaShare, sa.func.coalesce(Union.name, Station.name), Programme, back)
        .join(Programme, Programme.id == QuotaShare.programme_id)
        .outerjoin(Union, Union.id == QuotaShare.union_id)
        .outerjoin(Station, Station.id == QuotaShare.station_id)
        .where(_near(actor, Permission.VIEW_PROGRAMMES, today))
    )
    columns = (QuotaShare.take_back_on, QuotaShare.id)
    rows = keyset(found, columns, lambda row: (row[0].take_back_on, row[0].id), before=before, after=after, scalars=False)
    return Slice([GoingBack(*row) for row in rows], rows.before, rows.after)


def awaiting(actor: Actor) -> tuple[Text, str, int] | None:
    """For the staff's home: shares whose unused places go back soon, or did."""
    if not actor.may(Permission.PLAN_PROGRAMMES):
        return None
    near = _near(actor, Permission.PLAN_PROGRAMMES, clock.today())
    count = db.session.scalar(sa.select(sa.func.count()).select_from(QuotaShare).where(near))
    return text(N_("Quota that goes back within a week, or did")), "quotas.going_back", count


# --- what changed --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """A change of an amount: whose, and who did it (None: the take-back day)."""

    move: QuotaMove
    holder: str
    who: str | None


def list_moves(shares: Iterable[QuotaShare]) -> list[Move]:
    """The latest changes of these shares."""
    rows = db.session.execute(
        sa.select(QuotaMove, sa.func.coalesce(Union.name, Station.name), Account.name)
        .join(QuotaShare, QuotaShare.id == QuotaMove.share_id)
        .outerjoin(Union, Union.id == QuotaShare.union_id)
        .outerjoin(Station, Station.id == QuotaShare.station_id)
        .outerjoin(Account, Account.id == QuotaMove.by_account_id)
        .where(QuotaMove.share_id.in_([one.id for one in shares]))
        .order_by(QuotaMove.id.desc())
        .limit(MOVES_SHOWN)
    )
    return [Move(*row) for row in rows]


def suggest_holders(share: QuotaShare) -> list[tuple[str, str]]:
    """Whom a share can be handed to, to choose from while typing, as (code, name): unions directly beneath, then stations."""
    held = sa.select(QuotaShare.union_id).where(QuotaShare.programme_id == share.programme_id, QuotaShare.union_id.is_not(None))
    unions = sa.select(Union.code, Union.name).where(
        sa.or_(Union.parent_id == share.union_id, Union.second_parent_id == share.union_id),
        Union.closed_at.is_(None),
        Union.id.not_in(held),
    )
    stations = sa.select(Station.code, Station.name).where(
        Station.union_id.in_(sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == share.union_id)),
        Station.status.in_(PUBLIC_STATUSES),
    )
    found = [tuple(row) for row in db.session.execute(unions.order_by(Union.code).limit(SUGGESTED))]
    return found + [tuple(row) for row in db.session.execute(stations.order_by(Station.code).limit(SUGGESTED))]


def find_holders(share: QuotaShare, word: str | None) -> list[Union | Station]:
    """The union or station beneath a share's holder with this code, otherwise those with this name."""
    reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == share.union_id)
    unions = sa.select(Union).where(Union.id.in_(reached), Union.id != share.union_id, Union.closed_at.is_(None))
    stations = sa.select(Station).where(Station.union_id.in_(reached), Station.status != StationStatus.WITHDRAWN)
    for union_is, station_is in (
        (Union.code == word, Station.code == word),
        (Union.name == word, Station.name == word),
    ):
        found = [*db.session.scalars(unions.where(union_is).order_by(Union.code).limit(2))]
        found += db.session.scalars(stations.where(station_is).order_by(Station.code).limit(2))
        if found:
            return found
    return []


def get_share_to_change(share_id: UUID, actor: Actor) -> QuotaShare:
    """A share that was handed down by a union this person plans for; raises NoResultFound (404) otherwise."""
    above = sa.exists().where(_below.id == QuotaShare.parent_id, within(_below.union_id, actor, Permission.PLAN_PROGRAMMES))
    return db.session.scalars(sa.select(QuotaShare).where(QuotaShare.id == share_id, above)).one()


def find_above(share: QuotaShare, actor: Actor) -> Node | None:
    """The share that this one came from, if it lies within scope."""
    found = sa.select(QuotaShare).where(QuotaShare.id == share.parent_id, within(_holding(), actor, Permission.VIEW_PROGRAMMES))
    above = db.session.scalars(found).one_or_none()
    return Node(above, holder_name(above)) if above else None
