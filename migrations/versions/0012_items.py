"""The catalogue of welfare and the programmes that give it.

Revision: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"


def upgrade():
    op.create_table('welfare_items',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(length=30), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('category', sa.Enum('health_check', 'cancer_screening', 'mutual_aid', 'heat_relief', 'winter_warmth', 'psych_support', 'skills_training', 'legal_aid', 'hardship_visit', 'study_aid', 'recuperation', 'culture_sport', 'matchmaking', 'merchant_discount', 'welcome_pack', 'vaccination', 'ebike_paperwork', name='welfare_category', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('service_class', sa.Enum('universal', 'occupation_specific', 'enterprise', 'one_to_one', name='service_class', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('procedure', sa.Text(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('unit_cost', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('provider_name', sa.Text(), nullable=True),
    sa.Column('proof', sa.Enum('none', 'code', 'photo', 'signature', name='proof', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('named', sa.Boolean(), nullable=False),
    sa.Column('needs_two', sa.Boolean(), nullable=False),
    sa.Column('supply_item_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("named OR proof IN ('none', 'photo')", name=op.f('ck_welfare_items_unnamed_needs_no_code')),
    sa.CheckConstraint('unit_cost >= 0', name=op.f('ck_welfare_items_unit_cost_not_negative')),
    sa.ForeignKeyConstraint(['supply_item_id'], ['supply_items.id'], name=op.f('fk_welfare_items_supply_item_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_welfare_items_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_welfare_items')),
    sa.UniqueConstraint('code', name=op.f('uq_welfare_items_code'))
    )
    op.create_index('uq_welfare_items_union_id_name', 'welfare_items', ['union_id', 'name'], unique=True, postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('programmes',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(length=30), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=True),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('owner_department', sa.Text(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('summary', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('quota', sa.Integer(), nullable=True),
    sa.Column('price', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('charge', sa.Enum('nothing', 'per_place', 'goods', name='charge', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('budget_line_id', sa.Uuid(), nullable=True),
    sa.Column('ways', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('everywhere', sa.Boolean(), nullable=False),
    sa.Column('booking_days', sa.Enum('ahead', 'next_day', 'same_day', name='booking_days', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('days_ahead', sa.Integer(), nullable=False),
    sa.Column('booking_opens_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cancel_hours', sa.Integer(), nullable=False),
    sa.Column('grace_minutes', sa.Integer(), nullable=False),
    sa.Column('offer_minutes', sa.Integer(), nullable=False),
    sa.Column('status', sa.Enum('draft', 'submitted', 'approved', 'open', 'paused', 'closed', 'settled', name='programme_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('proposed_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('opinion', sa.Text(), nullable=True),
    sa.Column('pending', postgresql.JSONB(), nullable=True),
    sa.Column('pending_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('pending_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("charge <> 'per_place' OR (budget_line_id IS NOT NULL AND price > 0)", name=op.f('ck_programmes_line_where_charged')),
    sa.CheckConstraint("status IN ('draft', 'submitted') OR decided_by_account_id IS NOT NULL", name=op.f('ck_programmes_decided_before_it_opens')),
    sa.CheckConstraint('cancel_hours BETWEEN 0 AND 720', name=op.f('ck_programmes_cancel_hours_plausible')),
    sa.CheckConstraint('days_ahead BETWEEN 1 AND 180', name=op.f('ck_programmes_days_ahead_plausible')),
    sa.CheckConstraint('decided_by_account_id <> proposed_by_account_id', name=op.f('ck_programmes_decided_by_another')),
    sa.CheckConstraint('ends_on >= starts_on', name=op.f('ck_programmes_period_whole')),
    sa.CheckConstraint('grace_minutes BETWEEN 0 AND 240', name=op.f('ck_programmes_grace_plausible')),
    sa.CheckConstraint('item_id IS NOT NULL OR cardinality(ways) = 0', name=op.f('ck_programmes_heading_gives_nothing')),
    sa.CheckConstraint('item_id IS NULL OR cardinality(ways) > 0', name=op.f('ck_programmes_a_way_to_receive')),
    sa.CheckConstraint('offer_minutes BETWEEN 5 AND 10080', name=op.f('ck_programmes_offer_plausible')),
    sa.CheckConstraint('parent_id <> id', name=op.f('ck_programmes_parent_is_another')),
    sa.CheckConstraint('price >= 0', name=op.f('ck_programmes_price_not_negative')),
    sa.CheckConstraint('quota >= 1', name=op.f('ck_programmes_quota_counts')),
    sa.CheckConstraint('(pending IS NULL) = (pending_at IS NULL)', name=op.f('ck_programmes_change_whole')),
    sa.CheckConstraint("pending IS NULL OR status IN ('approved', 'open', 'paused')", name=op.f('ck_programmes_change_of_what_was_approved')),
    sa.ForeignKeyConstraint(['budget_line_id'], ['budget_lines.id'], name=op.f('fk_programmes_budget_line_id')),
    sa.ForeignKeyConstraint(['decided_by_account_id'], ['accounts.id'], name=op.f('fk_programmes_decided_by_account_id')),
    sa.ForeignKeyConstraint(['item_id'], ['welfare_items.id'], name=op.f('fk_programmes_item_id')),
    sa.ForeignKeyConstraint(['parent_id'], ['programmes.id'], name=op.f('fk_programmes_parent_id')),
    sa.ForeignKeyConstraint(['pending_by_account_id'], ['accounts.id'], name=op.f('fk_programmes_pending_by_account_id')),
    sa.ForeignKeyConstraint(['proposed_by_account_id'], ['accounts.id'], name=op.f('fk_programmes_proposed_by_account_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_programmes_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_programmes')),
    sa.UniqueConstraint('code', name=op.f('uq_programmes_code'))
    )
    op.create_index('ix_programmes_parent_id', 'programmes', ['parent_id'], unique=False)
    op.create_index('ix_programmes_union_id', 'programmes', ['union_id', 'id'], unique=False)
    op.create_table('programme_places',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=True),
    sa.Column('provider_name', sa.Text(), nullable=True),
    sa.Column('address', sa.Text(), nullable=True),
    sa.CheckConstraint('(station_id IS NULL) <> (provider_name IS NULL)', name=op.f('ck_programme_places_station_or_provider')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_programme_places_programme_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_programme_places_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_programme_places'))
    )
    op.create_index('ix_programme_places_station_id', 'programme_places', ['station_id'], unique=False)
    op.create_index('uq_programme_places_station', 'programme_places', ['programme_id', 'station_id'], unique=True, postgresql_where=sa.text('station_id IS NOT NULL'))

    # The one table of moves (models.NEXT_STATUSES), held by the database as well; a test compares the two.
    op.execute("""
        CREATE FUNCTION refuse_programme_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
                ('draft', 'submitted'), ('submitted', 'approved'), ('submitted', 'draft'),
                ('approved', 'open'), ('approved', 'closed'), ('open', 'paused'), ('open', 'closed'),
                ('paused', 'open'), ('paused', 'closed'), ('closed', 'settled'))
            THEN
                RAISE EXCEPTION 'a programme does not go from % to %', OLD.status, NEW.status
                    USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
            END IF;
            RETURN NEW;
        END $$""")
    op.execute("CREATE TRIGGER tr_programmes_status_moves BEFORE UPDATE OF status ON programmes "
               "FOR EACH ROW EXECUTE FUNCTION refuse_programme_move()")

    # Programmes stand beneath headings, and never beneath themselves.
    op.execute("""
        CREATE FUNCTION refuse_programme_parent() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.parent_id IS NULL THEN
                RETURN NEW;
            END IF;
            PERFORM pg_advisory_xact_lock(hashtext('programme-tree'));
            IF EXISTS (SELECT FROM programmes WHERE id = NEW.parent_id AND item_id IS NOT NULL) THEN
                RAISE EXCEPTION 'only a heading has programmes beneath it'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_programmes_beneath_headings';
            END IF;
            IF NEW.id IN (
                WITH RECURSIVE up(id) AS (
                    SELECT NEW.parent_id
                    UNION
                    SELECT p.parent_id FROM up JOIN programmes p ON p.id = up.id WHERE p.parent_id IS NOT NULL)
                SELECT id FROM up)
            THEN
                RAISE EXCEPTION 'a programme cannot stand beneath itself'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_programmes_no_circle';
            END IF;
            RETURN NEW;
        END $$""")
    op.execute("CREATE TRIGGER tr_programmes_parent BEFORE INSERT OR UPDATE OF parent_id ON programmes "
               "FOR EACH ROW EXECUTE FUNCTION refuse_programme_parent()")


def downgrade():
    op.drop_table("programme_places")
    op.drop_table("programmes")
    op.execute("DROP FUNCTION refuse_programme_parent()")
    op.execute("DROP FUNCTION refuse_programme_move()")
    op.drop_table("welfare_items")
