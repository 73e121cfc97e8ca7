"""Changes to the register: what they write, what they refuse, and what the database refuses by itself."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa

from portal import audit, clock
from portal.access import SYSTEM
from portal.db import db as database
from portal.stations.hours.rules import Stretch
from portal.stations.register import commands, queries, rules
from portal.stations.register.models import (
    CoordinateSystem,
    Facility,
    OpeningHours,
    Station,
    StationKind,
    StationStatus,
)
from portal.stations.register.rules import StationValues
from portal.stations.wording.rules import parse_hours
from portal.types import Refused, new_id
from portal.vocabulary import BasicService
from tests.factories.stations import make_station
from tests.factories.unions import small_tree

VALUES = StationValues(
    name="花园路驿站",
    kind=StationKind.UNION_STATION,
    county_code="410105",
    address="花园路 1 号",
    hours=parse_hours("周一至周五 08:30-12:00,13:00-17:30").hours,
    facilities=(Facility.MICROWAVE, Facility.TOILET),
    services=(BasicService.REST, BasicService.HOT_MEAL),
)


@pytest.fixture
def tree(db):
    return small_tree()


def add(tree, **changes) -> Station:
    more = {name: changes.pop(name) for name in ("status", "code", "union") if name in changes}
    return commands.add_station(values=replace(VALUES, **changes), union=more.pop("union", tree.county), by=SYSTEM, **more)


def codes_of(refused) -> list[str]:
    return [problem.code for problem in refused.value.problems]


# --- adding ------------------------------------------------------------------------------------------


def test_codes_count_up_in_each_county(tree):
    codes = [add(tree, address=f"路 {n}").code for n in range(3)]
    assert codes == ["410105-0001", "410105-0002", "410105-0003"]
    assert add(tree, county_code="410102").code == "410102-0001"
    assert add(tree, address="别处", code="410105-0042").code == "410105-0042"
    assert add(tree, address="又别处").code == "410105-0043"
    make_station(union=tree.county, code="410105-9999")
    assert add(tree, address="第一万").code == "410105-10000"
    assert add(tree, address="第一万零一").code == "410105-10001"


def test_what_was_added_is_read_back(tree):
    station = add(tree, lng=Decimal("113.6812345"), lat=Decimal("34.7912344"), crs=CoordinateSystem.GCJ02)
    database.session.commit()
    database.session.expire_all()
    assert rules.values_of(station) == replace(
        VALUES, lng=Decimal("113.681234"), lat=Decimal("34.791234"), crs=CoordinateSystem.GCJ02
    )
    entry = audit.AuditEntry.query.one()
    assert (entry.action, entry.subject_id, entry.union_id) == ("station.added", str(station.id), tree.county.id)


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"name": None}, ["name_missing"]),
        ({"county_code": "999999"}, ["county_unknown"]),
        ({"county_code": "4101"}, ["county_unknown"]),
        ({"town_code": "410302"}, ["town_elsewhere"]),
        ({"code": "410102-0001"}, ["code_form"]),
        ({"code": "0001"}, ["code_form"]),
        ({"hours": (Stretch(0, 0, 900), Stretch(0, 800, 1000))}, ["hours_overlap"]),
    ],
)
def test_what_is_refused(tree, changes, codes):
    with pytest.raises(Refused) as refused:
        add(tree, **changes)
    assert codes_of(refused) == codes


def test_one_station_of_a_name_at_an_address(tree):
    first = add(tree)
    with pytest.raises(Refused) as refused:
        add(tree, union=tree.foreign_county)
    assert codes_of(refused) == ["twin"]
    other = add(tree, address="别处", town_code="410105002")
    with pytest.raises(Refused) as refused:
        commands.change_station(station=other, values=VALUES, by=SYSTEM)
    assert codes_of(refused) == ["twin"]
    assert commands.change_station(station=first, values=VALUES, by=SYSTEM) == {}


def test_four_at_once_get_four_codes(app, tree):
    union_id, trouble = tree.county.id, []

    def one(number: int) -> None:
        with app.app_context():
            try:
                union = database.session.get(type(tree.county), union_id)
                for n in range(5):
                    commands.add_station(values=replace(VALUES, address=f"{number}-{n}"), union=union, by=SYSTEM)
                    database.session.commit()
            except Exception as error:
                trouble.append(error)
            finally:
                database.session.remove()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert database.session.scalar(sa.select(sa.func.max(Station.code))) == "410105-0020"


def test_two_at_once_at_one_place_are_one_station(app, tree):
    union_id, answers = tree.county.id, []
    ready = threading.Barrier(2, timeout=30)

    def one() -> None:
        with app.app_context():
            union = database.session.get(type(tree.county), union_id)
            ready.wait()
            try:
                commands.add_station(values=VALUES, union=union, by=SYSTEM)
                database.session.commit()
                answers.append("added")
            except Refused as refused:
                answers.append(refused.problems[0].code)
            finally:
                database.session.remove()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["added", "twin"]


# --- changing ----------------------------------------------------------------------------------------


def test_hours_and_facilities_are_replaced_in_place(tree):
    station = add(tree)
    hours = parse_hours("周一 08:30-11:00;周二至周日 10:00-次日02:00").hours
    changes = commands.change_station(
        station=station,
        values=replace(VALUES, hours=hours, facilities=(Facility.TOILET, Facility.SHOWER)),
        by=SYSTEM,
    )
    database.session.commit()
    database.session.expire_all()
    assert set(changes) == {"hours", "facilities"}
    assert rules.values_of(station).hours == hours
    assert rules.values_of(station).facilities == (Facility.TOILET, Facility.SHOWER)
    assert OpeningHours.query.count() == len(hours)


def test_moving_to_another_union_is_on_record(tree):
    station = add(tree)
    changes = commands.change_station(station=station, values=VALUES, union=tree.town, by=SYSTEM)
    assert changes == {"union_id": [tree.county.id, tree.town.id]}
    assert station.union_id == tree.town.id


def test_withdrawing_closes_and_nothing_reopens(tree):
    station = add(tree)
    commands.set_status(station=station, status=StationStatus.SUSPENDED, by=SYSTEM)
    assert station.closed_at is None
    commands.set_status(station=station, status=StationStatus.WITHDRAWN, by=SYSTEM)
    assert station.closed_at is not None
    with pytest.raises(Refused) as refused:
        commands.set_status(station=station, status=StationStatus.OPEN, by=SYSTEM)
    assert codes_of(refused) == ["status_wrong"]
    assert queries.find_by_code(station.code) is station
    commands.set_status(station=station, status=StationStatus.WITHDRAWN, by=SYSTEM)  # the same again is nothing
    assert audit.AuditEntry.query.filter_by(action="station.status_set").count() == 2


# --- what the database refuses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"lng": None}, "ck_stations_point_whole"),
        ({"crs": None}, "ck_stations_point_whole"),
        ({"lng": 12}, "ck_stations_point_in_china"),
        ({"lat": 60}, "ck_stations_point_in_china"),
        ({"stars": 6}, "ck_stations_one_to_five_stars"),
        ({"stars": 0}, "ck_stations_one_to_five_stars"),
        ({"area_m2": 0}, "ck_stations_area_positive"),
        ({"capacity": 0}, "ck_stations_capacity_positive"),
        ({"status": "withdrawn"}, "ck_stations_withdrawn_is_closed"),
        ({"closed_at": clock.now()}, "ck_stations_withdrawn_is_closed"),
        ({"status": "sleeping"}, "ck_stations_station_status"),
        ({"kind": "castle"}, "ck_stations_station_kind"),
        ({"county_code": "999999"}, "fk_stations_county_code"),
        ({"union_id": new_id()}, "fk_stations_union_id"),
    ],
)
def test_constraints_of_a_station(tree, changes, constraint):
    station = make_station(union=tree.county)
    values = ", ".join(f"{name} = :{name}" for name in changes)
    with pytest.raises(sa.exc.IntegrityError, match=f'"{constraint}"'):
        database.session.execute(sa.text(f"UPDATE stations SET {values} WHERE id = :station"), {**changes, "station": station.id})


@pytest.mark.parametrize(
    ("other", "constraint"),
    [
        ({"code": "410105-8001"}, "uq_stations_code"),
        ({"name": "同名", "address": "同址"}, "uq_stations_name_address"),
    ],
)
def test_what_there_is_once(tree, other, constraint):
    make_station(union=tree.county, **({"name": "一站", "address": "一址", "code": "410105-8000"} | other))
    with pytest.raises(sa.exc.IntegrityError, match=f'"{constraint}"'):
        make_station(union=tree.sibling_county, county_code="410105", **({"name": "二站", "address": "二址"} | other))


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ((7, 0, 60), "ck_opening_hours_weekday"),
        ((0, 1440, 1500), "ck_opening_hours_stretch"),
        ((0, 600, 600), "ck_opening_hours_stretch"),
        ((0, 600, 2041), "ck_opening_hours_stretch"),
        ((0, 0, 60), "pk_opening_hours"),
    ],
)
def test_constraints_of_hours(tree, row, constraint):
    station = make_station(union=tree.county)
    values = {"station_id": station.id} | dict(zip(("weekday", "opens", "closes"), row, strict=True))
    with pytest.raises(sa.exc.IntegrityError, match=f'"{constraint}"'):
        database.session.execute(sa.insert(OpeningHours.__table__).values(**values))


def test_a_facility_stands_in_a_station_once(tree):
    station = make_station(union=tree.county, facilities=[Facility.TOILET])
    with pytest.raises(sa.exc.IntegrityError, match='"pk_station_facilities"'):
        database.session.execute(
            sa.text("INSERT INTO station_facilities VALUES (:station, 'toilet', 1)"), {"station": station.id}
        )
