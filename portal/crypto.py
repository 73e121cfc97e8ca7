"""Encryption of personal columns, blind indexes and keyed digests. The ciphers are `cryptography`'s.

A ciphertext is ``version (1 byte) | length of key id (1) | key id | nonce (12) | AES-256-GCM output``; the table,
column and row id are associated data, so a value copied to another row or column does not open. A blind index is
HMAC-SHA256 under a key of its own for each purpose, derived by HKDF: equality can be asked, nothing can be read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FORMAT = 1


class Unreadable(Exception):
    """A ciphertext that was changed, moved to another row, or made with a key that is not in the keyring."""


@dataclass(frozen=True)
class Keyring:
    """Keys by id: ``current`` encrypts, all of them decrypt, ``index`` feeds blind indexes and the audit chain."""

    current: str
    keys: dict[str, bytes]
    index: bytes
    _derived: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def new_text() -> str:
        """A fresh keyring as JSON text."""
        key, index = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
        return json.dumps({"current": "k1", "keys": {"k1": key}, "index": index})

    @classmethod
    def from_text(cls, text: str) -> Keyring:
        """Read the JSON form; raises ValueError in words when a part is missing or short."""
        try:
            raw = json.loads(text)
            keys = {name: base64.b64decode(key) for name, key in raw["keys"].items()}
            ring = cls(current=raw["current"], keys=keys, index=base64.b64decode(raw["index"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError("the keyring must be JSON with current, keys and index, keys in base64") from error
        if ring.current not in keys or any(len(key) != 32 for key in [*keys.values(), ring.index]):
            raise ValueError("every key must have 32 bytes, and the current one must be among them")
        return ring

    def encrypt(self, text: str, about: str) -> bytes:
        """Encrypt ``text``; ``about`` says where it stands (table, column, row) and must be given to decrypt."""
        name, nonce = self.current.encode(), os.urandom(12)
        body = AESGCM(self.keys[self.current]).encrypt(nonce, text.encode(), about.encode())
        return bytes([FORMAT, len(name)]) + name + nonce + body

    def decrypt(self, blob: bytes, about: str) -> str:
        """The text again, or :class:`Unreadable`."""
        blob = bytes(blob)
        try:
            if blob[0] != FORMAT:
                raise Unreadable("unknown format")
            end = 2 + blob[1]
            key = self.keys[blob[2:end].decode()]
            return AESGCM(key).decrypt(blob[end : end + 12], blob[end + 12 :], about.encode()).decode()
        except (InvalidTag, IndexError, KeyError, ValueError) as error:
            raise Unreadable("the value does not open here") from error

    def key_for(self, purpose: str) -> bytes:
        """A key of 32 bytes of its own for one purpose."""
        if purpose not in self._derived:
            self._derived[purpose] = HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(self.index)
        return self._derived[purpose]

    def digest(self, purpose: str, value: bytes | str) -> bytes:
        """HMAC-SHA256 (32 bytes) of a value under the purpose's key: blind index, chain link, hashed address."""
        value = value.encode() if isinstance(value, str) else value
        return hmac.new(self.key_for(purpose), value, hashlib.sha256).digest()


_ring: Keyring | None = None


def use(ring: Keyring) -> None:
    """Make a keyring the process's own; done once by create_app."""
    global _ring
    _ring = ring


def ring() -> Keyring:
    """The process's keyring."""
    if _ring is None:
        raise RuntimeError("no keyring: create_app() has not run")
    return _ring


def token_digest(token: str) -> bytes:
    """SHA-256 of a random token of 128 bits or more (no key needed: it cannot be guessed)."""
    return hashlib.sha256(token.encode()).digest()
