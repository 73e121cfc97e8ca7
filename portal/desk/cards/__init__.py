"""Printed cards at the counter: issued, printed, and ended when one was lost. On a paired screen, too."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk.cards import views

    app.register_blueprint(views.bp)
