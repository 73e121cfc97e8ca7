"""What a station has in stock: items, lots with expiry, a book of every movement."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.supplies import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
