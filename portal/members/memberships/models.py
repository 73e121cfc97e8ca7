"""Memberships: a number for life, and a history of records from which the status is computed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import db
from portal.types import N_, Word, new_id, text_enum

MEMBERSHIP_NUMBERS = sa.Sequence("membership_numbers", start=1)


class MembershipStatus(Word):
    """What a record says from its start until its end."""

    TRANSIT = "transit", N_("In transit")
    ACTIVE = "active", N_("Active member")
    RETAINED = "retained", N_("Membership retained")
    TRANSFERRED_OUT = "transferred_out", N_("Transferred out")
    WITHDRAWN = "withdrawn", N_("Left the union")
    EXPELLED = "expelled", N_("Expelled")
    DECEASED = "deceased", N_("Deceased")


# In these a person is a member, in the others they were one.
MEMBER_STATUSES = (MembershipStatus.TRANSIT, MembershipStatus.ACTIVE, MembershipStatus.RETAINED)


class Membership(db.Model):
    """One person's membership for life. The number never changes; it is provisional until the province confirms."""

    __tablename__ = "memberships"
    __table_args__ = (sa.Index("ix_memberships_joined_at", "joined_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(sa.String(20), unique=True)
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"), unique=True)
    application_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("applications.id"), unique=True)
    joined_at: Mapped[datetime]
    joined_via_union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    visit_id: Mapped[UUID | None]
    visit_at: Mapped[datetime | None]
    confirmed_by_province_at: Mapped[datetime | None]

    records: Mapped[list[MembershipRecord]] = relationship(order_by="MembershipRecord.starts_at", viewonly=True)


class MembershipRecord(db.Model):
    """A stretch of a membership: status, home union and managing union from–until. Stretches never overlap."""

    __tablename__ = "membership_records"
    __table_args__ = (
        sa.CheckConstraint("ends_at IS NULL OR ends_at > starts_at", name="ends_after_start"),
        sa.Index("uq_membership_records_open", "membership_id", unique=True, postgresql_where=sa.text("ends_at IS NULL")),
        sa.Index("ix_membership_records_union_id", "union_id", "starts_at", postgresql_where=sa.text("ends_at IS NULL")),
        ExcludeConstraint(
            ("membership_id", "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            name="ex_membership_records_no_overlap",
            using="gist",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    membership_id: Mapped[UUID] = mapped_column(sa.ForeignKey("memberships.id"))
    status: Mapped[MembershipStatus] = mapped_column(text_enum(MembershipStatus))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    managed_by_union_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    reason: Mapped[str | None]
