"""The audit trail: append-only rows written with their cause, sealed later in a keyed hash chain by the worker.

Rows are inserted unsealed so that no writer waits for another; a trigger puts each on the list of those that wait.
The worker alone seals, in batches, only rows older than every open transaction, in `audit_seals`; the database refuses
UPDATE, DELETE and TRUNCATE on entries and seals. Each sealed head is also appended to `instance/audit-heads.jsonl`, so
that a truncated tail is missed. Values are masked before they come here: never a whole phone or ID number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal import clock, crypto
from portal.access import By
from portal.db import db, note

GENESIS = bytes(32)
PURPOSE = "audit-chain"


class AuditEntry(db.Model):
    """One thing that somebody did: who, when, to what, from what to what."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        sa.Index("ix_audit_entries_union_id_id", "union_id", "id"),
        sa.Index("ix_audit_entries_at", "at", "id"),
        sa.Index("ix_audit_entries_subject", "subject_table", "subject_id", "id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    action: Mapped[str]
    subject_table: Mapped[str]
    subject_id: Mapped[str]
    union_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    transaction: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("txid_current()"))


class AuditSeal(db.Model):
    """The link that seals one entry: its place in the order and the chained digest."""

    __tablename__ = "audit_seals"

    place: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(sa.ForeignKey("audit_entries.id"), unique=True)
    digest: Mapped[bytes]
    sealed_at: Mapped[datetime]


class AuditWaiting(db.Model):
    """An entry that is not sealed yet: finding them must not cost more as the trail grows."""

    __tablename__ = "audit_waiting"

    entry_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)


def entry(
    action: str, *, by: By, subject: Any, union_id: UUID | None = None, details: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The values of one entry; ``subject`` is a row, or a (table, id) pair where no row was read."""
    table, ident = subject if isinstance(subject, tuple) else (subject.__tablename__, subject.id)
    return {
        "at": clock.now(),
        "actor_kind": by.kind,
        "actor_id": by.id,
        "action": action,
        "subject_table": table,
        "subject_id": str(ident),
        "union_id": union_id,
        "details": json.loads(json.dumps(details or {}, default=str, ensure_ascii=False)),
    }


def record(action: str, *, by: By, subject: Any, union_id: UUID | None = None, **details: Any) -> None:
    """Write one entry in the caller's transaction. ``subject`` is a row; ``details`` hold masked, plain values.

    A detail of two values in a list reads as “from → to”.
    """
    if not isinstance(subject, tuple) and subject.id is None:
        db.session.flush()  # a key with a default exists from the flush on
    db.session.add(AuditEntry(**entry(action, by=by, subject=subject, union_id=union_id, details=details)))


def record_refusal(action: str, *, by: By, subject: Any, union_id: UUID | None = None, **details: Any) -> None:
    """Write one entry that must stay although the request is rolled back, in its own short transaction."""
    note(sa.insert(AuditEntry), entry(action, by=by, subject=subject, union_id=union_id, details=details))


def canonical(row: Any) -> bytes:
    """The bytes a seal covers: every column of an entry in a fixed form."""
    return json.dumps(
        [
            row.id,
            row.at.astimezone(UTC).isoformat(timespec="microseconds"),
            row.actor_kind,
            str(row.actor_id or ""),
            row.action,
            row.subject_table,
            row.subject_id,
            str(row.union_id or ""),
            row.details,
            row.transaction,
        ],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    ).encode()


def link(previous: bytes, place: int, row: Any) -> bytes:
    """The digest that follows ``previous`` when ``row`` stands at ``place``."""
    return crypto.ring().digest(PURPOSE, previous + place.to_bytes(8, "big") + canonical(row))


def seal(limit: int = 1000) -> int:
    """Seal up to ``limit`` entries that no open transaction can precede; returns how many. Flushes, never commits.

    One sealer at a time: an advisory lock held until the transaction ends; a second one returns 0.
    """
    if not db.session.scalar(sa.text("SELECT pg_try_advisory_xact_lock(hashtext('audit-seal'))")):
        return 0
    last = last_seal()
    place, digest = (last.place, last.digest) if last else (0, GENESIS)
    moment, seals = clock.now(), []
    oldest_open = db.session.scalar(_oldest_open)
    for row in db.session.execute(_settled.limit(limit), {"oldest_open": oldest_open}).all():
        place += 1
        digest = link(digest, place, row)
        seals.append({"place": place, "entry_id": row.id, "digest": digest, "sealed_at": moment})
    if seals:
        db.session.execute(sa.insert(AuditSeal), seals)
        sealed = [seal["entry_id"] for seal in seals]
        db.session.execute(sa.delete(AuditWaiting).where(AuditWaiting.entry_id.in_(sealed)))
    return len(seals)


# The oldest transaction of this database that may still write; asked before the entries are read, so that whatever
# ended in between is seen. The snapshot's own xmin would do, were it not for other databases on the same server.
_oldest_open = sa.text(
    """
    WITH here AS (SELECT txid_snapshot_xmax(txid_current_snapshot()) AS next),
    open AS (
        SELECT backend_xid AS xid FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL
        UNION ALL SELECT transaction FROM pg_prepared_xacts WHERE database = current_database())
    SELECT least(next, (SELECT min(next - (next - xid::text::bigint) % 4294967296) FROM open)) FROM here
    """
)

# Entries of transactions that are over, so that nothing can still come before them. A number that was not given out yet
# is from before a restore into another cluster, where the count began anew: that transaction is over, too.
_settled = (
    sa.select(*AuditEntry.__table__.c)
    .join(AuditWaiting, AuditWaiting.entry_id == AuditEntry.id)
    .where(
        (AuditEntry.transaction < sa.bindparam("oldest_open"))
        | (AuditEntry.transaction >= sa.text("txid_snapshot_xmax(txid_current_snapshot())"))
    )
    .order_by(AuditEntry.id)
)


def last_seal() -> AuditSeal | None:
    """The newest seal, or None while nothing is sealed."""
    return db.session.scalars(sa.select(AuditSeal).order_by(AuditSeal.place.desc()).limit(1)).one_or_none()


def count_waiting() -> int:
    """How many entries wait to be sealed: a short list, whatever the trail's length."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(AuditWaiting))


def write_head(folder: Path) -> None:
    """Append the newest seal to ``audit-heads.jsonl``: what verify holds a truncated table against.

    Call it after the sealing was committed; a head that was written down and then rolled back would be a false alarm.
    """
    last = last_seal()
    if not last:
        return
    head = {"place": last.place, "digest": last.digest.hex(), "at": clock.now().isoformat()}
    with (folder / "audit-heads.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(head) + "\n")


def heads(folder: Path) -> Iterator[tuple[int, bytes]]:
    """The (place, digest) pairs written down so far; a half-written last line is passed over."""
    path = folder / "audit-heads.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            head = json.loads(line)
            yield head["place"], bytes.fromhex(head["digest"])
        except (ValueError, KeyError):
            continue


@dataclass(frozen=True)
class Verdict:
    """What verify found: how many entries are sealed, how many wait, and the first thing that is wrong, in words."""

    sealed: int
    unsealed: int
    broken: str | None = None


def verify(folder: Path | None = None) -> Verdict:
    """Walk the chain from the beginning; finds a changed, deleted, reordered, inserted or truncated entry."""
    joined = (
        sa.select(AuditSeal.place, AuditSeal.digest, AuditSeal.entry_id.label("sealed_id"), AuditEntry.__table__)
        .join_from(AuditSeal, AuditEntry, AuditEntry.id == AuditSeal.entry_id, isouter=True)
        .order_by(AuditSeal.place)
        .execution_options(yield_per=1000)
    )
    known = dict(heads(folder)) if folder else {}
    digest, count, broken = GENESIS, 0, None
    for row in db.session.execute(joined):
        count += 1
        if row.place != count:
            broken = f"place {count} is missing: the chain goes on at place {row.place}"
        elif row.id is None:
            broken = f"entry {row.sealed_id} at place {row.place} is gone"
        elif link(digest, row.place, row) != row.digest:
            broken = f"entry {row.id} at place {row.place} is not what was sealed"
        elif row.place in known and known[row.place] != row.digest:
            broken = f"place {row.place} differs from the head that was written down"
        if broken:
            break
        digest = row.digest
    if not broken and known and max(known) > count:
        broken = f"the chain ends at place {count}, but place {max(known)} was written down"
    return Verdict(count, count_waiting(), broken or _slipped())


def _slipped() -> str | None:
    """An entry that neither is sealed nor waits for it came in, or went away, behind the sealer's back."""
    entries, waiting = AuditEntry.id, AuditWaiting.entry_id
    sealed = sa.exists().where(AuditSeal.entry_id == AuditEntry.id)
    awaited = sa.exists().where(AuditWaiting.entry_id == AuditEntry.id)
    inserted = db.session.scalar(sa.select(sa.func.min(entries)).where(~sealed, ~awaited))
    if inserted is not None:
        return f"entry {inserted} was inserted behind the sealer's back"
    there = sa.exists().where(AuditEntry.id == AuditWaiting.entry_id)
    gone = db.session.scalar(sa.select(sa.func.min(waiting)).where(~there))
    return None if gone is None else f"entry {gone} is gone before it was sealed"
