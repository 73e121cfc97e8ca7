"""Foundation: unions, staff, workers, joining, memberships, stations, visits, trust.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

APPEND_ONLY = ("audit_entries", "audit_seals", "visits", "visit_lines", "visit_reversals", "day_seals")
TABLES = (
    "accounts",
    "attempts",
    "audit_entries",
    "divisions",
    "idempotency_keys",
    "messages",
    "one_time_codes",
    "sessions",
    "workers",
    "audit_seals",
    "audit_waiting",
    "consents",
    "recent_services",
    "unions",
    "worker_cards",
    "worker_phones",
    "appointments",
    "stations",
    "union_days",
    "union_months",
    "union_reach",
    "day_seals",
    "invitations",
    "opening_hours",
    "recent_stays",
    "station_facilities",
    "station_imports",
    "station_months",
    "visits",
    "applications",
    "visit_lines",
    "memberships",
    "visit_reversals",
    "membership_records",
)


def upgrade():
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("CREATE SEQUENCE membership_numbers")
    op.create_table('accounts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('sign_in_name', sa.String(length=60), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=True),
    sa.Column('totp_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('totp_last_step', sa.BigInteger(), nullable=False),
    sa.Column('invitation_digest', sa.LargeBinary(), nullable=True),
    sa.Column('invited_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(invitation_digest IS NULL) = (invited_until IS NULL)', name=op.f('ck_accounts_invitation_whole')),
    sa.CheckConstraint('sign_in_name = lower(sign_in_name)', name=op.f('ck_accounts_sign_in_name_lower')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts')),
    sa.UniqueConstraint('invitation_digest', name=op.f('uq_accounts_invitation_digest')),
    sa.UniqueConstraint('sign_in_name', name=op.f('uq_accounts_sign_in_name'))
    )
    op.create_table('attempts',
    sa.Column('id', sa.Uuid(as_uuid=False), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('subject', sa.LargeBinary(), nullable=False),
    sa.Column('client', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('failed', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempts'))
    )
    op.create_index('ix_attempts_client', 'attempts', ['purpose', 'client', 'at'], unique=False)
    op.create_index('ix_attempts_pair', 'attempts', ['purpose', 'subject', 'client', 'at'], unique=False)
    op.create_table('audit_entries',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_kind', sa.Text(), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('subject_table', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Text(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=True),
    sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('transaction', sa.BigInteger(), server_default=sa.text('txid_current()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entries'))
    )
    op.create_index('ix_audit_entries_at', 'audit_entries', ['at', 'id'], unique=False)
    op.create_index('ix_audit_entries_subject', 'audit_entries', ['subject_table', 'subject_id', 'id'], unique=False)
    op.create_index('ix_audit_entries_union_id_id', 'audit_entries', ['union_id', 'id'], unique=False)
    op.create_table('divisions',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('parent_code', sa.Text(), nullable=True),
    sa.Column('level', sa.Text(), nullable=False),
    sa.Column('statutory', sa.Boolean(), nullable=False),
    sa.Column('lng', sa.Numeric(precision=9, scale=6), nullable=True),
    sa.Column('lat', sa.Numeric(precision=8, scale=6), nullable=True),
    sa.ForeignKeyConstraint(['parent_code'], ['divisions.code'], name=op.f('fk_divisions_parent_code')),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_divisions'))
    )
    op.create_index(op.f('ix_divisions_parent_code'), 'divisions', ['parent_code'], unique=False)
    op.create_table('idempotency_keys',
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('body_hash', sa.LargeBinary(), nullable=False),
    sa.Column('answer', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('actor', 'key', name=op.f('pk_idempotency_keys'))
    )
    op.create_index('ix_idempotency_keys_at', 'idempotency_keys', ['at'], unique=False)
    op.create_table('messages',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('status', sa.Enum('waiting', 'sent', 'shown', 'failed', name='message_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('recipient_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('body_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name=op.f('ck_messages_ended_when_not_waiting')),
    sa.CheckConstraint('tries >= 0', name=op.f('ck_messages_tries_not_negative')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_messages'))
    )
    op.create_index('ix_messages_waiting', 'messages', ['due_at'], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.create_table('one_time_codes',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('phone_cipher', sa.LargeBinary(), nullable=False),
    sa.Column('phone_index', sa.LargeBinary(), nullable=False),
    sa.Column('code_digest', sa.LargeBinary(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('tries BETWEEN 0 AND 5', name=op.f('ck_one_time_codes_five_tries')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_one_time_codes'))
    )
    op.create_index('ix_one_time_codes_phone_index', 'one_time_codes', ['phone_index', 'created_at'], unique=False)
    op.create_table('sessions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('token_digest', sa.LargeBinary(), nullable=False),
    sa.Column('actor_kind', sa.Text(), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('expires_at > created_at', name=op.f('ck_sessions_expires_after_creation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sessions')),
    sa.UniqueConstraint('token_digest', name=op.f('uq_sessions_token_digest'))
    )
    op.create_index('ix_sessions_actor', 'sessions', ['actor_kind', 'actor_id'], unique=False)
    op.create_table('workers',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('industry', sa.Enum('express', 'food_delivery', 'road_freight', 'passenger_transport', 'sanitation', 'care', 'trade', 'security', 'other', name='industry', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('is_new_form_worker', sa.Boolean(), nullable=False),
    sa.Column('is_migrant_worker', sa.Boolean(), nullable=False),
    sa.Column('id_type', sa.Enum('resident_id', 'hmt_residence', 'hmt_travel', 'foreign_permanent', 'passport', name='id_type', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('id_number_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('id_number_index', sa.LargeBinary(), nullable=True),
    sa.Column('never_invite_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('unrecorded_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(id_number_cipher IS NULL) = (id_number_index IS NULL)', name=op.f('ck_workers_id_indexed')),
    sa.CheckConstraint('(id_type IS NULL) = (id_number_cipher IS NULL)', name=op.f('ck_workers_id_whole')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workers'))
    )
    op.create_index('ix_workers_name', 'workers', ['name'], unique=False)
    op.create_index('uq_workers_id_number', 'workers', ['id_type', 'id_number_index'], unique=True)
    op.create_table('audit_seals',
    sa.Column('place', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('entry_id', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['entry_id'], ['audit_entries.id'], name=op.f('fk_audit_seals_entry_id')),
    sa.PrimaryKeyConstraint('place', name=op.f('pk_audit_seals')),
    sa.UniqueConstraint('entry_id', name=op.f('uq_audit_seals_entry_id'))
    )
    op.create_table('audit_waiting',
    sa.Column('entry_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('entry_id', name=op.f('pk_audit_waiting'))
    )
    op.create_table('consents',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Enum('service_record', 'contact', 'membership', name='purpose', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('notice_version', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('withdrawn_at IS NULL OR withdrawn_at >= given_at', name=op.f('ck_consents_withdrawn_after_given')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_consents_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consents'))
    )
    op.create_index('uq_consents_open', 'consents', ['worker_id', 'purpose'], unique=True, postgresql_where=sa.text('withdrawn_at IS NULL'))
    op.create_table('recent_services',
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('service', sa.Text(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('line_id', sa.Uuid(), nullable=False),
    sa.Column('line_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('previous_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_recent_services_worker_id')),
    sa.PrimaryKeyConstraint('worker_id', 'service', name=op.f('pk_recent_services'))
    )
    op.create_table('unions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('general_union', 'federation', 'industry_federation', 'joint_union', 'grassroots_union', 'branch', 'union_group', 'business_district', 'online_member_home', 'transit_pool', name='union_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('level', sa.Enum('province', 'city', 'county', 'zone', 'town', 'village', 'enterprise', name='union_level', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('division_code', sa.Text(), nullable=True),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('second_parent_id', sa.Uuid(), nullable=True),
    sa.Column('affiliation_union_id', sa.Uuid(), nullable=True),
    sa.Column('funding_union_id', sa.Uuid(), nullable=True),
    sa.Column('custodian_union_id', sa.Uuid(), nullable=True),
    sa.Column('formation_route', sa.Enum('key_firm', 'industry', 'catch_all', name='formation_route', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('founded_on', sa.Date(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('closed_at IS NULL OR closed_at >= created_at', name=op.f('ck_unions_closed_after_creation')),
    sa.CheckConstraint('parent_id <> id AND second_parent_id <> id', name=op.f('ck_unions_not_own_parent')),
    sa.CheckConstraint('second_parent_id <> parent_id', name=op.f('ck_unions_two_different_parents')),
    sa.CheckConstraint('second_parent_id IS NULL OR parent_id IS NOT NULL', name=op.f('ck_unions_second_needs_first')),
    sa.ForeignKeyConstraint(['affiliation_union_id'], ['unions.id'], name=op.f('fk_unions_affiliation_union_id')),
    sa.ForeignKeyConstraint(['custodian_union_id'], ['unions.id'], name=op.f('fk_unions_custodian_union_id')),
    sa.ForeignKeyConstraint(['division_code'], ['divisions.code'], name=op.f('fk_unions_division_code')),
    sa.ForeignKeyConstraint(['funding_union_id'], ['unions.id'], name=op.f('fk_unions_funding_union_id')),
    sa.ForeignKeyConstraint(['parent_id'], ['unions.id'], name=op.f('fk_unions_parent_id')),
    sa.ForeignKeyConstraint(['second_parent_id'], ['unions.id'], name=op.f('fk_unions_second_parent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unions')),
    sa.UniqueConstraint('code', name=op.f('uq_unions_code'))
    )
    op.create_index(op.f('ix_unions_division_code'), 'unions', ['division_code'], unique=False)
    op.create_index('ix_unions_name_trgm', 'unions', ['name'], unique=False, postgresql_using='gin', postgresql_ops={'name': 'gin_trgm_ops'})
    op.create_index(op.f('ix_unions_parent_id'), 'unions', ['parent_id'], unique=False)
    op.create_index(op.f('ix_unions_second_parent_id'), 'unions', ['second_parent_id'], unique=False)
    op.create_table('worker_cards',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('screen', 'printed', name='card_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('code_cipher', sa.LargeBinary(), nullable=False),
    sa.Column('code_index', sa.LargeBinary(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_worker_cards_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_worker_cards')),
    sa.UniqueConstraint('code_index', name=op.f('uq_worker_cards_code_index'))
    )
    op.create_index('ix_worker_cards_worker_id', 'worker_cards', ['worker_id'], unique=False)
    op.create_index('uq_worker_cards_screen', 'worker_cards', ['worker_id'], unique=True, postgresql_where=sa.text("kind = 'screen' AND revoked_at IS NULL"))
    op.create_table('worker_phones',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('phone_cipher', sa.LargeBinary(), nullable=False),
    sa.Column('phone_index', sa.LargeBinary(), nullable=False),
    sa.Column('tail_index', sa.LargeBinary(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('until IS NULL OR until >= since', name=op.f('ck_worker_phones_until_after_since')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_worker_phones_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_worker_phones'))
    )
    op.create_index('ix_worker_phones_phone_index', 'worker_phones', ['phone_index'], unique=False, postgresql_where=sa.text('until IS NULL'))
    op.create_index('ix_worker_phones_tail_index', 'worker_phones', ['tail_index'], unique=False, postgresql_where=sa.text('until IS NULL'))
    op.create_index('uq_worker_phones_open', 'worker_phones', ['worker_id', 'phone_index'], unique=True, postgresql_where=sa.text('until IS NULL'))
    op.create_table('appointments',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Enum('operator', 'keeper', 'host', 'officer', 'finance', 'approver', 'auditor', 'administrator', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    postgresql.ExcludeConstraint((sa.column('account_id'), '='), (sa.column('role'), '<>'), (sa.text("daterange(starts_on, ends_on, '[]')"), '&&'), where=sa.text("role IN ('administrator', 'auditor') AND ended_at IS NULL"), using='gist', name='ex_appointments_administrator_not_auditor'),
    postgresql.ExcludeConstraint((sa.column('account_id'), '='), (sa.column('role'), '<>'), (sa.text("daterange(starts_on, ends_on, '[]')"), '&&'), where=sa.text("role IN ('finance', 'approver') AND ended_at IS NULL"), using='gist', name='ex_appointments_finance_not_approver'),
    sa.CheckConstraint('ended_at IS NULL OR ends_on IS NOT NULL', name=op.f('ck_appointments_ended_has_last_day')),
    sa.CheckConstraint('ends_on IS NULL OR ends_on >= starts_on', name=op.f('ck_appointments_ends_after_start')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_appointments_account_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_appointments_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appointments'))
    )
    op.create_index('ix_appointments_account_id', 'appointments', ['account_id'], unique=False)
    op.create_index('ix_appointments_union_id', 'appointments', ['union_id'], unique=False)
    op.create_index('uq_appointments_open', 'appointments', ['account_id', 'role', 'union_id'], unique=True, postgresql_where=sa.text('ends_on IS NULL'))
    op.create_table('stations',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('outdoor_worker_station', 'care_station', 'union_station', 'drivers_home', 'couriers_home', 'shared_workers_home', 'workplace_rest', 'mobile', name='station_kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tier', sa.Enum('station', 'point', name='station_tier', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('grade', sa.Enum('basic', 'benchmark', 'smart_24h', name='station_grade', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('stars', sa.Integer(), nullable=True),
    sa.Column('status', sa.Enum('planned', 'trial', 'open', 'suspended', 'under_repair', 'withdrawn', name='station_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('build_mode', sa.Enum('union_built', 'government_built', 'socially_sponsored', 'jointly_built', name='build_mode', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('host_name', sa.Text(), nullable=True),
    sa.Column('county_code', sa.Text(), nullable=False),
    sa.Column('town_code', sa.Text(), nullable=True),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('lng', sa.Numeric(precision=9, scale=6), nullable=True),
    sa.Column('lat', sa.Numeric(precision=8, scale=6), nullable=True),
    sa.Column('crs', sa.Enum('gcj02', 'wgs84', 'bd09', name='coordinate_system', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('area_m2', sa.Numeric(precision=8, scale=1), nullable=True),
    sa.Column('capacity', sa.Integer(), nullable=True),
    sa.Column('opened_on', sa.Date(), nullable=True),
    sa.Column('services', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(status = 'withdrawn') = (closed_at IS NOT NULL)", name=op.f('ck_stations_withdrawn_is_closed')),
    sa.CheckConstraint('(lng IS NULL) = (lat IS NULL) AND (lng IS NULL) = (crs IS NULL)', name=op.f('ck_stations_point_whole')),
    sa.CheckConstraint('area_m2 > 0', name=op.f('ck_stations_area_positive')),
    sa.CheckConstraint('capacity > 0', name=op.f('ck_stations_capacity_positive')),
    sa.CheckConstraint('lng BETWEEN 73 AND 136 AND lat BETWEEN 3 AND 54', name=op.f('ck_stations_point_in_china')),
    sa.CheckConstraint('stars BETWEEN 1 AND 5', name=op.f('ck_stations_one_to_five_stars')),
    sa.ForeignKeyConstraint(['county_code'], ['divisions.code'], name=op.f('fk_stations_county_code')),
    sa.ForeignKeyConstraint(['town_code'], ['divisions.code'], name=op.f('fk_stations_town_code')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_stations_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stations')),
    sa.UniqueConstraint('code', name=op.f('uq_stations_code'))
    )
    op.create_index('ix_stations_address_trgm', 'stations', ['address'], unique=False, postgresql_using='gin', postgresql_ops={'address': 'gin_trgm_ops'})
    op.create_index('ix_stations_name_trgm', 'stations', ['name'], unique=False, postgresql_using='gin', postgresql_ops={'name': 'gin_trgm_ops'})
    op.create_index('ix_stations_union_id', 'stations', ['union_id', 'id'], unique=False)
    op.create_index('uq_stations_name_address', 'stations', ['county_code', 'name', 'address'], unique=True)
    op.create_table('union_days',
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('visits', sa.Integer(), nullable=False),
    sa.Column('identified', sa.Integer(), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.CheckConstraint('visits >= 0 AND identified >= 0 AND lines >= 0', name=op.f('ck_union_days_not_negative')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_union_days_union_id')),
    sa.PrimaryKeyConstraint('union_id', 'day', name=op.f('pk_union_days'))
    )
    op.create_table('union_months',
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('visits', sa.Integer(), nullable=False),
    sa.Column('identified', sa.Integer(), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.CheckConstraint('visits >= 0 AND identified >= 0 AND lines >= 0', name=op.f('ck_union_months_not_negative')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_union_months_union_id')),
    sa.PrimaryKeyConstraint('union_id', 'month', name=op.f('pk_union_months'))
    )
    op.create_table('union_reach',
    sa.Column('ancestor_id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('depth', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['ancestor_id'], ['unions.id'], name=op.f('fk_union_reach_ancestor_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_union_reach_union_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('ancestor_id', 'union_id', name=op.f('pk_union_reach'))
    )
    op.create_index('ix_union_reach_union_id', 'union_reach', ['union_id', 'depth'], unique=False)
    op.create_table('day_seals',
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_day_seals_station_id')),
    sa.PrimaryKeyConstraint('station_id', 'day', name=op.f('pk_day_seals'))
    )
    op.create_table('invitations',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('token_digest', sa.LargeBinary(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=True),
    sa.Column('visit_id', sa.Uuid(), nullable=True),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('invited_by', sa.Uuid(), nullable=True),
    sa.Column('outcome', sa.Enum('offered', 'opened', 'applied', 'not_now', 'never', name='invitation_outcome', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(visit_id IS NULL) = (visit_at IS NULL)', name=op.f('ck_invitations_visit_whole')),
    sa.CheckConstraint('expires_at > created_at', name=op.f('ck_invitations_expires_after_creation')),
    sa.ForeignKeyConstraint(['invited_by'], ['accounts.id'], name=op.f('fk_invitations_invited_by')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_invitations_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_invitations_union_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_invitations_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitations')),
    sa.UniqueConstraint('token_digest', name=op.f('uq_invitations_token_digest'))
    )
    op.create_index('ix_invitations_union_id', 'invitations', ['union_id', 'id'], unique=False)
    op.create_index('ix_invitations_worker_id', 'invitations', ['worker_id', 'created_at'], unique=False)
    op.create_table('opening_hours',
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('weekday', sa.Integer(), nullable=False),
    sa.Column('opens', sa.Integer(), nullable=False),
    sa.Column('closes', sa.Integer(), nullable=False),
    sa.CheckConstraint('opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= opens + 1440', name=op.f('ck_opening_hours_stretch')),
    sa.CheckConstraint('weekday BETWEEN 0 AND 6', name=op.f('ck_opening_hours_weekday')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_opening_hours_station_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('station_id', 'weekday', 'opens', name=op.f('pk_opening_hours'))
    )
    op.create_table('recent_stays',
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_recent_stays_station_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_recent_stays_worker_id')),
    sa.PrimaryKeyConstraint('worker_id', 'station_id', name=op.f('pk_recent_stays'))
    )
    op.create_table('station_facilities',
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('facility', sa.Enum('drinking_water', 'hot_water', 'microwave', 'refrigerator', 'air_conditioning', 'heating', 'seating', 'phone_charging', 'ebike_charging', 'battery_swap', 'wifi', 'toilet', 'first_aid_kit', 'heat_medicine', 'aed', 'blood_pressure_meter', 'thermometer', 'umbrella', 'tool_box', 'tyre_pump', 'books', 'tv', 'nursing_room', 'wheelchair', 'accessible_entry', 'locker', 'haircut', 'shower', 'laundry', 'dryer', 'bed', 'truck_parking', 'vehicle_repair', 'convenience_store', 'canteen', 'legal_corner', 'psych_corner', 'donation_shelf', 'sos_button', name='facility', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_station_facilities_station_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('station_id', 'facility', name=op.f('pk_station_facilities'))
    )
    op.create_table('station_imports',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('file_name', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('loaded', sa.Integer(), nullable=False),
    sa.Column('updated', sa.Integer(), nullable=False),
    sa.Column('unchanged', sa.Integer(), nullable=False),
    sa.Column('refused', sa.Integer(), nullable=False),
    sa.Column('report_cipher', sa.LargeBinary(), nullable=True),
    sa.CheckConstraint('loaded >= 0 AND updated >= 0 AND unchanged >= 0 AND refused >= 0', name=op.f('ck_station_imports_not_negative')),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_station_imports_account_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_station_imports_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_station_imports'))
    )
    op.create_index('ix_station_imports_union_id', 'station_imports', ['union_id', 'id'], unique=False)
    op.create_table('station_months',
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('visits', sa.Integer(), nullable=False),
    sa.Column('identified', sa.Integer(), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.CheckConstraint('visits >= 0 AND identified >= 0 AND lines >= 0', name=op.f('ck_station_months_not_negative')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_station_months_station_id')),
    sa.PrimaryKeyConstraint('station_id', 'month', name=op.f('pk_station_months'))
    )
    op.create_table('visits',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=True),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('source', sa.Enum('desk', 'self', 'paper', 'offline', name='visit_source', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('first_ever', sa.Boolean(), nullable=False),
    sa.CheckConstraint('NOT first_ever OR worker_id IS NOT NULL', name=op.f('ck_visits_first_needs_a_person')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_visits_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_visits_union_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_visits_worker_id')),
    sa.PrimaryKeyConstraint('id', 'at', name=op.f('pk_visits')),
    postgresql_partition_by='RANGE (at)'
    )
    op.create_index('ix_visits_at', 'visits', ['at'], unique=False, postgresql_using='brin')
    op.create_index('ix_visits_station_id', 'visits', ['station_id', sa.literal_column('at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('ix_visits_worker_id', 'visits', ['worker_id', sa.literal_column('at DESC'), sa.literal_column('id DESC')], unique=False, postgresql_where=sa.text('worker_id IS NOT NULL'))
    op.create_table('applications',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('invitation_id', sa.Uuid(), nullable=True),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=True),
    sa.Column('visit_id', sa.Uuid(), nullable=True),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('channel', sa.Enum('visit', 'public', 'station_qr', 'service_desk', name='join_channel', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('status', sa.Enum('unconfirmed', 'submitted', 'returned', 'approved', 'rejected', 'withdrawn', name='application_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('id_type', sa.Enum('resident_id', 'hmt_residence', 'hmt_travel', 'foreign_permanent', 'passport', name='id_type', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('id_number_cipher', sa.LargeBinary(), nullable=True),
    sa.Column('id_number_index', sa.LargeBinary(), nullable=True),
    sa.Column('phone_cipher', sa.LargeBinary(), nullable=False),
    sa.Column('phone_index', sa.LargeBinary(), nullable=False),
    sa.Column('occupation', sa.Enum('courier', 'food_delivery_rider', 'truck_driver', 'ride_hailing_driver', 'sanitation_worker', 'taxi_driver', 'traffic_police', 'care_worker', 'domestic_worker', 'shopping_guide', 'real_estate_agent', 'security_guard', 'livestreamer', 'other', name='occupation', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('industry', sa.Enum('express', 'food_delivery', 'road_freight', 'passenger_transport', 'sanitation', 'care', 'trade', 'security', 'other', name='industry', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('employer_name', sa.Text(), nullable=True),
    sa.Column('work_county_code', sa.Text(), nullable=False),
    sa.Column('is_migrant_worker', sa.Boolean(), nullable=False),
    sa.Column('notice_version', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('opinion', sa.Text(), nullable=True),
    sa.CheckConstraint("status IN ('unconfirmed', 'withdrawn') OR confirmed_at IS NOT NULL", name=op.f('ck_applications_confirmed_by_worker')),
    sa.CheckConstraint("status NOT IN ('approved', 'rejected') OR (decided_at IS NOT NULL AND decided_by IS NOT NULL)", name=op.f('ck_applications_decided_whole')),
    sa.CheckConstraint("status NOT IN ('rejected', 'returned') OR opinion IS NOT NULL", name=op.f('ck_applications_refusal_has_reason')),
    sa.CheckConstraint('(id_number_cipher IS NULL) = (id_number_index IS NULL)', name=op.f('ck_applications_id_indexed')),
    sa.CheckConstraint('(visit_id IS NULL) = (visit_at IS NULL)', name=op.f('ck_applications_visit_whole')),
    sa.ForeignKeyConstraint(['decided_by'], ['accounts.id'], name=op.f('fk_applications_decided_by')),
    sa.ForeignKeyConstraint(['invitation_id'], ['invitations.id'], name=op.f('fk_applications_invitation_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_applications_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_applications_union_id')),
    sa.ForeignKeyConstraint(['work_county_code'], ['divisions.code'], name=op.f('fk_applications_work_county_code')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_applications_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_applications'))
    )
    op.create_index('ix_applications_status', 'applications', ['status', 'submitted_at', 'id'], unique=False)
    op.create_index('ix_applications_created_at', 'applications', ['created_at', 'id'], unique=False)
    op.create_index('ix_applications_id_number_index', 'applications', ['id_number_index'], unique=False)
    op.create_index('ix_applications_phone_index', 'applications', ['phone_index'], unique=False)
    op.create_index('ix_applications_union_id', 'applications', ['union_id', 'id'], unique=False)
    op.create_index('ix_applications_worker_id', 'applications', ['worker_id', 'created_at'], unique=False)
    op.create_index('uq_applications_open', 'applications', ['worker_id'], unique=True, postgresql_where=sa.text("status IN ('unconfirmed', 'submitted', 'returned')"))
    op.create_table('visit_lines',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=False),
    sa.Column('service', sa.Enum('rest', 'drinking_water', 'hot_meal', 'cooling', 'warming', 'phone_charging', 'ebike_charging', 'battery_swap', 'toilet', 'wash_hands', 'shower', 'laundry', 'truck_parking', 'first_aid', 'repair_tools', 'rain_gear', 'reading', 'wifi', 'haircut', 'legal_advice', 'counselling', 'other', name='basic_service', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('repeated', sa.Boolean(), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['visit_id', 'visit_at'], ['visits.id', 'visits.at'], name=op.f('fk_visit_lines_visit_id_visit_at')),
    sa.PrimaryKeyConstraint('id', 'at', name=op.f('pk_visit_lines')),
    postgresql_partition_by='RANGE (at)'
    )
    op.create_index('ix_visit_lines_station_id', 'visit_lines', ['station_id', sa.literal_column('at DESC'), sa.literal_column('id DESC')], unique=False)
    op.create_index('ix_visit_lines_visit_id', 'visit_lines', ['visit_id'], unique=False)
    op.create_table('memberships',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('worker_id', sa.Uuid(), nullable=False),
    sa.Column('application_id', sa.Uuid(), nullable=True),
    sa.Column('joined_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('joined_via_union_id', sa.Uuid(), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=True),
    sa.Column('visit_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_by_province_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['application_id'], ['applications.id'], name=op.f('fk_memberships_application_id')),
    sa.ForeignKeyConstraint(['joined_via_union_id'], ['unions.id'], name=op.f('fk_memberships_joined_via_union_id')),
    sa.ForeignKeyConstraint(['worker_id'], ['workers.id'], name=op.f('fk_memberships_worker_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_memberships')),
    sa.UniqueConstraint('application_id', name=op.f('uq_memberships_application_id')),
    sa.UniqueConstraint('number', name=op.f('uq_memberships_number')),
    sa.UniqueConstraint('worker_id', name=op.f('uq_memberships_worker_id'))
    )
    op.create_index('ix_memberships_joined_at', 'memberships', ['joined_at', 'id'], unique=False)
    op.create_table('visit_reversals',
    sa.Column('line_id', sa.Uuid(), nullable=False),
    sa.Column('line_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('visit_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_visit_reversals_by_account_id')),
    sa.ForeignKeyConstraint(['line_id', 'line_at'], ['visit_lines.id', 'visit_lines.at'], name=op.f('fk_visit_reversals_line_id_line_at')),
    sa.PrimaryKeyConstraint('line_id', name=op.f('pk_visit_reversals'))
    )
    op.create_index(op.f('ix_visit_reversals_visit_id'), 'visit_reversals', ['visit_id'], unique=False)
    op.create_table('membership_records',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('membership_id', sa.Uuid(), nullable=False),
    sa.Column('status', sa.Enum('transit', 'active', 'retained', 'transferred_out', 'withdrawn', 'expelled', 'deceased', name='membership_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('managed_by_union_id', sa.Uuid(), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    postgresql.ExcludeConstraint((sa.column('membership_id'), '='), (sa.text('tstzrange(starts_at, ends_at)'), '&&'), using='gist', name='ex_membership_records_no_overlap'),
    sa.CheckConstraint('ends_at IS NULL OR ends_at > starts_at', name=op.f('ck_membership_records_ends_after_start')),
    sa.ForeignKeyConstraint(['managed_by_union_id'], ['unions.id'], name=op.f('fk_membership_records_managed_by_union_id')),
    sa.ForeignKeyConstraint(['membership_id'], ['memberships.id'], name=op.f('fk_membership_records_membership_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_membership_records_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership_records'))
    )
    op.create_index('ix_membership_records_union_id', 'membership_records', ['union_id', 'starts_at'], unique=False, postgresql_where=sa.text('ends_at IS NULL'))
    op.create_index('uq_membership_records_open', 'membership_records', ['membership_id'], unique=True, postgresql_where=sa.text('ends_at IS NULL'))

    # Partitions: a DEFAULT one, so that a missed month refuses nothing; the worker makes the months ahead.
    for table in ("visits", "visit_lines"):
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")

    # What is written stays written.
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
        END $$""")
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER tr_{table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                   "FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"CREATE TRIGGER tr_{table}_no_truncate BEFORE TRUNCATE ON {table} "
                   "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")

    # Every audit entry waits to be sealed, however it came in; the sealer takes it off the list.
    op.execute("""
        CREATE FUNCTION await_seal() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO audit_waiting (entry_id) VALUES (NEW.id);
            RETURN NULL;
        END $$""")
    op.execute("CREATE TRIGGER tr_audit_entries_await_seal AFTER INSERT ON audit_entries "
               "FOR EACH ROW EXECUTE FUNCTION await_seal()")

    # The closure of the tree: rebuilt by difference after every statement that touches a parent; a circle is refused.
    op.execute("""
        CREATE FUNCTION rebuild_union_reach() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('union-reach'));
            IF EXISTS (
                WITH RECURSIVE up(start, id) AS (
                    SELECT u.id, p FROM unions u, unnest(ARRAY[u.parent_id, u.second_parent_id]) p WHERE p IS NOT NULL
                    UNION
                    SELECT up.start, p FROM up JOIN unions u ON u.id = up.id,
                        unnest(ARRAY[u.parent_id, u.second_parent_id]) p WHERE p IS NOT NULL)
                SELECT FROM up WHERE start = id)
            THEN
                RAISE EXCEPTION 'a union cannot lie within itself'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_unions_no_circle';
            END IF;
            CREATE TEMP TABLE fresh_reach ON COMMIT DROP AS
                WITH RECURSIVE reach(ancestor_id, union_id, depth) AS (
                    SELECT id, id, 0 FROM unions
                    UNION
                    SELECT p, reach.union_id, reach.depth + 1
                    FROM reach JOIN unions u ON u.id = reach.ancestor_id,
                        unnest(ARRAY[u.parent_id, u.second_parent_id]) p WHERE p IS NOT NULL)
                SELECT ancestor_id, union_id, min(depth) AS depth FROM reach GROUP BY 1, 2;
            DELETE FROM union_reach r WHERE NOT EXISTS (
                SELECT FROM fresh_reach f WHERE f.ancestor_id = r.ancestor_id AND f.union_id = r.union_id);
            INSERT INTO union_reach (ancestor_id, union_id, depth) SELECT ancestor_id, union_id, depth FROM fresh_reach
                ON CONFLICT (ancestor_id, union_id) DO UPDATE SET depth = excluded.depth
                WHERE union_reach.depth <> excluded.depth;
            DROP TABLE fresh_reach;
            RETURN NULL;
        END $$""")
    op.execute("CREATE TRIGGER tr_unions_reach_insert AFTER INSERT ON unions "
               "FOR EACH STATEMENT EXECUTE FUNCTION rebuild_union_reach()")
    op.execute("CREATE TRIGGER tr_unions_reach_update AFTER UPDATE OF parent_id, second_parent_id ON unions "
               "FOR EACH STATEMENT EXECUTE FUNCTION rebuild_union_reach()")

    # Nothing open stands beneath what is closed.
    op.execute("""
        CREATE FUNCTION refuse_open_under_closed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('union-reach'));
            IF EXISTS (
                SELECT FROM unions p WHERE p.closed_at IS NOT NULL AND EXISTS (
                    SELECT FROM unions u WHERE u.closed_at IS NULL AND (u.parent_id = p.id OR u.second_parent_id = p.id)))
            THEN
                RAISE EXCEPTION 'an open union cannot stand beneath a closed one'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_unions_open_under_open';
            END IF;
            RETURN NULL;
        END $$""")
    op.execute("CREATE TRIGGER tr_unions_open_under_open "
               "AFTER INSERT OR UPDATE OF parent_id, second_parent_id, closed_at ON unions "
               "FOR EACH STATEMENT EXECUTE FUNCTION refuse_open_under_closed()")

    # A membership number is for life.
    op.execute("""
        CREATE FUNCTION keep_membership_number() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a membership number never changes'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'tr_memberships_number_for_life';
        END $$""")
    op.execute("CREATE TRIGGER tr_memberships_number_for_life BEFORE UPDATE ON memberships FOR EACH ROW "
               "WHEN (old.number IS DISTINCT FROM new.number OR old.worker_id IS DISTINCT FROM new.worker_id) "
               "EXECUTE FUNCTION keep_membership_number()")


def downgrade():
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table} CASCADE")
    for function in ("refuse_change", "rebuild_union_reach", "refuse_open_under_closed", "await_seal", "keep_membership_number"):
        op.execute(f"DROP FUNCTION {function}()")
    op.execute("DROP SEQUENCE membership_numbers")
