"""Printed cards at the counter: issued and ended there, on one's own device and on a paired screen."""

from __future__ import annotations

from portal.access import Role
from portal.members.workers import queries, rules
from tests.desk.conftest import HTMX, PHONE
from tests.factories.shifts import make_device, stand_at
from tests.factories.staff import make_account, sign_in_quickly


def test_an_operator_prints_a_card_and_ends_a_lost_one(db, app, counter, place):
    here, worker = f"{place.address}/cards", {"worker": str(place.worker)}
    shown = counter.send(f"{place.address}/look-up", {"who": PHONE}, headers=HTMX).text
    assert f'action="{here}"' in shown and f'action="{here}/lost"' in shown
    assert "service-cards" not in counter.get(here).text
    for _twice in range(2):
        assert counter.send(here, worker, key="the-same-key").location == here
    (card,) = queries.list_cards(place.worker)
    for size in ("", "?size=sticker", "?size=nonsense"):
        page = counter.get(f"{here}{size}").text
        assert rules.in_groups(card.code) in page and "qrline" in page and "李自强" not in page and "李*强" in page
    other = app.test_client()
    sign_in_quickly(other, make_account([(Role.OPERATOR, place.tree.county)]))
    assert rules.in_groups(card.code) not in other.get(here).text  # nobody prints what somebody else issued
    assert counter.send(f"{here}/lost", worker).location == place.address
    assert queries.find_by_card(card.code) is None
    assert counter.send(here, {}).status_code == 400
    host = app.test_client()
    sign_in_quickly(host, make_account([(Role.HOST, place.tree.county)]))
    assert host.send(here, worker).status_code == 403


def test_cards_belong_to_a_station_one_serves_at(db, counter, place):
    foreign = f"/desk/{place.elsewhere.code}/cards"
    assert counter.get(foreign).status_code == 404
    assert counter.send(foreign, {"worker": str(place.worker)}).status_code == 404
    assert counter.send(f"{foreign}/lost", {"worker": str(place.worker)}).status_code == 404
    assert queries.list_cards(place.worker) == []


def test_a_paired_screen_issues_and_ends_cards(db, app, place):
    screen, here = app.test_client(), f"{place.address}/cards"
    with app.test_request_context():
        stand_at(screen, make_device(place.station, place.operator), place.operator)
    assert f'action="{here}"' in screen.send(f"{place.address}/look-up", {"who": PHONE}, headers=HTMX).text
    assert screen.send(here, {"worker": str(place.worker)}).location == here
    (card,) = queries.list_cards(place.worker)
    page = screen.get(here).text
    assert rules.in_groups(card.code) in page and "/workers/cards" not in page
    assert screen.send(f"{here}/lost", {"worker": str(place.worker)}).location == place.address
    assert queries.find_by_card(card.code) is None
