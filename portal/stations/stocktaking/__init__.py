"""Counting what a station has, its book, sending things elsewhere, and writing off what is past its date."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.stocktaking import models, views  # noqa: F401 - importing models registers their tables
    from portal.unions.staff import queries as staff

    if views.waiting not in staff.awaiting:
        staff.awaiting.append(views.waiting)
    app.register_blueprint(views.bp)
