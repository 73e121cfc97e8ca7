"""Stations and driver homes: what they are, where, when they are open, what they hold."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import db
from portal.types import N_, Word, new_id, text_enum
from portal.vocabulary import BasicService


class StationKind(Word):
    """What a station calls itself."""

    OUTDOOR_WORKER_STATION = "outdoor_worker_station", N_("Outdoor workers' station")
    CARE_STATION = "care_station", N_("Care station")
    UNION_STATION = "union_station", N_("Union rest station")
    DRIVERS_HOME = "drivers_home", N_("Drivers' home")
    COURIERS_HOME = "couriers_home", N_("Couriers' home")
    SHARED_WORKERS_HOME = "shared_workers_home", N_("Shared workers' home")
    WORKPLACE_REST = "workplace_rest", N_("Workplace rest station")
    MOBILE = "mobile", N_("Mobile station")


class StationTier(Word):
    """Stations stand at townships, points at villages."""

    STATION = "station", N_("Service station")
    POINT = "point", N_("Service point")


class StationGrade(Word):
    """How far a station is built up."""

    BASIC = "basic", N_("Basic")
    BENCHMARK = "benchmark", N_("Benchmark")
    SMART_24H = "smart_24h", N_("24-hour smart")


class BuildMode(Word):
    """Who built it."""

    UNION_BUILT = "union_built", N_("Built by the union")
    GOVERNMENT_BUILT = "government_built", N_("Built by the government")
    SOCIALLY_SPONSORED = "socially_sponsored", N_("Sponsored by society")
    JOINTLY_BUILT = "jointly_built", N_("Built jointly")


class StationStatus(Word):
    """Whether a station serves."""

    PLANNED = "planned", N_("Planned")
    TRIAL = "trial", N_("On trial")
    OPEN = "open", N_("In service")
    SUSPENDED = "suspended", N_("Suspended")
    UNDER_REPAIR = "under_repair", N_("Under repair")
    WITHDRAWN = "withdrawn", N_("Withdrawn")


SERVING_STATUSES = (StationStatus.TRIAL, StationStatus.OPEN)
# What the public finds: a door that is shut for a while is worth knowing, one that is planned or gone is not.
PUBLIC_STATUSES = (*SERVING_STATUSES, StationStatus.SUSPENDED, StationStatus.UNDER_REPAIR)

# What a status may become. Withdrawn stays withdrawn: the code on the door is never given to another station.
NEXT_STATUSES: dict[StationStatus, tuple[StationStatus, ...]] = {
    StationStatus.PLANNED: (StationStatus.TRIAL, StationStatus.OPEN, StationStatus.WITHDRAWN),
    StationStatus.TRIAL: (
        StationStatus.OPEN,
        StationStatus.SUSPENDED,
        StationStatus.UNDER_REPAIR,
        StationStatus.WITHDRAWN,
    ),
    StationStatus.OPEN: (StationStatus.SUSPENDED, StationStatus.UNDER_REPAIR, StationStatus.WITHDRAWN),
    StationStatus.SUSPENDED: (StationStatus.OPEN, StationStatus.UNDER_REPAIR, StationStatus.WITHDRAWN),
    StationStatus.UNDER_REPAIR: (StationStatus.OPEN, StationStatus.SUSPENDED, StationStatus.WITHDRAWN),
    StationStatus.WITHDRAWN: (),
}


class CoordinateSystem(Word):
    """Which system a pair of coordinates is in; never guessed."""

    GCJ02 = "gcj02", "GCJ-02"
    WGS84 = "wgs84", "WGS-84"
    BD09 = "bd09", "BD-09"


class Facility(Word):
    """What stands in a station."""

    DRINKING_WATER = "drinking_water", N_("Water dispenser")
    HOT_WATER = "hot_water", N_("Hot water")
    MICROWAVE = "microwave", N_("Microwave")
    REFRIGERATOR = "refrigerator", N_("Refrigerator")
    AIR_CONDITIONING = "air_conditioning", N_("Air conditioning")
    HEATING = "heating", N_("Heating")
    SEATING = "seating", N_("Tables and chairs")
    PHONE_CHARGING = "phone_charging", N_("Phone charger")
    EBIKE_CHARGING = "ebike_charging", N_("E-bike charger")
    BATTERY_SWAP = "battery_swap", N_("Battery swap cabinet")
    WIFI = "wifi", N_("Wi-Fi access")
    TOILET = "toilet", N_("Toilets")
    FIRST_AID_KIT = "first_aid_kit", N_("First-aid box")
    HEAT_MEDICINE = "heat_medicine", N_("Heatstroke medicine")
    AED = "aed", N_("AED")
    BLOOD_PRESSURE_METER = "blood_pressure_meter", N_("Blood-pressure meter")
    THERMOMETER = "thermometer", N_("Thermometer")
    UMBRELLA = "umbrella", N_("Umbrellas and raincoats")
    TOOL_BOX = "tool_box", N_("Tool box")
    TYRE_PUMP = "tyre_pump", N_("Tyre pump")
    BOOKS = "books", N_("Books and newspapers")
    TV = "tv", N_("Television")
    NURSING_ROOM = "nursing_room", N_("Nursing room")
    WHEELCHAIR = "wheelchair", N_("Wheelchair")
    ACCESSIBLE_ENTRY = "accessible_entry", N_("Step-free entry")
    LOCKER = "locker", N_("Lockers")
    HAIRCUT = "haircut", N_("Haircutting")
    SHOWER = "shower", N_("Showers")
    LAUNDRY = "laundry", N_("Washing machine")
    DRYER = "dryer", N_("Dryer")
    BED = "bed", N_("Beds")
    TRUCK_PARKING = "truck_parking", N_("Truck parking spaces")
    VEHICLE_REPAIR = "vehicle_repair", N_("Vehicle repair")
    CONVENIENCE_STORE = "convenience_store", N_("Convenience store")
    CANTEEN = "canteen", N_("Canteen")
    LEGAL_CORNER = "legal_corner", N_("Legal service")
    PSYCH_CORNER = "psych_corner", N_("Counselling corner")
    DONATION_SHELF = "donation_shelf", N_("Donation shelf")
    SOS_BUTTON = "sos_button", N_("Emergency button")


class Station(db.Model):
    """A station or driver home. ``code`` is for life and stands on the door."""

    __tablename__ = "stations"
    __table_args__ = (
        sa.CheckConstraint("(lng IS NULL) = (lat IS NULL) AND (lng IS NULL) = (crs IS NULL)", name="point_whole"),
        sa.CheckConstraint("lng BETWEEN 73 AND 136 AND lat BETWEEN 3 AND 54", name="point_in_china"),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name="one_to_five_stars"),
        sa.CheckConstraint("area_m2 > 0", name="area_positive"),
        sa.CheckConstraint("capacity > 0", name="capacity_positive"),
        sa.CheckConstraint("(status = 'withdrawn') = (closed_at IS NOT NULL)", name="withdrawn_is_closed"),
        sa.Index("uq_stations_name_address", "county_code", "name", "address", unique=True),
        sa.Index("ix_stations_union_id", "union_id", "id"),
        sa.Index("ix_stations_name_trgm", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
        sa.Index(
            "ix_stations_address_trgm",
            "address",
            postgresql_using="gin",
            postgresql_ops={"address": "gin_trgm_ops"},
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(sa.String(20), unique=True)
    name: Mapped[str]
    kind: Mapped[StationKind] = mapped_column(text_enum(StationKind))
    tier: Mapped[StationTier] = mapped_column(text_enum(StationTier), default=StationTier.STATION)
    grade: Mapped[StationGrade] = mapped_column(text_enum(StationGrade), default=StationGrade.BASIC)
    stars: Mapped[int | None]
    status: Mapped[StationStatus] = mapped_column(text_enum(StationStatus), default=StationStatus.OPEN)
    build_mode: Mapped[BuildMode | None] = mapped_column(text_enum(BuildMode))
    union_id: Mapped[UUID] = mapped_column(sa.ForeignKey("unions.id"))
    host_name: Mapped[str | None]
    county_code: Mapped[str] = mapped_column(sa.ForeignKey("divisions.code"))
    town_code: Mapped[str | None] = mapped_column(sa.ForeignKey("divisions.code"))
    address: Mapped[str]
    lng: Mapped[Decimal | None] = mapped_column(sa.Numeric(9, 6))
    lat: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 6))
    crs: Mapped[CoordinateSystem | None] = mapped_column(text_enum(CoordinateSystem))
    phone: Mapped[str | None]
    area_m2: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 1))
    capacity: Mapped[int | None]
    opened_on: Mapped[date | None]
    services: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    is_demo: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str | None]
    verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    hours: Mapped[list[OpeningHours]] = relationship(
        order_by="(OpeningHours.weekday, OpeningHours.opens)", cascade="all, delete-orphan", lazy="selectin"
    )
    facilities: Mapped[list[StationFacility]] = relationship(
        order_by="StationFacility.position", cascade="all, delete-orphan", lazy="selectin"
    )

    @property
    def offered(self) -> list[BasicService]:
        """What the counter offers, in the station's own order."""
        return [BasicService(service) for service in self.services]


class OpeningHours(db.Model):
    """A stretch of a weekday (Monday 0) in minutes after midnight; past 1440 it runs into the next day."""

    __tablename__ = "opening_hours"
    __table_args__ = (
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        sa.CheckConstraint("opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= opens + 1440", name="stretch"),
    )

    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    weekday: Mapped[int] = mapped_column(primary_key=True)
    opens: Mapped[int] = mapped_column(primary_key=True)
    closes: Mapped[int]


class StationFacility(db.Model):
    """A facility that a station has."""

    __tablename__ = "station_facilities"

    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    facility: Mapped[Facility] = mapped_column(text_enum(Facility), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
