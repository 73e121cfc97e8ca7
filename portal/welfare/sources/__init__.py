"""Where money comes from: grants, dues, cash received, advances."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.staff.queries import awaiting
    from portal.welfare.ledger.queries import cause_pages
    from portal.welfare.sources import models, queries, views  # noqa: F401 - importing models registers their tables

    if queries.awaiting not in awaiting:
        awaiting.append(queries.awaiting)
    cause_pages.update(views.CAUSES)
    app.register_blueprint(views.bp)
