"""Hand-outs to many at once, and group visits."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk.handouts import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
