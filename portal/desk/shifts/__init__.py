"""Who stands at the counter: paired devices, personal PINs, shifts and their handover, the lock."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal import sessions
    from portal.desk.shifts import models, queries, views  # noqa: F401 - importing models registers their tables

    sessions.register("device", queries.find_session)
    app.register_blueprint(views.bp)
    app.register_error_handler(403, views.refuse_at_the_counter)
    app.context_processor(views.frame)
