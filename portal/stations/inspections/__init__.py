"""Checklists and inspections: one station, one sheet, two signatures."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.inspections import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
