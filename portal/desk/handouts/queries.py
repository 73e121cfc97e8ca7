"""Reads about hand-outs and group visits of a station."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa

from portal.access import Actor, Permission
from portal.db import db
from portal.desk.giving import queries as giving
from portal.desk.handouts.models import GroupVisit, Handout, HandoutGift
from portal.pictures import Picture
from portal.stations.register.models import Station
from portal.stations.supplies.rules import problems_with_alcohol
from portal.unions.tree.queries import within
from portal.vocabulary import Occupation
from portal.welfare.deliveries.rules import problems_with_nobody, red
from portal.welfare.eligibility import queries as eligibility
from portal.welfare.programmes import queries as programmes
from portal.welfare.programmes.queries import Offer


def get_handout(station_id: UUID, handout_id: UUID) -> Handout:
    """A hand-out of this station; raises NoResultFound (404)."""
    return db.session.scalars(sa.select(Handout).where(Handout.id == handout_id, Handout.station_id == station_id)).one()


def list_handouts(station_id: UUID, limit: int = 20) -> list[Handout]:
    """The newest hand-outs of a station, open ones first."""
    return list(
        db.session.scalars(
            sa.select(Handout)
            .where(Handout.station_id == station_id)
            .order_by(Handout.closed_at.is_not(None), Handout.id.desc())
            .limit(limit)
        )
    )


def left_of(handout: Handout) -> int | None:
    """How many are left to give: of the hand-out, and of a programme's goods what is in stock; None without a limit."""
    programme = programmes.find_programme(handout.programme_id) if handout.programme_id else None
    item = programmes.item_of(programme) if programme else None
    stock = giving.left_of(handout.station_id, [item]).get(item.id) if item else None
    return min((count for count in (handout.left, stock) if count is not None), default=None)


def list_unnamed(handout: Handout, occupations: Iterable[Occupation]) -> list[Occupation]:
    """Who may be given one without a card: of a programme only those whom its rule and what is in it allow without a name."""
    programme = programmes.find_programme(handout.programme_id) if handout.programme_id else None
    item = programmes.item_of(programme) if programme else None
    if not programme or not item:
        return list(occupations)
    rule, alcohol = eligibility.find_rule(programme.id), contains_alcohol(handout)

    def refused(one: Occupation) -> bool:
        found = problems_with_nobody(named=item.named, rule=rule, proof=item.proof, occupation=one.value)
        return bool(red([*found, *problems_with_alcohol(one, contains_alcohol=alcohol)]))

    return [one for one in occupations if not refused(one)]


def contains_alcohol(handout: Handout) -> bool:
    """Whether what a hand-out of a programme gives contains alcohol."""
    programme = programmes.find_programme(handout.programme_id) if handout.programme_id else None
    item = programmes.item_of(programme) if programme else None
    return bool(item and giving.with_alcohol([Offer(programme, item)]))


def find_gift(handout_id: UUID, gift_id: UUID | None) -> HandoutGift | None:
    """One gift of a hand-out."""
    if gift_id is None:
        return None
    return db.session.scalars(
        sa.select(HandoutGift).where(HandoutGift.id == gift_id, HandoutGift.handout_id == handout_id)
    ).one_or_none()


def find_gift_of(handout_id: UUID, worker_id: UUID) -> HandoutGift | None:
    """The latest gift that a person holds of this hand-out."""
    return db.session.scalars(
        sa.select(HandoutGift)
        .where(HandoutGift.handout_id == handout_id, HandoutGift.worker_id == worker_id, HandoutGift.taken_back_at.is_(None))
        .order_by(HandoutGift.id.desc())
        .limit(1)
    ).one_or_none()


def get_group(station_id: UUID, group_id: UUID) -> GroupVisit:
    """A group visit entered at this station; raises NoResultFound (404)."""
    return db.session.scalars(sa.select(GroupVisit).where(GroupVisit.id == group_id, GroupVisit.station_id == station_id)).one()


def list_groups(station_id: UUID, limit: int = 20) -> list[GroupVisit]:
    """The newest group visits of a station."""
    return list(
        db.session.scalars(
            sa.select(GroupVisit).where(GroupVisit.station_id == station_id).order_by(GroupVisit.id.desc()).limit(limit)
        )
    )


def get_sheet(station_id: UUID, group_id: UUID) -> Picture:
    """The photograph of a group's signed sheet; raises NoResultFound (404)."""
    return db.session.scalars(
        sa.select(Picture)
        .join(GroupVisit, GroupVisit.picture_id == Picture.id)
        .where(GroupVisit.id == group_id, GroupVisit.station_id == station_id)
    ).one()


def may_keep(station: Station, actor: Actor) -> bool:
    """Whether this person keeps the station, and so may correct what others entered."""
    if not actor.may(Permission.KEEP_STATIONS):
        return False
    return db.session.scalar(sa.select(within(sa.literal(station.union_id), actor, Permission.KEEP_STATIONS)))
