"""Purchases of goods for stations."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.ledger.queries import cause_pages
    from portal.welfare.purchases import models, views  # noqa: F401 - importing models registers their tables

    app.register_blueprint(views.bp)
    cause_pages.update(views.CAUSES)
