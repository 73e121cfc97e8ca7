"""Stock of stations: items, kits, lots, movements, counts, transfers, write-offs.

Revision: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade():
    op.create_table('supply_items',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(length=30), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('goods', 'self_taken', 'kit', name='supply_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('expires', sa.Boolean(), nullable=False),
    sa.Column('contains_alcohol', sa.Boolean(), nullable=False),
    sa.Column('warn_days', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('warn_days BETWEEN 0 AND 365', name=op.f('ck_supply_items_warn_days_plausible')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_supply_items_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_supply_items')),
    sa.UniqueConstraint('code', name=op.f('uq_supply_items_code'))
    )
    op.create_index('uq_supply_items_union_id_name', 'supply_items', ['union_id', 'name'], unique=True, postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('kit_parts',
    sa.Column('kit_id', sa.Uuid(), nullable=False),
    sa.Column('part_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.CheckConstraint('part_id <> kit_id', name=op.f('ck_kit_parts_part_is_another')),
    sa.CheckConstraint('quantity >= 1', name=op.f('ck_kit_parts_quantity_counts')),
    sa.ForeignKeyConstraint(['kit_id'], ['supply_items.id'], name=op.f('fk_kit_parts_kit_id')),
    sa.ForeignKeyConstraint(['part_id'], ['supply_items.id'], name=op.f('fk_kit_parts_part_id')),
    sa.PrimaryKeyConstraint('kit_id', 'part_id', name=op.f('pk_kit_parts'))
    )
    op.create_table('lots',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('supply_item_id', sa.Uuid(), nullable=False),
    sa.Column('lot_number', sa.Text(), nullable=True),
    sa.Column('expires_on', sa.Date(), nullable=True),
    sa.Column('unit_cost', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('on_hand', sa.Integer(), nullable=False),
    sa.Column('received_on', sa.Date(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('on_hand >= 0', name=op.f('ck_lots_never_below_zero')),
    sa.CheckConstraint('unit_cost >= 0', name=op.f('ck_lots_unit_cost_not_negative')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_lots_station_id')),
    sa.ForeignKeyConstraint(['supply_item_id'], ['supply_items.id'], name=op.f('fk_lots_supply_item_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lots'))
    )
    op.create_index('ix_lots_on_hand', 'lots', ['station_id', 'expires_on'], unique=False, postgresql_where=sa.text('on_hand > 0'))
    op.create_index('ix_lots_station_id', 'lots', ['station_id', 'supply_item_id', 'expires_on'], unique=False)
    op.create_table('stock_movements',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('supply_item_id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('opening', 'purchase', 'donation', 'transfer_in', 'transfer_out', 'hand_out', 'refill', 'give_back', 'found', 'missing', 'loss', 'write_off', name='movement_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('unit_cost', sa.Numeric(precision=14, scale=2), nullable=False),
    sa.Column('movement', sa.Uuid(), nullable=False),
    sa.Column('cause_table', sa.Text(), nullable=True),
    sa.Column('cause_id', sa.Text(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('by_kind', sa.Text(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_stock_movements_quantity_counts')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots.id'], name=op.f('fk_stock_movements_lot_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_stock_movements_station_id')),
    sa.ForeignKeyConstraint(['supply_item_id'], ['supply_items.id'], name=op.f('fk_stock_movements_supply_item_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_movements'))
    )
    op.create_index('ix_stock_movements_cause', 'stock_movements', ['cause_table', 'cause_id'], unique=False)
    op.create_index('ix_stock_movements_lot_id', 'stock_movements', ['lot_id', 'id'], unique=False)
    op.create_index('ix_stock_movements_station_id', 'stock_movements', ['station_id', 'at', 'id'], unique=False)
    op.create_index('ix_stock_movements_use', 'stock_movements', ['station_id', 'supply_item_id', 'at'], unique=False, postgresql_where=sa.text("kind IN ('hand_out', 'refill')"))
    op.create_table('stock_counts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('supply_item_id', sa.Uuid(), nullable=False),
    sa.Column('booked', sa.Integer(), nullable=False),
    sa.Column('shortage', sa.Integer(), nullable=False),
    sa.Column('counted', sa.Integer(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('counted >= 0 AND booked >= 0 AND shortage >= 0', name=op.f('ck_stock_counts_not_negative')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_stock_counts_by_account_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_stock_counts_station_id')),
    sa.ForeignKeyConstraint(['supply_item_id'], ['supply_items.id'], name=op.f('fk_stock_counts_supply_item_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_counts'))
    )
    op.create_index('ix_stock_counts_station_id', 'stock_counts', ['station_id', 'at', 'id'], unique=False)
    op.create_table('stock_shortages',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('supply_item_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('cause_table', sa.Text(), nullable=True),
    sa.Column('cause_id', sa.Text(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by_count_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_stock_shortages_quantity_counts')),
    sa.ForeignKeyConstraint(['settled_by_count_id'], ['stock_counts.id'], name=op.f('fk_stock_shortages_settled_by_count_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_stock_shortages_station_id')),
    sa.ForeignKeyConstraint(['supply_item_id'], ['supply_items.id'], name=op.f('fk_stock_shortages_supply_item_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_shortages'))
    )
    op.create_index('ix_stock_shortages_open', 'stock_shortages', ['station_id', 'supply_item_id'], unique=False, postgresql_where=sa.text('settled_at IS NULL'))
    op.create_table('stock_transfers',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('supply_item_id', sa.Uuid(), nullable=False),
    sa.Column('from_station_id', sa.Uuid(), nullable=False),
    sa.Column('to_station_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('received', sa.Integer(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('received_by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('(received IS NULL) = (received_at IS NULL)', name=op.f('ck_stock_transfers_received_whole')),
    sa.CheckConstraint('from_station_id <> to_station_id', name=op.f('ck_stock_transfers_to_another')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_stock_transfers_quantity_counts')),
    sa.CheckConstraint('received BETWEEN 0 AND quantity', name=op.f('ck_stock_transfers_received_plausible')),
    sa.ForeignKeyConstraint(['from_station_id'], ['stations.id'], name=op.f('fk_stock_transfers_from_station_id')),
    sa.ForeignKeyConstraint(['received_by_account_id'], ['accounts.id'], name=op.f('fk_stock_transfers_received_by_account_id')),
    sa.ForeignKeyConstraint(['sent_by_account_id'], ['accounts.id'], name=op.f('fk_stock_transfers_sent_by_account_id')),
    sa.ForeignKeyConstraint(['supply_item_id'], ['supply_items.id'], name=op.f('fk_stock_transfers_supply_item_id')),
    sa.ForeignKeyConstraint(['to_station_id'], ['stations.id'], name=op.f('fk_stock_transfers_to_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_transfers'))
    )
    op.create_index('ix_stock_transfers_from_station_id', 'stock_transfers', ['from_station_id', 'id'], unique=False)
    op.create_index('ix_stock_transfers_to_station_id', 'stock_transfers', ['to_station_id', 'id'], unique=False)
    op.create_table('write_offs',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('asked_by_account_id', sa.Uuid(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('confirmed', sa.Boolean(), nullable=True),
    sa.CheckConstraint('(decided_at IS NULL) = (confirmed IS NULL)', name=op.f('ck_write_offs_decided_whole')),
    sa.CheckConstraint('decided_by_account_id <> asked_by_account_id', name=op.f('ck_write_offs_by_two_people')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_write_offs_quantity_counts')),
    sa.ForeignKeyConstraint(['asked_by_account_id'], ['accounts.id'], name=op.f('fk_write_offs_asked_by_account_id')),
    sa.ForeignKeyConstraint(['decided_by_account_id'], ['accounts.id'], name=op.f('fk_write_offs_decided_by_account_id')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots.id'], name=op.f('fk_write_offs_lot_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_write_offs'))
    )
    op.create_index('uq_write_offs_open', 'write_offs', ['lot_id'], unique=True, postgresql_where=sa.text('decided_at IS NULL'))
    op.execute("CREATE TRIGGER tr_stock_movements_append_only BEFORE UPDATE OR DELETE ON stock_movements "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER tr_stock_movements_no_truncate BEFORE TRUNCATE ON stock_movements "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER tr_stock_counts_append_only BEFORE UPDATE OR DELETE ON stock_counts "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER tr_stock_counts_no_truncate BEFORE TRUNCATE ON stock_counts "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")


def downgrade():
    op.drop_table("write_offs")
    op.drop_table("stock_transfers")
    op.drop_table("stock_shortages")
    op.drop_table("stock_counts")
    op.drop_table("stock_movements")
    op.drop_table("lots")
    op.drop_table("kit_parts")
    op.drop_table("supply_items")
