"""My own pages: card, what I received, membership or the way to it, my consents."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.members.joining.models import ApplicationStatus
from portal.members.workers import queries as workers
from portal.members.workers.models import Purpose, WorkerCard
from portal.stations.visits.models import Visit, VisitLine, VisitSource
from portal.types import new_id
from portal.vocabulary import BasicService
from tests.factories.joining import make_application, make_member
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker, sign_in_worker

PHONE = "13812345678"


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def worker(db, client):
    worker = make_worker(phone=PHONE, confirmed=True, card=True)
    sign_in_worker(client, worker)
    return worker


def served(db, worker, station, at, *services):
    visit = Visit(id=new_id(), at=at, station_id=station.id, union_id=station.union_id, worker_id=worker.id,
                  occupation=worker.occupation, source=VisitSource.DESK, first_ever=False)  # fmt: skip
    db.session.add(visit)
    db.session.flush()
    for service in services:
        db.session.add(
            VisitLine(
                id=new_id(),
                at=at,
                visit_id=visit.id,
                visit_at=at,
                station_id=station.id,
                service=service,
                repeated=False,
            )
        )
    db.session.commit()
    return visit


def test_me_shows_card_mask_and_the_way_to_join(db, client, worker):
    page = client.get("/me").text
    assert "李*强" in page and "李志强" not in page and PHONE not in page and "138****5678" in page
    assert "<svg" in page and "qrline" in page
    assert workers.find_card(worker.id).code not in page  # only as a picture
    assert 'class="card invite"' in page and 'href="/join/form"' in page


def test_opening_me_writes_nothing_and_a_missing_card_is_one_tap(db, client):
    worker = make_worker()
    sign_in_worker(client, worker)
    assert "qrline" not in client.get("/me").text
    assert workers.find_card(worker.id) is None
    for _tap in range(2):
        assert client.send("/me/card", key="the-same-key").location == "/me"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(WorkerCard)) == 1
    assert "qrline" in client.get("/me").text


def test_a_new_code_replaces_the_old(db, client, worker):
    old = workers.find_card(worker.id).code
    assert client.send("/me/card", {"again": "1"}).location == "/me"
    assert workers.find_by_card(old) is None
    assert workers.find_by_card(workers.find_card(worker.id).code).id == worker.id


def test_what_i_received_newest_first_and_by_pages(db, client, worker, tree):
    station = make_station(union=tree.county, name="花园路驿站")
    stranger = make_worker()
    for hours in range(45):
        served(db, worker, station, clock.now() - timedelta(hours=hours), BasicService.REST, BasicService.DRINKING_WATER)
    served(db, stranger, make_station(union=tree.county, name="别人的驿站"), clock.now(), BasicService.REST)
    page = client.get("/me").text
    assert page.count("花园路驿站") == 3 and "别人的驿站" not in page
    seen, address, pages = 0, "/me/received", 0
    while address:
        page = client.get(address).text
        seen, pages = seen + page.count("花园路驿站"), pages + 1
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following.group(1).replace("&amp;", "&") if following else None
    assert (seen, pages) == (45, 3)
    assert client.get("/me/received?after=nonsense").status_code == 200


@pytest.mark.parametrize("purpose", [Purpose.CONTACT, Purpose.SERVICE_RECORD])
def test_a_consent_is_one_tap_both_ways(db, client, worker, purpose):
    address = f"/me/consents/{purpose.value}"
    assert client.send(address, {"do": "give"}).location == "/me"
    assert workers.has_consent(worker.id, purpose)
    assert client.send(address, {"do": "withdraw"}).location == "/me"
    assert not workers.has_consent(worker.id, purpose)
    assert client.send("/me/consents/everything", {"do": "give"}).status_code == 404


def test_withdrawing_the_consent_withdraws_the_application(db, client, worker, tree):
    application = make_application(worker, phone=PHONE)
    assert "withdraw" in client.get("/me").text
    client.send("/me/consents/membership", {"do": "withdraw"})
    db.session.expire_all()
    assert application.status is ApplicationStatus.WITHDRAWN
    assert 'class="card invite"' in client.get("/me").text


def test_an_application_is_shown_and_may_be_withdrawn(db, client, worker, tree):
    make_application(worker, phone=PHONE)
    page = client.get("/me").text
    assert "invite" not in re.findall(r'class="card( invite)?"', page)
    assert 'aria-current="step"' in page
    assert client.send("/me/application/withdraw").location == "/me"
    assert client.send("/me/application/withdraw").location == "/me"


def test_a_member_sees_number_and_home(db, client, worker, tree):
    membership = make_member(worker, phone=PHONE)
    page = client.get("/me").text
    assert membership.number in page and "金水区新业态工会联合会" in page
    assert 'class="card invite"' not in page


def test_whoever_said_never_is_not_asked_again_but_may_still_join(db, client, worker):
    worker.never_invite_at = clock.now()
    db.session.commit()
    page = client.get("/me").text
    assert 'class="card invite"' not in page and 'href="/join"' in page


def test_staff_and_visitors_have_no_me(db, client, tree, app):
    from portal.access import Role
    from tests.factories.staff import make_account, sign_in_quickly

    assert client.get("/me").location.startswith("/sign-in")
    staff = app.test_client()
    sign_in_quickly(staff, make_account([(Role.OFFICER, tree.province)]))
    assert staff.get("/me").location.startswith("/sign-in")
    assert staff.send("/me/card").location == "/sign-in"
