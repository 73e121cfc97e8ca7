"""Versions of a list, inspections for good, one report a finding; constraints by name."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal import clock
from portal.access import SYSTEM
from portal.db import transactional
from portal.stations.inspections import commands, queries
from portal.stations.inspections.commands import Given
from portal.stations.inspections.models import (
    Checklist,
    ChecklistItem,
    Finding,
    Inspection,
    InspectionAnswer,
    Outcome,
)
from portal.stations.register.models import Station
from portal.stations.upkeep.models import Report, ReportKind, ReportSource
from portal.types import Refused, new_id
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_checklist, make_inspection


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def station(tree):
    return make_station(union=tree.county)


def change(checklist, items, title="六有"):
    return commands.change_checklist(checklist=checklist, title=title, items=items, by=SYSTEM)


def says(checklist) -> list[str]:
    return [item.says for item in checklist.items]


def test_an_unused_list_is_changed_in_place(db, tree):
    checklist = make_checklist(tree.county)
    same = change(checklist, ["统一标识", "饮水"], "新题")
    assert same.id == checklist.id and same.version == 1 and says(same) == ["统一标识", "饮水"] and same.title == "新题"


def test_a_used_list_is_copied_on_change(db, tree, station):
    first = make_checklist(tree.county)
    inspection = make_inspection(station, first, not_met=(2,))
    assert change(first, says(first)).id == first.id  # nothing changed, nothing new
    second = change(first, ["统一标识", "饮水"])
    db.session.commit()
    assert (second.version, second.previous_id) == (2, first.id) and first.closed_at is not None
    assert says(first) == ["统一标识", "固定场所", "地图可查"]
    assert [one.outcome for one in queries.list_answers(inspection.id)] == [Outcome.MET, Outcome.NOT_MET, Outcome.MET]
    assert [one.checklist.id for one in queries.list_usable(station)] == [second.id]
    with pytest.raises(Refused) as refused:
        change(first, ["一"])
    assert refused.value.problems[0].code == "closed"
    # a sheet of the old version that was printed may still be entered
    assert queries.get_usable(first.id, station).id == first.id
    assert make_inspection(station, first).checklist_id == first.id


def test_lists_count_beneath_their_union_and_nowhere_else(db, tree, station):
    lists = {name: make_checklist(getattr(tree, name), name) for name in ("city", "county", "town", "foreign_county")}
    assert [one.checklist.title for one in queries.list_usable(station)] == ["city", "county"]
    with pytest.raises(sa.exc.NoResultFound):
        queries.get_usable(lists["foreign_county"].id, station)


def test_an_inspection_needs_every_item_and_a_day_that_was(db, tree, station):
    checklist = make_checklist(tree.county)
    with pytest.raises(Refused) as refused:
        commands.record_inspection(
            station=station, checklist=checklist, inspected_on=clock.today() + timedelta(days=1), by=SYSTEM,
            answers={checklist.items[0].id: Given(Outcome.MET)},
        )  # fmt: skip
    assert [one.code for one in refused.value.problems] == ["future", "list_changed"]


def test_signature_is_encrypted_and_the_last_one_is_found(db, tree, station):
    checklist = make_checklist(tree.county)
    with clock.stopped_at(clock.now() - timedelta(days=40)):
        make_inspection(station, checklist)
    last = make_inspection(station, checklist, not_met=(1,), signature="张三丰")
    db.session.expire_all()
    assert db.session.get(Inspection, last.id).signature == "张三丰"
    assert "张三丰".encode() not in db.session.get(Inspection, last.id).signature_cipher
    found = queries.last_inspected([station.id, new_id()])
    assert list(found) == [station.id] and found[station.id].inspection_id == last.id and found[station.id].share == 66
    assert queries.last_inspected([]) == {}


def test_a_finding_leads_to_one_report(db, tree, station):
    inspection = make_inspection(station, make_checklist(tree.county), not_met=(2,))
    met, not_met = (one.item.id for one in queries.list_answers(inspection.id)[:2])
    told = {"inspection": inspection, "station": station, "kind": ReportKind.BROKEN, "by": SYSTEM}
    report = commands.report_finding(item_id=not_met, **told)
    assert report.source is ReportSource.INSPECTION and queries.list_answers(inspection.id)[1].report_id == report.id
    for item_id, code in ((not_met, "reported"), (met, "met")):
        with pytest.raises(Refused) as refused:
            commands.report_finding(item_id=item_id, **told)
        assert refused.value.problems[0].code == code


def test_two_taps_at_once_open_one_report(app, db, tree, station):
    inspection = make_inspection(station, make_checklist(tree.county), not_met=(1,))
    item, ids = queries.list_answers(inspection.id)[0].item.id, (inspection.id, station.id)
    start, said = threading.Barrier(2), []

    @transactional
    def tap():
        one, place = db.session.get_one(Inspection, ids[0]), db.session.get_one(Station, ids[1])
        start.wait(30)
        commands.report_finding(inspection=one, station=place, item_id=item, kind=ReportKind.OTHER, by=SYSTEM)

    def run():
        with app.app_context():
            try:
                tap()
                said.append("opened")
            except Refused:
                said.append("refused")

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(said) == ["opened", "refused"]
    assert db.session.scalar(sa.select(sa.func.count(Report.id))) == 1


def test_what_is_on_record_stays(db, tree, station):
    checklist = make_checklist(tree.county)
    inspection = make_inspection(station, checklist, not_met=(1,))
    commands.report_finding(
        inspection=inspection, station=station, item_id=checklist.items[0].id, kind=ReportKind.OTHER, by=SYSTEM
    )
    db.session.commit()
    ident = checklist.id
    for change_it in (
        sa.update(Inspection).values(note="x"), sa.delete(Inspection), sa.update(InspectionAnswer).values(note="x"),
        sa.delete(InspectionAnswer), sa.delete(Finding), sa.update(ChecklistItem).values(says="x"),
    ):  # fmt: skip
        with pytest.raises(DBAPIError, match="append-only"):
            db.session.execute(change_it.execution_options(synchronize_session=False))
        db.session.rollback()
    with pytest.raises(IntegrityError, match="fk_inspection_answers_item_id"):
        db.session.execute(sa.delete(ChecklistItem).where(ChecklistItem.checklist_id == ident))
    db.session.rollback()


def test_constraints(db, tree, station):
    checklist = make_checklist(tree.county)
    inspection = make_inspection(station, checklist)
    ident, item, moment = checklist.id, checklist.items[0].id, clock.now()
    new = {"union_id": checklist.union_id, "title": "x", "created_at": moment}
    sheet = {"station_id": station.id, "checklist_id": ident, "inspected_on": clock.today(), "unannounced": True, "at": moment}
    answer = {"inspection_id": inspection.id, "item_id": item, "outcome": Outcome.MET}
    finding = {"inspection_id": inspection.id, "item_id": new_id(), "report_id": new_id()}
    for name, table, values in (
        ("ck_checklists_version_follows", Checklist, new | {"id": new_id(), "version": 2}),
        ("ck_checklists_version_follows", Checklist, new | {"id": new_id(), "version": 1, "previous_id": ident}),
        ("ck_checklist_items_says_length", ChecklistItem, {"id": new_id(), "checklist_id": ident, "position": 9, "says": ""}),
        (
            "uq_checklist_items_checklist_id_position",
            ChecklistItem,
            {"id": new_id(), "checklist_id": ident, "position": 1, "says": "x"},
        ),
        ("ck_inspections_note_length", Inspection, sheet | {"id": new_id(), "note": "长" * 301}),
        ("pk_inspection_answers", InspectionAnswer, answer),
        ("ck_inspection_answers_note_length", InspectionAnswer, answer | {"note": "长" * 301}),
        ("fk_inspection_findings", Finding, finding),
    ):
        with pytest.raises(IntegrityError, match=name):
            db.session.execute(sa.insert(table), values)
        db.session.rollback()
    db.session.execute(sa.insert(Checklist), new | {"id": new_id(), "version": 2, "previous_id": ident})
    with pytest.raises(IntegrityError, match="uq_checklists_previous_id"):
        db.session.execute(sa.insert(Checklist), new | {"id": new_id(), "version": 2, "previous_id": ident})
    db.session.rollback()
