"""Reads about workers: the actor behind a session, exact look-ups, contacts, cards, consents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal import clock, crypto
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
    """What one exact key found: what it was taken for, and whose it is (a shared phone finds several).

    ``doubts`` are those whose phone has been silent so long that it may be somebody else's by now: nothing of theirs may
    show, not even the name, until `commands.confirm_contact` says it is them. ``card_kind`` says which kind of card it
    was, so that a service of value may ask for the one whose code changes.
    """

    kind: Literal["card", "phone", "id_number", "none"]
    workers: tuple[Worker, ...] = ()
    doubts: frozenset[UUID] = frozenset()
    card_kind: CardKind | None = None


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


# The record a key belongs to may have been merged into another one: `_Record` is what the key stands on, `Worker` whose it is.
_Record = aliased(Worker)
_SURVIVOR = Worker.id == sa.func.coalesce(_Record.merged_into_id, _Record.id)


def get_worker(worker_id: UUID) -> Worker:
    """A worker by id, of a merged record its survivor; raises NoResultFound (404)."""
    return db.session.scalars(sa.select(Worker).join(_Record, _SURVIVOR).where(_Record.id == worker_id)).one()


def find_worker(worker_id: UUID) -> Worker | None:
    """A worker by id, of a merged record its survivor, or None."""
    worker = db.session.get(Worker, worker_id)
    return db.session.get(Worker, worker.merged_into_id) if worker and worker.merged_into_id else worker


_same_person = sa.text(
    """
    WITH head AS (SELECT coalesce(merged_into_id, id) AS id FROM workers WHERE id = :worker)
    SELECT id FROM head UNION ALL SELECT w.id FROM workers w, head WHERE w.merged_into_id = head.id
    """
)


def same_person(worker_id: UUID) -> list[UUID]:
    """All records of one person, the survivor first: what happened under any of them happened to this person."""
    return list(db.session.scalars(_same_person, {"worker": worker_id}))


def _contacts(phone: str) -> list[tuple[Worker, datetime]]:
    """Everybody who uses this phone now, with when it last led to them; oldest record first, each once."""
    rows = db.session.execute(
        sa.select(Worker, sa.func.coalesce(WorkerPhone.last_seen_at, WorkerPhone.since))
        .join(_Record, _SURVIVOR)
        .join(WorkerPhone, WorkerPhone.worker_id == _Record.id)
        .where(WorkerPhone.phone_index == WorkerPhone.phone.lookup(phone), WorkerPhone.until.is_(None))
        .order_by(Worker.id)
    )
    seen: dict[UUID, tuple[Worker, datetime]] = {}
    for worker, at in rows:
        seen[worker.id] = (worker, max(at, seen[worker.id][1]) if worker.id in seen else at)
    return list(seen.values())


def find_by_phone(phone: str) -> list[Worker]:
    """Everybody who uses this phone now, oldest record first; a shared phone gives several."""
    return [worker for worker, _at in _contacts(phone)]


def find_on_phone(phone: str) -> Found:
    """The same, saying whose contact has been silent too long."""
    found, now = _contacts(phone), clock.now()
    doubts = frozenset(worker.id for worker, at in found if rules.is_silent(at, now))
    return Found("phone", tuple(worker for worker, _at in found), doubts)


def asked_for(worker: Worker) -> Literal["id_tail", "occupation", "nothing"]:
    """What somebody on a silent number says besides the surname; without a name on record nothing can settle it."""
    if not worker.name:
        return "nothing"
    return "id_tail" if worker.id_type else "occupation"


def list_by_id_number(number: str, id_type: IdType | None = None) -> list[Worker]:
    """Whose document bears this number; documents of two types may share one."""
    kinds = [id_type] if id_type else list(IdType)  # the index begins with the type
    return _each_once(
        db.session.scalars(
            sa.select(Worker)
            .join(_Record, _SURVIVOR)
            .where(_Record.id_type.in_(kinds), _Record.id_number_index == Worker.id_number.lookup(number))
            .order_by(Worker.id)
        )
    )


def _each_once(workers: Iterable[Worker]) -> list[Worker]:
    return list({worker.id: worker for worker in workers}.values())


def find_by_id_number(number: str, id_type: IdType | None = None) -> Worker | None:
    """The one person with this document number; None if nobody, or if the number alone does not decide."""
    found = list_by_id_number(number, id_type)
    return found[0] if len(found) == 1 else None


def _card_and_worker(code: str, at: datetime | None) -> tuple[WorkerCard, Worker] | None:
    plain = code.strip().upper()
    if not rules.is_card_code(plain):
        return None
    windows = rules.good_windows(at, clock.now())
    rotating = plain.startswith("R")
    if not windows or (rotating and not rules.is_screen_code_of(crypto.ring(), plain, windows)):
        return None
    key = WorkerCard.handle == plain[1 : 1 + rules.HANDLE]
    key = key if rotating else WorkerCard.code_index == WorkerCard.code.lookup(plain)
    holds = WorkerCard.revoked_at.is_(None)
    if at is not None:  # what was given before it was lost was given
        holds |= WorkerCard.revoked_at > at
    row = db.session.execute(
        sa.select(WorkerCard, Worker).join(_Record, _Record.id == WorkerCard.worker_id).join(Worker, _SURVIVOR).where(key, holds)
    ).one_or_none()
    return tuple(row) if row else None


def find_by_card(code: str, at: datetime | None = None) -> Worker | None:
    """Whose card this is, unless it was revoked; a screen's code counts in its half hour and the next.

    ``at`` is the device's time of a scan without network, 48 hours old at the most.
    """
    found = _card_and_worker(code, at)
    return found[1] if found else None


def find_by_key(typed: str, at: datetime | None = None) -> Found:
    """What the desk's one field holds: card code, phone or ID number; whole and exact; full-width is forgiven.

    ``at`` as in `find_by_card`.
    """
    key = re.sub(r"[\s\-]", "", tidy(typed) or "").upper()
    if not key or len(key) > KEY_LIMIT:
        return Found("none")
    if rules.is_card_code(key):
        found = _card_and_worker(key, at)
        return Found("card", (found[1],), card_kind=found[0].kind) if found else Found("card")
    if rules.is_phone(key):
        return find_on_phone(key)
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


def list_cards(worker_id: UUID, limit: int = 20) -> list[WorkerCard]:
    """A person's cards, newest first, revoked ones too."""
    return list(
        db.session.scalars(
            sa.select(WorkerCard)
            .where(WorkerCard.worker_id == worker_id)
            .order_by(WorkerCard.issued_at.desc(), WorkerCard.id.desc())
            .limit(limit)
        )
    )


def list_issued(account_id: UUID, since: datetime, limit: int = 100) -> list[tuple[WorkerCard, Masked]]:
    """The printed cards an account issued since then that still hold, newest first, each with whose it is."""
    rows = db.session.execute(
        sa.select(WorkerCard, Worker)
        .join(Worker, Worker.id == WorkerCard.worker_id)
        .where(
            WorkerCard.issued_by_account_id == account_id,
            WorkerCard.issued_at >= since,
            WorkerCard.kind == CardKind.PRINTED,
            WorkerCard.revoked_at.is_(None),
        )
        .order_by(WorkerCard.issued_at.desc(), WorkerCard.id.desc())
        .limit(limit)
    ).all()
    shown = {one.id: one for one in list_masked(_each_once(worker for _card, worker in rows))}
    return [(card, shown[worker.id]) for card, worker in rows]


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
