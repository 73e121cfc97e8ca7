"""`portal serve`: granian in front of the application, several processes, one database."""

from __future__ import annotations

import os
import shutil
import tempfile

from portal.config import Settings


def app():
    """What each granian worker loads: the application, with logs as JSON lines."""
    from portal import create_app, logs

    settings = Settings()
    logs.start(settings.log_level)
    application = create_app(settings)
    application.config["METRICS_FOLDER"] = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return application


def prepare_database(settings: Settings) -> None:
    """Wait for a database that answers; outside production its structure is brought up to date as well."""
    from flask_migrate import upgrade

    from portal import create_app, postgres
    from portal.db import db

    application = create_app(settings, database_url=postgres.ensure(settings))
    if not settings.production:
        with application.app_context():
            upgrade()
            db.engine.dispose()
            application.extensions["portal.autocommit"].dispose()


def serve(settings: Settings, *, ready=None) -> None:
    """Serve until told to stop. ``ready`` is called once the workers are being started."""
    # Set before prometheus_client is imported anywhere: it decides at import how counters are shared by processes.
    folder = tempfile.mkdtemp(prefix="portal-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        prepare_database(settings)
        from granian import Granian
        from granian.constants import Interfaces

        server = Granian(
            "portal.serving:app",
            factory=True,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=settings.threads,
            backpressure=settings.threads * 16,
            respawn_failed_workers=True,
            websockets=False,
            log_access=False,
        )
        if ready:
            server.on_startup(ready)
        server.serve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
