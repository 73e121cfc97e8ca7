"""Who received what, reversals, disputes, samples.

Revision: 0018
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"

APPEND_ONLY = ("deliveries", "delivery_reversals", "exception_reviews")


def upgrade():
    op.create_table('deliveries',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=True),
    sa.Column('place_name', sa.Text(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=True),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('unit_cost', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('cost', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('budget_line_id', sa.Uuid(), nullable=True),
    sa.Column('booking_id', sa.Uuid(), nullable=True),
    sa.Column('visit_id', sa.Uuid(), nullable=True),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('rule_id', sa.Uuid(), nullable=True),
    sa.Column('facts', postgresql.JSONB(), nullable=False),
    sa.Column('quota_share_id', sa.Uuid(), nullable=True),
    sa.Column('source', sa.Enum('desk', 'booking', 'paper', 'offline', 'staff', name='delivery_source', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('late', sa.Boolean(), nullable=False),
    sa.Column('over_limit', sa.Boolean(), nullable=False),
    sa.Column('flags', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('needs_two', sa.Boolean(), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.Column('registered_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('exception_reason', sa.Text(), nullable=True),
    sa.Column('proof', sa.Enum('none', 'code', 'photo', 'signature', name='proof', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('proof_picture_id', sa.Uuid(), nullable=True),
    sa.Column('proof_confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('proxy_name_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('proxy_relation', sa.Text(), nullable=True),
    sa.CheckConstraint("proof <> 'photo' OR proof_picture_id IS NOT NULL OR late", name=op.f('ck_deliveries_photo_where_due')),
    sa.CheckConstraint('(proxy_name_cipher IS NULL) = (proxy_relation IS NULL)', name=op.f('ck_deliveries_proxy_whole')),
    sa.CheckConstraint("proof <> 'code' OR proof_confirmed_at IS NOT NULL OR late", name=op.f('ck_deliveries_code_where_due')),
    sa.CheckConstraint("late OR cardinality(flags) = 0", name=op.f('ck_deliveries_flags_only_late')),
    sa.CheckConstraint("NOT over_limit OR cardinality(flags) > 0", name=op.f('ck_deliveries_over_limit_says_why')),
    sa.CheckConstraint("NOT needs_two OR late OR exception_reason IS NOT NULL OR by_account_id <> registered_by_account_id", name=op.f('ck_deliveries_two_people')),
    sa.CheckConstraint("(visit_id IS NULL) = (visit_at IS NULL)", name=op.f('ck_deliveries_visit_whole')),
    sa.CheckConstraint("proxy_relation IS NULL OR worker_id IS NOT NULL", name=op.f('ck_deliveries_proxy_for_somebody')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_deliveries_quantity_counts')),
    sa.CheckConstraint('unit_cost >= 0 AND cost >= 0', name=op.f('ck_deliveries_cost_not_negative')),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], name=op.f('fk_deliveries_booking_id')),
    sa.ForeignKeyConstraint(['budget_line_id'], ['budget_lines.id'], name=op.f('fk_deliveries_budget_line_id')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_deliveries_by_account_id')),
    sa.ForeignKeyConstraint(['item_id'], ['welfare_items.id'], name=op.f('fk_deliveries_item_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_deliveries_programme_id')),
    sa.ForeignKeyConstraint(['proof_picture_id'], ['pictures.id'], name=op.f('fk_deliveries_proof_picture_id')),
    sa.ForeignKeyConstraint(['quota_share_id'], ['quota_shares.id'], name=op.f('fk_deliveries_quota_share_id')),
    sa.ForeignKeyConstraint(['registered_by_account_id'], ['accounts.id'], name=op.f('fk_deliveries_registered_by_account_id')),
    sa.ForeignKeyConstraint(['rule_id'], ['eligibility_rules.id'], name=op.f('fk_deliveries_rule_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_deliveries_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_deliveries_union_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_deliveries_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries'))
    )
    op.create_index('ix_deliveries_at', 'deliveries', ['at', 'id'], unique=False)
    op.create_index('ix_deliveries_booking_id', 'deliveries', ['booking_id'], unique=False)
    op.create_index('ix_deliveries_item', 'deliveries', ['item_id', 'worker_id', 'at'], unique=False)
    op.create_index('ix_deliveries_programme_id', 'deliveries', ['programme_id', 'at', 'id'], unique=False)
    op.create_index('ix_deliveries_station_id', 'deliveries', ['station_id', 'at', 'id'], unique=False)
    op.create_index('ix_deliveries_union_id', 'deliveries', ['union_id', 'at', 'id'], unique=False)
    op.create_index('ix_deliveries_worker_id', 'deliveries', ['worker_id', 'at', 'id'], unique=False)
    op.create_index('ix_deliveries_flagged', 'deliveries', ['union_id', 'at', 'id'], unique=False, postgresql_where=sa.text("cardinality(flags) > 0"))
    op.create_index('ix_deliveries_alone', 'deliveries', ['union_id', 'at', 'id'], unique=False, postgresql_where=sa.text("needs_two AND by_account_id = registered_by_account_id"))
    op.create_table('delivery_reversals',
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_delivery_reversals_by_account_id')),
    sa.ForeignKeyConstraint(['delivery_id'], ['deliveries.id'], name=op.f('fk_delivery_reversals_delivery_id')),
    sa.PrimaryKeyConstraint('delivery_id', name=op.f('pk_delivery_reversals'))
    )
    op.create_table('exception_reviews',
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=False),
    sa.Column('accepted', sa.Boolean(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_exception_reviews_by_account_id')),
    sa.ForeignKeyConstraint(['delivery_id'], ['deliveries.id'], name=op.f('fk_exception_reviews_delivery_id')),
    sa.PrimaryKeyConstraint('delivery_id', name=op.f('pk_exception_reviews'))
    )
    op.create_table('delivery_looks',
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_delivery_looks_by_account_id')),
    sa.ForeignKeyConstraint(['delivery_id'], ['deliveries.id'], name=op.f('fk_delivery_looks_delivery_id')),
    sa.PrimaryKeyConstraint('delivery_id', name=op.f('pk_delivery_looks'))
    )
    op.create_table('delivery_disputes',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.CheckConstraint('(answered_at IS NULL) = (answer IS NULL)', name=op.f('ck_delivery_disputes_answer_whole')),
    sa.ForeignKeyConstraint(['answered_by_account_id'], ['accounts.id'], name=op.f('fk_delivery_disputes_answered_by_account_id')),
    sa.ForeignKeyConstraint(['delivery_id'], ['deliveries.id'], name=op.f('fk_delivery_disputes_delivery_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_delivery_disputes_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_disputes'))
    )
    op.create_index('uq_delivery_disputes_open', 'delivery_disputes', ['delivery_id'], unique=True, postgresql_where=sa.text('answered_at IS NULL'))
    op.create_index('ix_delivery_disputes_delivery_id', 'delivery_disputes', ['delivery_id', 'at'], unique=False)
    op.create_table('delivery_samples',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('first_on', sa.Date(), nullable=False),
    sa.Column('last_on', sa.Date(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('seed', sa.String(length=40), nullable=False),
    sa.Column('drawn_from', sa.Integer(), nullable=False),
    sa.Column('population_digest', sa.String(length=64), nullable=False),
    sa.Column('drawn_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('last_on >= first_on', name=op.f('ck_delivery_samples_days_whole')),
    sa.CheckConstraint('size BETWEEN 1 AND 500', name=op.f('ck_delivery_samples_size_plausible')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_delivery_samples_by_account_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_delivery_samples_programme_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_delivery_samples_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_samples'))
    )
    op.create_index('ix_delivery_samples_programme_id', 'delivery_samples', ['programme_id', 'id'], unique=False)
    op.create_table('sample_calls',
    sa.Column('sample_id', sa.Uuid(), nullable=False),
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('outcome', sa.Enum('confirmed', 'denied', 'unreached', 'wrong_number', name='check_outcome', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('called_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('called_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.CheckConstraint('(called_at IS NULL) = (outcome IS NULL)', name=op.f('ck_sample_calls_call_whole')),
    sa.ForeignKeyConstraint(['called_by_account_id'], ['accounts.id'], name=op.f('fk_sample_calls_called_by_account_id')),
    sa.ForeignKeyConstraint(['delivery_id'], ['deliveries.id'], name=op.f('fk_sample_calls_delivery_id')),
    sa.ForeignKeyConstraint(['sample_id'], ['delivery_samples.id'], name=op.f('fk_sample_calls_sample_id')),
    sa.PrimaryKeyConstraint('sample_id', 'delivery_id', name=op.f('pk_sample_calls'))
    )
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                   "FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER tr_{table}_no_truncate BEFORE TRUNCATE ON {table} "
                   "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")

    # One delivery for one booking, as long as it is not taken back. Two at once wait for each other at the booking's row;
    # each statement in here sees what the other one committed meanwhile.
    op.execute("""
        CREATE FUNCTION give_booking_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM FROM bookings WHERE id = NEW.booking_id FOR UPDATE;
            IF EXISTS (SELECT FROM deliveries d WHERE d.booking_id = NEW.booking_id
                       AND NOT EXISTS (SELECT FROM delivery_reversals r WHERE r.delivery_id = d.id)) THEN
                RAISE EXCEPTION 'booking % was given already', NEW.booking_id
                    USING ERRCODE = 'unique_violation', CONSTRAINT = 'tr_deliveries_booking_once';
            END IF;
            RETURN NEW;
        END $$""")
    op.execute("CREATE TRIGGER tr_deliveries_booking_once BEFORE INSERT ON deliveries "
               "FOR EACH ROW WHEN (NEW.booking_id IS NOT NULL) EXECUTE FUNCTION give_booking_once()")

    # Whoever gave alone does not say that it was right.
    op.execute("""
        CREATE FUNCTION review_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM deliveries d WHERE d.id = NEW.delivery_id AND NEW.by_account_id = d.by_account_id) THEN
                RAISE EXCEPTION 'delivery % is reviewed by somebody else', NEW.delivery_id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_exception_reviews_by_another';
            END IF;
            RETURN NEW;
        END $$""")
    op.execute("CREATE TRIGGER tr_exception_reviews_by_another BEFORE INSERT ON exception_reviews "
               "FOR EACH ROW EXECUTE FUNCTION review_by_another()")


def downgrade():
    op.drop_table("sample_calls")
    op.drop_table("delivery_samples")
    op.drop_table("delivery_disputes")
    op.drop_table("delivery_looks")
    op.drop_table("exception_reviews")
    op.drop_table("delivery_reversals")
    op.drop_table("deliveries")
    op.execute("DROP FUNCTION give_booking_once()")
    op.execute("DROP FUNCTION review_by_another()")
