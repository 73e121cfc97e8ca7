"""Places taken, waited for, offered, given up: one guard for every way in."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.bookings import models  # noqa: F401 - importing models registers their tables
