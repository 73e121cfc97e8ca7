"""Encryption and blind indexes: nothing equal shows, nothing moved or changed opens, keys may be rotated."""

from __future__ import annotations

import json

import pytest

from portal import crypto
from portal.crypto import Keyring, Unreadable

PHONE = "13812345678"
HERE = "worker_phones|phone|1"


@pytest.fixture
def ring() -> Keyring:
    return Keyring.from_text(Keyring.new_text())


def test_what_was_encrypted_opens_at_its_place(ring):
    for text in (PHONE, "", "李志强", "x" * 10_000):
        assert ring.decrypt(ring.encrypt(text, HERE), HERE) == text


def test_equal_values_give_different_ciphertext(ring):
    blobs = {ring.encrypt(PHONE, HERE) for _ in range(100)}
    assert len(blobs) == 100
    assert all(PHONE.encode() not in blob for blob in blobs)


@pytest.mark.parametrize("elsewhere", ["worker_phones|phone|2", "worker_phones|name|1", "applications|phone|1", ""])
def test_a_value_moved_to_another_row_column_or_table_does_not_open(ring, elsewhere):
    with pytest.raises(Unreadable):
        ring.decrypt(ring.encrypt(PHONE, HERE), elsewhere)


def test_every_flipped_bit_is_noticed(ring):
    blob = ring.encrypt(PHONE, HERE)
    for place in range(len(blob)):
        for bit in (1, 128):
            changed = blob[:place] + bytes([blob[place] ^ bit]) + blob[place + 1 :]
            with pytest.raises(Unreadable):
                ring.decrypt(changed, HERE)


@pytest.mark.parametrize("length", range(0, 20))
def test_a_cut_value_is_noticed(ring, length):
    with pytest.raises(Unreadable):
        ring.decrypt(ring.encrypt(PHONE, HERE)[:length], HERE)


def test_another_ring_opens_nothing(ring):
    with pytest.raises(Unreadable):
        Keyring.from_text(Keyring.new_text()).decrypt(ring.encrypt(PHONE, HERE), HERE)


def test_a_new_key_encrypts_and_the_old_one_still_opens(ring):
    old = ring.encrypt(PHONE, HERE)
    more = json.loads(Keyring.new_text())
    rotated = Keyring(current="k2", keys=ring.keys | {"k2": Keyring.from_text(json.dumps(more)).keys["k1"]}, index=ring.index)
    new = rotated.encrypt(PHONE, HERE)
    assert (rotated.decrypt(old, HERE), rotated.decrypt(new, HERE)) == (PHONE, PHONE)
    assert b"k2" in new[:4] and rotated.digest("index:x", PHONE) == ring.digest("index:x", PHONE)
    with pytest.raises(Unreadable):  # the old ring does not know the new key
        ring.decrypt(new, HERE)


def test_a_blind_index_is_equal_for_equal_values_of_one_column_only(ring):
    assert ring.digest("index:a", PHONE) == ring.digest("index:a", PHONE)
    assert ring.digest("index:a", PHONE) != ring.digest("index:b", PHONE)
    assert ring.digest("index:a", PHONE) != ring.digest("index:a", PHONE[:-1])
    assert ring.digest("index:a", PHONE) != Keyring.from_text(Keyring.new_text()).digest("index:a", PHONE)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"current": "k1"}', '{"current": "k2", "keys": {"k1": "QUJD"}, "index": "QUJD"}',
     '{"current": "k1", "keys": {"k1": "QUJD"}, "index": "QUJD"}', '{"current": "k1", "keys": "x", "index": "QUJD"}'],
)  # fmt: skip
def test_a_keyring_that_lacks_something_is_refused_in_words(text):
    with pytest.raises(ValueError, match="key"):
        Keyring.from_text(text)


def test_keys_do_not_show_when_printed(ring):
    assert "_derived" not in repr(ring)
    assert crypto.token_digest("a") != crypto.token_digest("b")
