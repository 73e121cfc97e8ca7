"""Things from the first-aid box, counted by kind and occupation; whoever drives is given nothing with alcohol.

Revision: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ITEMS = (
    "plaster", "bandage", "iodophor", "burn_ointment", "huoxiang_oral_liquid", "huoxiang_tincture", "ten_drops_tincture",
    "rendan", "cooling_balm", "oral_rehydration", "insect_spray", "mask", "sanitary_pads", "other",
)  # fmt: skip
OCCUPATIONS = (
    "courier", "food_delivery_rider", "truck_driver", "ride_hailing_driver", "sanitation_worker", "taxi_driver",
    "traffic_police", "care_worker", "domestic_worker", "shopping_guide", "real_estate_agent", "security_guard",
    "livestreamer", "other",
)  # fmt: skip


def one_of(words, name):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "first_aid_tallies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("item", one_of(ITEMS, "first_aid_item"), nullable=False),
        sa.Column("occupation", one_of(OCCUPATIONS, "occupation"), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("line_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "item NOT IN ('huoxiang_tincture', 'ten_drops_tincture')"
            " OR occupation NOT IN ('truck_driver', 'ride_hailing_driver', 'taxi_driver')",
            name=op.f("ck_first_aid_tallies_no_alcohol_for_drivers"),
        ),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_first_aid_tallies_station_id")),
        sa.ForeignKeyConstraint(
            ["line_id", "line_at"], ["visit_lines.id", "visit_lines.at"], name=op.f("fk_first_aid_tallies_line_id_line_at")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_first_aid_tallies")),
    )
    op.create_index(op.f("uq_first_aid_tallies_line_id"), "first_aid_tallies", ["line_id"], unique=True)
    op.create_index("ix_first_aid_tallies_station_id", "first_aid_tallies", ["station_id", "at"])
    op.execute("CREATE TRIGGER tr_first_aid_tallies_append_only BEFORE UPDATE OR DELETE ON first_aid_tallies "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")  # fmt: skip
    op.execute("CREATE TRIGGER tr_first_aid_tallies_no_truncate BEFORE TRUNCATE ON first_aid_tallies "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")  # fmt: skip


def downgrade():
    op.drop_table("first_aid_tallies")
