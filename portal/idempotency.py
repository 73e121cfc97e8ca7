"""The first answer counts: a plain table of keys, body hashes and answers.

A double tap, a retry and an offline replay carry the same key and get the first answer again; the same key with
another body is refused. The key is claimed with INSERT … ON CONFLICT, so of two at once the second waits for the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from portal import clock, crypto
from portal.access import By
from portal.db import db

IGNORED = {"csrf_token", "submit"}


class IdempotencyKey(db.Model):
    """One write that was asked for, who asked, and what it was answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (sa.Index("ix_idempotency_keys_at", "at"),)

    actor: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    body_hash: Mapped[bytes]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    at: Mapped[datetime]


class KeyReused(Exception):
    """The same key came with another body."""


def body_hash(path: str, fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, bytes]] = ()) -> bytes:
    """A keyed digest over the address and every field that was sent, in a fixed order.

    Keyed, because a phone number is among the fields now and then, and eleven digits are guessed from a plain hash.
    """
    digest = hashlib.sha256(path.encode())
    for name, value in sorted(fields):
        if name not in IGNORED:
            digest.update(b"\0" + name.encode() + b"\1" + value.encode())
    for name, content in files:
        digest.update(b"\2" + name.encode() + b"\1" + hashlib.sha256(content).digest())
    return crypto.ring().digest("idempotency:body", digest.digest())


def owner(by: By) -> str:
    """Whose key it is: keys of different people never meet."""
    return f"{by.kind}:{by.id or ''}"


def claim(by: By, key: str, hashed: bytes) -> dict[str, Any] | None:
    """Claim a key in this transaction: None if it is new, otherwise the first answer.

    Raises KeyReused when the first body was another. Waits while another transaction holds the same key.
    """
    added = db.session.execute(
        insert(IdempotencyKey)
        .values(actor=owner(by), key=key, body_hash=hashed, at=clock.now())
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.key)
    ).scalar_one_or_none()
    if added:
        return None
    first = db.session.execute(
        sa.select(IdempotencyKey.body_hash, IdempotencyKey.answer).where(
            IdempotencyKey.actor == owner(by), IdempotencyKey.key == key
        )
    ).one()
    if first.body_hash != hashed:
        raise KeyReused
    return first.answer


def settle(by: By, key: str, answer: dict[str, Any]) -> None:
    """Keep the answer of a claimed key, in the same transaction as the work."""
    db.session.execute(
        sa.update(IdempotencyKey).where(IdempotencyKey.actor == owner(by), IdempotencyKey.key == key).values(answer=answer)
    )
