"""The catalogue of what a union gives: health checks, cool drinks, courses, packs. An item says how; a programme says when."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Money, Word, new_id, text_enum


class WelfareCategory(Word):
    """What kind of welfare it is (domain section 2.5)."""

    HEALTH_CHECK = "health_check", N_("Health check-up")
    CANCER_SCREENING = "cancer_screening", N_("Breast and cervical cancer screening")
    MUTUAL_AID = "mutual_aid", N_("Mutual aid")
    HEAT_RELIEF = "heat_relief", N_("Summer heat relief")
    WINTER_WARMTH = "winter_warmth", N_("Winter warmth")
    PSYCH_SUPPORT = "psych_support", N_("Mental-health support")
    SKILLS_TRAINING = "skills_training", N_("Skills training")
    LEGAL_AID = "legal_aid", N_("Legal aid")
    HARDSHIP_VISIT = "hardship_visit", N_("Home and site visits")
    STUDY_AID = "study_aid", N_("Study aid for children")
    RECUPERATION = "recuperation", N_("Recuperation")
    CULTURE_SPORT = "culture_sport", N_("Culture and sport")
    MATCHMAKING = "matchmaking", N_("Matchmaking")
    MERCHANT_DISCOUNT = "merchant_discount", N_("Merchant discount")
    WELCOME_PACK = "welcome_pack", N_("Welcome pack")
    VACCINATION = "vaccination", N_("Vaccination")
    EBIKE_PAPERWORK = "ebike_paperwork", N_("E-bike paperwork")


class ServiceClass(Word):
    """Whom a kind of service is for (S01)."""

    UNIVERSAL = "universal", N_("Universal service")
    OCCUPATION_SPECIFIC = "occupation_specific", N_("Occupation-specific service")
    ENTERPRISE = "enterprise", N_("Service of an enterprise union")
    ONE_TO_ONE = "one_to_one", N_("One-to-one case service")


class Proof(Word):
    """What shows that it was received."""

    NONE = "none", N_("No proof needed")
    CODE = "code", N_("Confirmed by the receiver's code")
    PHOTO = "photo", N_("A photo")
    SIGNATURE = "signature", N_("A signature")


class WelfareItem(db.Model):
    """One thing a union gives. ``union_id`` owns it; the unions beneath may plan programmes with it.

    ``unit_cost`` is what one costs the union, in yuan; a programme may set its own. ``named`` False: given without a name
    (counselling). ``needs_two``: whoever registered or approved does not hand over. ``supply_item_id``: it leaves the
    station's stock when it is given.
    """

    __tablename__ = "welfare_items"
    __table_args__ = (
        sa.CheckConstraint("unit_cost >= 0", name="unit_cost_not_negative"),
        sa.CheckConstraint("named OR proof IN ('none', 'photo')", name="unnamed_needs_no_code"),
        sa.Index(
            "uq_welfare_items_union_id_name", "union_id", "name", unique=True, postgresql_where=sa.text("closed_at IS NULL")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(sa.String(30), unique=True)
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    name: Mapped[str]
    category: Mapped[WelfareCategory] = mapped_column(text_enum(WelfareCategory))
    service_class: Mapped[ServiceClass] = mapped_column(text_enum(ServiceClass), default=ServiceClass.UNIVERSAL)
    procedure: Mapped[str]
    unit: Mapped[str]
    unit_cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    provider_name: Mapped[str | None]
    proof: Mapped[Proof] = mapped_column(text_enum(Proof), default=Proof.NONE)
    named: Mapped[bool] = mapped_column(default=True)
    needs_two: Mapped[bool] = mapped_column(default=False)
    supply_item_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("supply_items.id"))
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
