"""Large workbooks are loaded by the worker: once, whole or not at all, and whoever sent them sees how far it is."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from portal import clock, retention, working
from portal.access import SYSTEM
from portal.db import db as database
from portal.stations.exchange import commands, imports, queries
from portal.stations.exchange.models import ImportJob, LoadStatus, StagedImport, StationImport
from portal.stations.register.models import Station
from portal.unions.staff.models import Account, Appointment
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree
from tests.stations.exchange.test_imports import CLEAN, sheet
from tests.stations.exchange.test_uploads import stage


@pytest.fixture
def tree(db, monkeypatch):
    monkeypatch.setattr(commands, "BY_WORKER", 2)
    monkeypatch.setattr(commands, "TOGETHER", 1)
    return small_tree()


@pytest.fixture
def keeper(tree, client):
    client.set_cookie("language", "en")
    account = make_account([("keeper", tree.county)])
    sign_in_quickly(client, account)
    client.get("/staff/stations/import")
    return account


@pytest.fixture
def asked(client, keeper) -> str:
    """The address of a file of three rows, one of them wrong, that the worker was asked to load."""
    rows = [list(row) for row in CLEAN]
    rows[2][8] = "9-5"
    staged = stage(client, sheet(rows))
    assert "loaded apart from this page" in client.get(staged.location).get_data(as_text=True)
    answer = client.send(f"{staged.location}/load")
    assert (answer.status_code, answer.location) == (303, staged.location)
    return staged.location


def job() -> ImportJob:
    database.session.rollback()
    return database.session.scalars(sa.select(ImportJob).execution_options(populate_existing=True)).one()


def test_the_worker_loads_it_and_the_page_leads_to_the_result(client, asked):
    waiting = client.get(asked).get_data(as_text=True)
    assert "Waits for its turn" in waiting and "0 of 3" in waiting
    assert '<meta http-equiv="refresh" content="2">' in waiting and 'data-hx-trigger="every 2s"' in waiting
    assert "Waits for its turn · 0 of 3" in client.get("/staff/stations/import").get_data(as_text=True)
    assert Station.query.count() == 0

    assert working.load_workbook() is True
    assert working.load_workbook() is False
    kept = StationImport.query.one()
    assert (kept.loaded, kept.refused) == (2, 1)
    assert kept.account_id == StagedImport.query.one().account_id
    answer = client.get(asked)
    assert answer.status_code == 303 and answer.location.endswith(str(kept.id))
    assert "can be read in two ways" in client.get(answer.location).get_data(as_text=True)  # in the sender's language
    polled = client.get(asked, headers={"HX-Request": "true", "HX-Target": "loading"}).get_data(as_text=True)
    assert polled.lstrip().startswith("<section") and answer.location in polled and "every 2s" not in polled
    assert "Sent and not loaded yet" not in client.get("/staff/stations/import").get_data(as_text=True)


def test_how_far_it_is_can_be_seen_while_it_is_loaded(client, asked, monkeypatch):
    seen = []
    told = commands.note_progress

    def look(**values):
        told(**values)
        with database.engine.connect() as other:
            seen.append(tuple(other.execute(sa.text("SELECT status, done, total FROM import_jobs")).one()))

    monkeypatch.setattr(commands, "note_progress", look)
    working.load_workbook()
    assert seen == [("loading", done, 3) for done in range(4)]


def test_a_small_file_is_loaded_at_once(client, keeper, monkeypatch):
    monkeypatch.setattr(commands, "BY_WORKER", 3)
    staged = stage(client, sheet())
    assert "loaded apart from this page" not in client.get(staged.location).get_data(as_text=True)
    client.send(f"{staged.location}/load")
    assert (Station.query.count(), ImportJob.query.count()) == (3, 0)


def test_asked_twice_it_is_loaded_once(client, asked):
    client.send(f"{asked}/load", key="another tap")
    client.send(f"{asked}/discard")  # too late as well
    client.send(f"{asked}/look", {"sheet": "Sheet1", "crs": "bd09"})
    while working.load_workbook():
        pass
    answer = client.send(f"{asked}/load", key="and one more afterwards")
    assert (answer.status_code, answer.location) == (303, asked)
    assert working.load_workbook() is False
    assert (StationImport.query.count(), Station.query.count()) == (1, 2)


def test_two_workers_at_once_load_it_once(app, client, asked, monkeypatch):
    taken, done = threading.Event(), threading.Event()
    load = imports.load

    def slow(*args, **values):
        taken.set()
        assert done.wait(60)
        return load(*args, **values)

    monkeypatch.setattr(imports, "load", slow)
    answers = []

    def first():
        with app.app_context():
            answers.append(working.load_workbook())

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert taken.wait(60)
        assert working.load_workbook() is False  # locked by the other: passed over, not waited for
        assert job().status is LoadStatus.LOADING
    finally:
        done.set()
        thread.join(60)
    assert answers == [True] and StationImport.query.count() == 1


def test_a_file_that_another_finished_between_looking_and_locking_is_left_alone(client, asked, monkeypatch):
    find = queries.find_job

    def late(staged_id):
        commands.note_progress(staged_id=staged_id, status=LoadStatus.FAILED, by=SYSTEM)  # the other's commit
        return find(staged_id)

    monkeypatch.setattr(queries, "find_job", late)
    assert working.load_workbook() is False
    assert Station.query.count() == 0


def test_killed_midway_it_waits_again_and_is_given_up_after_three_tries(client, asked, monkeypatch):
    def broken(**_values):
        raise RuntimeError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(commands, "finish_job", broken)  # everything is written by now
        for tries in (1, 2, 3):
            assert job().status is LoadStatus.WAITING
            with pytest.raises(RuntimeError, match="planted"):
                working.load_workbook()
            assert job().tries == tries
            assert (Station.query.count(), StationImport.query.count()) == (0, 0)
        assert working.load_workbook() is False
    page = client.get(asked).get_data(as_text=True)
    assert "Could not be loaded" in page and "Nothing was changed" in page and "every 2s" not in page
    assert "Could not be loaded" in client.get("/staff/stations/import").get_data(as_text=True)
    client.send(f"{asked}/load")  # tried anew
    assert (job().status, job().tries, job().reason) == (LoadStatus.WAITING, 0, None)
    assert working.load_workbook() is True
    assert Station.query.count() == 2


def test_what_a_dead_worker_held_is_taken_by_the_next(client, asked):
    staged = StagedImport.query.one().id
    commands.note_progress(staged_id=staged, status=LoadStatus.LOADING, tries=1, done=2, by=SYSTEM)
    database.session.rollback()
    assert working.load_workbook() is True
    assert (job().status, job().tries, job().done) == (LoadStatus.DONE, 2, 3)


def test_a_worker_that_dies_three_times_over_it_gives_it_up(client, asked):
    staged = StagedImport.query.one().id
    commands.note_progress(staged_id=staged, status=LoadStatus.LOADING, tries=3, by=SYSTEM)
    database.session.rollback()
    with pytest.raises(RuntimeError, match="three times"):
        working.load_workbook()
    assert job().status is LoadStatus.FAILED and "try again" in job().reason


def test_whoever_keeps_no_stations_any_more_loads_none(client, asked):
    database.session.execute(
        sa.update(Appointment).values(ends_on=clock.today() - retention.DAY, starts_on=clock.today() - 9 * retention.DAY)
    )
    database.session.commit()
    with pytest.raises(PermissionError):
        working.load_workbook()
    assert job().status is LoadStatus.FAILED and Station.query.count() == 0 and Account.query.count() == 1


def test_a_file_the_worker_has_makes_no_room(client, asked):
    for number in range(commands.STAGED_AT_MOST + 1):
        stage(client, sheet(), name=f"{number}.xlsx")
    assert working.load_workbook() is True


def test_a_job_goes_with_its_file(client, asked):
    StagedImport.query.one().at -= 2 * retention.DAY
    database.session.commit()
    assert retention.apply()["staged_imports"] == 1
    database.session.commit()
    assert ImportJob.query.count() == 0


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"done": 4}, "ck_import_jobs_done_of_total"),
        ({"tries": -1}, "ck_import_jobs_tries_not_negative"),
        ({"status": LoadStatus.DONE}, "ck_import_jobs_done_leads_on"),
    ],
)
def test_constraints(client, asked, values, constraint):
    with pytest.raises(sa.exc.IntegrityError, match=f'"{constraint}"'):
        database.session.execute(sa.update(ImportJob).values(**values))
    database.session.rollback()


def test_changed_rows_go_to_the_database_together(db):
    tree = small_tree()
    statements = []

    def send(hours: str, phone: str) -> None:
        rows = [
            [f"{n} 号驿站", *CLEAN[0][1:4], f"花园路 {n} 号", "", "", "", hours, *CLEAN[0][9:11], phone, ""] for n in range(60)
        ]
        outcome, _kept = imports.load(sheet(rows), union=tree.county, roots=[tree.county.id], by=SYSTEM, file_name="x")
        database.session.flush()
        assert outcome.loaded + outcome.updated == 60

    send("24小时", "0371-65506000")

    def count(*_args):
        statements.append(1)

    sa.event.listen(database.engine, "before_cursor_execute", count)
    try:
        send("周一至周五 08:30-12:00", "13800138000")
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", count)
    assert len(statements) < 60  # they were nine for each row
