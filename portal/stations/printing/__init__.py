"""What hangs on the door and lies on the counter: posters and paper sheets on A4."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.printing import views

    app.register_blueprint(views.bp)
