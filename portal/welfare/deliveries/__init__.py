"""Who received what, with proof, reversal, history and checks afterwards."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.deliveries import models  # noqa: F401 - importing models registers their tables
