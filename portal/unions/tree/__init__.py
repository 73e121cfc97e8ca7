"""The union tree: bodies, where each stands, and what lies beneath it."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.tree import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
