"""The catalogue of what a union gives, with the procedure in words."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.items import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
