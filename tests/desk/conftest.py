"""What the tests of the counter share: a county with an operator, a station, somebody known, and a foreign county."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal.access import Role
from portal.vocabulary import BasicService
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

PHONE = "13800138000"
HTMX = {"HX-Request": "true", "HX-Target": "counter"}
SERVICES = ("rest", "drinking_water", "laundry", "first_aid")


@pytest.fixture
def place(db):
    """A county with an operator and a station that has a default service, somebody known there, and a foreign county."""
    tree = small_tree()
    operator = make_account(roles=[(Role.OPERATOR, tree.county)], name="王值守")
    station = make_station(
        union=tree.county, name="花园路驿站", services=[BasicService(name) for name in SERVICES],
        default_service=BasicService.DRINKING_WATER,
    )  # fmt: skip
    elsewhere = make_station(union=tree.foreign_county, name="外地驿站")
    worker = make_worker(name="李自强", phone=PHONE)
    db.session.commit()
    return SimpleNamespace(
        tree=tree, operator=operator, station=station, code=station.code, elsewhere=elsewhere, worker=worker.id,
        address=f"/desk/{station.code}",
    )  # fmt: skip


@pytest.fixture
def counter(client, place):
    """A client signed in as the operator, with the desk open."""
    sign_in_quickly(client, place.operator)
    assert client.get(place.address).status_code == 200
    return client


@pytest.fixture
def rows(db):
    """How many rows a table holds, seen afresh."""

    def count(table: str, where: str = "true") -> int:
        db.session.rollback()
        return db.session.scalar(sa.text(f"SELECT count(*) FROM {table} WHERE {where}"))

    return count
