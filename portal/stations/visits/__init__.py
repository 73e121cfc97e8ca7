"""Visits: worker × station × stay with service lines; append-only, with roll-ups."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.stations.visits import models, queries  # noqa: F401 - importing models registers their tables
    from portal.unions.staff import queries as staff

    if queries.figures_of_week not in staff.figures:
        staff.figures.append(queries.figures_of_week)
