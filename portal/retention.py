"""How long each personal column lives. A test refuses a column that looks personal and has no entry here.

This table is the published policy; the worker applies `OLD_ROWS` every night, the rest is applied on request (erase) or
with the parts that own the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from portal import clock
from portal.db import db

DAY = timedelta(days=1)

# The version of the privacy notice that a consent refers to; a new text gets a new one.
NOTICE_VERSION = "2026-11"


@dataclass(frozen=True)
class Lifetime:
    """How long, why, and whether the value is sensitive."""

    keeps: str
    purpose: str
    sensitive: bool = False


PERSONAL: dict[str, Lifetime] = {
    "workers.name": Lifetime("until erased by the person", "to greet and find the person at the desk"),
    "workers.id_number_cipher": Lifetime("until erased; the membership keeps it while it lasts", "one person, one membership"),
    "workers.id_number_index": Lifetime("as the number", "to find the same document again"),
    "workers.sex": Lifetime("until erased by the person", "to say what a programme with such a rule has for them"),
    "workers.born_on": Lifetime("until erased by the person", "to say what a programme with an age in its rule has for them"),
    "bookings.code_index": Lifetime("until the booking is deleted", "to find the booking by its code at the right place and day"),
    "bookings.facts": Lifetime("while the record of it stands", "what the decision leaned on, without name or number"),
    "deliveries.facts": Lifetime("while the record of it stands", "what the decision leaned on, without name or number"),
    "deliveries.proxy_name_cipher": Lifetime("while the record of it stands", "who picked it up for somebody"),
    "worker_phones.phone_cipher": Lifetime("180 days after it stopped being used", "to find and reach the person"),
    "worker_phones.phone_index": Lifetime("as the number", "to find the person by phone"),
    "worker_phones.tail_index": Lifetime("as the number", "to find the person by the last four digits"),
    "worker_cards.code_cipher": Lifetime("until revoked", "to show the card"),
    "worker_cards.code_index": Lifetime("until revoked", "to find the person by card"),
    "worker_cards.handle": Lifetime("until revoked", "to make the code on the screen and find the person by it"),
    "worker_merges.changes_cipher": Lifetime("until one of the two is erased", "to part two records that were merged by mistake"),
    "one_time_codes.phone_cipher": Lifetime("1 day", "to send the code, and to register whoever answers with it"),
    "one_time_codes.phone_index": Lifetime("1 day", "to check the code"),
    "applications.name": Lifetime("3 years after the decision", "to decide the application"),
    "applications.id_number_cipher": Lifetime("3 years after the decision", "to decide the application"),
    "applications.id_number_index": Lifetime("as the number", "to find a double application"),
    "applications.phone_cipher": Lifetime("3 years after the decision", "to answer the applicant"),
    "applications.phone_index": Lifetime("as the number", "to confirm by code"),
    "applications.employer_name": Lifetime("3 years after the decision", "to find the right union"),
    "station_phones.phone": Lifetime("while the station stands", "to call the station; everyone sees it"),
    "stations.host_contact_cipher": Lifetime("while the agreement stands", "to reach whoever lends the place"),
    "stations.host_phone_cipher": Lifetime("while the agreement stands", "to reach whoever lends the place"),
    "staged_imports.content_cipher": Lifetime("1 day", "to look at a workbook before it is loaded"),
    "staged_imports.preview_cipher": Lifetime("1 day", "to look at a workbook before it is loaded"),
    "station_imports.report_cipher": Lifetime("30 days", "to put refused rows of a workbook right"),
    "inspections.signature_cipher": Lifetime("while the inspection is on record", "two signatures under one sheet"),
    "door_claims.phone_cipher": Lifetime(
        "until confirmed, 30 days at the most", "to ask its owner whether a check-in at the door was theirs"
    ),
    "door_claims.phone_index": Lifetime("as the number", "to find the check-in again when its owner signs in"),
    "group_visits.note": Lifetime("while the visit is on record", "what was seen on a visit, without names"),
    "messages.recipient_cipher": Lifetime("30 days", "to send and resend the message"),
    "messages.body_cipher": Lifetime("30 days", "to send and resend the message"),
    "accounts.name": Lifetime("while audit entries name the account", "to show who acted"),
    "accounts.totp_cipher": Lifetime("until the account is closed or invited anew", "to check the second factor", sensitive=True),
    "accounts.sign_in_name": Lifetime("while audit entries name the account", "to sign in"),
    "station_devices.name": Lifetime("while the list of screens stands", "to tell one screen from another; no person's name"),
    "attempts.subject": Lifetime("1 day", "to slow down guessing"),
    "attempts.client": Lifetime("1 day", "to slow down guessing"),
}

# Table, condition on age, how old: what the nightly job deletes. Events and registers are never here.
OLD_ROWS: tuple[tuple[str, str, timedelta], ...] = (
    ("attempts", "at < :before", DAY),
    ("one_time_codes", "created_at < :before", DAY),
    ("messages", "ended_at < :before", 30 * DAY),
    ("staged_imports", "at < :before", DAY),
    ("station_imports", "at < :before", 30 * DAY),
    ("door_claims", "confirmed_at IS NULL AND claimed_at < :before", 30 * DAY),
    ("report_photos", "at < :before", 365 * DAY),
    ("pictures", "at < :before AND UNUSED", DAY),  # after the rows that show them
    ("opening_exceptions", "last_on < (:before)::date", 1100 * DAY),
    ("idempotency_keys", "at < :before", 3 * DAY),
    ("sessions", "expires_at < :before OR revoked_at < :before", 30 * DAY),
)


def _unused(table: str) -> str:
    """The condition that no row anywhere refers to this one."""
    columns = [
        key.parent for other in db.metadata.tables.values() for key in other.foreign_keys if key.column.table.name == table
    ]
    return (
        " AND ".join(f"NOT EXISTS (SELECT FROM {one.table.name} r WHERE r.{one.name} = {table}.id)" for one in columns) or "true"
    )


def apply(*, dry_run: bool = False) -> dict[str, int]:
    """Delete what is past its time; answers how many rows of each table. Flushes, never commits."""
    counts = {}
    for table, condition, age in OLD_ROWS:
        condition = condition.replace("UNUSED", _unused(table))
        values = {"before": clock.now() - age}
        if dry_run:
            counts[table] = db.session.scalar(sa.text(f"SELECT count(*) FROM {table} WHERE {condition}"), values)
        else:
            counts[table] = db.session.execute(sa.text(f"DELETE FROM {table} WHERE {condition}"), values).rowcount
    return counts
