"""What is decided about entries without network from values alone: shape, clock, and what a conflict is."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.vocabulary import BasicService, Occupation

MOST_ENTRIES = 200  # in one batch
MOST_HEADS = 50  # in one entry
KEPT_FOR = timedelta(hours=48)  # how long a card's token, and a device's clock, are believed
SANE_OFFSET = timedelta(hours=48)
AHEAD = timedelta(minutes=2)  # how far ahead two good clocks may be
KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
TOKEN = re.compile(r"[!-~]{0,64}")  # of a card, as a scanner may type it


@dataclass(frozen=True)
class Sent:
    """One entry as the device sent it. ``offset`` is server minus device, measured at their last contact."""

    key: str
    service: BasicService
    occupation: Occupation
    heads: int
    device_at: datetime
    offset: timedelta
    card: str | None

    @property
    def body_hash(self) -> bytes:
        """What the entry says, without its key: the offset may be measured anew between two tries."""
        said = "|".join((self.service.value, self.occupation.value, str(self.heads), self.device_at.isoformat(), self.card or ""))
        return hashlib.sha256(said.encode()).digest()


def read(entry: Any) -> Sent | None:
    """An entry of the batch, or None if it is none. Names and phones have no place in it, so nothing else is read."""
    try:
        key, card = entry["key"], entry.get("card")
        heads = entry["heads"]
        if not isinstance(key, str) or not KEY.fullmatch(key) or type(heads) is not int or not 1 <= heads <= MOST_HEADS:
            return None
        if card is not None and (not isinstance(card, str) or not TOKEN.fullmatch(card) or heads != 1):
            return None
        return Sent(key, BasicService(entry["service"]), Occupation(entry["occupation"]), heads,
                    datetime.fromtimestamp(_milliseconds(entry["at"]) / 1000, UTC),
                    timedelta(milliseconds=_milliseconds(entry.get("offset", 0))), card or None)  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        return None


def _milliseconds(value: Any) -> int:
    if type(value) is not int or abs(value) > 10**14:
        raise ValueError("no milliseconds")
    return value


def mark_of(entry: Any) -> str:
    """What tells one unreadable entry from another; never its own words, which may be ones the database cannot hold."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True, default=str).encode()).hexdigest()[:32]


def counted_at(sent: Sent, now: datetime) -> datetime | None:
    """When the visit counts: the device's time, put right by the offset of its last contact if that is sane.

    None if that cannot be: still to come, or more than 48 hours ago. It is then counted when it arrives.
    """
    try:
        at = sent.device_at + (sent.offset if abs(sent.offset) <= SANE_OFFSET else timedelta())
    except OverflowError:  # a clock at the beginning of time
        return None
    if at > now + AHEAD or now - at > KEPT_FOR:
        return None
    return min(at, now)
