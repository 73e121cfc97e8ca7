"""The page behind the code on the door: no app, no account."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.door import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
