"""The list of members, one member, the export: within scope and masked."""

from __future__ import annotations

import io

import pytest
import python_calamine
import sqlalchemy as sa

from portal.access import Role
from tests.factories.joining import make_member
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

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


def test_members_are_listed_masked_and_found(db, officer, tree):
    member = make_member(make_worker(name="王芳"), name="王芳", phone=PHONE, id_number=ID)
    make_member(make_worker(name="赵小敏"), name="赵小敏", work_county_code="410102")
    page = officer.get("/members").text
    assert "王*" in page and "赵*敏" in page and "王芳" not in page
    assert "赵*敏" not in officer.get("/members?union=410105-X").text
    assert "王*" in officer.get("/members?q=王&status=active").text
    assert "王*" not in officer.get("/members?status=retained").text
    assert "赵*敏" not in officer.get(f"/members?q={member.number}").text
    assert officer.send("/members/search", {"q": member.number}).location == f"/members/{member.number}"
    assert officer.send("/members/search", {"q": "王"}).location.startswith("/members?q=")
    for key in (PHONE, ID):
        found = officer.send("/members/search", {"q": key})
        assert found.status_code == 200 and key not in found.text and "王*" not in found.text
    shown = officer.get(f"/members/{member.number}").text
    assert 'class="badge green"' in shown  # the status of this moment
    assert "138****5678" in shown and "1101**********002X" in shown and PHONE not in shown and ID not in shown


def test_an_empty_list_says_what_to_do(officer):
    assert 'href="/applications"' in officer.get("/members").text
    assert officer.get("/members?q=%25&status=x&union=y&before=z").status_code == 200


def test_foreign_members_are_not_there(db, officer, tree):
    foreign = make_member(make_worker(name="外人某"), name="外人某", work_county_code="410302", phone=PHONE, id_number=ID)
    assert officer.get(f"/members/{foreign.number}").status_code == 404
    for address in ("/members", "/members?q=外", f"/members?q={foreign.number}", "/members?union=410302"):
        assert "外*某" not in officer.get(address).text
    assert "外*某" not in officer.send("/members/search", {"q": foreign.number}).text
    assert "老城区" not in officer.get("/members").text  # nor in the filter
    rows = officer.send("/members/export").data
    assert len(python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(rows)).get_sheet_by_index(0).to_python()) == 1


def test_the_export_is_masked_and_written_down(db, officer, tree):
    make_member(make_worker(name="王芳"), name="王芳", phone=PHONE, id_number=ID)
    officer.get("/members")
    answer = officer.send("/members/export")
    rows = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert len(rows) == 2 and "王*" in rows[1]
    assert PHONE not in str(rows) and ID not in str(rows) and "王芳" not in str(rows)
    assert db.session.scalar(sa.text("SELECT count(*) FROM audit_entries WHERE action = 'members.exported'")) == 1


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR, Role.HOST, Role.FINANCE])
def test_other_roles_do_not_come_in(db, app, tree, role):
    client = app.test_client()
    sign_in_quickly(client, make_account([(role, tree.province)]))
    assert client.get("/members").status_code == 403
    assert client.get("/members/41010526000001").status_code == 403
    assert client.send("/members/export").status_code == 403
