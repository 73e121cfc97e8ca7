"""Closed days, sealed: one digest a station and day over what was given there."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.seals import models  # noqa: F401 - importing models registers their tables
