"""The register of stations and driver homes, their hours and facilities."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.register import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
