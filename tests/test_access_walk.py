"""The walk: every staff route × every role × own, child, parent, sibling and foreign things, plain and as a fragment.

Each union of the walk has things of its own, marked by a sign in their name. A role appointed at the county may open the
county's and the town's; everything else must be 404, and no list, export or drop-down may show its sign. A route whose
arguments the walk does not know makes it fail, so a new route cannot slip by.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from flask import Blueprint, Response, request
from sqlalchemy.exc import NoResultFound
from werkzeug.exceptions import HTTPException

from portal import audit, clock, create_app
from portal.access import ROLES, SYSTEM, By, Permission, Role, requires
from portal.db import db
from portal.stations.inspections.queries import list_answers
from portal.stations.register.models import Station
from portal.unions.staff.models import Account
from portal.web import idempotency_key, page
from portal.welfare.bookings.commands import book_place
from portal.welfare.bookings.models import BookedBy
from tests.client import InspectingClient
from tests.conftest import settings_for
from tests.factories.deliveries import make_checked
from tests.factories.handouts import make_discrepancy, make_group, make_handout, make_sheet
from tests.factories.joining import make_application, make_invitation, make_member
from tests.factories.merging import make_merge, make_pair
from tests.factories.money import make_books
from tests.factories.purchases import make_bought
from tests.factories.quotas import make_series, make_share
from tests.factories.shifts import make_device, make_shift, stand_at
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.supplies import make_shelf
from tests.factories.unions import small_tree
from tests.factories.upkeep import make_checklist, make_inspection, make_report, photo_of
from tests.factories.welfare import make_item, make_programme, make_rule, make_session
from tests.factories.wishes import make_wish
from tests.factories.workers import make_worker

SAFE = {"GET", "HEAD", "OPTIONS"}
# scope → (which union of small_tree, its sign, whether the county's staff may see it)
SCOPES = {
    "own": ("county", "甲", True),
    "child": ("town", "乙", True),
    "parent": ("city", "丙", False),
    "sibling": ("sibling_county", "丁", False),
    "foreign": ("foreign_county", "戊", False),
}
# Open to whoever has the permission, whatever is in the address: the code is the secret.
NOT_SCOPED = {"desk.invitation", "exchange.imported", "exchange.refused", "exchange.preview", "exchange.look", "exchange.load",
              "exchange.discard"}  # fmt: skip

# Open only to those who besides hold one of these: to the others of the route's permission nothing is there.
NARROWER = {"deliveries.photo": {Permission.CHECK_DELIVERIES, Permission.MANAGE_BOOKINGS}}


def things_of(tree, union_name: str, sign: str) -> SimpleNamespace:
    """One of everything for a union, each bearing its sign."""
    union = getattr(tree, union_name)
    union_id, code, name = union.id, union.code, sign * 3
    before = db.session.scalar(sa.text("SELECT coalesce(max(id), 0) FROM audit_entries"))
    station = make_station(union=union, name=f"{sign}站", address=f"{sign}路1号")
    worker = make_worker(name=name)
    application = make_application(worker, name=name)
    member = make_member(make_worker(name=name), name=name)
    account = make_account(roles=[(Role.OPERATOR, union)], name=name, sign_in_name=f"user.{code.lower()}")
    appointment = db.session.scalar(sa.text("SELECT id FROM appointments WHERE account_id = :a"), {"a": account.id})
    _, token = make_invitation(make_worker(name=name))
    report = make_report(station, photo=True, note=f"{sign}站")
    # What stands above is used below: a list of the parent may be read, so it bears no sign.
    checklist = make_checklist(union, title="清单" if union_name == "city" else f"{sign}站清单")
    inspection = make_inspection(station, checklist, not_met=(1,), photo=True)
    finding = list_answers(inspection.id)[0]
    upkeep = {
        "report_id": report.id, "checklist_id": checklist.id, "inspection_id": inspection.id, "item_id": finding.item.id,
        "pictures": {"upkeep": photo_of(report), "inspections": finding.picture_id},
    }  # fmt: skip
    twins, merge = make_pair(station, name=name), make_merge(station, name=name)
    device = make_device(station, account, name=name)
    shift = make_shift(device, account, ended_at=clock.now() + timedelta(seconds=1), left=[f"{name}水"])
    wish = make_wish(f"{sign}站旁")
    by = By("staff", account.id)
    group, sheet = make_group(station, by, place=f"{sign}路工地"), make_sheet(station, by)
    entered = {
        "handout_id": make_handout(station, by, title=f"{sign}站防暑包").id, "group_id": group.id, "sheet_id": sheet.id,
        "discrepancy_id": make_discrepancy(station, by).id,
        "worker_id": twins[0].id, "other_id": twins[1].id, "merge_id": merge.id,
        "line_id": db.session.scalar(sa.text("SELECT line_id FROM group_lines WHERE group_visit_id = :g"), {"g": group.id}),
    }  # fmt: skip
    # An item of the parent is used below, too.
    given = make_item(union, name="体检" if union_name == "city" else f"{sign}站体检")
    programme = make_programme(union, given, stations=(station,), name=f"{sign}站项目")
    place_id = db.session.scalar(sa.text("SELECT id FROM programme_places WHERE programme_id = :p"), {"p": programme.id})
    rule = make_rule(programme, approved_at=None, approved_by_account_id=None, min_age=18, reason=f"{sign}站规则")
    entered |= {"programme": programme.code, "item_code": given.code, "place_id": place_id, "rule_id": rule.id}
    entered |= {"share_id": make_share(programme, station).id, "series_id": make_series(programme, station).id}
    booking = book_place(session_id=make_session(programme, station).id, worker_id=make_worker(name=name).id,
                         way=BookedBy.STAFF, by=SYSTEM)  # fmt: skip
    entered |= {"session_id": booking.session_id, "booking_id": booking.id}
    db.session.commit()
    entered |= make_checked(programme, station, make_worker(name=name), sign)
    entered |= make_shelf(station, union, "水" if union_name == "city" else f"{sign}站水")
    db.session.execute(sa.text("UPDATE wishes SET union_id = :u WHERE id = :i"), {"u": union_id, "i": wish.id})
    audit.record("walk", by=SYSTEM, subject=station, union_id=union_id, name=f"{sign}站")
    # Joining goes to the county's federation by itself; the walk wants one at each union.
    db.session.execute(sa.text("UPDATE applications SET union_id = :u WHERE id = :i"), {"u": union_id, "i": application.id})
    db.session.execute(
        sa.text("UPDATE membership_records SET union_id = :u WHERE membership_id = :i"), {"u": union_id, "i": member.id}
    )
    db.session.flush()
    db.session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # past the trail's own guard
    db.session.execute(sa.text("UPDATE audit_entries SET union_id = :u WHERE id > :before"), {"u": union_id, "before": before})
    db.session.commit()
    money = make_books(union, f"{sign}路") | make_bought(station, sign)
    return SimpleNamespace(
        sign=sign, money=money, device=device.id, shift=shift.id, union=code,
        station=station.code, application=application.id, number=member.number,
        account=account.id, appointment=appointment, token=token, wish=wish.id, **upkeep, entered=entered,
    )  # fmt: skip


@pytest.fixture(scope="module")
def house(clone):
    """An application of its own with the walk's things in it, and a planted leak that only the control looks at."""
    url = clone("walk")
    app = create_app(settings_for(url), database_url=url)
    app.test_client_class = InspectingClient
    leak = Blueprint("leak", __name__)

    @leak.get("/leak")
    @requires(Permission.KEEP_STATIONS)
    def everything():
        names = "、".join(db.session.scalars(sa.select(Station.name)))
        return page("front/messages.html", messages=[], title=names)

    @leak.get("/leak/<string:code>")
    @requires(Permission.KEEP_STATIONS)
    def anything(code: str):
        return page(
            "front/messages.html",
            messages=[],
            title=db.session.scalars(sa.select(Station.name).where(Station.code == code)).one(),
        )

    app.register_blueprint(leak)
    refuse_plainly(app)
    with app.app_context():
        tree = small_tree()
        things = {scope: things_of(tree, union, sign) for scope, (union, sign, _) in SCOPES.items()}
        accounts = {role: make_account(roles=[(role, tree.county)], name="本人") for role in Role}
        clients, known = {}, set()
        for role, account in accounts.items():
            clients[role] = app.test_client()
            clients[role].known = known
            with app.test_request_context():
                sign_in_quickly(clients[role], account)
        own_ids = {role: account.id for role, account in accounts.items()}
    yield SimpleNamespace(app=app, things=things, clients=clients, accounts=own_ids)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
        app.extensions["portal.autocommit"].dispose()


def refuse_plainly(app) -> None:
    """Where the walk asks for it (header Plain) a refusal is its status alone: its page, the same each time, costs more."""
    for kind in (HTTPException, NoResultFound):
        drawn = app.error_handler_spec[None][None][kind]

        def refuse(error, drawn=drawn):
            code = getattr(error, "code", None) or 404
            return Response(status=code) if "Plain" in request.headers and code in (403, 404) else drawn(error)

        app.register_error_handler(kind, refuse)


def staff_rules(app, *, leak: bool = False) -> list:
    found = [
        rule
        for rule in app.url_map.iter_rules()
        if isinstance(getattr(app.view_functions[rule.endpoint], "access", None), Permission)
        and rule.endpoint.startswith("leak.") is leak
    ]
    return sorted(found, key=lambda rule: rule.rule)


def values_for(rule, thing) -> dict:
    """What stands in an address for one union's thing."""
    room = rule.endpoint.partition(".")[0]
    known = {
        "code": thing.union if room == "unions" else thing.station,
        "application_id": thing.application,
        "number": thing.number,
        "id": thing.account,
        "appointment_id": thing.appointment,
        "token": thing.token,
        "wish_id": thing.wish,
        "device_id": thing.device,
        "shift_id": thing.shift,
        "report_id": thing.report_id,
        "checklist_id": thing.checklist_id,
        "inspection_id": thing.inspection_id,
        "item_id": thing.item_id,
        "picture_id": thing.pictures.get(room),
        "import_id": "00000000-0000-7000-8000-000000000000",
        "staged_id": "00000000-0000-7000-8000-000000000000",
        **thing.entered,
    } | thing.money.get("advance" if rule.endpoint == "sources.decide_advance" else room, {})
    return {name: known[name] for name in rule.arguments}


def address_of(app, rule, thing) -> str:
    with app.test_request_context():
        return app.url_map.bind("localhost").build(
            rule.endpoint, values_for(rule, thing), method=next(iter(rule.methods - {"HEAD", "OPTIONS"}))
        )


def text_of(answer) -> str:
    """What an answer says, workbooks included."""
    data = answer.get_data()
    if data[:2] != b"PK":
        return data.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist() if name.endswith(".xml"))


def leaks_in(answer) -> list[str]:
    """Signs of unions that the county's staff may not see."""
    said = re.sub(r"<title>.*?</title>", "", text_of(answer)) if "leak" not in answer.request.path else text_of(answer)
    return [sign for _, sign, allowed in SCOPES.values() if not allowed and re.search(f"{sign}(站|路|[*]|{sign})", said)]


def send(client, rule, address, *, fragment: str | None = None, inspect: bool = True, plain: bool = False):
    headers = {"Plain": "1"} if plain else {}
    if fragment:
        headers |= {"HX-Request": "true", "HX-Target": fragment}
    if "GET" in rule.methods:
        return client.get(address, headers=headers, inspect=inspect)
    if client.token is None:
        client.get("/privacy")
    fields = {
        "csrf_token": client.token,
        "key": idempotency_key(),
        "service": "rest",
        "occupation": "courier",
        "who": "13800000000",
    }
    return client.post(address, data=fields, headers=headers, inspect=inspect)


def in_welfare(rule, app) -> bool:
    return app.view_functions[rule.endpoint].__module__.startswith("portal.welfare.")


def walk(house, role: Role, *, welfare: bool | None = None, leak: bool = False) -> list[str]:
    """What one role meets at every route; ``welfare`` for that room's routes only, or for all others."""
    wrong, client = [], house.clients[role]
    for rule in staff_rules(house.app, leak=leak):
        if welfare is not None and in_welfare(rule, house.app) is not welfare:
            continue
        may, targets = house.app.view_functions[rule.endpoint].access in ROLES[role], []
        for scope, (_, _, allowed) in SCOPES.items():
            # whoever lacks the permission is turned away before anybody asks whose it is: two scopes show that
            if (not rule.arguments and scope != "own") or (not may and scope not in ("own", "foreign")):
                continue
            address = address_of(house.app, rule, house.things[scope])
            # One drawn refusal of each kind shows what it says: without the permission on its own, else on what is foreign.
            plain = scope in ("parent", "sibling") or (not may and scope == "foreign")
            answer = send(client, rule, address, inspect=may and scope == "own", plain=plain)
            wrong += judge(rule, role, scope, may, allowed, answer)
            if not may or "GET" not in rule.methods:
                continue
            if scope == "own":  # what a page never asks for is drawn like the page itself
                targets = sorted(set(re.findall(r'data-hx-target="#([a-z-]+)"', text_of(answer))))
            for target in targets if allowed else targets or ["main"]:
                answer = send(client, rule, address, fragment=target, inspect=False, plain=plain)
                wrong += judge(rule, role, scope, may, allowed, answer)
    return wrong


def judge(rule, role, scope, may, allowed, answer) -> list[str]:
    where = f"{'/'.join(sorted(rule.methods - {'HEAD', 'OPTIONS'}))} {rule.rule} as {role} on {scope}: {answer.status_code}"
    if answer.status_code >= 500:
        return [f"{where} is a server error"]
    if not may:
        return [] if answer.status_code == 403 else [f"{where}, expected 403"]
    found = [f"{where} shows {sign}" for sign in leaks_in(answer)]
    allowed = allowed and bool(NARROWER.get(rule.endpoint, ROLES[role]) & ROLES[role])
    if rule.endpoint in NOT_SCOPED or not rule.arguments:
        return found
    if not allowed and answer.status_code != 404:
        found.append(f"{where}, expected 404")
    if allowed and answer.status_code in (403, 404):
        found.append(f"{where}, expected to be open")
    return found


def fingerprint(house) -> dict[str, int]:
    """How many rows stand where, for the tables a forbidden write could touch."""
    tables = ("stations", "unions", "accounts", "appointments", "memberships", "visits", "applications")
    with house.app.app_context():
        return {table: db.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) for table in tables}


def check_role(house, role: Role, *, welfare: bool) -> None:
    before = fingerprint(house)
    assert "\n".join(walk(house, role, welfare=welfare)) == ""
    after = fingerprint(house)
    # Taps of the operator and keeper at their own and their town's station are the only rows a walk may add.
    assert {name: after[name] - before[name] for name in before if name != "visits"} == dict.fromkeys(set(before) - {"visits"}, 0)


@pytest.mark.parametrize("role", Role)
def test_no_route_leaks(house, role):
    """The routes of all rooms but welfare, whose half stands in test_access_walk_welfare.py, so that two may walk."""
    check_role(house, role, welfare=False)


def test_the_planted_leaks_are_found(house):
    found = "\n".join(walk(house, Role.KEEPER, leak=True))
    for scope in ("parent", "sibling", "foreign"):
        assert f"/leak/<string:code> as keeper on {scope}: 200, expected 404" in found
    for sign in "丙丁戊":
        assert f"/leak as keeper on own: 200 shows {sign}" in found


def test_a_withdrawn_role_is_refused_on_the_very_next_request(house):
    with house.app.app_context():
        account = make_account(roles=[(Role.OFFICER, db.session.scalars(sa.text("SELECT id FROM unions LIMIT 0")).first())][:0])
        tree_county = db.session.execute(sa.text("SELECT id FROM unions WHERE code = '410105'")).scalar_one()
        db.session.execute(
            sa.text("INSERT INTO appointments (id, account_id, union_id, role, starts_on, created_at) "
                    "VALUES (gen_random_uuid(), :a, :u, 'officer', current_date - 1, now())"),
            {"a": account.id, "u": tree_county},
        )  # fmt: skip
        db.session.commit()
        client = house.app.test_client()
        with house.app.test_request_context():
            sign_in_quickly(client, account)
        assert client.get("/applications").status_code == 200
        db.session.execute(sa.text("UPDATE appointments SET ends_on = current_date - 1 WHERE account_id = :a"), {"a": account.id})
        db.session.commit()
    assert client.get("/applications").status_code == 403


def test_workers_and_visitors_open_no_staff_page(house):
    with house.app.app_context():
        worker = make_worker()
        client = house.app.test_client()
        with house.app.test_request_context():
            sign_in_quickly(client, worker, kind="worker")
    for who in (client, house.app.test_client()):
        for rule in staff_rules(house.app):
            answer = send(who, rule, address_of(house.app, rule, house.things["own"]))
            assert answer.status_code == 302 and "/staff/sign-in" in answer.location, rule.rule


def test_a_paired_screen_opens_its_own_counter_and_nothing_else(house):
    """One more actor of the walk: a keeper by PIN on a tablet. Their roles open much elsewhere; the screen does not."""
    with house.app.app_context():
        keeper = db.session.get(Account, house.accounts[Role.KEEPER])
        station = db.session.scalars(sa.select(Station).where(Station.code == house.things["own"].station)).one()
        device = make_device(station, keeper, name="本人屏")
        screen = house.app.test_client()
        with house.app.test_request_context():
            stand_at(screen, device, keeper)
    here, wrong = f"/desk/{house.things['own'].station}", []
    for rule in staff_rules(house.app):
        permission = house.app.view_functions[rule.endpoint].access
        # away from the desk it is turned away before anybody asks whose it is, as whoever lacks the permission
        for scope in ("own",) if not rule.arguments else SCOPES if rule.rule.startswith("/desk/") else ("own", "foreign"):
            address = address_of(house.app, rule, house.things[scope])
            answer = send(screen, rule, address, inspect=False, plain=scope not in ("own", "foreign"))
            where = f"{rule.methods} {rule.rule} on {scope}: {answer.status_code}"
            if permission not in (Permission.SERVE, Permission.STAFF_HOME) or not rule.rule.startswith(("/desk", "/staff")):
                expected = answer.status_code == 403
            elif rule.endpoint in ("desk.index", "staff.home"):
                expected = answer.status_code == 302 and answer.location == here
            elif not rule.rule.startswith("/desk/"):
                expected = answer.status_code == 403
            else:
                expected = answer.status_code == 404 if scope != "own" else answer.status_code not in (403, 404, 500)
            wrong += [] if expected else [where]
            wrong += [f"{where} shows {sign}" for sign in leaks_in(answer)]
    assert "\n".join(wrong) == ""
    assert screen.get(here).status_code == 200
    screen.set_cookie("language", "en")
    assert "only the counter opens" in screen.get("/staff/stations").get_data(as_text=True)
