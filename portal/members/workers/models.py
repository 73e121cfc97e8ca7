"""Workers as people. A phone is a dated contact, never identity; identity is the document by type, or a card."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from portal import clock, crypto
from portal.db import db
from portal.members.workers.rules import (
    born_on_of,
    normal_id_number,
    normal_phone,
    phone_tail,
    screen_code,
    screen_window,
    sex_of,
)
from portal.types import N_, Encrypted, Word, new_id, text_enum
from portal.vocabulary import IdType, Industry, Occupation


class DocumentNumber(Encrypted):
    """The number of the document in ``id_type``, which is set first. Where it holds sex and birth date, the person has them."""

    def __set__(self, row: Worker, value: str | None) -> None:
        super().__set__(row, value)
        if born := born_on_of(row.id_type, value):
            row.sex, row.born_on, row.born_from_document = sex_of(row.id_type, value), born, True
        elif value is None and row.born_from_document:
            row.sex, row.born_on, row.born_from_document = None, None, False


class Worker(db.Model):
    """A person who was served or signed in; made with the least that is needed. No union owns a worker."""

    __tablename__ = "workers"
    __table_args__ = (
        sa.CheckConstraint("(id_type IS NULL) = (id_number_cipher IS NULL)", name="id_whole"),
        sa.CheckConstraint("(id_number_cipher IS NULL) = (id_number_index IS NULL)", name="id_indexed"),
        # One document, one person; a merged record gives its document up.
        sa.Index("uq_workers_id_number", "id_type", "id_number_index", unique=True),
        sa.Index("ix_workers_name", "name"),
        sa.CheckConstraint("merged_into_id <> id", name="merged_into_another"),
        sa.CheckConstraint("sex IN ('female', 'male')", name="sex_known"),
        sa.CheckConstraint("NOT born_from_document OR born_on IS NOT NULL", name="born_where_from_document"),
        sa.Index("ix_workers_merged_into_id", "merged_into_id", postgresql_where=sa.text("merged_into_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str | None]
    occupation: Mapped[Occupation] = mapped_column(text_enum(Occupation))
    industry: Mapped[Industry | None] = mapped_column(text_enum(Industry))
    is_new_form_worker: Mapped[bool] = mapped_column(default=False)
    is_migrant_worker: Mapped[bool] = mapped_column(default=False)
    id_type: Mapped[IdType | None] = mapped_column(text_enum(IdType))
    id_number_cipher: Mapped[bytes | None]
    id_number_index: Mapped[bytes | None]
    # For programmes with an age or a sex in their rule: read from the document, or said by the person themselves.
    sex: Mapped[str | None] = mapped_column(sa.String(6))
    born_on: Mapped[date | None]
    born_from_document: Mapped[bool] = mapped_column(default=False)
    never_invite_at: Mapped[datetime | None]
    # Set while the consent to keep a record of services is withdrawn: visits are then counted without the person.
    unrecorded_since: Mapped[datetime | None]
    created_at: Mapped[datetime]
    # The record that this one was merged into; a trigger keeps it one step away. Reads follow it, history stays here.
    merged_into_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("workers.id"))

    id_number = DocumentNumber("id_number", index=normal_id_number)


class WorkerPhone(db.Model):
    """A phone a worker used from–until. Several people may share one; a confirmed one answered with a code."""

    __tablename__ = "worker_phones"
    __table_args__ = (
        sa.CheckConstraint("until IS NULL OR until >= since", name="until_after_since"),
        sa.Index("uq_worker_phones_open", "worker_id", "phone_index", unique=True, postgresql_where=sa.text("until IS NULL")),
        sa.Index("ix_worker_phones_phone_index", "phone_index", postgresql_where=sa.text("until IS NULL")),
        sa.Index("ix_worker_phones_tail_index", "tail_index", postgresql_where=sa.text("until IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    phone_cipher: Mapped[bytes]
    phone_index: Mapped[bytes]
    tail_index: Mapped[bytes]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    # When it last led to its person: found them at a desk, or answered a code. NULL reads as `since`.
    last_seen_at: Mapped[datetime | None]

    phone = Encrypted("phone", index=normal_phone)

    @staticmethod
    def tail_lookup(value: str) -> bytes:
        """The blind index of the last four digits; ask for it only among people met within scope."""
        return crypto.ring().digest("index:worker_phones.tail", phone_tail(value))


class CardKind(Word):
    """Where a card code stands."""

    SCREEN = "screen", N_("On the phone")
    PRINTED = "printed", N_("Printed card")


class CardCode(Encrypted):
    """What a scanner reads: a printed card's own code, or the code of this half hour where the card is on a screen."""

    def __get__(self, row: WorkerCard | None, owner: type | None = None) -> str | None:
        if row is not None and row.handle:
            return screen_code(crypto.ring(), row.handle, screen_window(clock.now()))
        return super().__get__(row, owner)


class WorkerCard(db.Model):
    """A code that finds its worker at any desk, until it is revoked.

    A printed card has a secret code of its own, of which only the blind index is searched. A card on the screen has a
    handle, which is no secret: its code is the handle, signed for half an hour.
    """

    __tablename__ = "worker_cards"
    __table_args__ = (
        sa.Index("ix_worker_cards_worker_id", "worker_id"),
        sa.Index(
            "ix_worker_cards_issued_by_account_id", "issued_by_account_id", "issued_at",
            postgresql_where=sa.text("issued_by_account_id IS NOT NULL"),
        ),
        sa.Index(
            "uq_worker_cards_screen", "worker_id", unique=True,
            postgresql_where=sa.text("kind = 'screen' AND revoked_at IS NULL"),
        ),
        sa.CheckConstraint("(kind = 'screen') = (handle IS NOT NULL)", name="screen_has_handle"),
        sa.CheckConstraint("(kind = 'printed') = (code_index IS NOT NULL)", name="printed_has_code"),
        sa.CheckConstraint("(code_cipher IS NULL) = (code_index IS NULL)", name="code_indexed"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    kind: Mapped[CardKind] = mapped_column(text_enum(CardKind), default=CardKind.SCREEN)
    handle: Mapped[str | None] = mapped_column(sa.String(9), unique=True)
    code_cipher: Mapped[bytes | None]
    code_index: Mapped[bytes | None] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    issued_by_account_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("accounts.id"))
    revoked_at: Mapped[datetime | None]

    code = CardCode("code", index=str.upper)


class Purpose(Word):
    """What a worker consents to, one by one."""

    SERVICE_RECORD = "service_record", N_("Keep a record of services received")
    CONTACT = "contact", N_("Be contacted about union services and joining")
    MEMBERSHIP = "membership", N_("Process the application to join")


class Consent(db.Model):
    """A consent given, and perhaps withdrawn; withdrawing is as easy as giving."""

    __tablename__ = "consents"
    __table_args__ = (
        sa.CheckConstraint("withdrawn_at IS NULL OR withdrawn_at >= given_at", name="withdrawn_after_given"),
        sa.Index("uq_consents_open", "worker_id", "purpose", unique=True, postgresql_where=sa.text("withdrawn_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    worker_id: Mapped[UUID] = mapped_column(sa.ForeignKey("workers.id"))
    purpose: Mapped[Purpose] = mapped_column(text_enum(Purpose))
    notice_version: Mapped[str]
    channel: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class OneTimeCode(db.Model):
    """A six-digit code sent to a phone; used once, tried five times at the most, gone after five minutes."""

    __tablename__ = "one_time_codes"
    __table_args__ = (
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name="five_tries"),
        sa.Index("ix_one_time_codes_phone_index", "phone_index", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    purpose: Mapped[str]
    phone_cipher: Mapped[bytes]
    phone_index: Mapped[bytes]
    code_digest: Mapped[bytes]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    phone = Encrypted("phone", index=normal_phone)
