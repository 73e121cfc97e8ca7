"""What a device may be called, what is handed over, who may be signed in. Decides from values alone."""

from __future__ import annotations

from datetime import timedelta

from portal.access import ROLES, Permission, Role
from portal.types import N_, Problem, text, tidy

# A session on a paired tablet opens the counter and nothing else, whatever the person's roles open elsewhere.
AT_THE_COUNTER = frozenset({Permission.SERVE, Permission.STAFF_HOME})
SERVING_ROLES = tuple(role for role in Role if Permission.SERVE in ROLES[role])

LOCKS_ITSELF_AFTER = timedelta(minutes=3)  # without a tap, by the page's own script
LONGEST_SHIFT = timedelta(hours=16)  # whoever comes back later begins another one
MOST_LINES, LONGEST_LINE, LONGEST_NOTES = 20, 60, 500


def lines_left(typed: str | None) -> list[str]:
    """The short lines of what is there for the next operator, as somebody typed them: one a line, or with commas."""
    parts = (tidy(part) for line in (typed or "").splitlines() for part in line.replace("；", ";").split(";"))
    return [part for part in parts if part]


def problems_with_handover(left: list[str], notes: str | None) -> list[Problem]:
    """Whether a handover can be kept as it was written."""
    if len(left) > MOST_LINES:
        return [
            Problem("many", text(N_("At most %(count)s lines; this has %(now)s."), count=MOST_LINES, now=len(left)), field="left")
        ]
    if longest := next((line for line in left if len(line) > LONGEST_LINE), None):
        says = text(N_("A line has at most %(count)s characters: “%(line)s…”"), count=LONGEST_LINE, line=longest[:20])
        return [Problem("long", says, field="left")]
    if len(notes or "") > LONGEST_NOTES:
        says = text(N_("At most %(count)s characters; this has %(now)s."), count=LONGEST_NOTES, now=len(notes or ""))
        return [Problem("notes", says, field="notes")]
    return []


def problems_with_acknowledging(*, own: bool, forgotten: bool, over: bool) -> list[Problem]:
    """Whether somebody may put their name under having read a handover."""
    if own:
        return [Problem("own", text(N_("This is your own handover; the next operator reads it.")))]
    if forgotten or not over:
        return [Problem("none", text(N_("Nothing was handed over here.")))]
    return []
