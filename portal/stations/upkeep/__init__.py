"""Reports of what is wrong at a station, with a clock for the keeper and every step on record."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.upkeep import models, views  # noqa: F401 - importing models registers their tables
    from portal.unions.staff import queries as staff

    if views.waiting not in staff.awaiting:
        staff.awaiting.append(views.waiting)
    app.register_blueprint(views.bp)
