"""The front door: first page, language switch, privacy notice, and the demo's message page."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.front import views

    app.register_blueprint(views.home)
