"""Places where workers wish for a station.

Revision: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

OCCUPATIONS = (
    "courier", "food_delivery_rider", "truck_driver", "ride_hailing_driver", "sanitation_worker", "taxi_driver", "traffic_police",
    "care_worker", "domestic_worker", "shopping_guide", "real_estate_agent", "security_guard", "livestreamer", "other",
)
STATES = ("new", "considered", "planned", "declined", "built")
APPEND_ONLY = ("wish_voices",)


def words(name, *values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "wishes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("union_id", sa.Uuid(), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("place_key", sa.Text(), nullable=False),
        sa.Column("lat", sa.Numeric(8, 6), nullable=True),
        sa.Column("lng", sa.Numeric(9, 6), nullable=True),
        sa.Column("voices", sa.Integer(), nullable=False),
        sa.Column("state", words("wish_state", *STATES), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("station_id", sa.Uuid(), nullable=True),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(lat IS NULL) = (lng IS NULL)", name=op.f("ck_wishes_point_whole")),
        sa.CheckConstraint("voices >= 1", name=op.f("ck_wishes_voices_positive")),
        sa.CheckConstraint("(state = 'declined') = (reason IS NOT NULL)", name=op.f("ck_wishes_declined_has_reason")),
        sa.CheckConstraint("(state = 'built') = (station_id IS NOT NULL)", name=op.f("ck_wishes_built_has_station")),
        sa.ForeignKeyConstraint(["union_id"], ["unions.id"], name=op.f("fk_wishes_union_id")),
        sa.ForeignKeyConstraint(["county_code"], ["divisions.code"], name=op.f("fk_wishes_county_code")),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_wishes_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wishes")),
    )
    op.create_index(
        "uq_wishes_open_place", "wishes", ["county_code", "place_key"], unique=True,
        postgresql_where=sa.text("state IN ('new', 'considered', 'planned')"),
    )
    op.create_index("ix_wishes_union_id", "wishes", ["union_id", "voices", "id"])
    op.create_table(
        "wish_voices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wish_id", sa.Uuid(), nullable=False),
        sa.Column("occupation", words("occupation", *OCCUPATIONS), nullable=True),
        sa.Column("missing", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["wish_id"], ["wishes.id"], name=op.f("fk_wish_voices_wish_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wish_voices")),
    )
    op.create_index("ix_wish_voices_wish_id", "wish_voices", ["wish_id", "id"])
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                   "FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER tr_{table}_no_truncate BEFORE TRUNCATE ON {table} "
                   "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade():
    op.drop_table("wish_voices")
    op.drop_table("wishes")
