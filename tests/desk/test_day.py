"""The day: visits and people apart, corrections that stay visible with who and why, and the end of the day."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from portal.access import Role
from portal.stations.visits import queries as visits
from tests.factories.staff import make_account, sign_in_quickly


def tap(counter, place, **fields):
    data = {"service": "rest", "worker": str(place.worker), "occupation": "courier"} | fields
    return counter.send(f"{place.address}/visits", data).location.rpartition("=")[2]


def correct(counter, place, line, reason="点错了人"):
    return counter.send(f"{place.address}/corrections/{line}", {"reason": reason})


def test_the_bars_add_up_to_the_figures(counter, place):
    for fields in ({}, {"service": "laundry"}, {"worker": ""}, {"worker": "", "occupation": "truck_driver"}):
        tap(counter, place, **fields)
    undone = tap(counter, place, worker="")
    counter.send(f"{place.address}/undo", {"line": undone})
    from portal import clock

    day, portions = visits.today(place.station.id, clock.today()), visits.portions_of_day(place.station.id, clock.today())
    assert (day.visits, day.identified) == (3, 1)
    assert sum(portions.by_hour.values()) == day.visits == sum(day.by_occupation.values())
    assert sum(portions.by_service.values()) == 4
    page = counter.get(f"{place.address}/today").text
    assert page.count('class="bars"') == len(portions.by_hour) + len(day.by_occupation) + len(portions.by_service)


def test_an_empty_day_says_what_to_do_first(counter, place):
    page = counter.get(f"{place.address}/today").text
    assert 'class="card empty"' in page and 'class="bars"' not in page and 'id="supplies"' in page


def test_a_corrected_line_stays_struck_through_with_who_and_why(counter, place, rows):
    line = tap(counter, place)
    assert correct(counter, place, line).status_code == 303
    page = counter.get(f"{place.address}/today").text
    row = page.partition('class="corrected"')[2].partition("</tr>")[0]
    assert "<s>" in row and "李*强" in row and "点错了人" in row and "王值守" in row
    assert rows("visit_reversals", "reason = '点错了人'") == 1


def test_a_correction_needs_a_reason(counter, place, rows):
    line = tap(counter, place)
    answer = correct(counter, place, line, reason=" ")
    assert answer.status_code == 422
    assert rows("visit_reversals") == 0


def test_another_operators_line_is_not_offered_nor_taken(client, counter, place, rows):
    line = tap(counter, place)
    sign_in_quickly(client, make_account(roles=[(Role.OPERATOR, place.tree.county)], name="赵换班"))
    assert "/corrections/" not in client.get(f"{place.address}/today").text
    correct(client, place, line)
    assert rows("visit_reversals") == 0


def test_a_keeper_corrects_what_others_logged(client, counter, place, rows):
    line = tap(counter, place)
    sign_in_quickly(client, make_account(roles=[(Role.KEEPER, place.tree.county)], name="钱站长"))
    assert "/corrections/" in client.get(f"{place.address}/today").text
    correct(client, place, line)
    assert rows("visit_reversals") == 1


@pytest.mark.parametrize("page", ["today", "end-of-day"])
def test_a_foreign_day_is_not_there(counter, place, page):
    assert counter.get(f"/desk/{place.elsewhere.code}/{page}").status_code == 404


def test_the_end_of_the_day_is_one_sheet(db, counter, place):
    tap(counter, place)
    counter.send(f"{place.address}/first-aid", {"item": "plaster", "occupation": "courier"})
    page = counter.get(f"{place.address}/end-of-day").text
    assert "data-print" in page and re.findall(r"<b>(\d+)</b>", page)[:2] == ["2", "1"]
    assert db.session.scalar(sa.text("SELECT count(*) FROM first_aid_tallies")) == 1


def test_forms_lead_to_this_station(counter, place):
    tap(counter, place)
    page = counter.get(f"{place.address}/today").text
    assert f'href="{place.address}/corrections/' in page and f'href="{place.address}/end-of-day"' in page
    box = counter.get(f"{place.address}/health?occupation=courier").text
    assert f'action="{place.address}/first-aid"' in box


def test_the_handovers_say_what_runs_out(db, counter, place):
    from datetime import timedelta

    from portal import clock
    from portal.desk.shifts.models import Shift, StationDevice

    device = StationDevice(station_id=place.station.id, name="平板一号", token_digest=b"1" * 32, paired_at=clock.now(),
                           paired_by=place.operator.id)  # fmt: skip
    db.session.add(device)
    db.session.flush()
    db.session.add(Shift(station_id=place.station.id, device_id=device.id, account_id=place.operator.id,
                         began_at=clock.now() - timedelta(minutes=2), ended_at=clock.now() - timedelta(minutes=1),
                         left=["矿泉水 6 瓶"], notes="藿香正气口服液 12 月到期"))  # fmt: skip
    db.session.commit()
    for page in ("today", "end-of-day"):
        said = counter.get(f"{place.address}/{page}").text
        assert "矿泉水 6 瓶" in said and "12 月到期" in said
