"""Memberships: one number for life, a history of records."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.members.memberships import models, views  # noqa: F401

    app.register_blueprint(views.bp)
