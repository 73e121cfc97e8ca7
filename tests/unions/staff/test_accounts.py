"""Accounts and appointments over HTTP: inviting, appointing, ending, disabling, and what is outside of scope."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest

from portal import clock
from portal.access import Role
from portal.audit import AuditEntry
from portal.crypto import token_digest
from portal.sessions import Session
from portal.unions.staff import commands, rules
from portal.unions.staff.models import Account, Appointment
from tests.factories.staff import PASSWORD, appoint, code_for, make_account, sign_in, sign_in_quickly
from tests.factories.unions import small_tree

NEW = "a sentence of my own"


@pytest.fixture(autouse=True)
def english(client):
    client.set_cookie("language", "en")


@pytest.fixture
def tree(app):
    return small_tree()


@pytest.fixture
def administrator(client, tree):
    account = make_account([(Role.ADMINISTRATOR, tree.city)], name="刘管理")
    sign_in_quickly(client, account)
    return account


def invite_fields(**changes):
    return {"name": "李值守", "sign_in_name": "li.zhishou", "role": "operator", "union_code": "410105"} | changes


def only(db, model, **values):
    return db.session.query(model).filter_by(**values).one()


# --- inviting ------------------------------------------------------------------------------------------------------


def test_from_invitation_to_the_desk(app, client, db, tree, administrator):
    answer = client.send("/staff/accounts/new", invite_fields())
    account = only(db, Account, sign_in_name="li.zhishou")
    assert answer.location == f"/staff/accounts/{account.id}"
    html = client.get(answer.location).get_data(as_text=True)
    link = re.search(r'value="http://localhost(/staff/invitation/[^"]+)"', html).group(1)
    assert "/staff/invitation/" not in client.get(answer.location).get_data(as_text=True)  # shown once
    token = link.rpartition("/")[2]
    assert account.invitation_digest == token_digest(token) and account.password_hash is None
    assert token not in str([entry.details for entry in db.session.query(AuditEntry)])

    guest = app.test_client()
    guest.set_cookie("language", "en")
    html = guest.get(link).get_data(as_text=True)
    assert "<svg" in html and "li.zhishou" in html
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", html).group(1).replace(" ", "")
    totp = pyotp.TOTP(secret)
    assert guest.send(link, {"password": NEW, "code": "000000"}).status_code == 422
    assert guest.send(link, {"password": "short", "code": totp.at(clock.now())}).status_code == 422
    assert guest.send(link, {"password": NEW, "code": totp.at(clock.now())}).location == "/desk"
    assert guest.get("/staff").status_code == 200
    assert guest.get(link).status_code == 404
    assert app.test_client().send(link, {"password": NEW, "code": totp.at(clock.now())}).status_code == 404
    db.session.expire_all()
    account.password, account.totp_secret = NEW, secret
    assert sign_in(app.test_client(), account).location == "/desk"
    actions = [entry.action for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
    assert actions[:2] == ["account.invited", "account.appointed"] and "account.accepted" in actions


def test_an_invitation_holds_seven_days(client, db, tree):
    union = tree.county
    _, token = commands.invite_account(sign_in_name="guest", name="客", union=union, by=commands.By("system"))
    db.session.commit()
    assert client.get(f"/staff/invitation/{token}").status_code == 200
    with clock.stopped_at(clock.now() + timedelta(days=7, seconds=1)):
        assert client.get(f"/staff/invitation/{token}").status_code == 404
    assert client.get("/staff/invitation/made-up").status_code == 404


def test_an_invitation_used_in_parallel_works_once(app, db, tree):
    account, token = commands.invite_account(sign_in_name="guest", name="客", union=tree.county, by=commands.By("system"))
    commands.appoint(account=account, union=tree.county, role=Role.OPERATOR, by=commands.By("system"))
    db.session.commit()
    code = pyotp.TOTP(rules.secret_of_invitation(token)).at(clock.now())

    def accept(number: int) -> int:
        with app.app_context():
            fields = {"password": f"{NEW} {number}", "code": code}
            return app.test_client().send(f"/staff/invitation/{token}", fields).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(accept, range(4))) == [303, 404, 404, 404]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"sign_in_name": "x"},
        {"sign_in_name": "有 空格"},
        {"sign_in_name": "TAKEN"},
        {"union_code": "4103"},
        {"union_code": "41"},
        {"union_code": ""},
        {"role": "emperor"},
        {"starts_on": "2026-02-30"},
        {"starts_on": "2026-11-02", "ends_on": "2026-11-01"},
    ],
)
def test_what_cannot_be_invited(client, db, tree, administrator, changed):
    make_account(sign_in_name="taken")
    before = db.session.query(Account).count()
    answer = client.send("/staff/accounts/new", invite_fields(**changed))
    assert answer.status_code == 422 and 'class="wrong"' in answer.get_data(as_text=True)
    assert db.session.query(Account).count() == before and db.session.query(AuditEntry).count() == 0


def test_extra_fields_are_not_taken(client, db, tree, administrator):
    extra = {"password_hash": "x", "password": NEW, "closed_at": "2020-01-01", "account_id": str(administrator.id)}
    client.send("/staff/accounts/new", invite_fields(**extra))
    account = only(db, Account, sign_in_name="li.zhishou")
    assert account.password_hash is None and account.closed_at is None
    assert only(db, Appointment, account_id=account.id).role is Role.OPERATOR


# --- scope ---------------------------------------------------------------------------------------------------------


def test_the_list_holds_own_people_only(client, tree, administrator):
    inside = make_account([(Role.OPERATOR, tree.town)], name="里面的人")
    past = make_account([(Role.OPERATOR, tree.town)], name="从前的人", starts_on=clock.today() - timedelta(9),
                        ends_on=clock.today() - timedelta(2))  # fmt: skip
    both = make_account([(Role.OFFICER, tree.county), (Role.OFFICER, tree.foreign_city)], name="两边的人")
    outside = [make_account([(Role.OFFICER, union)], name="外面的人") for union in (tree.foreign_county, tree.province)]
    html = client.get("/staff/accounts").get_data(as_text=True)
    assert all(name in html for name in ("里面的人", "从前的人", "两边的人", "刘管理"))
    assert "外面的人" not in html and "洛阳市总工会" not in html
    for account in (inside, past, both):
        assert client.get(f"/staff/accounts/{account.id}").status_code == 200
    assert "洛阳市总工会" not in client.get(f"/staff/accounts/{both.id}").get_data(as_text=True)
    for account in outside:
        for method, end in (("get", ""), ("send", "/appointments"), ("send", "/disable"), ("send", "/enable"),
                            ("send", "/invite-again")):  # fmt: skip
            fields = {"role": "operator", "union_code": "410105"}
            arguments = (fields,) if method == "send" else ()
            assert getattr(client, method)(f"/staff/accounts/{account.id}{end}", *arguments).status_code == 404


def test_search_and_empty_answer(client, tree, administrator):
    make_account([(Role.OPERATOR, tree.town)], name="里面的人", sign_in_name="inside")
    for q in ("里面", "INSI", "nside"):
        assert "里面的人" in client.get(f"/staff/accounts?q={q}").get_data(as_text=True)
    assert "Nobody matches" in client.get("/staff/accounts?q=%25").get_data(as_text=True)
    headers = {"HX-Request": "true", "HX-Target": "accounts"}
    assert client.get("/staff/accounts?q=x", headers=headers).get_data(as_text=True).startswith('<div id="accounts"')


def test_only_administrators(client, tree):
    sign_in_quickly(client, make_account([(Role.OFFICER, tree.province), (Role.AUDITOR, tree.province)]))
    for address in ("/staff/accounts", "/staff/accounts/new"):
        assert client.get(address).status_code == 403
    assert client.send("/staff/accounts/new", invite_fields()).status_code == 403


# --- appointing and ending -----------------------------------------------------------------------------------------


def test_appointing_counts_at_once_and_ends_open_sessions(app, client, db, tree, administrator):
    account = make_account([(Role.OPERATOR, tree.town)])
    theirs = app.test_client()
    sign_in_quickly(theirs, account)
    fields = {"role": "officer", "union_code": "410105"}
    answer = client.send(f"/staff/accounts/{account.id}/appointments", fields)
    assert answer.status_code == 303
    assert theirs.get("/staff").status_code == 302
    sign_in_quickly(theirs, account)
    assert theirs.get("/unions/410105").status_code == 200
    entry = only(db, AuditEntry, action="account.appointed")
    assert entry.details["role"] == "officer" and entry.union_id == tree.county.id


@pytest.mark.parametrize("code", ["4103", "41", "410302", "x"])
def test_appointing_outside_of_scope_is_refused(client, db, tree, administrator, code):
    account = make_account([(Role.OPERATOR, tree.town)])
    fields = {"role": "officer", "union_code": code}
    assert client.send(f"/staff/accounts/{account.id}/appointments", fields).status_code == 422
    assert db.session.query(Appointment).filter_by(account_id=account.id).count() == 1


def test_nobody_appoints_themselves(client, db, tree, administrator):
    fields = {"role": "officer", "union_code": "410105"}
    answer = client.send(f"/staff/accounts/{administrator.id}/appointments", fields)
    assert answer.status_code == 422 and "Nobody appoints themselves" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [("administrator", "auditor"), ("auditor", "administrator"), ("finance", "approver"), ("approver", "finance")],
)
def test_incompatible_roles(client, db, tree, administrator, held, wanted):
    account = make_account([(held, tree.county)])
    fields = {"role": wanted, "union_code": "410102"}
    answer = client.send(f"/staff/accounts/{account.id}/appointments", fields)
    assert answer.status_code == 422 and "do not go together" in answer.get_data(as_text=True)
    later = fields | {"starts_on": (clock.today() + timedelta(400)).isoformat()}
    assert client.send(f"/staff/accounts/{account.id}/appointments", later).status_code == 422
    appointment = only(db, Appointment, account_id=account.id)
    assert client.send(f"/staff/accounts/{account.id}/appointments/{appointment.id}/end").status_code == 303
    assert client.send(f"/staff/accounts/{account.id}/appointments", fields).status_code == 303


def test_ending_a_role_is_refused_on_the_next_request(app, client, db, tree, administrator):
    account = make_account([(Role.OFFICER, tree.county)])
    theirs = app.test_client()
    sign_in_quickly(theirs, account)
    assert theirs.get("/unions").status_code == 200
    appointment = only(db, Appointment, account_id=account.id)
    assert client.send(f"/staff/accounts/{account.id}/appointments/{appointment.id}/end").status_code == 303
    assert theirs.get("/unions").status_code == 302
    sign_in_quickly(theirs, account)  # even with a session that somehow lives
    assert theirs.get("/unions").status_code == 403
    assert client.send(f"/staff/accounts/{account.id}/appointments/{appointment.id}/end").status_code == 422


def test_the_last_day_counts_and_the_next_does_not(client, tree):
    account = make_account([(Role.OFFICER, tree.county)], ends_on=clock.today())
    sign_in_quickly(client, account)
    assert client.get("/unions").status_code == 200
    midnight = clock.start_of(clock.today() + timedelta(1))
    with clock.stopped_at(midnight - timedelta(seconds=1)):
        sign_in_quickly(client, account)
        assert client.get("/unions").status_code == 200
    with clock.stopped_at(midnight):
        assert client.get("/unions").status_code == 403


def test_own_last_administrator_role_stays(client, db, tree, administrator):
    mine = only(db, Appointment, account_id=administrator.id)
    address = f"/staff/accounts/{administrator.id}/appointments"
    assert client.send(f"{address}/{mine.id}/end").status_code == 422
    appoint(administrator, Role.ADMINISTRATOR, tree.county)
    assert client.send(f"{address}/{mine.id}/end").status_code == 303


def test_an_appointment_of_another_account_or_scope_is_404(client, db, tree, administrator):
    account = make_account([(Role.OPERATOR, tree.county), (Role.OPERATOR, tree.foreign_city)])
    foreign = only(db, Appointment, account_id=account.id, union_id=tree.foreign_city.id)
    own = only(db, Appointment, account_id=account.id, union_id=tree.county.id)
    assert client.send(f"/staff/accounts/{account.id}/appointments/{foreign.id}/end").status_code == 404
    assert client.send(f"/staff/accounts/{administrator.id}/appointments/{own.id}/end").status_code == 404


# --- the whole account ---------------------------------------------------------------------------------------------


def test_disable_puts_out_at_once_and_enable_lets_in(app, client, db, tree, administrator):
    account = make_account([(Role.OFFICER, tree.county)])
    theirs = app.test_client()
    sign_in_quickly(theirs, account)
    assert client.send(f"/staff/accounts/{account.id}/disable").status_code == 303
    assert theirs.get("/staff").status_code == 302
    sign_in_quickly(theirs, account)
    assert theirs.get("/staff").status_code == 302
    known = {"sign_in_name": account.sign_in_name, "password": PASSWORD}
    assert theirs.send("/staff/sign-in", known).status_code == 422
    before = app.test_client()
    db.session.query(Account).filter_by(id=account.id).update({"closed_at": None})
    db.session.commit()
    sign_in_quickly(before, account)
    assert client.send(f"/staff/accounts/{account.id}/disable").status_code == 303
    assert client.send(f"/staff/accounts/{account.id}/enable").status_code == 303
    assert before.get("/staff").status_code == 302  # what was open before stays closed
    assert sign_in(app.test_client(), account).status_code == 303


def test_invite_again_ends_password_code_and_sessions(app, client, db, tree, administrator):
    account = make_account([(Role.OFFICER, tree.county)])
    theirs = app.test_client()
    sign_in_quickly(theirs, account)
    answer = client.send(f"/staff/accounts/{account.id}/invite-again")
    html = client.get(answer.location).get_data(as_text=True)
    assert "/staff/invitation/" in html
    assert theirs.get("/staff").status_code == 302
    known = {"sign_in_name": account.sign_in_name, "password": PASSWORD}
    assert theirs.send("/staff/sign-in", known).status_code == 422
    db.session.expire_all()
    assert account.totp_cipher is None and account.password_hash is None


@pytest.mark.parametrize("what", ["disable", "invite-again"])
def test_an_account_that_is_appointed_elsewhere_is_not_taken_over(client, db, tree, administrator, what):
    account = make_account([(Role.OFFICER, tree.county), (Role.AUDITOR, tree.province)])
    answer = client.send(f"/staff/accounts/{account.id}/{what}")
    assert answer.status_code == 422 and "outside your part" in answer.get_data(as_text=True)
    db.session.expire_all()
    assert account.closed_at is None and account.password_hash


@pytest.mark.parametrize("what", ["disable", "invite-again"])
def test_not_ones_own_account(client, administrator, what):
    assert client.send(f"/staff/accounts/{administrator.id}/{what}").status_code == 422
    assert client.get("/staff").status_code == 200


# --- one's own password --------------------------------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions(app, client, db, tree):
    account = make_account([(Role.OFFICER, tree.county)])
    sign_in_quickly(client, account)
    other = app.test_client()
    sign_in_quickly(other, account)
    fields = {"current": PASSWORD, "password": NEW}
    assert client.send("/staff/password", fields).status_code == 303
    assert client.get("/staff").status_code == 200
    assert other.get("/staff").status_code == 302
    db.session.expire_all()
    assert commands.hasher.verify(account.password_hash, NEW)


@pytest.mark.parametrize(
    ("current", "password"),
    [("wrong wrong wrong", NEW), (PASSWORD, "short"), (PASSWORD, PASSWORD), (PASSWORD, "a" * 300), (PASSWORD, ""),
     (PASSWORD, "qwertyuiop123")],
)  # fmt: skip
def test_passwords_that_are_not_taken(client, db, tree, current, password):
    account = make_account([(Role.OFFICER, tree.county)])
    sign_in_quickly(client, account)
    answer = client.send("/staff/password", {"current": current, "password": password})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422 and (len(password) < 6 or password not in html) and current not in html
    db.session.expire_all()
    assert commands.hasher.verify(account.password_hash, PASSWORD)


def test_guessing_the_present_password_is_throttled(client, tree):
    sign_in_quickly(client, make_account([(Role.OFFICER, tree.county)]))
    fields = {"current": "wrong wrong wrong", "password": NEW}
    answers = [client.send("/staff/password", fields).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]


def test_no_password_lies_in_the_table_of_keys(client, db, tree):
    sign_in(client, make_account([(Role.OFFICER, tree.county)]))
    client.send("/staff/password", {"current": PASSWORD, "password": NEW})
    from portal.idempotency import IdempotencyKey

    assert db.session.query(IdempotencyKey).count() == 0
    assert db.session.query(Session).filter_by(revoked_at=None).count() == 1


def test_a_code_of_the_present_half_minute_still_works_after_all_this(client, db, tree):
    account = make_account([(Role.OFFICER, tree.county)])
    assert len(code_for(account)) == 6
