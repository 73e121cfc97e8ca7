"""Hand-outs to many, paper sheets, entries made without network.

Visits and lines learn when they were written down, where that was later; a sealed day may get further parts.

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

BEFORE = ("desk", "self", "paper", "offline")
NOW = (*BEFORE, "group", "handout", "host")


def _sources(words):
    op.drop_constraint(op.f("ck_visits_visit_source"), "visits", type_="check")
    op.create_check_constraint(op.f("ck_visits_visit_source"), "visits", f"source IN ({', '.join(map(repr, words))})")


def upgrade():
    _sources(NOW)
    for table in ("visits", "visit_lines"):
        op.add_column(table, sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True))
        op.create_check_constraint(op.f(f"ck_{table}_recorded_later"), table, "recorded_at > at")
    op.create_index(
        "ix_visit_lines_recorded_at", "visit_lines", ["recorded_at"], postgresql_where=sa.text("recorded_at IS NOT NULL")
    )
    op.add_column("day_seals", sa.Column("part", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.drop_constraint(op.f("pk_day_seals"), "day_seals", type_="primary")
    op.create_primary_key(op.f("pk_day_seals"), "day_seals", ["station_id", "day", "part"])
    op.create_table('handouts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('service', sa.Enum('rest', 'drinking_water', 'hot_meal', 'cooling', 'warming', 'phone_charging', 'ebike_charging', 'battery_swap', 'toilet', 'wash_hands', 'shower', 'laundry', 'truck_parking', 'first_aid', 'repair_tools', 'rain_gear', 'reading', 'wifi', 'haircut', 'legal_advice', 'counselling', 'other', name='basic_service', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=True),
    sa.Column('given', sa.Integer(), nullable=False),
    sa.Column('given_late', sa.Integer(), nullable=False),
    sa.Column('one_per_person', sa.Boolean(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('opened_by_account_id', sa.Uuid(), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('(closed_at IS NULL) = (closed_by_account_id IS NULL)', name=op.f('ck_handouts_closed_whole')),
    sa.CheckConstraint('given <= quantity', name=op.f('ck_handouts_never_more_than_there_was')),
    sa.CheckConstraint('given >= 0 AND given_late >= 0', name=op.f('ck_handouts_given_not_negative')),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_handouts_quantity_positive')),
    sa.ForeignKeyConstraint(['closed_by_account_id'], ['accounts.id'], name=op.f('fk_handouts_closed_by_account_id')),
    sa.ForeignKeyConstraint(['opened_by_account_id'], ['accounts.id'], name=op.f('fk_handouts_opened_by_account_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_handouts_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_handouts'))
    )
    op.create_index('ix_handouts_station_id', 'handouts', ['station_id', 'id'], unique=False)
    op.create_table('handout_gifts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('handout_id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=True),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('once', sa.Boolean(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('line_id', sa.Uuid(), nullable=False),
    sa.Column('line_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.Column('taken_back_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_handout_gifts_by_account_id')),
    sa.ForeignKeyConstraint(['handout_id'], ['handouts.id'], name=op.f('fk_handout_gifts_handout_id')),
    sa.ForeignKeyConstraint(['line_id', 'line_at'], ['visit_lines.id', 'visit_lines.at'], name=op.f('fk_handout_gifts_line_id_line_at')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_handout_gifts_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_handout_gifts'))
    )
    op.create_index('ix_handout_gifts_handout_id', 'handout_gifts', ['handout_id', 'id'], unique=False)
    op.create_index('uq_handout_gifts_once', 'handout_gifts', ['handout_id', 'worker_id'], unique=True, postgresql_where=sa.text('once AND taken_back_at IS NULL'))
    op.create_table('group_visits',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('service', sa.Enum('rest', 'drinking_water', 'hot_meal', 'cooling', 'warming', 'phone_charging', 'ebike_charging', 'battery_swap', 'toilet', 'wash_hands', 'shower', 'laundry', 'truck_parking', 'first_aid', 'repair_tools', 'rain_gear', 'reading', 'wifi', 'haircut', 'legal_advice', 'counselling', 'other', name='basic_service', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('given', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('picture_id', sa.Uuid(), nullable=True),
    sa.Column('entered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=False),
    sa.Column('reversed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reversed_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('reversed_reason', sa.Text(), nullable=True),
    sa.CheckConstraint('(reversed_at IS NULL) = (reversed_by_account_id IS NULL) AND (reversed_at IS NULL) = (reversed_reason IS NULL)', name=op.f('ck_group_visits_reversed_whole')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_group_visits_by_account_id')),
    sa.ForeignKeyConstraint(['picture_id'], ['pictures.id'], name=op.f('fk_group_visits_picture_id')),
    sa.ForeignKeyConstraint(['reversed_by_account_id'], ['accounts.id'], name=op.f('fk_group_visits_reversed_by_account_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_group_visits_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_group_visits'))
    )
    op.create_index('ix_group_visits_station_id', 'group_visits', ['station_id', 'id'], unique=False)
    op.create_table('group_heads',
    sa.Column('group_visit_id', sa.Uuid(), nullable=False),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('heads', sa.Integer(), nullable=False),
    sa.CheckConstraint('heads > 0', name=op.f('ck_group_heads_heads_positive')),
    sa.ForeignKeyConstraint(['group_visit_id'], ['group_visits.id'], name=op.f('fk_group_heads_group_visit_id')),
    sa.PrimaryKeyConstraint('group_visit_id', 'occupation', name=op.f('pk_group_heads'))
    )
    op.create_table('group_lines',
    sa.Column('line_id', sa.Uuid(), nullable=False),
    sa.Column('line_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('group_visit_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['group_visit_id'], ['group_visits.id'], name=op.f('fk_group_lines_group_visit_id')),
    sa.ForeignKeyConstraint(['line_id', 'line_at'], ['visit_lines.id', 'visit_lines.at'], name=op.f('fk_group_lines_line_id_line_at')),
    sa.PrimaryKeyConstraint('line_id', name=op.f('pk_group_lines'))
    )
    op.create_index('ix_group_lines_group_visit_id', 'group_lines', ['group_visit_id'], unique=False)
    op.create_table('paper_sheets',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('serial', sa.String(length=40), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=True),
    sa.Column('handout_id', sa.Uuid(), nullable=True),
    sa.Column('entered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('total >= 0', name=op.f('ck_paper_sheets_total_not_negative')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_paper_sheets_by_account_id')),
    sa.ForeignKeyConstraint(['handout_id'], ['handouts.id'], name=op.f('fk_paper_sheets_handout_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_paper_sheets_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_paper_sheets')),
    sa.UniqueConstraint('station_id', 'serial', name=op.f('uq_paper_sheets_station_id_serial'))
    )
    op.create_index('ix_paper_sheets_station_id', 'paper_sheets', ['station_id', 'id'], unique=False)
    op.create_table('paper_rows',
    sa.Column('sheet_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('service', sa.Enum('rest', 'drinking_water', 'hot_meal', 'cooling', 'warming', 'phone_charging', 'ebike_charging', 'battery_swap', 'toilet', 'wash_hands', 'shower', 'laundry', 'truck_parking', 'first_aid', 'repair_tools', 'rain_gear', 'reading', 'wifi', 'haircut', 'legal_advice', 'counselling', 'other', name='basic_service', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('heads', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=True),
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('heads > 0', name=op.f('ck_paper_rows_heads_positive')),
    sa.ForeignKeyConstraint(['sheet_id'], ['paper_sheets.id'], name=op.f('fk_paper_rows_sheet_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_paper_rows_worker_id')),
    sa.PrimaryKeyConstraint('sheet_id', 'position', name=op.f('pk_paper_rows'))
    )
    op.create_table('entry_discrepancies',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('source', sa.Enum('desk', 'self', 'paper', 'offline', 'group', 'handout', 'host', name='visit_source', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('kind', sa.Enum('again_today', 'over_quantity', 'station_closed', 'total_differs', 'not_recognised', 'unknown_card', 'wrong_clock', 'key_reused', 'unreadable', name='discrepancy_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=True),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sheet_id', sa.Uuid(), nullable=True),
    sa.Column('ref', sa.String(length=120), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by_account_id', sa.Uuid(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.CheckConstraint('(settled_at IS NULL) = (settled_by_account_id IS NULL)', name=op.f('ck_entry_discrepancies_settled_whole')),
    sa.CheckConstraint('(visit_id IS NULL) = (visit_at IS NULL)', name=op.f('ck_entry_discrepancies_visit_whole')),
    sa.ForeignKeyConstraint(['settled_by_account_id'], ['accounts.id'], name=op.f('fk_entry_discrepancies_settled_by_account_id')),
    sa.ForeignKeyConstraint(['sheet_id'], ['paper_sheets.id'], name=op.f('fk_entry_discrepancies_sheet_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_entry_discrepancies_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entry_discrepancies'))
    )
    op.create_index('ix_entry_discrepancies_open', 'entry_discrepancies', ['station_id', 'id'], unique=False, postgresql_where=sa.text('settled_at IS NULL'))
    op.create_index('uq_entry_discrepancies_ref', 'entry_discrepancies', ['station_id', 'ref'], unique=True, postgresql_where=sa.text('ref IS NOT NULL'))
    op.create_table('offline_entries',
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('body_hash', sa.LargeBinary(), nullable=False),
    sa.Column('device_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('offset_ms', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('service', sa.Enum('rest', 'drinking_water', 'hot_meal', 'cooling', 'warming', 'phone_charging', 'ebike_charging', 'battery_swap', 'toilet', 'wash_hands', 'shower', 'laundry', 'truck_parking', 'first_aid', 'repair_tools', 'rain_gear', 'reading', 'wifi', 'haircut', 'legal_advice', 'counselling', 'other', name='basic_service', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('heads', sa.Integer(), nullable=False),
    sa.Column('with_card', sa.Boolean(), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=False),
    sa.CheckConstraint('at <= recorded_at', name=op.f('ck_offline_entries_not_ahead')),
    sa.CheckConstraint('heads > 0', name=op.f('ck_offline_entries_heads_positive')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_offline_entries_by_account_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_offline_entries_station_id')),
    sa.PrimaryKeyConstraint('station_id', 'key', name=op.f('pk_offline_entries'))
    )
    op.execute(
        "CREATE TRIGGER tr_offline_entries_append_only BEFORE UPDATE OR DELETE ON offline_entries "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER tr_offline_entries_no_truncate BEFORE TRUNCATE ON offline_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade():
    for table in ("offline_entries", "entry_discrepancies", "paper_rows", "paper_sheets", "group_lines", "group_heads", "group_visits", "handout_gifts", "handouts"):
        op.drop_table(table)
    op.execute("ALTER TABLE day_seals DISABLE TRIGGER USER")
    op.execute("DELETE FROM day_seals WHERE part > 0")
    op.execute("ALTER TABLE day_seals ENABLE TRIGGER USER")
    op.drop_constraint(op.f("pk_day_seals"), "day_seals", type_="primary")
    op.drop_column("day_seals", "part")
    op.create_primary_key(op.f("pk_day_seals"), "day_seals", ["station_id", "day"])
    for table in ("visits", "visit_lines"):
        op.drop_constraint(op.f(f"ck_{table}_recorded_later"), table, type_="check")
        op.drop_column(table, "recorded_at")
    _sources(BEFORE)
