"""A session's list for staff: who is booked, checking in, the sheet on paper, messages to all, calling it off."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.attendance import views
    from portal.welfare.ledger.queries import cause_pages

    cause_pages["bookings"] = views.cause
    app.register_blueprint(views.bp)
