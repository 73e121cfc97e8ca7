"""Reads about sessions: one, a list within scope, what can be booked and how much of it is free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import Actor, Permission
from portal.db import db
from portal.paging import Slice, keyset
from portal.stations.register.models import Station, StationStatus
from portal.stations.register.rules import calendar_of
from portal.types import N_, Problem, Word, text
from portal.unions.tree.models import UnionReach
from portal.unions.tree.queries import lies_within, reaches, within
from portal.welfare.programmes.models import Programme, ProgrammePlace
from portal.welfare.sessions import rules
from portal.welfare.sessions.models import Channel, ServiceSession, SessionPlace, SessionSeries, SessionStatus
from portal.welfare.sessions.rules import Plan, SeriesValues

# Bookings stand in a room above; how many wait and came is read by their table, in the same statement.
_bookings = sa.table("bookings", sa.column("session_id"), sa.column("status"))


def _people(status: str) -> sa.ScalarSelect:
    """How many bookings of the session of the row stand so."""
    found = sa.select(sa.func.count()).where(_bookings.c.session_id == ServiceSession.id, _bookings.c.status == status)
    return found.correlate(ServiceSession).scalar_subquery()


@dataclass(frozen=True)
class SessionRow:
    """A session with what is free in it, and how many wait."""

    session: ServiceSession
    free_online: int
    free_on_site: int
    waiting: int = 0
    came: int = 0
    programme: Programme | None = None

    @property
    def free(self) -> int:
        """All free places."""
        return self.free_online + self.free_on_site

    @property
    def taken(self) -> int:
        """Places that somebody holds."""
        return self.session.capacity - self.free


def _free() -> sa.Subquery:
    """Free places of the session of the row, by channel, from the index of free places alone."""
    online = SessionPlace.channel == Channel.ONLINE
    return (
        sa.select(
            sa.func.count().filter(online).label("online"),
            sa.func.count().filter(~online).label("on_site"),
        )
        .where(SessionPlace.session_id == ServiceSession.id, ~SessionPlace.taken)
        .correlate(ServiceSession)
        .lateral("free")
    )


def _rows(*more: Any) -> sa.Select:
    """Sessions with their counts, all in one statement."""
    free = _free()
    people = (_people("waiting"), _people("attended"))
    found = sa.select(ServiceSession, free.c.online, free.c.on_site, *people, *more)
    return found.select_from(ServiceSession).join(free, sa.true())


def _row(found: sa.Row) -> SessionRow:
    return SessionRow(*found)


# --- one -------------------------------------------------------------------------------------------------------------


def get_session(session_id: UUID, actor: Actor, permission: Permission = Permission.VIEW_PROGRAMMES) -> ServiceSession:
    """A session within scope; raises NoResultFound (404) outside."""
    found = sa.select(ServiceSession).where(ServiceSession.id == session_id)
    return db.session.scalars(found.where(within(ServiceSession.union_id, actor, permission))).one()


def find_session(session_id: UUID, *, lock: bool = False) -> ServiceSession | None:
    """A session by id, without scope, or None; ``lock`` holds it until the end of the transaction (before its places)."""
    found = sa.select(ServiceSession).where(ServiceSession.id == session_id).execution_options(populate_existing=True)
    return db.session.scalars(found.with_for_update(key_share=True) if lock else found).one_or_none()


def row_of(session_id: UUID) -> SessionRow:
    """A session with its counts; raises NoResultFound."""
    return _row(db.session.execute(_rows().where(ServiceSession.id == session_id)).one())


def count_free(session_id: UUID) -> tuple[int, int]:
    """Free places (online, on site)."""
    found = sa.select(SessionPlace.channel, sa.func.count()).where(SessionPlace.session_id == session_id, ~SessionPlace.taken)
    counts = dict(db.session.execute(found.group_by(SessionPlace.channel)).all())
    return counts.get(Channel.ONLINE, 0), counts.get(Channel.ON_SITE, 0)


def list_places(session_id: UUID, *, lock: bool = False) -> list[SessionPlace]:
    """All places of a session by number; ``lock`` holds them: the session itself must be held before."""
    found = sa.select(SessionPlace).where(SessionPlace.session_id == session_id).order_by(SessionPlace.number)
    found = found.execution_options(populate_existing=True)
    return list(db.session.scalars(found.with_for_update() if lock else found))


# --- what can be booked ------------------------------------------------------------------------------------------------


def list_bookable(programme_id: UUID, *, now: datetime, first: date | None = None, last: date | None = None) -> list[SessionRow]:
    """Open sessions of a programme that have not begun, by time, with what is free in each; whole days, both included.

    One statement. Whether booking has opened, or is still open for a day, is `programmes.rules.problems_with_booking`.
    """
    begins = max(now, clock.start_of(first)) if first else now
    found = _rows().where(
        ServiceSession.programme_id == programme_id,
        ServiceSession.status == SessionStatus.OPEN,
        ServiceSession.starts_at > now if begins == now else ServiceSession.starts_at >= begins,
    )
    if last:
        found = found.where(ServiceSession.starts_at < clock.day_bounds(last)[1])
    found = found.order_by(ServiceSession.starts_at, ServiceSession.place_name, ServiceSession.id)
    return [_row(one) for one in db.session.execute(found)]


# --- what would be made --------------------------------------------------------------------------------------------------


def door_of(station: Station | None) -> rules.Door:
    """When a place is open; of a provider nothing is known."""
    if station is None:
        return rules.OPEN_DOOR
    return rules.Door(tuple(station.hours), calendar_of(station))


def _at(station_id: UUID | None, place_name: str | None) -> sa.ColumnElement[bool]:
    if station_id:
        return ServiceSession.station_id == station_id
    return sa.and_(ServiceSession.station_id.is_(None), ServiceSession.place_name == place_name)


def starts_there(
    programme_id: UUID, station_id: UUID | None, place_name: str | None, begins: datetime, ends: datetime
) -> set[datetime]:
    """The moments at which a programme has a session at a place already, those cancelled left aside."""
    found = sa.select(ServiceSession.starts_at).where(
        ServiceSession.programme_id == programme_id,
        ServiceSession.status != SessionStatus.CANCELLED,
        _at(station_id, place_name),
        ServiceSession.starts_at >= begins,
        ServiceSession.starts_at < ends,
    )
    return set(db.session.scalars(found))


def problems_with_place(programme: Programme, station: Station | None, place_name: str | None) -> list[Problem]:
    """Whether a programme is given at a place: a serving station it names or reaches, or any provider."""
    if station is None:
        return [] if place_name else [Problem("no_place", text(N_("Choose a station, or name another place.")), field="station")]
    if station.status is StationStatus.WITHDRAWN:
        return [Problem("withdrawn", text(N_("This station was withdrawn.")), field="station")]
    if programme.everywhere:
        given = lies_within(station.union_id, programme.union_id)
    else:
        given = db.session.scalar(
            sa.select(sa.exists().where(ProgrammePlace.programme_id == programme.id, ProgrammePlace.station_id == station.id))
        )
    if given:
        return []
    says = text(N_("“%(programme)s” is not given at “%(station)s”."), programme=programme.name, station=station.name)
    return [Problem("not_given_there", says, field="station")]


def plan(
    programme: Programme, station: Station | None, place_name: str | None, values: SeriesValues
) -> tuple[Plan, list[Problem]]:
    """What a series would make now, and what keeps it from being made."""
    problems = rules.problems_with_programme(programme) + problems_with_place(programme, station, place_name)
    problems += rules.problems_with_series(values)
    if problems:
        return Plan(()), problems
    begins, ends = clock.start_of(values.first_on), clock.day_bounds(values.last_on)[1]
    there = starts_there(programme.id, station.id if station else None, place_name, begins, ends)
    found = rules.plan_series(
        values, now=clock.now(), door=door_of(station), period=(programme.starts_on, programme.ends_on), there=there
    )
    return found, rules.problems_with_plan(found, values.capacity)


def values_of(series: SessionSeries) -> SeriesValues:
    """A series as it was made."""
    return SeriesValues(
        first_on=series.first_on, last_on=series.last_on, weekdays=tuple(series.weekdays), opens=series.opens,
        closes=series.closes, slot_minutes=series.slot_minutes, capacity=series.capacity, online=series.online,
        breaks=tuple((one[0], one[1]) for one in series.breaks), on_holidays=series.on_holidays,
        on_make_up_days=series.on_make_up_days,
    )  # fmt: skip


def plan_on(series: SessionSeries, last_on: date) -> tuple[Plan, list[Problem]]:
    """What a series would make if it went on until a day."""
    programme = db.session.get_one(Programme, series.programme_id)
    station = db.session.get(Station, series.station_id) if series.station_id else None
    return plan(programme, station, series.place_name, rules.going_on(values_of(series), last_on))


def problems_with_one(
    programme: Programme, station: Station | None, place_name: str | None, starts_at: datetime, ends_at: datetime
) -> list[Problem]:
    """What keeps a single session from being made."""
    problems = rules.problems_with_programme(programme) + problems_with_place(programme, station, place_name)
    if problems:
        return problems
    there = starts_there(programme.id, station.id if station else None, place_name, starts_at, starts_at + timedelta(minutes=1))
    period = programme.starts_on, programme.ends_on
    return rules.problems_with_one(starts_at, ends_at, door_of(station), period, there=starts_at in there)


# --- the staff's list ----------------------------------------------------------------------------------------------------


class Standing(Word):
    """How a session stands at this moment."""

    COMING = "coming", N_("Coming up or running")
    OVER = "over", N_("Over")
    CANCELLED = "cancelled", N_("Called off")


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; ``programme`` and ``station`` are codes."""

    q: str | None = None
    programme: str | None = None
    station: str | None = None
    first: date | None = None
    last: date | None = None
    standing: Standing | None = Standing.COMING


def _matching(actor: Actor, filters: Filters) -> sa.Select:
    found = _rows(Programme).join(Programme, Programme.id == ServiceSession.programme_id)
    found = found.where(within(ServiceSession.union_id, actor, Permission.VIEW_PROGRAMMES))
    if filters.q:
        columns = (ServiceSession.place_name, ServiceSession.address, Programme.name)
        found = found.where(sa.or_(*(one.icontains(filters.q, autoescape=True) for one in columns)))
    if filters.programme:
        found = found.where(Programme.code == filters.programme)
    if filters.station:
        there = sa.select(Station.id).where(Station.code == filters.station)
        found = found.where(ServiceSession.station_id.in_(there))
    if filters.first:
        found = found.where(ServiceSession.starts_at >= clock.start_of(filters.first))
    if filters.last:
        found = found.where(ServiceSession.starts_at < clock.day_bounds(filters.last)[1])
    live, now = ServiceSession.status != SessionStatus.CANCELLED, clock.now()
    ends = {
        Standing.COMING: sa.and_(live, ServiceSession.ends_at > now),
        Standing.OVER: sa.and_(live, ServiceSession.ends_at <= now),
        Standing.CANCELLED: ~live,
    }
    return found.where(ends[filters.standing]) if filters.standing else found


NO_FILTERS = Filters()


def list_sessions(actor: Actor, filters: Filters = NO_FILTERS, *, before: str | None = None, after: str | None = None) -> Slice:
    """Sessions within scope as `SessionRow` with their programme: what comes in its order, what is over from the latest on."""
    rows = keyset(
        _matching(actor, filters), (ServiceSession.starts_at, ServiceSession.id), lambda row: (row[0].starts_at, row[0].id),
        before=before, after=after, descending=filters.standing is not Standing.COMING, scalars=False,
    )  # fmt: skip
    return Slice([_row(one) for one in rows], rows.before, rows.after)


def stream_sessions(actor: Actor, filters: Filters) -> Iterable[SessionRow]:
    """Every session that matches, by time, for the export."""
    found = _matching(actor, filters).order_by(ServiceSession.starts_at, ServiceSession.id)
    return (_row(one) for one in db.session.execute(found.execution_options(yield_per=500)))


def list_day(station: Station, on: date) -> list[SessionRow]:
    """All sessions of a station on a day, of whatever programme, by time; those called off too."""
    begins, ends = clock.day_bounds(on)
    found = _rows(Programme).join(Programme, Programme.id == ServiceSession.programme_id)
    found = found.where(
        ServiceSession.station_id == station.id, ServiceSession.starts_at >= begins, ServiceSession.starts_at < ends
    )
    return [_row(one) for one in db.session.execute(found.order_by(ServiceSession.starts_at, ServiceSession.id))]


def count_coming(programme_id: UUID) -> tuple[int, int]:
    """(sessions of a programme that are still to come or running, free places in them)."""
    coming = sa.select(ServiceSession.id).where(
        ServiceSession.programme_id == programme_id,
        ServiceSession.status == SessionStatus.OPEN,
        ServiceSession.ends_at > clock.now(),
    )
    free = sa.select(sa.func.count()).where(SessionPlace.session_id.in_(coming), ~SessionPlace.taken)
    sessions = sa.select(sa.func.count()).select_from(coming.subquery())
    return db.session.scalar(sessions), db.session.scalar(free)


def list_programmes(actor: Actor) -> list[tuple[str, str]]:
    """The programmes with sessions within scope as (code, name), to filter by."""
    there = sa.exists().where(
        ServiceSession.programme_id == Programme.id, within(ServiceSession.union_id, actor, Permission.VIEW_PROGRAMMES)
    )
    rows = db.session.execute(sa.select(Programme.code, Programme.name).where(there).order_by(Programme.id.desc()).limit(100))
    return [(row.code, row.name) for row in rows]


def find_programme(session: ServiceSession | SessionSeries) -> Programme:
    """The programme of a session or series."""
    return db.session.get_one(Programme, session.programme_id)


def find_station(session: ServiceSession | SessionSeries) -> Station | None:
    """The station of a session or series, None for a provider."""
    return db.session.get(Station, session.station_id) if session.station_id else None


# --- planning ------------------------------------------------------------------------------------------------------------

PLAN = Permission.PLAN_PROGRAMMES
CHOICES = 200


def get_series(series_id: UUID, actor: Actor, permission: Permission = PLAN) -> SessionSeries:
    """A series within scope; raises NoResultFound (404) outside."""
    found = sa.select(SessionSeries).where(SessionSeries.id == series_id)
    return db.session.scalars(found.where(within(SessionSeries.union_id, actor, permission))).one()


def count_series(series_id: UUID) -> int:
    """How many sessions of a series there are, those called off left aside."""
    return db.session.scalar(
        sa.select(sa.func.count()).where(ServiceSession.series_id == series_id, ServiceSession.status != SessionStatus.CANCELLED)
    )


def _stations_of(programme: Programme, actor: Actor) -> sa.Select:
    """The stations at which somebody may make sessions of a programme: those it is given at, within their own scope."""
    found = sa.select(Station).where(within(Station.union_id, actor, PLAN), Station.status != StationStatus.WITHDRAWN)
    if programme.everywhere:
        reached = sa.select(UnionReach.union_id).where(UnionReach.ancestor_id == programme.union_id)
        return found.where(Station.union_id.in_(reached))
    named = sa.select(ProgrammePlace.station_id).where(ProgrammePlace.programme_id == programme.id)
    return found.where(Station.id.in_(named))


def list_stations(programme: Programme, actor: Actor) -> list[Station]:
    """The first stations at which this person may make sessions of a programme, by code."""
    return list(db.session.scalars(_stations_of(programme, actor).order_by(Station.code).limit(CHOICES)))


def find_station_for(programme: Programme, code: str | None, actor: Actor) -> Station | None:
    """One of them by code, or None."""
    return db.session.scalars(_stations_of(programme, actor).where(Station.code == code)).one_or_none()


def list_providers(programme: Programme, actor: Actor) -> list[ProgrammePlace]:
    """The providers a programme names, for those who plan in the programme's own union."""
    found = sa.select(ProgrammePlace).where(
        ProgrammePlace.programme_id == programme.id, ProgrammePlace.provider_name.is_not(None)
    )
    if not reaches(actor, PLAN, programme.union_id):
        return []
    return list(db.session.scalars(found.order_by(ProgrammePlace.provider_name, ProgrammePlace.id)))
