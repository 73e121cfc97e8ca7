"""Opening, giving, taking back; group visits entered and reversed as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock, pictures
from portal.access import By
from portal.db import db
from portal.desk.giving import commands as giving
from portal.desk.handouts import queries, rules
from portal.desk.handouts.models import GroupHeads, GroupLine, GroupVisit, Handout, HandoutGift
from portal.members.workers import queries as workers
from portal.stations.recording import commands as recording
from portal.stations.recording.commands import Entry
from portal.stations.register.models import Station
from portal.stations.visits import commands as visits
from portal.stations.visits.models import VisitSource
from portal.types import Problem, Refused
from portal.vocabulary import BasicService, Occupation
from portal.welfare.deliveries import commands as deliveries
from portal.welfare.deliveries import queries as delivered
from portal.welfare.deliveries.models import Delivery
from portal.welfare.programmes import queries as programmes
from portal.welfare.programmes.queries import Offer


def open_handout(
    *, station: Station, title: str | None, service: BasicService, quantity: int | None, one_per_person: bool, by: By,
    offer: Offer | None = None,
) -> Handout:  # fmt: skip
    """Begin a hand-out at a station, of a basic service or of a programme: then every gift is a delivery. Raises Refused."""
    title = title or (offer.programme.name if offer else None)
    if problems := rules.problems_with_opening(title, quantity) + (rules.problems_with_queue(offer.item.proof) if offer else []):
        raise Refused(problems)
    handout = Handout(station_id=station.id, title=title, service=service, quantity=quantity, one_per_person=one_per_person,
                      given=0, given_late=0, opened_at=clock.now(), opened_by_account_id=by.id,
                      programme_id=offer.programme.id if offer else None)  # fmt: skip
    db.session.add(handout)
    db.session.flush()
    audit.record("handout.opened", by=by, subject=handout, union_id=station.union_id, title=title, quantity=quantity)
    return handout


def close_handout(*, handout: Handout, by: By) -> None:
    """End a hand-out; closing twice is closing once."""
    handout = _held(handout.id)
    if handout.closed_at is None:
        handout.closed_at, handout.closed_by_account_id = clock.now(), by.id
        audit.record("handout.closed", by=by, subject=handout, union_id=handout.station.union_id,
                     given=handout.given, given_late=handout.given_late)  # fmt: skip


def _held(handout_id: UUID) -> Handout:
    """The hand-out, its row locked until the transaction ends and read anew: what is left is decided under this lock."""
    held = sa.select(Handout).where(Handout.id == handout_id).with_for_update()
    return db.session.scalars(held, execution_options={"populate_existing": True}).one()


def give(*, handout: Handout, typed: str | None, occupation: Occupation | None, by: By) -> HandoutGift:
    """Give one to whoever an exact key names, or to one of an occupation. Raises Refused: amber if they have theirs."""
    worker_id, occupation = _receiver(typed, occupation)
    handout = _held(handout.id)
    _may_give(handout, worker_id)
    (made,) = recording.record_visits(
        station_id=handout.station_id, union_id=handout.station.union_id, occupation=occupation, service=handout.service,
        at=clock.now(), source=VisitSource.HANDOUT, by=by, worker_id=worker_id,
    )  # fmt: skip
    delivery = _deliver(handout, worker_id, occupation, by) if handout.programme_id else None
    handout.given += 1
    gift = HandoutGift(handout_id=handout.id, worker_id=worker_id, occupation=occupation, once=handout.one_per_person,
                       at=clock.now(), line_id=made.line_id, line_at=made.line_at, by_account_id=by.id,
                       delivery_id=delivery.id if delivery else None)  # fmt: skip
    db.session.add(gift)
    db.session.flush()
    return gift


def _deliver(handout: Handout, worker_id: UUID | None, occupation: Occupation, by: By) -> Delivery:
    """What a programme gives leaves its stock, quota and money as at the counter, and is refused as there."""
    programme = programmes.find_programme(handout.programme_id)
    offer = Offer(programme, programmes.item_of(programme))
    worker = workers.find_worker(worker_id) if worker_id else None
    return giving.give(station=handout.station, offer=offer, worker=worker, occupation=occupation, by=by)


def _receiver(typed: str | None, occupation: Occupation | None) -> tuple[UUID | None, Occupation]:
    if not typed:
        return None, occupation or Occupation.OTHER
    found = workers.find_by_key(typed)
    if len(found.workers) != 1 or found.workers[0].id in found.doubts:
        raise Refused([rules.several_people() if found.workers else rules.unknown_card()])
    return found.workers[0].id, found.workers[0].occupation


def _may_give(handout: Handout, worker_id: UUID | None) -> None:
    """Raise Refused unless one may be given now. Without the limit of one, the same scan within minutes is one all the same."""
    had = queries.find_gift_of(handout.id, worker_id) if worker_id else None
    if had and not handout.one_per_person and clock.now() - had.at > visits.rules.SAME_TAP:
        had = None
    had_at = had.at if had else None
    if problems := rules.problems_with_giving(closed=handout.closed_at is not None, left=handout.left, had_at=had_at):
        raise Refused(problems)


def take_back(*, handout: Handout, gift_id: UUID, unions: tuple[UUID, ...], by: By) -> HandoutGift:
    """Take a gift back: one more is left, and its line goes if the gift made it. Raises Refused, CannotUndo."""
    handout = _held(handout.id)
    gift = queries.find_gift(handout.id, gift_id)
    if gift is None or gift.taken_back_at is not None:
        raise Refused(visits.rules.problems_with_undoing(clock.now(), own=True, reversed_already=True, now=clock.now()))
    if gift.line_at == gift.at:
        visits.reverse_line(line_id=gift.line_id, station_code=handout.station.code, unions=unions,
                            reason="undone at the hand-out", by=by)  # fmt: skip
    if gift.delivery_id:
        deliveries.reverse_delivery(delivery=delivered.find_delivery(gift.delivery_id), reason="undone at the hand-out", by=by)
    gift.taken_back_at = clock.now()
    handout.given -= 1
    db.session.flush()
    return gift


def add_late(*, handout_id: UUID, count: int, by: By) -> Handout:
    """Count what was given from paper or without network: never refused, so more than there was may come out."""
    handout = _held(handout_id)
    handout.given_late += count
    audit.record("handout.given_late", by=by, subject=handout, union_id=handout.station.union_id, count=count)
    return handout


# --- group visits --------------------------------------------------------------------------------------------------


def add_group(
    *, station: Station, place: str | None, at: datetime, service: BasicService, given: str, note: str | None,
    heads: dict[Occupation, int], photo: BinaryIO | None, by: By,
) -> GroupVisit:  # fmt: skip
    """Enter a group visit: one visit a head, without names. Raises Refused."""
    if problems := rules.problems_with_group(heads, at, clock.now()):
        raise Refused(problems)
    picture = pictures.keep(photo, by=by) if photo else None
    group = GroupVisit(station_id=station.id, place=place, at=at, service=service, given=given, note=note,
                       picture_id=picture.id if picture else None, entered_at=clock.now(), by_account_id=by.id)  # fmt: skip
    group.heads = [GroupHeads(occupation=occupation, heads=count) for occupation, count in heads.items() if count]
    db.session.add(group)
    db.session.flush()
    entries = [Entry(station.id, station.union_id, occupation, service, at, VisitSource.GROUP, count)
               for occupation, count in heads.items() if count]  # fmt: skip
    made = [one for row in recording.record_entries(entries=entries, by=by) for one in row]
    db.session.execute(
        sa.insert(GroupLine.__table__),
        [{"line_id": one.line_id, "line_at": one.line_at, "group_visit_id": group.id} for one in made],
    )
    audit.record("group_visit.entered", by=by, subject=group, union_id=station.union_id, heads=len(made), given=given)
    return group


def reverse_group(*, group: GroupVisit, reason: str | None, keeper: bool, by: By) -> int:
    """Take a group visit back as a whole, with a reason; answers how many visits went. Raises Refused."""
    group = _held_group(group.id)
    problems: list[Problem] = rules.problems_with_reversing(
        group.entered_at, own=group.by_account_id == by.id, keeper=keeper, reversed_already=group.reversed_at is not None,
        reason=reason, now=clock.now(),
    )  # fmt: skip
    if problems:
        raise Refused(problems)
    lines: list[Any] = list(db.session.scalars(sa.select(GroupLine.line_id).where(GroupLine.group_visit_id == group.id)))
    gone = recording.reverse_unnamed(line_ids=lines, since=group.at, reason=reason or "", by=by)
    group.reversed_at, group.reversed_by_account_id, group.reversed_reason = clock.now(), by.id, reason
    db.session.flush()
    audit.record("group_visit.reversed", by=by, subject=group, union_id=group.station.union_id, reason=reason, visits=gone)
    return gone


def _held_group(group_id: UUID) -> GroupVisit:
    held = sa.select(GroupVisit).where(GroupVisit.id == group_id).with_for_update()
    return db.session.scalars(held, execution_options={"populate_existing": True}).one()
