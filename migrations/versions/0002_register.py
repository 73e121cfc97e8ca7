"""The whole register of stations, and photographs.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

FACILITIES = (
    "drinking_water", "hot_water", "microwave", "refrigerator", "air_conditioning", "heating", "seating",
    "phone_charging", "ebike_charging", "battery_swap", "wifi", "toilet", "first_aid_kit", "heat_medicine",
    "aed", "blood_pressure_meter", "thermometer", "umbrella", "tool_box", "tyre_pump", "books", "tv",
    "nursing_room", "wheelchair", "accessible_entry", "locker", "haircut", "shower", "laundry", "dryer",
    "bed", "truck_parking", "vehicle_repair", "convenience_store", "canteen", "legal_corner", "psych_corner",
    "donation_shelf", "sos_button",
)
SERVICES = (
    "rest", "drinking_water", "hot_meal", "cooling", "warming", "phone_charging", "ebike_charging",
    "battery_swap", "toilet", "wash_hands", "shower", "laundry", "truck_parking", "first_aid", "repair_tools",
    "rain_gear", "reading", "wifi", "haircut", "legal_advice", "counselling", "other",
)
HOLIDAY_RULES = ("as_usual", "closed_on_holidays", "workdays")
CARRIAGEWAYS = ("up", "down", "both", "off_road")
STRETCH = "opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= opens + 1440"
NEW_COLUMNS = (
    ("default_service", sa.String(40)),
    ("entry_method", sa.Text()),
    ("host_contact_cipher", sa.LargeBinary()),
    ("host_phone_cipher", sa.LargeBinary()),
    ("agreement_from", sa.Date()),
    ("agreement_until", sa.Date()),
    ("road", sa.Text()),
    ("carriageway", sa.String(40)),
    ("truck_spaces", sa.Integer()),
    ("max_height_m", sa.Numeric(4, 2)),
    ("max_weight_t", sa.Numeric(5, 1)),
    ("access_note", sa.Text()),
)
NEW_CHECKS = (
    ("agreement_in_order", "agreement_until >= agreement_from"),
    ("truck_spaces_not_negative", "truck_spaces >= 0"),
    ("limits_positive", "max_height_m > 0 AND max_weight_t > 0"),
)
# In the order they are made; they are dropped the other way round.
NEW_TABLES = (
    "pictures",
    "station_phones",
    "opening_exceptions",
    "exception_hours",
    "facility_hours",
    "station_photos",
    "star_ratings",
)


def one_of(column, words):
    """A CHECK that a column holds one word of a vocabulary."""
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def upgrade():
    op.create_table(
        "pictures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_kind", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.Column("large", sa.LargeBinary(), nullable=False),
        sa.Column("small", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_pictures_size_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pictures")),
    )
    widen_stations()
    make_phones()
    make_hours()
    op.create_table(
        "station_photos",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("picture_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_station_photos_station_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_station_photos_picture_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_photos")),
        sa.UniqueConstraint("picture_id", name=op.f("uq_station_photos_picture_id")),
    )
    op.create_index("ix_station_photos_station_id", "station_photos", ["station_id", "position", "id"])
    make_star_ratings()


def widen_stations():
    """What the register holds beyond the foundation."""
    for name, kind in NEW_COLUMNS:
        op.add_column("stations", sa.Column(name, kind, nullable=True))
    op.add_column("stations", sa.Column("holiday_rule", sa.String(40), nullable=False, server_default="as_usual"))
    op.alter_column("stations", "holiday_rule", server_default=None)
    for name, condition in NEW_CHECKS:
        op.create_check_constraint(op.f(f"ck_stations_{name}"), "stations", condition)
    op.create_check_constraint(op.f("ck_stations_basic_service"), "stations", one_of("default_service", SERVICES))
    op.create_check_constraint(op.f("ck_stations_holiday_rule"), "stations", one_of("holiday_rule", HOLIDAY_RULES))
    op.create_check_constraint(op.f("ck_stations_carriageway"), "stations", one_of("carriageway", CARRIAGEWAYS))
    op.create_index(
        "ix_stations_agreement_until",
        "stations",
        ["agreement_until"],
        postgresql_where=sa.text("agreement_until IS NOT NULL"),
    )
    op.add_column("station_facilities", sa.Column("price", sa.Numeric(8, 2), nullable=True))
    op.add_column("station_facilities", sa.Column("note", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_station_facilities_price_not_negative"), "station_facilities", "price >= 0")


def make_phones():
    """A station may have several numbers; the one it had comes first."""
    op.create_table(
        "station_phones",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_station_phones_station_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("station_id", "phone", name=op.f("pk_station_phones")),
    )
    op.execute(
        "INSERT INTO station_phones (station_id, phone, position) SELECT id, phone, 0 FROM stations WHERE phone IS NOT NULL"
    )
    op.drop_column("stations", "phone")


def make_hours():
    """Self-entry, days that differ, and hours of single facilities."""
    op.add_column("opening_hours", sa.Column("staffed", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.alter_column("opening_hours", "staffed", server_default=None)
    op.create_table(
        "opening_exceptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_account_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("last_on >= first_on", name=op.f("ck_opening_exceptions_days_in_order")),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_opening_exceptions_station_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["by_account_id"], ["accounts.id"], name=op.f("fk_opening_exceptions_by_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_exceptions")),
        sa.UniqueConstraint("id", "closed", name=op.f("uq_opening_exceptions_id_closed")),
    )
    op.create_index("ix_opening_exceptions_station_id", "opening_exceptions", ["station_id", "last_on"])
    op.create_index("ix_opening_exceptions_last_on", "opening_exceptions", ["last_on"])
    op.create_table(
        "exception_hours",
        sa.Column("exception_id", sa.Uuid(), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("closes", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("NOT closed", name=op.f("ck_exception_hours_not_closed")),
        sa.CheckConstraint(STRETCH, name=op.f("ck_exception_hours_stretch")),
        sa.ForeignKeyConstraint(
            ["exception_id", "closed"],
            ["opening_exceptions.id", "opening_exceptions.closed"],
            name=op.f("fk_exception_hours_exception_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("exception_id", "opens", name=op.f("pk_exception_hours")),
    )
    op.create_table(
        "facility_hours",
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("facility", sa.String(40), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("closes", sa.Integer(), nullable=False),
        sa.CheckConstraint(one_of("facility", FACILITIES), name=op.f("ck_facility_hours_facility")),
        sa.CheckConstraint(STRETCH, name=op.f("ck_facility_hours_stretch")),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_facility_hours_weekday")),
        sa.ForeignKeyConstraint(
            ["station_id", "facility"],
            ["station_facilities.station_id", "station_facilities.facility"],
            name=op.f("fk_facility_hours_station_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("station_id", "facility", "weekday", "opens", name=op.f("pk_facility_hours")),
    )


def make_star_ratings():
    """Stars with their history; those a station has become its first entry."""
    op.create_table(
        "star_ratings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.Column("rated_on", sa.Date(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_account_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_star_ratings_one_to_five_stars")),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_star_ratings_station_id")),
        sa.ForeignKeyConstraint(["by_account_id"], ["accounts.id"], name=op.f("fk_star_ratings_by_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_star_ratings")),
    )
    op.create_index("ix_star_ratings_station_id", "star_ratings", ["station_id", "rated_on", "id"])
    op.execute(
        "INSERT INTO star_ratings (id, station_id, stars, rated_on, at) SELECT gen_random_uuid(), id, stars, "
        "(created_at AT TIME ZONE 'Asia/Shanghai')::date, created_at FROM stations WHERE stars IS NOT NULL"
    )
    op.execute(
        "CREATE TRIGGER tr_star_ratings_append_only BEFORE UPDATE OR DELETE ON star_ratings "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER tr_star_ratings_no_truncate BEFORE TRUNCATE ON star_ratings "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade():
    op.add_column("stations", sa.Column("phone", sa.Text(), nullable=True))
    op.execute(
        "UPDATE stations s SET phone = (SELECT p.phone FROM station_phones p WHERE p.station_id = s.id "
        "ORDER BY p.position, p.phone LIMIT 1)"
    )
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    op.drop_column("opening_hours", "staffed")
    op.drop_column("station_facilities", "price")
    op.drop_column("station_facilities", "note")
    op.drop_column("stations", "holiday_rule")
    for name, _kind in NEW_COLUMNS:
        op.drop_column("stations", name)
