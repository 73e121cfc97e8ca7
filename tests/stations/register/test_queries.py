"""Whose stations one sees, and where one may serve."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.access import Permission
from portal.db import db as database
from portal.stations.register import queries
from portal.stations.register.models import Station, StationStatus
from portal.unions.staff.queries import StaffActor
from tests.factories.stations import make_station
from tests.factories.unions import small_tree

KEEP, SERVE = Permission.KEEP_STATIONS, Permission.SERVE


@pytest.fixture
def tree(db):
    return small_tree()


def actor(role, *unions) -> StaffActor:
    from portal.access import Role
    from portal.types import new_id

    held = tuple((Role(role), union.id, union.name) for union in unions)
    return StaffActor(new_id(), "陈管理", new_id(), appointments=held)


def test_staff_lists_hold_no_foreign_rows(tree):
    own = make_station(union=tree.county)
    beneath = make_station(union=tree.federation_county)
    foreign = [make_station(union=union) for union in (tree.city, tree.sibling_county, tree.foreign_county)]
    keeper = actor("keeper", tree.county)
    assert {one.station.id for one in queries.list_for_staff(keeper)} == {own.id, beneath.id}
    assert {row.Station.id for row in queries.rows_for_export(keeper)} == {own.id, beneath.id}
    assert {one.id for one in queries.list_served_by(keeper)} == {own.id, beneath.id}
    for station in foreign:
        with pytest.raises(sa.exc.NoResultFound):
            queries.get_station_for(station.code, keeper, KEEP)
        assert queries.find_station_to_serve(station.code, keeper) is None
        assert not queries.may_keep(station, keeper)
    # The second parent sees it too; one who holds nothing sees nothing.
    assert beneath.id in {one.station.id for one in queries.list_for_staff(actor("keeper", tree.federation_city))}
    assert list(queries.list_for_staff(actor("finance", tree.province))) == []
    assert queries.list_served_by(actor("officer", tree.province)) == []


def test_a_desk_is_where_one_may_serve(tree):
    stations = {status: make_station(union=tree.county, status=status) for status in StationStatus}
    operator = actor("operator", tree.county)
    served = {one.status for one in queries.list_served_by(operator)}
    assert served == {
        StationStatus.TRIAL,
        StationStatus.OPEN,
        StationStatus.SUSPENDED,
        StationStatus.UNDER_REPAIR,
    }
    for status, station in stations.items():
        assert (queries.find_station_to_serve(station.code, operator) is not None) is (status in served)
    assert queries.list_served_by(operator, q=stations[StationStatus.OPEN].name) == [stations[StationStatus.OPEN]]


def test_the_search_has_its_index(tree):
    make_station(union=tree.county)
    database.session.execute(sa.text("SET LOCAL enable_seqscan = off"))
    query = sa.select(Station.id).where(Station.name.icontains("花园路", autoescape=True))
    plan = database.session.execute(sa.text("EXPLAIN " + str(query.compile(
        dialect=database.engine.dialect, compile_kwargs={"literal_binds": True}
    )))).scalars()  # fmt: skip
    assert "ix_stations_name_trgm" in "\n".join(plan)
