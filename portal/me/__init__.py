"""The worker's own pages, composed from the rooms below."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.me import views

    app.register_blueprint(views.bp)
