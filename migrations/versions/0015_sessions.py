"""Sessions, series and their places.

Revision: 0015
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

# At the end of a transaction a session has as many rows of places as it says, split as it says. Taking a place changes
# neither, so the rush never comes by here.
COUNT = """
CREATE FUNCTION count_session_places() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    session uuid;
    said record;
    there record;
BEGIN
    IF TG_TABLE_NAME = 'service_sessions' THEN
        session := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        session := OLD.session_id;
    ELSE
        session := NEW.session_id;
    END IF;
    SELECT capacity, online INTO said FROM service_sessions WHERE id = session;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT count(*) AS places, count(*) FILTER (WHERE channel = 'online') AS online INTO there
    FROM session_places WHERE session_id = session;
    IF (there.places, there.online) <> (said.capacity, said.online) THEN
        RAISE EXCEPTION 'the session says % places, % online; there are %, % online', said.capacity, said.online,
            there.places, there.online USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade():
    op.create_table('session_series',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=True),
    sa.Column('place_name', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('capacity', sa.Integer(), nullable=False),
    sa.Column('online', sa.Integer(), nullable=False),
    sa.Column('first_on', sa.Date(), nullable=False),
    sa.Column('last_on', sa.Date(), nullable=False),
    sa.Column('weekdays', postgresql.ARRAY(sa.Integer()), nullable=False),
    sa.Column('opens', sa.Integer(), nullable=False),
    sa.Column('closes', sa.Integer(), nullable=False),
    sa.Column('slot_minutes', sa.Integer(), nullable=False),
    sa.Column('breaks', postgresql.JSONB(), nullable=False),
    sa.Column('on_holidays', sa.Boolean(), nullable=False),
    sa.Column('on_make_up_days', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_account_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint('capacity BETWEEN 1 AND 5000', name=op.f('ck_session_series_capacity_plausible')),
    sa.CheckConstraint('last_on >= first_on', name=op.f('ck_session_series_days_whole')),
    sa.CheckConstraint('online BETWEEN 0 AND capacity', name=op.f('ck_session_series_online_within_capacity')),
    sa.CheckConstraint('opens BETWEEN 0 AND 1439 AND closes > opens AND closes <= 1440', name=op.f('ck_session_series_stretch')),
    sa.CheckConstraint('slot_minutes BETWEEN 5 AND 1440', name=op.f('ck_session_series_slot_plausible')),
    sa.CheckConstraint("weekdays <@ '{0,1,2,3,4,5,6}' AND cardinality(weekdays) > 0", name=op.f('ck_session_series_weekdays_known')),
    sa.ForeignKeyConstraint(['by_account_id'], ['accounts.id'], name=op.f('fk_session_series_by_account_id')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_session_series_programme_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_session_series_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_session_series_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_session_series'))
    )
    op.create_index('ix_session_series_programme_id', 'session_series', ['programme_id', 'id'], unique=False)
    op.create_table('service_sessions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('series_id', sa.Uuid(), nullable=True),
    sa.Column('union_id', sa.Uuid(), nullable=False),
    sa.Column('station_id', sa.Uuid(), nullable=True),
    sa.Column('place_name', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('capacity', sa.Integer(), nullable=False),
    sa.Column('online', sa.Integer(), nullable=False),
    sa.Column('status', sa.Enum('open', 'cancelled', 'done', name='session_status', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cancel_reason', sa.Text(), nullable=True),
    sa.CheckConstraint('capacity BETWEEN 1 AND 5000', name=op.f('ck_service_sessions_capacity_plausible')),
    sa.CheckConstraint('ends_at > starts_at', name=op.f('ck_service_sessions_ends_after_start')),
    sa.CheckConstraint('online BETWEEN 0 AND capacity', name=op.f('ck_service_sessions_online_within_capacity')),
    sa.ForeignKeyConstraint(['programme_id'], ['programmes.id'], name=op.f('fk_service_sessions_programme_id')),
    sa.ForeignKeyConstraint(['series_id'], ['session_series.id'], name=op.f('fk_service_sessions_series_id')),
    sa.ForeignKeyConstraint(['station_id'], ['stations.id'], name=op.f('fk_service_sessions_station_id')),
    sa.ForeignKeyConstraint(['union_id'], ['unions.id'], name=op.f('fk_service_sessions_union_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_sessions'))
    )
    op.create_index('ix_service_sessions_programme_id', 'service_sessions', ['programme_id', 'starts_at', 'id'], unique=False)
    op.create_index('ix_service_sessions_series_id', 'service_sessions', ['series_id', 'starts_at'], unique=False)
    op.create_index('ix_service_sessions_starts_at', 'service_sessions', ['starts_at', 'id'], unique=False)
    op.create_index('ix_service_sessions_station_id', 'service_sessions', ['station_id', 'starts_at', 'id'], unique=False)
    op.create_index('ix_service_sessions_union_id', 'service_sessions', ['union_id', 'starts_at', 'id'], unique=False)
    op.create_index('uq_service_sessions_provider', 'service_sessions', ['programme_id', 'place_name', 'starts_at'], unique=True, postgresql_where=sa.text("status <> 'cancelled' AND station_id IS NULL"))
    op.create_index('uq_service_sessions_station', 'service_sessions', ['programme_id', 'station_id', 'starts_at'], unique=True, postgresql_where=sa.text("status <> 'cancelled' AND station_id IS NOT NULL"))
    op.create_table('session_places',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('channel', sa.Enum('online', 'on_site', name='channel', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('taken', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['session_id'], ['service_sessions.id'], name=op.f('fk_session_places_session_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_session_places')),
    sa.UniqueConstraint('session_id', 'number', name=op.f('uq_session_places_session_id_number'))
    )
    op.create_index('ix_session_places_free', 'session_places', ['session_id', 'channel', 'number'], unique=False, postgresql_where=sa.text('NOT taken'))
    op.execute(COUNT)
    for name, events, table in (
        ("tr_service_sessions_places", "INSERT OR UPDATE OF capacity, online", "service_sessions"),
        ("tr_session_places_counted", "INSERT OR DELETE OR UPDATE OF session_id, channel", "session_places"),
    ):
        op.execute(f"CREATE CONSTRAINT TRIGGER {name} AFTER {events} ON {table} "
                   "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION count_session_places()")  # fmt: skip


def downgrade():
    op.drop_table("session_places")
    op.drop_table("service_sessions")
    op.drop_table("session_series")
    op.execute("DROP FUNCTION count_session_places()")
