"""Reads about bookings: what a rush looks at, one booking, a worker's, a session's, what is due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock, crypto
from portal.db import db
from portal.members.workers.models import Worker
from portal.members.workers.queries import same_person
from portal.paging import Slice, keyset
from portal.stations.register.models import Station
from portal.types import Problem
from portal.welfare.bookings import rules
from portal.welfare.bookings.models import Booking, BookingStatus
from portal.welfare.eligibility.rules import Receipt
from portal.welfare.programmes.models import Programme, ProgrammeStatus
from portal.welfare.quotas.models import QuotaShare
from portal.welfare.sessions.models import Channel, ServiceSession, SessionPlace, SessionStatus

S = BookingStatus
# Deliveries stand in a room above; whether a booking was delivered, and not taken back, is read by the tables.
_deliveries = sa.table("deliveries", sa.column("id"), sa.column("booking_id"))
_reversals = sa.table("delivery_reversals", sa.column("delivery_id"))
_delivered = sa.exists().where(
    _deliveries.c.booking_id == Booking.id, ~sa.exists().where(_reversals.c.delivery_id == _deliveries.c.id)
)


@dataclass(frozen=True)
class Scene:
    """What deciding about one place looks at."""

    session: ServiceSession
    programme: Programme
    free: frozenset[Channel] = frozenset()
    waiting: bool = False
    mine: UUID | None = None  # the live booking of whoever asks

    @property
    def on(self) -> date:
        """The day it is given on."""
        return clock.business_day(self.session.starts_at)

    @property
    def label(self) -> str:
        """How it is called in the ledger: without a person."""
        return f"{self.programme.name} {self.session.starts_at.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class Listed:
    """One row of a list: the booking, what it is for, and whose."""

    booking: Booking
    session: ServiceSession
    programme: Programme
    worker: Worker


# --- what a rush looks at ------------------------------------------------------------------------------------------

_glance = sa.text(
    """
    WITH head AS (SELECT coalesce(merged_into_id, id) AS id FROM workers WHERE id = :worker),
        records AS (SELECT id FROM head UNION ALL SELECT w.id FROM workers w, head WHERE w.merged_into_id = head.id)
    SELECT s.online,
        EXISTS (SELECT FROM session_places p WHERE p.session_id = s.id AND p.channel = 'online' AND NOT p.taken) AS free,
        EXISTS (SELECT FROM records r JOIN bookings b ON b.worker_id = r.id WHERE b.session_id = s.id
                AND b.status IN ('waiting', 'offered', 'booked', 'attended')) AS mine
    FROM service_sessions s WHERE s.id = :session
    """
)


def glance(session_id: UUID, worker_id: UUID) -> list[Problem]:
    """The one cheap read for a worker who comes too late: “full” if every online place is held and none is theirs, under
    any of their records.

    A place that somebody takes without having committed counts as free here: then the guard waits and looks again.
    """
    row = db.session.execute(_glance, {"session": session_id, "worker": worker_id}).one()
    return [] if row.free or row.mine else [rules.full((Channel.ONLINE,), row.online)]


def look(session_id: UUID, worker_id: UUID) -> Scene:
    """The session, its programme, which kinds of places are free, whether anybody waits. Raises NoResultFound."""

    def free(channel: Channel) -> sa.ColumnElement[bool]:
        rows = SessionPlace.session_id == session_id, SessionPlace.channel == channel, ~SessionPlace.taken
        return sa.exists(sa.select(1).select_from(SessionPlace).where(*rows))

    alive = (S.WAITING, S.OFFERED, S.BOOKED, S.ATTENDED)
    waits = sa.exists(sa.select(1).select_from(Booking).where(Booking.session_id == session_id, Booking.status == S.WAITING))
    own = Booking.session_id == session_id, Booking.worker_id.in_(same_person(worker_id)), Booking.status.in_(alive)
    mine = sa.select(Booking.id).where(*own).order_by(Booking.id).limit(1)
    row = db.session.execute(
        sa.select(ServiceSession, Programme, free(Channel.ONLINE), free(Channel.ON_SITE), waits, mine.scalar_subquery())
        .join(Programme, Programme.id == ServiceSession.programme_id)
        .where(ServiceSession.id == session_id)
        .order_by(ServiceSession.id)
        .execution_options(populate_existing=True)
    ).one()
    session, programme, online, on_site, waiting, held = row
    found = {channel for channel, is_free in ((Channel.ONLINE, online), (Channel.ON_SITE, on_site)) if is_free}
    return Scene(session, programme, frozenset(found), waiting, held)


def scene_of(session_id: UUID) -> Scene:
    """The session and its programme, for whoever decides about a booking that exists."""
    row = db.session.execute(
        sa.select(ServiceSession, Programme)
        .join(Programme, Programme.id == ServiceSession.programme_id)
        .where(ServiceSession.id == session_id)
        .order_by(ServiceSession.id)
    ).one()
    return Scene(*row)


def find_alive(session_id: UUID, records: Sequence[UUID]) -> Booking | None:
    """The booking a person has in a session, under any of their records."""
    alive = (S.WAITING, S.OFFERED, S.BOOKED, S.ATTENDED)
    return db.session.scalars(
        sa.select(Booking)
        .where(Booking.session_id == session_id, Booking.worker_id.in_(records), Booking.status.in_(alive))
        .order_by(Booking.id)
        .limit(1)
    ).one_or_none()


# --- one booking ---------------------------------------------------------------------------------------------------


def get_own(booking_id: UUID, worker_id: UUID) -> Booking:
    """One of a worker's own bookings, under any of their records; raises NoResultFound (404)."""
    return db.session.scalars(
        sa.select(Booking).where(Booking.id == booking_id, Booking.worker_id.in_(same_person(worker_id)))
    ).one()


def code_of(booking: Booking) -> str:
    """The eight digits that are shown at the desk."""
    return rules.code_of(crypto.ring(), booking.id)


def is_code_taken(index: bytes) -> bool:
    """Whether another booking has this code."""
    return bool(db.session.scalar(sa.select(sa.exists().where(Booking.code_index == index))))


def look_up_code(typed: str, *, station_id: UUID | None, on: date) -> tuple[Booking | None, list[Problem]]:
    """The booking of a code, and in words why it does not hold here and today. Throttle whoever may try many."""
    code = rules.normal_code(typed)
    booking = (
        code
        and db.session.scalars(
            sa.select(Booking).where(Booking.code_index == rules.code_index(crypto.ring(), code))
        ).one_or_none()
    )
    if not booking:
        return None, [rules.unknown_code()]
    session = db.session.get_one(ServiceSession, booking.session_id)
    at = clock.now() if on == clock.today() else clock.start_of(on)
    return booking, rules.problems_with_day(session, station_id, at)


def find_by_code(typed: str, *, station_id: UUID | None, on: date) -> Booking | None:
    """The booking of a code, if it is for this station and this day."""
    booking, problems = look_up_code(typed, station_id=station_id, on=on)
    return None if problems else booking


def place_in_line(booking: Booking) -> int:
    """Which number somebody is on the waiting list: 1 comes next; 0 for who does not wait."""
    if booking.status is not S.WAITING:
        return 0
    mine = sa.tuple_(sa.literal(booking.priority), sa.literal(booking.queued_at), sa.literal(booking.id))
    return db.session.scalar(
        sa.select(sa.func.count(Booking.id)).where(
            Booking.session_id == booking.session_id,
            Booking.status == S.WAITING,
            sa.tuple_(Booking.priority, Booking.queued_at, Booking.id) <= mine,
        )
    )


def places_in_line(bookings: Iterable[Booking]) -> dict[UUID, int]:
    """The same for several at once, by booking; those that do not wait are left out."""
    waiting = [one.id for one in bookings if one.status is S.WAITING]
    if not waiting:
        return {}
    other = sa.orm.aliased(Booking)
    before = sa.tuple_(other.priority, other.queued_at, other.id) <= sa.tuple_(Booking.priority, Booking.queued_at, Booking.id)
    line = (
        sa.select(sa.func.count(other.id))
        .where(other.session_id == Booking.session_id, other.status == S.WAITING, before)
        .correlate(Booking)
        .scalar_subquery()
    )
    return dict(db.session.execute(sa.select(Booking.id, line).where(Booking.id.in_(waiting)).order_by(Booking.id)).all())


def is_delivered(booking: Booking) -> bool:
    """Whether what was booked was given, and not taken back."""
    return bool(db.session.scalar(sa.select(sa.exists().where(Booking.id == booking.id, _delivered))))


def station_of(session: ServiceSession) -> Station | None:
    """The station a session is at; None at a provider's."""
    return db.session.get(Station, session.station_id) if session.station_id else None


# --- lists ---------------------------------------------------------------------------------------------------------


def _listed() -> sa.Select:
    return (
        sa.select(Booking, ServiceSession, Programme, Worker)
        .join(ServiceSession, ServiceSession.id == Booking.session_id)
        .join(Programme, Programme.id == Booking.programme_id)
        .join(Worker, Worker.id == Booking.worker_id)
    )


def list_of_worker(worker_id: UUID, *, alive: bool | None = None, limit: int = 100) -> list[Listed]:
    """A worker's bookings, the latest session first. ``alive`` True: those to come (soonest first); False: those that ended."""
    found = _listed().where(Booking.worker_id.in_(same_person(worker_id)))
    if alive is not None:
        ends = Booking.status.in_((S.WAITING, S.OFFERED, S.BOOKED))
        found = found.where(ends if alive else ~ends)
    order = ServiceSession.starts_at.asc() if alive else ServiceSession.starts_at.desc()
    return [Listed(*row) for row in db.session.execute(found.order_by(order, Booking.id.desc()).limit(limit))]


def list_held(programme_id: UUID, worker_id: UUID | None) -> list[Listed]:
    """What a worker has booked of a programme and not used yet, the soonest first."""
    rows = list_of_worker(worker_id, alive=True) if worker_id else []
    return [one for one in rows if one.programme.id == programme_id]


def list_booked(worker_id: UUID, *, before: str | None = None, after: str | None = None, limit: int = 20) -> Slice:
    """Everything a worker booked as `Listed`, the latest time first, a page at a time."""
    columns = ServiceSession.starts_at, Booking.id
    rows = keyset(_listed().where(Booking.worker_id.in_(same_person(worker_id))), columns,
                  lambda row: (row[1].starts_at, row[0].id), before=before, after=after, descending=True, limit=limit,
                  scalars=False)  # fmt: skip
    return Slice([Listed(*row) for row in rows], rows.before, rows.after)


def list_of_session(session_id: UUID, *, statuses: Sequence[BookingStatus] | None = None) -> list[Listed]:
    """Everybody of a session: places by number, then the line in its order, then what ended."""
    rank = sa.case({S.OFFERED: 0, S.BOOKED: 0, S.ATTENDED: 0, S.NO_SHOW: 0, S.WAITING: 1}, value=Booking.status, else_=2)
    found = _listed().outerjoin(SessionPlace, SessionPlace.id == Booking.place_id).where(Booking.session_id == session_id)
    if statuses:
        found = found.where(Booking.status.in_(statuses))
    order = rank, SessionPlace.number.nulls_last(), Booking.priority, Booking.queued_at, Booking.id
    return [Listed(*row) for row in db.session.execute(found.order_by(*order))]


def list_due_today(worker_id: UUID, station_id: UUID, on: date) -> list[Listed]:
    """What a person has booked at a station on a day and may still use, the earliest first."""
    first, after = clock.day_bounds(on)
    found = _listed().where(
        Booking.worker_id.in_(same_person(worker_id)),
        Booking.status.in_((S.BOOKED, S.NO_SHOW)),
        ServiceSession.station_id == station_id,
        ServiceSession.starts_at >= first,
        ServiceSession.starts_at < after,
    )
    return [Listed(*row) for row in db.session.execute(found.order_by(ServiceSession.starts_at, Booking.id))]


def count_by_status(session_id: UUID) -> dict[BookingStatus, int]:
    """How many bookings of a session stand where."""
    found = sa.select(Booking.status, sa.func.count(Booking.id)).where(Booking.session_id == session_id)
    return dict(db.session.execute(found.group_by(Booking.status)).all())


def receipts(records: Sequence[UUID], item_id: UUID | None, programme_id: UUID | None) -> list[Receipt]:
    """What a person holds: offered, booked, or received at the desk without a delivery yet. For `eligibility.histories`."""
    found = (
        sa.select(ServiceSession.starts_at, Programme.item_id, Booking.programme_id, Booking.id)
        .join(ServiceSession, ServiceSession.id == Booking.session_id)
        .join(Programme, Programme.id == Booking.programme_id)
        .where(Booking.worker_id.in_(records), Booking.status.in_((S.OFFERED, S.BOOKED, S.ATTENDED)))
        .where(sa.or_(Booking.status != S.ATTENDED, ~_delivered))
    )
    same = [Programme.item_id == item_id] * bool(item_id) + [Booking.programme_id == programme_id] * bool(programme_id)
    if same:
        found = found.where(sa.or_(*same))
    rows = db.session.execute(found.order_by(ServiceSession.starts_at, Booking.id))
    return [Receipt(clock.business_day(at), item, programme, booking_id=ident) for at, item, programme, ident in rows]


# --- locks, in the order that `commands` tells -----------------------------------------------------------------------


def hold_person(programme_id: UUID, worker_id: UUID) -> list[UUID]:
    """Hold programme × person, so that their limits are counted by one at a time; answers all their records."""
    records = same_person(worker_id)
    _hold(f"booking:{programme_id}:{records[0]}")
    return records


def hold_people(programme_id: UUID, worker_ids: Iterable[UUID]) -> list[UUID]:
    """Hold several people in a fixed order; answers the records of all."""
    people = {records[0]: records for records in map(same_person, set(worker_ids))}
    for first in sorted(people):
        _hold(f"booking:{programme_id}:{first}")
    return [one for records in people.values() for one in records]


def hold_many(session: ServiceSession, worker_ids: Iterable[UUID]) -> None:
    """For whoever enters many people of a session at once: hold all of them, the session and their bookings, before the first
    one's quota or money is touched, so that nobody who has one of them waits crosswise."""
    records = hold_people(session.programme_id, worker_ids)
    hold_session(session)
    hold_bookings([session.id], records)


def hold_session(session: ServiceSession) -> None:
    """Hold the session as it stands, together with others who take places in it."""
    db.session.refresh(session, with_for_update={"read": True})


def hold_lines(*session_ids: UUID) -> None:
    """Hold the waiting lists of sessions."""
    for ident in sorted(session_ids):
        _hold(f"line:{ident}")


def _hold(key: str) -> None:
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def try_line(session_id: UUID) -> bool:
    """Hold a waiting list if nobody else does; a job takes another booking instead of waiting."""
    free = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
    return db.session.scalar(free, {"key": f"line:{session_id}"})


def hold(booking: Booking) -> None:
    """Hold a booking as it stands now."""
    found = sa.select(Booking).where(Booking.id == booking.id).with_for_update()
    db.session.scalars(found.execution_options(populate_existing=True)).one()


def hold_bookings(session_ids: Iterable[UUID], records: Sequence[UUID]) -> None:
    """Hold what people have booked in sessions, in a fixed order."""
    found = sa.select(Booking.id).where(Booking.session_id.in_(list(session_ids)), Booking.worker_id.in_(records))
    db.session.execute(found.order_by(Booking.id).with_for_update())


def hold_shares(*share_ids: UUID) -> None:
    """Hold shares of the quota in a fixed order, where a move gives one back and takes from another."""
    db.session.execute(sa.select(QuotaShare.id).where(QuotaShare.id.in_(share_ids)).order_by(QuotaShare.id).with_for_update())


def claim(session_id: UUID, channels: Iterable[Channel], *, patient: bool = True) -> UUID | None:
    """Lock a free place, the lowest number first, passing over those that somebody is taking just now.

    When all that is free is being taken: wait for those who take it, since one of them may yet give up, and look again.
    """
    for skip_locked in (True, False) if patient else (True,):
        for channel in channels:
            free = (
                sa.select(SessionPlace.id)
                .where(SessionPlace.session_id == session_id, SessionPlace.channel == channel, ~SessionPlace.taken)
                .order_by(SessionPlace.number)
                .limit(1)
                .with_for_update(skip_locked=skip_locked)
            )
            if (found := db.session.scalar(free)) is not None:
                return found
    return None


# --- for commands and jobs: candidates, looked at again once they are locked -----------------------------------------


def list_live(session_id: UUID) -> list[Booking]:
    """Everybody who waits for a session, was offered a place or has one, and was not received yet; locked."""
    found = sa.select(Booking).where(Booking.session_id == session_id, Booking.status.in_((S.WAITING, S.OFFERED, S.BOOKED)))
    return list(db.session.scalars(found.order_by(Booking.id).with_for_update().execution_options(populate_existing=True)))


def list_waiting(session_id: UUID, limit: int = 50) -> list[Booking]:
    """The next ones in line."""
    return list(
        db.session.scalars(
            sa.select(Booking)
            .where(Booking.session_id == session_id, Booking.status == S.WAITING)
            .order_by(Booking.priority, Booking.queued_at, Booking.id)
            .limit(limit)
            .execution_options(populate_existing=True)
        )
    )


def candidates(due: sa.Select, limit: int) -> list[tuple[UUID, UUID]]:
    """The first bookings that are due, with their sessions; a few more than asked for, since others may be at some."""
    return list(db.session.execute(due.limit(limit + 20)))


def try_booking(booking_id: UUID) -> Booking | None:
    """A booking as it stands now, held; None where somebody else is at it."""
    found = sa.select(Booking).where(Booking.id == booking_id).with_for_update(skip_locked=True)
    return db.session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def _due(*conditions: Any) -> sa.Select:
    return (
        sa.select(Booking.id, Booking.session_id)
        .join(ServiceSession, ServiceSession.id == Booking.session_id)
        .join(Programme, Programme.id == Booking.programme_id)
        .where(*conditions)
    )


def due_offers(now: datetime) -> sa.Select:
    """Offers that ran out, the first of them."""
    return _due(Booking.status == S.OFFERED, Booking.offer_expires_at < now).order_by(Booking.offer_expires_at, Booking.id)


def due_no_shows(now: datetime) -> sa.Select:
    """Booked, and not seen until the grace was over."""
    grace = sa.func.make_interval(0, 0, 0, 0, 0, Programme.grace_minutes)
    return _due(Booking.status == S.BOOKED, ServiceSession.starts_at < now, ServiceSession.starts_at + grace < now).order_by(
        ServiceSession.starts_at, Booking.id
    )


def due_waits(now: datetime) -> sa.Select:
    """Waiting for a session that has begun."""
    return _due(Booking.status == S.WAITING, ServiceSession.starts_at <= now).order_by(ServiceSession.starts_at, Booking.id)


def due_reminders(now: datetime, until: datetime) -> sa.Select:
    """Booked for a session that begins before ``until``, and not reminded yet."""
    return _due(
        Booking.status == S.BOOKED,
        Booking.reminded_at.is_(None),
        ServiceSession.starts_at > now,
        ServiceSession.starts_at < until,
    ).order_by(ServiceSession.starts_at, Booking.id)


def sessions_to_fill(now: datetime, limit: int) -> list[UUID]:
    """Sessions to come where somebody waits although a place of the line is free: more places came, or a booking failed."""
    line = sa.case((ServiceSession.online > 0, Channel.ONLINE.value), else_=Channel.ON_SITE.value)
    free = sa.exists().where(
        SessionPlace.session_id == ServiceSession.id, ~SessionPlace.taken, sa.cast(SessionPlace.channel, sa.Text) == line
    )
    waiting = sa.exists().where(Booking.session_id == ServiceSession.id, Booking.status == S.WAITING)
    return list(
        db.session.scalars(
            sa.select(ServiceSession.id)
            .join(Programme, Programme.id == ServiceSession.programme_id)
            .where(Programme.status == ProgrammeStatus.OPEN)
            .where(ServiceSession.starts_at > now, ServiceSession.status == SessionStatus.OPEN, waiting, free)
            .order_by(ServiceSession.starts_at, ServiceSession.id)
            .limit(limit)
        )
    )
