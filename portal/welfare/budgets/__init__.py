"""A union's budget of a year: its lines, its versions, how it is carried out."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.staff.queries import awaiting
    from portal.welfare.budgets import models, queries, views  # noqa: F401 - importing models registers their tables
    from portal.welfare.ledger.queries import cause_pages

    for look in (queries.awaiting, queries.awaiting_again):
        if look not in awaiting:
            awaiting.append(look)
    cause_pages.update(views.CAUSES)
    app.register_blueprint(views.bp)
