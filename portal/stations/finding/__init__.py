"""Finding a station: the public list and page."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.finding import views

    app.register_blueprint(views.bp)
