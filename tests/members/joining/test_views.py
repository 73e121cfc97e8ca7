"""The way from an invitation to a membership, through the pages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal import clock, outbox
from portal.access import Role
from portal.members.joining import queries
from portal.members.joining.models import Application, ApplicationStatus, Invitation, InvitationOutcome
from portal.members.memberships import queries as memberships
from portal.members.memberships.models import Membership
from portal.members.workers import queries as workers
from portal.members.workers.models import OneTimeCode, Purpose, Worker
from tests.factories.eligibility import birth
from tests.factories.joining import make_application, make_invitation, make_member
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.workers import make_id_number, make_phone, make_worker, sign_in_worker

S = ApplicationStatus
PHONE = "13812345678"
ID = "11010519491231002X"


@pytest.fixture
def tree(db):
    return small_tree()


@pytest.fixture
def officer(app, tree):
    client = app.test_client()
    sign_in_quickly(client, make_account([(Role.OFFICER, tree.federation_city)], name="周审核"))
    return client


def paper(**changes) -> dict[str, str]:
    values = {
        "name": "李志强", "id_type": "resident_id", "id_number": ID, "phone": PHONE,
        "occupation": "food_delivery_rider", "industry": "", "work_county": "410105", "agree": "y",
    }  # fmt: skip
    return {name: value for name, value in (values | changes).items() if value is not None}


def digits() -> str:
    return re.search(r"\d{6}", outbox.recent(1)[0].body).group()


def the_application(db) -> Application:
    return db.session.scalars(sa.select(Application).order_by(Application.id.desc()).limit(1)).one()


def count(db, model) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def test_from_the_invitation_to_the_membership(db, client, officer, tree):
    station = make_station(union=tree.county, name="花园路驿站")
    worker = make_worker(phone=PHONE, name=None)
    invitation, token = make_invitation(worker, station_id=station.id)
    page = client.get(f"/join/{token}")
    assert "金水区新业态工会联合会" in page.text
    assert db.session.get(Invitation, invitation.id).outcome is InvitationOutcome.OFFERED
    assert client.send(f"/join/{token}/start").location == f"/join/{token}/form"
    assert db.session.get(Invitation, invitation.id).outcome is InvitationOutcome.OPENED
    form = client.get(f"/join/{token}/form").text
    assert "138****5678" in form and PHONE not in form
    assert re.search(r'<option selected value="410105">', form)
    assert re.search(r'<option selected value="food_delivery_rider">', form)
    assert "checked" not in form  # the consent is never ticked beforehand
    assert client.send(f"/join/{token}/form", paper(phone="")).location == "/join/confirm"
    assert the_application(db).status is S.UNCONFIRMED
    assert "138****5678" in client.get("/join/confirm").text
    assert client.send("/join/confirm", {"code": digits()}).location == "/join"
    application = the_application(db)
    assert application.status is S.SUBMITTED and application.worker_id == worker.id
    assert application.union_id == tree.federation_county.id
    assert application.industry.value == "food_delivery"
    assert workers.has_consent(worker.id, Purpose.MEMBERSHIP)

    queue = officer.get("/applications").text
    assert "李*强" in queue and "李志强" not in queue
    shown = officer.get(f"/applications/{application.id}").text
    assert "138****5678" in shown and ID not in shown and "花园路驿站" in shown
    answer = officer.send(f"/applications/{application.id}/decide", {"decision": "approved"})
    assert answer.location == f"/applications/{application.id}"
    membership = memberships.find_membership(worker.id)
    assert re.fullmatch(r"410105\d{2}\d{6}", membership.number)
    assert (membership.visit_id, membership.visit_at) == (invitation.visit_id, invitation.visit_at)
    person = db.session.get(Worker, worker.id)
    assert (person.name, person.id_number, person.industry.value) == ("李志强", ID, "food_delivery")
    assert membership.number in outbox.recent(1)[0].body
    assert outbox.recent(1)[0].recipient == PHONE
    member = officer.get(f"/members/{membership.number}").text
    assert "花园路驿站" in member and "李*强" in member and ID not in member
    assert membership.number in officer.get(f"/applications/{application.id}").text


# --- the invitation ------------------------------------------------------------------------------------------------


def test_opening_the_address_changes_nothing(db, client, tree):
    invitation, token = make_invitation(make_worker())
    client.get(f"/join/{token}"), client.get(f"/join/{token}/form")
    assert db.session.get(Invitation, invitation.id).opened_at is None


@pytest.mark.parametrize("what", ["wrong", "old", "used"])
def test_a_wrong_an_old_and_a_used_invitation_look_alike(db, client, tree, what):
    invitation, token = make_invitation(make_worker())
    later = clock.now() + timedelta(days=31 if what == "old" else 0)
    if what == "wrong":
        token = token[:-1] + ("A" if token[-1] != "A" else "B")
    if what == "used":
        invitation.outcome = InvitationOutcome.APPLIED
        db.session.commit()
    with clock.stopped_at(later):
        for answer in (
            client.get(f"/join/{token}"), client.get(f"/join/{token}/form"), client.send(f"/join/{token}/start"),
            client.send(f"/join/{token}/form", paper()), client.send(f"/join/{token}/answer", {"answer": "never"}),
        ):  # fmt: skip
            assert answer.status_code == 404 and 'href="/join"' in answer.text
    assert count(db, Application) == 0


@pytest.mark.parametrize(("answer", "outcome"), [("not_now", "not_now"), ("never", "never"), ("", "not_now")])
def test_saying_no_is_one_tap_and_remembered(db, client, tree, answer, outcome):
    worker = make_worker()
    invitation, token = make_invitation(worker)
    client.get(f"/join/{token}")
    assert client.send(f"/join/{token}/answer", {"answer": answer}).location == "/"
    assert db.session.get(Invitation, invitation.id).outcome.value == outcome
    assert (db.session.get(Worker, worker.id).never_invite_at is not None) is (answer == "never")
    assert queries.problems_with_inviting(worker.id)


# --- the form ------------------------------------------------------------------------------------------------------

WRONG = [
    {"name": ""},
    {"name": "李" * 61},
    {"id_number": ""},
    {"id_number": "110105194912310021"},
    {"id_number": "1101051949123100"},
    {"id_type": "passport", "id_number": "E1"},
    {"id_type": "library"},
    {"phone": "123"},
    {"phone": ""},
    {"work_county": ""},
    {"work_county": "999999"},
    {"occupation": "king"},
    {"industry": "war"},
    {"agree": None},
]


@pytest.mark.parametrize("changes", WRONG)
def test_what_is_wrong_is_said_and_what_was_typed_stays(db, client, tree, changes):
    _, token = make_invitation(make_worker(phone=None, name=None))
    answer = client.send(f"/join/{token}/form", paper(**({"employer_name": "顺丰速运"} | changes)))
    assert answer.status_code == 422 and "顺丰速运" in answer.text and 'class="wrong"' in answer.text
    assert (count(db, Application), count(db, OneTimeCode)) == (0, 0)


@pytest.mark.parametrize(("day", "status"), [(-1, 303), (0, 303), (1, 422)])
def test_joining_begins_at_sixteen(db, client, tree, day, status):
    born = birth(16, -day)
    _, token = make_invitation(make_worker())
    assert client.send(f"/join/{token}/form", paper(id_number=make_id_number(born=born))).status_code == status


def test_extra_fields_are_ignored(db, client, tree):
    _, token = make_invitation(make_worker(phone=PHONE))
    planted = {
        "status": "approved", "union_id": str(tree.foreign_county.id), "approved_by": str(tree.city.id),
        "worker_id": str(make_worker().id), "confirmed_at": "2020-01-01", "decided_at": "2020-01-01",
        "channel": "service_desk",
    }  # fmt: skip
    client.send(f"/join/{token}/form", paper() | planted)
    application = the_application(db)
    assert (application.status, application.union_id) == (S.UNCONFIRMED, tree.federation_county.id)
    assert application.confirmed_at is None and application.channel.value == "visit"


def test_the_union_sees_nothing_that_was_not_confirmed_as_waiting(db, client, officer, tree):
    _, token = make_invitation(make_worker(phone=PHONE))
    client.send(f"/join/{token}/form", paper())
    assert "李*强" not in officer.get("/applications").text
    application = the_application(db)
    answer = officer.send(f"/applications/{application.id}/decide", {"decision": "approved"})
    assert answer.status_code == 422 and count(db, Membership) == 0


def test_a_second_form_takes_the_place_of_one_that_was_never_confirmed(db, client, tree):
    _, token = make_invitation(make_worker(phone=PHONE))
    client.send(f"/join/{token}/form", paper(name="李志"))
    first = digits()
    assert client.send(f"/join/{token}/form", paper()).location == "/join/confirm"
    assert client.send("/join/confirm", {"code": first}).location == "/join"
    states = list(db.session.scalars(sa.select(Application.status).order_by(Application.id)))
    assert states == [S.WITHDRAWN, S.SUBMITTED]


def test_a_double_tap_is_one_application(db, client, tree):
    _, token = make_invitation(make_worker(phone=PHONE))
    for _tap in range(2):
        assert client.send(f"/join/{token}/form", paper(), key="the-same-key").location == "/join/confirm"
    assert count(db, Application) == 1


# --- signed in -----------------------------------------------------------------------------------------------------


def test_whoever_is_signed_in_needs_no_code(db, client, tree):
    worker = make_worker(phone=PHONE, confirmed=True)
    sign_in_worker(client, worker)
    form = client.get("/join/form")
    assert 'value="李志强"' in form.text and PHONE not in form.text
    assert client.send("/join/form", paper(phone="")).location == "/me"
    application = the_application(db)
    assert (application.status, application.channel.value) == (S.SUBMITTED, "public")
    assert client.get("/join/form").location == "/me"
    assert client.send("/join/form", paper(phone="")).status_code == 422  # one is enough
    assert count(db, Application) == 1


def test_an_application_from_me_remembers_the_invitation(db, client, tree):
    worker = make_worker(phone=PHONE, confirmed=True)
    invitation, token = make_invitation(worker)
    sign_in_worker(client, worker)
    client.send("/join/form", paper(phone=""))
    application = the_application(db)
    assert (application.invitation_id, application.visit_id) == (invitation.id, invitation.visit_id)
    assert db.session.get(Invitation, invitation.id).outcome is InvitationOutcome.APPLIED
    assert client.get(f"/join/{token}").status_code == 404


def test_a_signed_in_worker_may_use_the_link(db, client, tree):
    worker = make_worker(phone=PHONE, confirmed=True)
    _, token = make_invitation(worker)
    sign_in_worker(client, worker)
    assert 'value="李志强"' in client.get(f"/join/{token}/form").text
    assert client.send(f"/join/{token}/form", paper(phone="")).location == "/me"
    assert the_application(db).status is S.SUBMITTED


def test_another_phone_wants_its_own_code_even_when_signed_in(db, client, tree):
    worker = make_worker(phone=make_phone(), confirmed=True)
    sign_in_worker(client, worker)
    assert client.send("/join/form", paper(phone=PHONE)).location == "/join/confirm"
    assert the_application(db).status is S.UNCONFIRMED
    assert client.send("/join/confirm", {"code": digits()}).location == "/me"
    assert the_application(db).worker_id == worker.id
    assert workers.find_phone(worker.id, PHONE).confirmed_at is not None


def test_visitors_are_led_through_sign_in(db, client):
    assert client.get("/join/form").location.startswith("/sign-in?next=/join/form")
    assert client.send("/join/form", paper()).location == "/sign-in"


def test_returned_is_corrected_and_sent_again(db, client, officer, tree):
    worker = make_worker(phone=PHONE, confirmed=True)
    application = make_application(worker, phone=PHONE, id_number=ID, opinion="姓名与证件不一致")
    assert officer.send(f"/applications/{application.id}/decide", {"decision": "returned"}).status_code == 422
    officer.send(f"/applications/{application.id}/decide", {"decision": "returned", "opinion": "姓名与证件不一致"})
    assert "姓名与证件不一致" in outbox.recent(1)[0].body
    sign_in_worker(client, worker)
    assert "姓名与证件不一致" in client.get("/me").text
    form = client.get("/join/form").text
    assert "姓名与证件不一致" in form and "1101**********002X" in form and ID not in form
    assert client.send("/join/form", paper(name="李志坚", id_number="", phone="")).location == "/me"
    db.session.expire_all()
    assert (application.status, application.name, application.id_number) == (S.SUBMITTED, "李志坚", ID)
    assert count(db, Application) == 1


# --- already a member ----------------------------------------------------------------------------------------------


def test_a_member_who_applies_again_is_told_and_nothing_is_made(db, client, tree):
    worker = make_worker(phone=PHONE, confirmed=True)
    membership = make_member(worker, phone=PHONE, id_number=ID)
    sign_in_worker(client, worker)
    shown = client.get("/join/form").text
    assert membership.number in shown and "金水区新业态工会联合会" in shown
    client.send("/join/form", paper(phone=""))
    assert (count(db, Membership), count(db, Application)) == (1, 2)
    assert the_application(db).status is S.WITHDRAWN


def test_the_same_document_on_another_phone_is_told_only_after_the_code(db, client, tree):
    make_member(make_worker(phone=make_phone(), name="李志强"), id_number=ID, work_county_code="410102")
    _, token = make_invitation(make_worker(phone=None, name=None))
    fresh = make_invitation(make_worker(phone=None, name=None))[1]
    other = client.send(f"/join/{fresh}/form", paper(id_number=make_id_number(), phone=make_phone()))
    before = client.send(f"/join/{token}/form", paper())
    assert (before.status_code, before.location) == (other.status_code, other.location)  # nobody can probe
    answer = client.send("/join/confirm", {"code": digits()}, follow_redirects=True)
    number = db.session.scalar(sa.select(Membership.number))
    assert f"{number[:4]}…{number[-4:]}" in answer.text and number not in answer.text
    assert "中原区总工会" in answer.text or "郑州市新业态工会联合会" in answer.text
    assert count(db, Membership) == 1
    assert the_application(db).status is S.WITHDRAWN
