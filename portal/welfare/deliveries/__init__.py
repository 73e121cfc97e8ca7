"""Who received what, with proof, reversal and history."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.deliveries import models, queries, views  # noqa: F401 - importing models registers their tables
    from portal.welfare.eligibility.queries import histories
    from portal.welfare.ledger.queries import cause_pages
    from portal.welfare.programmes.views import sections

    if queries.receipts_of not in histories:
        histories.append(queries.receipts_of)
    if views.section not in sections:
        sections.append(views.section)
    cause_pages["deliveries"] = views.cause
    app.register_blueprint(views.bp)
