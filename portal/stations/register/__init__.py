"""The register of stations and driver homes, their hours and facilities."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.register import models, views  # noqa: F401 - importing models registers their tables
    from portal.unions.staff import queries as staff

    app.register_blueprint(views.bp)
    if views.waiting not in staff.awaiting:
        staff.awaiting.append(views.waiting)
