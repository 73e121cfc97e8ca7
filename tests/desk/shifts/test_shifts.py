"""Shifts: figures, handover, acknowledging, what was forgotten, the keeper's list, and each constraint by its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import By, Role
from portal.audit import AuditEntry
from portal.desk.shifts import queries
from portal.desk.shifts.models import Shift
from portal.desk.shifts.rules import lines_left, problems_with_acknowledging, problems_with_handover
from portal.stations.recording.commands import record_visits
from portal.stations.visits.models import VisitSource
from portal.vocabulary import BasicService, Occupation
from tests.factories.shifts import PIN, give_pin, make_device, make_shift, stand_at
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

NOON = datetime(2026, 6, 15, 4, tzinfo=UTC)  # a stay must not be cut in two by midnight
W, M = BasicService.DRINKING_WATER, BasicService.HOT_MEAL


@pytest.fixture
def house(app, client):
    client.set_cookie("language", "en")
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    keeper = make_account([(Role.KEEPER, tree.county)], name="孙管理")
    return SimpleNamespace(
        tree=tree, station=station, code=station.code, desk=f"/desk/{station.code}", keeper=keeper,
        first=give_pin(make_account([(Role.OPERATOR, tree.county)], name="周敏")),
        second=give_pin(make_account([(Role.OPERATOR, tree.county)], name="吴值守")),
        device=make_device(station, keeper, client=client),
    )  # fmt: skip


def give(house, account, *, at, service=W, worker=None, count=1):
    return record_visits(
        station_id=house.station.id, union_id=house.station.union_id, occupation=Occupation.COURIER, service=service,
        at=at, source=VisitSource.DESK, by=By("staff", account.id), count=count, worker_id=worker,
    )  # fmt: skip


def enter(client, house, account):
    client.get(f"{house.desk}/lock")
    answer = client.send(f"{house.desk}/lock", {"who": str(account.id), "pin": PIN})
    assert answer.status_code == 303
    client.token = None
    return answer


def test_figures_count_stays_and_people_apart_and_only_ones_own(db, house):
    began = NOON - timedelta(hours=2)
    shift = make_shift(house.device, house.first, began_at=began)
    worker = make_worker().id
    give(house, house.first, at=began + timedelta(minutes=1), worker=worker)
    give(house, house.first, at=began + timedelta(minutes=9), worker=worker, service=M)
    give(house, house.first, at=began + timedelta(minutes=20), count=3)
    give(house, house.first, at=began - timedelta(minutes=20))  # before the shift
    give(house, house.second, at=began + timedelta(minutes=30))  # somebody else's
    taken_back = give(house, house.first, at=began + timedelta(minutes=40))[0]
    db.session.execute(
        sa.text("INSERT INTO visit_reversals (line_id, line_at, visit_id, at, reason) VALUES (:l, :a, :v, now(), 'x')"),
        {"l": taken_back.line_id, "a": taken_back.line_at, "v": taken_back.visit_id},
    )
    db.session.commit()
    with clock.stopped_at(NOON):
        given = queries.figures([shift])[shift.id]
    assert (given.visits, given.identified) == (4, 1)
    assert given.by_service == {W: 4, M: 1}
    assert queries.figures([]) == {}


def test_a_shift_is_handed_over_read_and_acknowledged(client, db, house):
    enter(client, house, house.first)
    give(house, house.first, at=clock.now())
    db.session.commit()
    html = client.get(f"{house.desk}/shift").get_data(as_text=True)
    assert "Drinking water" in html and "周敏" in html
    answer = client.send(f"{house.desk}/shift/hand-over", {"left": "水 40 瓶\n\n馒头 12 个；", "notes": "微波炉报修了"})
    assert answer.location == f"{house.desk}/lock"
    assert client.get(house.desk).status_code == 302  # the session ended with it
    shift = db.session.scalars(sa.select(Shift)).one()
    assert shift.left == ["水 40 瓶", "馒头 12 个"] and shift.notes == "微波炉报修了" and not shift.forgotten
    entry = db.session.query(AuditEntry).filter_by(action="shift.handed_over").one()
    assert entry.details["visits"] == 1

    client.token = None
    address = f"{house.desk}/handovers/{shift.id}"
    assert enter(client, house, house.second).location == address
    html = client.get(address).get_data(as_text=True)
    assert "水 40 瓶" in html and "周敏" in html and "微波炉报修了" in html
    assert client.send(f"{address}/acknowledge").location == house.desk
    shift = db.session.get(Shift, shift.id)
    assert shift.acknowledged_by == house.second.id and shift.acknowledged_at >= shift.ended_at
    assert "Read by 吴值守" in client.get(address).get_data(as_text=True)


def test_the_same_operator_back_after_the_lock_goes_on(client, db, house):
    enter(client, house, house.first)
    client.get(f"{house.desk}/shift")
    client.send(f"{house.desk}/lock-screen")
    client.token = None
    assert enter(client, house, house.first).location == house.desk
    assert db.session.scalar(sa.select(sa.func.count(Shift.id))) == 1


def test_a_forgotten_handover_is_ended_by_the_next_sign_in_which_says_so(client, db, house):
    forgotten = make_shift(house.device, house.first, began_at=clock.now() - timedelta(hours=3))
    assert enter(client, house, house.second).location == house.desk
    assert "The shift of 周敏 was not handed over" in client.get(house.desk).get_data(as_text=True)
    row = db.session.get(Shift, forgotten.id)
    assert row.forgotten and row.ended_at
    assert db.session.query(AuditEntry).filter_by(action="shift.forgotten").one().actor_id == house.second.id
    page = client.get(f"{house.desk}/handovers/{forgotten.id}").get_data(as_text=True)
    assert "Nothing was handed over here" in page
    assert client.send(f"{house.desk}/handovers/{forgotten.id}/acknowledge").status_code == 422


def test_yesterdays_shift_does_not_go_on(client, db, house):
    old = make_shift(house.device, house.first, began_at=clock.now() - timedelta(hours=17))
    enter(client, house, house.first)
    assert db.session.get(Shift, old.id).forgotten
    assert queries.find_open_shift(house.device.id).id != old.id


def test_nobody_acknowledges_their_own_handover(client, db, house):
    shift = make_shift(house.device, house.first, ended_at=clock.now() + timedelta(seconds=1))
    stand_at(client, house.device, house.first)
    client.get(f"{house.desk}/handovers/{shift.id}")
    assert client.send(f"{house.desk}/handovers/{shift.id}/acknowledge").status_code == 422
    assert db.session.get(Shift, shift.id).acknowledged_by is None


def test_the_first_name_under_a_handover_stays(client, app, db, house):
    third = make_account([(Role.OPERATOR, house.tree.county)], name="郑值守")
    shift = make_shift(house.device, house.first, ended_at=clock.now() + timedelta(seconds=1))
    for account in (house.second, third):
        stand_at(client, house.device, account)
        client.token = None
        client.get(f"{house.desk}/handovers/{shift.id}")
        assert client.send(f"{house.desk}/handovers/{shift.id}/acknowledge").status_code == 303
    assert db.session.get(Shift, shift.id).acknowledged_by == house.second.id


def test_what_was_typed_stays_when_a_handover_is_refused(client, db, house):
    make_shift(house.device, house.first)
    stand_at(client, house.device, house.first)
    client.get(f"{house.desk}/shift")
    answer = client.send(f"{house.desk}/shift/hand-over", {"left": "水" * 61, "notes": "看一下门锁"})
    assert answer.status_code == 422 and "看一下门锁" in answer.get_data(as_text=True)
    assert queries.find_open_shift(house.device.id)


def test_away_from_a_paired_screen_there_is_no_shift(client, house):
    sign_in_quickly(client, house.first)
    html = client.get(f"{house.desk}/shift").get_data(as_text=True)
    assert "No shift of yours runs on this screen" in html
    assert client.send(f"{house.desk}/shift/hand-over", {"left": "x"}).location == f"{house.desk}/shift"


# --- rules ---------------------------------------------------------------------------------------------------------


def test_lines():
    assert lines_left("水 40 瓶\n\n 馒头 12 个；藿香正气水 0\r\n") == ["水 40 瓶", "馒头 12 个", "藿香正气水 0"]
    assert lines_left(None) == []
    assert problems_with_handover(["水 40 瓶"], "好") == []
    assert [p.code for p in problems_with_handover(["x"] * 21, None)] == ["many"]
    assert [p.code for p in problems_with_handover(["x" * 61], None)] == ["long"]
    assert [p.code for p in problems_with_handover([], "x" * 501)] == ["notes"]
    assert problems_with_acknowledging(own=False, forgotten=False, over=True) == []


# --- the keeper's list ---------------------------------------------------------------------------------------------


@pytest.fixture
def listed(db, house):
    start = clock.now() - timedelta(days=5)
    shifts = [
        make_shift(house.device, (house.first, house.second)[n % 2], began_at=start + timedelta(hours=n),
                   ended_at=start + timedelta(hours=n, minutes=50), left=[f"水 {n} 瓶"])
        for n in range(7)
    ]  # fmt: skip
    give(house, house.first, at=start + timedelta(minutes=5), count=2)
    db.session.commit()
    return shifts


def test_keepers_see_the_list_and_search_it(client, house, listed):
    address = f"/staff/stations/{house.code}/shifts"
    sign_in_quickly(client, house.keeper)
    html = client.get(address).get_data(as_text=True)
    assert all(f"水 {n} 瓶" in html for n in range(7))
    html = client.get(f"{address}?q=周敏").get_data(as_text=True)
    assert "水 0 瓶" in html and "水 1 瓶" not in html
    assert "No shift fits" in client.get(f"{address}?first=2031-01-01").get_data(as_text=True)
    assert "No shift fits" in client.get(f"{address}?last=2001-01-01").get_data(as_text=True)
    for typed in ("nonsense", "0001-01-01", "9999-12-31"):
        assert "水 3 瓶" in client.get(f"{address}?first={typed}&last={typed}").get_data(as_text=True)


def test_pages_of_the_list_meet_without_gap(house, listed):
    seen, after = [], None
    for _ in range(9):
        found = queries.list_shifts(house.station, after=after, limit=2)
        seen += [row.shift.id for row in found]
        if not (after := found.after):
            break
    assert seen == [shift.id for shift in reversed(listed)]


def test_the_export_holds_every_row_with_its_figures(house, listed):
    rows = list(queries.rows_for_export(house.station, portion=3))
    assert [row.shift.id for row, _ in rows] == [shift.id for shift in reversed(listed)]
    assert rows[-1][1].visits == 2


def test_the_export_is_a_workbook(client, house, listed):
    sign_in_quickly(client, house.keeper)
    answer = client.get(f"/staff/stations/{house.code}/shifts/export?q=周敏")
    assert answer.status_code == 200 and answer.get_data()[:2] == b"PK"


def test_the_list_of_screens(client, house):
    sign_in_quickly(client, house.keeper)
    html = client.get("/staff/devices").get_data(as_text=True)
    assert "花园路驿站" in html
    make_shift(house.device, house.first)
    html = client.get(f"/staff/stations/{house.code}/devices").get_data(as_text=True)
    assert "门口平板" in html and "周敏" in html


# --- what the database holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("ended_at = began_at - interval '1 second'", "ck_shifts_ends_after_start"),
        ("forgotten = true", "ck_shifts_forgotten_is_over"),
        ("acknowledged_by = account_id", "ck_shifts_acknowledged_whole"),
        ("acknowledged_at = now(), acknowledged_by = account_id", "ck_shifts_acknowledged_after_handover"),
    ],
)
def test_constraints(db, house, change, name):
    shift = make_shift(house.device, house.first)
    with pytest.raises(sa.exc.IntegrityError, match=name):
        db.session.execute(sa.text(f"UPDATE shifts SET {change} WHERE id = :i"), {"i": shift.id})
    db.session.rollback()


def test_one_open_shift_a_screen(db, house):
    make_shift(house.device, house.first)
    with pytest.raises(sa.exc.IntegrityError, match="uq_shifts_open"):
        make_shift(house.device, house.second)
    db.session.rollback()


def test_screens_have_one_token_each_and_a_whole_revocation(db, house):
    values = {"i": house.device.id}
    with pytest.raises(sa.exc.IntegrityError, match="ck_station_devices_revoked_whole"):
        db.session.execute(sa.text("UPDATE station_devices SET revoked_at = now() WHERE id = :i"), values)
    db.session.rollback()
    with pytest.raises(sa.exc.IntegrityError, match="uq_station_devices_token_digest"):
        db.session.execute(
            sa.text("INSERT INTO station_devices (id, station_id, name, token_digest, paired_at, paired_by)"
                    " SELECT gen_random_uuid(), station_id, name, token_digest, paired_at, paired_by"
                    " FROM station_devices WHERE id = :i"),
            values,
        )  # fmt: skip
    db.session.rollback()
