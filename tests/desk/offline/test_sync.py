"""What a desk counted without network: each entry once, however often and by whomever it is sent."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from portal import clock
from portal.access import SYSTEM, By, Role
from portal.db import db as database
from portal.desk.offline import commands, rules
from portal.members.workers import commands as workers
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.stations import make_station
from tests.factories.unions import small_tree
from tests.factories.visits import assert_rolled_up
from tests.factories.workers import make_worker

NOON = datetime(2026, 8, 3, 4, 0, tzinfo=UTC)


@pytest.fixture
def world(app):
    tree = small_tree()
    station = make_station(union=tree.county)
    account = make_account(roles=[(Role.OPERATOR, tree.county)])
    worker = make_worker()
    by = By("staff", account.id)
    return SimpleNamespace(app=app, station=station, code=station.code, account=account, by=by, worker=worker)


def entry(number=1, *, at=NOON, offset=0, heads=1, service="other", occupation="courier", card=None):
    found = {"key": f"entry-{number:04}", "station": "x", "service": service, "occupation": occupation, "heads": heads,
             "at": int(at.timestamp() * 1000), "offset": offset}  # fmt: skip
    return found | ({"card": card} if card else {})


def take(world, one, now=NOON + timedelta(hours=1)):
    with clock.stopped_at(now):
        answer = commands.take(station=world.station, entry=one, by=world.by)
        database.session.commit()
    return answer.became


def listed() -> list[str]:
    database.session.rollback()
    return list(database.session.scalars(sa.text("SELECT kind FROM entry_discrepancies ORDER BY id")))


def count(table: str) -> int:
    database.session.rollback()
    return database.session.scalar(sa.text(f"SELECT count(*) FROM {table}"))


def client_of(world):
    client = world.app.test_client()
    sign_in_quickly(client, world.account)
    client.get(f"/desk/{world.code}/offline")
    client.token = client.get(f"/desk/{world.code}/offline/token").json["csrf_token"]
    return client


def sync(world, client, entries):
    return client.send(f"/desk/{world.code}/offline", {"entries": json.dumps(entries)})


# --- once ----------------------------------------------------------------------------------------------------------


def test_the_same_batch_ten_times_half_in_parallel_is_one(world):
    now = clock.now()
    batch = [entry(n, at=now - timedelta(minutes=n), heads=1 + n % 3) for n in range(1, 13)]
    heads = sum(one["heads"] for one in batch)
    clients = [client_of(world) for _ in range(6)]
    for _ in range(5):
        sync(world, clients[5], batch)
    start, answers = threading.Barrier(5), []

    def run(client) -> None:
        start.wait(30)
        answers.append(sync(world, client, batch).json["taken"])

    threads = [threading.Thread(target=run, args=(client,)) for client in clients[:5]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 5 and all(one["became"] == "before" for answer in answers for one in answer)
    assert (count("visits"), count("visit_lines"), count("offline_entries"), listed()) == (heads, heads, 12, [])
    assert_rolled_up()


def test_a_batch_first_sent_by_five_at_once_is_one(world):
    now = clock.now()
    batch = [entry(n, at=now - timedelta(minutes=n)) for n in range(1, 9)]
    clients = [client_of(world) for _ in range(5)]
    start, answers = threading.Barrier(5), []

    def run(client, entries) -> None:
        start.wait(30)
        answers.append(sync(world, client, entries).json["taken"])

    # Two of them in another order: entries are transactions of their own, so nobody waits crosswise.
    threads = [threading.Thread(target=run, args=(client, batch if n % 2 else batch[::-1])) for n, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(one["became"] for answer in answers for one in answer) == ["before"] * 32 + ["stored"] * 8
    assert (count("visits"), count("offline_entries")) == (8, 8)
    assert_rolled_up()


def test_without_the_key_every_sending_counts(world, monkeypatch):
    monkeypatch.setattr(commands, "_claim", lambda *_: True)
    for _ in range(3):
        take(world, entry())
    assert count("visits") == 3


def test_another_operator_may_send_what_the_first_could_not(world):
    assert take(world, entry()) == "stored"
    world.by = By("staff", make_account().id)
    assert take(world, entry(offset=5)) == "before"
    assert count("visits") == 1


def test_the_same_key_with_another_body_is_a_conflict_and_the_first_counts(world):
    assert take(world, entry(heads=2)) == "stored"
    assert [take(world, entry(heads=9)) for _ in range(3)] == ["conflict"] * 3
    assert count("visits") == 2 and listed() == ["key_reused"]


def test_an_entry_stays_as_it_came(world):
    take(world, entry())
    for statement in ("UPDATE offline_entries SET heads = 5", "DELETE FROM offline_entries"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            database.session.execute(sa.text(statement))
        database.session.rollback()


# --- clocks --------------------------------------------------------------------------------------------------------

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("at", "offset", "counted"),
    [
        (NOON, 0, NOON),
        (NOON - timedelta(hours=48), 0, NOON - timedelta(hours=48)),
        (NOON - timedelta(hours=48, milliseconds=1), 0, None),
        (NOON + timedelta(minutes=2), 0, NOON),
        (NOON + timedelta(minutes=2, milliseconds=1), 0, None),
        (NOON - timedelta(hours=5), 4 * HOUR, NOON - timedelta(hours=1)),  # a tablet four hours behind
        (NOON + timedelta(hours=30), -30 * HOUR, NOON),  # one thirty hours ahead
        (NOON - timedelta(hours=48), 48 * HOUR, NOON),
        (NOON, 48 * HOUR + 1, NOON),  # an offset that cannot be is not believed
        (datetime(1970, 1, 1, tzinfo=UTC), 0, None),
    ],
)
def test_the_time_that_counts(at, offset, counted):
    sent = rules.read(entry(at=at, offset=offset))
    assert rules.counted_at(sent, NOON) == counted


def test_a_wrong_clock_counts_on_arrival_and_both_times_are_kept(world):
    now = NOON + timedelta(hours=1)
    assert take(world, entry(at=NOON - timedelta(days=400)), now) == "conflict"
    row = database.session.execute(sa.text("SELECT * FROM offline_entries")).one()
    assert (row.device_at, row.at, row.recorded_at) == (NOON - timedelta(days=400), now, now)
    assert listed() == ["wrong_clock"]
    take(world, entry(2), now)
    row = database.session.execute(sa.text("SELECT * FROM offline_entries WHERE key = 'entry-0002'")).one()
    assert (row.device_at, row.at, row.recorded_at) == (NOON, NOON, now)
    visit = database.session.execute(sa.text("SELECT at, recorded_at, source FROM visits WHERE at = :n"), {"n": NOON}).one()
    assert (visit.recorded_at, visit.source) == (now, "offline")


def test_entries_of_a_sealed_day_keep_its_seals_true(world):
    from portal.stations.seals import commands as seals
    from portal.stations.seals.queries import list_broken_seals

    take(world, entry(1), NOON)
    next_day = NOON + timedelta(days=1)
    for step, one in enumerate((None, entry(2), entry(3))):
        with clock.stopped_at(next_day + timedelta(hours=step)):
            seals.seal_days(by=SYSTEM)
            database.session.commit()
        if one:
            take(world, one, next_day + timedelta(hours=step, minutes=1))
    assert list_broken_seals(clock.business_day(NOON), clock.business_day(NOON)) == []


# --- cards ---------------------------------------------------------------------------------------------------------


def test_a_card_counts_at_the_time_it_was_scanned(world):
    with clock.stopped_at(NOON):
        card = workers.issue_card(worker=world.worker, by=SYSTEM)
        code = card.code
        database.session.commit()
    assert take(world, entry(card=code)) == "stored"
    assert list(database.session.scalars(sa.text("SELECT worker_id FROM visits"))) == [world.worker.id]
    assert database.session.scalar(sa.text("SELECT with_card FROM offline_entries"))


def test_an_unknown_card_is_counted_without_a_name_and_listed(world):
    assert take(world, entry(card="W" + "2" * 20)) == "conflict"
    assert take(world, entry(card="W" + "2" * 20)) == "before"
    assert list(database.session.scalars(sa.text("SELECT worker_id FROM visits"))) == [None]
    assert listed() == ["unknown_card"]


def test_no_token_is_kept(world):
    with clock.stopped_at(NOON):
        code = workers.issue_card(worker=world.worker, by=SYSTEM).code
        database.session.commit()
    take(world, entry(card=code))
    for table in ("offline_entries", "entry_discrepancies", "audit_entries"):
        assert code not in str(database.session.execute(sa.text(f"SELECT * FROM {table}")).all())


# --- over HTTP -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [None, 1, [], "x", {}, {"key": "short"}, entry() | {"heads": 0}, entry() | {"heads": True}, entry() | {"service": "gold"},
     entry() | {"at": "now"}, entry() | {"at": 10**40}, entry() | {"heads": 2, "card": "W" + "2" * 20}, entry() | {"card": {}},
     {"key": "\0"}, {"key": "\ud800"}, entry(card="\ud800"), entry(card="\0")],
)  # fmt: skip
def test_what_cannot_be_read_is_listed_and_counts_nothing(world, broken):
    assert take(world, broken) == "unreadable"
    assert count("visits") == 0 and listed() == ["unreadable"]


def test_a_key_that_is_too_long_comes_back_whole_so_that_the_tablet_lets_it_go(world):
    taken = commands.take(station=world.station, entry=entry() | {"key": "k" * 200}, by=world.by)
    assert (taken.key, taken.became) == ("k" * 200, "unreadable")


def test_each_entry_that_cannot_be_read_is_listed_for_itself_and_once(world):
    for broken in ({"heads": 3}, {"heads": 4}, {"heads": 3}):
        assert take(world, broken) == "unreadable"
    assert listed() == ["unreadable", "unreadable"]


def test_a_clock_at_the_beginning_of_time_holds_nothing_up(world):
    assert take(world, entry() | {"at": -62_135_596_800_000, "offset": -3_600_000}) == "conflict"
    assert count("visits") == 1 and listed() == ["wrong_clock"]


@pytest.mark.parametrize("entries", ["", "{}", "[]", "[" * 20_000, json.dumps([entry()] * 201)])
def test_a_batch_that_cannot_be_read_stays_on_the_tablet(world, entries):
    client = client_of(world)
    answer = client.send(f"/desk/{world.code}/offline", {"entries": entries})
    assert answer.status_code == 400 and answer.json["says"]
    assert count("offline_entries") == 0


def test_a_full_batch_is_taken_and_one_more_is_not(world, monkeypatch):
    assert rules.MOST_ENTRIES == 200
    monkeypatch.setattr(rules, "MOST_ENTRIES", 30)
    now, client = clock.now(), client_of(world)
    assert sync(world, client, [entry(n, at=now) for n in range(31)]).status_code == 400
    answer = sync(world, client, [entry(n, at=now) for n in range(30)])
    assert answer.status_code == 200 and {one["became"] for one in answer.json["taken"]} == {"stored"}
    assert count("visits") == 30


def test_who_is_not_signed_in_is_told_and_outside_is_nothing(world):
    client = client_of(world)
    stranger = world.app.test_client()
    assert stranger.get(f"/desk/{world.code}/offline/token").status_code == 302
    foreign = make_station(union=small_foreign())
    assert client.get(f"/desk/{foreign.code}/offline/token").status_code == 404
    assert client.send(f"/desk/{foreign.code}/offline", {"entries": json.dumps([entry()])}).status_code == 404
    assert client.post(f"/desk/{world.code}/offline", data={"entries": "[]"}, inspect=False).status_code == 400
    assert count("offline_entries") == 0


def small_foreign():
    from portal.unions.tree.models import Union

    return database.session.scalars(sa.select(Union).where(Union.code == "410302")).one()


def test_the_page_that_is_kept_names_nobody(world):
    client = client_of(world)
    page = client.get(f"/desk/{world.code}/offline").text
    assert world.account.name not in page and "csrf" not in page
    script = client.get("/desk/offline-worker")
    assert script.mimetype == "text/javascript" and "worker-src 'self'" in script.headers["Content-Security-Policy"]


def test_a_station_of_anothers_key_is_anothers(world):
    assert take(world, entry()) == "stored"
    world.station = make_station(union=small_foreign())
    assert take(world, entry()) == "stored"


def test_the_page_says_that_programmes_wait_for_the_network_or_go_on_paper(world):
    client = client_of(world)
    client.set_cookie("language", "en")
    assert "What programmes give cannot be noted here" in client.get(f"/desk/{world.code}/offline").text
