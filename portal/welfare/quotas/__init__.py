"""How many places of a programme each union and station holds."""


def _follow(programme, by) -> None:
    """When a programme, or a change of its quota, is approved: the root of the cascade is what it says."""
    from portal.welfare.quotas import commands

    commands.set_root(programme=programme, amount=programme.quota, by=by)


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.staff.queries import awaiting
    from portal.welfare.programmes import commands as programmes
    from portal.welfare.programmes import views as programme_views
    from portal.welfare.quotas import queries, views

    if queries.awaiting not in awaiting:
        awaiting.append(queries.awaiting)
    app.register_blueprint(views.bp)
    if _follow not in programmes.on_approved:
        programmes.on_approved.append(_follow)
        programme_views.sections.append(views.section)
