"""What somebody may have, what not, why, and from when."""


def prepare(app) -> None:
    """Register this room with an application."""
