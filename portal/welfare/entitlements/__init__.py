"""What somebody may have, what not, why, and from when."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.staff.queries import awaiting
    from portal.welfare.eligibility import queries as eligibility
    from portal.welfare.entitlements import views
    from portal.welfare.programmes.views import public_parts

    for registry, look in ((public_parts, views.may_i), (awaiting, eligibility.awaiting)):
        if look not in registry:
            registry.append(look)
    app.register_blueprint(views.bp)
