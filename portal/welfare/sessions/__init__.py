"""When and where a programme is given, and the places in it."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.welfare.programmes import views as programme_views
    from portal.welfare.sessions import views

    app.register_blueprint(views.bp)
    if views.section not in programme_views.sections:
        programme_views.sections.append(views.section)
