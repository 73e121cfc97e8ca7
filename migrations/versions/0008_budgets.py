"""Sources, budgets and the ledger: totals change by entries only, and the database refuses what is not covered.

Revision: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = (
    "budgets",
    "sources",
    "advances",
    "budget_lines",
    "budget_versions",
    "allocations",
    "expenditures",
    "commitments",
    "version_amounts",
    "ledger_entries",
)
WITH_TOTALS = ("budgets", "sources", "allocations", "commitments")

# What one yuan of an entry does: authority, reserved, spent, paid, cash. The same table stands in ledger.models.MOVES.
APPLY = """
CREATE FUNCTION apply_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    move record;
    line record;
    source record;
BEGIN
    SELECT m.* INTO STRICT move FROM (VALUES
        ('authorise', 1, 0, 0, 0, 0), ('withdraw', -1, 0, 0, 0, 0),
        ('reserve', 0, 1, 0, 0, 0), ('release', 0, -1, 0, 0, 0),
        ('spend', 0, -1, 1, 0, 0), ('reverse', 0, 0, -1, 0, 0),
        ('pay', 0, 0, 0, 1, 0), ('refund', 0, 0, 0, -1, 0),
        ('receive', 0, 0, 0, 0, 1), ('return', 0, 0, 0, 0, -1),
        ('lend', 0, 0, 0, 0, -1), ('borrow', 0, 0, 0, 0, 1),
        ('repay', 0, 0, 0, 0, -1), ('recover', 0, 0, 0, 0, 1),
        ('carry_out', 0, 0, 0, 0, -1), ('carry_in', 0, 0, 0, 0, 1)
    ) AS m (kind, authority, reserved, spent, paid, cash) WHERE m.kind = NEW.kind;

    IF NEW.line_id IS NOT NULL THEN
        -- held until the end of the transaction, so that nobody freezes or closes the budget meanwhile
        SELECT l.category, l.for_members, b.id AS budget_id, b.union_id, b.year, b.status INTO STRICT line
        FROM budget_lines l JOIN budgets b ON b.id = l.budget_id WHERE l.id = NEW.line_id FOR SHARE OF b;
        SELECT s.union_id, s.year, s.from_on, s.until_on, s.only_members, s.only_category INTO STRICT source
        FROM sources s WHERE s.id = NEW.source_id;
        IF line.status = 'closed' OR (line.status = 'frozen' AND NEW.kind IN ('reserve', 'authorise')) THEN
            RAISE EXCEPTION 'the budget is %', line.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_entries_budget_open';
        END IF;
        IF NEW.kind = 'reserve' AND extract(year FROM NEW.falls_on) <> line.year THEN
            RAISE EXCEPTION 'the budget is of another year'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_entries_year_of_attendance';
        END IF;
        IF NEW.kind = 'reserve' AND NEW.falls_on NOT BETWEEN source.from_on AND source.until_on THEN
            RAISE EXCEPTION 'outside of the period of the source'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_entries_within_period';
        END IF;
        IF NEW.kind = 'authorise' AND (source.union_id <> line.union_id OR source.year <> line.year
                OR (source.only_members AND NOT line.for_members)
                OR (source.only_category IS NOT NULL AND source.only_category <> line.category)) THEN
            RAISE EXCEPTION 'the source is not for this line'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_entries_restriction';
        END IF;
        UPDATE allocations SET authority = authority + move.authority * NEW.amount,
            reserved = reserved + move.reserved * NEW.amount, spent = spent + move.spent * NEW.amount,
            paid = paid + move.paid * NEW.amount
        WHERE line_id = NEW.line_id AND source_id = NEW.source_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the line has no share in this source'
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'fk_ledger_entries_allocation';
        END IF;
        IF move.authority <> 0 THEN
            UPDATE sources SET allocated = allocated + move.authority * NEW.amount WHERE id = NEW.source_id;
            UPDATE budgets SET authority = authority + move.authority * NEW.amount WHERE id = line.budget_id;
        END IF;
    END IF;
    IF NEW.commitment_id IS NOT NULL THEN
        UPDATE commitments SET reserved = reserved + move.reserved * NEW.amount,
            spent = spent + move.spent * NEW.amount, paid = paid + move.paid * NEW.amount
        WHERE id = NEW.commitment_id AND line_id = NEW.line_id AND source_id = NEW.source_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the commitment is of another line or source'
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'fk_ledger_entries_commitment';
        END IF;
    END IF;
    IF move.paid <> 0 OR move.cash <> 0 THEN
        UPDATE sources SET paid = paid + move.paid * NEW.amount, cash = cash + move.cash * NEW.amount WHERE id = NEW.source_id;
    END IF;
    RETURN NULL;
END $$"""

# Called for a statement of somebody's own it is at depth 1; the trigger above calls it at depth 2.
GUARD = """
CREATE FUNCTION guard_ledger_totals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    total text;
    fresh jsonb;
    known jsonb := '{}';
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    fresh := to_jsonb(NEW);
    IF TG_OP = 'UPDATE' THEN
        known := to_jsonb(OLD);
    END IF;
    FOREACH total IN ARRAY ARRAY['authority', 'reserved', 'spent', 'paid', 'allocated', 'cash'] LOOP
        IF fresh ? total AND (fresh ->> total)::numeric <> coalesce((known ->> total)::numeric, 0) THEN
            RAISE EXCEPTION '%.% changes by entries of the ledger only', TG_TABLE_NAME, total
                USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
        END IF;
    END LOOP;
    RETURN NEW;
END $$"""

# What money was given for stays what it was given for as long as lines hold some of it.
KEEP = """
CREATE FUNCTION keep_restrictions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'sources' THEN
        IF OLD.allocated > 0 AND (NEW.only_members, NEW.only_category, NEW.kind, NEW.union_id, NEW.year)
                IS DISTINCT FROM (OLD.only_members, OLD.only_category, OLD.kind, OLD.union_id, OLD.year) THEN
            RAISE EXCEPTION 'lines hold money of this source' USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
        END IF;
    ELSIF (NEW.for_members, NEW.category, NEW.budget_id) IS DISTINCT FROM (OLD.for_members, OLD.category, OLD.budget_id)
            AND EXISTS (SELECT FROM allocations a WHERE a.line_id = OLD.id AND a.authority > 0) THEN
        RAISE EXCEPTION 'the line holds money' USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$"""


def upgrade():
    op.create_table(
        "budgets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("union_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "submitted",
                "approved",
                "adjusted",
                "frozen",
                "closed",
                name="budget_status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("authority", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("interim_limit", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status NOT IN ('draft', 'submitted') OR authority <= interim_limit", name=op.f("ck_budgets_interim_until_approved")
        ),
        sa.CheckConstraint("authority >= 0", name=op.f("ck_budgets_authority_not_negative")),
        sa.CheckConstraint("interim_limit >= 0", name=op.f("ck_budgets_interim_not_negative")),
        sa.CheckConstraint("year BETWEEN 2000 AND 2200", name=op.f("ck_budgets_year_plausible")),
        sa.ForeignKeyConstraint(["union_id"], ["unions.id"], name=op.f("fk_budgets_union_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
        sa.UniqueConstraint("union_id", "year", name=op.f("uq_budgets_union_id_year")),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("union_id", sa.Uuid(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "levied_funds",
                "superior_grant",
                "government_grant",
                "dues",
                "member_contribution",
                "sponsorship",
                name="source_kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("grantor", sa.Text(), nullable=True),
        sa.Column("document_number", sa.Text(), nullable=True),
        sa.Column("custodian_union_id", sa.Uuid(), nullable=True),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("only_members", sa.Boolean(), nullable=False),
        sa.Column(
            "only_category",
            sa.Enum(
                "worker_activities",
                "activity_organization",
                "worker_services",
                "rights_protection",
                "business",
                "administration",
                "capital",
                "subsidy_to_subordinates",
                "affiliates",
                "other",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column(
            "rest_rule",
            sa.Enum("carry_over", "return", "lapse", name="rest_rule", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("rest_due_on", sa.Date(), nullable=True),
        sa.Column("carried_from_id", sa.Uuid(), nullable=True),
        sa.Column("granted", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("allocated", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("cash", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("paid", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind <> 'dues' OR only_members", name=op.f("ck_sources_dues_for_members")),
        sa.CheckConstraint(
            "kind NOT IN ('superior_grant', 'government_grant') OR document_number IS NOT NULL",
            name=op.f("ck_sources_grant_by_document"),
        ),
        sa.CheckConstraint("rest_rule = 'carry_over' OR rest_due_on IS NOT NULL", name=op.f("ck_sources_rest_has_a_day")),
        sa.CheckConstraint("allocated >= 0 AND allocated <= granted", name=op.f("ck_sources_allocated_within_granted")),
        sa.CheckConstraint("custodian_union_id <> union_id", name=op.f("ck_sources_custodian_is_another")),
        sa.CheckConstraint("paid >= 0 AND paid <= cash", name=op.f("ck_sources_paid_within_cash")),
        sa.CheckConstraint("until_on >= from_on", name=op.f("ck_sources_period_whole")),
        sa.CheckConstraint("year BETWEEN 2000 AND 2200", name=op.f("ck_sources_year_plausible")),
        sa.ForeignKeyConstraint(["carried_from_id"], ["sources.id"], name=op.f("fk_sources_carried_from_id")),
        sa.ForeignKeyConstraint(["custodian_union_id"], ["unions.id"], name=op.f("fk_sources_custodian_union_id")),
        sa.ForeignKeyConstraint(["union_id"], ["unions.id"], name=op.f("fk_sources_union_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("carried_from_id", name=op.f("uq_sources_carried_from_id")),
    )
    op.create_index("uq_sources_union_year_name", "sources", ["union_id", "year", "name"], unique=True)
    op.create_table(
        "advances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("from_source_id", sa.Uuid(), nullable=False),
        sa.Column("to_source_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("repaid", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_advances_amount_positive")),
        sa.CheckConstraint("approved_by_id <> proposed_by_id", name=op.f("ck_advances_proposer_does_not_approve")),
        sa.CheckConstraint("from_source_id <> to_source_id", name=op.f("ck_advances_two_sources")),
        sa.CheckConstraint("repaid = 0 OR approved_at IS NOT NULL", name=op.f("ck_advances_repaid_after_approval")),
        sa.CheckConstraint("repaid >= 0 AND repaid <= amount", name=op.f("ck_advances_repaid_within_amount")),
        sa.ForeignKeyConstraint(["approved_by_id"], ["accounts.id"], name=op.f("fk_advances_approved_by_id")),
        sa.ForeignKeyConstraint(["from_source_id"], ["sources.id"], name=op.f("fk_advances_from_source_id")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["accounts.id"], name=op.f("fk_advances_proposed_by_id")),
        sa.ForeignKeyConstraint(["to_source_id"], ["sources.id"], name=op.f("fk_advances_to_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advances")),
    )
    op.create_index(op.f("ix_advances_from_source_id"), "advances", ["from_source_id"], unique=False)
    op.create_index("ix_advances_to_source_id", "advances", ["to_source_id"], unique=False)
    op.create_table(
        "budget_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "category",
            sa.Enum(
                "worker_activities",
                "activity_organization",
                "worker_services",
                "rights_protection",
                "business",
                "administration",
                "capital",
                "subsidy_to_subordinates",
                "affiliates",
                "other",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("account_number", sa.String(length=30), nullable=True),
        sa.Column("for_members", sa.Boolean(), nullable=False),
        sa.Column(
            "draw", sa.Enum("in_order", "mix", name="draw", native_enum=False, create_constraint=True, length=40), nullable=False
        ),
        sa.ForeignKeyConstraint(["budget_id"], ["budgets.id"], name=op.f("fk_budget_lines_budget_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_lines")),
        sa.UniqueConstraint("budget_id", "code", name=op.f("uq_budget_lines_budget_id_code")),
    )
    op.create_index("uq_budget_lines_budget_id_name", "budget_lines", ["budget_id", "name"], unique=True)
    op.create_table(
        "budget_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "interim",
                "opening",
                "adjustment",
                "carry_over",
                name="version_kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "submitted",
                "approved",
                "rejected",
                name="version_status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tier", sa.Integer(), nullable=True),
        sa.Column("minute_number", sa.Text(), nullable=True),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by_id", sa.Uuid(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status <> 'approved' OR (approved_by_id IS NOT NULL OR proposed_by_id IS NULL) AND decided_at IS NOT NULL",
            name=op.f("ck_budget_versions_approved_by_somebody"),
        ),
        sa.CheckConstraint(
            "status <> 'approved' OR tier < 2 OR minute_number IS NOT NULL", name=op.f("ck_budget_versions_minute_from_tier_two")
        ),
        sa.CheckConstraint(
            "status <> 'approved' OR tier < 3 OR reviewed_at IS NOT NULL", name=op.f("ck_budget_versions_review_from_tier_three")
        ),
        sa.CheckConstraint("status <> 'rejected' OR answer IS NOT NULL", name=op.f("ck_budget_versions_returned_with_a_reason")),
        sa.CheckConstraint(
            "status NOT IN ('submitted', 'approved') OR tier IS NOT NULL", name=op.f("ck_budget_versions_submitted_has_tier")
        ),
        sa.CheckConstraint("approved_by_id <> proposed_by_id", name=op.f("ck_budget_versions_proposer_does_not_approve")),
        sa.CheckConstraint(
            "reviewed_by_id <> proposed_by_id AND reviewed_by_id <> approved_by_id",
            name=op.f("ck_budget_versions_reviewer_is_a_third"),
        ),
        sa.CheckConstraint("tier BETWEEN 1 AND 3", name=op.f("ck_budget_versions_tier")),
        sa.ForeignKeyConstraint(["approved_by_id"], ["accounts.id"], name=op.f("fk_budget_versions_approved_by_id")),
        sa.ForeignKeyConstraint(["budget_id"], ["budgets.id"], name=op.f("fk_budget_versions_budget_id")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["accounts.id"], name=op.f("fk_budget_versions_proposed_by_id")),
        sa.ForeignKeyConstraint(["reviewed_by_id"], ["accounts.id"], name=op.f("fk_budget_versions_reviewed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_versions")),
        sa.UniqueConstraint("budget_id", "number", name=op.f("uq_budget_versions_budget_id_number")),
    )
    op.create_index(
        "uq_budget_versions_open",
        "budget_versions",
        ["budget_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('draft', 'submitted')"),
    )
    op.create_table(
        "allocations",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("authority", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("reserved", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("spent", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("paid", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.CheckConstraint("authority >= 0 AND reserved >= 0 AND spent >= 0", name=op.f("ck_allocations_not_negative")),
        sa.CheckConstraint("paid >= 0 AND paid <= spent", name=op.f("ck_allocations_paid_within_spent")),
        sa.CheckConstraint("percent > 0 AND percent <= 100", name=op.f("ck_allocations_percent_plausible")),
        sa.CheckConstraint("reserved + spent <= authority", name=op.f("ck_allocations_promises_within_authority")),
        sa.ForeignKeyConstraint(["line_id"], ["budget_lines.id"], name=op.f("fk_allocations_line_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_allocations_source_id")),
        sa.PrimaryKeyConstraint("line_id", "source_id", name=op.f("pk_allocations")),
    )
    op.create_index("ix_allocations_source_id", "allocations", ["source_id"], unique=False)
    op.create_table(
        "expenditures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=True),
        sa.Column("voucher_number", sa.String(length=60), nullable=True),
        sa.Column("falls_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_expenditures_amount_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_expenditures_account_id")),
        sa.ForeignKeyConstraint(["line_id"], ["budget_lines.id"], name=op.f("fk_expenditures_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expenditures")),
    )
    op.create_index("uq_expenditures_line_voucher", "expenditures", ["line_id", "voucher_number"], unique=True)
    op.create_table(
        "commitments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("cause_table", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("falls_on", sa.Date(), nullable=False),
        sa.Column("reserved", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("spent", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("paid", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.CheckConstraint("paid >= 0 AND paid <= spent", name=op.f("ck_commitments_paid_within_spent")),
        sa.CheckConstraint("reserved >= 0 AND spent >= 0", name=op.f("ck_commitments_not_negative")),
        sa.ForeignKeyConstraint(
            ["line_id", "source_id"],
            ["allocations.line_id", "allocations.source_id"],
            name=op.f("fk_commitments_line_id_source_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitments")),
        sa.UniqueConstraint(
            "cause_table", "cause_id", "line_id", "source_id", name=op.f("uq_commitments_cause_table_cause_id_line_id_source_id")
        ),
    )
    op.create_index("ix_commitments_line_id", "commitments", ["line_id", "id"], unique=False)
    op.create_table(
        "version_amounts",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_version_amounts_amount_not_nothing")),
        sa.ForeignKeyConstraint(
            ["line_id", "source_id"],
            ["allocations.line_id", "allocations.source_id"],
            name=op.f("fk_version_amounts_line_id_source_id"),
        ),
        sa.ForeignKeyConstraint(["version_id"], ["budget_versions.id"], name=op.f("fk_version_amounts_version_id")),
        sa.PrimaryKeyConstraint("version_id", "line_id", "source_id", name=op.f("pk_version_amounts")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("falls_on", sa.Date(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "authorise",
                "withdraw",
                "reserve",
                "release",
                "spend",
                "reverse",
                "pay",
                "refund",
                "receive",
                "return",
                "lend",
                "borrow",
                "repay",
                "recover",
                "carry_out",
                "carry_in",
                name="entry_kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=True),
        sa.Column("commitment_id", sa.Uuid(), nullable=True),
        sa.Column("movement", sa.Uuid(), nullable=False),
        sa.Column("cause_table", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("voucher_number", sa.String(length=60), nullable=True),
        sa.Column("by_kind", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(commitment_id IS NOT NULL) = (kind IN ('reserve', 'release', 'spend', 'reverse', 'pay', 'refund'))",
            name=op.f("ck_ledger_entries_commitment_where_due"),
        ),
        sa.CheckConstraint(
            "(line_id IS NOT NULL) = (kind IN ('authorise', 'withdraw') OR commitment_id IS NOT NULL)",
            name=op.f("ck_ledger_entries_line_where_due"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_entries_amount_positive")),
        sa.ForeignKeyConstraint(["commitment_id"], ["commitments.id"], name=op.f("fk_ledger_entries_commitment_id")),
        sa.ForeignKeyConstraint(["line_id"], ["budget_lines.id"], name=op.f("fk_ledger_entries_line_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_ledger_entries_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_commitment_id", "ledger_entries", ["commitment_id", "id"], unique=False)
    op.create_index("ix_ledger_entries_line_id", "ledger_entries", ["line_id", "id"], unique=False)
    op.create_index("ix_ledger_entries_movement", "ledger_entries", ["movement"], unique=False)
    op.create_index("ix_ledger_entries_source_id", "ledger_entries", ["source_id", "id"], unique=False)

    op.execute(APPLY)
    op.execute(
        "CREATE TRIGGER tr_ledger_entries_apply AFTER INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION apply_ledger_entry()"
    )
    op.execute(GUARD)
    for table in WITH_TOTALS:
        op.execute(
            f"CREATE TRIGGER tr_{table}_totals BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION guard_ledger_totals()"
        )
    op.execute(KEEP)
    for table in ("sources", "budget_lines"):
        op.execute(
            f"CREATE TRIGGER tr_{table}_restrictions BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_restrictions()"
        )
    op.execute(
        "CREATE TRIGGER tr_ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER tr_ledger_entries_no_truncate BEFORE TRUNCATE ON ledger_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade():
    for table in reversed(TABLES):
        op.drop_table(table)
    for function in ("apply_ledger_entry", "guard_ledger_totals", "keep_restrictions"):
        op.execute(f"DROP FUNCTION {function}()")
