"""What is decided at the door from values alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.stations.register.models import SERVING_STATUSES, StationStatus
from portal.types import N_, Problem, text

# One browser, one check-in within this time; a second one is the first one again.
AGAIN_AFTER = timedelta(minutes=10)
UNDO_FOR = timedelta(minutes=1)
# How long after a check-in one may still leave a phone.
CLAIM_WITHIN = timedelta(hours=1)
# Several phones share an address (a network of the station, of a carrier), so these are generous.
HOUR = timedelta(hours=1)
CHECK_INS_AN_HOUR = 30
REPORTS_AN_HOUR = 10
ADDRESS_AN_HOUR = 300
# More than these wait for one phone only if somebody plays with it.
CLAIMS_WAITING = 10


def is_served(status: StationStatus) -> bool:
    """Whether one can check in and say what is wrong here."""
    return status in SERVING_STATUSES


def is_again(last_at: datetime | None, now: datetime) -> bool:
    """Whether this browser checked in a moment ago."""
    return last_at is not None and now - last_at < AGAIN_AFTER


def problems_with_undoing(at: datetime, now: datetime) -> list[Problem]:
    """A check-in is taken back within a minute by whoever made it."""
    if now - at <= UNDO_FOR:
        return []
    return [Problem("too_late", text(N_("A check-in can be taken back for one minute; after that it stays.")))]
