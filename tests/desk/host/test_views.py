"""A host's counter: +1, a code that holds or not, and not one name on any page."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock, sessions
from portal.access import SYSTEM, Role
from portal.audit import AuditEntry
from portal.members.workers import commands as workers
from portal.stations.register.models import StationStatus
from portal.vocabulary import BasicService
from tests.factories.staff import make_account, sign_in, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

PHONE = "13800138000"


@pytest.fixture
def house(client, db):
    client.set_cookie("language", "en")
    tree = small_tree()
    station = make_station(union=tree.county, name="建设路网点", services=[BasicService.DRINKING_WATER, BasicService.REST])
    worker = make_worker(name="李自强", phone=PHONE)
    card = workers.issue_card(worker=worker, by=SYSTEM).code
    db.session.commit()
    host = make_account([(Role.HOST, tree.county)], name="何丽")
    sign_in_quickly(client, host, kind="staff")
    return SimpleNamespace(tree=tree, station=station, here=f"/host/{station.code}", worker=worker, card=card, host=host)


@pytest.fixture
def seen(client, house, monkeypatch):
    """The host's browser; afterwards every answer it got is searched for the person."""
    bodies, real = [], client.open

    def remember(*args, **kwargs):
        answer = real(*args, **kwargs)
        bodies.append(answer.get_data(as_text=True) + (answer.location or "") + str(answer.headers))
        return answer

    monkeypatch.setattr(client, "open", remember)
    client.get(house.here)
    yield client
    everything = "\n".join(bodies)
    for word in ("李自强", "李*强", "李*", "自强", PHONE, "138****8000", str(house.worker.id)):
        assert word not in everything, word
    assert not re.search(r"(?<![\w-])8000(?![\w-])", everything)  # by itself: a nonce or a key may happen to hold it


def visits(db):
    db.session.rollback()
    return db.session.execute(
        sa.text(
            "SELECT v.worker_id, v.occupation, v.source, l.service, l.by_account_id FROM visits v "
            "JOIN visit_lines l ON l.visit_id = v.id WHERE NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id) "
            "ORDER BY l.id"
        )
    ).all()


def test_plus_one_is_one_tap(seen, db, house):
    answer = seen.send(f"{house.here}/counts", {"occupation": "courier"})
    assert answer.status_code == 303
    [row] = visits(db)
    assert (row.worker_id, row.occupation, row.source, row.service) == (None, "courier", "host", "drinking_water")
    assert row.by_account_id == house.host.id
    html = seen.get(answer.location).get_data(as_text=True)
    assert "Counted: Courier" in html and ">1<" in html


def test_a_double_tap_counts_once(seen, db, house):
    for _ in range(2):
        seen.send(f"{house.here}/counts", {"occupation": "courier"}, key="the-same-key-twice")
    assert len(visits(db)) == 1


def test_undo(seen, db, house):
    address = seen.send(f"{house.here}/counts", {"occupation": "courier"}).location
    line = address.rpartition("=")[2]
    html = seen.get(address).get_data(as_text=True)
    assert html.index("plus-all") < html.index('class="undo"')  # the buttons stay where the thumb is
    answer = seen.send(f"{house.here}/undo", {"line": line})
    assert "Taken back" in seen.get(answer.location).get_data(as_text=True)
    assert visits(db) == []
    seen.send(f"{house.here}/undo", {"line": line})
    assert db.session.scalar(sa.text("SELECT count(*) FROM visit_reversals")) == 1


@pytest.mark.parametrize("typed", ["{card}", " {card} ", "{lower}"])
def test_a_code_that_holds_may_and_giving_counts_for_its_person(seen, db, house, typed):
    typed = typed.format(card=house.card, lower=house.card.lower())
    html = seen.send(f"{house.here}/check", {"card": typed}).get_data(as_text=True)
    assert 'class="card verdict may"' in html and visits(db) == []
    answer = seen.send(f"{house.here}/gives", {"card": typed})
    assert answer.status_code == 303
    [row] = visits(db)
    assert (row.worker_id, row.source) == (house.worker.id, "host")
    html = seen.get(answer.location).get_data(as_text=True)
    assert "Counted" in html and "rider" not in html.partition("one-more")[0]  # not even the occupation


def test_given_twice_within_minutes_counts_once(seen, db, house):
    for _ in range(2):
        assert seen.send(f"{house.here}/gives", {"card": house.card}).status_code == 303
    assert len(visits(db)) == 1


@pytest.mark.parametrize("typed", [PHONE, "410105199005170011", "李自强", "8000"])
def test_only_codes_are_read_no_search(seen, db, house, typed):
    for action in ("check", "gives"):
        answer = seen.send(f"{house.here}/{action}", {"card": typed}, inspect=True)
        html = answer.get_data(as_text=True)
        assert "Only a service code is read here" in html and "verdict may" not in html
    assert visits(db) == []


@pytest.fixture
def quiet(client, house):
    client.get(house.here)
    return client


def test_an_unknown_and_a_revoked_code_say_the_same(quiet, db, house):
    unknown = house.card[:-1] + ("A" if house.card[-1] != "A" else "B")
    first = quiet.send(f"{house.here}/check", {"card": unknown}).get_data(as_text=True)
    db.session.execute(sa.text("UPDATE worker_cards SET revoked_at = now()"))
    db.session.commit()
    second = quiet.send(f"{house.here}/check", {"card": house.card}).get_data(as_text=True)
    for html in (first, second):
        assert "verdict not" in html and ("does not hold now" in html or "Only a service code" in html)
    assert "does not hold now" in second


def test_no_invitation_is_ever_shown(quiet, house):
    answer = quiet.send(f"{house.here}/gives", {"card": house.card})
    html = quiet.get(answer.location).get_data(as_text=True)
    assert 'id="invitation"' not in html and "QR code to join" not in html
    assert quiet.get(f"/desk/{house.station.code}").status_code == 403


def test_only_stations_in_service_within_the_appointment(quiet, db, house):
    for station in (
        make_station(union=house.tree.foreign_county),
        make_station(union=house.tree.county, status=StationStatus.PLANNED),
    ):
        assert quiet.get(f"/host/{station.code}").status_code == 404
        assert quiet.send(f"/host/{station.code}/counts", {"occupation": "courier"}).status_code == 404
    assert visits(db) == []


def test_a_single_station_opens_at_once_several_are_listed(quiet, house):
    assert quiet.get("/host").location == house.here
    other = make_station(union=house.tree.town, name="花园路商店")
    html = quiet.get("/host").get_data(as_text=True)
    assert "花园路商店" in html and other.code in html


def test_a_line_of_somebody_else_is_neither_shown_nor_taken_back(quiet, app, db, house):
    address = quiet.send(f"{house.here}/counts", {"occupation": "courier"}).location
    other = app.test_client()
    sign_in_quickly(other, make_account([(Role.HOST, house.tree.county)], name="马丽"))
    assert 'class="undo"' not in other.get(address).get_data(as_text=True)
    other.send(f"{house.here}/undo", {"line": address.rpartition("=")[2]})
    assert len(visits(db)) == 1


# --- the session of one's own phone --------------------------------------------------------------------------------


def test_a_hosts_phone_stays_signed_in_for_a_day_and_no_longer(app, db, house):
    phone = app.test_client()
    start = clock.now()
    with clock.stopped_at(start):
        assert sign_in(phone, house.host).location == "/host"
    assert phone.get_cookie(sessions.cookie_name("session")).value.startswith("host.")
    with clock.stopped_at(start + timedelta(hours=11, minutes=59)):
        assert phone.get(house.here).status_code == 200
    with clock.stopped_at(start + timedelta(hours=12, minutes=1)):
        assert phone.get(house.here).status_code == 302
    assert db.session.query(AuditEntry).filter_by(action="account.signed_in").count() == 1


def test_the_longer_session_opens_counting_only(app, db, house):
    """Whatever else the account holds, the phone's session carries the host's role alone."""
    phone = app.test_client()
    sign_in(phone, house.host)
    db.session.execute(
        sa.text("INSERT INTO appointments (id, account_id, union_id, role, starts_on, created_at) "
                "VALUES (gen_random_uuid(), :a, :u, 'keeper', current_date - 1, now())"),
        {"a": house.host.id, "u": house.tree.county.id},
    )  # fmt: skip
    db.session.commit()
    assert phone.get(house.here).status_code == 200
    assert phone.get("/staff/stations").status_code == 403


def test_who_holds_more_roles_has_the_staffs_session(app, house):
    both = make_account([(Role.HOST, house.tree.county), (Role.KEEPER, house.tree.county)])
    client = app.test_client()
    sign_in(client, both)
    assert client.get_cookie(sessions.cookie_name("session")).value.startswith("staff.")
