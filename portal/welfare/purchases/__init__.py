"""Goods bought from a budget line for a station's stock."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.purchases import models  # noqa: F401 - importing models registers their tables
