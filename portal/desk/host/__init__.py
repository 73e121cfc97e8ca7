"""A host's own counter (bank, shop) on their own phone: +1, and whether a code holds. No search, no names, no history."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.desk.host import views

    app.register_blueprint(views.bp)
