"""The desk without network, and what it sends afterwards."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk.offline import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
