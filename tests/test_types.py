"""The column that encrypts, bound to its row; words, sentences and tidied text."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from portal.access import SYSTEM
from portal.crypto import Unreadable
from portal.i18n import in_language
from portal.members.joining.models import ApplicationStatus
from portal.members.workers import commands, queries
from portal.members.workers.models import Worker, WorkerPhone
from portal.outbox import Message
from portal.types import Encrypted, Word, new_id, prose, text, tidy
from portal.vocabulary import Occupation
from tests.factories.joining import make_application, make_invitation
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

PHONE = "13812345678"
ID = "11010519491231002X"


def contacts(db) -> list[WorkerPhone]:
    return list(db.session.scalars(sa.select(WorkerPhone).order_by(WorkerPhone.id)))


def test_two_people_with_one_phone_share_an_index_and_no_ciphertext(db):
    make_worker(phone=PHONE), make_worker(phone=PHONE)
    first, second = contacts(db)
    assert first.phone == second.phone == PHONE
    assert first.phone_index == second.phone_index
    assert first.phone_cipher != second.phone_cipher


def test_swapped_ciphertexts_do_not_open(db):
    make_worker(phone=PHONE), make_worker(phone="13987654321")
    first, second = contacts(db)
    swap = "UPDATE worker_phones SET phone_cipher = :cipher WHERE id = :id"
    ciphers = {first.id: second.phone_cipher, second.id: first.phone_cipher}
    for ident, cipher in ciphers.items():
        db.session.execute(sa.text(swap), {"id": ident, "cipher": cipher})
    db.session.commit()
    for contact in contacts(db):
        with pytest.raises(Unreadable):
            _ = contact.phone


def test_a_value_copied_to_another_table_does_not_open(db):
    worker = make_worker(phone=PHONE, id_number=ID)
    contact = contacts(db)[0]
    contact.phone_cipher = worker.id_number_cipher
    with pytest.raises(Unreadable):
        _ = contact.phone
    db.session.rollback()


def test_a_flipped_byte_does_not_open(db):
    make_worker(phone=PHONE)
    db.session.execute(
        sa.text("UPDATE worker_phones SET phone_cipher = set_byte(phone_cipher, 20, 255 - get_byte(phone_cipher, 20))")
    )
    db.session.commit()
    with pytest.raises(Unreadable):
        _ = contacts(db)[0].phone


def test_the_index_forgives_how_a_number_is_written_and_nothing_more(app):
    assert WorkerPhone.phone.lookup("+86 138-1234-5678") == WorkerPhone.phone.lookup(PHONE)
    assert Worker.id_number.lookup("11010519491231002x") == Worker.id_number.lookup(ID)
    assert WorkerPhone.phone.lookup(PHONE) != Worker.id_number.lookup(PHONE)
    assert WorkerPhone.phone.lookup(PHONE) != WorkerPhone.phone.lookup("13812345679")


def test_none_is_none_and_a_row_gets_its_id_before_the_first_value(db):
    worker = Worker(occupation=Occupation.COURIER)
    worker.id_number = ID
    assert worker.id is not None and worker.id_number == ID
    worker.id_number = None
    assert (worker.id_number_cipher, worker.id_number_index, worker.id_number) == (None, None, None)
    with pytest.raises(TypeError):
        Message.recipient.lookup("x")  # no index declared


def test_an_encrypted_attribute_bears_its_own_name():
    with pytest.raises((TypeError, RuntimeError)):
        type("Wrong", (), {"phone": Encrypted("telephone")})


def leaks(db, *secrets: str) -> list[tuple[str, str, str]]:
    """Where a secret stands in clear: every text, JSON and bytea column of every table, partitions included."""
    columns = db.session.execute(
        sa.text(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND data_type IN ('text', 'character varying', 'jsonb', 'bytea', 'ARRAY')"
        )
    ).all()
    assert len(columns) > 80
    return [
        (table, column, secret)
        for table, column in columns
        for secret in secrets
        if db.session.scalar(
            sa.text(  # bytea is shown as hex
                f'SELECT count(*) FROM "{table}" '
                f'WHERE position(:plain IN "{column}"::text) > 0 OR position(:hexed IN "{column}"::text) > 0'
            ),
            {"plain": secret, "hexed": secret.encode().hex()},
        )
    ]


def test_no_phone_or_document_in_clear_after_a_whole_journey(db, client):
    small_tree()
    client.get("/sign-in")
    client.send("/sign-in", {"phone": PHONE})
    worker = make_worker(phone=PHONE, name="李志强", card=True)
    make_invitation(worker)
    make_application(worker, phone=PHONE, id_number=ID, status=ApplicationStatus.APPROVED)
    commands.add_phone(worker=worker, phone="13987654321", by=SYSTEM)
    db.session.commit()
    assert leaks(db, PHONE, ID, "13987654321", ID[:17], queries.find_card(worker.id).code) == []
    messages = db.session.scalars(sa.select(Message)).all()
    assert len(messages) == 2 and {message.recipient for message in messages} == {PHONE}


def test_a_leak_would_be_found(db):
    worker = make_worker(phone=PHONE)
    worker.name = f"call {PHONE}"
    contact = contacts(db)[0]
    contact.tail_index = b"\x01" + PHONE.encode()
    db.session.commit()
    assert {table for table, _column, _secret in leaks(db, PHONE)} == {"workers", "worker_phones"}


def test_keys_are_time_ordered():
    made = [new_id() for _ in range(50)]
    assert made == sorted(made) and all(isinstance(one, uuid.UUID) and one.version == 7 for one in made)


def test_a_word_is_stored_by_value_and_drawn_by_label(app):
    class Light(Word):
        GREEN = "green", "Available"
        BARE = "bare"

    assert (Light("green"), Light.GREEN.label, Light.BARE.label) == ("green", "Available", "bare")
    assert Light.choices() == [("green", Light.GREEN), ("bare", Light.BARE)]
    with pytest.raises(ValueError):
        Light("red")


def test_a_sentence_is_said_in_the_reader_s_language(app):
    says = text("%(word)s, %(count)s", word=Occupation.COURIER, count=12345)
    assert in_language("en", says) == "Courier, 12,345"
    assert str(text("plain")) == "plain"


@pytest.mark.parametrize(
    ("typed", "plain"),
    [(" ＡＢ１２ ", "AB12"), ("\u200b李\ufeff ", "李"), ("a\x00b", "ab"), ("", None), ("   ", None), (None, None),
     (7, None), ("a\nb\tc", "a\nb\tc"), ("\ud800x", "x")],
)  # fmt: skip
def test_what_was_typed_is_made_plain(typed, plain):
    assert tidy(typed) == plain


def test_sentences_keep_the_commas_they_were_typed_with():
    """A code is made plain, a sentence is not; in both control signs and outer space go."""
    assert prose(" 已撤销，您可以再约。\x00\n谢谢 ") == "已撤销，您可以再约。\n谢谢"
    assert prose("  ") is None and prose(None) is None
