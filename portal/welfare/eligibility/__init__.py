"""Who may have something, as data: evaluated for one person, compiled to SQL for a count."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.eligibility import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
