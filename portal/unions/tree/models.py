"""Divisions and unions; `union_reach` is the closure of the tree, kept by a trigger in the database."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import db
from portal.types import N_, Word, new_id, text_enum


class UnionKind(Word):
    """What a body in the tree is."""

    GENERAL_UNION = "general_union", N_("General trade union")
    FEDERATION = "federation", N_("New-economy union federation")
    INDUSTRY_FEDERATION = "industry_federation", N_("Industry union federation")
    JOINT_UNION = "joint_union", N_("Joint union")
    GRASSROOTS_UNION = "grassroots_union", N_("Grassroots union")
    BRANCH = "branch", N_("Branch union")
    UNION_GROUP = "union_group", N_("Union group")
    BUSINESS_DISTRICT = "business_district", N_("Business-district union")
    ONLINE_MEMBER_HOME = "online_member_home", N_("Online member home")
    TRANSIT_POOL = "transit_pool", N_("Transit station (pending placement)")


class UnionLevel(Word):
    """How high a body stands. A zone is a functional zone: it has towns, but is no statutory county."""

    PROVINCE = "province", N_("Province")
    CITY = "city", N_("City")
    COUNTY = "county", N_("County")
    ZONE = "zone", N_("Functional zone")
    TOWN = "town", N_("Town or street")
    VILLAGE = "village", N_("Village or community")
    ENTERPRISE = "enterprise", N_("Enterprise")


class FormationRoute(Word):
    """By which of the three routes an organisation came to be."""

    KEY_FIRM = "key_firm", N_("Key firm")
    INDUSTRY = "industry", N_("By industry")
    CATCH_ALL = "catch_all", N_("Catch-all by area")


class Division(db.Model):
    """An administrative division, as the statistics list it. Points are WGS-84 degrees where known."""

    __tablename__ = "divisions"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_code: Mapped[str | None] = mapped_column(sa.ForeignKey("divisions.code"), index=True)
    level: Mapped[str]
    statutory: Mapped[bool]
    lng: Mapped[Decimal | None] = mapped_column(sa.Numeric(9, 6))
    lat: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 6))


class Union(db.Model):
    """A body in the union tree.

    `parent` and `second_parent` (dual leadership) carry scope; affiliation, funding and custody never do.
    """

    __tablename__ = "unions"
    __table_args__ = (
        sa.CheckConstraint("parent_id <> id AND second_parent_id <> id", name="not_own_parent"),
        sa.CheckConstraint("second_parent_id IS NULL OR parent_id IS NOT NULL", name="second_needs_first"),
        sa.CheckConstraint("second_parent_id <> parent_id", name="two_different_parents"),
        sa.CheckConstraint("closed_at IS NULL OR closed_at >= created_at", name="closed_after_creation"),
        sa.Index("ix_unions_name_trgm", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str]
    kind: Mapped[UnionKind] = mapped_column(text_enum(UnionKind))
    level: Mapped[UnionLevel] = mapped_column(text_enum(UnionLevel))
    division_code: Mapped[str | None] = mapped_column(sa.ForeignKey("divisions.code"), index=True)
    parent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"), index=True)
    second_parent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"), index=True)
    affiliation_union_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"))
    funding_union_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"))
    custodian_union_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("unions.id"))
    formation_route: Mapped[FormationRoute | None] = mapped_column(text_enum(FormationRoute))
    founded_on: Mapped[date | None]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    parent: Mapped[Union | None] = relationship(foreign_keys=[parent_id], remote_side=[id], viewonly=True)
    second_parent: Mapped[Union | None] = relationship(foreign_keys=[second_parent_id], remote_side=[id], viewonly=True)


class UnionReach(db.Model):
    """Which union lies within which: every union reaches itself (depth 0) and everything beneath either parent."""

    __tablename__ = "union_reach"
    __table_args__ = (sa.Index("ix_union_reach_union_id", "union_id", "depth"),)

    ancestor_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id", ondelete="CASCADE"), primary_key=True)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id", ondelete="CASCADE"), primary_key=True)
    depth: Mapped[int]
