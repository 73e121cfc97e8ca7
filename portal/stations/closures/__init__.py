"""Days that differ from the weekly hours: single ones, and festivals for many stations at once."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.closures import views

    app.register_blueprint(views.bp)
