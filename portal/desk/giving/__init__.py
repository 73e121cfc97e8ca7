"""Programmes at the counter: what the light allows, handed out or checked in with one tap."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk.giving import views

    app.register_blueprint(views.bp)
