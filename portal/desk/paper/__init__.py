"""Paper sheets entered afterwards, and what did not agree."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk.paper import models, queries, views  # noqa: F401 - importing models registers their tables
    from portal.unions.staff import queries as staff

    if queries.awaiting not in staff.awaiting:
        staff.awaiting.append(queries.awaiting)
    app.register_blueprint(views.bp)
