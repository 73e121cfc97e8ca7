"""Where stations stand, by county and kind, and where one is missing."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.coverage import views

    app.register_blueprint(views.bp)
