"""My own pages: card, what I received, membership or the way to it, my consents."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM
from portal.members.joining.models import ApplicationStatus
from portal.members.merging import commands as merging
from portal.members.workers import commands as worker_commands
from portal.members.workers import queries as workers
from portal.members.workers.models import Purpose, WorkerCard
from portal.members.workers.rules import in_groups
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
    code = workers.find_card(worker.id).code
    assert code not in page and in_groups(code) in page  # to be read aloud
    assert '<noscript><meta http-equiv="refresh"' in page  # without JavaScript it renews itself, too
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


def test_the_code_renews_itself_as_a_fragment_and_showing_it_writes_nothing(db, client, worker):
    before = db.session.execute(sa.select(WorkerCard)).scalars().all()[0].__dict__.copy()
    codes, start = set(), clock.now()
    for minutes in (0, 40, 80):
        with clock.stopped_at(start + timedelta(minutes=minutes)):
            fragment = client.get("/me", headers={"HX-Request": "true", "HX-Target": "code"}).text
            code = workers.find_card(worker.id).code
            assert fragment.startswith("\n") or fragment.startswith("<div") or 'id="code"' in fragment[:400]
            assert "<html" not in fragment and in_groups(code) in fragment
            assert workers.find_by_key(in_groups(code)).workers == (worker,)
            codes.add(code)
    assert len(codes) == 3
    db.session.expire_all()
    row = db.session.scalars(sa.select(WorkerCard)).one()
    assert (row.handle, row.issued_at) == (before["handle"], before["issued_at"])


def test_a_lost_card_is_revoked_by_its_owner_and_by_nobody_else(db, app, client, worker):
    card = worker_commands.issue_printed_card(worker=worker, by=SYSTEM)
    db.session.commit()
    ident, code = card.id, card.code
    stranger = app.test_client()
    sign_in_worker(stranger, make_worker())
    assert stranger.send(f"/me/cards/{ident}/revoke").status_code == 404
    assert workers.find_by_card(code).id == worker.id
    assert f"/me/cards/{ident}/revoke" in client.get("/me").text
    assert client.send(f"/me/cards/{ident}/revoke").location == "/me"
    assert workers.find_by_card(code) is None
    assert f"/me/cards/{ident}/revoke" not in client.get("/me").text
    assert client.send(f"/me/cards/{ident}/revoke").status_code == 404


def test_what_i_received_across_merged_records(db, client, worker, tree):
    station, other = make_station(union=tree.county, name="花园路驿站"), make_worker()
    served(db, worker, station, clock.now() - timedelta(hours=2), BasicService.REST)
    served(db, other, station, clock.now() - timedelta(hours=1), BasicService.HOT_MEAL)
    merging.merge(survivor=worker, merged=other, keep={}, reason="x", by=SYSTEM)
    db.session.commit()
    assert client.get("/me/received").text.count("花园路驿站") == 2


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
