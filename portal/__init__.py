"""The portal: stations, services and welfare for outdoor workers, and the way from service to membership."""

from __future__ import annotations

__version__ = "0.6.1"

ROOMS = (
    "portal.front",
    "portal.unions.tree",
    "portal.unions.staff",
    "portal.unions.trail",
    "portal.members.workers",
    "portal.members.joining",
    "portal.members.memberships",
    "portal.members.merging",
    "portal.stations.register",
    "portal.stations.closures",
    "portal.stations.portraits",
    "portal.stations.exchange",
    "portal.stations.finding",
    "portal.stations.coverage",
    "portal.stations.printing",
    "portal.stations.wishes",
    "portal.stations.visits",
    "portal.stations.seals",
    "portal.stations.upkeep",
    "portal.stations.supplies",
    "portal.stations.stocktaking",
    "portal.stations.inspections",
    "portal.stations.door",
    "portal.desk.shifts",
    "portal.desk.host",
    "portal.desk.cards",
    "portal.desk.handouts",
    "portal.desk.paper",
    "portal.desk.offline",
    "portal.welfare.ledger",
    "portal.welfare.sources",
    "portal.welfare.budgets",
    "portal.welfare.versions",
    "portal.welfare.items",
    "portal.welfare.eligibility",
    "portal.welfare.programmes",
    "portal.welfare.quotas",
    "portal.welfare.sessions",
    "portal.welfare.bookings",
    "portal.welfare.attendance",
    "portal.welfare.purchases",
    "portal.welfare.deliveries",
    "portal.welfare.checks",
    "portal.welfare.entitlements",
    "portal.desk.giving",
    "portal.desk",
    "portal.me",
)


def create_app(settings=None, *, database_url: str | None = None):
    """Wire the application. ``settings`` default to the environment; ``database_url`` to the embedded database's."""
    from importlib import import_module

    from flask import Flask

    from portal import access, crypto, db, i18n, logs, postgres, sessions, web
    from portal.config import Settings, carried, read_or_make

    settings = settings or Settings()
    app = Flask(__name__, template_folder=str(carried("templates")), static_folder="static")
    keyring = settings.keyring.get_secret_value() if settings.keyring else None
    crypto.use(crypto.Keyring.from_text(keyring or read_or_make(settings.instance / "keyring.json", crypto.Keyring.new_text)))
    web.prepare(app, settings)
    logs.prepare(app)
    db.prepare(app, database_url or postgres.url(settings), settings.threads)
    i18n.prepare(app)
    sessions.prepare(app, settings)
    for room in ROOMS:
        import_module(room).prepare(app)
    app.context_processor(lambda: {"actor": access.actor})
    return app
