"""Shares of a programme's quota down the tree.

Revision: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade():
    op.create_table('quota_shares',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('union_id', sa.Uuid(), nullable=True),
    sa.Column('station_id', sa.Uuid(), nullable=True),
    sa.Column('amount', sa.Integer(), nullable=False),
    sa.Column('given', sa.Integer(), nullable=False),
    sa.Column('used', sa.Integer(), nullable=False),
    sa.Column('take_back_on', sa.Date(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(union_id IS NULL) <> (station_id IS NULL)', name=op.f('ck_quota_shares_one_holder')),
    sa.CheckConstraint('amount >= 0 AND given >= 0 AND used >= 0', name=op.f('ck_quota_shares_not_negative')),
    sa.CheckConstraint('given + used <= amount', name=op.f('ck_quota_shares_within_amount')),
    sa.CheckConstraint('parent_id <> id', name=op.f('ck_quota_shares_parent_is_another')),
    sa.ForeignKeyConstraint(['parent_id'], ['quota_shares.id'], name=op.f('fk_quota_shares_parent_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_quota_shares_programme_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_quota_shares_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_quota_shares_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quota_shares'))
    )
    op.create_index('ix_quota_shares_parent_id', 'quota_shares', ['parent_id'], unique=False)
    op.create_index('uq_quota_shares_root', 'quota_shares', ['programme_id'], unique=True, postgresql_where=sa.text('parent_id IS NULL'))
    op.create_index('uq_quota_shares_station', 'quota_shares', ['programme_id', 'station_id'], unique=True, postgresql_where=sa.text('station_id IS NOT NULL'))
    op.create_index('uq_quota_shares_union', 'quota_shares', ['programme_id', 'union_id'], unique=True, postgresql_where=sa.text('union_id IS NOT NULL'))


def downgrade():
    op.drop_table("quota_shares")
