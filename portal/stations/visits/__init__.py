"""Visits: worker × station × stay with service lines; append-only, with roll-ups."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.visits import models  # noqa: F401
