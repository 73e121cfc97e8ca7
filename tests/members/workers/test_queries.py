"""Finding people: exact keys only, and each through an index."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.access import SYSTEM
from portal.members.workers import commands, queries
from portal.vocabulary import IdType, Occupation
from tests.factories.workers import make_phone, make_worker


def test_an_exact_phone_finds_everybody_who_uses_it(db):
    phone = make_phone()
    first, second = make_worker(phone=phone, name="李志强"), make_worker(phone=phone, name="王芳")
    make_worker()
    typed = f"+86 {phone[:3]} {phone[3:7]}-{phone[7:]}"
    assert [worker.id for worker in queries.find_by_phone(typed)] == [first.id, second.id]


def test_a_phone_that_was_given_up_finds_nobody(db):
    worker = make_worker(phone="13812345678")
    contact = queries.current_phone(worker)
    contact.until = contact.since
    db.session.commit()
    assert queries.find_by_phone("13812345678") == []
    assert queries.current_phone(worker) is None


@pytest.mark.parametrize(
    ("id_type", "number", "typed"),
    [
        (IdType.RESIDENT_ID, "11010519491231002X", " 110105 19491231 002x"),
        (IdType.RESIDENT_ID, "11010519491231002X", "１１０１０５１９４９１２３１００２Ｘ"),
        (IdType.HMT_TRAVEL, "H12345678", "h12345678"),
        (IdType.FOREIGN_PERMANENT, "ABC123456789012", "abc123456789012"),
        (IdType.PASSPORT, "E12345678", "e 1234 5678"),
    ],
)
def test_a_document_of_any_type_finds_its_person(db, id_type, number, typed):
    worker = make_worker(id_number=number, id_type=id_type)
    found = queries.find_by_key(typed)
    assert (found.kind, [one.id for one in found.workers]) == ("id_number", [worker.id])
    assert queries.find_by_id_number(typed) == worker


def test_one_number_on_two_kinds_of_document_does_not_decide(db):
    make_worker(id_number="12345678", id_type=IdType.HMT_TRAVEL)
    passport = make_worker(id_number="12345678", id_type=IdType.PASSPORT)
    assert len(queries.find_by_key("12345678").workers) == 2
    assert queries.find_by_id_number("12345678") is None
    assert queries.find_by_id_number("12345678", IdType.PASSPORT) == passport


def test_a_card_finds_its_worker_until_it_is_revoked(db):
    worker = make_worker(card=True)
    old = queries.find_card(worker.id).code
    assert len(old) == 18
    assert queries.find_by_key(f" {old.lower()}\r").workers == (worker,)
    commands.issue_card(worker=worker, by=SYSTEM)
    db.session.commit()
    found = queries.find_by_key(old)
    assert (found.kind, found.workers, found.card_kind) == ("card", (), None)
    assert queries.find_by_key(queries.find_card(worker.id).code).workers == (worker,)


NO_KEYS = ["", "  ", "李", "李志强", "5621", "1381234", "%", "' OR 1=1 --", "1" * 5000, "\x00", "W" * 21]


@pytest.mark.parametrize("typed", NO_KEYS)
def test_what_is_no_whole_key_finds_nobody(db, typed):
    make_worker(phone="13812345621", name="李志强")
    assert queries.find_by_key(typed).workers == ()


def test_a_full_width_phone_is_a_phone(db):
    worker = make_worker(phone="13812345678")
    found = queries.find_by_key("１３８ １２３４ ５６７８")
    assert (found.kind, found.workers) == ("phone", (worker,))
    assert queries.find_by_key("13900000000") == queries.Found("phone", ())


@pytest.mark.parametrize(
    ("key", "index"),
    [
        ("13812345678", "ix_worker_phones_phone_index"),
        ("11010519491231002X", "uq_workers_id_number"),
        ("W" + "2" * 20, "uq_worker_cards_code_index"),
        ("screen", "uq_worker_cards_handle"),
    ],
)
def test_a_key_is_one_read_through_an_index(db, key, index):
    worker = make_worker(phone="13812345678", id_number="11010519491231002X", card=True)
    # Enough other numbers that the planner would feel a wrong index.
    db.session.execute(
        sa.text(
            """
            INSERT INTO worker_phones (id, worker_id, phone_cipher, phone_index, tail_index, since)
            SELECT gen_random_uuid(), :worker, 'x', sha256(n::text::bytea), 'x', now() FROM generate_series(1, 3000) n
            """
        ),
        {"worker": worker.id},
    )
    db.session.execute(sa.text("ANALYZE worker_phones"))
    db.session.execute(sa.text("SET LOCAL enable_seqscan = off"))
    key = queries.find_card(worker.id).code if key == "screen" else key
    seen = []

    def note(conn, cursor, statement, parameters, context, executemany):
        seen.append((statement, parameters))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        queries.find_by_key(key)
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    assert len(seen) == 1
    cursor = db.session.connection().connection.cursor()
    cursor.execute("EXPLAIN " + seen[0][0], seen[0][1])
    assert index in str(cursor.fetchall())


def test_people_are_shown_masked_and_the_confirmed_phone_first(db):
    worker = make_worker(phone="13812345621", confirmed=True, name="李志强", occupation=Occupation.COURIER)
    commands.add_phone(worker=worker, phone="13987654321", by=SYSTEM)
    db.session.commit()
    assert queries.masked(worker) == queries.Masked(worker.id, "李*强", Occupation.COURIER, "138****5621", "李")
    nameless = make_worker(phone=None, name=None)
    assert queries.masked(nameless) == queries.Masked(nameless.id, "", Occupation.FOOD_DELIVERY_RIDER, "", "")
    assert queries.list_masked([]) == []
