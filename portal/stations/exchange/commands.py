"""Keeping what became of a workbook."""

from __future__ import annotations

from uuid import UUID

from portal import audit, clock
from portal.access import By
from portal.db import db
from portal.stations.exchange.models import StationImport
from portal.types import new_id


def note_import(*, by: By, union_id: UUID, file_name: str, counts: dict[str, int], report: str) -> StationImport:
    """Keep what became of a workbook: counts for good, the report with its refused rows for thirty days."""
    row = StationImport(
        id=new_id(),
        union_id=union_id,
        account_id=by.id if by.kind == "staff" else None,
        file_name=file_name,
        at=clock.now(),
        **counts,
    )
    row.report = report
    db.session.add(row)
    audit.record("stations.imported", by=by, subject=row, union_id=union_id, file_name=file_name, **counts)
    db.session.flush()
    return row
