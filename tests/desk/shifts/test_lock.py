"""The lock: pairing, names, PIN, throttle, and everything that ends a session on a paired screen."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock, throttle
from portal.access import By, Role
from portal.audit import AuditEntry
from portal.crypto import token_digest
from portal.db import db as database
from portal.desk.shifts import commands, queries
from portal.desk.shifts.models import Shift, StationDevice
from portal.sessions import Session, cookie_name
from portal.types import Refused
from portal.unions.staff import commands as staff
from tests.factories.shifts import PIN, give_pin, make_device, stand_at
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker


@pytest.fixture
def house(app):
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    return SimpleNamespace(
        tree=tree,
        station=station,
        code=station.code,
        desk=f"/desk/{station.code}",
        lock=f"/desk/{station.code}/lock",
        keeper=make_account([(Role.KEEPER, tree.county)], name="孙管理"),
        first=give_pin(make_account([(Role.OPERATOR, tree.county)], name="周敏")),
        second=give_pin(make_account([(Role.OPERATOR, tree.county)], name="吴值守")),
    )


@pytest.fixture
def screen(client, house):
    """A paired tablet, locked."""
    client.set_cookie("language", "en")
    house.device = make_device(house.station, house.keeper, client=client)
    return client


def enter(client, house, account, pin=PIN):
    if client.token is None:
        client.get(house.lock)
    answer = client.send(house.lock, {"who": str(account.id), "pin": pin})
    if answer.status_code == 303:
        client.token = None
    return answer


def is_out(client, house, **how) -> bool:
    answer = client.get(house.desk, **how)
    return answer.status_code == 302 and "/staff/sign-in" in answer.location


# --- pairing -------------------------------------------------------------------------------------------------------


def test_a_keeper_pairs_the_tablet_once_and_is_signed_out_on_it(client, db, house):
    sign_in_quickly(client, house.keeper)
    address = f"/staff/stations/{house.code}/devices"
    client.get(address)
    answer = client.send(address, {"name": "门口平板"})
    assert answer.status_code == 303 and answer.location == house.lock
    cookie = client.get_cookie(cookie_name("device"))
    assert cookie.http_only and cookie.max_age > 300 * 86400
    device = db.session.scalars(sa.select(StationDevice)).one()
    assert device.token_digest == token_digest(cookie.value)
    assert cookie.value not in db.session.execute(sa.text("SELECT station_devices::text FROM station_devices")).scalar_one()
    html = client.get(house.lock).get_data(as_text=True)
    assert "周敏" in html and "孙管理" not in html  # the keeper has no PIN
    assert is_out(client, house)
    assert db.session.query(AuditEntry).filter_by(action="device.paired").one().actor_id == house.keeper.id


def test_pairing_again_ends_what_the_screen_was(screen, db, house):
    other = make_station(union=house.tree.town, name="另一驿站")
    sign_in_quickly(screen, house.keeper)
    screen.get(f"/staff/stations/{other.code}/devices")
    screen.send(f"/staff/stations/{other.code}/devices", {"name": "新平板"})
    assert db.session.get(StationDevice, house.device.id).revoked_at
    assert screen.get(f"/desk/{other.code}/lock").status_code == 200
    assert screen.get(house.lock).status_code == 303


def test_only_keepers_within_scope_pair(client, house):
    for account, status in (
        (house.first, 403),
        (make_account([(Role.OFFICER, house.tree.county)]), 403),
        (make_account([(Role.KEEPER, house.tree.foreign_county)]), 404),
    ):
        sign_in_quickly(client, account)
        client.token = None
        client.get("/privacy")
        assert client.get(f"/staff/stations/{house.code}/devices").status_code == status
        assert client.send(f"/staff/stations/{house.code}/devices", {"name": "x"}).status_code == status


def test_without_pairing_there_are_no_names(client, house):
    answer = client.get(house.lock)
    assert answer.status_code == 303 and "/staff/sign-in" in answer.location
    client.get("/privacy")
    assert enter(client, house, house.first).location.startswith("/staff/sign-in")
    assert is_out(client, house)


# --- the PIN -------------------------------------------------------------------------------------------------------


def test_once_right_opens_the_counter(screen, db, house):
    answer = enter(screen, house, house.first)
    assert answer.status_code == 303 and answer.location == house.desk
    assert screen.get(house.desk).status_code == 200
    shift = db.session.scalars(sa.select(Shift)).one()
    assert (shift.account_id, shift.ended_at) == (house.first.id, None)
    entry = db.session.query(AuditEntry).filter_by(action="device.signed_in").one()
    assert entry.actor_id == house.first.id and PIN not in str(entry.details)


@pytest.mark.parametrize("pin", ["408317", "", "0", "4083160", "abcdef"])
def test_wrong_opens_nothing(screen, house, pin):
    assert enter(screen, house, house.first, pin).status_code == 422
    assert is_out(screen, house)


def test_a_pin_opens_only_where_the_person_serves(screen, db, house):
    """Somebody from elsewhere, somebody without a serving role, a closed account: all as if the PIN were wrong."""
    foreign = give_pin(make_account([(Role.OPERATOR, house.tree.foreign_county)], name="外地值守"))
    officer = give_pin(make_account([(Role.OFFICER, house.tree.county)], name="陈干事"))
    ended = give_pin(make_account([(Role.OPERATOR, house.tree.county)], ends_on=clock.today() - timedelta(days=1),
                                  starts_on=clock.today() - timedelta(days=9), name="去年值守"))  # fmt: skip
    closed = give_pin(make_account([(Role.OPERATOR, house.tree.county)], name="停用值守"))
    closed.closed_at = clock.now()
    db.session.commit()
    html = screen.get(house.lock).get_data(as_text=True)
    for account in (foreign, officer, ended, closed):
        assert account.name not in html
        assert enter(screen, house, account).status_code == 422
    assert "吴值守" in html


def test_five_wrong_ones_pause_this_person_on_this_screen_and_nobody_else(screen, app, db, house):
    for _ in range(throttle.PAIR_LIMIT):
        assert enter(screen, house, house.first, "908172").status_code == 422
    answer = enter(screen, house, house.first)
    assert answer.status_code == 429 and "others sign in here" in answer.get_data(as_text=True)
    assert enter(screen, house, house.second).status_code == 303  # a colleague, on this screen
    other = app.test_client()
    make_device(house.station, house.keeper, name="里屋平板", client=other)
    assert enter(other, house, house.first).status_code == 303  # the same person, on another screen
    assert db.session.query(AuditEntry).filter_by(action="account.pin_guessed").one().subject_id == str(house.first.id)
    later = clock.now() + throttle.WINDOW + timedelta(seconds=1)
    screen.send(f"{house.desk}/lock-screen")
    screen.token = None
    with clock.stopped_at(later):
        assert enter(screen, house, house.first).status_code == 303


def test_the_locked_screen_names_no_worker(screen, house):
    make_worker(name="李志强")
    stand_at(screen, house.device, house.first)
    for address in (house.lock, f"{house.lock}?who={house.first.id}"):
        html = screen.get(address).get_data(as_text=True)
        assert "周敏" in html and "李" not in html


def test_the_lock_works_as_a_plain_form(screen, house):
    html = screen.get(f"{house.lock}?who={house.first.id}").get_data(as_text=True)
    assert f'name="who" value="{house.first.id}"' in html and 'type="password"' in html and 'inputmode="numeric"' in html


# --- what ends it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "over"), [(9, False), (11, True)])
def test_ten_idle_minutes(screen, house, minutes, over):
    start = clock.now()
    with clock.stopped_at(start):
        enter(screen, house, house.first)
    with clock.stopped_at(start + timedelta(minutes=minutes)):
        assert is_out(screen, house) is over


def test_it_locks_at_the_minute(screen, house):
    start = clock.now()
    with clock.stopped_at(start):
        enter(screen, house, house.first)
    with clock.stopped_at(start + timedelta(minutes=9, seconds=59)):
        assert not is_out(screen, house)
    with clock.stopped_at(start + timedelta(minutes=19, seconds=59)):
        assert is_out(screen, house)


def test_twelve_hours_at_the_most(screen, house):
    start = clock.now()
    with clock.stopped_at(start):
        enter(screen, house, house.first)
    for step in range(1, 80):  # just within the ten minutes a screen may stand still
        with clock.stopped_at(start + timedelta(minutes=9 * step)):
            assert not is_out(screen, house, inspect=False), step
    with clock.stopped_at(start + timedelta(hours=12, seconds=1)):
        assert is_out(screen, house)


def test_a_revoked_screen_is_refused_on_its_next_request(screen, app, db, house):
    enter(screen, house, house.first)
    keeper = app.test_client()
    sign_in_quickly(keeper, house.keeper)
    keeper.get(f"/staff/stations/{house.code}/devices")
    answer = keeper.send(f"/staff/stations/{house.code}/devices/{house.device.id}/revoke")
    assert answer.status_code == 303
    assert is_out(screen, house)
    assert screen.get(house.lock).status_code == 303  # not even names
    shift = db.session.scalars(sa.select(Shift)).one()
    assert shift.ended_at and shift.forgotten
    assert db.session.query(AuditEntry).filter_by(action="device.revoked").count() == 1


def test_the_session_needs_the_screens_own_cookie(screen, house):
    enter(screen, house, house.first)
    other = make_device(house.station, house.keeper, name="里屋平板")
    screen.set_cookie(cookie_name("device"), other.token)
    assert is_out(screen, house)
    screen.set_cookie(cookie_name("device"), house.device.token)
    assert not is_out(screen, house)
    screen.delete_cookie(cookie_name("device"))
    assert is_out(screen, house)


def test_a_withdrawn_role_is_refused_on_the_next_request(screen, db, house):
    enter(screen, house, house.first)
    assert not is_out(screen, house)
    db.session.execute(
        sa.text("UPDATE appointments SET starts_on = starts_on - 9, ends_on = starts_on - 2 WHERE account_id = :a"),
        {"a": house.first.id},
    )
    db.session.commit()
    assert is_out(screen, house)


@pytest.mark.parametrize("what", ["disable", "password", "appoint"])
def test_whatever_ends_a_persons_sessions_ends_this_one(screen, db, house, what):
    enter(screen, house, house.first)
    account = db.session.merge(house.first)
    if what == "disable":
        staff.disable_account(account=account, union_id=None, elsewhere=False, by=By("staff", house.keeper.id))
    elif what == "password":
        staff.change_password(account=account, current=house.first.password, password="another horse entirely",
                              session_id=None, by=By("staff", account.id))  # fmt: skip
    else:
        staff.appoint(account=account, union=house.tree.town, role=Role.OPERATOR, by=By("staff", house.keeper.id))
    db.session.commit()
    assert is_out(screen, house)


def test_locking_ends_the_session_and_leaves_the_shift(screen, db, house):
    enter(screen, house, house.first)
    screen.get(house.desk)
    held = screen.get_cookie(cookie_name("session")).value
    assert screen.send(f"{house.desk}/lock-screen").location == house.lock
    screen.set_cookie(cookie_name("session"), held)
    assert is_out(screen, house)
    screen.token = None
    enter(screen, house, house.first)
    assert db.session.scalars(sa.select(Shift)).one().ended_at is None


def test_a_locked_screen_leads_back_to_its_lock(screen, house):
    assert screen.get(screen.get(house.desk).location).location == house.lock
    assert screen.get("/staff/sign-in?with=password").status_code == 200


# --- two at once, one statement ------------------------------------------------------------------------------------


def test_the_next_operator_ends_the_first_ones_session(screen, app, db, house):
    enter(screen, house, house.first)
    held = screen.get_cookie(cookie_name("session")).value
    screen.delete_cookie(cookie_name("session"))  # as if the browser had been closed meanwhile
    screen.get(house.lock)
    assert enter(screen, house, house.second).status_code == 303
    now = screen.get_cookie(cookie_name("session")).value
    screen.set_cookie(cookie_name("session"), held)
    assert is_out(screen, house)
    screen.set_cookie(cookie_name("session"), now)
    html = screen.get(f"{house.desk}/shift").get_data(as_text=True)
    assert "吴值守" in html


def test_parallel_sign_ins_make_one_open_shift(app, db, house):
    device = make_device(house.station, house.keeper)
    digest, people = device.token_digest, [house.first.id, house.second.id] * 3
    barrier, begun, wrong = threading.Barrier(len(people), timeout=20), [], []

    def sign_in(ident):
        with app.app_context():
            try:
                account = database.session.get(type(house.first), ident)
                barrier.wait()
                begun.append(commands.begin_shift(token_digest=digest, account=account, by=By("staff", ident)).shift.id)
                database.session.commit()
            except Exception as error:
                wrong.append(repr(error))
            finally:
                database.session.remove()

    threads = [threading.Thread(target=sign_in, args=(ident,)) for ident in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == [] and len(begun) == len(people)
    open_ones = db.session.scalars(sa.select(Shift).where(Shift.ended_at.is_(None))).all()
    assert len(open_ones) == 1
    assert all(shift.forgotten for shift in db.session.scalars(sa.select(Shift).where(Shift.ended_at.is_not(None))))


def test_a_screen_revoked_meanwhile_begins_nothing(db, house):
    device = make_device(house.station, house.keeper)
    commands.revoke_device(device=device, station=house.station, by=By("staff", house.keeper.id))
    with pytest.raises(Refused):
        commands.begin_shift(token_digest=device.token_digest, account=house.first, by=By("staff", house.first.id))


def test_the_session_is_one_statement(screen, house, monkeypatch):
    """Session, device, station and appointment in one read: what every tap at the desk pays."""
    enter(screen, house, house.first)
    screen.get(house.desk)
    asked = []
    real = queries.one_statement
    monkeypatch.setattr(queries, "one_statement", lambda *args, **more: asked.append(1) or real(*args, **more))
    held = []

    def count(*args):
        held.append(args[2])

    engine = database.engine
    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        assert screen.get("/privacy").status_code == 200
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)
    assert len(asked) == 1 and held == []


def test_the_table_says_which_device_a_session_is_bound_to(screen, db, house):
    enter(screen, house, house.first)
    row = db.session.scalars(sa.select(Session).where(Session.revoked_at.is_(None))).one()
    assert (row.actor_kind, row.actor_id, row.device_id) == ("staff", house.first.id, house.device.id)
