"""Changes to sessions: make them, singly or in series, change their places, mark them cancelled.

Whoever needs both locks the session before its places; whoever makes sessions of a programme locks the programme, so that two
who make the same series at once get it once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.register.models import Station
from portal.types import Problem, Refused, Text, new_id
from portal.welfare.programmes.models import Programme
from portal.welfare.sessions import queries, rules
from portal.welfare.sessions.models import Channel, ServiceSession, SessionPlace, SessionSeries, SessionStatus
from portal.welfare.sessions.rules import Plan, SeriesValues

# Called with a session's id when it has more free places than before: the waiting list, which stands above, moves up.
on_places_added: list[Callable[[UUID, By], None]] = []


@dataclass(frozen=True)
class Provider:
    """A place that is no station: a hospital, a bus at a square."""

    name: str
    address: str | None = None


@dataclass(frozen=True)
class Made:
    """What came of it: the days left out whole with their reasons, and those on which some times were left out."""

    series: SessionSeries | None
    sessions: list[ServiceSession]
    skipped: list[tuple[date, Text]]
    shortened: list[tuple[date, Text]]


# --- making ----------------------------------------------------------------------------------------------------------


def make_series(
    *, programme: Programme, station: Station | None = None, provider: Provider | None = None, values: SeriesValues, by: By
) -> Made:
    """Make all sessions of a series at one place, with their places; says which days were left out and why."""
    _hold(programme)
    plan, problems = queries.plan(programme, station, provider.name if provider else None, values)
    _refuse(problems)
    series = SessionSeries(
        id=new_id(), programme_id=programme.id, **_place(programme, station, provider), capacity=values.capacity,
        online=values.places_online, first_on=values.first_on, last_on=values.last_on, weekdays=sorted(values.weekdays),
        opens=values.opens, closes=values.closes, slot_minutes=values.slot_minutes, breaks=[list(one) for one in values.breaks],
        on_holidays=values.on_holidays, on_make_up_days=values.on_make_up_days, created_at=clock.now(),
        by_account_id=by.id if by.kind == "staff" else None,
    )  # fmt: skip
    db.session.add(series)
    db.session.flush()
    made = _make(programme, series, plan, values.note, by)
    audit.record(
        "session.series", by=by, subject=series, union_id=series.union_id, programme=programme.code, place=series.place_name,
        first_on=series.first_on, last_on=series.last_on, sessions=len(made), left_out=len(plan.skipped),
    )  # fmt: skip
    return Made(series, made, list(plan.skipped), list(plan.shortened))


def continue_series(*, series: SessionSeries, last_on: date, by: By) -> Made:
    """Go on with a series from the day after its last one, at the same place and times."""
    programme = db.session.get_one(Programme, series.programme_id)
    _hold(programme)
    db.session.refresh(series, with_for_update=True)
    plan, problems = queries.plan_on(series, last_on)
    _refuse(problems)
    made = _make(programme, series, plan, None, by)
    before, series.last_on = series.last_on, last_on
    db.session.flush()
    audit.record(
        "session.series_continued", by=by, subject=series, union_id=series.union_id, programme=programme.code,
        place=series.place_name, last_on=[before, last_on], sessions=len(made), left_out=len(plan.skipped),
    )  # fmt: skip
    return Made(series, made, list(plan.skipped), list(plan.shortened))


def add_session(
    *, programme: Programme, station: Station | None = None, provider: Provider | None = None, starts_at: datetime,
    ends_at: datetime, capacity: int, online: int | None = None, note: str | None = None, by: By,
) -> ServiceSession:  # fmt: skip
    """Make one session with its places."""
    _hold(programme)
    online = capacity if online is None else online
    name = provider.name if provider else None
    _refuse(rules.problems_with_times(starts_at, ends_at) + rules.problems_with_places(capacity, online))
    _refuse(queries.problems_with_one(programme, station, name, starts_at, ends_at))
    session = _session(programme.id, _place(programme, station, provider), (starts_at, ends_at), capacity, online, note)
    db.session.add(session)
    db.session.flush()
    _add_places([session])
    audit.record(
        "session.added", by=by, subject=session, union_id=session.union_id, programme=programme.code,
        place=session.place_name, starts_at=session.starts_at, capacity=capacity, online=online,
    )  # fmt: skip
    return session


def _make(programme: Programme, series: SessionSeries, plan: Plan, note: str | None, by: By) -> list[ServiceSession]:
    place = {name: getattr(series, name) for name in ("union_id", "station_id", "place_name", "address")}
    made = [_session(programme.id, place, slot, series.capacity, series.online, note, series.id) for slot in plan.slots]
    db.session.add_all(made)
    db.session.flush()
    _add_places(made)
    return made


def _session(programme_id, place, slot, capacity, online, note, series_id=None) -> ServiceSession:
    return ServiceSession(
        id=new_id(), programme_id=programme_id, series_id=series_id, starts_at=slot[0], ends_at=slot[1], capacity=capacity,
        online=online, note=note, status=SessionStatus.OPEN, created_at=clock.now(), **place,
    )  # fmt: skip


def _add_places(sessions: Sequence[ServiceSession]) -> None:
    """The rows of places of new sessions, in one statement."""
    rows = [
        {"id": new_id(), "session_id": one.id, "number": number, "taken": False,
         "channel": Channel.ONLINE if number <= one.online else Channel.ON_SITE}
        for one in sessions
        for number in range(1, one.capacity + 1)
    ]  # fmt: skip
    db.session.execute(sa.insert(SessionPlace), rows)


def _place(programme: Programme, station: Station | None, provider: Provider | None) -> dict:
    if station is not None:
        return {"union_id": station.union_id, "station_id": station.id, "place_name": station.name, "address": station.address}
    if provider is None:
        raise ValueError("a session needs a station or a provider")
    return {"union_id": programme.union_id, "station_id": None, "place_name": provider.name, "address": provider.address}


def _hold(programme: Programme) -> None:
    db.session.refresh(programme, with_for_update={"key_share": True})


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Refused(problems)


# --- changing ----------------------------------------------------------------------------------------------------------


def set_capacity(*, session: ServiceSession, capacity: int, online: int, by: By) -> None:
    """Change how many places there are and how many of them online; never below what is taken."""
    queries.find_session(session.id, lock=True)
    places = queries.list_places(session.id, lock=True)
    taken = [sum(one.taken for one in places if one.channel is channel) for channel in Channel]
    problems = rules.problems_with_standing(session.status, session.ends_at, clock.now())
    _refuse(problems + rules.problems_with_capacity(capacity, online, *taken))
    before = [session.capacity, session.online]
    _reshape(session, places, {Channel.ONLINE: online, Channel.ON_SITE: capacity - online})
    session.capacity, session.online = capacity, online
    db.session.flush()
    audit.record(
        "session.capacity", by=by, subject=session, union_id=session.union_id, place=session.place_name,
        starts_at=session.starts_at, capacity=[before[0], capacity], online=[before[1], online],
    )  # fmt: skip
    _tell(session, by)


def _reshape(session: ServiceSession, places: list[SessionPlace], wanted: dict[Channel, int]) -> None:
    """Turn free places over, add rows or take free ones away, so that each channel has as many as are wanted."""
    of = {channel: [one for one in places if one.channel is channel] for channel in Channel}
    spare = [one for channel in Channel for one in _spare(of[channel], len(of[channel]) - wanted[channel])]
    numbers = (number for number in range(1, rules.MOST_CAPACITY * 2) if number not in {one.number for one in places})
    for channel in Channel:
        for _ in range(wanted[channel] - len(of[channel])):
            if spare:
                spare.pop(0).channel = channel
            else:
                db.session.add(SessionPlace(id=new_id(), session_id=session.id, number=next(numbers), channel=channel))
    for one in spare:
        db.session.delete(one)
    db.session.flush()


def _spare(places: list[SessionPlace], count: int) -> list[SessionPlace]:
    """So many free places, the last ones."""
    return [one for one in places if not one.taken][-count:] if count > 0 else []


def release_online(*, session: ServiceSession, by: By) -> int:
    """Turn free online places into places on site, for those who come to the door; answers how many."""
    queries.find_session(session.id, lock=True)
    free = [one for one in queries.list_places(session.id, lock=True) if one.channel is Channel.ONLINE and not one.taken]
    problems = rules.problems_with_standing(session.status, session.ends_at, clock.now())
    _refuse(problems + rules.problems_with_release(len(free)))
    for one in free:
        one.channel = Channel.ON_SITE
    before, session.online = session.online, session.online - len(free)
    db.session.flush()
    audit.record(
        "session.released", by=by, subject=session, union_id=session.union_id, place=session.place_name,
        starts_at=session.starts_at, online=[before, session.online],
    )  # fmt: skip
    _tell(session, by)
    return len(free)


def mark_cancelled(*, session: ServiceSession, reason: str, by: By) -> None:
    """Mark a session as cancelled. Freeing and telling those who booked is `bookings.commands.cancel_session`, which calls
    this."""
    queries.find_session(session.id, lock=True)
    _refuse(rules.problems_with_cancelling(session.status, reason))
    session.status, session.cancelled_at, session.cancel_reason = SessionStatus.CANCELLED, clock.now(), reason
    db.session.flush()
    audit.record(
        "session.cancelled", by=by, subject=session, union_id=session.union_id, place=session.place_name,
        starts_at=session.starts_at, reason=reason,
    )  # fmt: skip


def _tell(session: ServiceSession, by: By) -> None:
    for tell in on_places_added:
        tell(session.id, by)
