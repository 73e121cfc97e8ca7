"""The counter, where the rooms below meet."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
