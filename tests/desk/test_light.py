"""The light over one list of problems, from whichever room they come."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal import clock
from portal.desk import queries, rules
from portal.members.workers import queries as workers
from portal.stations.register.models import Facility, StationStatus
from portal.stations.upkeep.models import ReportKind
from portal.stations.visits.rules import Given
from portal.types import Level, Problem, text
from portal.vocabulary import BasicService
from tests.desk.conftest import HTMX, PHONE

LAUNDRY = BasicService.LAUNDRY


def problem(level: Level) -> Problem:
    return Problem("x", text("…"), level)


@pytest.mark.parametrize(
    ("levels", "light"),
    [
        ([], Level.GREEN),
        ([Level.GREEN], Level.GREEN),
        ([Level.GREEN, Level.AMBER], Level.AMBER),
        ([Level.AMBER, Level.RED, Level.GREEN], Level.RED),
    ],
)
def test_the_worst_problem_is_the_light(levels, light):
    assert rules.light(problem(level) for level in levels) is light


def test_every_service_with_a_facility_is_told_of_its_fault():
    said = rules.problems_with_facilities(LAUNDRY, [(ReportKind.BROKEN, Facility.LAUNDRY, clock.now())])
    assert [one.level for one in said] == [Level.AMBER]
    for other in (ReportKind.LOCKED, ReportKind.OTHER):
        assert rules.problems_with_facilities(LAUNDRY, [(other, Facility.LAUNDRY, clock.now())]) == []
    assert rules.problems_with_facilities(BasicService.REST, [(ReportKind.BROKEN, Facility.LAUNDRY, clock.now())]) == []


def answers(place, service=LAUNDRY):
    return queries.problems_for(place.worker, place.station, [service], clock.now())[service]


def test_a_basic_service_is_green_amber_or_not_offered(db, place):
    assert answers(place) == []
    haircut = answers(place, BasicService.HAIRCUT)
    assert rules.light(haircut) is Level.RED and haircut[0].code == "not_offered"
    place.station.status = StationStatus.SUSPENDED
    assert [(one.code, one.level) for one in answers(place)] == [("status", Level.AMBER)]


def test_a_reported_fault_is_amber_with_its_time_until_it_is_repaired(db, place):
    from portal.stations.upkeep.models import Report, ReportSource, ReportStatus

    moment = clock.now() - timedelta(hours=2)
    report = Report(station_id=place.station.id, kind=ReportKind.BROKEN, facility=Facility.LAUNDRY, source=ReportSource.DESK,
                    status=ReportStatus.REPORTED, said=1, reported_at=moment, last_said_at=moment, begun_at=moment,
                    due_at=moment + timedelta(hours=72))  # fmt: skip
    db.session.add(report)
    db.session.commit()
    said = answers(place)
    assert [(one.code, one.level) for one in said] == [("reported", Level.AMBER)]
    assert said[0].says.values == {"facility": Facility.LAUNDRY, "since": moment}
    report.answered_at = report.ended_at = clock.now()
    report.status = ReportStatus.REPAIRED
    db.session.commit()
    assert answers(place) == []


def test_had_it_today_is_amber_with_the_time(place, monkeypatch):
    at = clock.now() - timedelta(minutes=6)
    monkeypatch.setattr(queries.visits, "list_given_today", lambda worker_id: [Given(LAUNDRY, at)])
    assert [(one.code, one.level, one.says.values) for one in answers(place)] == [("again", Level.AMBER, {"time": at})]


@pytest.fixture
def room(monkeypatch):
    """Another room adds its own source."""
    monkeypatch.setattr(queries, "sources", list(queries.sources))
    asked = []

    def source(question):
        asked.append(question)
        return {LAUNDRY: [Problem("limit", text("2027-08-01"), Level.RED)]}

    queries.sources.append(source)
    return asked


def test_another_rooms_refusal_is_red_and_cannot_be_tapped(counter, place, room):
    page = counter.send(f"{place.address}/look-up", {"who": PHONE}, headers=HTMX).text
    tile = page.partition('id="give-laundry"')[2].partition("</div>")[0]
    assert re.search(r"<button[^>]*disabled", tile) and "2027-08-01" in tile
    assert room[0].worker_id == place.worker and room[0].station.code == place.code
    assert 'id="give-rest"' in page and "disabled" not in page.partition('id="give-rest"')[2].partition("</form>")[0]


def test_one_card_asks_each_source_once(place, room, db):
    queries.person(workers.get_worker(place.worker), place.station)
    assert len(room) == 1 and len(room[0].services) == len(place.station.offered)
