"""The union's queue of applications: within scope, masked, decided once."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
import python_calamine
import sqlalchemy as sa

from portal import clock, outbox, paging
from portal.access import Role
from portal.members.joining.models import Application, ApplicationStatus
from portal.members.memberships.models import Membership
from tests.factories.joining import make_application
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

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


def test_the_queue_has_the_longest_wait_first_and_says_how_long(db, officer, tree):
    for days, name in ((1, "王一一"), (9, "王二二"), (0, "王三三")):
        with clock.stopped_at(clock.now() - timedelta(days=days)):
            make_application(make_worker(name=name))
    page = officer.get("/applications").text
    assert page.count("王*") == 3
    assert page.index("王*二") < page.index("王*一") < page.index("王*三")
    assert re.search(r"9 ?(day|天)", page)


def test_filters_search_and_empty_states(db, officer, tree):
    make_application(make_worker(name="王芳"), phone=PHONE, id_number=ID, name="王芳")
    make_application(make_worker(name="赵敏"), status=S.REJECTED, name="赵敏")
    assert "赵*" not in officer.get("/applications").text
    assert "赵*" in officer.get("/applications?status=all").text
    assert "赵*" in officer.get("/applications?status=rejected").text
    found = officer.send("/applications/search", {"q": "王"})
    assert found.status_code == 303 and "王*" in officer.get(found.location).text
    for key in (PHONE, " 138 1234 5678", ID, ID.lower()):
        assert "王*" in officer.send("/applications/search", {"q": key}).text
    assert "王*" not in officer.send("/applications/search", {"q": "13900000000"}).text
    assert "王*" not in officer.get("/applications?q=李").text
    assert officer.send("/applications/search", {"q": ""}).status_code == 303
    assert officer.get("/applications?q=%25&status=nonsense&after=nonsense").status_code == 200


def test_pages_of_the_queue(db, officer, tree, monkeypatch):
    monkeypatch.setitem(paging.keyset.__kwdefaults__, "limit", 2)
    for number in range(5):
        with clock.stopped_at(clock.now() - timedelta(hours=9 - number)):
            make_application(make_worker(name=f"王{number}号"), name=f"王{number}号")
    seen, address = [], "/applications"
    for _page in range(3):
        page = officer.get(address).text
        seen += re.findall(r'href="/applications/([0-9a-f-]{36})"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following.group(1).replace("&amp;", "&") if following else None
    assert address is None and len(seen) == len(set(seen)) == 5
    assert officer.get("/applications?status=all").text.count("data-open") == 2


def test_uncovering_needs_a_reason_and_is_written_down(db, officer, tree):
    application = make_application(phone=PHONE, id_number=ID)
    address = f"/applications/{application.id}/reveal"
    assert officer.send(address, {"field": "phone"}).status_code == 422
    assert officer.send(address, {"field": "name", "reason": "x"}).status_code == 422
    assert PHONE in officer.send(address, {"field": "phone", "reason": "回电确认"}).text
    assert ID in officer.send(address, {"field": "id_number", "reason": "核对证件"}).text
    rows = db.session.execute(sa.text("SELECT details FROM audit_entries WHERE action = 'application.revealed' ORDER BY id"))
    assert [row.details for row in rows] == [
        {"field": "phone", "reason": "回电确认"}, {"field": "id_number", "reason": "核对证件"},
    ]  # fmt: skip
    assert PHONE not in officer.get(f"/applications/{application.id}").text


def test_the_export_is_masked_within_scope_and_written_down(db, officer, tree):
    make_application(make_worker(name="王芳"), name="=王芳", phone=PHONE, id_number=ID)
    make_application(make_worker(name="外人某"), name="外人某", work_county_code="410302")
    officer.get("/applications")
    answer = officer.send("/applications/export", {"status": "all"})
    rows = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert len(rows) == 2 and rows[1][0] == "=*芳"
    everything = "".join(map(str, rows))
    assert PHONE not in everything and ID not in everything and "外*某" not in everything
    assert db.session.scalar(sa.text("SELECT count(*) FROM audit_entries WHERE action = 'applications.exported'")) == 1


def test_foreign_applications_are_not_there(db, app, officer, tree):
    foreign = make_application(phone=PHONE, id_number=ID, work_county_code="410302", name="外人某")
    for permit in ("", "/reveal", "/decide"):
        address = f"/applications/{foreign.id}{permit}"
        data = {"decision": "approved", "field": "phone", "reason": "x"}
        answer = officer.send(address, data) if permit else officer.get(address)
        assert answer.status_code == 404
    assert "外*某" not in officer.get("/applications?status=all").text
    assert "外*某" not in officer.get("/applications?status=all&q=外").text
    for key in (PHONE, ID):
        assert "外*某" not in officer.send("/applications/search", {"q": key}).text
    assert foreign.status is S.SUBMITTED
    above = app.test_client()
    sign_in_quickly(above, make_account([(Role.OFFICER, tree.province)], name="省审核"))
    assert above.get(f"/applications/{foreign.id}").status_code == 200


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR, Role.HOST, Role.FINANCE])
def test_other_roles_do_not_come_in(db, app, tree, role):
    application = make_application()
    client = app.test_client()
    sign_in_quickly(client, make_account([(role, tree.province)]))
    assert client.get("/applications").status_code == 403
    assert client.get(f"/applications/{application.id}").status_code == 403
    assert client.send(f"/applications/{application.id}/decide", {"decision": "approved"}).status_code == 403


def test_an_approver_sees_but_neither_decides_nor_uncovers(db, app, tree):
    application = make_application()
    client = app.test_client()
    sign_in_quickly(client, make_account([(Role.APPROVER, tree.province)]))
    page = client.get(f"/applications/{application.id}").text
    assert "/decide" not in page and "/reveal" not in page
    assert client.send(f"/applications/{application.id}/decide", {"decision": "approved"}).status_code == 403
    assert client.send("/applications/export").status_code == 403


def test_nobody_decides_on_an_applicant_of_their_own_name(db, officer, tree):
    application = make_application(make_worker(name="周审核"), name="周 审核")
    answer = officer.send(f"/applications/{application.id}/decide", {"decision": "approved"})
    assert answer.status_code == 422 and count(db, Membership) == 0


def test_a_decided_application_is_decided(db, officer, tree):
    application = make_application(status=S.REJECTED)
    answer = officer.send(f"/applications/{application.id}/decide", {"decision": "approved"})
    assert answer.status_code == 422 and count(db, Membership) == 0
