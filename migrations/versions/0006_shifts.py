"""Paired devices, PINs and shifts: who stands at the counter.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

MOMENT = sa.DateTime(timezone=True)


def upgrade():
    op.create_table(
        "station_devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("paired_at", MOMENT, nullable=False),
        sa.Column("paired_by", sa.Uuid(), nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name=op.f("ck_station_devices_revoked_whole")),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_station_devices_station_id")),
        sa.ForeignKeyConstraint(["paired_by"], ["accounts.id"], name=op.f("fk_station_devices_paired_by")),
        sa.ForeignKeyConstraint(["revoked_by"], ["accounts.id"], name=op.f("fk_station_devices_revoked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_devices")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_station_devices_token_digest")),
    )
    op.create_index("ix_station_devices_station_id", "station_devices", ["station_id", "id"])

    op.create_table(
        "shifts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("forgotten", sa.Boolean(), nullable=False),
        sa.Column("left", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("acknowledged_at", MOMENT, nullable=True),
        sa.Column("acknowledged_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("ended_at >= began_at", name=op.f("ck_shifts_ends_after_start")),
        sa.CheckConstraint("NOT forgotten OR ended_at IS NOT NULL", name=op.f("ck_shifts_forgotten_is_over")),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name=op.f("ck_shifts_acknowledged_whole")
        ),
        sa.CheckConstraint(
            "acknowledged_at IS NULL OR (ended_at IS NOT NULL AND NOT forgotten AND acknowledged_at >= ended_at)",
            name=op.f("ck_shifts_acknowledged_after_handover"),
        ),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_shifts_station_id")),
        sa.ForeignKeyConstraint(["device_id"], ["station_devices.id"], name=op.f("fk_shifts_device_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_shifts_account_id")),
        sa.ForeignKeyConstraint(["acknowledged_by"], ["accounts.id"], name=op.f("fk_shifts_acknowledged_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
    )
    op.create_index("uq_shifts_open", "shifts", ["device_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index("ix_shifts_station_id", "shifts", ["station_id", sa.text("began_at DESC"), sa.text("id DESC")])
    op.create_index("ix_shifts_device_id", "shifts", ["device_id", "id"])

    op.add_column("accounts", sa.Column("pin_hash", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("pin_set_at", MOMENT, nullable=True))
    op.create_check_constraint(op.f("ck_accounts_pin_whole"), "accounts", "(pin_hash IS NULL) = (pin_set_at IS NULL)")

    # A session on a paired device is bound to it: whoever revokes the device ends it.
    op.add_column("sessions", sa.Column("device_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_sessions_device_id"), "sessions", "station_devices", ["device_id"], ["id"])
    op.create_index(
        "ix_sessions_device_id", "sessions", ["device_id"], postgresql_where=sa.text("device_id IS NOT NULL")
    )


def downgrade():
    op.execute("DELETE FROM sessions WHERE device_id IS NOT NULL")  # without its device a session would reach further
    op.drop_index("ix_sessions_device_id", "sessions")
    op.drop_constraint(op.f("fk_sessions_device_id"), "sessions", type_="foreignkey")
    op.drop_column("sessions", "device_id")
    op.drop_constraint(op.f("ck_accounts_pin_whole"), "accounts", type_="check")
    op.drop_column("accounts", "pin_set_at")
    op.drop_column("accounts", "pin_hash")
    op.drop_table("shifts")
    op.drop_table("station_devices")
