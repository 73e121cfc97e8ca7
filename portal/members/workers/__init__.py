"""Workers: people, their dated contacts, cards and consents; never owned by a union."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal import sessions
    from portal.members.workers import models, queries, views  # noqa: F401 - importing models registers their tables

    sessions.register("worker", queries.find_session)
    app.register_blueprint(views.bp)
