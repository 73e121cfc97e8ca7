"""When and where a programme is given, and the places in it."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.sessions import models  # noqa: F401 - importing models registers their tables
