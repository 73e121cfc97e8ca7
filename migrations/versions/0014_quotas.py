"""Shares of a programme's quota down the tree; a trigger keeps what was handed down equal to what stands beneath.

Revision: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

# Who may stand beneath whom is looked at when a share is made; neither programme, parent nor holder change afterwards.
# `given` is kept here and by nobody else: it is the sum of the amounts beneath.
PLACE = """
CREATE FUNCTION place_quota_share() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above record;
    holder uuid;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.programme_id, NEW.parent_id, NEW.union_id, NEW.station_id)
            IS DISTINCT FROM (OLD.programme_id, OLD.parent_id, OLD.union_id, OLD.station_id) THEN
            RAISE EXCEPTION 'a share keeps its programme, its parent and its holder'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'tr_quota_shares_stays';
        END IF;
        IF NEW.given <> OLD.given AND pg_trigger_depth() = 1 THEN
            RAISE EXCEPTION 'what was handed down is the sum of what stands beneath'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'tr_quota_shares_given_is_sum';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.given <> 0 THEN
        RAISE EXCEPTION 'what was handed down is the sum of what stands beneath'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'tr_quota_shares_given_is_sum';
    END IF;
    IF NEW.parent_id IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT programme_id, union_id INTO above FROM quota_shares WHERE id = NEW.parent_id;
    IF above.programme_id <> NEW.programme_id THEN
        RAISE EXCEPTION 'the parent is of another programme'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_quota_shares_same_programme';
    END IF;
    SELECT coalesce(NEW.union_id, (SELECT union_id FROM stations WHERE id = NEW.station_id)) INTO holder;
    IF NOT EXISTS (
        SELECT FROM union_reach
        WHERE ancestor_id = above.union_id AND union_id = holder AND (depth > 0 OR NEW.station_id IS NOT NULL)
    ) THEN
        RAISE EXCEPTION 'the holder does not stand beneath the parent''s'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_quota_shares_beneath_parent';
    END IF;
    RETURN NEW;
END $$
"""

SUM_UP = """
CREATE FUNCTION sum_up_quota_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE quota_shares SET given = given - OLD.amount WHERE id = OLD.parent_id;
    ELSIF TG_OP = 'INSERT' THEN
        UPDATE quota_shares SET given = given + NEW.amount WHERE id = NEW.parent_id;
    ELSIF NEW.amount <> OLD.amount THEN
        UPDATE quota_shares SET given = given + NEW.amount - OLD.amount WHERE id = NEW.parent_id;
    END IF;
    RETURN NULL;
END $$
"""


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
    sa.Column('taken_back_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(union_id IS NULL) <> (station_id IS NULL)', name=op.f('ck_quota_shares_one_holder')),
    sa.CheckConstraint('amount >= 0 AND given >= 0 AND used >= 0', name=op.f('ck_quota_shares_not_negative')),
    sa.CheckConstraint('given + used <= amount', name=op.f('ck_quota_shares_within_amount')),
    sa.CheckConstraint('parent_id <> id', name=op.f('ck_quota_shares_parent_is_another')),
    sa.CheckConstraint('parent_id IS NOT NULL OR (union_id IS NOT NULL AND take_back_on IS NULL)', name=op.f('ck_quota_shares_root_of_a_union')),
    sa.CheckConstraint('station_id IS NULL OR given = 0', name=op.f('ck_quota_shares_station_is_last')),
    sa.ForeignKeyConstraint(['parent_id'], ['quota_shares.id'], name=op.f('fk_quota_shares_parent_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_quota_shares_programme_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_quota_shares_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_quota_shares_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quota_shares'))
    )
    op.create_index('ix_quota_shares_parent_id', 'quota_shares', ['parent_id'], unique=False)
    op.create_index('ix_quota_shares_take_back_on', 'quota_shares', ['take_back_on'], unique=False, postgresql_where=sa.text('take_back_on IS NOT NULL'))
    op.create_index('uq_quota_shares_root', 'quota_shares', ['programme_id'], unique=True, postgresql_where=sa.text('parent_id IS NULL'))
    op.create_index('uq_quota_shares_station', 'quota_shares', ['programme_id', 'station_id'], unique=True, postgresql_where=sa.text('station_id IS NOT NULL'))
    op.create_index('uq_quota_shares_union', 'quota_shares', ['programme_id', 'union_id'], unique=True, postgresql_where=sa.text('union_id IS NOT NULL'))
    op.execute(PLACE)
    op.execute(SUM_UP)
    op.execute("CREATE TRIGGER tr_quota_shares_place BEFORE INSERT OR UPDATE ON quota_shares "
               "FOR EACH ROW EXECUTE FUNCTION place_quota_share()")  # fmt: skip
    op.execute("CREATE TRIGGER tr_quota_shares_sum_up AFTER INSERT OR DELETE OR UPDATE OF amount ON quota_shares "
               "FOR EACH ROW EXECUTE FUNCTION sum_up_quota_shares()")  # fmt: skip
    op.create_table('quota_moves',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('share_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.Enum('set', 'handed_down', 'changed', 'taken_back', 'fell_back', name='move_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('before', sa.Integer(), nullable=False),
    sa.Column('after', sa.Integer(), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('before >= 0 AND after >= 0', name=op.f('ck_quota_moves_not_negative')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_quota_moves_by_account_id')),
    sa.ForeignKeyConstraint(['share_id'], ['quota_shares.id'], name=op.f('fk_quota_moves_share_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quota_moves'))
    )
    op.create_index('ix_quota_moves_share_id', 'quota_moves', ['share_id', 'id'], unique=False)
    op.execute("CREATE TRIGGER tr_quota_moves_append_only BEFORE UPDATE OR DELETE ON quota_moves "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")  # fmt: skip
    op.execute("CREATE TRIGGER tr_quota_moves_no_truncate BEFORE TRUNCATE ON quota_moves "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")  # fmt: skip


def downgrade():
    op.drop_table("quota_moves")
    op.drop_table("quota_shares")
    op.execute("DROP FUNCTION sum_up_quota_shares()")
    op.execute("DROP FUNCTION place_quota_share()")
