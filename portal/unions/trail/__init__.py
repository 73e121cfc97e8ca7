"""The audit trail as auditors read it: who did what within their part of the tree, and whether the chain is whole."""


def prepare(app) -> None:
    """Register this room with an application."""
    from portal.unions.trail import views

    app.register_blueprint(views.bp)
