"""How many places of a programme each union and station holds."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.quotas import models  # noqa: F401 - importing models registers their tables
