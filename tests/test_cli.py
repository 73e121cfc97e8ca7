"""The command line: what `portal audit verify` says."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace

import sqlalchemy as sa
from click.testing import CliRunner
from flask import current_app

from portal import cli, clock
from portal.access import SYSTEM
from portal.stations.seals import commands
from tests.factories.merging import serve
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

NOON = datetime(2026, 8, 3, 12, 0, tzinfo=timezone(timedelta(hours=8)))


def test_verifying_names_a_broken_seal_of_a_closed_day(db, monkeypatch, tmp_path):
    application = current_app._get_current_object()
    monkeypatch.setattr(cli, "application", lambda: application)
    monkeypatch.setitem(application.config, "SETTINGS", SimpleNamespace(instance=tmp_path))  # another chain's head lies in ours
    station = make_station(union=small_tree().county)
    line = serve(make_worker(), station, at=NOON)
    with clock.stopped_at(NOON + timedelta(days=1)):
        commands.seal_days(by=SYSTEM)
    db.session.commit()
    whole = CliRunner().invoke(cli.audit_verify)
    assert whole.exit_code == 0 and "The seals of closed days hold." in whole.output
    db.session.execute(sa.text("SET LOCAL session_replication_role = replica"))
    db.session.execute(sa.text("UPDATE visit_lines SET service = 'shower' WHERE id = :id"), {"id": line.line_id})
    db.session.commit()
    broken = CliRunner().invoke(cli.audit_verify)
    assert broken.exit_code == 1 and f"{date(2026, 8, 3)}, part 0, station {station.id}" in broken.output
