"""What keeps the record of a loaded workbook right."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.access import SYSTEM
from portal.stations.exchange.commands import note_import
from tests.factories.unions import small_tree


def test_counts_of_an_import_are_not_negative(db):
    tree = small_tree()
    counts = {"loaded": -1, "updated": 0, "unchanged": 0, "refused": 0}
    with pytest.raises(sa.exc.IntegrityError, match='"ck_station_imports_not_negative"'):
        note_import(by=SYSTEM, union_id=tree.county.id, file_name="x", counts=counts, report="{}")
