"""A programme handed out to many, and from paper: the same limits and stock, counted the same way."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, Role
from portal.members.workers import commands as workers
from portal.welfare.deliveries.models import Delivery, DeliverySource
from portal.welfare.eligibility.models import LimitPeriod
from portal.welfare.items.models import Proof
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.workers import make_worker

pytestmark = pytest.mark.usefixtures("noon")
ONE_A_DAY = {"person_limit": 1, "limit_period": LimitPeriod.DAY}


@pytest.fixture
def code_of(db):
    def issue(worker) -> str:
        code = workers.issue_printed_card(worker=worker, by=SYSTEM).code
        db.session.commit()
        return code

    return issue


def begin(desk, place, programme, **fields) -> str:
    answer = desk.send(
        f"{place.address}/handouts", {"title": "", "service": "rest", "quantity": "", "programme": programme.code} | fields
    )
    assert answer.status_code == 303, answer.text
    return answer.location


def test_each_scan_hands_over_and_the_stock_shows(db, desk, place, code_of):
    programme = place.offer(stock=2, rule=ONE_A_DAY)
    here = begin(desk, place, programme)
    page = desk.get(here).text
    assert "防暑包" in page and "<b>2</b><span>left" in page
    card = code_of(place.worker)
    assert desk.send(f"{here}/gifts", {"who": card}).status_code == 303
    [row] = Delivery.query.all()
    assert row.worker_id == place.worker.id and row.visit_id is not None
    assert "<b>1</b><span>left" in desk.get(here).text
    again = desk.send(f"{here}/gifts", {"who": card})
    assert again.status_code == 422 and Delivery.query.count() == 1
    assert desk.send(f"{here}/gifts", {"who": code_of(make_worker())}).status_code == 303
    empty = desk.send(f"{here}/gifts", {"who": code_of(make_worker())})
    assert empty.status_code == 422 and "is used up here" in empty.text
    assert db.session.scalar(sa.text("SELECT count(*) FROM visits")) == 2  # what was refused is no visit


def test_taken_back_the_delivery_goes_with_it(db, desk, place, code_of):
    here = begin(desk, place, place.offer(stock=2))
    answer = desk.send(f"{here}/gifts", {"who": code_of(place.worker)})
    gift = answer.location.partition("gift=")[2]
    assert desk.send(f"{here}/undo", {"gift": gift}).status_code == 303
    assert db.session.scalar(sa.text("SELECT (SELECT sum(on_hand) FROM lots) - (SELECT count(*) FROM delivery_reversals)")) == 1


def test_what_needs_proof_is_not_given_in_a_queue(desk, place):
    programme = place.offer(item={"proof": Proof.PHOTO})
    answer = desk.send(f"{place.address}/handouts", {"title": "x", "service": "rest", "programme": programme.code})
    assert answer.status_code == 422 and "one by one" in answer.text


def test_a_basic_service_stays_as_it_is(desk, place, code_of):
    place.offer()
    answer = desk.send(f"{place.address}/handouts", {"title": "绿豆汤", "service": "rest", "quantity": "3", "programme": ""})
    assert desk.send(f"{answer.location}/gifts", {"who": code_of(place.worker)}).status_code == 303
    assert Delivery.query.count() == 0


def test_a_sheet_is_stored_whole_and_what_did_not_fit_goes_to_the_keeper(app, db, desk, place, code_of):
    programme = place.offer(stock=1, rule=ONE_A_DAY)
    card = code_of(place.worker)
    sheet = {"serial": f"{place.station.code}-1", "day": str(clock.today()), "total": "", "handout": "",
             "programme": str(programme.id)}  # fmt: skip
    for number, time in enumerate(("10:00", "11:00"), start=1):
        sheet |= {f"time-{number}": time, f"occupation-{number}": "courier", f"service-{number}": "rest",
                  f"heads-{number}": "", f"who-{number}": card}  # fmt: skip
    answer = desk.send(f"{place.address}/paper/new", sheet)
    assert answer.status_code == 303, answer.text
    first, second = Delivery.query.order_by(Delivery.at).all()
    assert first.source is DeliverySource.PAPER and first.late and first.flags == []
    assert set(second.flags) == {"limit", "stock"} and second.over_limit
    assert db.session.scalar(sa.text("SELECT sum(quantity) FROM stock_shortages")) == 1
    keeper = app.test_client()
    sign_in_quickly(keeper, make_account(roles=[(Role.KEEPER, place.tree.county)]))
    keeper.set_cookie("language", "en")
    page = keeper.get("/staff/discrepancies").text
    assert "Row 2, 防暑包: Not by the rule" in page and "Row 2, 防暑包: More than was in stock" in page
    deliveries = db.session.execute(sa.text("SELECT delivery_id FROM paper_rows ORDER BY position")).scalars().all()
    assert deliveries == [first.id, second.id]
