"""What the database itself keeps of the register, each broken by name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.stations.register.models import (
    ExceptionHours,
    Facility,
    FacilityHours,
    OpeningException,
    StarRating,
    StationFacility,
    StationPhone,
    StationPhoto,
)
from portal.types import new_id
from tests.factories.stations import make_station

DAY = date(2026, 11, 18)


@pytest.fixture
def station(tree):
    return make_station(union=tree.county, facilities=[Facility.SHOWER])


def broken(db, change) -> str:
    with pytest.raises(IntegrityError) as refused:
        change()
        db.session.flush()
    db.session.rollback()
    return refused.value.orig.diag.constraint_name


def adding(db, row):
    return lambda: db.session.add(row)


def excepting(station, **changes):
    values = {"station_id": station.id, "first_on": DAY, "last_on": DAY, "closed": True, "at": clock.now()}
    return OpeningException(**values | changes)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"agreement_from": date(2026, 2, 1), "agreement_until": date(2026, 1, 31)}, "ck_stations_agreement_in_order"),
        ({"truck_spaces": -1}, "ck_stations_truck_spaces_not_negative"),
        ({"max_height_m": Decimal(0)}, "ck_stations_limits_positive"),
        ({"max_weight_t": Decimal(-1)}, "ck_stations_limits_positive"),
    ],
)
def test_constraints_of_stations(db, station, values, name):
    assert broken(db, lambda: [setattr(station, key, value) for key, value in values.items()]) == name


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("default_service", "ck_stations_basic_service"),
        ("holiday_rule", "ck_stations_holiday_rule"),
        ("carriageway", "ck_stations_carriageway"),
    ],
)
def test_words_of_stations(db, station, column, name):
    change = sa.text(f"UPDATE stations SET {column} = 'castle'")
    assert broken(db, lambda: db.session.execute(change)) == name


def test_constraints_of_exceptions(db, station):
    assert broken(db, adding(db, excepting(station, last_on=date(2026, 11, 17)))) == "ck_opening_exceptions_days_in_order"
    shut = excepting(station)
    db.session.add(shut)
    db.session.commit()
    ident = shut.id
    hours = {"exception_id": ident, "opens": 540, "closes": 600}
    assert broken(db, adding(db, ExceptionHours(**hours))) == "fk_exception_hours_exception_id"  # a closed day has none
    assert broken(db, adding(db, ExceptionHours(**hours, closed=True))) == "ck_exception_hours_not_closed"
    open_day = excepting(station, closed=False, hours=[ExceptionHours(opens=540, closes=600)])
    db.session.add(open_day)
    db.session.commit()
    assert broken(db, lambda: setattr(open_day, "closed", True)) == "fk_exception_hours_exception_id"
    assert broken(db, lambda: setattr(open_day.hours[0], "closes", 540)) == "ck_exception_hours_stretch"


def test_constraints_of_facilities(db, station):
    row = station.facilities[0]
    assert broken(db, lambda: setattr(row, "price", Decimal(-1))) == "ck_station_facilities_price_not_negative"
    hours = {"station_id": station.id, "facility": Facility.SHOWER, "weekday": 0, "opens": 540, "closes": 600}
    for changes, name in (
        ({"weekday": 7}, "ck_facility_hours_weekday"),
        ({"closes": 500}, "ck_facility_hours_stretch"),
        ({"facility": Facility.AED}, "fk_facility_hours_station_id"),
    ):
        assert broken(db, adding(db, FacilityHours(**hours | changes))) == name


def test_constraints_of_phones_and_photos(db, station, tree):
    db.session.add(StationPhone(station_id=station.id, phone="12351"))
    db.session.commit()
    ident = station.id
    db.session.expunge_all()
    assert broken(db, adding(db, StationPhone(station_id=ident, phone="12351"))) == "pk_station_phones"
    photo = StationPhoto(station_id=ident, picture_id=new_id())
    assert broken(db, adding(db, photo)) == "fk_station_photos_picture_id"


def test_stars_are_written_once(db, station):
    rating = {"station_id": station.id, "rated_on": DAY, "at": clock.now()}
    assert broken(db, adding(db, StarRating(stars=6, **rating))) == "ck_star_ratings_one_to_five_stars"
    db.session.add(StarRating(stars=5, **rating))
    db.session.commit()
    for change in ("UPDATE star_ratings SET stars = 1", "DELETE FROM star_ratings"):
        assert broken(db, lambda change=change: db.session.execute(sa.text(change))) == "tr_star_ratings_append_only"
    assert broken(db, lambda: db.session.execute(sa.text("TRUNCATE star_ratings"))) == "tr_star_ratings_no_truncate"


def test_a_facility_takes_its_hours_with_it(db, station):
    row = station.facilities[0]
    row.hours = [FacilityHours(weekday=0, opens=540, closes=600)]
    db.session.commit()
    db.session.execute(sa.delete(StationFacility))
    assert db.session.scalar(sa.select(sa.func.count()).select_from(FacilityHours)) == 0
