"""First aid: counted by kind without names, and nothing with alcohol for whoever drives."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal import clock
from portal.access import By
from portal.desk import commands, queries, rules
from portal.desk.models import ALCOHOL_FREE_FORM, FirstAidItem, FirstAidTally
from portal.stations.register.models import Facility
from portal.types import Level, Refused, new_id
from portal.vocabulary import DRIVERS, RIDERS, Occupation
from tests.factories.stations import FACILITIES, make_station

TINCTURE = FirstAidItem.HUOXIANG_TINCTURE


@pytest.mark.parametrize("occupation", list(Occupation))
@pytest.mark.parametrize("item", list(FirstAidItem))
def test_alcohol_and_driving(item, occupation):
    said = rules.problems_with_item(item, occupation)
    level = rules.light(said)
    if item not in ALCOHOL_FREE_FORM:
        assert said == []
    elif occupation in DRIVERS:
        assert level is Level.RED and said[0].says.values == {"other": ALCOHOL_FREE_FORM[item]}
    else:
        assert level is (Level.AMBER if occupation in RIDERS else Level.GREEN)


def test_who_drives_is_who_drives():
    assert set(DRIVERS) == {Occupation.TRUCK_DRIVER, Occupation.RIDE_HAILING_DRIVER, Occupation.TAXI_DRIVER}
    assert not any(form.contains_alcohol for form in ALCOHOL_FREE_FORM.values())


def give(counter, place, item=FirstAidItem.PLASTER, occupation="courier", **more):
    return counter.send(f"{place.address}/first-aid", {"item": item.value, "occupation": occupation} | more)


def test_a_plaster_is_counted_without_a_name(db, counter, place, rows):
    answer = give(counter, place)
    assert answer.status_code == 303 and f"{place.address}?line=" in answer.location
    assert rows("visits", "worker_id IS NULL AND occupation = 'courier'") == 1
    assert rows("visit_lines", "service = 'first_aid'") == 1
    assert queries.count_items_of_today(place.station.id) == [(FirstAidItem.PLASTER, 1)]
    assert {column.name for column in FirstAidTally.__table__.columns}.isdisjoint({"worker_id", "name", "by_account_id"})


def test_taken_back_it_does_not_count(counter, place, rows):
    line = give(counter, place).location.rpartition("=")[2]
    counter.send(f"{place.address}/undo", {"line": line})
    assert rows("first_aid_tallies") == 1 and queries.count_items_of_today(place.station.id) == []


@pytest.mark.parametrize("occupation", [one.value for one in DRIVERS])
def test_a_driver_is_refused_in_words_and_offered_the_other_form(counter, place, rows, occupation):
    page = counter.get(f"{place.address}/health?occupation={occupation}").text
    refused = page.partition("give off")[2].partition("</button>")[0]
    assert "disabled" in refused
    assert give(counter, place, TINCTURE, occupation).status_code == 422
    assert rows("first_aid_tallies") == 0 and rows("visit_lines") == 0


def test_a_rider_is_warned_and_may_decide(counter, place, rows):
    page = counter.get(f"{place.address}/health?occupation=food_delivery_rider").text
    assert page.count("give heed") == 2 and "give off" not in page
    give(counter, place, TINCTURE, "food_delivery_rider")
    assert rows("first_aid_tallies") == 1


def test_the_command_refuses_too(place):
    with pytest.raises(Refused) as refused:
        commands.tally_item(station=place.station, item=TINCTURE, occupation=Occupation.TAXI_DRIVER, key="k" * 12,
                            unions=(place.tree.county.id,), by=By("staff", place.operator.id))  # fmt: skip
    assert refused.value.problems[0].code == "alcohol"


def test_the_database_refuses_by_name(db, counter, place):
    give(counter, place)
    known = db.session.execute(sa.text("SELECT line_id, line_at FROM first_aid_tallies")).one()
    row = {"at": clock.now(), "station_id": place.station.id, "line_at": known.line_at}
    for values, name in (
        ({"line_id": new_id(), "item": TINCTURE, "occupation": Occupation.TRUCK_DRIVER}, "no_alcohol_for_drivers"),
        ({"line_id": known.line_id, "item": FirstAidItem.MASK, "occupation": Occupation.COURIER}, "uq_first_aid_tallies_line_id"),
        ({"line_id": new_id(), "item": FirstAidItem.MASK, "occupation": Occupation.COURIER}, "fk_first_aid_tallies_line_id"),
    ):
        with pytest.raises(IntegrityError, match=name):
            db.session.execute(sa.insert(FirstAidTally).values(id=new_id(), **row, **values))
        db.session.rollback()
    for change in ("UPDATE first_aid_tallies SET item = 'mask'", "DELETE FROM first_aid_tallies"):
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(sa.text(change))
        db.session.rollback()


@pytest.mark.parametrize("fields", [{"item": "gold"}, {"occupation": "king"}, {"item": ""}])
def test_a_broken_form_gives_nothing(counter, place, rows, fields):
    assert counter.send(f"{place.address}/first-aid", {"item": "plaster", "occupation": "courier"} | fields).status_code == 422
    assert rows("first_aid_tallies") == 0


def test_a_foreign_station_has_no_box(counter, place, rows):
    assert counter.get(f"/desk/{place.elsewhere.code}/health").status_code == 404
    away = counter.send(f"/desk/{place.elsewhere.code}/first-aid", {"item": "plaster", "occupation": "courier"})
    assert away.status_code == 404 and rows("first_aid_tallies") == 0


def test_the_aed_is_here_or_the_nearest_in_the_county(db, place):
    assert queries.find_aed(place.station) is None
    far = make_station(union=place.tree.county, facilities=[*FACILITIES, Facility.AED], point=(34.90, 113.80))
    near = make_station(union=place.tree.county, facilities=[*FACILITIES, Facility.AED], point=(34.801, 113.67))
    make_station(union=place.tree.foreign_county, facilities=[Facility.AED], point=(34.8001, 113.67), county_code="410302")
    found = queries.find_aed(place.station)
    assert found.station.id == near.id and 100 < found.metres < 125 and far.id != near.id
    assert queries.find_aed(near).here


def test_the_page_says_120_aed_and_five_steps(counter, place):
    page = counter.get(f"{place.address}/health").text
    assert 'href="tel:120"' in page
    assert page.partition('class="steps"')[2].partition("</ol>")[0].count("<li>") == 5
    assert 'href="tel:120"' in counter.get(place.address).text
