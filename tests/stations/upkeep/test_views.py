"""The keeper's pages: what awaits, the list by its clock, answer and settle, photographs for keepers only."""

from __future__ import annotations

import io
from datetime import timedelta
from types import SimpleNamespace

import pytest
import python_calamine
import sqlalchemy as sa

from portal import clock
from portal.access import Role
from portal.pictures import Picture
from portal.stations.upkeep import commands, queries
from portal.stations.upkeep.models import Report, ReportKind, ReportPhoto, ReportStatus
from portal.unions.staff.queries import list_awaiting
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_report, photo_file, photo_of

ENGLISH = {"Cookie": "language=en"}


@pytest.fixture
def world(app, db, client):
    tree = small_tree()
    station = make_station(union=tree.county, name="花园路驿站")
    foreign = make_station(union=tree.foreign_county, name="老城驿站", county_code="410302")
    keeper = make_account(roles=[(Role.KEEPER, tree.county)], name="陈站管")
    sign_in_quickly(client, keeper)
    client.set_cookie("language", "en")
    return SimpleNamespace(tree=tree, station=station, foreign=foreign, keeper=keeper)


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def test_the_overdue_stand_first_and_the_home_says_so(app, client, world):
    now = clock.now()
    with clock.stopped_at(now - timedelta(hours=5)):
        make_report(world.station, ReportKind.LOCKED, note="门锁着")
    make_report(world.station, ReportKind.UNSAFE)
    make_report(world.station, ReportKind.BROKEN)
    make_report(world.foreign, ReportKind.DIRTY)
    page = text_of(client.get("/staff/reports")).split("<tbody>")[1]
    assert page.index("3 hours overdue") < page.index("Not safe") < page.index("Broken")
    assert "due in 120 minutes" in page or "due in 2 hours" in page
    assert "老城驿站" not in page and "门锁着" in page
    assert "Reports from the door, 1 overdue" in text_of(client.get("/staff"))


def test_filters_and_export(client, world):
    make_report(world.station, ReportKind.LOCKED)
    done = make_report(world.station, ReportKind.BROKEN)
    commands.repair(report=done, by=queries_by(world))
    commit()
    rows = lambda address: text_of(client.get(address)).count("<tr data-open>")  # noqa: E731
    assert rows("/staff/reports") == 1 and rows("/staff/reports?state=all") == 2
    assert rows("/staff/reports?state=repaired") == 1 and rows("/staff/reports?state=overdue") == 0
    assert rows("/staff/reports?state=all&kind=broken") == 1 and rows("/staff/reports?state=all&q=花园") == 2
    assert rows("/staff/reports?q=没有") == 0 and rows("/staff/reports?state=nonsense") == 1
    assert "No report matches" in text_of(client.get("/staff/reports?kind=dirty"))
    book = client.get("/staff/reports/export?state=all")
    sheet = python_calamine.load_workbook(io.BytesIO(book.data)).get_sheet_by_index(0).to_python()
    assert len(sheet) == 3 and sheet[1][0] == "花园路驿站"


def queries_by(world):
    from portal.access import By

    return By("staff", world.keeper.id)


def commit():
    from portal.db import db

    db.session.commit()


def test_answer_settle_reopen(client, world):
    report = make_report(world.station)
    where = f"/staff/reports/{report.id}"
    client.get(where)
    assert client.send(f"{where}/answer", {"note": "我去开门"}).status_code == 303
    assert "陈站管" in text_of(client.get(where)) and "我去开门" in text_of(client.get(where))
    wrong = client.send(f"{where}/settle", {"outcome": "unfounded", "settle_note": ""})
    assert wrong.status_code == 422 and "Say in a few words why." in text_of(wrong)
    assert client.send(f"{where}/settle", {"settle_note": "写了什么"}).status_code == 422
    kept = client.send(f"{where}/settle", {"outcome": "nonsense", "settle_note": "写了什么"})
    assert "写了什么" in text_of(kept)
    photo = (photo_file(), "after.jpg")
    sent = {"outcome": "repaired", "settle_note": "修好了", "photo": photo}
    done = client.send(f"{where}/settle", sent, content_type="multipart/form-data")
    assert done.status_code == 303
    page = text_of(client.get(where))
    assert "Put right" in page and f"{where}/photos/" in page
    again = client.send(f"{where}/answer", {})
    assert again.status_code == 422 and "cannot become" in text_of(again)
    assert client.send(f"{where}/reopen", {"reopen_note": ""}).status_code == 422
    assert client.send(f"{where}/reopen", {"reopen_note": "又锁了"}).status_code == 303
    assert "Opened again" in text_of(client.get(where))


def test_a_broken_photo_leaves_nothing_behind(client, db, world):
    report = make_report(world.station)
    where = f"/staff/reports/{report.id}"
    client.get(where)
    sent = {"outcome": "repaired", "settle_note": "修好", "photo": (io.BytesIO(b"no picture"), "a.jpg")}
    answer = client.send(f"{where}/settle", sent, content_type="multipart/form-data")
    assert answer.status_code == 422 and "no photo that can be read" in text_of(answer) and "修好" in text_of(answer)
    assert db.session.get(Report, report.id).status is ReportStatus.REPORTED


def test_photos_are_for_their_keepers_only(app, client, world):
    own, foreign = make_report(world.station, photo=True), make_report(world.foreign, photo=True)
    own_photo, foreign_photo = photo_of(own), photo_of(foreign)
    shown = client.get(f"/staff/reports/{own.id}/photos/{own_photo}?small=1")
    assert shown.status_code == 200 and shown.mimetype == "image/jpeg" and "private" in shown.headers["Cache-Control"]
    assert client.get(f"/staff/reports/{foreign.id}/photos/{foreign_photo}").status_code == 404
    assert client.get(f"/staff/reports/{own.id}/photos/{foreign_photo}").status_code == 404
    for other in (app.test_client(),):
        assert other.get(f"/staff/reports/{own.id}/photos/{own_photo}").status_code == 302
    operator = make_account(roles=[(Role.OPERATOR, world.tree.county)])
    desk = app.test_client()
    sign_in_quickly(desk, operator)
    assert desk.get(f"/staff/reports/{own.id}/photos/{own_photo}").status_code == 403


def test_a_stations_record(client, world):
    now = clock.now()
    for hours, took in ((100, 1), (80, 3), (60, 26)):
        with clock.stopped_at(now - timedelta(hours=hours)):
            report = make_report(world.station, ReportKind.BROKEN)
        with clock.stopped_at(now - timedelta(hours=hours - took)):
            commands.repair(report=report, by=queries_by(world))
            commit()
    with clock.stopped_at(now - timedelta(days=91)):
        make_report(world.station, ReportKind.LOCKED)
    record = queries.record_of(world.station.id)
    assert (record.reports, record.repaired, record.median, record.late) == (3, 3, timedelta(hours=3), 0)
    page = text_of(client.get(f"/staff/stations/{world.station.code}/reports"))
    assert "Half of what was put right took 3 hours or less." in page
    assert client.get(f"/staff/stations/{world.foreign.code}/reports").status_code == 404


def test_the_keeper_reports_too(client, world):
    where = f"/staff/stations/{world.station.code}/reports/new"
    client.get(where)
    assert client.send(where, {"note": "记着"}).status_code == 422
    assert client.send(where, {"kind": "dirty", "facility": "", "note": "地上有水"}).status_code == 303
    [report] = queries.list_open(world.station.id)
    assert report.source == "keeper" and report.kind is ReportKind.DIRTY


def test_awaiting_and_warnings(app, world):
    from portal.unions.staff.queries import find_account

    report = make_report(world.station)
    make_report(world.station, ReportKind.OTHER, note="别的")
    known = queries.warnings([world.station.id, world.foreign.id])
    assert [one.kind for one in known[world.station.id]] == [ReportKind.LOCKED] and world.foreign.id not in known
    assert queries.warnings([]) == {}
    commands.answer(report=report, by=queries_by(world))
    commit()
    assert "on it" in str(queries.warnings([world.station.id])[world.station.id][0].says(clock.now()))
    commands.repair(report=report, by=queries_by(world))
    commit()
    assert world.station.id not in queries.warnings([world.station.id])
    assert find_account(world.keeper.id) and list_awaiting  # the home itself is looked at above


def test_photographs_age_out(db, world):
    from portal import retention

    with clock.stopped_at(clock.now() - timedelta(days=366)):
        make_report(world.station, ReportKind.DIRTY, photo=True)
    with clock.stopped_at(clock.now() - timedelta(days=300)):
        make_report(world.station, ReportKind.LOCKED, photo=True)
    assert retention.apply(dry_run=True)["report_photos"] == 1
    done = retention.apply()
    assert (done["report_photos"], done["pictures"]) == (1, 1)  # the picture goes with the last row that shows it
    for table in (ReportPhoto, Picture):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(table)) == 1
