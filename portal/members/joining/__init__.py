"""Joining: invitations after a service, applications, decisions."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.members.joining import models, views  # noqa: F401 - importing models registers their tables
    from portal.unions.staff import queries as staff

    if views.waiting not in staff.awaiting:
        staff.awaiting.append(views.waiting)
    app.register_blueprint(views.join)
    app.register_blueprint(views.applications)
