"""Looked at afterwards: exceptions, late entries, double deliveries, disputes, and samples checked by phone."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.staff.queries import awaiting
    from portal.welfare.checks import models, queries, views  # noqa: F401 - importing models registers their tables
    from portal.welfare.deliveries.views import links, parts

    for look in (queries.awaiting_answers, queries.awaiting_reviews, queries.awaiting_looks):
        if look not in awaiting:
            awaiting.append(look)
    if views.part not in parts:
        parts.append(views.part)
        links.extend(views.LINKS)
    app.register_blueprint(views.bp)
