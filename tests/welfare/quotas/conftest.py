"""A province's quota that went down to a station."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from portal import clock
from portal.access import SYSTEM
from portal.db import db as database
from portal.welfare.quotas import commands
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.welfare import make_programme

BACK = date(2026, 12, 1)
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def tree(db):
    with clock.stopped_at(NOW):
        yield small_tree()


@pytest.fixture
def cascade(tree):
    """Province 100 → city 60 → county 30 → station 5."""
    tree.programme = make_programme(tree.province, quota=100)
    tree.station = make_station(union=tree.county)
    tree.root = commands.set_root(programme=tree.programme, amount=100, by=SYSTEM)
    tree.of_city = commands.hand_down(share=tree.root, union=tree.city, amount=60, by=SYSTEM)
    tree.of_county = commands.hand_down(share=tree.of_city, union=tree.county, amount=30, take_back_on=BACK, by=SYSTEM)
    tree.of_station = commands.hand_down(share=tree.of_county, station=tree.station, amount=5, take_back_on=BACK, by=SYSTEM)
    database.session.commit()
    return tree
