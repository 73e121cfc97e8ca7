"""Stations and driver homes: what they are, where, when they are open, what they hold."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.db import db
from portal.stations.hours.rules import HolidayRule
from portal.types import N_, Encrypted, Word, new_id, text_enum
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


class Carriageway(Word):
    """On which side of a road a drivers' home lies."""

    UP = "up", N_("Up direction")
    DOWN = "down", N_("Down direction")
    BOTH = "both", N_("Both directions")
    OFF_ROAD = "off_road", N_("Off the road")


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
        sa.CheckConstraint("agreement_until >= agreement_from", name="agreement_in_order"),
        sa.CheckConstraint("truck_spaces >= 0", name="truck_spaces_not_negative"),
        sa.CheckConstraint("max_height_m > 0 AND max_weight_t > 0", name="limits_positive"),
        sa.Index("uq_stations_name_address", "county_code", "name", "address", unique=True),
        sa.Index("ix_stations_union_id", "union_id", "id"),
        sa.Index("ix_stations_agreement_until", "agreement_until", postgresql_where=sa.text("agreement_until IS NOT NULL")),
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
    area_m2: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 1))
    capacity: Mapped[int | None]
    opened_on: Mapped[date | None]
    services: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    default_service: Mapped[BasicService | None] = mapped_column(text_enum(BasicService))
    holiday_rule: Mapped[HolidayRule] = mapped_column(text_enum(HolidayRule), default=HolidayRule.AS_USUAL)
    entry_method: Mapped[str | None]
    host_contact_cipher: Mapped[bytes | None]
    host_phone_cipher: Mapped[bytes | None]
    agreement_from: Mapped[date | None]
    agreement_until: Mapped[date | None]
    road: Mapped[str | None]
    carriageway: Mapped[Carriageway | None] = mapped_column(text_enum(Carriageway))
    truck_spaces: Mapped[int | None]
    max_height_m: Mapped[Decimal | None] = mapped_column(sa.Numeric(4, 2))
    max_weight_t: Mapped[Decimal | None] = mapped_column(sa.Numeric(5, 1))
    access_note: Mapped[str | None]
    is_demo: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str | None]
    verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    host_contact = Encrypted("host_contact")
    host_phone = Encrypted("host_phone")

    phones: Mapped[list[StationPhone]] = relationship(
        order_by="StationPhone.position", cascade="all, delete-orphan", lazy="selectin"
    )
    hours: Mapped[list[OpeningHours]] = relationship(
        order_by="(OpeningHours.weekday, OpeningHours.opens)", cascade="all, delete-orphan", lazy="selectin"
    )
    facilities: Mapped[list[StationFacility]] = relationship(
        order_by="StationFacility.position", cascade="all, delete-orphan", lazy="selectin"
    )
    exceptions: Mapped[list[OpeningException]] = relationship(
        order_by="OpeningException.id", cascade="all, delete-orphan", lazy="selectin"
    )

    @property
    def phone(self) -> str | None:
        """The number to call first."""
        return self.phones[0].phone if self.phones else None

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
    staffed: Mapped[bool] = mapped_column(default=True)  # False: one lets oneself in


class OpeningException(db.Model):
    """Days on which the weekly hours do not hold. Of several for a day the one made last wins."""

    __tablename__ = "opening_exceptions"
    __table_args__ = (
        sa.CheckConstraint("last_on >= first_on", name="days_in_order"),
        sa.UniqueConstraint("id", "closed", name="uq_opening_exceptions_id_closed"),
        sa.Index("ix_opening_exceptions_station_id", "station_id", "last_on"),
        sa.Index("ix_opening_exceptions_last_on", "last_on"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id", ondelete="CASCADE"))
    first_on: Mapped[date]
    last_on: Mapped[date]
    closed: Mapped[bool]
    note: Mapped[str | None]
    at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))

    hours: Mapped[list[ExceptionHours]] = relationship(
        order_by="ExceptionHours.opens", cascade="all, delete-orphan", lazy="selectin"
    )


class ExceptionHours(db.Model):
    """A stretch that holds on each day of an exception, in minutes as in `OpeningHours`."""

    __tablename__ = "exception_hours"
    __table_args__ = (
        # A closed day has no hours: the pair points at an exception that is not closed.
        sa.ForeignKeyConstraint(
            ["exception_id", "closed"],
            ["opening_exceptions.id", "opening_exceptions.closed"],
            name="fk_exception_hours_exception_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("NOT closed", name="not_closed"),
        sa.CheckConstraint("opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= opens + 1440", name="stretch"),
    )

    exception_id: Mapped[UUID] = mapped_column(primary_key=True)
    opens: Mapped[int] = mapped_column(primary_key=True)
    closes: Mapped[int]
    closed: Mapped[bool] = mapped_column(default=False)


class StationFacility(db.Model):
    """A facility that a station has; without hours of its own it is there whenever the station is open."""

    __tablename__ = "station_facilities"
    __table_args__ = (sa.CheckConstraint("price >= 0", name="price_not_negative"),)

    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    facility: Mapped[Facility] = mapped_column(text_enum(Facility), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 2))  # None: not stated; 0: free
    note: Mapped[str | None]

    hours: Mapped[list[FacilityHours]] = relationship(
        order_by="(FacilityHours.weekday, FacilityHours.opens)", cascade="all, delete-orphan", lazy="selectin"
    )


class FacilityHours(db.Model):
    """A stretch of a weekday in which a facility can be used, if the station is open too."""

    __tablename__ = "facility_hours"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["station_id", "facility"],
            ["station_facilities.station_id", "station_facilities.facility"],
            name="fk_facility_hours_station_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        sa.CheckConstraint("opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= opens + 1440", name="stretch"),
    )

    station_id: Mapped[UUID] = mapped_column(primary_key=True)
    facility: Mapped[Facility] = mapped_column(text_enum(Facility), primary_key=True)
    weekday: Mapped[int] = mapped_column(primary_key=True)
    opens: Mapped[int] = mapped_column(primary_key=True)
    closes: Mapped[int]


class StationPhone(db.Model):
    """A number that everyone may call about a station."""

    __tablename__ = "station_phones"

    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id", ondelete="CASCADE"), primary_key=True)
    phone: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0)


class StationPhoto(db.Model):
    """A photograph of the place that everyone may see."""

    __tablename__ = "station_photos"
    __table_args__ = (sa.Index("ix_station_photos_station_id", "station_id", "position", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id", ondelete="CASCADE"))
    picture_id: Mapped[UUID] = mapped_column(sa.ForeignKey("pictures.id"), unique=True)
    position: Mapped[int] = mapped_column(default=0)
    caption: Mapped[str | None]


class StarRating(db.Model):
    """Stars as they were given or taken (None), on what basis; append-only, the latest stands at the station."""

    __tablename__ = "star_ratings"
    __table_args__ = (
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name="one_to_five_stars"),
        sa.Index("ix_star_ratings_station_id", "station_id", "rated_on", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    station_id: Mapped[UUID] = mapped_column(sa.ForeignKey("stations.id"))
    stars: Mapped[int | None]
    rated_on: Mapped[date]
    basis: Mapped[str | None]
    at: Mapped[datetime]
    by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
