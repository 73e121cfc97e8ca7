"""Hand-outs to many at once, and group visits (慰问) away from the counter.

A hand-out owns what is left of it: its row is locked by the one statement that gives, and the database refuses to give
more than there was. What came in later from paper or without network is counted beside it and never refused.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import db
from portal.stations.register.models import Station
from portal.types import new_id, text_enum
from portal.vocabulary import BasicService, Occupation


class Handout(db.Model):
    """One occasion: this, at this station, from now until it is closed. ``quantity`` None is as much as is wanted."""

    __tablename__ = "handouts"
    __table_args__ = (
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.CheckConstraint("given >= 0 AND given_late >= 0", name="given_not_negative"),
        sa.CheckConstraint("given <= quantity", name="never_more_than_there_was"),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_by_account_id IS NULL)", name="closed_whole"),
        sa.Index("ix_handouts_station_id", "station_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    title: Mapped[str]
    service: Mapped[BasicService] = mapped_column(text_enum(BasicService))
    quantity: Mapped[int | None]
    given: Mapped[int] = mapped_column(default=0)
    given_late: Mapped[int] = mapped_column(default=0)
    one_per_person: Mapped[bool]
    opened_at: Mapped[datetime]
    opened_by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    closed_at: Mapped[datetime | None]
    closed_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    programme_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("programmes.id"))  # each gift is then delivered as well

    station: Mapped[Station] = relationship()

    @property
    def left(self) -> int | None:
        """How many are left to give; None without a limit."""
        return None if self.quantity is None else max(self.quantity - self.given - self.given_late, 0)


class HandoutGift(db.Model):
    """One given, to somebody by card or to one of an occupation. ``once`` repeats the hand-out's rule for the index."""

    __tablename__ = "handout_gifts"
    __table_args__ = (
        sa.ForeignKeyConstraint(["line_id", "line_at"], ["visit_lines.id", "visit_lines.at"]),
        sa.Index(
            "uq_handout_gifts_once", "handout_id", "worker_id", unique=True,
            postgresql_where=sa.text("once AND taken_back_at IS NULL"),
        ),
        sa.Index("ix_handout_gifts_handout_id", "handout_id", "id"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    handout_id: Mapped[UUID] = mapped_column(sa.ForeignKey("handouts.id"))
    worker_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("workers.id"))
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    once: Mapped[bool]
    at: Mapped[datetime]
    line_id: Mapped[UUID]
    line_at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    taken_back_at: Mapped[datetime | None]
    delivery_id: Mapped[UUID | None]  # of a programme's hand-out


class GroupVisit(db.Model):
    """Many visited together: heads by occupation, what was given, and the signed sheet. Reversed only as a whole."""

    __tablename__ = "group_visits"
    __table_args__ = (
        sa.CheckConstraint(
            "(reversed_at IS NULL) = (reversed_by_account_id IS NULL) AND (reversed_at IS NULL) = (reversed_reason IS NULL)",
            name="reversed_whole",
        ),
        sa.Index("ix_group_visits_station_id", "station_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    place: Mapped[str | None]
    at: Mapped[datetime]
    service: Mapped[BasicService] = mapped_column(text_enum(BasicService))
    given: Mapped[str]
    note: Mapped[str | None]
    picture_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("pictures.id"))
    entered_at: Mapped[datetime]
    by_account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.id"))
    reversed_at: Mapped[datetime | None]
    reversed_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    reversed_reason: Mapped[str | None]

    heads: Mapped[list[GroupHeads]] = relationship(order_by="GroupHeads.occupation", lazy="selectin")
    station: Mapped[Station] = relationship()

    @property
    def total(self) -> int:
        """How many people in all."""
        return sum(one.heads for one in self.heads)


class GroupHeads(db.Model):
    """How many of an occupation were visited."""

    __tablename__ = "group_heads"
    __table_args__ = (sa.CheckConstraint("heads > 0", name="heads_positive"),)

    group_visit_id: Mapped[UUID] = mapped_column(sa.ForeignKey("group_visits.id"), primary_key=True)
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation), primary_key=True)
    heads: Mapped[int]


class GroupLine(db.Model):
    """The visit lines a group visit made, so that all of them can be taken back together."""

    __tablename__ = "group_lines"
    __table_args__ = (
        sa.ForeignKeyConstraint(["line_id", "line_at"], ["visit_lines.id", "visit_lines.at"]),
        sa.Index("ix_group_lines_group_visit_id", "group_visit_id"),
    )

    line_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_at: Mapped[datetime]
    group_visit_id: Mapped[UUID] = mapped_column(sa.ForeignKey("group_visits.id"))
