"""Reads about who stands at the counter: the actor behind a device's session, devices, shifts and their figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.access import Permission, Role
from portal.db import db, one_statement
from portal.desk.shifts.models import Shift, StationDevice
from portal.desk.shifts.rules import AT_THE_COUNTER, SERVING_ROLES
from portal.paging import LIMIT, Slice, keyset
from portal.sessions import Session
from portal.stations.register.models import PUBLIC_STATUSES, Station
from portal.unions.staff.models import Account, Appointment
from portal.unions.staff.queries import StaffActor
from portal.unions.tree.models import UnionReach
from portal.vocabulary import BasicService

OFFERED = 60  # names on a lock page

# --- the actor behind a device's session ---------------------------------------------------------------------------


@dataclass(frozen=True)
class CounterActor(StaffActor):
    """Somebody who signed in on a paired tablet by PIN: they serve at its station, and that is all."""

    device_id: UUID | None = None
    station_id: UUID | None = None

    def may(self, permission: Permission) -> bool:
        """Serving, and being at home; nothing else at a counter, whatever the roles are."""
        return permission in AT_THE_COUNTER

    def unions(self, permission: Permission) -> tuple[UUID, ...]:
        """The station's own union. That only this station opens, the door of the counter sees to."""
        return super().unions(permission) if permission in AT_THE_COUNTER else ()


_serves = f"""
    EXISTS (SELECT FROM appointments p JOIN union_reach r ON r.ancestor_id = p.union_id AND r.union_id = t.union_id
            WHERE p.account_id = a.id AND p.role IN ({", ".join(f"'{role.value}'" for role in SERVING_ROLES)})
              AND p.starts_on <= :today AND (p.ends_on IS NULL OR p.ends_on >= :today) AND p.ended_at IS NULL)"""
_public = ", ".join(f"'{status.value}'" for status in PUBLIC_STATUSES)
# One statement: session, device with its own cookie, station and appointment; whichever of them ends, ends the rest.
_find = sa.text(
    f"""
    SELECT s.id AS session_id, s.seen_at, a.id, a.name, d.id AS device_id, t.id AS station_id, t.code, t.union_id,
           u.name AS union_name
    FROM sessions s
    JOIN station_devices d ON d.id = s.device_id AND d.token_digest = :device AND d.revoked_at IS NULL
    JOIN stations t ON t.id = d.station_id AND t.status IN ({_public})
    JOIN unions u ON u.id = t.union_id
    JOIN accounts a ON a.id = s.actor_id AND a.closed_at IS NULL
    WHERE s.token_digest = :digest AND s.actor_kind = 'staff' AND s.revoked_at IS NULL
      AND s.expires_at > :now AND s.seen_at > :idle_since AND {_serves}
    """
)


def find_session(values: dict[str, Any]) -> tuple[CounterActor, datetime] | None:
    """Who is signed in on a paired device and when they were last seen, or None if it is over; one read."""
    rows = one_statement(_find, values | {"today": clock.business_day(values["now"])}) if values["device"] else []
    if not rows:
        return None
    row = rows[0]
    held = ((Role.OPERATOR, row.union_id, row.union_name),)
    who = CounterActor(row.id, row.name, row.session_id, held, row.code, row.device_id, row.station_id)
    return who, row.seen_at


# --- devices -------------------------------------------------------------------------------------------------------


def find_device(digest: bytes | None, *, lock: bool = False) -> StationDevice | None:
    """The paired device with this token, unless it was revoked."""
    if digest is None:
        return None
    found = sa.select(StationDevice).where(StationDevice.token_digest == digest, StationDevice.revoked_at.is_(None))
    found = found.with_for_update().execution_options(populate_existing=True) if lock else found
    return db.session.scalars(found).one_or_none()


def station_of(device: StationDevice) -> Station:
    """The station a device is paired with."""
    return db.session.get_one(Station, device.station_id)


def get_device(ident: UUID, station: Station) -> StationDevice:
    """A device of a station (whose scope the caller has seen to); raises NoResultFound."""
    return db.session.scalars(
        sa.select(StationDevice).where(StationDevice.id == ident, StationDevice.station_id == station.id)
    ).one()


@dataclass(frozen=True)
class Listed:
    """A device as its keeper sees it: who paired it, when it was last used, who is on shift."""

    device: StationDevice
    paired_by: str
    seen_at: datetime | None
    on_shift: str | None


def list_devices(station: Station) -> list[Listed]:
    """A station's devices, those in use first; of the revoked the latest twenty."""
    used = sa.select(sa.func.max(Session.seen_at)).where(Session.device_id == StationDevice.id).scalar_subquery()
    operator = (
        sa.select(Account.name)
        .join(Shift, Shift.account_id == Account.id)
        .where(Shift.device_id == StationDevice.id, Shift.ended_at.is_(None))
        .scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(StationDevice, Account.name, sa.func.greatest(StationDevice.last_seen_at, used), operator)
        .join(Account, Account.id == StationDevice.paired_by)
        .where(StationDevice.station_id == station.id)
        .order_by(StationDevice.revoked_at.desc().nulls_first(), StationDevice.id.desc())
        .limit(50)
    ).all()
    listed = [Listed(*row) for row in rows]
    return [one for one in listed if not one.device.revoked_at] + [one for one in listed if one.device.revoked_at][:20]


def count_devices(station_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How many devices in use each station has."""
    rows = db.session.execute(
        sa.select(StationDevice.station_id, sa.func.count())
        .where(StationDevice.station_id.in_(list(station_ids)), StationDevice.revoked_at.is_(None))
        .group_by(StationDevice.station_id)
    )
    return dict(rows.all())


# --- who may stand here --------------------------------------------------------------------------------------------


def _may_serve(station: Station) -> tuple[sa.ColumnElement[bool], ...]:
    today = clock.today()
    appointed = sa.exists().where(
        Appointment.account_id == Account.id,
        Appointment.role.in_(SERVING_ROLES),
        Appointment.starts_on <= today,
        (Appointment.ends_on >= today) | Appointment.ends_on.is_(None),
        Appointment.ended_at.is_(None),
        UnionReach.ancestor_id == Appointment.union_id,
        UnionReach.union_id == station.union_id,
    )
    return (Account.closed_at.is_(None), Account.pin_hash.is_not(None), appointed)


def list_operators(station: Station) -> list[sa.Row]:
    """(id, name) of those who may serve at a station and have a PIN: who stood here last comes first."""
    last = sa.select(sa.func.max(Shift.began_at)).where(
        Shift.station_id == station.id, Shift.account_id == Account.id
    ).scalar_subquery()  # fmt: skip
    return list(
        db.session.execute(
            sa.select(Account.id, Account.name)
            .where(*_may_serve(station))
            .order_by(last.desc().nulls_last(), Account.name, Account.id)
            .limit(OFFERED)
        )
    )


def find_operator(ident: UUID, station: Station) -> Account | None:
    """One of those who may sign in at a station by PIN."""
    return db.session.scalars(sa.select(Account).where(Account.id == ident, *_may_serve(station))).one_or_none()


# --- shifts --------------------------------------------------------------------------------------------------------


def find_open_shift(device_id: UUID) -> Shift | None:
    """The shift that runs on a device."""
    return db.session.scalars(sa.select(Shift).where(Shift.device_id == device_id, Shift.ended_at.is_(None))).one_or_none()


def get_shift(ident: UUID, station: Station, *, lock: bool = False) -> Shift:
    """A shift at a station (whose scope the caller has seen to); raises NoResultFound."""
    found = sa.select(Shift).where(Shift.id == ident, Shift.station_id == station.id)
    return db.session.scalars(found.with_for_update().execution_options(populate_existing=True) if lock else found).one()


def find_unread_handover(device_id: UUID, account_id: UUID) -> Shift | None:
    """What the one before left for this operator on a device and nobody has acknowledged yet."""
    last = db.session.scalars(
        sa.select(Shift).where(Shift.device_id == device_id, Shift.ended_at.is_not(None)).order_by(Shift.id.desc()).limit(1)
    ).one_or_none()
    unread = last and not last.forgotten and not last.acknowledged_at and last.account_id != account_id
    return last if unread else None


@dataclass(frozen=True)
class Figures:
    """What was given in a shift: stays, people known by name each once, services; taken back is not counted."""

    visits: int = 0
    identified: int = 0
    by_service: dict[BasicService, int] = field(default_factory=dict)


# By station and time from the index of the lines; a shift is as long as a day at the most, so this stays small.
_GIVEN = """
    FROM shifts h
    JOIN visit_lines l ON l.station_id = h.station_id AND l.at >= h.began_at AND l.at <= coalesce(h.ended_at, :now)
     AND l.by_account_id = h.account_id
    JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at
    WHERE h.id = ANY(CAST(:shifts AS uuid[])) AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id)
"""
_PEOPLE = sa.text(
    f"SELECT h.id, count(DISTINCT l.visit_id) AS visits, count(DISTINCT v.worker_id) AS identified {_GIVEN} GROUP BY h.id"
)
_SERVICES = sa.text(f"SELECT h.id, l.service, count(*) AS lines {_GIVEN} GROUP BY h.id, l.service ORDER BY h.id, 3 DESC, 2")


def figures(shifts: Iterable[Shift]) -> dict[UUID, Figures]:
    """The figures of shifts by id, read from the visits themselves."""
    values = {"shifts": [shift.id for shift in shifts], "now": clock.now()}
    services: dict[UUID, dict[BasicService, int]] = {ident: {} for ident in values["shifts"]}
    if not values["shifts"]:
        return {}
    for row in db.session.execute(_SERVICES, values):
        services[row.id][BasicService(row.service)] = row.lines
    known = {row.id: row for row in db.session.execute(_PEOPLE, values)}
    return {
        ident: Figures(known[ident].visits, known[ident].identified, services[ident]) if ident in known else Figures()
        for ident in values["shifts"]
    }


@dataclass(frozen=True)
class Row:
    """A shift in the list: with the names of operator, device and of who acknowledged it."""

    shift: Shift
    operator: str
    device: str
    acknowledged_by: str | None


def _matching(station: Station, q: str | None, first: date | None, last: date | None) -> sa.Select:
    reader = sa.orm.aliased(Account)
    found = (
        sa.select(Shift, Account.name, StationDevice.name, reader.name)
        .join(Account, Account.id == Shift.account_id)
        .join(StationDevice, StationDevice.id == Shift.device_id)
        .outerjoin(reader, reader.id == Shift.acknowledged_by)
        .where(Shift.station_id == station.id)
    )
    if q:
        found = found.where(Account.name.icontains(q, autoescape=True) | StationDevice.name.icontains(q, autoescape=True))
    if first:
        found = found.where(Shift.began_at >= clock.start_of(first))
    if last:
        found = found.where(Shift.began_at < clock.day_bounds(last)[1])
    return found


def list_shifts(
    station: Station,
    q: str | None = None,
    first: date | None = None,
    last: date | None = None,
    *,
    before: str | None = None,
    after: str | None = None,
    limit: int = LIMIT,
) -> Slice:
    """Shifts at a station as `Row`, newest first, by operator or device and by days, a page at a time."""
    found = keyset(
        _matching(station, q, first, last), (Shift.began_at, Shift.id), lambda row: (row[0].began_at, row[0].id),
        before=before, after=after, descending=True, scalars=False, limit=limit,
    )  # fmt: skip
    return Slice([Row(*row) for row in found.rows], found.before, found.after)


def rows_for_export(
    station: Station, q: str | None = None, first: date | None = None, last: date | None = None, *, portion: int = 200
) -> Iterable[tuple[Row, Figures]]:
    """Every match with its figures, newest first, read in portions by the same keyset."""
    after = None
    while True:
        found = list_shifts(station, q, first, last, after=after, limit=portion)
        counted = figures(row.shift for row in found)
        yield from ((row, counted[row.shift.id]) for row in found)
        if not (after := found.after):
            return


def find_name(account_id: UUID | None) -> str | None:
    """The name of an operator, without scope: who did something is part of what was done."""
    return db.session.scalar(sa.select(Account.name).where(Account.id == account_id)) if account_id else None
