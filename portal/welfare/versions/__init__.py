"""Drafting a budget, an adjustment or an interim limit, and deciding it."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.ledger.queries import cause_pages
    from portal.welfare.versions import views

    cause_pages.update(views.CAUSES)
    app.register_blueprint(views.bp)
