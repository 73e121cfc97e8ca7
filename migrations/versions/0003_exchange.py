"""Workbooks are looked at before they are loaded; the worker loads large ones.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SYSTEMS = sa.Enum("gcj02", "wgs84", "bd09", name="coordinate_system", native_enum=False, create_constraint=True, length=40)
STATES = sa.Enum("waiting", "loading", "done", "failed", name="load_status", native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "staged_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("union_id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("crs", SYSTEMS, nullable=True),
        sa.Column("content_cipher", sa.LargeBinary(), nullable=False),
        sa.Column("preview_cipher", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_staged_imports_account_id")),
        sa.ForeignKeyConstraint(["union_id"], ["unions.id"], name=op.f("fk_staged_imports_union_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staged_imports")),
    )
    op.create_index("ix_staged_imports_account_id", "staged_imports", ["account_id", "id"], unique=False)
    op.create_table(
        "import_jobs",
        sa.Column("staged_id", sa.Uuid(), nullable=False),
        sa.Column("status", STATES, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("done >= 0 AND done <= total", name=op.f("ck_import_jobs_done_of_total")),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_import_jobs_tries_not_negative")),
        sa.CheckConstraint("(status = 'done') = (import_id IS NOT NULL)", name=op.f("ck_import_jobs_done_leads_on")),
        sa.ForeignKeyConstraint(["staged_id"], ["staged_imports.id"], name=op.f("fk_import_jobs_staged_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["import_id"], ["station_imports.id"], name=op.f("fk_import_jobs_import_id")),
        sa.PrimaryKeyConstraint("staged_id", name=op.f("pk_import_jobs")),
    )
    op.create_index(
        "ix_import_jobs_open", "import_jobs", ["at"], unique=False, postgresql_where=sa.text("status IN ('waiting', 'loading')")
    )


def downgrade():
    op.drop_table("import_jobs")
    op.drop_table("staged_imports")
