"""Places taken, waited for, offered, given up: one guard for every way in."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.bookings import models, views  # noqa: F401 - importing models registers their tables
    from portal.welfare.bookings.queries import receipts
    from portal.welfare.eligibility.queries import histories
    from portal.welfare.sessions.commands import on_places_added

    app.register_blueprint(views.bp)
    for registry, known in ((histories, receipts), (on_places_added, _move_up)):
        if known not in registry:
            registry.append(known)


def _move_up(session_id, by) -> None:
    """More places came: the waiting list moves up."""
    from portal.welfare.bookings import commands

    commands.promote(session_id=session_id, by=by)
