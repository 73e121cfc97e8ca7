"""The audit trail: append-only by the database, sealed in order without anyone waiting, every forgery found."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import audit, clock, crypto
from portal.access import SYSTEM, By
from portal.audit import AuditEntry, AuditSeal, AuditWaiting
from portal.types import new_id

SUBJECT = ("unions", "0")


def write(db, count: int = 1, **details) -> None:
    for number in range(count):
        audit.record("union.changed", by=SYSTEM, subject=SUBJECT, number=number, **details)
    db.session.commit()


def seal(db, limit: int = 1000) -> int:
    sealed = audit.seal(limit)
    db.session.commit()
    return sealed


@pytest.fixture
def sealed(db):
    """Six sealed entries."""
    write(db, 6, name=["甲", "乙"])
    assert seal(db) == 6
    return [entry.id for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]


@pytest.fixture
def forge(db):
    """Run statements as somebody who owns the database and has switched the triggers off."""

    def run(*statements: str, **values) -> None:
        db.session.rollback()  # our own reading must not stand in the way
        with db.engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                connection.execute(sa.text(statement), values)
        db.session.expire_all()

    return run


# --- what the database refuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["audit_entries", "audit_seals"])
@pytest.mark.parametrize(
    ("statement", "trigger"),
    [
        ("UPDATE {0} SET {1} = {1}", "append_only"),
        ("DELETE FROM {0}", "append_only"),
        ("TRUNCATE {0} CASCADE", "no_truncate"),
    ],
)
def test_entries_and_seals_are_append_only(db, sealed, table, statement, trigger):
    column = "action" if table == "audit_entries" else "digest"
    with pytest.raises(IntegrityError) as refused:
        db.session.execute(sa.text(statement.format(table, column)))
    db.session.rollback()
    assert trigger in refused.value.orig.diag.constraint_name
    assert db.session.query(AuditEntry).count() == 6 == db.session.query(AuditSeal).count()


def test_an_entry_is_sealed_once_and_exists(db, sealed):
    for values, name in (
        ({"place": 7, "entry_id": sealed[0]}, "uq_audit_seals_entry_id"),
        ({"place": 1, "entry_id": 10_000}, "pk_audit_seals"),
        ({"place": 7, "entry_id": 10_000}, "fk_audit_seals_entry_id"),
    ):
        with pytest.raises(IntegrityError) as refused:
            db.session.execute(sa.insert(AuditSeal).values(**values, digest=b"", sealed_at=clock.now()))
        db.session.rollback()
        assert refused.value.orig.diag.constraint_name == name


# --- writing -------------------------------------------------------------------------------------------------------


def test_an_entry_goes_with_its_cause(db):
    audit.record("union.changed", by=By("staff", new_id()), subject=SUBJECT)
    db.session.rollback()
    assert db.session.query(AuditEntry).count() == 0 == audit.count_waiting()


def test_a_refusal_stays_when_the_request_is_rolled_back(db):
    audit.record_refusal("refused", by=SYSTEM, subject=SUBJECT, permission="serve")
    db.session.rollback()
    assert db.session.query(AuditEntry).one().details == {"permission": "serve"}
    assert audit.count_waiting() == 1


def test_the_subject_may_be_a_row_that_is_not_flushed_yet(db):
    from portal.unions.staff.models import Account

    account = Account(sign_in_name="x", name="x", totp_last_step=0, created_at=clock.now())
    db.session.add(account)
    audit.record("account.created", by=SYSTEM, subject=account)
    db.session.commit()
    assert db.session.query(AuditEntry).one().subject_id == str(account.id)


# --- sealing -------------------------------------------------------------------------------------------------------


def test_sealing_goes_on_where_it_ended_and_verifies(db, tmp_path):
    write(db, 5)
    assert seal(db, 2) == 2 and seal(db, 2) == 2 and seal(db) == 1 and seal(db) == 0
    write(db, 2)
    assert audit.verify(tmp_path) == audit.Verdict(5, 2)
    assert seal(db) == 2
    audit.write_head(tmp_path)
    assert audit.verify(tmp_path) == audit.Verdict(7, 0)
    assert audit.last_seal().place == 7 and audit.count_waiting() == 0


def test_values_survive_the_way_through_the_database(db):
    strange = {"a": '“引号” \\ " \n', "b": [1, 2.5, None, True], "c": {"z": 1, "a": {"ü": "é"}}, "d": -0.1}
    write(db, 1, **strange)
    db.session.expire_all()
    seal(db)
    db.session.expire_all()
    assert audit.verify().broken is None


def test_an_open_transaction_holds_back_what_is_newer(app, db):
    with db.engine.connect() as slow:
        slow.begin()
        values = audit.entry("slow", by=SYSTEM, subject=SUBJECT)
        slow.execute(sa.insert(AuditEntry), values)
        write(db, 3)
        assert seal(db) == 0  # newer and committed, but something older may still come before them
        assert audit.verify().unsealed == 3
        slow.commit()
    assert seal(db) == 4
    order = db.session.scalars(
        sa.select(AuditEntry.action).join(AuditSeal, AuditSeal.entry_id == AuditEntry.id).order_by(AuditSeal.place)
    ).all()
    assert order[0] == "slow" and audit.verify().broken is None


def test_a_rolled_back_transaction_leaves_no_hole(app, db):
    with db.engine.connect() as slow:
        slow.begin()
        slow.execute(sa.insert(AuditEntry), audit.entry("slow", by=SYSTEM, subject=SUBJECT))
        write(db)
        slow.rollback()
    assert seal(db) == 1 and audit.verify() == audit.Verdict(1, 0)


def test_after_a_restore_old_numbers_of_transactions_do_not_wait_for_ever(db, forge):
    write(db, 2)
    forge("UPDATE audit_entries SET transaction = transaction + 1000000000")
    assert seal(db) == 2 and audit.verify() == audit.Verdict(2, 0)


def test_one_sealer_at_a_time(app, db):
    write(db, 3)
    with db.engine.connect() as other:
        other.begin()
        other.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('audit-seal'))"))
        assert seal(db) == 0
    assert seal(db) == 3


def test_writers_do_not_wait_for_a_sealer_nor_a_sealer_for_writers(app, db):
    write(db, 3)
    assert audit.seal() == 3  # sealed, not committed: the sealer is in the middle of its work
    with db.engine.begin() as writer:
        writer.execute(sa.text("SET LOCAL lock_timeout = '300ms'"))
        writer.execute(sa.insert(AuditEntry), audit.entry("w", by=SYSTEM, subject=SUBJECT))
        db.session.commit()
        db.session.execute(sa.text("SET LOCAL lock_timeout = '300ms'"))
        assert audit.seal() == 0  # the writer is in the middle of its own; nobody waits
        db.session.commit()
    assert seal(db) == 1 and audit.verify() == audit.Verdict(4, 0)


def test_sixteen_writers_and_a_sealer_no_fork_no_waiting(app, db):
    """Writers keep writing while two sealers seal; every entry is sealed once, in one chain."""
    rounds, over = 12, threading.Event()

    def writer(number: int) -> None:
        engine = engines[number % 4]
        for turn in range(rounds):
            with engine.begin() as connection:
                for _ in range(2):
                    values = audit.entry("w", by=SYSTEM, subject=SUBJECT, details={"w": number, "t": turn})
                    connection.execute(sa.insert(AuditEntry), values)

    def sealer() -> int:
        total = 0
        with app.app_context():
            while not over.is_set():
                total += seal(db, 50)
        return total

    url = db.engine.url
    engines = [sa.create_engine(url, pool_size=4) for _ in range(4)]
    try:
        with ThreadPoolExecutor(18) as pool:
            sealers = [pool.submit(sealer) for _ in range(2)]
            writers = [pool.submit(writer, number) for number in range(16)]
            try:
                for one in writers:
                    one.result()
            finally:
                over.set()
            assert sum(one.result() for one in sealers) > 0
    finally:
        for engine in engines:
            engine.dispose()
    while seal(db):
        pass
    count = 16 * rounds * 2
    assert audit.verify() == audit.Verdict(count, 0)
    places = db.session.scalars(sa.select(AuditSeal.place).order_by(AuditSeal.place)).all()
    assert places == list(range(1, count + 1))


# --- forgery: five of five -----------------------------------------------------------------------------------------


def test_an_untouched_chain_is_whole(sealed, tmp_path):
    audit.write_head(tmp_path)
    assert audit.verify(tmp_path) == audit.Verdict(6, 0, None)


@pytest.mark.parametrize(
    "change",
    [
        "action = 'union.closed'",
        "at = at + interval '1 microsecond'",
        "actor_kind = 'staff'",
        "actor_id = gen_random_uuid()",
        "subject_id = '1'",
        "subject_table = 'accounts'",
        "union_id = gen_random_uuid()",
        "details = details || '{\"number\": 99}'",
        "details = details - 'name'",
        "transaction = transaction - 1",
    ],
)
def test_a_changed_entry_is_named(sealed, forge, change):
    forge(f"UPDATE audit_entries SET {change} WHERE id = :id", id=sealed[2])
    verdict = audit.verify()
    assert verdict.broken == f"entry {sealed[2]} at place 3 is not what was sealed"


def test_a_deleted_entry_is_named(sealed, forge):
    forge("DELETE FROM audit_entries WHERE id = :id", id=sealed[2])
    assert audit.verify().broken == f"entry {sealed[2]} at place 3 is gone"


def test_an_entry_deleted_with_its_seal_is_named(sealed, forge):
    forge("DELETE FROM audit_entries WHERE id = :id", "DELETE FROM audit_seals WHERE entry_id = :id", id=sealed[2])
    assert audit.verify().broken == "place 3 is missing: the chain goes on at place 4"


def test_a_deletion_with_the_places_closed_up_is_named(sealed, forge):
    forge(
        "DELETE FROM audit_entries WHERE id = :id",
        "DELETE FROM audit_seals WHERE entry_id = :id",
        "UPDATE audit_seals SET place = place - 1 WHERE place = 4",
        "UPDATE audit_seals SET place = place - 1 WHERE place = 5",
        "UPDATE audit_seals SET place = place - 1 WHERE place = 6",
        id=sealed[2],
    )
    assert audit.verify().broken == f"entry {sealed[3]} at place 3 is not what was sealed"


def test_reordered_entries_are_named(sealed, forge):
    forge(
        "UPDATE audit_seals SET place = 100 WHERE place = 2",
        "UPDATE audit_seals SET place = 2 WHERE place = 4",
        "UPDATE audit_seals SET place = 4 WHERE place = 100",
    )
    assert audit.verify().broken == f"entry {sealed[3]} at place 2 is not what was sealed"


def test_an_inserted_entry_is_named(sealed, forge):
    row = (
        "INSERT INTO audit_entries (id, at, actor_kind, action, subject_table, subject_id, details, transaction) "
        "OVERRIDING SYSTEM VALUE SELECT 9000, at, actor_kind, action, subject_table, subject_id, details, transaction "
        "FROM audit_entries WHERE id = :id"
    )
    forge(row, id=sealed[2])
    assert audit.verify().broken == "entry 9000 was inserted behind the sealer's back"
    forge("INSERT INTO audit_seals (place, entry_id, digest, sealed_at) VALUES (7, 9000, '\\x00', now())")
    assert audit.verify().broken == "entry 9000 at place 7 is not what was sealed"


def test_a_truncated_tail_is_named(sealed, forge, tmp_path):
    audit.write_head(tmp_path)
    ids = {"a": sealed[4], "b": sealed[5]}
    forge("DELETE FROM audit_seals WHERE place > 4", "DELETE FROM audit_entries WHERE id IN (:a, :b)", **ids)
    assert audit.verify().broken is None  # the tables alone look whole …
    assert audit.verify(tmp_path).broken == "the chain ends at place 4, but place 6 was written down"


def test_a_truncated_table_is_named(sealed, forge, tmp_path):
    audit.write_head(tmp_path)
    forge("TRUNCATE audit_entries, audit_seals, audit_waiting")
    assert audit.verify(tmp_path).broken == "the chain ends at place 0, but place 6 was written down"


def test_a_truncated_tail_written_anew_is_named(db, sealed, forge, tmp_path):
    audit.write_head(tmp_path)
    ids = {"a": sealed[4], "b": sealed[5]}
    forge("DELETE FROM audit_seals WHERE place > 4", "DELETE FROM audit_entries WHERE id IN (:a, :b)", **ids)
    write(db, 3)
    seal(db)
    assert audit.verify(tmp_path).broken == "place 6 differs from the head that was written down"


def test_an_old_head_put_back_on_another_tail_is_named(db, sealed, forge, tmp_path):
    """Place 5 is written anew and the true place 6 put back behind it: only the link to the one before tells."""
    audit.write_head(tmp_path)
    digest = db.session.get(AuditSeal, 6).digest
    forge(
        "DELETE FROM audit_seals WHERE place > 4",
        "UPDATE audit_entries SET details = details || '{\"number\": 99}' WHERE id = :id",
        "INSERT INTO audit_waiting VALUES (:id)",
        id=sealed[4],
    )
    assert seal(db) == 1  # the real sealer, with the real key
    forge("INSERT INTO audit_seals VALUES (6, :id, :digest, now())", id=sealed[5], digest=digest)
    assert audit.verify(tmp_path).broken == f"entry {sealed[5]} at place 6 is not what was sealed"


def test_an_entry_that_vanishes_before_it_is_sealed_is_named(db, sealed, forge):
    write(db)
    ident = db.session.scalar(sa.select(sa.func.max(AuditEntry.id)))
    forge("DELETE FROM audit_entries WHERE id = :id", id=ident)
    assert audit.verify().broken == f"entry {ident} is gone before it was sealed"


def test_the_chain_is_keyed(db, sealed):
    row = db.session.get(AuditEntry, sealed[0])
    right = crypto.ring()
    try:
        crypto.use(crypto.Keyring.from_text(crypto.Keyring.new_text()))
        forged = audit.link(audit.GENESIS, 1, row)
    finally:
        crypto.use(right)
    assert forged != audit.link(audit.GENESIS, 1, row) == db.session.get(AuditSeal, 1).digest


def test_a_half_written_head_is_passed_over(sealed, tmp_path):
    audit.write_head(tmp_path)
    with (tmp_path / "audit-heads.jsonl").open("a") as heads:
        heads.write('{"place": 9')
    assert audit.verify(tmp_path).broken is None


# --- cost ----------------------------------------------------------------------------------------------------------


def test_sealing_does_not_read_what_is_sealed(db, sealed):
    """The plan reaches entries from the list of those that wait, never by walking the trail."""
    db.session.execute(
        sa.text(
            "INSERT INTO audit_entries (at, actor_kind, action, subject_table, subject_id, details) "
            "SELECT now(), 'system', 'x', 'unions', '0', '{}' FROM generate_series(1, 20000)"
        )
    )
    db.session.commit()
    while seal(db, 5000):
        pass
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE audit_entries, audit_waiting, audit_seals"))
    took = []
    for _ in range(5):  # the quickest counts: a busy machine is no walk through the trail
        write(db, 3)
        began = time.perf_counter()
        assert seal(db) == 3
        took.append(time.perf_counter() - began)
    assert min(took) < 0.5
    assert db.session.query(AuditWaiting).count() == 0


def test_time_is_of_the_portals_clock(db):
    moment = clock.now() - timedelta(days=3)
    with clock.stopped_at(moment):
        write(db)
        seal(db)
    assert db.session.query(AuditEntry).one().at == moment == audit.last_seal().sealed_at
