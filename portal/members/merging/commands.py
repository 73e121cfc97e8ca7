"""Changes of merging: two records become one person, and again two; a pair is said to be two people.

A merge moves what leads to a person (phones, cards, consents, invitations, applications) to the record that stays. What is
history (visits, a membership with its number for life) keeps the record it was written under, and reads follow. Each
value that is moved or changed is written down with what it was before, so that undoing puts back exactly that.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from portal import audit, clock, sessions
from portal.access import By
from portal.db import db
from portal.members.joining import queries as joining
from portal.members.merging import queries, rules
from portal.members.merging.models import NotSamePeople, WorkerMerge
from portal.members.workers.models import CardKind, Consent, Purpose, Worker, WorkerCard, WorkerPhone
from portal.types import N_, Level, Problem, Refused, new_id, text

# Tables whose rows go with the person, and those that stay with the record they were written for; a test asks that every
# table that refers to a worker stands in one of the two.
FOLLOWS = ("worker_phones", "worker_cards", "consents", "invitations", "applications", "door_claims")
STAYS = {
    "visits": "append-only; reads follow the person",
    "recent_services": "what was given to one record today never makes a service to the other “repeated”",
    "recent_stays": "copied, so that nobody is counted as new a second time",
    "handout_gifts": "what was given to one record does not count against the other's limit; the visit is read with the person",
    "paper_rows": "a sheet stays as it was entered; the visit is read with the person",
    "bookings": "the place and the code were given to one record; reads and limits follow the person",
    "deliveries": "append-only; reads and limits follow the person",
    "delivery_disputes": "said of a delivery, which stays",
    "memberships": "the number never changes hands; reads follow the person",
    "workers": "merged_into_id itself",
    "worker_merges": "what this is about",
    "not_same_people": "reads follow the person",
}


class _Ledger:
    """What a merge changed, row by row: what it was, what it is now."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def set(self, name: str, which: sa.ColumnElement[bool], /, **values: Any) -> int:
        """Change these columns of these rows and write down what was there."""
        table = db.metadata.tables[name]
        columns = [table.c[column] for column in values]
        found = db.session.execute(sa.select(table.c.id, *columns).where(which).order_by(table.c.id).with_for_update()).all()
        for ident, *was in found:
            self.rows.append(
                {"table": name, "id": str(ident), "was": dict(zip(values, map(_plain, was), strict=True)),
                 "now": {column: _plain(value) for column, value in values.items()}}
            )  # fmt: skip
        if found:
            db.session.execute(sa.update(table).where(table.c.id.in_([row.id for row in found])).values(**values))
        return len(found)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, UUID) else value


def _read(column: sa.Column, value: Any) -> Any:
    kind = column.type.python_type
    if value is None:
        return None
    read = {bytes: bytes.fromhex, datetime: datetime.fromisoformat, date: date.fromisoformat, UUID: UUID}
    return read.get(kind, lambda same: same)(value)


def _lock(*ids: UUID) -> dict[UUID, Worker]:
    """All records of these people, locked until the end in a fixed order. One merge or undo at a time: they are rare, and only
    so it is certain that no further record comes to a person while theirs are locked."""
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("merge-workers"))))
    return joining.list_workers_locked({record for ident in ids for record in queries.workers.same_person(ident)})


def merge(
    *, survivor: Worker, merged: Worker, keep: dict[str, rules.Side], reason: str, union_id: UUID | None = None, by: By
) -> WorkerMerge:
    """Put two records of one person together; ``survivor`` stays and is found by every key of both.

    ``keep`` says of name, occupation and document whose value stays where they differ (the survivor's unless told).
    Sessions of the merged record end. Raises Refused, in words; of two merges at once the second is refused.
    """
    locked = _lock(survivor.id, merged.id)
    survivor, merged = locked[survivor.id], locked[merged.id]
    problems = [one for one in rules.problems_with_merging(queries.standing(survivor, merged)) if one.level is Level.RED]
    if problems:
        raise Refused(problems)
    db.session.flush()
    ledger = _Ledger()
    _move(ledger, survivor.id, merged.id)
    _choose(ledger, survivor, merged, keep)
    # Records that were merged into this one earlier now lead to the survivor in one step, too.
    ledger.set("workers", Worker.merged_into_id == merged.id, merged_into_id=survivor.id)
    ledger.set("workers", Worker.id == merged.id, merged_into_id=survivor.id)
    ledger.rows += _copy_stays(survivor.id, merged.id)
    sessions.close_all(By("worker", merged.id))
    row = WorkerMerge(
        id=new_id(), survivor_id=survivor.id, merged_id=merged.id, reason=reason, at=clock.now(),
        by_account_id=by.id if by.kind == "staff" else None,
    )  # fmt: skip
    row.changes = json.dumps(ledger.rows, ensure_ascii=False)
    db.session.add(row)
    audit.record("workers.merged", by=by, subject=row, union_id=union_id, reason=reason, stays=survivor.id, merged=merged.id)
    db.session.flush()
    db.session.expire_all()
    return row


def _move(ledger: _Ledger, to: UUID, source: UUID) -> None:
    """Bring what leads to the person over; what both have once stays once."""
    moment = clock.now()
    _join_phones(ledger, to, source, moment)
    own = sa.select(WorkerCard.id).where(
        WorkerCard.worker_id == to, WorkerCard.kind == CardKind.SCREEN, WorkerCard.revoked_at.is_(None)
    )
    if db.session.scalar(own):
        screen = sa.and_(WorkerCard.worker_id == source, WorkerCard.kind == CardKind.SCREEN, WorkerCard.revoked_at.is_(None))
        ledger.set("worker_cards", screen, revoked_at=moment)
    held = sa.select(Consent.purpose).where(Consent.worker_id == to, Consent.withdrawn_at.is_(None))
    doubled = sa.and_(Consent.withdrawn_at.is_(None), Consent.purpose.in_(list(db.session.scalars(held))))
    ledger.set("consents", sa.and_(Consent.worker_id == source, ~doubled), worker_id=to)
    for name in FOLLOWS:
        if name != "consents":
            ledger.set(name, db.metadata.tables[name].c.worker_id == source, worker_id=to)


def _join_phones(ledger: _Ledger, to: UUID, source: UUID, moment: datetime) -> None:
    """Where both use one phone now, the survivor's contact stays and knows what the other one knew."""
    open_now = WorkerPhone.until.is_(None)
    own = {
        one.phone_index: one for one in db.session.scalars(sa.select(WorkerPhone).where(WorkerPhone.worker_id == to, open_now))
    }
    for other in db.session.scalars(sa.select(WorkerPhone).where(WorkerPhone.worker_id == source, open_now)):
        if same := own.get(other.phone_index):
            seen = max(same.last_seen_at or same.since, other.last_seen_at or other.since)
            confirmed = min((at for at in (same.confirmed_at, other.confirmed_at) if at), default=None)
            ledger.set("worker_phones", WorkerPhone.id == same.id, last_seen_at=seen, confirmed_at=confirmed)
            ledger.set("worker_phones", WorkerPhone.id == other.id, until=max(moment, other.since))


def _choose(ledger: _Ledger, survivor: Worker, merged: Worker, keep: dict[str, rules.Side]) -> None:
    """The values that stay. What somebody refused stays refused, under whichever record they said it."""
    values: dict[str, Any] = {}
    if merged.name and (not survivor.name or keep.get("name") == "merged"):
        values["name"] = merged.name
    if keep.get("occupation") == "merged":
        values |= {"occupation": merged.occupation, "is_new_form_worker": merged.is_new_form_worker}
    if merged.industry and (not survivor.industry or "occupation" in values):
        values["industry"] = merged.industry
    values["is_migrant_worker"] = survivor.is_migrant_worker or merged.is_migrant_worker
    values["never_invite_at"] = min((at for at in (survivor.never_invite_at, merged.never_invite_at) if at), default=None)
    if merged.unrecorded_since and not survivor.unrecorded_since:
        values["unrecorded_since"] = merged.unrecorded_since
    unrecorded = values.get("unrecorded_since") or survivor.unrecorded_since
    for column, value in values.items():  # one by one: what is changed later does not hold back the others when it is undone
        if getattr(survivor, column) != value:
            ledger.set("workers", Worker.id == survivor.id, **{column: value})
    if birth := rules.birth_that_stays(survivor, merged, document=keep.get("document") == "merged"):
        ledger.set("workers", Worker.id == survivor.id, **birth)
    if unrecorded:
        of_record = Consent.purpose == Purpose.SERVICE_RECORD
        kept = sa.and_(Consent.worker_id == survivor.id, of_record, Consent.withdrawn_at.is_(None))
        ledger.set("consents", kept, withdrawn_at=clock.now())
    if merged.id_type and (not survivor.id_type or keep.get("document") == "merged"):
        _exchange_documents(ledger, survivor, merged)


def _exchange_documents(ledger: _Ledger, survivor: Worker, merged: Worker) -> None:
    """The merged record's document for the survivor and the survivor's, if there was one, for it: both still find them.

    A number is encrypted for its row, so it is encrypted anew; first both are cleared, because a document is unique.
    """
    new = {survivor.id: _document(survivor.id, merged), merged.id: _document(merged.id, survivor)}
    none = {"id_type": None, "id_number_cipher": None, "id_number_index": None}
    for ident in new:
        ledger.set("workers", Worker.id == ident, **none)
    for ident, values in new.items():
        ledger.set("workers", Worker.id == ident, **values)


def _document(ident: UUID, of: Worker) -> dict[str, Any]:
    paper = Worker(id=ident)  # never added: it only encrypts for this row
    paper.id_number = of.id_number
    return {"id_type": of.id_type, "id_number_cipher": paper.id_number_cipher, "id_number_index": paper.id_number_index}


# The survivor was served where the merged record was: nobody counts as new a second time. The copy lies in the past, so that
# the next service begins a stay of its own and the merged record's stay remains what it was.
_copied = sa.text(
    """
    INSERT INTO recent_stays (worker_id, station_id, visit_id, visit_at, last_at)
    SELECT :to, station_id, visit_id, visit_at, visit_at - interval '1 day' FROM recent_stays WHERE worker_id = :source
    ON CONFLICT DO NOTHING RETURNING station_id, visit_id
    """
)
_uncopy = sa.text(
    "DELETE FROM recent_stays WHERE worker_id = :to AND station_id = :station AND visit_id = :visit"
    " AND last_at = visit_at - interval '1 day'"
)


def _copy_stays(to: UUID, source: UUID) -> list[dict[str, Any]]:
    copied = db.session.execute(_copied, {"to": to, "source": source})
    return [{"stay": {"to": str(to), "station": str(row.station_id), "visit": str(row.visit_id)}} for row in copied]


def undo(*, merge: WorkerMerge, union_id: UUID | None = None, by: By) -> int:
    """Part two records again: every value as it was before. What happened since stays with the record that stayed.

    Answers how many rows were changed since by somebody and so were left as they are. Raises Refused, in words. Sessions
    of the person end: whoever was signed in says anew who they are.
    """
    _lock(merge.survivor_id, merge.merged_id)
    merge = db.session.get(WorkerMerge, merge.id, with_for_update=True, populate_existing=True)
    survivor = db.session.get(Worker, merge.survivor_id)
    if problems := rules.problems_with_undoing(undone=bool(merge.undone_at), survivor_merged=bool(survivor.merged_into_id)):
        raise Refused(problems)
    db.session.flush()
    left = sum(not _put_back(row) for row in reversed(json.loads(merge.changes)))
    sessions.close_all(By("worker", merge.survivor_id))
    db.session.expire_all()
    merge.undone_at = max(clock.now(), merge.at)
    merge.undone_by_account_id = by.id if by.kind == "staff" else None
    audit.record("workers.parted", by=by, subject=merge, union_id=union_id, stays=merge.survivor_id, merged=merge.merged_id,
                 left=left)  # fmt: skip
    db.session.flush()
    return left


def _put_back(row: dict[str, Any]) -> bool:
    """One row as it was, if it still is as the merge left it."""
    if stay := row.get("stay"):
        return bool(db.session.execute(_uncopy, {name: UUID(ident) for name, ident in stay.items()}).rowcount)
    table = db.metadata.tables[row["table"]]
    unchanged = [table.c[name].is_not_distinct_from(_read(table.c[name], value)) for name, value in row["now"].items()]
    before = {name: _read(table.c[name], value) for name, value in row["was"].items()}
    put = sa.update(table).where(table.c.id == UUID(row["id"]), *unchanged).values(**before)
    return bool(db.session.execute(put).rowcount)


# --- two people ----------------------------------------------------------------------------------------------------


def say_apart(*, one: Worker, other: Worker, union_id: UUID | None = None, by: By) -> None:
    """These are two people: the pair is never offered again. Said twice it stays the first."""
    if one.id == other.id:
        raise Refused([Problem("same_record", text(N_("This is one record already.")))])
    a, b = rules.ordered(one.id, other.id)
    if db.session.get(NotSamePeople, (a, b)):
        return
    row = NotSamePeople(a_id=a, b_id=b, at=clock.now(), by_account_id=by.id if by.kind == "staff" else None)
    db.session.add(row)
    db.session.flush()
    audit.record("workers.said_apart", by=by, subject=("workers", a), union_id=union_id, other=b)


def take_back_apart(*, one: Worker, other: Worker, union_id: UUID | None = None, by: By) -> None:
    """It was said by mistake that these are two people: under whichever of their records."""
    firsts, seconds = (queries.workers.same_person(person.id) for person in (one, other))
    gone = db.session.execute(
        sa.delete(NotSamePeople).where(
            sa.or_(
                sa.and_(NotSamePeople.a_id.in_(firsts), NotSamePeople.b_id.in_(seconds)),
                sa.and_(NotSamePeople.a_id.in_(seconds), NotSamePeople.b_id.in_(firsts)),
            )
        )
    ).rowcount
    if gone:
        a, b = rules.ordered(one.id, other.id)
        audit.record("workers.apart_taken_back", by=by, subject=("workers", a), union_id=union_id, other=b)
