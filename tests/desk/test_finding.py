"""Finding somebody: a whole key finds anyone, the last four digits and a name only people met within scope."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal import clock
from portal.access import By
from portal.stations.visits.commands import log_visit
from portal.vocabulary import BasicService, Occupation
from tests.desk.conftest import HTMX, PHONE
from tests.factories.stations import make_station
from tests.factories.workers import make_id_number, make_phone, make_worker


def meet(db, place, worker, *, station=None, days_ago: int = 3) -> None:
    """Somebody was served at a station some days ago."""
    station = station or place.station
    with clock.stopped_at(clock.now() - timedelta(days=days_ago)):
        log_visit(station_code=station.code, service=BasicService.REST, worker_id=worker.id, occupation=Occupation.OTHER,
                  key=f"meet {worker.id}"[:64], unions=(place.tree.province.id,), by=By("staff", place.operator.id))  # fmt: skip
    db.session.commit()


def found(answer) -> set[str]:
    """The masked names an answer offers to choose from."""
    section = answer.text.partition('id="matches"')[2]
    return set(re.findall(r"<b>([^<]+)</b>", section.partition("</section>")[0]))


def look(counter, place, typed, **more):
    return counter.send(f"{place.address}/look-up", {"who": typed} | more, headers=HTMX)


def test_the_last_four_digits_find_people_met_within_scope_only(db, counter, place):
    met, abroad = make_worker(name="赵小敏", phone="13811115621"), make_worker(name="孙外地", phone="13822225621")
    never, sibling = make_worker(name="周未见", phone="13833335621"), make_worker(name="吴邻居", phone="13844445621")
    beside = make_station(union=place.tree.sibling_county, name="邻县驿站")
    meet(db, place, met)
    meet(db, place, abroad, station=place.elsewhere)
    meet(db, place, sibling, station=beside)
    answer = look(counter, place, "5621")
    assert found(answer) == {"赵*敏"} and never
    assert "138****5621" in answer.text and "花园路驿站" in answer.text and "13811115621" not in answer.text.replace(
        'name="who" value="5621"', "")  # fmt: skip


def test_a_name_finds_people_met_within_scope_only(db, counter, place):
    met, abroad = make_worker(name="欧阳小敏"), make_worker(name="欧阳外地")
    meet(db, place, met)
    meet(db, place, abroad, station=place.elsewhere)
    assert found(look(counter, place, "欧阳")) == {"欧**敏"}
    assert found(look(counter, place, "阳小")) == set()  # a name is searched from its beginning


@pytest.mark.parametrize(("days", "names"), [(399, {"赵*敏"}), (401, set())])
def test_whom_we_met_long_ago_is_found_by_a_whole_key_only(db, counter, place, days, names):
    worker = make_worker(name="赵小敏", phone="13811115621")
    meet(db, place, worker, days_ago=days)
    assert found(look(counter, place, "赵小")) == names
    assert 'id="person"' in look(counter, place, "13811115621").text


def test_a_whole_key_finds_anyone_masked(db, counter, place):
    number = make_id_number()
    worker = make_worker(name="周未见", phone="13833335621", id_number=number)
    meet(db, place, worker, station=place.elsewhere)
    for key in ("13833335621", number):
        page = look(counter, place, key).text
        assert 'id="person"' in page and "周*见" in page and "周未见" not in page


def test_one_sign_of_a_name_is_too_little(db, counter, place):
    meet(db, place, make_worker(name="王小敏"))
    answer = look(counter, place, "王")
    assert found(answer) == set() and 'id="matches"' in answer.text


def test_at_most_ten_then_type_more(db, counter, place):
    for number in range(11):
        meet(db, place, make_worker(name="王小明", phone=f"1390000{number:02}88"))
    answer = look(counter, place, "王小")
    assert answer.text.count('name="person"') == 10


def test_nobody_else_can_be_chosen(db, counter, place):
    stranger = make_worker(name="周未见", phone=make_phone())
    meet(db, place, make_worker(name="赵小敏", phone="13811115621"))
    assert look(counter, place, "5621", person=str(stranger.id)).status_code == 404
    assert look(counter, place, "5621", person="x").status_code == 400


def test_choosing_from_the_list_opens_the_card(db, counter, place):
    worker = make_worker(name="赵小敏", phone="13811115621")
    meet(db, place, worker)
    page = look(counter, place, "5621", person=str(worker.id)).text
    assert 'id="person"' in page and "赵*敏" in page


def test_enter_never_creates(counter, place, rows):
    before = rows("workers")
    page = look(counter, place, "13911112222").text
    form = page.partition('id="newcomer"')[2]
    # Enter presses a form's first button; a disabled one presses nothing.
    assert re.search(r"<button[^>]*>", form).group(0) == '<button type="submit" disabled hidden>'
    assert rows("workers") == before


def test_a_shared_phone_may_also_be_somebody_new(counter, place, rows):
    make_worker(name="王小明", phone=PHONE)
    assert look(counter, place, PHONE).text.count('name="person"') == 3
    page = look(counter, place, PHONE, person="new").text
    assert 'id="newcomer"' in page and 'name="another" value="yes"' in page
    counter.send(f"{place.address}/workers", {"phone": PHONE, "occupation": "courier", "service": "rest", "another": "yes"})
    assert rows("worker_phones", "until IS NULL") == 3


# --- a number that was silent for long ------------------------------------------------------------------------------


@pytest.fixture
def silent(db, place):
    """Somebody whose phone led to them last 200 days ago."""
    with clock.stopped_at(clock.now() - timedelta(days=200)):
        return make_worker(name="郑大山", phone="13877778888", id_number=make_id_number()).id


def test_a_silent_number_shows_nothing_before_it_is_confirmed(db, counter, place, silent):
    from portal.members.workers import queries as workers

    page = look(counter, place, "13877778888").text
    assert 'id="doubt"' in page and "郑" not in page and "138****8888" not in page
    answers = {"who": "13877778888", "person": str(silent)}
    wrong = counter.send(f"{place.address}/contacts", answers | {"surname": "郑", "id_tail": "0000"}, headers=HTMX)
    assert wrong.status_code == 422 and 'id="doubt"' in wrong.text and "郑*" not in wrong.text
    tail = workers.get_worker(silent).id_number[-4:]
    right = counter.send(f"{place.address}/contacts", answers | {"surname": "郑", "id_tail": tail}, headers=HTMX)
    assert right.status_code == 200 and "郑*山" in right.text
    assert "郑*山" in look(counter, place, "13877778888").text


def test_choosing_does_not_pass_the_question_by(counter, place, silent):
    make_worker(name="王小明", phone="13877778888")
    listed = look(counter, place, "13877778888").text
    assert "王*明" in listed and "郑" not in listed
    page = look(counter, place, "13877778888", person=str(silent)).text
    assert 'id="doubt"' in page and 'id="person"' not in page


def test_a_silent_number_is_not_given_a_scan(counter, place, silent, rows):
    counter.send(f"{place.address}/scans", {"who": "13877778888"}, headers=HTMX)
    assert rows("visit_lines") == 0


def test_somebody_else_on_a_recycled_number_is_somebody_new(counter, place, silent, rows):
    answers = {"who": "13877778888", "person": str(silent), "answer": "somebody_else"}
    page = counter.send(f"{place.address}/contacts", answers, headers=HTMX).text
    assert 'id="newcomer"' in page
    assert rows("worker_phones", f"worker_id = '{silent}' AND until IS NOT NULL") == 1
    form = {"phone": "13877778888", "occupation": "courier", "service": "rest", "another": "yes"}
    counter.send(f"{place.address}/workers", form)
    assert rows("visits", f"worker_id <> '{silent}'") == 1
    assert "郑" not in look(counter, place, "13877778888").text


def test_likely_twins_are_said_quietly(counter, place):
    make_worker(name="李小强", phone=PHONE)
    page = look(counter, place, PHONE, person=str(place.worker)).text
    assert 'id="twins"' in page and "/workers/duplicates" not in page  # an operator may not merge
