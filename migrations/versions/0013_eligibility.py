"""Rules of eligibility in versions; what they ask of a person.

Revision: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"


def upgrade():
    op.add_column("workers", sa.Column("sex", sa.String(length=6)))
    op.add_column("workers", sa.Column("born_on", sa.Date()))
    op.add_column("workers", sa.Column("born_from_document", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("workers", "born_from_document", server_default=None)
    op.create_check_constraint(op.f("ck_workers_sex_known"), "workers", "sex IN ('female', 'male')")
    op.create_check_constraint(op.f("ck_workers_born_where_from_document"), "workers", "NOT born_from_document OR born_on IS NOT NULL")
    op.create_table('eligibility_rules',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('audience', sa.Enum('anyone', 'applicant', 'member', name='audience', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('occupations', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('sex', sa.String(length=6), nullable=True),
    sa.Column('min_age', sa.Integer(), nullable=True),
    sa.Column('max_age', sa.Integer(), nullable=True),
    sa.Column('within_union_id', sa.Uuid(), nullable=True),
    sa.Column('employers', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('interval_months', sa.Integer(), nullable=True),
    sa.Column('person_limit', sa.Integer(), nullable=True),
    sa.Column('limit_period', sa.Enum('day', 'month', 'year', 'programme', name='limit_period', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('priority_groups', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('first_hours', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('proposed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('proposed_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('approved_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('rejected_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('rejected_by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint("sex IN ('female', 'male')", name=op.f('ck_eligibility_rules_sex_known')),
    sa.CheckConstraint('(approved_at IS NULL) = (approved_by_account_id IS NULL)', name=op.f('ck_eligibility_rules_approval_whole')),
    sa.CheckConstraint('(person_limit IS NULL) = (limit_period IS NULL)', name=op.f('ck_eligibility_rules_limit_whole')),
    sa.CheckConstraint('approved_by_account_id <> proposed_by_account_id', name=op.f('ck_eligibility_rules_approved_by_another')),
    sa.CheckConstraint('first_hours = 0 OR cardinality(priority_groups) > 0', name=op.f('ck_eligibility_rules_first_hours_for_somebody')),
    sa.CheckConstraint('first_hours BETWEEN 0 AND 720', name=op.f('ck_eligibility_rules_first_hours_plausible')),
    sa.CheckConstraint('interval_months BETWEEN 1 AND 120', name=op.f('ck_eligibility_rules_interval_plausible')),
    sa.CheckConstraint('min_age BETWEEN 0 AND 120 AND max_age BETWEEN 0 AND 120 AND min_age <= max_age', name=op.f('ck_eligibility_rules_ages_plausible')),
    sa.CheckConstraint('person_limit >= 1', name=op.f('ck_eligibility_rules_limit_counts')),
    sa.CheckConstraint('approved_at IS NULL OR rejected_at IS NULL', name=op.f('ck_eligibility_rules_decided_one_way')),
    sa.CheckConstraint('version >= 1', name=op.f('ck_eligibility_rules_version_counts')),
    sa.ForeignKeyConstraint(['approved_by_account_id'], ['accounts.id'], name=op.f('fk_eligibility_rules_approved_by_account_id')),
    sa.ForeignKeyConstraint(['rejected_by_account_id'], ['accounts.id'], name=op.f('fk_eligibility_rules_rejected_by_account_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_eligibility_rules_programme_id')),
    sa.ForeignKeyConstraint(['proposed_by_account_id'], ['accounts.id'], name=op.f('fk_eligibility_rules_proposed_by_account_id')),
    sa.ForeignKeyConstraint(['within_union_id'], ['unions.id'], name=op.f('fk_eligibility_rules_within_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_eligibility_rules')),
    sa.UniqueConstraint('programme_id', 'version', name=op.f('uq_eligibility_rules_programme_id_version'))
    )
    op.create_index('uq_eligibility_rules_proposal', 'eligibility_rules', ['programme_id'], unique=True, postgresql_where=sa.text('approved_at IS NULL AND rejected_at IS NULL'))
    # Decisions name the version they leaned on, so a version stays as it was proposed; only its decision is written, once.
    op.execute("""
        CREATE FUNCTION keep_rule() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            decision text[] := ARRAY['approved_at', 'approved_by_account_id', 'rejected_at', 'rejected_by_account_id'];
        BEGIN
            IF TG_OP = 'DELETE' OR OLD.approved_at IS NOT NULL OR OLD.rejected_at IS NOT NULL
               OR to_jsonb(NEW) - decision <> to_jsonb(OLD) - decision THEN
                RAISE EXCEPTION 'a version of a rule does not change' USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
            END IF;
            RETURN NEW;
        END $$""")
    op.execute("CREATE TRIGGER tr_eligibility_rules_kept BEFORE UPDATE OR DELETE ON eligibility_rules "
               "FOR EACH ROW EXECUTE FUNCTION keep_rule()")
    op.execute("CREATE TRIGGER tr_eligibility_rules_no_truncate BEFORE TRUNCATE ON eligibility_rules "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade():
    op.drop_table("eligibility_rules")
    op.execute("DROP FUNCTION keep_rule()")
    op.drop_constraint(op.f("ck_workers_born_where_from_document"), "workers")
    op.drop_constraint(op.f("ck_workers_sex_known"), "workers")
    for column in ("born_from_document", "born_on", "sex"):
        op.drop_column("workers", column)
