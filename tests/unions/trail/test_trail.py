"""Reading the audit trail: within scope, filtered, exported, with the chain's state."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from portal import audit, clock
from portal.access import SYSTEM, By, Role
from portal.unions.trail import rules
from portal.vocabulary import Occupation
from portal.welfare.budgets.models import VersionKind
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree


@pytest.fixture(autouse=True)
def english(client):
    client.set_cookie("language", "en")


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def auditor(client, tree):
    account = make_account([(Role.AUDITOR, tree.city)], name="周审计")
    sign_in_quickly(client, account)
    return account


def write(db, union, by=SYSTEM, action="union.changed", **details):
    audit.record(action, by=by, subject=union, union_id=union.id, **details)
    db.session.commit()


def rows_of(client, query="") -> str:
    html = client.get(f"/audit{query}").get_data(as_text=True)
    return html.partition('<div id="entries"')[2]


def test_entries_of_own_unions_only(client, db, tree, auditor):
    write(db, tree.county, name=["旧名", "新名"])
    write(db, tree.foreign_city, name=["洛阳旧", "洛阳新"])
    write(db, tree.province, name=["省旧", "省新"])
    audit.record("worker.registered", by=SYSTEM, subject=("workers", "w"), name="李*强")
    db.session.commit()
    html = rows_of(client)
    assert "旧名 → 新名" in html
    assert "洛阳" not in html and "省旧" not in html and "李*强" not in html


def test_at_the_top_one_reads_what_concerns_no_union(client, db, tree):
    sign_in_quickly(client, make_account([(Role.AUDITOR, tree.province)]))
    audit.record("worker.registered", by=SYSTEM, subject=("workers", "w"), name="李*强")
    db.session.commit()
    assert "李*强" in rows_of(client)


def test_who_what_and_to_whom_in_words(client, db, tree, auditor):
    officer = make_account([(Role.OFFICER, tree.county)], name="王干事")
    audit.record("account.appointed", by=By("staff", officer.id), subject=auditor, union_id=tree.city.id, role=Role.AUDITOR)
    write(db, tree.county, by=By("worker", officer.id))
    html = rows_of(client)
    assert "王干事" in html and "Role given" in html and "Account 周审计" in html and "Role: Auditor" in html
    assert "Union 金水区总工会" in html and "Worker" in html


def test_newest_first_and_paged(client, db, tree, auditor):
    for number in range(60):
        audit.record("union.changed", by=SYSTEM, subject=tree.county, union_id=tree.county.id, name=f"第{number}号")
    db.session.commit()
    html = rows_of(client)
    assert html.index("第59号") < html.index("第10号") and "第9号" not in html
    after = html.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "第9号" in client.get(after).get_data(as_text=True)


def test_filters_by_action_and_day(client, db, tree, auditor):
    with clock.stopped_at(clock.start_of(clock.today()) - timedelta(seconds=1)):
        write(db, tree.county, name="昨天")
    write(db, tree.county, name="今天")
    write(db, tree.county, action="union.closed", name="撤并")
    today = clock.today().isoformat()
    assert "今天" in rows_of(client, f"?day={today}") and "昨天" not in rows_of(client, f"?day={today}")
    html = rows_of(client, "?action=union.closed")
    assert "撤并" in html and "今天" not in html
    assert "Nothing matches" in rows_of(client, "?action=account.enabled")


@pytest.mark.parametrize(
    "query", ["?day=0001-01-01", "?day=9999-12-31", "?day=x", "?action=%00", "?after=x", "?before=WzFd", "?after=W10"]
)
def test_strange_filters_are_no_error(client, auditor, query):
    assert client.get(f"/audit{query}").status_code == 200
    assert client.get(f"/audit/export{query}").status_code == 200


def test_the_state_of_the_chain(client, db, tree, auditor):
    assert "Nothing is sealed yet." in client.get("/audit").get_data(as_text=True)
    write(db, tree.county)
    write(db, tree.foreign_city)
    audit.seal()
    db.session.commit()
    write(db, tree.county)
    html = client.get("/audit").get_data(as_text=True)
    assert "Sealed up to place 2 at" in html and "1 entry waits" in html


def test_export_holds_own_part_only(client, db, tree, auditor):
    write(db, tree.county, name=["旧名", "=新名"])
    write(db, tree.foreign_city, name="洛阳")
    answer = client.get("/audit/export")
    rows = CalamineWorkbook.from_filelike(BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert len(rows) == 2 and rows[1][-1] == "Name: 旧名 → =新名"


def test_only_auditors(client, tree):
    sign_in_quickly(client, make_account([(Role.ADMINISTRATOR, tree.province)]))
    assert client.get("/audit").status_code == 403
    assert client.get("/audit/export").status_code == 403


def test_a_fragment_when_htmx_asks(client, auditor):
    html = client.get("/audit", headers={"HX-Request": "true", "HX-Target": "entries"}).get_data(as_text=True)
    assert html.startswith('<div id="entries"')


def test_details_read_as_words():
    details = {
        "role": "officer",
        "kind": ["joint_union", "branch"],
        "changes": {"name": ["甲", None]},
        "nothing": None,
        "empty": "",
        "count": 3,
    }
    assert list(rules.readable(details)) == [
        ("name", ("甲", "–")),
        ("count", (3,)),
        ("kind", (rules.UnionKind.JOINT_UNION, rules.UnionKind.BRANCH)),
        ("role", (Role.OFFICER,)),
    ]


def test_words_of_other_rooms_are_said_and_names_are_not():
    details = {"occupation": "truck_driver", "kind": "interim", "status": "no word of ours", "name": "interim"}
    assert dict(rules.readable(details)) == {
        "occupation": (Occupation.TRUCK_DRIVER,),
        "kind": (VersionKind.INTERIM,),
        "status": ("no word of ours",),
        "name": ("interim",),
    }


def test_every_action_that_is_written_has_words():
    """Whatever a room records is said in words here; found by reading the code."""
    import ast
    from pathlib import Path

    import portal

    written = set()
    for path in Path(portal.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in ("audit.record", "audit.record_refusal"):
                continue
            if isinstance(node.args[0], ast.Constant):
                written.add(node.args[0].value)
    assert len(written) > 20
    assert written - set(rules.ACTIONS) == set()
