"""Programmes: an item, a union, a period, a rule, a budget line, places and ways to receive it."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.staff.queries import awaiting
    from portal.welfare.items.queries import users
    from portal.welfare.programmes import models, queries, views  # noqa: F401 - importing models registers their tables

    if queries.awaiting not in awaiting:
        awaiting.append(queries.awaiting)
    if queries.names_using not in users:
        users.append(queries.names_using)
    app.register_blueprint(views.bp)
    # The navigation of every public page knows this address; the room it leads to stands above it.
    app.add_url_rule("/welfare", "home.welfare", views.welfare, methods=["GET"])
