"""The demonstration: what it makes holds together, again it only goes on, and it leaves alone what is not its own."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pyotp
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from portal import clock, create_app, demonstration
from portal.access import Role
from portal.db import db as database
from portal.demonstration import Scale, accounts, days, people, places
from portal.members.joining.models import ApplicationStatus
from portal.members.memberships.models import MembershipStatus
from portal.members.workers.rules import is_phone
from tests.client import InspectingClient
from tests.conftest import settings_for
from tests.factories.staff import sign_in_quickly

SMALL = Scale(stations=24, workers=80, days=12, members=16, applications=10)
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # a Friday, noon in Shanghai
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="module")
def demo(clone, tmp_path_factory):
    """A small demonstration in a database of its own; the tests below only read, except the last ones."""
    url, instance = clone("demonstration"), tmp_path_factory.mktemp("demo")
    app = create_app(settings_for(url, environment="demo", instance=instance), database_url=url)
    app.test_client_class = InspectingClient
    patch = pytest.MonkeyPatch()
    patch.setattr("portal.unions.staff.commands.hasher", CHEAP)
    patch.setattr(days, "TAKEN_BACK", 0.06)  # so that even a small one has enough of them
    with app.app_context(), clock.stopped_at(NOON):
        said = []
        made = demonstration.make_or_continue(instance, SMALL, said.append)
        yield SimpleNamespace(app=app, instance=instance, made=made, said=said, url=url)
        database.session.remove()
        database.engine.dispose()
        app.extensions["portal.autocommit"].dispose()
    patch.undo()


def rows(statement: str, **values) -> list[sa.Row]:
    return list(database.session.execute(sa.text(statement), values))


def one(statement: str, **values):
    return database.session.scalar(sa.text(statement), values)


# --- what stands in the database -----------------------------------------------------------------------------------

LEFT = """
    WITH lines_left AS (
        SELECT l.*, CAST(l.at AT TIME ZONE 'Asia/Shanghai' AS date) AS day FROM visit_lines l
        WHERE NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id)),
    visits_left AS (
        SELECT v.*, CAST(v.at AT TIME ZONE 'Asia/Shanghai' AS date) AS day FROM visits v
        WHERE EXISTS (SELECT FROM lines_left l WHERE l.visit_id = v.id AND l.visit_at = v.at)),
    counted AS (
        SELECT station_id, union_id, day, 1 AS visits, (worker_id IS NOT NULL)::int AS identified, 0 AS lines
        FROM visits_left
        UNION ALL
        SELECT l.station_id, v.union_id, l.day, 0, 0, 1
        FROM lines_left l JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at)
"""


def check_roll_ups() -> None:
    for table, owner, period, trunc in (
        ("union_days", "union_id", "day", "day"),
        ("union_months", "union_id", "month", "CAST(date_trunc('month', day) AS date)"),
        ("station_months", "station_id", "month", "CAST(date_trunc('month', day) AS date)"),
    ):
        sums = "sum(visits), sum(identified), sum(lines)"
        truth = rows(f"{LEFT} SELECT {owner}, {trunc}, {sums} FROM counted GROUP BY 1, 2")
        kept = rows(f"SELECT {owner}, {period}, visits, identified, lines FROM {table} WHERE visits + lines > 0")
        assert {tuple(row) for row in kept} == {tuple(row) for row in truth}, table
        assert truth


def check_first_ever() -> None:
    wrong = rows(
        """
        SELECT worker_id FROM visits WHERE worker_id IS NOT NULL GROUP BY 1
        HAVING count(*) FILTER (WHERE first_ever) <> 1 OR min(at) FILTER (WHERE first_ever) <> min(at)
        """
    )
    assert wrong == []
    assert one("SELECT count(*) FROM visits WHERE first_ever AND worker_id IS NULL") == 0


def check_repeated() -> None:
    """A line is repeated if the same person had the same service earlier that day and it was not taken back."""
    last: dict[tuple, date] = {}
    found = Counter()
    for line in rows(
        """
        SELECT v.worker_id, l.service, l.repeated, CAST(l.at AT TIME ZONE 'Asia/Shanghai' AS date) AS day,
               EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id) AS undone
        FROM visit_lines l JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at
        WHERE v.worker_id IS NOT NULL ORDER BY l.at, l.id
        """
    ):
        key = (line.worker_id, line.service)
        assert line.repeated == (last.get(key) == line.day), line
        found[line.repeated] += 1
        if not line.undone:
            last[key] = line.day
    assert found[True] > 5 and found[False] > 100


def check_latest() -> None:
    """The two tables the counter leans on say what the rows say."""
    wrong = rows(
        """
        SELECT r.* FROM recent_stays r WHERE r.visit_at <> (
            SELECT max(v.at) FROM visits v WHERE v.worker_id = r.worker_id AND v.station_id = r.station_id)
        OR r.last_at <> (SELECT max(l.at) FROM visit_lines l WHERE l.visit_id = r.visit_id)
        """
    )
    assert wrong == []
    stays = one("SELECT count(DISTINCT (worker_id, station_id)) FROM visits WHERE worker_id IS NOT NULL")
    assert one("SELECT count(*) FROM recent_stays") == stays
    latest = rows(
        """
        SELECT v.worker_id, l.service, max(l.at) FROM visit_lines l
        JOIN visits v ON v.id = l.visit_id AND v.at = l.visit_at AND v.worker_id IS NOT NULL
        WHERE NOT EXISTS (SELECT FROM visit_reversals r WHERE r.line_id = l.id) GROUP BY 1, 2
        """
    )
    kept = rows("SELECT worker_id, service, line_at FROM recent_services")
    assert {tuple(row) for row in kept} == {tuple(row) for row in latest}


def test_the_roll_ups_are_what_the_rows_say(demo):
    assert one("SELECT count(*) FROM visit_reversals") > 10
    check_roll_ups()


def test_the_first_visit_of_each_person_is_marked_once(demo):
    check_first_ever()


def test_repeats_and_latest_services_follow_the_rules_of_the_counter(demo):
    check_repeated()
    check_latest()


def test_every_visit_lies_in_a_month_of_its_own(demo):
    assert one("SELECT count(*) FROM visits") == demo.made["visits"] > 600
    assert one("SELECT count(*) FROM visits_default") == one("SELECT count(*) FROM visit_lines_default") == 0


def test_visits_reach_from_the_first_day_until_now(demo):
    first, last = database.session.execute(sa.text("SELECT min(at), max(at) FROM visits")).one()
    assert clock.business_day(first) == clock.today() - timedelta(days=SMALL.days - 1)
    assert clock.today() == clock.business_day(last)
    assert one("SELECT max(at) FROM visit_lines") <= clock.now()
    assert one("SELECT count(*) FROM visit_reversals WHERE at > :now", now=clock.now()) == 0


def test_ids_are_those_of_their_moment(demo):
    """Lists page by id where the time is equal, so both must run the same way."""
    assert (
        one(
            """
        SELECT count(*) FROM visit_lines WHERE get_byte(uuid_send(id), 6) >> 4 <> 7 OR
        ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint <> round(extract(epoch FROM at) * 1000)
        """
        )
        == 0
    )


def test_people_nobody_asked_have_one_line_and_no_name(demo):
    unknown, all_visits = one("SELECT count(*) FROM visits WHERE worker_id IS NULL"), one("SELECT count(*) FROM visits")
    assert 0.2 < unknown / all_visits < 0.4
    lines = "SELECT count(*) FROM visit_lines l JOIN visits v ON v.id = l.visit_id AND v.worker_id IS"
    assert one(f"{lines} NULL") == unknown
    assert one(f"{lines} NOT NULL WHERE l.service IN ('first_aid', 'counselling')") == 0


def test_doors_were_open_when_people_came(demo):
    """And what was given was offered there, by somebody who works in that county."""
    plan = {place.code: place for place in places.plan(SMALL.stations, demonstration.SEED, clock.today())}
    for visit in rows("SELECT v.at, s.code, s.status FROM visits v JOIN stations s ON s.id = v.station_id"):
        at = visit.at.astimezone(clock.SHANGHAI)
        assert plan[visit.code].is_open(at.weekday(), at.hour * 60 + at.minute)
        assert visit.status not in ("planned", "withdrawn")
    lines = "SELECT count(*) FROM visit_lines l JOIN stations s ON s.id = l.station_id"
    assert one(f"{lines} WHERE l.service <> ALL (s.services)") == 0
    at_work = """
        SELECT FROM appointments p JOIN union_reach r ON r.ancestor_id = p.union_id AND r.union_id = s.union_id
        WHERE p.account_id = l.by_account_id AND p.role = 'operator'
    """
    assert one(f"{lines} WHERE l.by_account_id IS NOT NULL AND NOT EXISTS ({at_work})") == 0
    assert one(f"{lines} WHERE l.by_account_id IS NOT NULL") > 500


def test_every_state_of_an_application_is_there(demo):
    status = Counter(row.status for row in rows("SELECT status FROM applications"))
    assert set(status) == {one.value for one in ApplicationStatus}
    outcomes = {row.outcome for row in rows("SELECT outcome FROM invitations")}
    assert {"applied", "offered"} <= outcomes
    in_city = one(
        """
        SELECT count(*) FROM applications a JOIN union_reach r ON r.union_id = a.union_id
        JOIN unions u ON u.id = r.ancestor_id AND u.code = '4101-X' WHERE a.status = 'submitted'
        """
    )
    assert in_city >= 3
    uninvited = one("SELECT count(*) FROM applications WHERE channel = 'public' AND invitation_id IS NULL")
    assert uninvited == one("SELECT count(*) FROM applications WHERE invitation_id IS NULL") >= 2


def test_members_have_a_number_and_the_visit_that_led_to_it(demo):
    members = rows(
        """
        SELECT m.worker_id, v.worker_id AS visitor, v.at, m.joined_at, a.status, a.decided_by, r.status AS record
        FROM memberships m LEFT JOIN visits v ON v.id = m.visit_id AND v.at = m.visit_at
        LEFT JOIN applications a ON a.id = m.application_id
        LEFT JOIN membership_records r ON r.membership_id = m.id AND r.ends_at IS NULL
        """
    )
    assert len(members) >= SMALL.members // 2
    for member in members:
        assert member.visitor == member.worker_id and member.at < member.joined_at <= clock.now()
        assert member.status == "approved" and member.decided_by is not None
        assert MembershipStatus(member.record)
    approved = one("SELECT count(*) FROM applications WHERE status = 'approved'")
    assert approved == len(members)


def test_the_trail_tells_the_story_of_some(demo):
    actions = Counter(row.action for row in rows("SELECT action FROM audit_entries"))
    assert actions["invitation.made"] >= 8 and actions["membership.admitted"] >= 1
    assert actions["station.added"] == SMALL.stations and actions["account.created"] >= 8
    assert actions[demonstration.MADE] == 1
    assert one("SELECT count(*) FROM messages WHERE status = 'waiting'") == 0, "nothing of this history goes to a phone"


def test_no_phone_and_no_document_stands_in_clear(demo):
    doors = places.plan(SMALL.stations, demonstration.SEED, clock.today())
    crowd = people.plan(SMALL.workers, demonstration.SEED, doors, clock.today() - timedelta(days=SMALL.days - 1), clock.today())
    secrets = {person.phone for person in crowd if person.phone} | {person.id_number for person in crowd}
    secrets |= {card.code for card in database.session.scalars(sa.select(people.WorkerCard)) if card.code}
    phones = {row.phone for row in database.session.scalars(sa.select(people.WorkerPhone))}
    secrets |= phones
    assert len(secrets) > 200
    for (table,) in rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"):
        for (row,) in rows(f"SELECT t::text FROM {table} t"):
            assert not [secret for secret in secrets if secret in row], table
    assert len(phones) > 50, "and yet they can be read with the keys"


# --- the accounts --------------------------------------------------------------------------------------------------


def entries(demo) -> dict[str, dict]:
    return {entry["name"]: entry for entry in json.loads((demo.instance / accounts.FILE).read_text(encoding="utf-8"))}


def test_the_file_names_somebody_for_every_role(demo):
    path = demo.instance / accounts.FILE
    assert path.stat().st_mode & 0o777 == 0o600
    found = entries(demo)
    assert {entry["role"] for entry in found.values()} == {role.value for role in Role} | {"worker"}
    for entry in found.values():
        assert {"role", "name", "password", "totp_secret", "first_address"} <= set(entry)
    staff = [entry for entry in found.values() if entry["role"] != "worker"]
    assert len({entry["password"] for entry in staff}) == len({entry["totp_secret"] for entry in staff}) == 8
    for entry in staff:
        assert len(entry["password"]) >= 20 and pyotp.TOTP(entry["totp_secret"]).now()
        stored = one("SELECT password_hash FROM accounts WHERE sign_in_name = :name", name=entry["name"])
        assert CHEAP.verify(stored, entry["password"])


def test_each_of_them_gets_in_and_begins_where_the_file_says(demo):
    for entry in entries(demo).values():
        client = demo.app.test_client()
        if entry["role"] == "worker":
            assert is_phone(entry["name"]) and entry["password"] is None and entry["totp_secret"] is None
            ident = one("SELECT worker_id FROM worker_phones WHERE phone_index = :index",
                        index=people.WorkerPhone.phone.lookup(entry["name"]))  # fmt: skip
            sign_in_quickly(client, SimpleNamespace(id=ident), kind="worker")
        else:
            ident = one("SELECT id FROM accounts WHERE sign_in_name = :name", name=entry["name"])
            sign_in_quickly(client, SimpleNamespace(id=ident))
        assert client.get(entry["first_address"]).status_code == 200, entry["role"]


def test_one_worker_joined_and_one_may_still_be_invited(demo):
    joined, guest = (entry for entry in entries(demo).values() if entry["role"] == "worker")
    of_phone = "SELECT count(*) FROM {} t JOIN worker_phones p USING (worker_id) WHERE p.phone_index = :index"
    member, asked = of_phone.format("memberships"), of_phone.format("invitations")
    lookup = people.WorkerPhone.phone.lookup
    assert (joined["joined"], one(member, index=lookup(joined["name"]))) == (True, 1)
    assert (guest["joined"], one(member, index=lookup(guest["name"]))) == (False, 0)
    assert one(asked, index=lookup(guest["name"])) == 0


# --- going on ------------------------------------------------------------------------------------------------------


def counts() -> dict[str, int]:
    tables = ("stations", "workers", "accounts", "applications", "memberships", "unions", "worker_cards")
    return {table: one(f"SELECT count(*) FROM {table}") for table in ("visits", "visit_lines", *tables)}


def test_again_at_once_adds_nothing(demo):
    before, known = counts(), entries(demo)
    assert demonstration.make_or_continue(demo.instance, SMALL)["visits"] == 0
    assert counts() == before
    assert entries(demo) == known, "passwords are kept"


def test_a_lost_file_is_made_anew_with_passwords_that_work(demo):
    (demo.instance / accounts.FILE).unlink()
    demonstration.make_or_continue(demo.instance, SMALL)
    test_the_file_names_somebody_for_every_role(demo)


def test_later_only_the_visits_since_are_added(demo):
    """In two steps, the second over midnight; a station that was shut meanwhile stays out."""
    before, seen = counts(), one("SELECT max(at) FROM visits")
    shut = one("SELECT station_id FROM visits GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    database.session.execute(sa.text("UPDATE stations SET status = 'suspended' WHERE id = :id"), {"id": shut})
    database.session.commit()
    for later in (NOON + timedelta(hours=3), NOON + timedelta(days=2)):
        with clock.stopped_at(later):
            assert demonstration.make_or_continue(demo.instance, SMALL)["visits"] > 0
            assert one("SELECT max(at) FROM visit_lines") <= later
    after = counts()
    assert after["visits"] > before["visits"] + 50
    assert {name: after[name] for name in before if not name.startswith("visit")} == {
        name: before[name] for name in before if not name.startswith("visit")
    }
    assert one("SELECT count(*) FROM visits WHERE station_id = :id AND at > :seen", id=shut, seen=seen) == 0
    check_roll_ups()
    check_first_ever()
    check_repeated()
    check_latest()
