"""Places where workers wish for a station."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.wishes import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
