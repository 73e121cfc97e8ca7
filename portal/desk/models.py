"""What the counter keeps itself: things from the first-aid box, counted by kind and occupation, never beside a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import db
from portal.types import N_, Word, new_id, text_enum
from portal.vocabulary import Occupation


class FirstAidItem(Word):
    """What a first-aid box holds. Huoxiang comes twice: the tincture is up to half alcohol, the oral liquid has none."""

    PLASTER = "plaster", N_("Plaster")
    BANDAGE = "bandage", N_("Gauze and bandage")
    IODOPHOR = "iodophor", N_("Iodophor swabs")
    BURN_OINTMENT = "burn_ointment", N_("Burn ointment")
    HUOXIANG_ORAL_LIQUID = "huoxiang_oral_liquid", N_("Huoxiang oral liquid (no alcohol)")
    HUOXIANG_TINCTURE = "huoxiang_tincture", N_("Huoxiang tincture (alcohol)")
    TEN_DROPS_TINCTURE = "ten_drops_tincture", N_("Ten-drops tincture (alcohol)")
    RENDAN = "rendan", N_("Rendan pills")
    COOLING_BALM = "cooling_balm", N_("Cooling balm")
    ORAL_REHYDRATION = "oral_rehydration", N_("Rehydration salts")
    INSECT_SPRAY = "insect_spray", N_("Insect spray")
    MASK = "mask", N_("Face mask")
    SANITARY_PADS = "sanitary_pads", N_("Sanitary pads")
    OTHER = "other", N_("Something else from the box")

    @property
    def contains_alcohol(self) -> bool:
        """Whether whoever takes it must not drive."""
        return self in ALCOHOL_FREE_FORM

    @property
    def alcohol_free_form(self) -> FirstAidItem | None:
        """What to offer in its place."""
        return ALCOHOL_FREE_FORM.get(self)


ALCOHOL_FREE_FORM = {
    FirstAidItem.HUOXIANG_TINCTURE: FirstAidItem.HUOXIANG_ORAL_LIQUID,
    FirstAidItem.TEN_DROPS_TINCTURE: FirstAidItem.RENDAN,
}


class FirstAidTally(db.Model):
    """One thing from the box, given to somebody of an occupation; its anonymous visit line can be taken back."""

    __tablename__ = "first_aid_tallies"
    __table_args__ = (
        sa.ForeignKeyConstraint(["line_id", "line_at"], ["visit_lines.id", "visit_lines.at"]),
        sa.Index("uq_first_aid_tallies_line_id", "line_id", unique=True),
        sa.Index("ix_first_aid_tallies_station_id", "station_id", "at"),
        sa.CheckConstraint(
            "item NOT IN ('huoxiang_tincture', 'ten_drops_tincture')"
            " OR occupation NOT IN ('truck_driver', 'ride_hailing_driver', 'taxi_driver')",
            name="no_alcohol_for_drivers",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    item: Mapped[FirstAidItem] = mapped_column(text_enum(FirstAidItem))
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    line_id: Mapped[UUID]
    line_at: Mapped[datetime]
