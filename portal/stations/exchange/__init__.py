"""Stations in and out by workbook."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.exchange import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
