"""Registering, phones, cards, consents: once, also when asked twice at the same moment."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.db import db as database
from portal.members.workers import commands, queries
from portal.members.workers.models import Consent, Purpose, Worker, WorkerCard, WorkerPhone
from portal.members.workers.rules import is_card_code
from portal.vocabulary import IdType, Occupation
from tests.factories.workers import make_phone, make_worker

COURIER = Occupation.COURIER


def at_once(app, times, work):
    """Run the same work in several threads, each with a session of its own that it commits."""
    barrier, answers = Barrier(times, timeout=20), []

    def run():
        with app.app_context():
            barrier.wait()
            answers.append(work())
            database.session.commit()

    threads = [Thread(target=run) for _ in range(times)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers


def count(db, model) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def test_the_same_phone_twice_at_once_is_one_person(app, db):
    phone = make_phone()
    found = at_once(app, 5, lambda: commands.register_worker(occupation=COURIER, phone=phone, by=SYSTEM).id)
    assert len(set(found)) == 1
    assert (count(db, Worker), count(db, WorkerPhone)) == (1, 1)


@pytest.mark.parametrize(
    ("there", "name", "another", "people"),
    [
        ([None], None, False, 1),
        (["李志强"], None, False, 1),
        (["李志强"], "李志强", False, 1),
        ([None], "李志强", False, 1),
        (["李志强"], "王芳", False, 2),
        (["李志强"], None, True, 2),
        (["李志强", "王芳"], "王芳", False, 2),
        (["李志强", "王芳"], None, False, 3),
        (["李志强", "李志强"], "李志强", False, 3),
    ],
)
def test_a_phone_is_no_person(db, there, name, another, people):
    phone = make_phone()
    for one in there:
        make_worker(phone=phone, name=one)
    commands.register_worker(occupation=COURIER, phone=phone, name=name, another=another, by=SYSTEM)
    db.session.commit()
    assert len(queries.find_by_phone(phone)) == people


def test_a_name_is_added_to_whoever_had_none(db):
    phone = make_phone()
    first = make_worker(phone=phone, name=None)
    assert commands.register_worker(occupation=COURIER, phone=phone, name="李志强", by=SYSTEM) is first
    assert first.name == "李志强"


def test_without_phone_everybody_is_somebody_new(db):
    first, second = (commands.register_worker(occupation=COURIER, by=SYSTEM) for _ in range(2))
    assert first.id != second.id and first.is_new_form_worker


def test_a_phone_is_written_down_once_and_confirmed_once(db):
    worker = make_worker(phone=None)
    first = commands.add_phone(worker=worker, phone="+86 138-1234-5678", by=SYSTEM)
    assert first.phone == "13812345678"
    moment = clock.now()
    assert commands.add_phone(worker=worker, phone="13812345678", by=SYSTEM, confirmed_at=moment) is first
    confirmed = first.confirmed_at
    with clock.stopped_at(moment + timedelta(days=1)):
        commands.confirm_phone(contact=first, by=SYSTEM)
    assert first.confirmed_at == confirmed


def test_one_card_on_the_phone_and_the_old_one_finds_nobody(app, db):
    worker_id = make_worker().id
    codes = at_once(app, 4, lambda: commands.issue_card(worker=queries.get_worker(worker_id), by=SYSTEM).code)
    assert len(set(codes)) == 4 and all(is_card_code(code) for code in codes)
    assert sum(queries.find_by_card(code) is not None for code in codes) == 1
    again = at_once(app, 4, lambda: commands.ensure_card(worker=queries.get_worker(worker_id), by=SYSTEM).id)
    assert len(set(again)) == 1


def test_a_consent_is_given_once_and_withdrawn_as_easily(app, db):
    worker_id = make_worker().id

    def give():
        commands.give_consent(worker=queries.get_worker(worker_id), purpose=Purpose.CONTACT, notice_version="1",
                              channel="test", by=SYSTEM)  # fmt: skip

    at_once(app, 4, give)
    assert count(db, Consent) == 1 and queries.has_consent(worker_id, Purpose.CONTACT)
    worker = queries.get_worker(worker_id)
    commands.withdraw_consent(worker=worker, purpose=Purpose.CONTACT, by=SYSTEM)
    commands.withdraw_consent(worker=worker, purpose=Purpose.CONTACT, by=SYSTEM)
    db.session.commit()
    assert not queries.has_consent(worker_id, Purpose.CONTACT)
    give()
    assert count(db, Consent) == 2
    actions = db.session.scalars(sa.text("SELECT action FROM audit_entries WHERE action LIKE '%consent%' ORDER BY id"))
    assert list(actions) == ["worker.consent_given", "worker.consent_withdrawn", "worker.consent_given"]


def test_the_trail_holds_masks_only(db):
    make_worker(phone="13812345678", name="李志强", confirmed=True, card=True)
    rows = "\n".join(db.session.scalars(sa.text("SELECT details::text FROM audit_entries")))
    assert "138****5678" in rows and "李*强" in rows
    assert "13812345678" not in rows and "李志强" not in rows


# --- what the database refuses -------------------------------------------------------------------------------------


def refuses(db, constraint, statement, **values):
    with pytest.raises(sa.exc.IntegrityError, match=constraint):
        db.session.execute(statement, values)
    db.session.rollback()


def test_one_document_one_person(db):
    make_worker(id_number="11010519491231002X")
    with pytest.raises(sa.exc.IntegrityError, match="uq_workers_id_number"):
        make_worker(id_number="11010519491231002x")
    db.session.rollback()


@pytest.mark.parametrize(
    ("values", "constraint"),
    [({"id_type": IdType.PASSPORT}, "ck_workers_id_whole"), ({"id_number_index": b"x"}, "ck_workers_id_indexed")],
)
def test_a_document_is_whole_or_not_there(db, values, constraint):
    make_worker()
    refuses(db, constraint, sa.update(Worker).values(**values))


def test_an_occupation_is_a_word_of_the_list(db):
    make_worker()
    refuses(db, "ck_workers_occupation", sa.text("UPDATE workers SET occupation = 'king'"))


def test_one_open_contact_for_one_phone_and_one_screen_card(db):
    worker = make_worker(card=True)
    copy = "INSERT INTO worker_phones (id, worker_id, phone_cipher, phone_index, tail_index, since) SELECT gen_random_uuid(), worker_id, phone_cipher, phone_index, tail_index, since FROM worker_phones"  # noqa: E501
    refuses(db, "uq_worker_phones_open", sa.text(copy))
    card = "INSERT INTO worker_cards (id, worker_id, kind, handle, issued_at) SELECT gen_random_uuid(), worker_id, kind, {handle}, issued_at FROM worker_cards"  # noqa: E501
    refuses(db, "uq_worker_cards_screen", sa.text(card.format(handle="'234567892'")))
    db.session.execute(sa.update(WorkerCard).values(revoked_at=clock.now()))
    db.session.commit()
    refuses(db, "uq_worker_cards_handle", sa.text(card.format(handle="handle")))
    assert queries.find_card(worker.id) is None


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("handle = NULL", "ck_worker_cards_screen_has_handle"),
        ("kind = 'printed', handle = NULL", "ck_worker_cards_printed_has_code"),
        ("code_cipher = 'x'", "ck_worker_cards_code_indexed"),
    ],
)
def test_a_card_has_what_its_kind_needs(db, change, constraint):
    make_worker(card=True)
    refuses(db, constraint, sa.text(f"UPDATE worker_cards SET {change}"))


def test_a_printed_code_is_there_once(db):
    commands.issue_printed_card(worker=make_worker(), by=SYSTEM)
    db.session.commit()
    twice = "INSERT INTO worker_cards (id, worker_id, kind, code_cipher, code_index, issued_at) SELECT gen_random_uuid(), worker_id, kind, code_cipher, code_index, issued_at FROM worker_cards"  # noqa: E501
    refuses(db, "uq_worker_cards_code_index", sa.text(twice))


def test_dates_that_cannot_be(db):
    worker = make_worker()
    refuses(db, "ck_worker_phones_until_after_since", sa.text("UPDATE worker_phones SET until = since - interval '1s'"))
    commands.give_consent(worker=worker, purpose=Purpose.CONTACT, notice_version="1", channel="x", by=SYSTEM)
    db.session.commit()
    refuses(db, "ck_consents_withdrawn_after_given", sa.text("UPDATE consents SET withdrawn_at = given_at - interval '1s'"))
    twice = "INSERT INTO consents (id, worker_id, purpose, notice_version, channel, given_at) SELECT gen_random_uuid(), worker_id, purpose, notice_version, channel, given_at FROM consents"  # noqa: E501
    refuses(db, "uq_consents_open", sa.text(twice))
