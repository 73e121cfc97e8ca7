"""The counter, where the rooms below meet."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk import views

    app.register_blueprint(views.bp)
