"""A booking as a calendar entry (RFC 5545). It names nobody and holds no code: calendars are shared."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from portal import clock
from portal.welfare.sessions.models import ServiceSession

LINE = 75  # octets, beyond which a line is folded
_ESCAPED = str.maketrans({"\\": r"\\", ";": r"\;", ",": r"\,", "\n": r"\n", "\r": None})


def escaped(value: str) -> str:
    """A text value: backslash, semicolon, comma and line end mean something in a calendar."""
    return value.replace("\r\n", "\n").translate(_ESCAPED)


def folded(line: str) -> str:
    """A line in pieces of at most 75 octets, never within a character."""
    pieces, piece, size = [], "", 0
    for sign in line:
        octets = len(sign.encode())
        if size + octets > LINE:
            pieces.append(piece)
            piece, size = " ", 1
        piece, size = piece + sign, size + octets
    return "\r\n".join([*pieces, piece])


def _utc(moment: datetime) -> str:
    return moment.astimezone(clock.UTC).strftime("%Y%m%dT%H%M%SZ")


def calendar(*, booking_id: UUID, session: ServiceSession, title: str, note: str, address: str) -> str:
    """One entry with a reminder two hours before; ``address`` is the booking's page."""
    place = ", ".join(part for part in (session.place_name, session.address) if part)
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Workers' Stations//Bookings//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH",
        "BEGIN:VEVENT", f"UID:{booking_id}@workers-stations", f"DTSTAMP:{_utc(clock.now())}",
        f"DTSTART:{_utc(session.starts_at)}", f"DTEND:{_utc(session.ends_at)}", f"SUMMARY:{escaped(title)}",
        f"LOCATION:{escaped(place)}", f"DESCRIPTION:{escaped(note)}", f"URL:{address}",
        "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT2H", f"DESCRIPTION:{escaped(title)}", "END:VALARM",
        "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return "\r\n".join(folded(line) for line in lines) + "\r\n"
