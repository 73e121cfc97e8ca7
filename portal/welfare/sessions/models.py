"""When and where a programme is given: sessions, made one by one or in series, and the places in them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Word, new_id, text_enum


class SessionStatus(Word):
    """Where a session stands."""

    OPEN = "open", N_("Open")
    CANCELLED = "cancelled", N_("Cancelled")
    DONE = "done", N_("Done")


class Channel(Word):
    """For whom a place is kept."""

    ONLINE = "online", N_("Online")
    ON_SITE = "on_site", N_("On site")


class SessionSeries(db.Model):
    """How a series was made, so that it can be told and gone on with. Minutes are those of the day at +08:00."""

    __tablename__ = "session_series"
    __table_args__ = (
        sa.CheckConstraint("last_on >= first_on", name="days_whole"),
        sa.CheckConstraint("slot_minutes BETWEEN 5 AND 1440", name="slot_plausible"),
        sa.CheckConstraint("opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= 1440", name="stretch"),
        sa.CheckConstraint("weekdays <@ '{0,1,2,3,4,5,6}' AND cardinality(weekdays) > 0", name="weekdays_known"),
        sa.CheckConstraint("capacity BETWEEN 1 AND 5000", name="capacity_plausible"),
        sa.CheckConstraint("online BETWEEN 0 AND capacity", name="online_within_capacity"),
        sa.Index("ix_session_series_programme_id", "programme_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    place_name: Mapped[str]
    address: Mapped[str | None]
    capacity: Mapped[int]
    online: Mapped[int]
    first_on: Mapped[date]
    last_on: Mapped[date]
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(sa.Integer))  # 0 is Monday
    opens: Mapped[int]
    closes: Mapped[int]
    slot_minutes: Mapped[int]
    breaks: Mapped[list] = mapped_column(JSONB, default=list)  # [[from, until], …] in minutes
    on_holidays: Mapped[bool] = mapped_column(default=False)
    on_make_up_days: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))


class ServiceSession(db.Model):
    """A time at a station or provider with places. ``capacity`` = online + on-site places, each a row of `session_places`;
    the database counts them at the end of each transaction that makes, adds or takes away places.

    ``union_id`` decides who sees it: the station's union, otherwise the programme's.
    """

    __tablename__ = "service_sessions"
    __table_args__ = (
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.CheckConstraint("capacity BETWEEN 1 AND 5000", name="capacity_plausible"),
        sa.CheckConstraint("online BETWEEN 0 AND capacity", name="online_within_capacity"),
        sa.Index("uq_service_sessions_station", "programme_id", "station_id", "starts_at", unique=True,
                 postgresql_where=sa.text("status <> 'cancelled' AND station_id IS NOT NULL")),
        sa.Index("uq_service_sessions_provider", "programme_id", "place_name", "starts_at", unique=True,
                 postgresql_where=sa.text("status <> 'cancelled' AND station_id IS NULL")),
        sa.Index("ix_service_sessions_programme_id", "programme_id", "starts_at", "id"),
        sa.Index("ix_service_sessions_union_id", "union_id", "starts_at", "id"),
        sa.Index("ix_service_sessions_station_id", "station_id", "starts_at", "id"),
        sa.Index("ix_service_sessions_series_id", "series_id", "starts_at"),
        sa.Index("ix_service_sessions_starts_at", "starts_at", "id"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[UUID] = mapped_column(sa.ForeignKey("programmes.id"))
    series_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("session_series.id"))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    place_name: Mapped[str]
    address: Mapped[str | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int]
    online: Mapped[int]
    status: Mapped[SessionStatus] = mapped_column(text_enum(SessionStatus), default=SessionStatus.OPEN)
    note: Mapped[str | None]
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]


class SessionPlace(db.Model):
    """One place in a session. Whoever holds it is the booking that names it; ``taken`` is kept by a trigger of `bookings`."""

    __tablename__ = "session_places"
    __table_args__ = (
        sa.UniqueConstraint("session_id", "number"),
        sa.Index("ix_session_places_free", "session_id", "channel", "number", postgresql_where=sa.text("NOT taken")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[UUID] = mapped_column(sa.ForeignKey("service_sessions.id"))
    number: Mapped[int]
    channel: Mapped[Channel] = mapped_column(text_enum(Channel))
    taken: Mapped[bool] = mapped_column(default=False)
