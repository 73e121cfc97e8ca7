"""The portrait of a station: photographs of the place, stars with their history, who changed what."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.portraits import views

    app.register_blueprint(views.bp)
