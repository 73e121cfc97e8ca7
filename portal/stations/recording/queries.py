"""What stands for a person on a day, by which an entry finds its place."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import sqlalchemy as sa

from portal import clock
from portal.db import db
from portal.stations.recording.rules import Standing
from portal.vocabulary import BasicService


def list_standing(worker_id: UUID, day: date) -> list[Standing]:
    """Everything that stands for a person on a business day, anywhere, in order of time."""
    begins, ends = clock.day_bounds(day)
    rows = db.session.execute(
        sa.text(
            """
            SELECT l.id, l.at, l.service, l.station_id, l.visit_id, l.visit_at FROM visits v
            JOIN visit_lines l ON l.visit_id = v.id AND l.visit_at = v.at AND l.at >= :begins AND l.at < :ends
            WHERE v.worker_id = :worker AND v.at >= :begins AND v.at < :ends
              AND NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id) ORDER BY l.at, l.id
            """
        ),
        {"worker": worker_id, "begins": begins, "ends": ends},
    )
    return [Standing(row.id, row.at, BasicService(row.service), row.station_id, row.visit_id, row.visit_at) for row in rows]
