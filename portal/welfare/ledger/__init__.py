"""The ledger: authority and cash, promises and payments; other rooms reserve and spend by its commands."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.ledger import models  # noqa: F401 - importing models registers their tables
