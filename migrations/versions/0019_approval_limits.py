"""From which sum a meeting decides a union's budget, and from which the audit committee reviews it.

Revision: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade():
    op.create_table('approval_limits',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('minute_from', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('review_from', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('decided_in', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('set_by_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('minute_from > 0 AND review_from >= minute_from', name=op.f('ck_approval_limits_in_order')),
    sa.ForeignKeyConstraint(['set_by_id'], ['accounts.id'], name=op.f('fk_approval_limits_set_by_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_approval_limits_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approval_limits'))
    )
    op.create_index('ix_approval_limits_union_id', 'approval_limits', ['union_id', 'id'], unique=False)
    op.execute("CREATE TRIGGER tr_approval_limits_append_only BEFORE UPDATE OR DELETE ON approval_limits "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")  # fmt: skip
    op.execute("CREATE TRIGGER tr_approval_limits_no_truncate BEFORE TRUNCATE ON approval_limits "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")  # fmt: skip


def downgrade():
    op.drop_table("approval_limits")
