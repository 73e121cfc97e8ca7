"""Stock of stations: a book of movements that alone changes what a lot holds; nothing past its date goes out.

Revision: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# The same signs stand in supplies.models.SIGNS; a test holds the two together.
APPLY = """
CREATE FUNCTION apply_stock_movement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer;
    good_until date;
BEGIN
    SELECT s.sign INTO STRICT sign FROM (VALUES
        ('opening', 1), ('purchase', 1), ('donation', 1), ('transfer_in', 1), ('transfer_out', -1), ('hand_out', -1),
        ('refill', -1), ('give_back', 1), ('found', 1), ('missing', -1), ('loss', -1), ('write_off', -1)
    ) AS s (kind, sign) WHERE s.kind = NEW.kind;
    UPDATE lots SET on_hand = on_hand + sign * NEW.quantity
    WHERE id = NEW.lot_id AND station_id = NEW.station_id AND supply_item_id = NEW.supply_item_id
    RETURNING expires_on INTO good_until;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lot is of another station or item'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'fk_stock_movements_lot';
    END IF;
    -- Good until the end of its day at +08:00. What did not arrive is a loss of the sender, however late that is found.
    IF good_until < (NEW.at AT TIME ZONE 'Asia/Shanghai')::date AND (NEW.kind IN ('hand_out', 'refill', 'transfer_out')
            OR (NEW.kind = 'loss' AND NEW.cause_table IS DISTINCT FROM 'stock_transfers')) THEN
        RAISE EXCEPTION 'the lot is past its date'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_movements_not_expired';
    END IF;
    IF NEW.kind = 'write_off' AND NOT EXISTS (SELECT FROM write_offs w WHERE NEW.cause_table = 'write_offs'
            AND w.id::text = NEW.cause_id AND w.lot_id = NEW.lot_id AND w.confirmed AND w.quantity = NEW.quantity) THEN
        RAISE EXCEPTION 'a lot is written off by two people'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_movements_written_off_by_two';
    END IF;
    RETURN NULL;
END $$"""

# A statement of somebody's own calls it at depth 1; the trigger above calls it at depth 2.
GUARD = """
CREATE FUNCTION guard_lots() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    item record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT i.kind, i.expires INTO STRICT item FROM supply_items i WHERE i.id = NEW.supply_item_id;
        IF item.kind = 'kit' THEN
            RAISE EXCEPTION 'a pack is not in stock, its parts are'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_lots_no_kit';
        END IF;
        IF item.expires AND NEW.expires_on IS NULL THEN
            RAISE EXCEPTION 'the lot must say until when it is good'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_lots_expiry_said';
        END IF;
        IF NEW.on_hand <> 0 THEN
            RAISE EXCEPTION 'lots.on_hand changes by movements only'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
        END IF;
    ELSIF pg_trigger_depth() = 1 AND (NEW.on_hand, NEW.station_id, NEW.supply_item_id, NEW.unit_cost)
            IS DISTINCT FROM (OLD.on_hand, OLD.station_id, OLD.supply_item_id, OLD.unit_cost) THEN
        RAISE EXCEPTION 'lots.on_hand changes by movements only'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$"""

# Packs are made of things, not of packs, and a thing stays what it is; so there is never a circle.
KITS = """
CREATE FUNCTION guard_kits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'supply_items' THEN
        IF NEW.kind <> OLD.kind THEN
            RAISE EXCEPTION 'a thing stays what it is' USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
        END IF;
    ELSIF NOT EXISTS (SELECT FROM supply_items k, supply_items p
            WHERE k.id = NEW.kit_id AND k.kind = 'kit' AND p.id = NEW.part_id AND p.kind <> 'kit') THEN
        RAISE EXCEPTION 'a pack is made of things that are no packs'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_kit_parts_no_kit_within';
    END IF;
    RETURN NEW;
END $$"""


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
    op.create_index('ix_stock_movements_use', 'stock_movements', ['station_id', 'supply_item_id', 'at'], unique=False, postgresql_where=sa.text("kind IN ('hand_out', 'refill', 'give_back')"))
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
    sa.Column('called_back', sa.Boolean(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('received_by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('(received IS NULL) = (received_at IS NULL)', name=op.f('ck_stock_transfers_received_whole')),
    sa.CheckConstraint('NOT called_back OR received = 0', name=op.f('ck_stock_transfers_called_back_whole')),
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
    op.create_index('ix_stock_transfers_open', 'stock_transfers', ['to_station_id'], unique=False, postgresql_where=sa.text('received_at IS NULL'))
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
    op.execute(APPLY)
    op.execute("CREATE TRIGGER tr_stock_movements_apply AFTER INSERT ON stock_movements "
               "FOR EACH ROW EXECUTE FUNCTION apply_stock_movement()")
    op.execute(GUARD)
    op.execute("CREATE TRIGGER tr_lots_guard BEFORE INSERT OR UPDATE ON lots FOR EACH ROW EXECUTE FUNCTION guard_lots()")
    op.execute(KITS)
    op.execute("CREATE TRIGGER tr_supply_items_kind BEFORE UPDATE ON supply_items FOR EACH ROW EXECUTE FUNCTION guard_kits()")
    op.execute("CREATE TRIGGER tr_kit_parts_kinds BEFORE INSERT OR UPDATE ON kit_parts "
               "FOR EACH ROW EXECUTE FUNCTION guard_kits()")


def downgrade():
    op.drop_table("write_offs")
    op.drop_table("stock_transfers")
    op.drop_table("stock_shortages")
    op.drop_table("stock_counts")
    op.drop_table("stock_movements")
    op.drop_table("lots")
    op.drop_table("kit_parts")
    op.drop_table("supply_items")
    for function in ("apply_stock_movement", "guard_lots", "guard_kits"):
        op.execute(f"DROP FUNCTION {function}()")
