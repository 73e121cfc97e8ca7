"""Memberships: one number for life, a history of records."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.members.memberships import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
