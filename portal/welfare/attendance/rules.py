"""What is decided about a session's list from values alone: a message's length, what a sheet's entry says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portal.types import N_, Problem, Text, text

MESSAGE = 300  # characters; more is read by nobody on a small screen
ONE_MESSAGE, ONE_PART = 70, 67  # characters of one message in Chinese, and of one part of a longer one
EXTRA_ROWS = 12


def to_take(*, kept: bool, online: int, on_site: int, is_today: bool) -> str:
    """What the one strong button does: an on-site place first, an online one only by saying so, otherwise the waiting list.

    ``kept``: the session keeps places for those who come. On the day itself every free place is as good.
    """
    if on_site or (online and (is_today or not kept)):
        return "book"
    return "any" if online else "wait"


def problems_with_message(words: str | None) -> list[Problem]:
    """A message says something and stays short."""
    if not words:
        return [Problem("empty", text(N_("Please write what they should know.")), field="text")]
    if len(words) > MESSAGE:
        says = text(N_("At most %(count)s characters; this has %(now)s."), count=MESSAGE, now=len(words))
        return [Problem("too_long", says, field="text")]
    return []


def problems_with_sheet(*, starts_at: datetime, now: datetime, off: bool, filled: bool) -> list[Problem]:
    """A sheet is entered when the session has begun, unless it was called off, and says something."""
    if off:
        return [Problem("off", text(N_("This session was called off; nobody can have come.")))]
    if starts_at > now:
        return [Problem("early", text(N_("The session has not begun; the sheet is entered afterwards.")))]
    if not filled:
        return [Problem("empty", text(N_("Tick who came, or write somebody below.")))]
    return []


def parts(words: str | None) -> int:
    """As how many messages a phone company counts it."""
    length = len(words or "")
    return 1 if length <= ONE_MESSAGE else -(-length // ONE_PART)


def summary(came: int, left: Sequence[Text]) -> list[tuple[Text, str]]:
    """What entering a sheet did: how many came, then each row that could not become a place, with the reason."""
    said = [(text(N_("Recorded: %(count)s came."), count=came), "success")] if came or not left else []
    return said + [(says, "warning") for says in left]
