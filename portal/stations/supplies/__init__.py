"""What a station has in stock: items, lots with expiry, movements, transfers, counts."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.supplies import models  # noqa: F401 - importing models registers their tables
