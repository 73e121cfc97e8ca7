"""Workbooks are looked at before they are loaded.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SYSTEMS = sa.Enum("gcj02", "wgs84", "bd09", name="coordinate_system", native_enum=False, create_constraint=True, length=40)


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


def downgrade():
    op.drop_table("staged_imports")
