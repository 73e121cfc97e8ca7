"""Bookings and the waiting list.

Revision: 0016
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"


def upgrade():
    op.create_table('bookings',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('place_id', sa.Uuid(), nullable=True),
    sa.Column('status', sa.Enum('waiting', 'offered', 'booked', 'attended', 'no_show', 'cancelled', 'expired', name='booking_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('way', sa.Enum('worker', 'staff', 'desk', 'paper', 'import', name='booked_by', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('queued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('offer_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('code_index', sa.LargeBinary(), nullable=False),
    sa.Column('rule_id', sa.Uuid(), nullable=False),
    sa.Column('price', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('facts', postgresql.JSONB(), nullable=False),
    sa.Column('quota_share_id', sa.Uuid(), nullable=True),
    sa.Column('moved_from_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('attended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attended_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('reminded_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(status = 'offered') = (offer_expires_at IS NOT NULL)", name=op.f('ck_bookings_offer_expires')),
    sa.CheckConstraint("(status IN ('offered', 'booked', 'attended')) = (place_id IS NOT NULL)", name=op.f('ck_bookings_place_held')),
    sa.CheckConstraint("status <> 'attended' OR attended_at IS NOT NULL", name=op.f('ck_bookings_attended_at_a_time')),
    sa.CheckConstraint('price >= 0', name=op.f('ck_bookings_price_not_negative')),
    sa.ForeignKeyConstraint(['attended_by_account_id'], ['accounts.id'], name=op.f('fk_bookings_attended_by_account_id')),
    sa.ForeignKeyConstraint(['created_by_account_id'], ['accounts.id'], name=op.f('fk_bookings_created_by_account_id')),
    sa.ForeignKeyConstraint(['moved_from_id'], ['bookings.id'], name=op.f('fk_bookings_moved_from_id')),
    sa.ForeignKeyConstraint(['place_id'], ['session_places.id'], name=op.f('fk_bookings_place_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_bookings_programme_id')),
    sa.ForeignKeyConstraint(['quota_share_id'], ['quota_shares.id'], name=op.f('fk_bookings_quota_share_id')),
    sa.ForeignKeyConstraint(['rule_id'], ['eligibility_rules.id'], name=op.f('fk_bookings_rule_id')),
    sa.ForeignKeyConstraint(['session_id'], ['service_sessions.id'], name=op.f('fk_bookings_session_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_bookings_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bookings'))
    )
    op.create_index('ix_bookings_offer_expires_at', 'bookings', ['offer_expires_at'], unique=False, postgresql_where=sa.text("status = 'offered'"))
    op.create_index('ix_bookings_programme_id', 'bookings', ['programme_id', 'worker_id'], unique=False)
    op.create_index('ix_bookings_session_id', 'bookings', ['session_id', 'status', 'priority', 'queued_at', 'id'], unique=False)
    op.create_index('ix_bookings_worker_id', 'bookings', ['worker_id', 'id'], unique=False)
    op.create_index('uq_bookings_alive', 'bookings', ['session_id', 'worker_id'], unique=True, postgresql_where=sa.text("status IN ('waiting', 'offered', 'booked', 'attended')"))
    op.create_index('uq_bookings_code_index', 'bookings', ['code_index'], unique=True)
    op.create_index('uq_bookings_place_id', 'bookings', ['place_id'], unique=True)


def downgrade():
    op.drop_table("bookings")
