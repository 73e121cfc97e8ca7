"""What is decided about memberships from values alone: status at a moment, the number, the path that led there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from portal.members.memberships.models import MEMBER_STATUSES, MembershipStatus
from portal.types import N_, Text, text


class Record(Protocol):
    """A stretch of a membership; it holds from ``starts_at`` until before ``ends_at``."""

    status: MembershipStatus
    starts_at: datetime
    ends_at: datetime | None


def status(records: Iterable[Record], at: datetime) -> MembershipStatus | None:
    """What the record that holds at a moment says; None before the first, and in a gap."""
    for record in records:
        if record.starts_at <= at and (record.ends_at is None or at < record.ends_at):
            return record.status
    return None


def is_member(records: Iterable[Record], at: datetime) -> bool:
    """Whether somebody with these records is a member at a moment."""
    return status(records, at) in MEMBER_STATUSES


def membership_number(county_code: str, on: date, sequence: int) -> str:
    """Fourteen digits for life: county, year, running number; provisional until the province confirms.

    >>> membership_number("410105", date(2026, 11, 22), 7)
    '41010526000007'
    """
    if sequence < 1:
        raise ValueError("the running number begins with 1")
    return f"{county_code[:6]}{on:%y}{sequence:06d}"


def looks_like_number(value: str) -> bool:
    """Whether a typed text may be a membership number; past a million of them it grows by a digit."""
    return value.isascii() and value.isdigit() and 14 <= len(value) <= 20


@dataclass(frozen=True)
class Milestones:
    """When somebody took each step from the first service to membership, as far as they went."""

    first_served_at: datetime | None = None
    first_station: str | None = None
    served_at: datetime | None = None  # the visit that led to it
    station: str | None = None
    invited_at: datetime | None = None
    opened_at: datetime | None = None
    applied_at: datetime | None = None
    confirmed_at: datetime | None = None
    decided_at: datetime | None = None
    decision: Literal["approved", "rejected", "returned", "withdrawn", ""] = ""


@dataclass(frozen=True)
class Step:
    """One step of the path, as the timeline draws it."""

    text: Text
    state: Literal["done", "current", "todo"]
    at: datetime | None = None
    note: str | None = None

    @property
    def time(self) -> Text | None:
        """The moment, said in the reader's language when it is drawn."""
        return text("%(at)s", at=self.at) if self.at else None


_ENDS = {
    "approved": text(N_("Approved by the union: a member")),
    "rejected": text(N_("Not approved")),
    "returned": text(N_("Returned for correction")),
    "withdrawn": text(N_("Withdrawn by the worker")),
}


def path(seen: Milestones) -> list[Step]:
    """The path so far and what is left of it. Steps nobody took (somebody came without invitation) are left out."""
    steps = []

    def took(says: Text, at: datetime | None, note: str | None = None) -> None:
        if at:
            steps.append(Step(says, "done", at, note))

    if seen.first_served_at and seen.first_served_at != seen.served_at:
        took(text(N_("First served")), seen.first_served_at, seen.first_station)
    took(text(N_("Served; this visit led to it")), seen.served_at, seen.station)
    took(text(N_("Invited")), seen.invited_at)
    took(text(N_("Opened the invitation")), seen.opened_at)
    took(text(N_("Applied")), seen.applied_at)
    took(text(N_("Confirmed by the worker")), seen.confirmed_at)
    if seen.decision in ("approved", "rejected", "withdrawn"):
        took(_ENDS[seen.decision], seen.decided_at or seen.confirmed_at or seen.applied_at)
        return steps
    if not seen.confirmed_at:
        return [*steps, Step(text(N_("Confirmed by the worker")), "current"), Step(_ENDS["approved"], "todo")]
    if seen.decision == "returned":
        steps.append(Step(_ENDS["returned"], "current", seen.decided_at))
        return [*steps, Step(_ENDS["approved"], "todo")]
    return [*steps, Step(text(N_("With the union")), "current"), Step(_ENDS["approved"], "todo")]
