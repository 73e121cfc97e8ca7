"""Contacts that fall silent, people merged and parted, cards whose code changes every half hour.

The static code of a card on the screen ends here: its row keeps a handle, from which the code of each half hour is made.

Revision: 0005
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def upgrade():
    op.add_column("worker_phones", sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE worker_phones SET last_seen_at = greatest(since, confirmed_at)")
    _cards()
    _merges()


def _cards():
    op.add_column("worker_cards", sa.Column("handle", sa.String(length=9), nullable=True))
    op.add_column("worker_cards", sa.Column("issued_by_account_id", sa.Uuid(), nullable=True))
    op.alter_column("worker_cards", "code_cipher", nullable=True)
    op.alter_column("worker_cards", "code_index", nullable=True)
    connection, given = op.get_bind(), set()
    for row in connection.execute(sa.text("SELECT id FROM worker_cards WHERE kind = 'screen'")).all():
        handle = "".join(secrets.choice(ALPHABET) for _ in range(9))
        while handle in given:
            handle = "".join(secrets.choice(ALPHABET) for _ in range(9))
        given.add(handle)
        connection.execute(
            sa.text("UPDATE worker_cards SET handle = :handle, code_cipher = NULL, code_index = NULL WHERE id = :id"),
            {"handle": handle, "id": row.id},
        )
    op.create_unique_constraint(op.f("uq_worker_cards_handle"), "worker_cards", ["handle"])
    op.create_foreign_key(
        op.f("fk_worker_cards_issued_by_account_id"), "worker_cards", "accounts", ["issued_by_account_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_worker_cards_screen_has_handle"), "worker_cards", "(kind = 'screen') = (handle IS NOT NULL)"
    )
    op.create_check_constraint(
        op.f("ck_worker_cards_printed_has_code"), "worker_cards", "(kind = 'printed') = (code_index IS NOT NULL)"
    )
    op.create_check_constraint(
        op.f("ck_worker_cards_code_indexed"), "worker_cards", "(code_cipher IS NULL) = (code_index IS NULL)"
    )
    op.create_index(
        "ix_worker_cards_issued_by_account_id", "worker_cards", ["issued_by_account_id", "issued_at"],
        postgresql_where=sa.text("issued_by_account_id IS NOT NULL"),
    )  # fmt: skip


def _merges():
    op.add_column("workers", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_workers_merged_into_id"), "workers", "workers", ["merged_into_id"], ["id"])
    op.create_check_constraint(op.f("ck_workers_merged_into_another"), "workers", "merged_into_id <> id")
    op.create_index(
        "ix_workers_merged_into_id", "workers", ["merged_into_id"], postgresql_where=sa.text("merged_into_id IS NOT NULL")
    )
    # One step from any record to its survivor: no chain and so no circle. The survivor's row is locked, so that two merges at
    # once cannot make one behind each other's back.
    op.execute("""
        CREATE FUNCTION refuse_merge_chain() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM FROM workers WHERE id = NEW.merged_into_id AND merged_into_id IS NULL FOR NO KEY UPDATE;
            IF NOT FOUND OR EXISTS (SELECT FROM workers WHERE merged_into_id = NEW.id) THEN
                RAISE EXCEPTION 'a merged record leads to its survivor in one step'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_workers_merged_in_one_step';
            END IF;
            RETURN NEW;
        END $$""")
    op.execute("CREATE TRIGGER tr_workers_merged_in_one_step BEFORE INSERT OR UPDATE OF merged_into_id ON workers FOR EACH ROW "
               "WHEN (NEW.merged_into_id IS NOT NULL) EXECUTE FUNCTION refuse_merge_chain()")  # fmt: skip
    op.create_table(
        "worker_merges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changes_cipher", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_account_id", sa.Uuid(), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_account_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("survivor_id <> merged_id", name=op.f("ck_worker_merges_two_records")),
        sa.CheckConstraint("undone_at IS NULL OR undone_at >= at", name=op.f("ck_worker_merges_undone_after")),
        sa.ForeignKeyConstraint(["survivor_id"], ["workers.id"], name=op.f("fk_worker_merges_survivor_id")),
        sa.ForeignKeyConstraint(["merged_id"], ["workers.id"], name=op.f("fk_worker_merges_merged_id")),
        sa.ForeignKeyConstraint(["by_account_id"], ["accounts.id"], name=op.f("fk_worker_merges_by_account_id")),
        sa.ForeignKeyConstraint(["undone_by_account_id"], ["accounts.id"], name=op.f("fk_worker_merges_undone_by_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_merges")),
    )
    op.create_index(
        "uq_worker_merges_open", "worker_merges", ["merged_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL")
    )
    op.create_index("ix_worker_merges_survivor_id", "worker_merges", ["survivor_id"])
    op.create_table(
        "not_same_people",
        sa.Column("a_id", sa.Uuid(), nullable=False),
        sa.Column("b_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_account_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("a_id < b_id", name=op.f("ck_not_same_people_in_order")),
        sa.ForeignKeyConstraint(["a_id"], ["workers.id"], name=op.f("fk_not_same_people_a_id")),
        sa.ForeignKeyConstraint(["b_id"], ["workers.id"], name=op.f("fk_not_same_people_b_id")),
        sa.ForeignKeyConstraint(["by_account_id"], ["accounts.id"], name=op.f("fk_not_same_people_by_account_id")),
        sa.PrimaryKeyConstraint("a_id", "b_id", name=op.f("pk_not_same_people")),
    )
    op.create_index("ix_not_same_people_b_id", "not_same_people", ["b_id"])


def downgrade():
    op.drop_table("not_same_people")
    op.drop_table("worker_merges")
    op.execute("DROP TRIGGER tr_workers_merged_in_one_step ON workers")
    op.execute("DROP FUNCTION refuse_merge_chain()")
    op.drop_column("workers", "merged_into_id")
    # Without its handle a card on the screen has no code; a fresh one is issued at the next sign-in.
    op.execute("DELETE FROM worker_cards WHERE kind = 'screen'")
    for name in ("handle", "issued_by_account_id"):
        op.drop_column("worker_cards", name)
    op.drop_constraint("ck_worker_cards_printed_has_code", "worker_cards")
    op.drop_constraint("ck_worker_cards_code_indexed", "worker_cards")
    op.alter_column("worker_cards", "code_cipher", nullable=False)
    op.alter_column("worker_cards", "code_index", nullable=False)
    op.drop_column("worker_phones", "last_seen_at")
