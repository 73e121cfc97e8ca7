"""Wishes for a station: a place, how many asked for one there, and what the union makes of it. No personal data."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Word, new_id, text_enum
from portal.vocabulary import Occupation


class WishState(Word):
    """What the union makes of a wish."""

    NEW = "new", N_("Not looked at yet")
    CONSIDERED = "considered", N_("Being considered")
    PLANNED = "planned", N_("A station is planned here")
    DECLINED = "declined", N_("Not here, with a reason")
    BUILT = "built", N_("A station was built")


OPEN_STATES = (WishState.NEW, WishState.CONSIDERED, WishState.PLANNED)

# What a wish may become. A declined one may be taken up again; where a station stands, a new wish begins anew.
NEXT_STATES: dict[WishState, tuple[WishState, ...]] = {
    WishState.NEW: (WishState.CONSIDERED, WishState.PLANNED, WishState.DECLINED, WishState.BUILT),
    WishState.CONSIDERED: (WishState.PLANNED, WishState.DECLINED, WishState.BUILT),
    WishState.PLANNED: (WishState.CONSIDERED, WishState.DECLINED, WishState.BUILT),
    WishState.DECLINED: (WishState.CONSIDERED,),
    WishState.BUILT: (),
}


class Wish(db.Model):
    """A place where a station is wished for; wishes for the same place join. ``lat``, ``lng``: WGS-84, to a hundred metres."""

    __tablename__ = "wishes"
    __table_args__ = (
        sa.CheckConstraint("(lat IS NULL) = (lng IS NULL)", name="point_whole"),
        sa.CheckConstraint("voices >= 1", name="voices_positive"),
        sa.CheckConstraint("(state = 'declined') = (reason IS NOT NULL)", name="declined_has_reason"),
        sa.CheckConstraint("(state = 'built') = (station_id IS NOT NULL)", name="built_has_station"),
        # Of two open wishes for one place there would be two counts.
        sa.Index(
            "uq_wishes_open_place",
            "county_code",
            "place_key",
            unique=True,
            postgresql_where=sa.text("state IN ('new', 'considered', 'planned')"),
        ),
        sa.Index("ix_wishes_union_id", "union_id", "voices", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    county_code: Mapped[str] = mapped_column(sa.ForeignKey("divisions.code"))
    place: Mapped[str]
    place_key: Mapped[str]
    lat: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 6))
    lng: Mapped[Decimal | None] = mapped_column(sa.Numeric(9, 6))
    voices: Mapped[int]
    state: Mapped[WishState] = mapped_column(text_enum(WishState), default=WishState.NEW)
    reason: Mapped[str | None]
    station_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("stations.id"))
    is_demo: Mapped[bool] = mapped_column(default=False)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class WishVoice(db.Model):
    """One person's wish: their occupation and what is missing there; who it was is not known. Append-only."""

    __tablename__ = "wish_voices"
    __table_args__ = (sa.Index("ix_wish_voices_wish_id", "wish_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    wish_id: Mapped[UUID] = mapped_column(sa.ForeignKey("wishes.id"))
    occupation: Mapped[Occupation | None] = mapped_column(text_enum(Occupation))
    missing: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    words: Mapped[str | None]
    at: Mapped[datetime]
