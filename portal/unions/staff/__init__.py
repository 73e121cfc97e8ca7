"""Staff: accounts, appointments, sign-in with password and second factor."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal import access, sessions
    from portal.unions.staff import models, queries, views  # noqa: F401 - importing models registers their tables
    from portal.unions.tree import queries as tree

    sessions.register("staff", queries.find_session)
    sessions.register("host", queries.find_host_session)
    if queries.standing_staff not in tree.standing:
        tree.standing.append(queries.standing_staff)
    if views.tell_refusal not in access.on_refusal:
        access.on_refusal.append(views.tell_refusal)
    app.register_blueprint(views.bp)
