"""Cards: the rotating code of a screen, printed ones, and what a scan without network may still find."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from portal import clock, crypto
from portal.access import SYSTEM, By, Role
from portal.members.workers import commands, queries, rules
from portal.members.workers.models import CardKind
from portal.vocabulary import IdType
from tests.factories.joining import make_member
from tests.factories.staff import make_account, sign_in_quickly
from tests.factories.unions import small_tree
from tests.factories.workers import make_worker

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # a half hour begins here
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ring(application):
    return crypto.ring()


def screen(at):
    with clock.stopped_at(at):
        return queries.find_card(screen.worker.id).code


@pytest.fixture
def worker(db):
    screen.worker = make_worker(card=True)
    return screen.worker


@pytest.mark.parametrize("seed", range(40))
def test_a_screen_s_code_counts_in_its_half_hour_and_the_next_only(ring, seed):
    chance = random.Random(seed)
    handle = "".join(chance.choices(rules.CARD_ALPHABET, k=rules.HANDLE))
    made = START + timedelta(seconds=chance.randrange(10**8))
    code = rules.screen_code(ring, handle, rules.screen_window(made))
    assert rules.is_card_code(code) and not rules.is_id_number(code) and not rules.is_phone(code)
    for step in range(-3, 5):
        read = made + step * rules.WINDOW
        assert rules.is_screen_code_of(ring, code, rules.good_windows(None, read)) is (step in (0, 1))
    sign = chance.randrange(1, 18)
    for other in set(rules.CARD_ALPHABET) - {code[sign]}:
        flipped = code[:sign] + other + code[sign + 1 :]
        assert not rules.is_screen_code_of(ring, flipped, rules.good_windows(None, made))


def test_no_code_looks_like_a_document_and_no_document_like_a_code():
    for number in ("R12345678", "RABCDEFGHJKLMNPQR", "RAB234567892345678", "11010519491231002X", "W12345678", "H1234567890"):
        assert not (rules.is_card_code(number) and rules.is_id_number(number))


def test_a_code_is_found_by_the_desk_s_one_field_however_it_is_read(db, worker):
    code = screen(START)
    with clock.stopped_at(START + 59 * MINUTE):
        for typed in (code, code.lower(), rules.in_groups(code), f"  {code}\r\n", "-".join([code[:9], code[9:]])):
            found = queries.find_by_key(typed)
            assert (found.kind, found.workers, found.card_kind) == ("card", (worker,), CardKind.SCREEN)
    with clock.stopped_at(START + 60 * MINUTE):
        assert queries.find_by_key(code).workers == ()
    with clock.stopped_at(START - MINUTE):
        assert queries.find_by_key(code).workers == ()


@pytest.mark.parametrize(
    ("skew", "ago", "found"),
    [
        (0, timedelta(hours=1), True), (0, timedelta(hours=47, minutes=59), True), (0, timedelta(hours=48, minutes=1), False),
        (29, timedelta(hours=5), True), (-29, timedelta(hours=5), True), (61, timedelta(hours=5), False),
        (-61, timedelta(hours=5), False), (0, timedelta(minutes=-29), True), (0, timedelta(minutes=-31), False),
    ],
)  # fmt: skip
def test_a_scan_without_network_counts_by_the_device_s_time_for_48_hours(db, worker, skew, ago, found):
    shown = START
    code, device = screen(shown), shown + skew * MINUTE
    with clock.stopped_at(device + ago):
        assert (queries.find_by_card(code, at=device) is not None) is found
        assert (queries.find_by_key(code, at=device).workers == (worker,)) is found


def test_what_was_scanned_before_the_card_was_lost_was_given(db):
    worker = make_worker()
    with clock.stopped_at(START):
        card = commands.issue_printed_card(worker=worker, by=SYSTEM)
    with clock.stopped_at(START + 60 * MINUTE):
        commands.revoke_printed(worker=worker, by=SYSTEM)
        db.session.commit()
    with clock.stopped_at(START + 120 * MINUTE):
        assert queries.find_by_card(card.code) is None
        assert queries.find_by_card(card.code, at=START + 30 * MINUTE).id == worker.id
        assert queries.find_by_card(card.code, at=START + 90 * MINUTE) is None


def test_a_printed_card_is_good_until_it_is_revoked_and_says_what_it_is(db):
    worker, clerk = make_worker(), make_account()
    first = commands.issue_printed_card(worker=worker, by=By("staff", clerk.id))
    second = commands.issue_printed_card(worker=worker, by=By("staff", clerk.id))
    assert len({first.code, second.code}) == 2 and all(len(card.code) == 21 for card in (first, second))
    assert queries.find_by_key(first.code).card_kind is CardKind.PRINTED
    third = commands.issue_printed_card(worker=worker, replace=True, by=By("staff", clerk.id))
    db.session.commit()
    assert [queries.find_by_card(card.code) is not None for card in (first, second, third)] == [False, False, True]
    assert [card.id for card in queries.list_cards(worker.id)] == [third.id, second.id, first.id]
    assert [card.id for card, _who in queries.list_issued(clerk.id, clock.now() - timedelta(hours=1))] == [third.id]
    assert commands.revoke_printed(worker=worker, by=SYSTEM) == 1 and commands.revoke_printed(worker=worker, by=SYSTEM) == 0


def test_the_screen_s_code_lies_nowhere(db, worker):
    code = queries.find_card(worker.id).code
    assert code[10:] not in "\n".join(db.session.scalars(queries.sa.text("SELECT worker_cards::text FROM worker_cards")))


# --- for officers (at the desk: tests/desk/cards) ------------------------------------------------------------------


@pytest.fixture
def tree(db):
    return small_tree()


def staff(app, role, union):
    client = app.test_client()
    sign_in_quickly(client, make_account([(role, union)]))
    return client


def test_an_officer_prints_and_ends_cards_of_members_in_scope(db, app, tree):
    member = make_member(make_worker(id_type=IdType.RESIDENT_ID))
    officer, foreign = staff(app, Role.OFFICER, tree.county), staff(app, Role.OFFICER, tree.foreign_county)
    address = f"/members/{member.number}/cards"
    assert address in officer.get(f"/members/{member.number}").text
    assert officer.send(address).location == "/workers/cards"
    code = queries.list_cards(member.worker_id)[0].code
    assert rules.in_groups(code) in officer.get("/workers/cards").text
    assert foreign.send(address).status_code == 404
    assert officer.send(address, {"do": "revoke"}).location == f"/members/{member.number}"
    assert queries.find_by_card(code) is None
    assert staff(app, Role.APPROVER, tree.county).send(address).status_code == 403
