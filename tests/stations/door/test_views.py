"""The page behind the door's code: two taps, undo, a phone if one wishes, say what is wrong; nobody is asked for a name."""

from __future__ import annotations

import gzip
import io
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal import clock, retention
from portal.access import Role
from portal.stations.door import rules
from portal.stations.door.models import DoorClaim
from portal.stations.register.models import StationStatus
from portal.stations.upkeep.models import Report, ReportKind, ReportSource
from portal.stations.visits.models import Visit, VisitLine, VisitReversal, VisitSource
from portal.types import new_id
from portal.vocabulary import BasicService
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_report, photo_file
from tests.factories.workers import make_phone, make_worker, sign_in_worker


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def station(db, tree, client):
    client.set_cookie("language", "en")
    return make_station(union=tree.county, name="花园路驿站")


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def count(db, model, *conditions) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model).where(*conditions))


def check_in(client, station, occupation="courier", **more):
    client.get(f"/s/{station.code}")
    return client.send(f"/s/{station.code}/check-in", {"occupation": occupation}, **more)


# --- the page ------------------------------------------------------------------------------------------------------


def test_what_the_door_says(app, client, station):
    page = text_of(client.get(f"/s/{station.code}"))
    assert "花园路驿站" in page and 'href="tel:12351"' in page and 'href="tel:120"' in page
    assert page.index("tel:120") < page.index("Check in") < page.index("Say what is wrong")
    assert "Open around the clock" in page
    weight = sum(
        len(gzip.compress(text.encode() if isinstance(text, str) else text))
        for text in (page, *(_asset(client, name) for name in re.findall(r'(?:href|src)="(/static/[^"]+)"', page)))
    )
    assert weight < 40_000, weight


def _asset(client, address) -> bytes:
    return client.get(address.replace("&amp;", "&")).data


def test_a_station_that_does_not_serve(client, tree, station):
    for status in (StationStatus.WITHDRAWN, StationStatus.SUSPENDED, StationStatus.UNDER_REPAIR):
        gone = make_station(union=tree.county, status=status)
        page = text_of(client.get(f"/s/{gone.code}"))
        assert "does not serve" in page and f"/stations?county={gone.county_code}" in page and "check-in" not in page
        assert client.send(f"/s/{gone.code}/check-in", {"occupation": "courier"}).status_code == 303
        assert client.send(f"/s/{gone.code}/report", {"kind": "locked"}).status_code == 303
    planned = make_station(union=tree.county, status=StationStatus.PLANNED)
    assert client.get(f"/s/{planned.code}").status_code == 404 and client.get("/s/nothing").status_code == 404


# --- check in ------------------------------------------------------------------------------------------------------


def test_two_taps_count_one_visit_without_a_name(client, db, station):
    station.default_service = BasicService.DRINKING_WATER
    db.session.commit()
    answer = check_in(client, station)
    assert answer.status_code == 303 and answer.location == f"/s/{station.code}/checked-in"
    assert "Checked in" in text_of(client.get(answer.location))
    visit = db.session.scalars(sa.select(Visit)).one()
    assert (visit.source, visit.worker_id, visit.occupation.value) == (VisitSource.SELF, None, "courier")
    assert db.session.scalars(sa.select(VisitLine)).one().service is BasicService.DRINKING_WATER


def test_a_double_tap_is_one_and_so_is_a_second_within_ten_minutes(client, db, station):
    first = check_in(client, station, key="the-same-key")
    assert client.send(f"/s/{station.code}/check-in", {"occupation": "courier"}, key="the-same-key").location == first.location
    again = check_in(client, station, "truck_driver")
    assert again.status_code == 303 and "once is enough" in text_of(client.get(again.location))
    assert count(db, Visit) == 1
    with clock.stopped_at(clock.now() + rules.AGAIN_AFTER):
        check_in(client, station)
    assert count(db, Visit) == 2


def test_nothing_chosen_and_nonsense(client, db, station):
    for occupation in ("", "king"):
        assert check_in(client, station, occupation).status_code == 422
    assert count(db, Visit) == 0


def test_thirty_an_hour_from_one_address(app, db, station, monkeypatch):
    monkeypatch.setattr(rules, "CHECK_INS_AN_HOUR", 3)
    for _ in range(3):
        assert check_in(app.test_client(), station).status_code == 303
    late = app.test_client()
    late.set_cookie("language", "en")
    refused = check_in(late, station)
    assert refused.status_code == 429 and "Please wait" in text_of(refused) and count(db, Visit) == 3
    with clock.stopped_at(clock.now() + timedelta(minutes=61)):
        assert check_in(late, station).status_code == 303


def test_undo_for_a_minute(client, db, station):
    check_in(client, station)
    assert "Take it back" in text_of(client.get(f"/s/{station.code}/checked-in"))
    assert client.send(f"/s/{station.code}/undo").location == f"/s/{station.code}"
    assert count(db, VisitReversal) == 1
    assert "nothing to take back" in text_of(client.get(client.send(f"/s/{station.code}/undo").location))
    with clock.stopped_at(clock.now() - timedelta(seconds=61)):
        check_in(client, station)
    page = text_of(client.get(client.send(f"/s/{station.code}/undo").location))
    assert "for one minute" in page and "Take it back" not in page
    assert count(db, VisitReversal) == 1


def test_whoever_is_signed_in_checks_in_without_a_name_too(app, db, station):
    worker, browser = make_worker(), app.test_client()
    sign_in_worker(browser, worker)
    assert check_in(browser, station).status_code == 303
    assert db.session.scalars(sa.select(Visit)).one().worker_id is None
    assert browser.send(f"/s/{station.code}/undo").status_code == 303 and count(db, VisitReversal) == 1


# --- a phone, if one wishes ----------------------------------------------------------------------------------------


def leave(client, station, phone):
    check_in(client, station)
    client.get(f"/s/{station.code}/checked-in")
    return client.send(f"/s/{station.code}/phone", {"phone": phone})


def test_a_phone_is_nobodys_until_its_owner_says_yes(app, client, db, station):
    phone = make_phone()
    owner, other = make_worker(phone=phone, confirmed=True), make_worker(confirmed=True)
    unproved = make_worker(phone=phone, name="别人", confirmed=False)
    assert leave(client, station, phone).status_code == 303
    claim = db.session.scalars(sa.select(DoorClaim)).one()
    assert claim.worker_id is None and claim.phone == phone and phone.encode() not in claim.phone_cipher
    assert db.session.scalars(sa.select(Visit)).one().worker_id is None

    for stranger in (other, unproved):
        browser = app.test_client()
        sign_in_worker(browser, stranger)
        assert 'id="claims"' not in text_of(browser.get("/me"))
        assert browser.send(f"/me/check-ins/{claim.id}", {"answer": "yes"}).status_code == 404

    browser = app.test_client()
    browser.set_cookie("language", "en")
    sign_in_worker(browser, owner)
    assert "Was this you?" in text_of(browser.get("/me"))
    assert browser.send(f"/me/check-ins/{claim.id}", {"answer": "yes"}).status_code == 303
    mine = text_of(browser.get("/me/received"))
    assert "Self check-in" in mine and "Was this you?" not in mine and "花园路驿站" in mine
    db.session.expire_all()
    claim = db.session.scalars(sa.select(DoorClaim)).one()
    assert claim.worker_id == owner.id and claim.phone_cipher is None and claim.phone_index is None
    assert browser.send(f"/me/check-ins/{claim.id}", {"answer": "yes"}).status_code == 404


def test_no_and_time_both_let_it_vanish(app, client, db, station):
    phone = make_phone()
    owner = make_worker(phone=phone, confirmed=True)
    leave(client, station, phone)
    browser = app.test_client()
    sign_in_worker(browser, owner)
    browser.get("/me")
    claim = db.session.scalars(sa.select(DoorClaim)).one()
    assert browser.send(f"/me/check-ins/{claim.id}", {"answer": "no"}).status_code == 303
    assert count(db, DoorClaim) == 0 and count(db, Visit) == 1
    visit = db.session.scalars(sa.select(Visit)).one()
    for days in (29, 31):
        old = DoorClaim(id=new_id(), visit_id=visit.id, visit_at=visit.at, claimed_at=clock.now() - timedelta(days=days))
        old.phone = phone
        db.session.add(old)
        db.session.commit()
        assert retention.apply()["door_claims"] == (days > 30)
        db.session.execute(sa.delete(DoorClaim))
        db.session.commit()


def test_what_is_no_phone_is_said_and_kept(client, db, station):
    answer = leave(client, station, "12345")
    assert answer.status_code == 422 and 'value="12345"' in text_of(answer) and count(db, DoorClaim) == 0
    assert "30 days" in text_of(answer)


def test_who_withdrew_the_record_is_not_asked(app, client, db, station):
    phone = make_phone()
    owner = make_worker(phone=phone, confirmed=True)
    owner.unrecorded_since = clock.now()
    db.session.commit()
    leave(client, station, phone)
    browser = app.test_client()
    sign_in_worker(browser, owner)
    assert 'id="claims"' not in text_of(browser.get("/me"))


def test_too_many_for_one_phone_are_passed_over(app, db, station, monkeypatch):
    monkeypatch.setattr(rules, "CLAIMS_WAITING", 2)
    phone = make_phone()
    for _ in range(3):
        assert leave(app.test_client(), station, phone).status_code == 303
    assert count(db, DoorClaim) == 2


def test_undo_takes_the_phone_along(client, db, station):
    leave(client, station, make_phone())
    client.send(f"/s/{station.code}/undo")
    assert count(db, DoorClaim) == 0


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ck_door_claims_confirmed_by_somebody", {"confirmed_at": clock.now(), "phone_cipher": None, "phone_index": None}),
        ("ck_door_claims_phone_until_confirmed", {"phone_cipher": None, "phone_index": None}),
        ("ck_door_claims_phone_indexed", {"phone_index": None}),
        ("uq_door_claims_visit_id", {"twice": True}),
    ],
)
def test_constraints_of_claims(client, db, station, name, changes):
    check_in(client, station)
    visit = db.session.scalars(sa.select(Visit)).one()
    values = {
        "visit_id": visit.id, "visit_at": visit.at, "claimed_at": clock.now(), "phone_cipher": b"c", "phone_index": b"i",
    } | {key: value for key, value in changes.items() if key != "twice"}  # fmt: skip
    with pytest.raises(IntegrityError, match=name):
        for _ in range(2 if "twice" in changes else 1):
            db.session.execute(sa.insert(DoorClaim), values | {"id": new_id()})
    db.session.rollback()


# --- say what is wrong ---------------------------------------------------------------------------------------------


def say(client, station, data, **more):
    client.get(f"/s/{station.code}/report")
    return client.send(f"/s/{station.code}/report", data, content_type="multipart/form-data", **more)


def test_say_it_and_others_read_it(app, client, db, station):
    sent = {"kind": "broken", "facility": "microwave", "note": "不热了", "photo": (photo_file(), "a.jpg")}
    answer = say(client, station, sent)
    assert answer.location == f"/s/{station.code}/reported"
    page = text_of(client.get(answer.location))
    assert "The keeper knows" in page and "due in 3 days" in page
    report = db.session.scalars(sa.select(Report)).one()
    assert report.source is ReportSource.DOOR and report.kind is ReportKind.BROKEN
    visitor = app.test_client()
    visitor.set_cookie("language", "en")
    door = text_of(visitor.get(f"/s/{station.code}"))
    assert "A moment ago someone said about Microwave: broken" in door
    assert "不热了" not in door and "photos" not in door
    assert visitor.get(f"/s/{station.code}/reported").status_code == 302


def test_said_by_three_people_and_each_browser_once(app, client, db, station):
    for browser in (client, app.test_client(), app.test_client()):
        for _ in range(2):
            assert say(browser, station, {"kind": "locked"}).status_code == 303
    assert db.session.scalars(sa.select(Report)).one().said == 3


def test_typed_things_stay_on_error(client, db, station):
    wrong = say(client, station, {"note": "我写的话", "facility": "toilet"})
    page = text_of(wrong)
    assert wrong.status_code == 422 and "我写的话" in page and re.search(r'<option selected value="toilet">', page)
    broken = say(client, station, {"kind": "dirty", "note": "我写的话", "photo": (io.BytesIO(b"x"), "a.jpg")})
    assert broken.status_code == 422 and "我写的话" in text_of(broken) and "choose it again" in text_of(broken)
    text_for_file = say(client, station, {"kind": "dirty", "photo": "no file"})
    assert text_for_file.status_code == 303 and count(db, Report) == 1
    foreign_thing = say(client, station, {"kind": "broken", "facility": "shower"})
    assert foreign_thing.status_code == 422


def test_reports_are_throttled_but_not_the_operators(app, tree, db, station, monkeypatch):
    monkeypatch.setattr(rules, "REPORTS_AN_HOUR", 2)
    for _ in range(2):
        assert say(app.test_client(), station, {"kind": "locked"}).status_code == 303
    assert say(app.test_client(), station, {"kind": "locked"}).status_code == 429
    operator = app.test_client()
    sign_in_quickly(operator, make_account(roles=[(Role.OPERATOR, tree.county)]))
    assert say(operator, station, {"kind": "dirty"}).status_code == 303
    assert db.session.scalars(sa.select(Report.source).where(Report.kind == ReportKind.DIRTY)).one() is ReportSource.DESK


def test_answered_then_put_right(client, db, station):
    from portal.access import SYSTEM
    from portal.stations.upkeep import commands

    report = make_report(station)
    assert "someone said it is locked" in text_of(client.get(f"/s/{station.code}"))
    commands.answer(report=report, by=SYSTEM)
    db.session.commit()
    assert "the keeper is on it" in text_of(client.get(f"/s/{station.code}"))
    commands.repair(report=report, by=SYSTEM)
    db.session.commit()
    page = text_of(client.get(f"/s/{station.code}"))
    assert "someone said" not in page and "the keeper is on it" not in page


def test_the_operator_says_it_from_the_desk(app, tree, db, station):
    operator = app.test_client()
    sign_in_quickly(operator, make_account(roles=[(Role.OPERATOR, tree.county)]))
    where = f"/desk/{station.code}/report"
    assert operator.get(where).status_code == 200
    assert operator.send(where, {"note": "没选"}).status_code == 422
    sent = {"kind": "out_of_stock", "facility": "drinking_water", "note": "没水了"}
    done = operator.send(where, sent, content_type="multipart/form-data")
    assert done.location == f"/desk/{station.code}"
    assert db.session.scalars(sa.select(Report.source)).one() is ReportSource.DESK
    elsewhere = make_station(union=tree.foreign_county, county_code="410302")
    assert operator.get(f"/desk/{elsewhere.code}/report").status_code == 404
    assert operator.send(f"/desk/{elsewhere.code}/report", sent).status_code == 404
