"""Merging: likely duplicates with the reason, people who are not the same, records put together and parted again."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.members.merging import views

    app.register_blueprint(views.bp)
