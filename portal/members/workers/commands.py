"""Changes to workers: registering with the least that is needed, phones, cards, consents, one-time codes."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from portal import audit, clock, crypto, outbox, throttle
from portal.access import By
from portal.db import db, note, one_statement
from portal.i18n import in_language
from portal.members.workers import queries
from portal.members.workers.models import CardKind, Consent, OneTimeCode, Purpose, Worker, WorkerCard, WorkerPhone
from portal.members.workers.rules import (
    CARD_ALPHABET,
    CODE_LIFE,
    CODE_PAUSE,
    CODE_TRIES,
    HANDLE,
    SILENT_AFTER,
    is_surname_of,
    is_tail_of,
    mask_name,
    mask_phone,
    normal_code,
    normal_phone,
    problems_with_birth,
)
from portal.types import N_, Problem, Refused, new_id, text
from portal.vocabulary import NEW_FORM_OCCUPATIONS, Occupation


def _lock_phone(index: bytes) -> None:
    """Make whoever else writes about this phone wait until this transaction ends; no row need exist yet."""
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(int.from_bytes(index[:8], "big", signed=True))))


def register_worker(
    *, occupation: Occupation, phone: str | None = None, name: str | None = None, another: bool = False, by: By
) -> Worker:
    """Make a person known with the least that is needed; a phone that exactly one person uses finds that person.

    ``another`` says that somebody else shares this phone. A name that differs from the owner's says the same.
    """
    if phone:
        _lock_phone(WorkerPhone.phone.lookup(phone))
        if not another and (owner := _owner(phone, name)):
            if name and not owner.name:
                owner.name = name
                audit.record("worker.named", by=by, subject=owner, name=mask_name(name))
            return owner
    worker = Worker(
        id=new_id(), name=name, occupation=occupation, is_new_form_worker=occupation in NEW_FORM_OCCUPATIONS,
        created_at=clock.now(),
    )  # fmt: skip
    db.session.add(worker)
    db.session.flush()
    audit.record("worker.registered", by=by, subject=worker, occupation=occupation.value, name=mask_name(name))
    if phone:
        add_phone(worker=worker, phone=phone, by=by)
    return worker


def _owner(phone: str, name: str | None) -> Worker | None:
    """The one person this phone (and name, if both are known) stands for."""
    found = queries.find_on_phone(phone)
    # A number that was silent for long may be somebody else's by now: who comes with it is new until they confirm it.
    owners = [owner for owner in found.workers if owner.id not in found.doubts]
    if name:
        named = [owner for owner in owners if owner.name == name]
        if len(named) == 1:
            return named[0]
        owners = [owner for owner in owners if not owner.name] if len(owners) == 1 else []
    return owners[0] if len(owners) == 1 else None


def add_phone(*, worker: Worker, phone: str, by: By, confirmed_at: datetime | None = None) -> WorkerPhone:
    """Write down that a worker uses a phone from now on; the same open phone twice is one contact."""
    _lock_phone(WorkerPhone.phone.lookup(phone))
    contact = queries.find_phone(worker.id, phone)
    if contact:
        contact.last_seen_at = clock.now()
        if confirmed_at:
            confirm_phone(contact=contact, by=by)
        return contact
    contact = WorkerPhone(
        id=new_id(), worker_id=worker.id, tail_index=WorkerPhone.tail_lookup(phone), since=clock.now(),
        confirmed_at=confirmed_at, last_seen_at=clock.now(),
    )  # fmt: skip
    contact.phone = normal_phone(phone)
    db.session.add(contact)
    db.session.flush()
    audit.record("worker.phone_added", by=by, subject=worker, phone=mask_phone(phone), confirmed=bool(confirmed_at))
    return contact


def confirm_phone(*, contact: WorkerPhone, by: By) -> WorkerPhone:
    """Write down that this phone answered with its code; the first time counts."""
    if contact.confirmed_at is None:
        contact.confirmed_at = clock.now()
        db.session.flush()
        audit.record("worker.phone_confirmed", by=by, subject=contact, phone=mask_phone(contact.phone))
    return contact


SEEN_EVERY = timedelta(days=1)


def note_phone_seen(*, worker: Worker, phone: str, by: By) -> None:
    """Write down that this phone led to its person at a desk, once a day at the most; a silent contact stays silent.

    In its own short transaction (see `db.note`), because looking somebody up writes nothing else.
    """
    moment, held = clock.now(), sa.func.coalesce(WorkerPhone.last_seen_at, WorkerPhone.since)
    note(
        sa.update(WorkerPhone)
        .where(
            WorkerPhone.worker_id == worker.id,
            WorkerPhone.phone_index == WorkerPhone.phone.lookup(phone),
            WorkerPhone.until.is_(None),
            held < moment - SEEN_EVERY,
            held >= moment - SILENT_AFTER,
        )
        .values(last_seen_at=moment)
    )


TRIES_A_DAY = 8  # a family name and an occupation can be guessed by who has time

_NEW_PERSON = text(N_("Treat them as somebody new: the phone gets a second person, and nothing of the first one shows."))


def confirm_contact(
    *, worker: Worker, phone: str, surname: str | None, id_tail: str | None = None, occupation: Occupation | None = None, by: By
) -> WorkerPhone:
    """Somebody on a number that was silent for long is still the same person: surname and the last four of the document.

    Where no document is on record, surname and occupation. Five tries a quarter of an hour and eight a day, whoever tries.
    Raises Refused, in words; the caller rolls back, the try stays counted.
    """
    contact = queries.find_phone(worker.id, phone)
    if contact is None:
        raise Refused([Problem("no_contact", text(N_("This phone is not with this person any more.")))])
    subject = str(contact.id)
    day = {"window": timedelta(days=1), "pair_limit": TRIES_A_DAY, "client_limit": TRIES_A_DAY}
    if throttle.wait("contact", subject, subject) or throttle.wait("contact", subject, subject, **day):
        raise Refused(
            [Problem("too_often", text(N_("There were too many tries.")), field="surname"), Problem("new", _NEW_PERSON)]
        )
    asked = queries.asked_for(worker)
    fits = is_surname_of(surname, worker.name)
    if asked == "id_tail":
        fits = is_tail_of(id_tail, worker.id_number) and fits
    else:
        fits = asked == "occupation" and occupation is worker.occupation and fits
    throttle.write_down("contact", subject, subject, failed=not fits)
    if not fits:
        says = text(N_("This does not fit what is on record."))
        raise Refused([Problem("no_match", says, field="surname"), Problem("new", _NEW_PERSON)])
    contact.last_seen_at = clock.now()
    db.session.flush()
    audit.record("worker.contact_confirmed", by=by, subject=worker, phone=mask_phone(contact.phone), asked=asked)
    return contact


def detach_phone(*, worker: Worker, phone: str, reason: str = "not this person", by: By) -> bool:
    """This phone is not this person's any more; their history stays with them. False if it was not theirs before."""
    _lock_phone(WorkerPhone.phone.lookup(phone))
    contact = queries.find_phone(worker.id, phone)
    if contact is None:
        return False
    contact.until = max(clock.now(), contact.since)
    db.session.flush()
    audit.record("worker.phone_detached", by=by, subject=worker, phone=mask_phone(contact.phone), reason=reason)
    return True


# --- cards ---------------------------------------------------------------------------------------------------------


def _signs(count: int) -> str:
    return "".join(secrets.choice(CARD_ALPHABET) for _ in range(count))


def _revoke(by: By, *which: sa.ColumnElement[bool]) -> int:
    gone = db.session.scalars(
        sa.update(WorkerCard)
        .where(WorkerCard.revoked_at.is_(None), *which)
        .values(revoked_at=sa.func.greatest(clock.now(), WorkerCard.issued_at))
        .returning(WorkerCard)
        .execution_options(populate_existing=True)
    ).all()
    for card in gone:
        audit.record("worker.card_revoked", by=by, subject=card, kind=card.kind.value)
    return len(gone)


def issue_card(*, worker: Worker, by: By) -> WorkerCard:
    """A fresh card on the worker's phone; the one before is revoked and finds nobody any more."""
    db.session.execute(sa.select(Worker.id).where(Worker.id == worker.id).with_for_update())
    revoked = _revoke(by, WorkerCard.worker_id == worker.id, WorkerCard.kind == CardKind.SCREEN)
    handle = _signs(HANDLE)
    while db.session.scalar(sa.select(sa.exists().where(WorkerCard.handle == handle))):
        handle = _signs(HANDLE)
    card = WorkerCard(id=new_id(), worker_id=worker.id, kind=CardKind.SCREEN, handle=handle, issued_at=clock.now())
    db.session.add(card)
    db.session.flush()
    audit.record("worker.card_issued", by=by, subject=card, replaced=bool(revoked))
    return card


def ensure_card(*, worker: Worker, by: By) -> WorkerCard:
    """The worker's card, issued if there is none; two at once get the same one."""
    db.session.execute(sa.select(Worker.id).where(Worker.id == worker.id).with_for_update())
    return queries.find_card(worker.id) or issue_card(worker=worker, by=by)


def issue_printed_card(*, worker: Worker, replace: bool = False, by: By) -> WorkerCard:
    """A card or sticker on paper, for who has no signal; good until it is revoked. ``replace`` revokes those before."""
    db.session.execute(sa.select(Worker.id).where(Worker.id == worker.id).with_for_update())
    revoked = revoke_printed(worker=worker, by=by) if replace else 0
    card = WorkerCard(
        id=new_id(), worker_id=worker.id, kind=CardKind.PRINTED, issued_at=clock.now(),
        issued_by_account_id=by.id if by.kind == "staff" else None,
    )  # fmt: skip
    card.code = "W" + _signs(20)  # a hundred bits
    db.session.add(card)
    db.session.flush()
    audit.record("worker.card_issued", by=by, subject=card, kind=card.kind.value, replaced=bool(revoked))
    return card


def revoke_printed(*, worker: Worker, by: By) -> int:
    """All printed cards of a person find nobody from now on: one was lost. Answers how many."""
    return _revoke(by, WorkerCard.worker_id == worker.id, WorkerCard.kind == CardKind.PRINTED)


def revoke_card(*, worker: Worker, card_id: UUID, by: By) -> bool:
    """One card of this person finds nobody from now on; False if it is not theirs or found nobody before."""
    return bool(_revoke(by, WorkerCard.worker_id == worker.id, WorkerCard.id == card_id))


def give_consent(*, worker: Worker, purpose: Purpose, notice_version: str, channel: str, by: By) -> None:
    """Write down a consent with the version of the notice that was shown; given twice it stays the first."""
    added = db.session.execute(
        insert(Consent)
        .values(id=new_id(), worker_id=worker.id, purpose=purpose, notice_version=notice_version, channel=channel,
                given_at=clock.now())
        .on_conflict_do_nothing(index_elements=["worker_id", "purpose"], index_where=Consent.withdrawn_at.is_(None))
        .returning(Consent.id)
    ).scalar_one_or_none()  # fmt: skip
    if added:
        if purpose is Purpose.SERVICE_RECORD:
            worker.unrecorded_since = None
        audit.record("worker.consent_given", by=by, subject=worker, purpose=purpose.value, notice=notice_version, channel=channel)


def withdraw_consent(*, worker: Worker, purpose: Purpose, by: By) -> None:
    """End a consent from now on; what was done before stays lawful."""
    ended = db.session.execute(
        sa.update(Consent)
        .where(Consent.worker_id == worker.id, Consent.purpose == purpose, Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=sa.func.greatest(clock.now(), Consent.given_at))
    ).rowcount
    if ended:
        if purpose is Purpose.SERVICE_RECORD:
            worker.unrecorded_since = clock.now()
        audit.record("worker.consent_withdrawn", by=by, subject=worker, purpose=purpose.value)


def state_person(*, worker: Worker, sex: str | None = None, born_on: date | None = None, by: By) -> None:
    """Write down the sex and birth date somebody states; what is left out stays, what a document says is kept. Raises Refused."""
    worker = db.session.get(Worker, worker.merged_into_id or worker.id, with_for_update=True, populate_existing=True)
    if worker.born_from_document:
        says = text(N_("Birth date and sex are known from an identity document; ask at a station if they are wrong."))
        raise Refused([Problem("from_document", says)])
    if born_on and (problems := problems_with_birth(born_on, today=clock.today())):
        raise Refused(problems)
    worker.sex, worker.born_on = sex or worker.sex, born_on or worker.born_on
    db.session.flush()
    audit.record("worker.stated", by=by, subject=worker, sex=bool(sex), born_on=bool(born_on))


def never_invite(*, worker: Worker, by: By) -> None:
    """The worker wants no invitation any more, at any station."""
    if worker.never_invite_at is None:
        worker.never_invite_at = clock.now()
        db.session.flush()
        audit.record("worker.never_invite", by=by, subject=worker)


# --- one-time codes ------------------------------------------------------------------------------------------------


class Wait(Exception):
    """Too many tries, or too soon: ``time`` says how long to wait."""

    def __init__(self, time: timedelta) -> None:
        super().__init__("wait")
        self.time = time


def send_code(*, phone: str, purpose: str, language: str, client: str, by: By) -> OneTimeCode:
    """Send a six-digit code to a phone, known or not; a code of the last minute that still lives is answered again.

    The answer is a reference to keep; the digits go to the outbox only. Raises Wait.
    """
    index = OneTimeCode.phone.lookup(phone)
    if left := throttle.wait("code-request", index.hex(), client):
        raise Wait(left)
    _lock_phone(index)
    moment = clock.now()
    last = db.session.scalars(
        sa.select(OneTimeCode)
        .where(OneTimeCode.phone_index == index, OneTimeCode.created_at > moment - CODE_PAUSE)
        .order_by(OneTimeCode.created_at.desc())
        .limit(1)
    ).one_or_none()
    if last and last.purpose == purpose and last.used_at is None and last.tries < CODE_TRIES:
        return last
    if last:
        raise Wait(last.created_at + CODE_PAUSE - moment)
    throttle.write_down("code-request", index.hex(), client, failed=True)  # each request counts
    digits = f"{secrets.randbelow(10**6):06d}"
    code = OneTimeCode(id=new_id(), purpose=purpose, tries=0, created_at=moment, expires_at=moment + CODE_LIFE)
    code.phone = normal_phone(phone)
    code.code_digest = _code_digest(code.id, digits)
    db.session.add(code)
    audit.record("code.sent", by=by, subject=code, purpose=purpose, phone=mask_phone(code.phone))
    says = text(N_("%(code)s is your code, good for 5 minutes. Nobody from the union will ask you for it."), code=digits)
    outbox.post("code", to=code.phone, body=in_language(language, says))
    return code


def _code_digest(code_id: UUID, digits: str) -> bytes:
    return crypto.ring().digest("one-time-code", f"{code_id}:{digits}")


# The try is counted in a transaction of its own before the digits are looked at: a refused request rolls back, and of
# a hundred guesses at once only five are looked at.
_try = sa.text(
    """
    UPDATE one_time_codes SET tries = tries + 1
    WHERE id = :id AND purpose = :purpose AND tries < :limit AND used_at IS NULL AND expires_at > :now
    RETURNING phone_index
    """
)


def use_code(*, code_id: UUID, purpose: str, digits: str | None, client: str, by: By) -> OneTimeCode | None:
    """The code, now used up, if these are its digits; otherwise None and one try fewer. Raises Wait.

    Of two at once exactly one gets it: the row is changed only where it is still unused.
    """
    moment = clock.now()
    subject = str(code_id)
    known = queries.find_code(code_id)
    if known:
        subject = known.phone_index.hex()
    if left := throttle.wait("code-use", subject, client):
        raise Wait(left)
    typed = normal_code(digits)
    used = None
    counted = {"id": code_id, "purpose": purpose, "limit": CODE_TRIES, "now": moment}
    if typed and one_statement(_try, counted, retry=False):
        used = db.session.execute(
            sa.update(OneTimeCode)
            .where(
                OneTimeCode.id == code_id,
                OneTimeCode.used_at.is_(None),
                OneTimeCode.code_digest == _code_digest(code_id, typed),
            )
            .values(used_at=moment)
            .returning(OneTimeCode.id)
        ).scalar_one_or_none()
    throttle.write_down("code-use", subject, client, failed=used is None)
    if used is None:
        return None
    code = db.session.get(OneTimeCode, used, populate_existing=True)
    audit.record("code.used", by=by, subject=code, purpose=purpose, phone=mask_phone(code.phone))
    return code


def _finish_code(*, code_id: UUID) -> bool:
    """Take a used code away, so that what it proved can be built on once only; False if somebody did already."""
    gone = sa.delete(OneTimeCode).where(OneTimeCode.id == code_id, OneTimeCode.used_at.is_not(None))
    return bool(db.session.execute(gone.execution_options(synchronize_session=False)).rowcount)


def enter(
    *, code: OneTimeCode, worker: Worker | None, phone: str, occupation: Occupation | None, notice_version: str, by: By
) -> Worker | None:
    """Who signs in with a used code: the given worker, or somebody new who shares the phone with whoever has it.

    None if the code was built on before. Somebody new consents to the record with the notice before their eyes.
    """
    if not _finish_code(code_id=code.id):
        return None
    if worker is None:
        found = queries.find_on_phone(phone)
        worker = register_worker(occupation=occupation, phone=phone, another=bool(found.workers), by=by)
        for silent in (one for one in found.workers if one.id in found.doubts):
            # The number was given to somebody else: it leads to the one before no more.
            detach_phone(worker=silent, phone=phone, reason="answered by somebody else", by=By("worker", worker.id))
        give_consent(worker=worker, purpose=Purpose.SERVICE_RECORD, notice_version=notice_version, channel="sign-in",
                     by=By("worker", worker.id))  # fmt: skip
    by = By("worker", worker.id)  # from here on the worker acts
    add_phone(worker=worker, phone=phone, confirmed_at=clock.now(), by=by)
    ensure_card(worker=worker, by=by)
    audit.record("worker.signed_in", by=by, subject=worker)
    return worker
