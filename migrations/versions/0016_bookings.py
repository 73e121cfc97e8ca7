"""Bookings and the waiting list.

Revision: 0016
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

# Which moves the trigger lets through; a test asks that it is `models.NEXT_STATUSES`, pair by pair.
MOVES = """
    ('waiting', 'offered'), ('waiting', 'booked'), ('waiting', 'cancelled'), ('waiting', 'expired'),
    ('offered', 'booked'), ('offered', 'cancelled'), ('offered', 'expired'),
    ('booked', 'attended'), ('booked', 'no_show'), ('booked', 'cancelled'),
    ('attended', 'booked'),
    ('no_show', 'booked'), ('no_show', 'attended'),
    ('cancelled', 'booked')"""

GUARD_STATUS = f"""
CREATE FUNCTION guard_booking_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM (VALUES {MOVES}) AS m (was, becomes) WHERE m.was = OLD.status AND m.becomes = NEW.status
    ) THEN
        RAISE EXCEPTION 'a booking does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    IF (NEW.session_id, NEW.programme_id, NEW.worker_id) <> (OLD.session_id, OLD.programme_id, OLD.worker_id) THEN
        RAISE EXCEPTION 'a booking stays with its session and its person'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$"""

# A place is taken exactly while a booking names it. Who takes one holds the session meanwhile, so that it is not cancelled
# beside them; a place of another session or of a cancelled one is refused.
KEEP_PLACES = """
CREATE FUNCTION keep_places_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.place_id IS NOT NULL AND (TG_OP = 'DELETE' OR NEW.place_id IS DISTINCT FROM OLD.place_id) THEN
        UPDATE session_places SET taken = false WHERE id = OLD.place_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.place_id IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.place_id IS DISTINCT FROM OLD.place_id) THEN
        PERFORM FROM service_sessions WHERE id = NEW.session_id AND status <> 'cancelled' FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the session is cancelled'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bookings_session_stands';
        END IF;
        UPDATE session_places SET taken = true WHERE id = NEW.place_id AND session_id = NEW.session_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the place belongs to another session'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bookings_place_of_session';
        END IF;
    END IF;
    RETURN NULL;
END $$"""

GUARD_TAKEN = """
CREATE FUNCTION guard_place_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    IF (TG_OP = 'INSERT' AND NEW.taken) OR (TG_OP = 'UPDATE' AND NEW.taken <> OLD.taken) THEN
        RAISE EXCEPTION 'a place is taken and given up by bookings only'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$"""


def upgrade():
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "waiting",
                "offered",
                "booked",
                "attended",
                "no_show",
                "cancelled",
                "expired",
                name="booking_status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "way",
            sa.Enum(
                "worker",
                "staff",
                "desk",
                "paper",
                "import",
                name="booked_by",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offer_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("quota_share_id", sa.Uuid(), nullable=True),
        sa.Column("moved_from_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_account_id", sa.Uuid(), nullable=True),
        sa.Column("attended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attended_by_account_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'offered') = (offer_expires_at IS NOT NULL)", name=op.f("ck_bookings_offer_expires")),
        sa.CheckConstraint(
            "(status IN ('offered', 'booked', 'attended')) = (place_id IS NOT NULL)", name=op.f("ck_bookings_place_held")
        ),
        sa.CheckConstraint("status <> 'attended' OR attended_at IS NOT NULL", name=op.f("ck_bookings_attended_at_a_time")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_bookings_price_not_negative")),
        sa.ForeignKeyConstraint(["attended_by_account_id"], ["accounts.id"], name=op.f("fk_bookings_attended_by_account_id")),
        sa.ForeignKeyConstraint(["created_by_account_id"], ["accounts.id"], name=op.f("fk_bookings_created_by_account_id")),
        sa.ForeignKeyConstraint(["moved_from_id"], ["bookings.id"], name=op.f("fk_bookings_moved_from_id")),
        sa.ForeignKeyConstraint(["place_id"], ["session_places.id"], name=op.f("fk_bookings_place_id")),
        sa.ForeignKeyConstraint(["programme_id"], ["programmes.id"], name=op.f("fk_bookings_programme_id")),
        sa.ForeignKeyConstraint(["quota_share_id"], ["quota_shares.id"], name=op.f("fk_bookings_quota_share_id")),
        sa.ForeignKeyConstraint(["rule_id"], ["eligibility_rules.id"], name=op.f("fk_bookings_rule_id")),
        sa.ForeignKeyConstraint(["session_id"], ["service_sessions.id"], name=op.f("fk_bookings_session_id")),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name=op.f("fk_bookings_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
    )
    op.create_index(
        "ix_bookings_offer_expires_at",
        "bookings",
        ["offer_expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'offered'"),
    )
    op.create_index("ix_bookings_programme_id", "bookings", ["programme_id", "worker_id"], unique=False)
    op.create_index("ix_bookings_session_id", "bookings", ["session_id", "status", "priority", "queued_at", "id"], unique=False)
    op.create_index("ix_bookings_worker_id", "bookings", ["worker_id", "id"], unique=False)
    op.create_index(
        "uq_bookings_alive",
        "bookings",
        ["session_id", "worker_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('waiting', 'offered', 'booked', 'attended')"),
    )
    op.create_index("uq_bookings_code_index", "bookings", ["code_index"], unique=True)
    op.create_index("uq_bookings_place_id", "bookings", ["place_id"], unique=True)
    op.create_index("ix_bookings_booked", "bookings", ["session_id"], unique=False, postgresql_where=sa.text("status = 'booked'"))
    op.execute(GUARD_STATUS)
    op.execute("CREATE TRIGGER tr_bookings_status BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION guard_booking_status()")
    op.execute(KEEP_PLACES)
    op.execute(
        "CREATE TRIGGER tr_bookings_places AFTER INSERT OR UPDATE OF place_id OR DELETE ON bookings "
        "FOR EACH ROW EXECUTE FUNCTION keep_places_taken()"
    )
    op.execute(GUARD_TAKEN)
    op.execute(
        "CREATE TRIGGER tr_session_places_taken BEFORE INSERT OR UPDATE OF taken ON session_places "
        "FOR EACH ROW EXECUTE FUNCTION guard_place_taken()"
    )


def downgrade():
    op.execute("DROP TRIGGER tr_session_places_taken ON session_places")
    op.drop_table("bookings")
    for function in ("guard_booking_status", "keep_places_taken", "guard_place_taken"):
        op.execute(f"DROP FUNCTION {function}()")
