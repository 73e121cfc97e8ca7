"""Joining: invitations after a service, applications, decisions."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.members.joining import models, views  # noqa: F401

    app.register_blueprint(views.join)
    app.register_blueprint(views.applications)
