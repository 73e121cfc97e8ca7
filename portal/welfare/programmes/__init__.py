"""Programmes: an item, a union, a period, a rule, a budget line, places and ways to receive it."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.programmes import models  # noqa: F401 - importing models registers their tables
