"""One scan completes a visit where the station has a default service; what was given today already asks first."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, Role
from portal.desk import rules
from portal.members.workers import commands as workers
from portal.members.workers.models import Worker
from portal.types import Level, Problem, text
from portal.vocabulary import BasicService
from portal.web import idempotency_key
from tests.desk.conftest import HTMX, PHONE
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.workers import make_worker


@pytest.fixture
def card(db, place):
    code = workers.issue_printed_card(worker=db.session.get(Worker, place.worker), by=SYSTEM).code
    db.session.commit()
    return code


def scan(counter, place, typed, **more):
    key = more.pop("key", None)
    return counter.send(f"{place.address}/scans", {"who": typed} | more, key=key, headers=HTMX)


def test_one_scan_gives_the_default_service_and_offers_undo(counter, place, card, rows):
    answer = scan(counter, place, card)
    assert rows("visit_lines", "service = 'drinking_water'") == 1 and rows("visits", "worker_id IS NOT NULL") == 1
    assert 'id="person"' in answer.text and f'action="{place.address}/undo"' in answer.text
    old = re.search(r'id="scan-key"[^>]*value="([^"]+)"', counter.get(place.address).text).group(1)
    assert re.search(r'id="scan-key"[^>]*value="([^"]+)"[^>]*oob', answer.text).group(1) != old


def test_asking_first_gives_nothing(counter, place, card, rows):
    answer = scan(counter, place, card, gives="ask")
    assert 'id="person"' in answer.text and rows("visit_lines") == 0


def test_the_page_says_what_a_scan_gives_and_it_can_be_switched(counter, place):
    page = counter.get(place.address).text
    assert re.search(r'<select id="gives".*value="drinking_water" selected', page)
    assert re.search(r'value="ask" selected', counter.get(f"{place.address}?gives=ask").text)


def test_without_a_script_asking_first_lasts_from_tap_to_tap(counter, place, card):
    """In browsers with one the tab remembers it; here the address has to."""
    shown = counter.send(f"{place.address}/scans", {"who": card, "gives": "ask"}).text
    assert shown.count('name="gives" value="ask"') >= 5 and "?gives=ask" in shown  # each tile and tally, and the next person
    given = counter.send(f"{place.address}/visits", {"service": "rest", "worker": str(place.worker), "gives": "ask"})
    assert given.location.endswith("&gives=ask")
    page = counter.get(given.location).text
    line = re.search(r'name="line" value="([^"]+)"><input type="hidden" name="gives" value="ask">', page).group(1)
    assert "gives=ask" in counter.send(f"{place.address}/undo", {"line": line, "gives": "ask"}).location
    assert 'type="hidden" name="gives"' not in counter.get(place.address).text


def test_what_a_scan_gives_is_the_first_tile(counter, place):
    tiles = re.findall(r'id="give-([a-z_]+)"', scan(counter, place, PHONE).text)
    assert tiles[0] == "drinking_water" and tiles[1:] == ["rest", "laundry", "first_aid"]


def test_a_typed_phone_never_gives_by_itself(counter, place, rows):
    assert 'id="person"' in scan(counter, place, PHONE).text
    assert rows("visit_lines") == 0


def test_a_retry_and_a_second_scan_are_one_line(counter, place, card, rows):
    key = idempotency_key()
    scan(counter, place, card, key=key)
    scan(counter, place, card, key=key)
    scan(counter, place, card)
    assert rows("visit_lines") == 1


def test_the_same_key_serves_two_people(db, counter, place, card, rows):
    """A lost answer leaves the old key in the page; the next person must not be refused for it."""
    other = workers.issue_printed_card(worker=make_worker(name="王小明"), by=SYSTEM).code
    db.session.commit()
    key = idempotency_key()
    assert scan(counter, place, card, key=key).status_code == scan(counter, place, other, key=key).status_code == 200
    assert rows("visit_lines") == 2


def scan_at(moment, client, place, typed):
    """A scan at another time, by an operator who signed in then."""
    with clock.stopped_at(moment):
        sign_in_quickly(client, place.operator)
        return scan(client, place, typed)


NOON = clock.start_of(date(2026, 11, 20)) + timedelta(hours=12)


@pytest.fixture
def long_ago(place, db):
    """The operator was appointed before the days of these tests."""
    db.session.execute(sa.text("UPDATE appointments SET starts_on = '2026-01-01'"))
    db.session.commit()


@pytest.mark.usefixtures("long_ago")
def test_what_was_given_today_asks_first(client, place, card, rows):
    scan_at(NOON, client, place, card)
    answer = scan_at(NOON + timedelta(hours=3), client, place, card)
    assert rows("visit_lines") == 1
    assert "give heed" in answer.text and "12:00" in answer.text


@pytest.mark.usefixtures("long_ago")
def test_the_next_day_it_gives_again(client, place, card, rows):
    scan_at(NOON - timedelta(days=1), client, place, card)
    scan_at(NOON, client, place, card)
    assert rows("visit_lines") == 2 and rows("visit_lines", "repeated") == 0


def test_without_javascript_the_scan_leads_to_the_card(counter, place, card, rows):
    answer = counter.send(f"{place.address}/scans", {"who": card})
    assert answer.status_code == 303 and "?line=" in answer.location and rows("visit_lines") == 1


def test_an_unknown_code_gives_nothing_and_an_empty_field_is_told_so(counter, place, rows):
    assert 'id="matches"' in scan(counter, place, "W" + "2" * 20).text
    assert scan(counter, place, "").status_code == 422
    assert rows("visit_lines") == 0


def test_a_foreign_station_gives_nothing(counter, place, card, rows):
    assert counter.send(f"/desk/{place.elsewhere.code}/scans", {"who": card}).status_code == 404
    assert rows("visit_lines") == 0


@pytest.mark.parametrize(
    ("service", "default"),
    [(BasicService.REST, BasicService.REST), (BasicService.FIRST_AID, None), (BasicService.COUNSELLING, None), (None, None)],
)
def test_what_bears_no_name_is_never_given_by_a_card(service, default):
    assert rules.default_of(service) is default


@pytest.mark.parametrize(
    ("code", "level", "may"),
    [("reported", Level.AMBER, True), ("again", Level.AMBER, False), ("money", Level.RED, False), ("x", Level.GREEN, True)],
)
def test_what_a_scan_may_give(code, level, may):
    assert rules.may_be_given_by_scan([Problem(code, text("…"), level)]) is may


def test_the_last_line_can_be_taken_back_whatever_is_looked_up_next(db, counter, place, card):
    scan(counter, place, card)
    for page in (counter.get(place.address).text, counter.send(f"{place.address}/look-up", {"who": "13911112222"}).text):
        assert f'action="{place.address}/undo"' in page
    line = db.session.scalar(sa.text("SELECT id FROM visit_lines"))
    counter.send(f"{place.address}/undo", {"line": str(line)})
    assert f'action="{place.address}/undo"' not in counter.get(place.address).text


def test_another_operators_line_is_not_mine_to_take_back(db, client, counter, place, card):
    scan(counter, place, card)
    sign_in_quickly(client, make_account(roles=[(Role.OPERATOR, place.tree.county)]))
    assert f'action="{place.address}/undo"' not in client.get(place.address).text
