"""Changes to who holds how many places: set, hand down, change, take back; and take and put back single ones.

Whoever changes the cascade of a programme holds its root first, so that two of them never wait for each other. Taking a
place touches one row only, by one guarded statement.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import Station
from portal.types import Problem, Refused, new_id
from portal.unions.tree.models import Union
from portal.welfare.programmes.models import Programme
from portal.welfare.quotas import queries, rules
from portal.welfare.quotas.models import MoveKind, QuotaMove, QuotaShare

# --- one place, or a few -------------------------------------------------------------------------------------------


def take(*, programme_id: UUID, station_id: UUID | None, union_id: UUID, quantity: int = 1, by: By) -> UUID | None:
    """Take places from the share that a station or union draws on; answers the share, None where there is no quota.

    One statement looks and takes, so many takers of the last place get it once. What it is taken for (a booking, a delivery)
    stands in the trail; this adds no entry of its own. Raises `Refused` with who holds and what is left.
    """
    share = sa.update(QuotaShare).where(
        QuotaShare.id == queries.nearest(programme_id, station_id, union_id).scalar_subquery(),
        QuotaShare.given + QuotaShare.used + quantity <= QuotaShare.amount,
    )
    taken = db.session.execute(_used(share, quantity)).scalar_one_or_none()
    if taken is not None:
        return taken
    found = queries.find_share(programme_id=programme_id, station_id=station_id, union_id=union_id)
    if found is None:
        return None
    raise Refused([rules.quota_full(queries.holder_name(found), found.left, quantity)])


def put_back(*, share_id: UUID, quantity: int = 1, by: By) -> None:
    """Give back what was taken from a share."""
    db.session.execute(_used(sa.update(QuotaShare).where(QuotaShare.id == share_id), -quantity)).scalar_one()


def _used(update: sa.Update, quantity: int) -> sa.Update:
    update = update.values(used=QuotaShare.used + quantity).returning(QuotaShare.id)
    return update.execution_options(synchronize_session=False)


# --- the cascade ---------------------------------------------------------------------------------------------------


def set_root(*, programme: Programme, amount: int | None, by: By) -> QuotaShare | None:
    """Make the programme's quota the root of the cascade, or change it; None takes it away where nothing hangs on it."""
    root = queries.find_root(programme.id, lock=True)
    if amount is None:
        if root is not None:
            _refuse(rules.problems_with_no_quota(root))
            _amount(root, 0, MoveKind.SET, by)
        return None
    _refuse(rules.problems_with_root(root, amount))
    if root is None:
        root = _share(programme_id=programme.id, union_id=programme.union_id)
    if root.amount != amount:
        _amount(root, amount, MoveKind.SET, by)
    return root


def hand_down(
    *, share: QuotaShare, union: Union | None = None, station: Station | None = None, amount: int,
    take_back_on: date | None = None, by: By,
) -> QuotaShare:  # fmt: skip
    """Give a part of a share to a union beneath or to a station. What the holder already had from this share grows."""
    _hold(share)
    holder = union or station
    own = queries.find_holder(share.programme_id, union_id=union and union.id, station_id=station and station.id)
    problems = rules.problems_with_amount(amount) + rules.problems_with_handing(share, amount)
    problems += rules.problems_with_day(take_back_on, clock.today())
    if not queries.stands_beneath(share, union=union, station=station):
        problems.append(rules.not_beneath(holder.name))
    if own is not None and own.parent_id != share.id:
        problems.append(rules.holds_already(holder.name))
    _refuse(problems)
    if own is None:
        own = _share(programme_id=share.programme_id, parent_id=share.id, union_id=union and union.id,
                     station_id=station and station.id)  # fmt: skip
    own.take_back_on, own.taken_back_at = take_back_on, None
    _amount(own, own.amount + amount, MoveKind.HANDED_DOWN, by)
    db.session.refresh(share)
    return own


def change_share(*, share: QuotaShare, amount: int, take_back_on: date | None, by: By) -> None:
    """Change what a holder was given, down to what was used and handed on, up to what the parent has left."""
    _hold(share)
    above = db.session.get_one(QuotaShare, share.parent_id, populate_existing=True)
    _refuse(rules.problems_with_change(share, above, amount) + rules.problems_with_day(take_back_on, clock.today()))
    share.take_back_on, share.taken_back_at = take_back_on, None
    _amount(share, amount, MoveKind.CHANGED, by)
    db.session.refresh(above)


def take_back(*, share: QuotaShare, by: By) -> int:
    """Take back by hand what a holder has not used nor handed on; answers how much.

    Today becomes its take-back day, so what is put back later (a booking cancelled) goes up with the next round.
    """
    _hold(share)
    back = share.left
    _refuse(rules.problems_with_taking_back(share))
    share.take_back_on, share.taken_back_at = clock.today(), clock.now()
    _amount(share, share.amount - back, MoveKind.TAKEN_BACK, by)
    return back


def take_back_due(*, by: By) -> int:
    """Take back everywhere what is unused on its day, from the day's first moment on; answers how many places.

    The lowest give first, and it goes on until nothing is due, so what a station returns to a county goes on to the city if
    the county's day has come too. What is put back later (a booking cancelled) follows with the next round.
    """
    total = 0
    while due := queries.list_due(clock.today()):
        for share in due:
            _hold(share)
            back = share.left
            share.taken_back_at = share.taken_back_at or clock.now()
            if back:
                _amount(share, share.amount - back, MoveKind.FELL_BACK, by)
            total += back
        db.session.flush()
    return total


# --- parts -----------------------------------------------------------------------------------------------------------


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


def _hold(share: QuotaShare) -> None:
    """Hold the root, then the parent, which counts what its shares have, then the share, and read it as it stands: from
    above to below, as those do who hold two shares by their ids (a parent is older than what it gave)."""
    queries.find_root(share.programme_id, lock=True)
    if share.parent_id:
        queries.read_again(db.session.get_one(QuotaShare, share.parent_id))
    queries.read_again(share)


def _share(**values) -> QuotaShare:
    share = QuotaShare(id=new_id(), amount=0, created_at=clock.now(), **values)
    db.session.add(share)
    db.session.flush()
    return share


def _amount(share: QuotaShare, amount: int, kind: MoveKind, by: By) -> None:
    """Write a new amount with its move and its audit row; the trigger tells the parent."""
    before, share.amount = share.amount, amount
    account_id = by.id if by.kind == "staff" else None
    db.session.add(QuotaMove(id=new_id(), share_id=share.id, at=clock.now(), kind=kind, before=before, after=amount,
                             by_account_id=account_id))  # fmt: skip
    db.session.flush()
    if share.parent_id:
        db.session.refresh(db.session.get_one(QuotaShare, share.parent_id))
    audit.record(
        f"quota.{kind.value}", by=by, subject=share, union_id=queries.holding_union_id(share),
        holder=queries.holder_name(share), amount=[before, amount], take_back_on=share.take_back_on,
    )  # fmt: skip
