"""Reports from the door with their steps, checklists and inspections, what was claimed at the door.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

APPEND_ONLY = ("report_steps", "inspections", "inspection_answers", "inspection_findings")
TABLES = (
    "reports",
    "report_steps",
    "report_photos",
    "checklists",
    "checklist_items",
    "inspections",
    "inspection_answers",
    "inspection_findings",
    "door_claims",
)


def upgrade():
    op.create_table('reports',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('locked', 'broken', 'dirty', 'expired', 'out_of_stock', 'unsafe', 'other', name='report_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('facility', sa.Enum('drinking_water', 'hot_water', 'microwave', 'refrigerator', 'air_conditioning', 'heating', 'seating', 'phone_charging', 'ebike_charging', 'battery_swap', 'wifi', 'toilet', 'first_aid_kit', 'heat_medicine', 'aed', 'blood_pressure_meter', 'thermometer', 'umbrella', 'tool_box', 'tyre_pump', 'books', 'tv', 'nursing_room', 'wheelchair', 'accessible_entry', 'locker', 'haircut', 'shower', 'laundry', 'dryer', 'bed', 'truck_parking', 'vehicle_repair', 'convenience_store', 'canteen', 'legal_corner', 'psych_corner', 'donation_shelf', 'sos_button', name='facility', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('source', sa.Enum('door', 'desk', 'keeper', 'inspection', name='report_source', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('status', sa.Enum('reported', 'answered', 'repaired', 'unfounded', 'reopened', name='report_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('said', sa.Integer(), nullable=False),
    sa.Column('reported_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_said_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(status IN ('repaired', 'unfounded')) = (ended_at IS NOT NULL)", name=op.f('ck_reports_settled_has_time')),
    sa.CheckConstraint("(status IN ('reported', 'reopened')) = (answered_at IS NULL)", name=op.f('ck_reports_answered_has_time')),
    sa.CheckConstraint('answered_at >= begun_at AND ended_at >= answered_at', name=op.f('ck_reports_times_in_order')),
    sa.CheckConstraint('due_at > begun_at', name=op.f('ck_reports_due_later')),
    sa.CheckConstraint('last_said_at >= reported_at AND begun_at >= reported_at', name=op.f('ck_reports_in_order')),
    sa.CheckConstraint('said > 0', name=op.f('ck_reports_said_by_somebody')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_reports_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reports'))
    )
    op.create_index('ix_reports_due_at', 'reports', ['due_at', 'id'], unique=False, postgresql_where=sa.text("status IN ('reported', 'answered', 'reopened')"))
    op.create_index('ix_reports_reported_at', 'reports', ['reported_at', 'id'], unique=False)
    op.create_index('ix_reports_station_id', 'reports', ['station_id', 'reported_at', 'id'], unique=False)
    op.create_index('uq_reports_open', 'reports', ['station_id', 'kind', 'facility'], unique=True, postgresql_nulls_not_distinct=True, postgresql_where=sa.text("status IN ('reported', 'answered', 'reopened') AND kind <> 'other'"))
    op.create_table('report_steps',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('report_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_kind', sa.Text(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.Enum('said', 'answered', 'repaired', 'unfounded', 'reopened', name='step_action', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.CheckConstraint("action <> 'unfounded' OR note IS NOT NULL", name=op.f('ck_report_steps_unfounded_has_reason')),
    sa.CheckConstraint('char_length(note) <= 300', name=op.f('ck_report_steps_note_length')),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id'], name=op.f('fk_report_steps_report_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_steps'))
    )
    op.create_index('ix_report_steps_report_id', 'report_steps', ['report_id', 'id'], unique=False)
    op.create_table('report_photos',
    sa.Column('picture_id', sa.Uuid(), nullable=False),
    sa.Column('report_id', sa.Uuid(), nullable=False),
    sa.Column('step_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['picture_id'], ['pictures.id'], name=op.f('fk_report_photos_picture_id')),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id'], name=op.f('fk_report_photos_report_id')),
    sa.ForeignKeyConstraint(['step_id'], ['report_steps.id'], name=op.f('fk_report_photos_step_id')),
    sa.PrimaryKeyConstraint('picture_id', name=op.f('pk_report_photos')),
    sa.UniqueConstraint('step_id', name=op.f('uq_report_photos_step_id'))
    )
    op.create_index('ix_report_photos_report_id', 'report_photos', ['report_id'], unique=False)
    op.create_table('checklists',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('previous_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('version > 0 AND (version = 1) = (previous_id IS NULL)', name=op.f('ck_checklists_version_follows')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_checklists_by_account_id')),
    sa.ForeignKeyConstraint(['previous_id'], ['checklists.id'], name=op.f('fk_checklists_previous_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_checklists_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_checklists')),
    sa.UniqueConstraint('previous_id', name=op.f('uq_checklists_previous_id'))
    )
    op.create_index('ix_checklists_union_id', 'checklists', ['union_id', 'id'], unique=False)
    op.create_table('checklist_items',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('checklist_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('says', sa.Text(), nullable=False),
    sa.CheckConstraint('char_length(says) BETWEEN 1 AND 200', name=op.f('ck_checklist_items_says_length')),
    sa.ForeignKeyConstraint(['checklist_id'], ['checklists.id'], name=op.f('fk_checklist_items_checklist_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_checklist_items')),
    sa.UniqueConstraint('checklist_id', 'position', name=op.f('uq_checklist_items_checklist_id_position'))
    )
    op.create_table('inspections',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('checklist_id', sa.Uuid(), nullable=False),
    sa.Column('inspected_on', sa.Date(), nullable=False),
    sa.Column('unannounced', sa.Boolean(), nullable=False),
    sa.Column('signature_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('char_length(note) <= 300', name=op.f('ck_inspections_note_length')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_inspections_by_account_id')),
    sa.ForeignKeyConstraint(['checklist_id'], ['checklists.id'], name=op.f('fk_inspections_checklist_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_inspections_station_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inspections'))
    )
    op.create_index('ix_inspections_checklist_id', 'inspections', ['checklist_id'], unique=False)
    op.create_index('ix_inspections_inspected_on', 'inspections', ['inspected_on', 'id'], unique=False)
    op.create_index('ix_inspections_station_id', 'inspections', ['station_id', 'inspected_on', 'id'], unique=False)
    op.create_table('inspection_answers',
    sa.Column('inspection_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=False),
    sa.Column('outcome', sa.Enum('met', 'not_met', 'not_applicable', name='outcome', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('picture_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('char_length(note) <= 300', name=op.f('ck_inspection_answers_note_length')),
    sa.ForeignKeyConstraint(['inspection_id'], ['inspections.id'], name=op.f('fk_inspection_answers_inspection_id')),
    sa.ForeignKeyConstraint(['item_id'], ['checklist_items.id'], name=op.f('fk_inspection_answers_item_id')),
    sa.ForeignKeyConstraint(['picture_id'], ['pictures.id'], name=op.f('fk_inspection_answers_picture_id')),
    sa.PrimaryKeyConstraint('inspection_id', 'item_id', name=op.f('pk_inspection_answers'))
    )
    op.create_table('inspection_findings',
    sa.Column('inspection_id', sa.Uuid(), nullable=False),
    sa.Column('item_id', sa.Uuid(), nullable=False),
    sa.Column('report_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['inspection_id', 'item_id'], ['inspection_answers.inspection_id', 'inspection_answers.item_id'], name=op.f('fk_inspection_findings_inspection_id_item_id')),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id'], name=op.f('fk_inspection_findings_report_id')),
    sa.PrimaryKeyConstraint('inspection_id', 'item_id', name=op.f('pk_inspection_findings'))
    )
    op.create_index('ix_inspection_findings_report_id', 'inspection_findings', ['report_id'], unique=False)
    op.create_table('door_claims',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('phone_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('phone_index', sa.LargeBinary(), nullable=True),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('worker_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('(confirmed_at IS NULL) = (phone_cipher IS NOT NULL)', name=op.f('ck_door_claims_phone_until_confirmed')),
    sa.CheckConstraint('(confirmed_at IS NULL) = (worker_id IS NULL)', name=op.f('ck_door_claims_confirmed_by_somebody')),
    sa.CheckConstraint('(phone_cipher IS NULL) = (phone_index IS NULL)', name=op.f('ck_door_claims_phone_indexed')),
    sa.ForeignKeyConstraint(['visit_id', 'visit_at'], ['visits.id', 'visits.at'], name=op.f('fk_door_claims_visit_id_visit_at')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_door_claims_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_door_claims'))
    )
    op.create_index('ix_door_claims_phone_index', 'door_claims', ['phone_index'], unique=False)
    op.create_index('ix_door_claims_worker_id', 'door_claims', ['worker_id', 'visit_at'], unique=False)
    op.create_index('uq_door_claims_visit_id', 'door_claims', ['visit_id'], unique=True)

    # What is written stays written; an item of a checklist may go while nobody answered it, but never read otherwise.
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                   "FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER tr_{table}_no_truncate BEFORE TRUNCATE ON {table} "
                   "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER tr_checklist_items_unchanged BEFORE UPDATE ON checklist_items "
               "FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade():
    for table in reversed(TABLES):
        op.drop_table(table)
