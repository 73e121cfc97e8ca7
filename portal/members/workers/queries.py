"""Reads about workers: the actor behind a session, exact look-ups, contacts, cards, consents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from portal.access import Signed
from portal.db import db, one_statement
from portal.members.workers import rules
from portal.members.workers.models import CardKind, Consent, OneTimeCode, Purpose, Worker, WorkerCard, WorkerPhone
from portal.types import tidy
from portal.vocabulary import IdType, Occupation

KEY_LIMIT = 64  # whatever is longer is no key


@dataclass(frozen=True)
class WorkerActor(Signed):
    """A signed-in worker."""

    kind: str = field(default="worker", init=False)


@dataclass(frozen=True)
class Masked:
    """How a person is shown at a desk or in a list: never the whole name, number or phone.

    ``name`` and ``initial`` are empty while the name is not known; show the occupation then.
    """

    id: UUID
    name: str
    occupation: Occupation
    phone: str
    initial: str


@dataclass(frozen=True)
class Found:
    """What one exact key found: what it was taken for, and whose it is (a shared phone finds several)."""

    kind: Literal["card", "phone", "id_number", "none"]
    workers: tuple[Worker, ...] = ()


_find = sa.text(
    """
    SELECT s.id AS session_id, s.seen_at, w.id, w.name
    FROM sessions s JOIN workers w ON w.id = s.actor_id
    WHERE s.token_digest = :digest AND s.actor_kind = 'worker' AND s.revoked_at IS NULL
      AND s.expires_at > :now AND s.seen_at > :idle_since
    """
)


def find_session(values: dict[str, Any]) -> tuple[WorkerActor, datetime] | None:
    """The worker behind a session and when it was last seen, or None if it is over; one read."""
    rows = one_statement(_find, values)
    if not rows:
        return None
    row = rows[0]
    return WorkerActor(row.id, row.name or "", row.session_id), row.seen_at


# --- people --------------------------------------------------------------------------------------------------------


def get_worker(worker_id: UUID) -> Worker:
    """A worker by id; raises NoResultFound (404)."""
    return db.session.scalars(sa.select(Worker).where(Worker.id == worker_id)).one()


def find_worker(worker_id: UUID) -> Worker | None:
    """A worker by id, or None."""
    return db.session.get(Worker, worker_id)


def find_by_phone(phone: str) -> list[Worker]:
    """Everybody who uses this phone now, oldest record first; a shared phone gives several."""
    return list(
        db.session.scalars(
            sa.select(Worker)
            .join(WorkerPhone, WorkerPhone.worker_id == Worker.id)
            .where(WorkerPhone.phone_index == WorkerPhone.phone.lookup(phone), WorkerPhone.until.is_(None))
            .order_by(Worker.id)
        )
    )


def list_by_id_number(number: str, id_type: IdType | None = None) -> list[Worker]:
    """Whose document bears this number; documents of two types may share one."""
    kinds = [id_type] if id_type else list(IdType)  # the index begins with the type
    return list(
        db.session.scalars(
            sa.select(Worker)
            .where(Worker.id_type.in_(kinds), Worker.id_number_index == Worker.id_number.lookup(number))
            .order_by(Worker.id)
        )
    )


def find_by_id_number(number: str, id_type: IdType | None = None) -> Worker | None:
    """The one person with this document number; None if nobody, or if the number alone does not decide."""
    found = list_by_id_number(number, id_type)
    return found[0] if len(found) == 1 else None


def find_by_card(code: str) -> Worker | None:
    """Whose card this is, unless it was revoked."""
    return db.session.scalars(
        sa.select(Worker)
        .join(WorkerCard, WorkerCard.worker_id == Worker.id)
        .where(WorkerCard.code_index == WorkerCard.code.lookup(code), WorkerCard.revoked_at.is_(None))
    ).one_or_none()


def find_by_key(typed: str) -> Found:
    """What the desk's one field holds: card code, phone or ID number; whole and exact; full-width is forgiven."""
    key = re.sub(r"[\s\-]", "", tidy(typed) or "").upper()
    if not key or len(key) > KEY_LIMIT:
        return Found("none")
    if rules.is_card_code(key):
        worker = find_by_card(key)
        return Found("card", (worker,) if worker else ())
    if rules.is_phone(key):
        return Found("phone", tuple(find_by_phone(key)))
    if rules.is_id_number(key):
        return Found("id_number", tuple(list_by_id_number(key)))
    return Found("none")


# --- contacts ------------------------------------------------------------------------------------------------------

# A phone that answered with a code before one that somebody wrote down; then the newest.
_BEST_FIRST = (WorkerPhone.confirmed_at.is_(None), WorkerPhone.since.desc(), WorkerPhone.id.desc())


def current_phone(worker: Worker) -> WorkerPhone | None:
    """The phone to reach a worker by."""
    return db.session.scalars(
        sa.select(WorkerPhone)
        .where(WorkerPhone.worker_id == worker.id, WorkerPhone.until.is_(None))
        .order_by(*_BEST_FIRST)
        .limit(1)
    ).one_or_none()


def list_phones(worker_id: UUID) -> list[WorkerPhone]:
    """The phones a worker uses now, best first."""
    return list(
        db.session.scalars(
            sa.select(WorkerPhone).where(WorkerPhone.worker_id == worker_id, WorkerPhone.until.is_(None)).order_by(*_BEST_FIRST)
        )
    )


def find_phone(worker_id: UUID, phone: str) -> WorkerPhone | None:
    """This worker's open contact with this number."""
    return db.session.scalars(
        sa.select(WorkerPhone).where(
            WorkerPhone.worker_id == worker_id,
            WorkerPhone.phone_index == WorkerPhone.phone.lookup(phone),
            WorkerPhone.until.is_(None),
        )
    ).one_or_none()


def list_masked(workers: Iterable[Worker]) -> list[Masked]:
    """Several people as they are shown, in the given order; one read for all their phones."""
    workers = list(workers)
    phones: dict[UUID, WorkerPhone] = {}
    if workers:
        contacts = sa.select(WorkerPhone).where(
            WorkerPhone.worker_id.in_([worker.id for worker in workers]), WorkerPhone.until.is_(None)
        )
        for contact in db.session.scalars(contacts.order_by(*_BEST_FIRST)):
            phones.setdefault(contact.worker_id, contact)
    return [
        Masked(
            id=worker.id,
            name=rules.mask_name(worker.name),
            occupation=worker.occupation,
            phone=rules.mask_phone(phones[worker.id].phone) if worker.id in phones else "",
            initial=(worker.name or "")[:1],
        )
        for worker in workers
    ]


def masked(worker: Worker) -> Masked:
    """A person as they are shown."""
    return list_masked([worker])[0]


# --- cards, consents, codes ----------------------------------------------------------------------------------------


def find_card(worker_id: UUID) -> WorkerCard | None:
    """The card on a worker's phone, unless it was revoked."""
    return db.session.scalars(
        sa.select(WorkerCard).where(
            WorkerCard.worker_id == worker_id, WorkerCard.kind == CardKind.SCREEN, WorkerCard.revoked_at.is_(None)
        )
    ).one_or_none()


def list_consents(worker_id: UUID) -> dict[Purpose, Consent]:
    """The consents that hold now, by purpose."""
    open_now = sa.select(Consent).where(Consent.worker_id == worker_id, Consent.withdrawn_at.is_(None))
    return {consent.purpose: consent for consent in db.session.scalars(open_now.order_by(Consent.id))}


def has_consent(worker_id: UUID, purpose: Purpose) -> bool:
    """Whether a worker's consent for this purpose holds now."""
    return purpose in list_consents(worker_id)


def find_code(code_id: UUID) -> OneTimeCode | None:
    """A one-time code that was sent, by the reference a browser holds."""
    return db.session.get(OneTimeCode, code_id)
