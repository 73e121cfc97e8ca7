"""Goods bought from a budget line; hand-outs and paper sheets of a programme.

Revision: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

KINDS = (
    "again_today", "over_quantity", "station_closed", "total_differs", "not_recognised", "unknown_card", "wrong_clock",
    "key_reused", "unreadable",
)  # fmt: skip


def _kinds(*words):
    """What may be noted as not agreeing: these words and no others."""
    name = op.f("ck_entry_discrepancies_discrepancy_kind")
    op.drop_constraint(name, "entry_discrepancies", type_="check")
    op.create_check_constraint(name, "entry_discrepancies", f"kind IN ({', '.join(repr(word) for word in words)})")


def upgrade():
    op.create_table('purchases',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('supply_item_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('budget_line_id', sa.Uuid(), nullable=False),
    sa.Column('supplier', sa.Text(), nullable=False),
    sa.Column('voucher_number', sa.String(length=60), nullable=False),
    sa.Column('bought_on', sa.Date(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('unit_price', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('total', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.Column('reversed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reversed_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('reverse_reason', sa.Text(), nullable=True),
    sa.CheckConstraint('(reversed_at IS NULL) = (reverse_reason IS NULL)', name=op.f('ck_purchases_reversal_whole')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_purchases_quantity_counts')),
    sa.CheckConstraint('total > 0', name=op.f('ck_purchases_total_positive')),
    sa.CheckConstraint('unit_price >= 0', name=op.f('ck_purchases_price_not_negative')),
    sa.ForeignKeyConstraint(['budget_line_id'], ['budget_lines.id'], name=op.f('fk_purchases_budget_line_id')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_purchases_by_account_id')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots.id'], name=op.f('fk_purchases_lot_id')),
    sa.ForeignKeyConstraint(['reversed_by_account_id'], ['accounts.id'], name=op.f('fk_purchases_reversed_by_account_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_purchases_station_id')),
    sa.ForeignKeyConstraint(['supply_item_id'], ['supply_items.id'], name=op.f('fk_purchases_supply_item_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_purchases_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purchases'))
    )
    op.create_index('ix_purchases_station_id', 'purchases', ['station_id', 'id'], unique=False)
    op.create_index('uq_purchases_voucher', 'purchases', ['union_id', 'voucher_number', 'supply_item_id', 'station_id'], unique=True, postgresql_where=sa.text('reversed_at IS NULL'))
    for table in ("handouts", "paper_sheets"):
        op.add_column(table, sa.Column("programme_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(op.f(f"fk_{table}_programme_id"), table, "programmes", ["programme_id"], ["id"])
    for table in ("handout_gifts", "paper_rows"):
        op.add_column(table, sa.Column("delivery_id", sa.Uuid(), nullable=True))
    _kinds(*KINDS, "did_not_fit")


def downgrade():
    op.execute("DELETE FROM entry_discrepancies WHERE kind = 'did_not_fit'")
    _kinds(*KINDS)
    for table in ("handout_gifts", "paper_rows"):
        op.drop_column(table, "delivery_id")
    for table in ("handouts", "paper_sheets"):
        op.drop_column(table, "programme_id")
    op.drop_table("purchases")
